"""One connection of a client: from `connect()` until nothing of it runs any more."""

import asyncio
import contextlib
import itertools
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import reactivex
from attrs import field, frozen
from reactivex import Observable
from reactivex.abc import SchedulerBase
from reactivex.subject import Subject

from jzrx import errors
from jzrx.action import Action, Deferred
from jzrx.commands import Command, Connect, Disconnect, RestartIce
from jzrx.errors import JambonzError
from jzrx.events import (
    CallEnded,
    CallReleased,
    ConnectFailed,
    ConnectStarted,
    Disconnected,
    Event,
    RegistrationFailed,
)
from jzrx.incoming import IncomingCall
from jzrx.options import JambonzClientOptions
from jzrx.phone.background import is_any_running_here, is_running_here
from jzrx.phone.deadline import MediaDeadline
from jzrx.phone.media import CallMedia
from jzrx.phone.recovery import MediaRecovery
from jzrx.ports import MediaEngine
from jzrx.sip.config import AgentConfig, make_contact
from jzrx.sip.engine import Engine, LoopScheduler, RandomIds, Transport
from jzrx.sip.machine import Ids, Settle
from jzrx.sip.transport import WebSocketTransport
from jzrx.store import CallSnapshot
from jzrx.types import CallEndCause

__all__ = ["Line", "Parts", "Settled"]

Settled = Callable[[Any, JambonzError | None], None]
"""What to do when something that was asked is done: its value, or its error."""

NO_MEDIA = "No media path"
"""The reason that a call shows which was ended for want of one."""

_CONNECT = 0  # the token of what waits for connect() before the signalling is asked; all others count from 1
_STEP_TIMEOUT = 1.0  # seconds that a thread waits for the loop: it may be one that the loop itself waits for
_CLOSE_TIMEOUT = 1.0  # seconds that the media of a connection may take to close
_LEAVE_TIMEOUT = 2.0  # seconds that leaving takes at most, the WebSocket's closing handshake included

_log = logging.getLogger("jzrx")


class ClientTransport(Transport, Protocol):
    """A transport that can be waited for at its end, and knows what its last attempt was ended by."""

    @property
    def failure(self) -> Exception | None:
        """The exception, if there was one."""
        ...

    async def wait_closed(self) -> None:
        """Return when the flow that was closed is gone."""
        ...


def _websocket(options: JambonzClientOptions) -> ClientTransport:
    return WebSocketTransport(options.server, options.ssl)


def _media_engine() -> MediaEngine:
    from jzrx.media.engine import MediaEngine  # late: aiortc takes longer to load than all the rest

    return MediaEngine.shared()


@frozen(kw_only=True)
class Parts:
    """What a client is made of besides its options: where time, chance and the network come from."""

    ids: Ids = field(factory=RandomIds)
    scheduler: Callable[[asyncio.AbstractEventLoop], SchedulerBase] = LoopScheduler
    transport: Callable[[JambonzClientOptions], ClientTransport] = _websocket


