"""What shares a socket goes to whom it is for, and the time of a check is that of its datagrams."""

import asyncio
import socket
import time
from typing import Any

import pytest
from aioice import stun

from jzrx.media.demux import demultiplex
from jzrx.media.loop import MediaLoop


class Receiver:
    def __init__(self) -> None:
        self.media: list[tuple[bytes, str]] = []
        self.round_trip_time: float | None = None
        self.answers = 0
        self.is_welcome = False

    def on_media(self, data: bytes, kind: str) -> None:
        self.media.append((data, kind))

    def handshake_received(self, protocol: Any, address: tuple[str, int]) -> bool:
        assert len(address) == 2
        return self.is_welcome


class Below(asyncio.DatagramProtocol):
    """What `demultiplex` asks of aioice's protocol."""

    def __init__(self) -> None:
        self.receiver = Receiver()
        self.got: list[bytes] = []
        self.answered = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.got.append(data)
        self.answered.set()
        if data[-1:] == b"!":
            raise KeyError("an attribute")

    async def request(self, *arguments: Any) -> Any:
        await self.answered.wait()
        return arguments


def demultiplexed() -> Any:
    protocol: Any = Below()
    demultiplex(protocol)
    return protocol


STUN, DTLS, RTP, RTCP = b"\0\1", b"\x16\xfe", b"\x80\0", b"\x80\xc8"
SENDER = ("::1", 4000, 0, 0)  # of IPv6


async def test_each_goes_to_whom_it_is_for() -> None:
    protocol = demultiplexed()
    for data in (STUN, DTLS, RTP, RTCP, b"", b"x", b"\xff\xff", STUN + b"!"):
        protocol.datagram_received(data, SENDER)
    assert protocol.got == [STUN, STUN + b"!"], "no handshake of a stranger's, and what makes aioice raise is dropped"
    assert protocol.receiver.media == [(RTP, "rtp"), (RTCP, "rtcp")]
    protocol.receiver.is_welcome = True
    protocol.datagram_received(DTLS, SENDER)
    assert protocol.got[-1] == DTLS


def test_a_round_trip_ends_when_the_kernel_has_the_answer() -> None:
    async def main() -> None:
        protocol = demultiplexed()
        loop: Any = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: protocol, local_addr=("127.0.0.1", 0))
        asking = asyncio.create_task(protocol.request("question"))
        await asyncio.sleep(0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.sendto(STUN, protocol.transport.get_extra_info("sockname"))
        time.sleep(0.1)  # noqa: ASYNC251 - the thread has other things to do
        assert await asking == ("question",)
        receiver = protocol.receiver
        assert receiver.answers == 1
        if loop.datagrams.notes_arrivals:
            assert 0 <= receiver.round_trip_time < 0.09
        protocol.transport.close()

    with asyncio.Runner(loop_factory=MediaLoop) as runner:
        runner.run(main())


async def test_a_check_that_was_repeated_tells_no_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stun, "RETRY_RTO", 0.0)
    protocol = demultiplexed()
    asking = asyncio.create_task(protocol.request())
    protocol.datagram_received(STUN, SENDER)
    await asking
    assert (protocol.receiver.answers, protocol.receiver.round_trip_time) == (1, None)
