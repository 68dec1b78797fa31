"""Sound from iterators and from an application's own sources: user code that runs beside the media thread and feeds it
through a buffer."""

import asyncio
import contextlib
import logging
import threading
from array import array
from collections.abc import AsyncIterable, Callable, Iterator
from typing import Any, Protocol, cast

from jzrx.media.resample import Resampler
from jzrx.ports import AudioReader, AudioSource

__all__ = ["AsyncFeed", "Int16Array", "Sound", "ThreadFeed", "readable", "sound_of"]

_log = logging.getLogger("jzrx.media")

_USED = "pcm: this iterator was used already, and can be used once: make another source."
_AHEAD = 1.0  # s, for iterators: what they make may come in fits
_READER_AHEAD = 0.1  # s, for readers: what they read may be live, and is so much later


class Int16Array(Protocol):
    """An array of int16: numpy's, with one dimension, or array("h"). (numpy itself is optional.)"""

    def tobytes(self) -> bytes:
        """Its elements in memory."""
        ...


Sound = bytes | bytearray | memoryview | Int16Array
"""int16 mono samples; bytes are s16le."""


def sound_of(item: object, *, whole: bool = True) -> bytes:
    """int16 mono samples as s16le bytes. `whole`: bytes must be full samples. ValueError says what else it is."""
    match item:
        case bytes() | bytearray() | memoryview():
            data = bytes(cast(bytes, item))
            if whole and len(data) % 2:
                raise ValueError(f"pcm: {len(data)} bytes are no 16-bit samples: give two bytes for each.")
            return data
        case array() if item.typecode == "h":
            return item.tobytes()
        case _ if hasattr(item, "dtype") and hasattr(item, "astype"):
            samples = cast(Any, item)
            if samples.dtype.kind != "i" or samples.dtype.itemsize != 2:
                raise ValueError(
                    f"pcm: the samples are {samples.dtype}, not int16: convert them, as in .astype('int16')."
                )
            if samples.ndim != 1:
                raise ValueError(f"pcm: the samples have the shape {samples.shape}; mono has one dimension.")
            return cast(bytes, samples.astype("<i2").tobytes())
        case _:
            raise ValueError(f"pcm: cannot take {type(item).__name__} for int16 samples: give a numpy array or bytes.")


class _Buffer:
    """The reader's end of a feed: filled by user code's thread or loop, emptied by the media thread."""

    def __init__(self, source_rate: int, rate: int, ahead: float = _AHEAD) -> None:
        self.underruns = 0
        """Frames of silence sent because nothing was there, since the first sound."""
        self._size = rate // 50 * 2
        self._ahead = int(ahead * rate) * 2
        self._resampler = Resampler(source_rate, rate)
        self._sound = bytearray()
        self._odd = b""
        self._started = self._ended = self.closed = False
        self._changed = threading.Condition()

    def read(self) -> bytes | None:
        """The next 20 ms; silence when it is not there yet; None at the end."""
        with self._changed:
            if len(self._sound) >= self._size:
                self._started = True
                return self._take()
            if self._ended:
                return self._take().ljust(self._size, b"\0") if self._sound else None
            self.underruns += self._started
        return bytes(self._size)

    def put(self, item: Any) -> None:
        """Add an item; ValueError if it is no sound. Bytes may be cut anywhere, as a network stream's are."""
        data = self._odd + sound_of(item, whole=False)
        whole = len(data) // 2 * 2
        self._odd = data[whole:]
        sound = self._resampler.convert(data[:whole])
        with self._changed:
            self._sound += sound

    def end(self) -> None:
        """Nothing more will come."""
        rest = self._resampler.flush()
        with self._changed:
            self._sound += rest
            self._ended = True

    @property
    def is_full(self) -> bool:
        """Whether enough is read ahead."""
        return len(self._sound) >= self._ahead

    def wait_for_room(self) -> bool:
        """Block the feeding thread until more is wanted; False: never again."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or not self.is_full)
            return not self.closed

    def close(self) -> None:
        """Nobody reads any more."""
        with self._changed:
            self.closed = self._ended = True
            self._sound.clear()
            self._changed.notify_all()
        if self.underruns:
            _log.info("An audio source did not keep up: %d frames of 20 ms were silent.", self.underruns)

    def _take(self) -> bytes:
        frame = bytes(self._sound[: self._size])
        del self._sound[: self._size]
        self._changed.notify_all()
        return frame


class _Feed:
    """A source that can be used once."""

    is_immediate = True

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._loop: asyncio.AbstractEventLoop | None = None
        self._claimed = self._opened = False

    @property
    def is_used(self) -> bool:
        """There is nothing left of it for anybody else."""
        return self._claimed or self._opened

    def claim(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take it for its one use, by a client on `loop`."""
        if self.is_used:
            raise ValueError(_USED)
        self._claimed = True
        self._loop = loop

    def _use(self) -> None:
        if self._opened:
            raise ValueError(_USED)
        self._opened = True


