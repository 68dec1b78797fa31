"""What a call can send: tones, silence, WAV files and samples, all as recipes (`jzrx.ports.AudioSource`).

A reader gives 20 ms of s16le mono sound at a time and None at the end; it never blocks.
"""

import logging
from array import array
from asyncio import AbstractEventLoop
from collections.abc import AsyncIterable, Iterable, Iterator
from functools import lru_cache
from math import pi, sin
from os import PathLike, fspath
from pathlib import Path
from typing import Protocol, runtime_checkable

import av
from attrs import field, frozen
from av.container import InputContainer
from av.error import FFmpegError

from jzrx.media.feeds import AsyncFeed, Sound, ThreadFeed, sound_of
from jzrx.media.resample import Resampler, from_frame
from jzrx.ports import AudioReader, AudioSource

__all__ = ["claim", "pcm", "silence", "tone", "wav"]

_log = logging.getLogger("jzrx.media")


def tone(hz: float = 440, level: float = 0.25) -> AudioSource:
    """An endless sine of `hz`; `level` is its peak, 0.0 to 1.0 of full scale. ValueError for anything else."""
    if not isinstance(hz, int | float) or not 0 < hz <= 24000:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"tone: hz={hz!r} is no frequency; give one between 0 and 24000 Hz.")
    if not isinstance(level, int | float) or not 0 <= level <= 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"tone: level={level!r} is no level; give one between 0.0 and 1.0.")
    return _Tone(hz, level)


def silence() -> AudioSource:
    """Endless silence."""
    return _Silence()


def wav(path: str | PathLike[str], loop: bool = False) -> AudioSource:
    """A WAV file of any rate, format and number of channels (mixed to mono); `loop` repeats it for ever.

    ValueError if there is no such file, or it is no WAV file.
    """
    name = fspath(path)
    if not Path(name).is_file():
        raise ValueError(f"wav: there is no regular file {name!r}.")
    try:
        with _container(name) as container:
            readable = bool(container.streams.audio)
    except (FFmpegError, OSError) as error:
        raise ValueError(f"wav: {name!r} is not a WAV file ({error.strerror}).") from error
    if not readable:
        raise ValueError(f"wav: {name!r} has no audio in it.")
    return _Wav(name, loop)


def pcm(samples: Sound | Iterable[Sound] | AsyncIterable[Sound], rate: int) -> AudioSource:
    """Samples at `rate` Hz: int16 mono, as a numpy array, bytes (s16le), or an iterator or async iterator of either.

    An iterator is read up to 1 s ahead on a thread of its own, an async one on the client's loop; when it does not keep
    up, silence is sent. It can be used once: a second use raises ValueError. Everything else can be used again and
    again. ValueError for anything else; a wrong item later on ends the source, with a line in the log.
    """
    if rate not in range(1000, 384001):
        raise ValueError(f"pcm: rate={rate!r} is no sampling rate; give one between 1000 and 384000 Hz.")
    rate = int(rate)
    if isinstance(samples, AsyncIterable):
        return AsyncFeed(samples, rate)
    if isinstance(samples, Iterator):
        return ThreadFeed(samples, rate)
    if isinstance(samples, list | tuple):
        return _Samples(b"".join(map(sound_of, samples)), rate)
    return _Samples(sound_of(samples), rate)


@runtime_checkable
class _Claimable(Protocol):
    def claim(self, loop: AbstractEventLoop) -> None: ...


def claim(source: AudioSource, loop: AbstractEventLoop) -> None:
    """Take a source for one use by a client on `loop`, before the media thread opens it.

    Raises ValueError at the second use of a single-use source.
    """
    if isinstance(source, _Claimable):
        source.claim(loop)


class _Ours:
    """A source whose readers never block and run no code of the application: the media thread reads them itself."""

    is_immediate = True


@frozen
class _Silence(_Ours):
    def open(self, rate: int) -> AudioReader:
        return _Pulled(_for_ever(bytes(rate // 50 * 2)), rate)


@frozen
class _Tone(_Ours):
    hz: float
    level: float

    def open(self, rate: int) -> AudioReader:
        if self.hz >= rate / 2:
            return _Pulled(_for_ever(bytes(rate // 50 * 2)), rate)  # beyond what the rate can carry
        return _Pulled(self._frames(rate), rate)

    def _frames(self, rate: int) -> Iterator[bytes]:
        # After how many frames the sine is where it began: 50 for whole Hz, so that all calls share a few frames.
        cycle = next((n for n in range(1, 51) if (self.hz * n / 50).is_integer()), None)
        index = 0
        while True:
            yield _tone_frame(self.hz, self.level, rate, index)
            index = (index + 1) % cycle if cycle else index + 1


@lru_cache(maxsize=512)
def _tone_frame(hz: float, level: float, rate: int, index: int) -> bytes:
    start, count = index * (rate // 50), rate // 50
    step, peak = 2 * pi * hz / rate, level * 32767
    return array("h", [round(peak * sin(step * i)) for i in range(start, start + count)]).tobytes()


@frozen
class _Samples(_Ours):
    data: bytes = field(repr=lambda data: f"<{len(data)} bytes>")
    rate: int

    def open(self, rate: int) -> AudioReader:
        if self.rate == rate:
            return _Pulled(self._pieces(), rate)
        return _Pulled(_resampled(self._pieces(), self.rate, rate), rate)

    def _pieces(self) -> Iterator[bytes]:
        size = self.rate // 50 * 2
        return (self.data[start : start + size] for start in range(0, len(self.data), size))


@frozen
class _Wav(_Ours):
    path: str
    loop: bool

    def open(self, rate: int) -> AudioReader:
        return _Pulled(self._pieces(rate), rate)

    def _pieces(self, rate: int) -> Iterator[bytes]:
        heard = True
        with _container(self.path) as container:
            while heard:
                heard = False
                resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
                for frame in container.decode(audio=0):
                    for mono in resampler.resample(frame):
                        heard = True
                        yield from_frame(mono)
                if heard:
                    yield from map(from_frame, resampler.resample(None))
                if not self.loop:
                    return
                container.seek(0)


def _container(path: str) -> InputContainer:
    # A WAV file's header says all; looking through its sound for more would take 10 ms, on the media thread.
    return av.open(path, format="wav", options={"probesize": "32", "analyzeduration": "0"})


def _for_ever(frame: bytes) -> Iterator[bytes]:
    while True:
        yield frame


def _resampled(pieces: Iterable[bytes], source: int, target: int) -> Iterator[bytes]:
    resampler = Resampler(source, target)
    for piece in pieces:
        yield resampler.convert(piece)
    yield resampler.flush()


class _Pulled:
    """Cuts pieces of sound, made when they are needed, into frames."""

    def __init__(self, pieces: Iterator[bytes], rate: int) -> None:
        self._pieces = pieces
        self._size = rate // 50 * 2
        self._rest = b""

    def read(self) -> bytes | None:
        """The next 20 ms, the last of them filled up with silence; None at the end."""
        sound = self._rest
        while len(sound) < self._size:
            try:
                piece = next(self._pieces, None)
            except (FFmpegError, OSError) as error:
                _log.warning("A source ends early: %s", error)
                piece = None
            if piece is None:
                self._rest = b""
                return sound.ljust(self._size, b"\0") if sound else None
            sound = sound + piece if sound else piece
        frame, self._rest = (sound, b"") if len(sound) == self._size else (sound[: self._size], sound[self._size :])
        return frame

    def close(self) -> None:
        """Close the file, if there is one."""
        self._pieces = iter(())
        self._rest = b""
