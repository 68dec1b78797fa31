"""Sound between sampling rates, and between our bytes (s16le mono) and PyAV's frames."""

from typing import Any, cast

from av import AudioFrame, AudioResampler, Packet
from av.audio.codeccontext import AudioCodecContext
from av.error import FFmpegError

from jzrx.media.swresample import Swresample, library

__all__ = ["Framer", "Resampler", "decoded", "encoded", "from_frame", "to_frame"]


def to_frame(pcm: bytes, rate: int, time: int = 0) -> AudioFrame:
    """A PyAV frame of s16le mono `pcm`; `time` is its place in samples."""
    frame = AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
    frame.planes[0].update(pcm)
    frame.sample_rate = rate
    frame.pts = time
    return frame


def from_frame(frame: AudioFrame) -> bytes:
    """The s16le mono sound of a PyAV frame of that format."""
    return bytes(frame.planes[0])[: 2 * frame.samples]


def encoded(codec: AudioCodecContext, pcm: bytes, rate: int, time: int) -> bytes:
    """The payload that PyAV's `codec` makes of `pcm`; see `to_frame`."""
    packets = cast(list[Any], codec.encode(to_frame(pcm, rate, time)))  # pyright: ignore[reportUnknownMemberType]
    return b"".join(map(bytes, packets))


def decoded(codec: AudioCodecContext, payload: bytes) -> list[AudioFrame]:
    """The frames that PyAV's `codec` makes of a payload: none of an empty or damaged one."""
    try:
        return codec.decode(Packet(payload)) if payload else []  # pyright: ignore[reportUnknownMemberType]
    except FFmpegError:
        return []


class Resampler:
    """Turns sound at `source` Hz into sound at `target` Hz, piece by piece, without seams."""

    def __init__(self, source: int, target: int) -> None:
        self._resampler = _Copy() if source == target else _best(source, target)

    def convert(self, pcm: bytes) -> bytes:
        """The sound that is complete so far: at times a little less or more than `pcm` lasts."""
        return self._resampler.convert(pcm) if pcm else pcm

    def flush(self) -> bytes:
        """What is left at the end."""
        return self._resampler.flush()


def _best(source: int, target: int) -> "Swresample | _Graph":
    functions = library()
    return Swresample(functions, source, target) if functions else _Graph(source, target)


class _Copy:
    """Between two rates that are one."""

    def convert(self, pcm: bytes) -> bytes:
        return pcm

    def flush(self) -> bytes:
        return b""


class _Graph:
    """PyAV's resampler."""

    def __init__(self, source: int, target: int) -> None:
        self._source = source
        self._time = 0
        self._resampler = AudioResampler(format="s16", layout="mono", rate=target)

    def convert(self, pcm: bytes) -> bytes:
        frame = to_frame(pcm, self._source, self._time)
        self._time += frame.samples
        return b"".join(map(from_frame, self._resampler.resample(frame)))

    def flush(self) -> bytes:
        return b"".join(map(from_frame, self._resampler.resample(None))) if self._time else b""


class Framer:
    """Sound at one rate, in frames of 20 ms, as frames of 20 ms at another."""

    def __init__(self, source: int, target: int) -> None:
        self._resampler = Resampler(source, target)
        self._size = target // 50 * 2
        self._ready = b""

    def convert(self, sound: bytes) -> bytes:
        """Some samples later than they came in: as many as the filter is long."""
        self._ready += self._resampler.convert(sound)
        self._ready = bytes(max(0, self._size - len(self._ready))) + self._ready
        frame, self._ready = self._ready[: self._size], self._ready[self._size :]
        return frame
