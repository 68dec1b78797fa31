"""One end of the calls that are measured, in a process of its own: `endpoint.py KIND CODEC CALLS offer|answer OPTIONS`.

It talks JSON, a line each: lists of descriptions out and in, then "up", then, at a line of ours, what some seconds have
used. Options: `single` (a description at a time), `sink` (what is heard goes to a sink, not to the application's loop),
`watch` (for frames that are late), `switch` (a switch interval of 1 ms), and what the application does meanwhile:
`compute` (in a thread, pure Python) or `block` (its loop, for 200 ms at a time).
"""

import asyncio
import json
import resource
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, cast

sys.path.insert(0, str(Path(__file__).parents[2]))

import aioice.ice
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from av import AudioFrame

from jzrx.events import CallEvent
from jzrx.media import pcm
from jzrx.media.engine import MediaEngine
from jzrx.ports import MediaConfig
from tests.media.speech import speech

SETTLE = 1.5  # s
MEASURE = 3.0  # s
LATE = 0.04  # s, since the frame before


class Call(Protocol):
    """One call's end. `heard` counts its frames."""

    heard: list[int]
    late: int

    async def offer(self) -> str: ...
    async def answer(self, offer: str) -> str: ...
    async def answered(self, answer: str) -> None: ...
    async def ready(self) -> None: ...
    async def close(self) -> None: ...


class Jzrx:
    """A session of `jzrx.media`, whose frames are consumed on the application's loop."""

    def __init__(self, codec: str, sound: bytes, rate: int) -> None:
        self.heard = [0]
        self.late = 0
        self._rate = rate
        self._last = time.perf_counter()
        config = MediaConfig(loopback=True, preferred_codecs=(codec,), source=pcm(sound, rate))
        events: list[CallEvent] = []
        self._session = MediaEngine.shared().session("call", config, events.append, time.monotonic)

    def listen(self) -> None:
        """Consume what is heard on the application's loop."""
        self._session.incoming.subscribe(self._hear)

    def sink(self) -> None:
        """Consume it on the media thread, at the codec's own rate, as a file or a bridge does."""
        self._session.add_sink(self._take, self._rate)

    def _take(self, sound: bytes, concealed: bool) -> None:
        self.heard[0] += not concealed

    def watch(self) -> None:
        """Count the frames that are late."""
        self._session.add_sink(self._time, self._rate)

    def _time(self, sound: bytes, concealed: bool) -> None:
        last, self._last = self._last, time.perf_counter()
        self.late += self._last - last > LATE

    def _hear(self, frame: Any) -> None:
        self.heard[0] += not frame.concealed

    async def offer(self) -> str:
        return await self._session.create_offer()

    async def answer(self, offer: str) -> str:
        return await self._session.create_answer(offer)

    async def answered(self, answer: str) -> None:
        await self._session.set_answer(answer)

    async def ready(self) -> None:
        await self._session.ready()

    async def close(self) -> None:
        await self._session.close()


class _Track(MediaStreamTrack):
    """20 ms of a sound each 20 ms, again and again, as aiortc's own tracks are made."""

    kind = "audio"

    def __init__(self, sound: bytes, rate: int) -> None:
        super().__init__()
        self._samples = np.frombuffer(sound, "<i2")
        self._rate = rate
        self._size = rate // 50
        self._number = 0
        self._start: float | None = None

    async def recv(self) -> AudioFrame:
        if self._start is None:
            self._start = time.time()
        wait = self._start + self._number * 0.02 - time.time()
        if wait > 0:
            await asyncio.sleep(wait)
        begin = self._number * self._size % (len(self._samples) - self._size)
        frame = AudioFrame.from_ndarray(
            self._samples[begin : begin + self._size].reshape(1, -1), format="s16", layout="mono"
        )
        frame.sample_rate = self._rate
        frame.pts = self._number * self._size
        frame.time_base = Fraction(1, self._rate)
        self._number += 1
        return frame