class ThreadFeed(_Feed):
    """A plain iterator, read on a worker thread of its own."""

    def __init__(self, items: Iterator[Any], rate: int) -> None:
        super().__init__(rate)
        self._items = items

    def open(self, rate: int) -> AudioReader:
        """Start the thread."""
        self._use()
        return _fed(_Buffer(self._rate, rate), self._items)


def _fed(buffer: _Buffer, items: Iterator[Any]) -> AudioReader:
    """`buffer`, which a worker thread fills with `items` from now on."""

    def run() -> None:
        try:
            for item in items:
                buffer.put(item)
                if not buffer.wait_for_room():
                    break
        except Exception:
            _log.exception("An audio source failed; it ends here.")
        finally:
            buffer.end()
            close = getattr(items, "close", None)
            if close:
                try:
                    close()
                except Exception:
                    _log.exception("An audio source failed to close.")

    try:
        threading.Thread(target=run, name="jzrx-source", daemon=True).start()
    except RuntimeError:
        if threading.main_thread().is_alive():
            raise
        buffer.end()  # the interpreter exits, and begins no thread any more (from Python 3.12 on)
    return buffer


def readable(source: AudioSource) -> AudioSource:
    """`source` as the media thread may open and read it: as it is if it is one of ours (`is_immediate`)."""
    return source if getattr(source, "is_immediate", False) else _ReadAhead(source)


class _ReadAhead:
    """An application's own source: a worker thread opens, reads and closes it."""

    def __init__(self, source: AudioSource) -> None:
        self._source = source

    def open(self, rate: int) -> AudioReader:
        """Start the thread."""
        return _fed(_Buffer(rate, rate, _READER_AHEAD), self._frames(rate))

    def _frames(self, rate: int) -> Iterator[bytes]:
        reader = self._source.open(rate)
        try:
            while (frame := reader.read()) is not None:
                yield frame
        finally:
            reader.close()


class AsyncFeed(_Feed):
    """An async iterator, read on the client's loop."""

    def __init__(self, items: AsyncIterable[Any], rate: int) -> None:
        super().__init__(rate)
        self._items = items

    def open(self, rate: int) -> AudioReader:
        """Start reading on the loop that claimed the source, else on the running one."""
        self._use()
        reader = _AsyncBuffer(self._rate, rate, self._loop or asyncio.get_running_loop())
        reader.start(self._items)
        return reader


class _AsyncBuffer(_Buffer):
    def __init__(self, source_rate: int, rate: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(source_rate, rate)
        self._loop = loop
        self._task: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._waiting = False

    def read(self) -> bytes | None:
        """The next 20 ms; silence when it is not there yet; None at the end."""
        frame = super().read()
        if self._waiting and not self.is_full:
            self._waiting = False
            self._on_loop(self._room.set)
        return frame

    def start(self, items: AsyncIterable[Any]) -> None:
        """Read `items` on the loop."""
        self._on_loop(self._start, items)

    def close(self) -> None:
        """Nobody reads any more."""
        super().close()
        self._on_loop(self._cancel)

    def _on_loop(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed, and its tasks with it
            self._ended = True

    def _start(self, items: AsyncIterable[Any]) -> None:
        if not self.closed:
            self._task = self._loop.create_task(self._run(items), name="jzrx-source")

    def _cancel(self) -> None:
        if self._task:
            self._task.cancel()

    async def _run(self, items: AsyncIterable[Any]) -> None:
        try:
            async for item in items:
                self.put(item)
                if self.is_full:
                    self._room.clear()
                    self._waiting = True
                    await self._room.wait()
        except Exception:
            _log.exception("An audio source failed; it ends here.")
        finally:
            self.end()
            close = cast(Any, getattr(items, "aclose", None))
            if close:
                with contextlib.suppress(Exception):
                    await close()
