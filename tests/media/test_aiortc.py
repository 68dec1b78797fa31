"""Calls with somebody else's WebRTC: a stock aiortc RTCPeerConnection, offering and answering."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from typing import Any

import aioice.ice
import av
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from jzrx.media.measure import dominant_tone
from jzrx.media.sources import tone
from tests.media.parties import Party

Make = Callable[..., Party]


class ToneTrack(MediaStreamTrack):
    """A tone of ours, at aiortc's pace."""

    kind = "audio"

    def __init__(self, hz: float) -> None:
        super().__init__()
        self._reader = tone(hz).open(48000)
        self._start: float | None = None
        self._time = 0

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        self._start = self._start or loop.time()
        await asyncio.sleep(self._start + self._time / 48000 - loop.time())
        frame = av.AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update(self._reader.read() or b"")
        frame.sample_rate, frame.pts, frame.time_base = 48000, self._time, Fraction(1, 48000)
        self._time += 960
        return frame


class Stock:
    """A peer connection that sends a tone and can tell which one it hears."""

    def __init__(self, codec: str) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.addTrack(ToneTrack(1000))
        kinds = RTCRtpSender.getCapabilities("audio").codecs
        self.connection.getTransceivers()[0].setCodecPreferences(
            [k for k in kinds if codec.lower() in k.mimeType.lower()]
        )
        self.track: asyncio.Future[MediaStreamTrack] = asyncio.get_running_loop().create_future()
        self.connection.on("track", self.track.set_result)

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def answer(self, offer: str) -> str:
        await self.connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return self.connection.localDescription.sdp

    async def hears(self, hz: float | None) -> None:
        track = await self.track
        resampler, sound = av.AudioResampler("s16", "mono", 48000), b""
        async with asyncio.timeout(8):
            while True:
                frame: Any = await track.recv()
                sound += b"".join(bytes(each.planes[0])[: 2 * each.samples] for each in resampler.resample(frame))
                if len(sound) >= 19200:
                    found, peak = dominant_tone(sound, 48000)
                    if (hz is None and peak < 0.002) or (hz is not None and abs(found - hz) < 0.01 * hz and peak > 0.2):
                        return
                    sound = b""


@contextlib.asynccontextmanager
async def stock(codec: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stock]:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    peer = Stock(codec)
    try:
        yield peer
    finally:
        await peer.connection.close()
        await asyncio.sleep(0)


@pytest.mark.parametrize("codec", ["opus", "PCMU"])
@pytest.mark.parametrize("we_offer", [True, False], ids=["we offer", "it offers"])
async def test_a_call_with_stock_aiortc(
    party: Make, codec: str, we_offer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # aiortc makes stereo for Opus out of our mono, at 3 dB less.
    peak = 0.177 if codec == "opus" else 0.25
    async with stock(codec, monkeypatch) as bob:
        alice = party(tone(440), preferred_codecs=(codec,))
        if we_offer:
            await alice.session.set_answer(await bob.answer(await alice.session.create_offer()))
        else:
            await bob.accept(await alice.session.create_answer(await bob.offer()))
        await alice.session.ready()
        await asyncio.gather(alice.hears(1000, peak=peak), bob.hears(440))
        stats = await alice.session.stats()
        assert stats is not None
        assert stats.codec == codec

        # hold and unhold by us, on the same connection
        await alice.session.set_answer(await bob.answer(await alice.session.create_offer(held=True)))
        await asyncio.gather(alice.hears(None), bob.hears(None))
        await alice.session.set_answer(await bob.answer(await alice.session.create_offer()))
        await asyncio.gather(alice.hears(1000, peak=peak), bob.hears(440))
