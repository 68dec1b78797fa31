"""Sound between sampling rates, and between our bytes (s16le mono) and PyAV's frames."""

from av import AudioFrame, AudioResampler

__all__ = ["Framer", "Resampler", "from_frame", "to_frame"]


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


class Resampler:
    """Turns sound at `source` Hz into sound at `target` Hz, piece by piece, without seams."""

    def __init__(self, source: int, target: int) -> None:
        self._source = source
        self._target = target
        self._time = 0
        self._resampler = AudioResampler(format="s16", layout="mono", rate=target)

    def convert(self, pcm: bytes) -> bytes:
        """The sound that is complete so far: at times a little less or more than `pcm` lasts."""
        if self._source == self._target or not pcm:
            return pcm
        frame = to_frame(pcm, self._source, self._time)
        self._time += frame.samples
        return b"".join(map(from_frame, self._resampler.resample(frame)))

    def flush(self) -> bytes:
        """What is left at the end."""
        if self._source == self._target or not self._time:
            return b""
        return b"".join(map(from_frame, self._resampler.resample(None)))


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