class Aiortc:
    """A stock RTCPeerConnection with one audio track each way."""

    late = 0

    def __init__(self, codec: str, sound: bytes, rate: int) -> None:
        self.heard = [0]
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._codec = codec
        self._track = _Track(sound, rate)
        self._up = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._peer.on("track", self._listen)
        self._peer.on("connectionstatechange", self._changed)

    def _changed(self) -> None:
        if self._peer.connectionState == "connected":
            self._up.set()

    def _listen(self, track: MediaStreamTrack) -> None:
        self._tasks.add(asyncio.ensure_future(self._hear(track)))

    async def _hear(self, track: MediaStreamTrack) -> None:
        while True:
            await cast("Any", track).recv()
            self.heard[0] += 1

    def _prefer(self) -> None:
        codecs = [each for each in RTCRtpSender.getCapabilities("audio").codecs if self._codec in each.mimeType]
        for transceiver in self._peer.getTransceivers():
            transceiver.setCodecPreferences(codecs)

    async def offer(self) -> str:
        self._peer.addTrack(self._track)
        self._prefer()
        await self._peer.setLocalDescription(await self._peer.createOffer())
        return self._peer.localDescription.sdp

    async def answer(self, offer: str) -> str:
        await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        self._peer.addTrack(self._track)
        self._prefer()
        await self._peer.setLocalDescription(await self._peer.createAnswer())
        return self._peer.localDescription.sdp

    async def answered(self, answer: str) -> None:
        await self._peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def ready(self) -> None:
        await self._up.wait()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._peer.close()


KINDS: dict[str, Callable[[str, bytes, int], Call]] = {"jzrx": Jzrx, "aiortc": Aiortc}


def use_loopback() -> None:
    """aioice leaves loopback out; here there may be nothing else."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


def cpu() -> float:
    """The seconds of CPU that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def compute() -> None:
    """Pure Python, for ever."""
    while True:
        sum(range(1000))


async def wait(seconds: float, *, block: bool) -> None:
    """Let time pass; `block`: the loop is blocked but for moments."""
    end = time.monotonic() + seconds
    while block and time.monotonic() < end:
        time.sleep(0.2)  # noqa: ASYNC251 - that is the point
        await asyncio.sleep(0)
    await asyncio.sleep(max(0.0, end - time.monotonic()))


def say(what: object) -> None:
    print(json.dumps(what), flush=True)


async def listen() -> Any:
    return json.loads(await asyncio.to_thread(sys.stdin.readline))


async def main(kind: str, codec: str, count: int, part: str, *options: str) -> None:
    use_loopback()
    if "switch" in options:
        sys.setswitchinterval(0.001)  # as MediaEngine(switch_interval=0.001) does
    rate = 48000 if codec == "opus" else 8000
    sound = speech(20, rate)
    calls = [KINDS[kind](codec, sound, rate) for _ in range(count)]
    for call in calls:
        if isinstance(call, Jzrx):
            (call.sink if "sink" in options else call.listen)()
            if "watch" in options:
                call.watch()
    if part == "offer":
        say([await call.offer() for call in calls])
        answers = await listen()
        await asyncio.gather(*(call.answered(answer) for call, answer in zip(calls, answers, strict=True)))
    else:
        waiting = iter(calls)
        for _ in calls if "single" in options else (None,):
            say([await next(waiting).answer(offer) for offer in await listen()])
    async with asyncio.timeout(20):
        await asyncio.gather(*(call.ready() for call in calls))
    say("up")
    await listen()
    if "compute" in options:
        threading.Thread(target=compute, daemon=True).start()
    await asyncio.sleep(SETTLE)
    heard, used, began = sum(call.heard[0] for call in calls), cpu(), time.monotonic()
    late = sum(call.late for call in calls)
    await wait(MEASURE, block="block" in options)
    seconds = time.monotonic() - began
    share = (cpu() - used) / seconds
    frames = (sum(call.heard[0] for call in calls) - heard) / (seconds * 50 * count)
    lateness = (sum(call.late for call in calls) - late) / (seconds * 50 * count)
    say({"cpu": share / count, "heard": frames, "late": lateness})
    await listen()
    await asyncio.gather(*(call.close() for call in calls))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:]))
