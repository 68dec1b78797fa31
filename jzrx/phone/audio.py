"""What a call sends and hears."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reactivex import Observable, operators
from reactivex.subject import AsyncSubject

from jzrx.action import Deferred
from jzrx.checks import is_source
from jzrx.errors import CallError
from jzrx.ports import AudioSource, MediaSession, Playback

if TYPE_CHECKING:
    from jzrx.media.frames import AudioFrame

__all__ = ["CallAudio"]

_log = logging.getLogger("jzrx.media")


class CallAudio:
    """The audio of one call: `call.audio`.

    What is asked before the call has audio (it has from `client.call()` or `call.answer()` on) begins when it has.
    """

    def __init__(
        self,
        session: Callable[[], MediaSession | None],
        opened: AsyncSubject[MediaSession],
        is_over: Callable[[], bool],
        bind: Callable[[AudioSource], AudioSource],
    ) -> None:
        self._session = session
        self._opened = opened
        self._is_over = is_over
        self._bind = bind
        self._source: AudioSource | None = None
        self._incoming = opened.pipe(operators.flat_map(_heard))

    @property
    def incoming(self) -> "Observable[AudioFrame]":
        """What is heard, after playout: one frame each 20 ms without gaps, hot, on the client's loop.

        From the first media (early media too) to the end of the call, then it completes. While nothing arrives the
        frames are silence, and say so (`concealed`).
        """
        return self._incoming

    @property
    def source(self) -> AudioSource | None:
        """What `source = ...` has set: sent instead of what the call began with; None is silence."""
        return self._source

    @source.setter
    def source(self, source: AudioSource | None) -> None:
        if source is not None:
            _check(source, "source")
        session = self._now("source")
        self._source = source
        if session is not None:
            session.set_source(self._sent)
        else:
            self._opened.subscribe(lambda opened: opened.set_source(self._sent))

    def play(self, source: AudioSource) -> Playback:
        """Speak `source` over what the call sends; what plays at the same time is mixed, and clipped softly.

        `await playback.wait()` returns at its end, at `playback.stop()` and at the call's end. CallError if that has
        come already, ValueError if `source` is none.
        """
        _check(source, "play()")
        session = self._now("play()")
        source = self._bind(source)
        return _LaterPlayback(self._opened, source) if session is None else session.play(source)

    @property
    def _sent(self) -> AudioSource | None:
        return None if self._source is None else self._bind(self._source)

    def _now(self, what: str) -> MediaSession | None:
        if self._is_over():
            raise CallError(f"audio.{what}: the call has ended")
        return self._session()

    def __repr__(self) -> str:
        if self._is_over():
            return "<CallAudio over>"
        return "<CallAudio not begun>" if self._session() is None else "<CallAudio on>"


class _LaterPlayback:
    """A playback that begins when the call has audio."""

    def __init__(self, opened: AsyncSubject[MediaSession], source: AudioSource) -> None:
        self._source = source
        self._playback: Playback | None = None
        self._begun = Deferred[None]()  # or stopped before it could
        opened.subscribe(self._begin, on_completed=self.stop_waiting)

    def stop_waiting(self) -> None:
        """It will not begin any more, if it has not."""
        self._begun.resolve(None)

    def stop(self) -> None:
        """End it now; done already: nothing happens."""
        self.stop_waiting()
        if self._playback is not None:
            self._playback.stop()

    async def wait(self) -> None:
        """Return at the source's end, at `stop()` and at the call's end."""
        await self._begun.action
        if self._playback is not None:
            await self._playback.wait()

    def __repr__(self) -> str:
        return (
            repr(self._playback) if self._playback else f"<Playback {'over' if self._begun.action.done else 'pending'}>"
        )

    def _begin(self, session: MediaSession) -> None:
        if not self._begun.action.done:
            try:
                self._playback = session.play(self._source)
                self._begun.resolve(None)
            except Exception as error:  # such as a single-use source that was used: `wait` raises it
                _log.warning("audio.play() failed: %s", error)
                self._begun.reject(error)


def _check(source: object, what: str) -> None:
    if not is_source(source):
        raise ValueError(f"audio.{what} takes an audio source (jzrx.media.tone(), wav(path), ...), not {source!r}")


def _heard(session: MediaSession) -> Observable[Any]:
    return session.incoming