class Line:
    """One connection: the SIP engine, the media of its calls, and the actions that wait for them.

    Made on the loop it runs on. `instance` is the client's URN (RFC 5626). `abandoned` is called when that loop ends
    before the line, `release` at the very end.
    """

    def __init__(
        self,
        options: JambonzClientOptions,
        parts: Parts,
        loop: asyncio.AbstractEventLoop,
        instance: str,
        release: Callable[[], None],
        abandoned: Callable[[], None],
        refusal_of: Callable[[IncomingCall], int | None],
    ) -> None:
        self.loop = loop
        self.scheduler = parts.scheduler(loop)
        self.media = CallMedia(lambda: options.media or _media_engine(), lambda: self.now)
        self._options = options
        self._transport = parts.transport(options)
        self._engine = Engine(
            AgentConfig(
                contact=make_contact(parts.ids),
                realm=options.domain,
                username=options.username,
                password=options.password,
                transport="WSS" if options.is_secure else "WS",
                display_name=options.display_name,
                user_agent=options.user_agent,
                auto_register=options.auto_register,
                register_expires=options.register_expires,
                register_headers=tuple((options.register_headers or {}).items()),
                connect_timeout=options.connect_timeout,
                reconnect=options.reconnect,
                digest_algorithms=options.digest_algorithms,
                instance=instance,
                session_expires=options.session_expires,
            ),
            server=options.server,
            transport=self._transport,
            scheduler=self.scheduler,
            ids=parts.ids,
            perform_media=self.media.perform,
            settle=self._settle,
            refusal_of=refusal_of,
        )
        self.media.results = self._engine
        self._own = Subject[Event]()
        self._tokens = itertools.count(1)
        self._waiting: dict[int, Settled] = {}
        self._over = asyncio.Event()
        self._left = Deferred[None](loop=loop)
        self.is_leaving = False
        self._has_left = False
        self._ends_at = 0.0
        self._release = release
        self._abandoned = abandoned
        self._keeper: asyncio.Task[None] | None = None
        # First of all, so that whoever is told of the end may connect again.
        self._engine.events.subscribe(self._watch)
        # Signalling, media and this line: every fact arrives here, and goes from here to the store.
        self.events: Observable[Event] = reactivex.merge(self._engine.events, self.media.events, self._own)
        self._deadline = MediaDeadline(self.scheduler, lambda call_id: self._engine.media_failed(call_id, NO_MEDIA))
        self._recovery = MediaRecovery(self.scheduler, self._restart_ice)

    @property
    def now(self) -> float:
        """Seconds of the clock that stamps all events."""
        return self._engine.now

    @property
    def left(self) -> Action[None]:
        """Done when nothing of this line runs any more."""
        return self._left.action

    @property
    def is_ending(self) -> bool:
        """Whether it was left or has failed: another line may begin."""
        return self.is_leaving or self._over.is_set()

    @property
    def is_stranded(self) -> bool:
        """Whether its loop was closed over it, with its tasks in the middle of what they did."""
        return self.loop.is_closed() and not self.left.done

    def bury(self, calls: Iterable[CallSnapshot]) -> None:
        """A stranded line: nothing of it can run any more, and only the state of the client and its calls is told."""
        self.is_leaving = self._has_left = True
        self._abandoned()
        self._left.resolve(None)
        for call in calls:
            cause = CallEndCause(503, "The event loop was closed", "system")
            was_answered = call.answered_at is not None
            self.emit(CallEnded(at=self.now, call_id=call.id, cause=cause))
            self.emit(CallReleased(at=self.now, call_id=call.id, cause=cause, was_answered=was_answered))
        self.emit(Disconnected(at=self.now, was_open=True))
        for settled in list(self._waiting.values()):
            settled(None, errors.ConnectionError("the event loop was closed before it was done"))
        self._release()

    def run(self, step: Callable[[], None]) -> None:
        """Run `step` on the loop of this line: now where we are on it, else in the order of the calls.

        A thread without a loop waits for it, so that what is promised for "at once" holds there too. One with a loop
        does not: two loops that wait for each other would stand still.
        """
        if is_running_here(self.loop) or self.loop.is_closed():  # where nothing runs, `step` disturbs nothing
            step()
            return
        done = threading.Event()

        def run() -> None:
            try:
                step()
            finally:
                done.set()

        self.loop.call_soon_threadsafe(run)
        if self.loop.is_running() and not is_any_running_here():
            done.wait(_STEP_TIMEOUT)

    @property
    def is_telling(self) -> bool:
        """Whether this is asked by a subscriber that hears of something, and more may follow."""
        return is_running_here(self.loop) and self._engine.is_performing

    def after(self, step: Callable[[], None]) -> None:
        """Run `step` when this line has told everything."""
        if self.is_telling:
            self._engine.after(step)
        else:
            step()

    def connect(self, after: Action[None] | None, settled: Settled) -> None:
        """Open the connection, as soon as `after`, the end of the one before, is done."""
        wait = after is not None and not after.done
        if wait:  # the state is to be `connecting` at once; the engine says so again when it begins
            self._own.on_next(ConnectStarted(at=self.now, server=self._options.server))
        self.events.subscribe(self._deadline.watch)
        self.events.subscribe(self._recovery.watch)
        self._waiting[_CONNECT] = settled
        self._keeper = self.loop.create_task(self._keep(after if wait else None), name="jzrx-line")
        if not wait:
            self._begin()

    def ask(self, command: Command, settled: Settled) -> None:
        """Hand a command to the signalling. On the loop only."""
        token = next(self._tokens)
        self._waiting[token] = settled
        self._engine.ask(command, token)

    def emit(self, event: Event) -> None:
        """A fact that this side made."""
        self._own.on_next(event)

    def leave(self) -> None:
        """Hang up, unregister and close; `left` is done in the end. On the loop only."""
        if self._has_left:
            return
        failed = self._over.is_set()
        self.is_leaving = self._has_left = True
        self._ends_at = self.loop.time() + _LEAVE_TIMEOUT
        if failed:
            self._own.on_next(Disconnected(at=self.now, was_open=False))
        else:
            self.ask(Disconnect(), lambda _value, _error: self._over.set())

    def _begin(self) -> None:
        settled = self._waiting.pop(_CONNECT)

        def chained(value: Any, error: JambonzError | None) -> None:
            if error is not None:
                error.__cause__ = self._transport.failure
            settled(value, error)

        self.ask(Connect(), chained)

    def _restart_ice(self, call_id: str, done: Callable[[bool], None]) -> None:
        self.after(lambda: self.ask(RestartIce(call_id=call_id), lambda _value, error: done(error is None)))

    def _watch(self, event: Event) -> None:
        """A final failure ends the line, as `leave` does."""
        if isinstance(event, ConnectFailed) or (isinstance(event, RegistrationFailed) and event.final):
            self._over.set()

    def _settle(self, settle: Settle) -> None:
        self._waiting.pop(settle.token)(settle.value, settle.error)

    async def _keep(self, after: Action[None] | None) -> None:
        """Be there as long as the line is, so that a loop that ends cannot forget it."""
        try:
            if after is not None:
                with contextlib.suppress(TimeoutError):  # its loop may stand still
                    async with asyncio.timeout(_LEAVE_TIMEOUT + _CLOSE_TIMEOUT):
                        await after
                if not self.is_leaving:
                    self._begin()
            await self._over.wait()
        except asyncio.CancelledError:
            self._abandon()
            raise
        finally:
            self._deadline.close()
            self._recovery.close()
            self._engine.close()
            try:
                async with asyncio.timeout(_CLOSE_TIMEOUT):
                    await self.media.close()
            except TimeoutError:
                _log.warning("the media of a connection did not close within %s s", _CLOSE_TIMEOUT)
            with contextlib.suppress(TimeoutError):  # without us the handshake goes on, for a second at most
                async with asyncio.timeout_at(self._ends_at):
                    await self._transport.wait_closed()
            for settled in list(self._waiting.values()):
                settled(None, errors.ConnectionError("disconnected before it was done"))
            self._left.resolve(None)
            self._release()

    def _abandon(self) -> None:
        """The loop ends, or somebody cancelled all of its tasks, without `disconnect()`."""
        if self.is_ending:
            return
        _log.warning(
            "the event loop ended while %s was connected to %s; disconnect() would have unregistered it",
            self._options.username,
            self._options.server,
        )
        self._abandoned()
        self.leave()
