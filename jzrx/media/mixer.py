"""What a call sends: its source and whatever plays over it, or silence. Lives on the media thread."""

import logging
from array import array
from collections.abc import Callable
from math import tanh
from operator import add

from attrs import define

from jzrx.ports import AudioReader

__all__ = ["Mixer", "Play", "mix"]

_log = logging.getLogger("jzrx.media")

_FADE = 0.005  # s: short enough to sound immediate, long enough not to click
_KNEE = 26000
_HEADROOM = 32767 - _KNEE


@define(eq=False)
class Play:
    """One sound that plays over the source; `on_end` is called once, when it ended, was stopped or cut off."""

    reader: AudioReader
    on_end: Callable[[], None]
    is_stopping: bool = False


class Mixer:
    """Reads 20 ms at a time, for ever, at `rate` Hz; whatever its readers do, `read` gives a frame.

    What ends goes on as silence. While one sound alone plays its bytes pass untouched.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.muted = False
        """Everything is silenced, plays included; they go on unheard."""
        self._was_muted = False
        self._silence = bytes(rate // 50 * 2)
        self._ramp = [(i + 0.5) / int(rate * _FADE) for i in range(int(rate * _FADE))]
        self._source: AudioReader | None = None
        self._leaving: AudioReader | None = None  # the source before, for one more frame
        self._plays: list[Play] = []

    @property
    def is_live(self) -> bool:
        """The source is a microphone, which is never quite silent."""
        return getattr(self._source, "is_live", False)

    def set_source(self, reader: AudioReader | None) -> None:
        """Replace what is sent underneath; None is silence. The mixer closes readers."""
        if self._leaving:
            _close(self._leaving)
        self._leaving, self._source = self._source, reader

    def play(self, reader: AudioReader, on_end: Callable[[], None]) -> Play:
        """Mix a sound over the source."""
        play = Play(reader, on_end)
        self._plays.append(play)
        return play

    def stop(self, play: Play) -> None:
        """Fade a sound out within the next frame; one that ended already stays as it is."""
        play.is_stopping = True

    def read(self) -> bytes:
        """The next 20 ms."""
        if not (self._plays or self._leaving or self.muted or self._was_muted):
            return self._read_source() or self._silence
        frames = [frame for frame in (self._read_source(), *map(self._read_play, tuple(self._plays))) if frame]
        frame = frames[0] if len(frames) == 1 else mix(frames) if frames else self._silence
        if self.muted:
            frame = self._silence if self._was_muted else self._fade_out(frame)
        elif self._was_muted:
            frame = self._fade_in(frame)
        self._was_muted = self.muted
        return frame

    def close(self) -> None:
        """Close all readers and end all plays."""
        self.set_source(None)
        self.set_source(None)
        for play in tuple(self._plays):
            self._end(play)

    def _read_source(self) -> bytes | None:
        frame = _pull(self._source) if self._source else None
        if self._source and frame is None:
            _close(self._source)
            self._source = None
        if self._leaving is None:
            return frame
        last = _pull(self._leaving)
        _close(self._leaving)
        self._leaving = None
        frames = [self._fade_out(last)] if last else []
        frames += [self._fade_in(frame)] if frame else []
        return mix(frames) if frames else None

    def _read_play(self, play: Play) -> bytes | None:
        frame = _pull(play.reader)
        if frame is None or play.is_stopping:
            self._end(play)
        return self._fade_out(frame) if frame and play.is_stopping else frame

    def _end(self, play: Play) -> None:
        self._plays.remove(play)
        _close(play.reader)
        play.on_end()

    def _fade_in(self, frame: bytes) -> bytes:
        samples = array("h", frame)
        for i, factor in enumerate(self._ramp):
            samples[i] = int(samples[i] * factor)
        return samples.tobytes()

    def _fade_out(self, frame: bytes) -> bytes:
        samples = array("h", frame)[: len(self._ramp)]
        for i, factor in enumerate(reversed(self._ramp)):
            samples[i] = int(samples[i] * factor)
        return samples.tobytes().ljust(len(frame), b"\0")


def mix(frames: list[bytes]) -> bytes:
    """The sum of frames, clipped softly: straight up to 80 % of full scale, bent above."""
    sums = array("h", frames[0]).tolist()
    for frame in frames[1:]:
        sums = list(map(add, sums, array("h", frame)))
    if max(sums) > _KNEE or min(sums) < -_KNEE:
        sums = [value if -_KNEE <= value <= _KNEE else _bend(value) for value in sums]
    return array("h", sums).tobytes()


def _bend(value: int) -> int:
    bent = _KNEE + _HEADROOM * tanh((abs(value) - _KNEE) / _HEADROOM)
    return int(bent) if value > 0 else -int(bent)


def _pull(reader: AudioReader) -> bytes | None:
    """A reader's next frame; one that fails has ended, and hurts nothing else."""
    try:
        return reader.read()
    except Exception:
        _log.exception("An audio source failed; it ends here.")
        return None


def _close(reader: AudioReader) -> None:
    try:
        reader.close()
    except Exception:
        _log.exception("An audio source failed to close.")
