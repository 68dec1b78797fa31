"""A telephone without WebRTC: plain RTP with PCMU, a tone out and ears, as FreeSWITCH is behind jambonz's SBC.

DTMF it only understands (RFC 4733).
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from jzrx.media import tone
from jzrx.media.codecs import make_decoder, make_encoder
from jzrx.media.measure import dominant_tone, level
from jzrx.media.rtp import pack_header, parse_rtp
from jzrx.media.sdp import STATIC_CODECS

RATE = 8000
EVENTS = 101  # the payload type of telephone-event
PCMU = STATIC_CODECS[0]


class PlainPeer(asyncio.DatagramProtocol):
    """It sends from its first `connect` on, where the last one says, and answers every description alike."""

    def __init__(self, hz: float) -> None:
        self._reader = tone(hz).open(RATE)
        self._encoder, self._decoder = make_encoder(PCMU), make_decoder(PCMU)
        self._transport: asyncio.DatagramTransport | None = None
        self._remote: tuple[str, int] | None = None
        self._sends = True
        self._session_id = secrets.randbits(31)
        self._version = 0
        self._count = 0
        self._tone_started: int | None = None  # its RTP timestamp
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.dtmf: asyncio.Queue[str] = asyncio.Queue()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not 192 <= data[1] <= 223:  # RTCP
            packet = parse_rtp(data)
            if packet.payload_type == PCMU.payload_type:
                self.heard.put_nowait(self._decoder.decode(packet.payload))
            elif packet.payload_type == EVENTS and packet.timestamp != self._tone_started:
                # All packets of a tone have the timestamp of its start (RFC 4733 section 2.2).
                self._tone_started = packet.timestamp
                self.dtmf.put_nowait("0123456789*#ABCD"[packet.payload[0]])

    def describe(
        self, direction: Literal["sendrecv", "sendonly", "recvonly", "inactive"] = "sendrecv", address: str = ""
    ) -> str:
        """What it offers or answers; it sends only where `direction` lets it."""
        assert self._transport is not None
        self._version += 1
        self._sends = direction in ("sendrecv", "sendonly") and not address
        port = self._transport.get_extra_info("sockname")[1]
        lines = [
            "v=0",
            f"o=FreeSWITCH {self._session_id} {self._version} IN IP4 127.0.0.1",
            "s=FreeSWITCH",
            f"c=IN IP4 {address or '127.0.0.1'}",
            "t=0 0",
            f"m=audio {port} RTP/AVP 0 {EVENTS}",
            "a=rtpmap:0 PCMU/8000",
            f"a=rtpmap:{EVENTS} telephone-event/8000",
            f"a={direction}",
            "a=ptime:20",
        ]
        return "".join(f"{line}\r\n" for line in lines)

    def connect(self, sdp: str) -> None:
        """Send to where the other side's description says."""
        address, port = (
            re.search(r"^c=IN IP4 (\S+)", sdp, re.MULTILINE),
            re.search(r"^m=audio (\d+) RTP/AVP .*\b0\b", sdp, re.MULTILINE),
        )
        assert address is not None, sdp
        assert port is not None, sdp
        self._remote = (address[1], int(port[1]))

    async def send(self) -> None:
        """Send a packet each 20 ms for ever."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            payload = self._encoder.encode(self._reader.read() or b"")
            if self._remote is not None and self._sends and self._transport is not None:
                self._count += 1
                header = pack_header(0, self._count & 0xFFFF, self._count * 160, 0x1234)
                self._transport.sendto(header + payload, self._remote)
            due += 0.02
            await asyncio.sleep(due - loop.time())

    async def hears(self, hz: float | None, *, within: float = 5.0) -> None:
        """Wait until a fifth of a second is nothing but that tone, as loud as `jzrx.media.tone` makes it; or silence.

        Silence has to be sent: no packets at all are none.
        """
        while not self.heard.empty():
            self.heard.get_nowait()
        sound = b""
        try:
            async with asyncio.timeout(within):
                while True:
                    sound = b"".join([await self.heard.get() for _ in range(10)])
                    found, peak = dominant_tone(sound, RATE)
                    if level(sound) < 0.002 if hz is None else abs(found - hz) < 0.01 * hz and 0.2 < peak < 0.3:
                        return
        except TimeoutError:
            raise AssertionError(f"heard {dominant_tone(sound, RATE)}, level {level(sound):.4f}; not {hz} Hz") from None


@asynccontextmanager
async def plain_peer(hz: float) -> AsyncIterator[PlainPeer]:
    """One that lives for the block."""
    transport, peer = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: PlainPeer(hz), local_addr=("127.0.0.1", 0)
    )
    sending = asyncio.create_task(peer.send())
    try:
        yield peer
    finally:
        sending.cancel()
        transport.close()
