"""What a call sends and hears."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reactivex import Observable, operators
from reactivex.subject import AsyncSubject

from jzrx.errors import CallError
from jzrx.ports import AudioSource, MediaSession, Playback

if TYPE_CHECKING:
    from jzrx.media.frames import AudioFrame

__all__ = ["CallAudio"]


class CallAudio:
    """The audio of one call: `call.audio`. To be used on the client's loop.

    A call has audio from `client.call()` or `call.answer()` on, until its end.
    """

    def __init__(self, session: Callable[[], MediaSession | None], opened: AsyncSubject[MediaSession]) -> None:
        self._session = session
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
        self._required("source").set_source(source)
        self._source = source

    def play(self, source: AudioSource) -> Playback:
        """Speak `source` over what the call sends; what plays at the same time is mixed, and clipped softly.

        `await playback.wait()` returns at its end, at `playback.stop()` and at the call's end. Raises CallError where
        the call has no audio: before `answer()`, and after the end.
        """
        return self._required("play").play(source)

    def _required(self, what: str) -> MediaSession:
        session = self._session()
        if session is None:
            raise CallError(f"audio.{what}: the call has no audio now; it has from answer() on, until its end")
        return session


def _heard(session: MediaSession) -> Observable[Any]:
    return session.incoming
