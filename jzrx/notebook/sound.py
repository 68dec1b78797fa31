"""The browser's microphone and speaker: calls send what is said there, and are heard there.

The sound crosses by the widget's own channel, so that the kernel may be remote. It comes in bursts, by another clock
than ours: what would make the delay grow is left out.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from reactivex.abc import DisposableBase
from reactivex.disposable import CompositeDisposable, SerialDisposable

from jzrx import AudioFrame, JambonzCall
from jzrx.media import pcm
from jzrx.ui.model import PhoneModel

__all__ = ["BrowserSound"]

RATE = 48000  # Hz, both ways: s16le, mono
BYTES_A_SECOND = RATE * 2
BATCH = 2
"""Frames of 20 ms that go to the page at once."""
MOST_AHEAD = 0.2
"""Seconds of sound that may wait to be sent."""


class BrowserSound:
    """Between `start` and `stop` all calls of the phone use the page. `play` hands sound to it."""

    def __init__(self, model: PhoneModel, play: Callable[[bytes], None]) -> None:
        self._model = model
        self._play = play
        self._lines: dict[str, _Line] = {}
        self._subscriptions: DisposableBase | None = None

    def start(self) -> None:
        """Use it from now on, also in the calls that there are."""
        if self._subscriptions is None:
            listening = SerialDisposable()

            def listen(call: JambonzCall | None) -> None:
                listening.disposable = _Batches(self._play).of(call)

            self._subscriptions = CompositeDisposable(
                listening,
                self._model.calls.calls.subscribe(self._speak_in),
                self._model.calls.current.subscribe(listen),
            )

    def stop(self) -> None:
        """The calls send silence, and are not played there any more."""
        subscriptions, self._subscriptions = self._subscriptions, None
        if subscriptions is not None:
            subscriptions.dispose()
            self._lines.clear()
            for call in self._model.calls.calls.value:
                if call.can.hangup:
                    call.audio.source = None

    def spoken(self, sound: bytes) -> None:
        """The page's microphone heard this; from any thread."""
        for line in tuple(self._lines.values()):
            line.put(sound)

    def _speak_in(self, calls: tuple[JambonzCall, ...]) -> None:
        for call in calls:
            if call.id not in self._lines and call.can.hangup:
                line = self._lines[call.id] = _Line()
                call.audio.source = pcm(line.sound(), RATE)
        living = {call.id for call in calls}
        self._lines = {call_id: line for call_id, line in self._lines.items() if call_id in living}


class _Line:
    """The way of the microphone into one call."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()

    def put(self, sound: bytes) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._queue.put_nowait, sound)

    async def sound(self) -> AsyncIterator[bytes]:
        """What comes, but what would wait too long."""
        self._loop = asyncio.get_running_loop()
        heard_until = self._loop.time()  # when what was handed on so far has been sent
        while True:
            sound = await self._queue.get()
            now = self._loop.time()
            heard_until = max(heard_until, now)
            if heard_until - now <= MOST_AHEAD:
                heard_until += len(sound) / BYTES_A_SECOND
                yield sound


class _Batches:
    """What a call hears, a few frames at once."""

    def __init__(self, play: Callable[[bytes], None]) -> None:
        self._play = play
        self._frames: list[bytes] = []

    def of(self, call: JambonzCall | None) -> DisposableBase:
        """Play this call, until the result is disposed."""
        return CompositeDisposable() if call is None else call.audio.incoming.subscribe(self._take)

    def _take(self, frame: AudioFrame) -> None:
        self._frames.append(frame.data)
        if len(self._frames) >= BATCH:
            self._play(b"".join(self._frames))
            self._frames.clear()
