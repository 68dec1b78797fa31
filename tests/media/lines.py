"""One direction of a call in virtual time: an encoder, a bad network, and whatever plays out at the other end."""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from typing import Protocol

from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket as AiortcPacket
from attrs import define, field

from jzrx.media.codecs import make_decoder, make_encoder
from jzrx.media.playout import Playout
from jzrx.media.rtp import pack_header, parse_rtp
from jzrx.media.sdp import Codec
from jzrx.testing.impair import BadPath, Impairment

PHASE = 0.007  # s, from when a packet is sent to when a frame is played, less its way


@define
class VirtualTime:
    """A clock and the timers on it."""

    now: float = 0.0
    timers: list[tuple[float, int, Callable[[], object]]] = field(factory=list[tuple[float, int, Callable[[], object]]])
    numbers: "itertools.count[int]" = field(factory=itertools.count)

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, function: Callable[[], object]) -> None:
        heapq.heappush(self.timers, (self.now + delay, next(self.numbers), function))

    def run_until(self, end: float) -> None:
        while self.timers and self.timers[0][0] <= end:
            self.now, _, function = heapq.heappop(self.timers)
            function()
        self.now = end


class Ear(Protocol):
    """Hears packets; plays 20 ms a tick."""

    def push(self, data: bytes) -> None: ...
    def read(self) -> tuple[bytes, bool]: ...


class Ours:
    """jzrx's playout."""

    def __init__(self, codec: Codec, rate: int) -> None:
        self.playout = Playout([codec])
        assert self.playout.rate == rate

    def push(self, data: bytes) -> None:
        self.playout.push(parse_rtp(data))

    def read(self) -> tuple[bytes, bool]:
        return self.playout.read()


class Silencing(Ours):
    """jzrx's playout with silence in place of what it conceals."""

    def read(self) -> tuple[bytes, bool]:
        sound, concealed = super().read()
        return (bytes(len(sound)) if concealed else sound), concealed


class Stock:
    """What aiortc does: its jitter buffer as its receiver sets it up, and the next decoded frame each tick, if any."""

    def __init__(self, codec: Codec, rate: int) -> None:
        self._buffer = JitterBuffer(capacity=16, prefetch=4)
        self._decoder = make_decoder(codec)
        self._frames: deque[bytes] = deque()
        self._silence = bytes(rate // 50 * 2)
        assert self._decoder.rate == rate

    def push(self, data: bytes) -> None:
        packet = AiortcPacket.parse(data)
        packet._data = packet.payload  # type: ignore[attr-defined]  # its receiver depayloads audio so
        _, frame = self._buffer.add(packet)
        if frame is not None:
            self._frames.append(self._decoder.decode(frame.data))

    def read(self) -> tuple[bytes, bool]:
        return (self._frames.popleft(), False) if self._frames else (self._silence, True)


@define
class Heard:
    """What came out: a frame a tick, and whether it was made up; and the path."""

    frames: list[bytes]
    concealed: list[bool]
    path: BadPath

    @property
    def sound(self) -> bytes:
        return b"".join(self.frames)

    def played(self, start: int = 0) -> float:
        """The fraction of ticks in which something was played, real or concealed."""
        return sum(map(any, self.frames[start:])) / len(self.frames[start:])


def talk(codec: Codec, sound: bytes, impairment: Impairment, ear: Ear, drift: float = 0.0) -> Heard:
    """Send `sound` (at the codec's rate) in packets of 20 ms, by a clock that is `drift` too fast."""
    time = VirtualTime()
    path = BadPath(impairment, ear.push, now=time.time, call_later=time.call_later)
    encoder = make_encoder(codec)
    size = encoder.rate // 50 * 2
    frames: list[bytes] = []
    concealed: list[bool] = []
    for number in range(len(sound) // size):
        data = pack_header(codec.payload_type, number & 0xFFFF, number * encoder.timestamp_step, 77, marker=not number)
        data += encoder.encode(sound[number * size : (number + 1) * size])
        time.call_later(number * 0.02 / (1 + drift), lambda data=data: path.send(data))
    for tick in range(len(sound) // size):
        time.run_until(tick * 0.02 + PHASE)
        frame, made_up = ear.read()
        frames.append(frame)
        concealed.append(made_up)
    return Heard(frames, concealed, path)
