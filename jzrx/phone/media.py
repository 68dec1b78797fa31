"""The media of the calls of one connection: performs what the SIP agent wants of it, and hands the results back."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, assert_never

from attrs import define, field
from reactivex import Observable
from reactivex.subject import AsyncSubject, Subject

from jzrx.events import CallEvent
from jzrx.ports import MediaConfig, MediaEngine, MediaError, MediaSession
from jzrx.sip.machine import AnswerReceived, AnswerWanted, MediaReleased, OfferRefused, OfferWanted

__all__ = ["CallMedia", "Descriptions", "MediaOutput"]

MediaOutput = OfferWanted | AnswerWanted | AnswerReceived | OfferRefused | MediaReleased
"""What the agent may want of the media."""

_log = logging.getLogger("jzrx.media")


class Descriptions(Protocol):
    """Where the results go: the part of the SIP engine that the media needs."""

    def description_made(self, call_id: str, ref: int, sdp: str) -> None: ...
    def description_failed(
        self, call_id: str, ref: int, code: int, message: str, warning: str | None = None
    ) -> None: ...


@define(eq=False)
class _Media:
    """The media of one call. `turn` keeps what is done with it in order."""

    session: MediaSession
    turn: asyncio.Lock = field(factory=asyncio.Lock)
    tasks: set["asyncio.Task[None]"] = field(factory=set["asyncio.Task[None]"])


class CallMedia:
    """The media sessions of all calls of one connection. Everything here is called on the client's loop."""

    def __init__(self, engine: Callable[[], MediaEngine], clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock
        self._events = Subject[CallEvent]()
        self._calls: dict[str, _Media] = {}
        self._opened: dict[str, AsyncSubject[MediaSession]] = {}
        self._muted: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.results: Descriptions | None = None

    @property
    def events(self) -> Observable[CallEvent]:
        """What happens in the media of all calls."""
        return self._events

    def open(self, call_id: str, config: MediaConfig) -> None:
        """Make the session of a call. Raises ValueError for what the media engine cannot do."""
        session = self._engine().session(call_id, config, self._events.on_next, self._clock)
        session.set_muted(call_id in self._muted)
        self._calls[call_id] = _Media(session)
        opened = self.opened(call_id)
        opened.on_next(session)
        opened.on_completed()

    def opened(self, call_id: str) -> AsyncSubject[MediaSession]:
        """The session of the call, as soon as there is one; completes without one if the call ends before."""
        return self._opened.setdefault(call_id, AsyncSubject[MediaSession]())

    def session(self, call_id: str) -> MediaSession | None:
        """The session of the call, if there is one now."""
        media = self._calls.get(call_id)
        return None if media is None else media.session

    def is_muted(self, call_id: str) -> bool:
        """Whether the call sends silence, now or when it has a session."""
        return call_id in self._muted

    def set_muted(self, call_id: str, muted: bool) -> bool:
        """Mute the call, now and when it has a session; whether that changes anything."""
        if muted == (call_id in self._muted):
            return False
        (self._muted.add if muted else self._muted.remove)(call_id)
        session = self.session(call_id)
        if session is not None:
            session.set_muted(muted)
        return True

    def perform(self, output: MediaOutput) -> None:
        """Begin what the agent wants; the result comes back to it later, unless the call has ended by then."""
        if isinstance(output, MediaReleased):
            self.release(output.call_id)
            return
        media = self._calls.get(output.call_id)
        if media is not None:
            task = asyncio.get_running_loop().create_task(self._in_turn(media, output))
            media.tasks.add(task)
            task.add_done_callback(media.tasks.discard)

    def release(self, call_id: str) -> None:
        """The call is over: close its session, whatever it is doing."""
        self._opened.pop(call_id, AsyncSubject[MediaSession]()).on_completed()
        self._muted.discard(call_id)
        media = self._calls.pop(call_id, None)
        if media is not None:
            for task in media.tasks:
                task.cancel()
            self.spawn(_guarded(media.session.close()))

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run `coroutine` as a task that `close` waits for."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Release all calls, and return when nothing is left of them."""
        for call_id in list(self._calls):
            self.release(call_id)
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _in_turn(self, media: _Media, output: OfferWanted | AnswerWanted | AnswerReceived | OfferRefused) -> None:
        async with media.turn:
            try:
                sdp = await _describe(media.session, output)
            except MediaError as error:
                self._failed(output, error.code, error.message, error.warning)
            except Exception:
                # Not what it was to do: there are keys in it.
                _log.exception("the media of call %s failed: %s", output.call_id, type(output).__name__)
                self._failed(output, 500, "Internal media error", None)
            else:
                if sdp is not None and self.results is not None and not isinstance(output, OfferRefused):
                    self.results.description_made(output.call_id, output.ref, sdp)

    def _failed(
        self,
        output: OfferWanted | AnswerWanted | AnswerReceived | OfferRefused,
        code: int,
        message: str,
        warning: str | None,
    ) -> None:
        if self.results is not None and not isinstance(output, OfferRefused):
            self.results.description_failed(output.call_id, output.ref, code, message, warning)


async def _describe(
    session: MediaSession, output: OfferWanted | AnswerWanted | AnswerReceived | OfferRefused
) -> str | None:
    match output:
        case OfferWanted(held=held, restart=restart):
            return await session.create_offer(held=held, restart=restart)
        case AnswerWanted(offer=offer, held=held):
            return await session.create_answer(offer, held=held)
        case AnswerReceived(answer=answer, provisional=provisional):
            await session.set_answer(answer, provisional=provisional)
            return None
        case OfferRefused():
            await session.rollback()
            return None
    assert_never(output)


async def _guarded(coroutine: Coroutine[Any, Any, None]) -> None:
    try:
        await coroutine
    except Exception:
        _log.exception("closing a media session failed")
