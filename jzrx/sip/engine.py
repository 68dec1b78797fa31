"""The shell around the SIP agent: performs its outputs in order, runs its timers, feeds inputs back.

Nothing is decided here. With the transport, the scheduler and the ids handed in, a whole phone runs in virtual time.
"""

import logging
import random
import secrets
import uuid
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Protocol

from reactivex import Observable, Subject
from reactivex.abc import DisposableBase, SchedulerBase
from reactivex.scheduler.eventloop import AsyncIOScheduler

from jzrx.commands import Command
from jzrx.events import Event
from jzrx.incoming import IncomingCall
from jzrx.sip.agent import Agent
from jzrx.sip.config import AgentConfig
from jzrx.sip.machine import (
    AnswerReceived,
    AnswerWanted,
    CancelTimer,
    CloseFlow,
    Ids,
    MediaReleased,
    Notify,
    OfferRefused,
    OfferWanted,
    OpenFlow,
    Output,
    RequestReceived,
    Send,
    SetTimer,
    Settle,
    TimerKey,
)
from jzrx.sip.message import MessageError, Request, Response, parse_message
from jzrx.sip.trace import masked
from jzrx.types import Headers

__all__ = ["Engine", "Listener", "LoopScheduler", "MediaOutput", "RandomIds", "Transport", "make_instance"]

log = logging.getLogger("jzrx.sip")
trace = logging.getLogger("jzrx.sip.trace")

MediaOutput = OfferWanted | AnswerWanted | AnswerReceived | OfferRefused | MediaReleased
"""What the agent asks of the media."""


class Listener(Protocol):
    """Who hears of a transport."""

    def opened(self) -> None:
        """The flow is open."""
        ...

    def failed(self, message: str) -> None:
        """The flow could not be opened; `message` says why and what to do."""
        ...

    def lost(self, reason: str) -> None:
        """The flow was open and is gone, and we did not close it."""
        ...

    def received(self, frame: bytes | str) -> None:
        """A frame arrived."""
        ...


class Transport(Protocol):
    """A WebSocket, or what stands for one in a test. One flow at a time."""

    def open(self, listener: Listener) -> None:
        """Begin to open the flow; the listener hears the outcome later."""
        ...

    def send(self, frame: str) -> None:
        """Send a text frame, if the flow is open."""
        ...

    def close(self, reason: str) -> None:
        """Close the flow after what was sent; the listener hears nothing more of it."""
        ...


class RandomIds:
    """Identifiers that cannot be guessed (RFC 3261 section 19.3 wants 32 bits of randomness in a tag)."""

    _ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"

    def token(self, length: int = 10) -> str:
        return "".join(secrets.choice(self._ALPHABET) for _ in range(length))

    def random(self) -> float:
        return random.random()


def make_instance(ids: Ids) -> str:
    """An instance id (RFC 5626 section 4.1): a UUID URN that tells one client from all others of its account."""
    return uuid.uuid5(_INSTANCES, ids.token(22)).urn


_INSTANCES = uuid.UUID("5c6f4a0e-6c0c-4d7a-9d0b-0d6f2f0f6c1b")
"""The name space of instance ids: with it a random token makes a UUID."""


class LoopScheduler(AsyncIOScheduler):
    """An AsyncIOScheduler whose `now` is its loop's clock, so that times and timers agree."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        super().__init__(loop)
        self._clock = loop.time

    @property
    def now(self) -> datetime:
        return self.to_datetime(self._clock())


class Engine:
    """One phone's signalling, alive. `perform_media` and `settle` are called in order with the events.

    `events` is hot; it carries what the agent notifies, in order, and never ends by itself. `refusal_of` names the
    status that refuses a call before it rings, or None.
    """

    def __init__(
        self,
        config: AgentConfig,
        *,
        server: str,
        transport: Transport,
        scheduler: SchedulerBase,
        ids: Ids,
        perform_media: Callable[[MediaOutput], None],
        settle: Callable[[Settle], None],
        on_request: Callable[[RequestReceived], None] | None = None,
        refusal_of: Callable[[IncomingCall], int | None] = lambda _: None,
    ) -> None:
        self._transport = transport
        self._scheduler = scheduler
        self._perform_media = perform_media
        self._settle = settle
        self._on_request = on_request
        self._agent = Agent(config, server=server, ids=ids, now=lambda: self.now, refusal_of=refusal_of)
        self._events: Subject[Event] = Subject()
        self._timers: dict[TimerKey, DisposableBase] = {}
        self._outputs: deque[Output | Callable[[], None]] = deque()
        self._performing = False
        self._closed = False

    @property
    def now(self) -> float:
        """The time in seconds of the scheduler's clock."""
        return self._scheduler.to_seconds(self._scheduler.now)

    @property
    def events(self) -> Observable[Event]:
        """Every fact of the signalling."""
        return self._events

    @property
    def is_idle(self) -> bool:
        """Whether the agent has nothing left to finish."""
        return self._agent.is_idle

    # --- inputs ----------------------------------------------------------------------------------------------------

    def ask(self, command: Command, token: int | None = None) -> None:
        """Hand the agent a command; `settle` gets the outcome under `token`."""
        self._perform(self._agent.ask(command, token))

    def description_made(self, call_id: str, ref: int, sdp: str) -> None:
        """The media made what `OfferWanted` or `AnswerWanted` asked for."""
        self._perform(self._agent.description_made(call_id, ref, sdp))

    def description_failed(self, call_id: str, ref: int, code: int, message: str, warning: str | None = None) -> None:
        """The media could not make a description, or could not apply an answer."""
        self._perform(self._agent.description_failed(call_id, ref, code, message, warning))

    def media_failed(self, call_id: str, reason: str) -> None:
        """The audio path of the call failed."""
        self._perform(self._agent.media_failed(call_id, reason))

    def respond(
        self, key: str, status: int, reason: str | None = None, headers: Headers = (), body: bytes = b""
    ) -> None:
        """A server answers a request that came as `RequestReceived`."""
        self._perform(self._agent.respond(key, status, reason, headers, body))

    def admit(self, key: str, call_id: str) -> None:
        """A server takes an INVITE that came as `RequestReceived` as a call."""
        self._perform(self._agent.admit(key, call_id))

    @property
    def is_performing(self) -> bool:
        """Whether outputs are being performed: this is asked inside a subscriber."""
        return self._performing

    def after(self, step: Callable[[], None]) -> None:
        """Run `step` now or, where outputs are being performed, after them."""
        self._perform((step,))

    # --- the transport's listener ------------------------------------------------------------------------------------

    def opened(self) -> None:
        self._perform(self._agent.flow_opened())

    def failed(self, message: str) -> None:
        self._perform(self._agent.flow_failed(message))

    def lost(self, reason: str) -> None:
        self._perform(self._agent.flow_lost(reason))

    def received(self, frame: bytes | str) -> None:
        if trace.isEnabledFor(logging.DEBUG):
            _trace_frame(frame)
        try:
            self._perform(self._agent.frame_received(frame))
        except Exception:  # a fault of ours; what the network sends must not end the flow all the same
            log.exception("a frame could not be handled")

    # --- outputs -----------------------------------------------------------------------------------------------------

    def _perform(self, outputs: Iterable[Output | Callable[[], None]]) -> None:
        """Perform outputs in order; what a subscriber asks for meanwhile comes after them."""
        self._outputs.extend(outputs)
        if self._performing:
            return
        self._performing = True
        try:
            while self._outputs:
                self._perform_one(self._outputs.popleft())
        finally:
            self._performing = False

    def _perform_one(self, output: Output | Callable[[], None]) -> None:
        match output:
            case Send():
                self._send(output.message)
            case SetTimer():
                self._set_timer(output.key, output.delay)
            case CancelTimer():
                self._cancel_timer(output.key)
            case Notify():
                self._events.on_next(output.event)
            case OpenFlow():
                self._transport.open(self)
            case CloseFlow():
                self._transport.close(output.reason)
            case Settle():
                self._settle(output)
            case RequestReceived():
                if self._on_request is not None:
                    self._on_request(output)
            case OfferWanted() | AnswerWanted() | AnswerReceived() | OfferRefused() | MediaReleased():
                self._perform_media(output)
            case _:
                output()

    def _send(self, message: Request | Response) -> None:
        if trace.isEnabledFor(logging.DEBUG):
            trace.debug("> %s", masked(message))
        self._transport.send(bytes(message).decode("utf-8", "replace"))

    def _set_timer(self, key: TimerKey, delay: float) -> None:
        self._cancel_timer(key)

        def fire(_scheduler: SchedulerBase, _state: Any = None) -> None:
            self._timers.pop(key, None)
            self._perform(self._agent.timer_fired(key))

        self._timers[key] = self._scheduler.schedule_relative(delay, fire)

    def _cancel_timer(self, key: TimerKey) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.dispose()

    def close(self) -> None:
        """Stop everything at once: timers and the flow. Nothing comes out any more."""
        if self._closed:
            return
        self._closed = True
        for key in list(self._timers):
            self._cancel_timer(key)
        self._outputs.clear()
        self._transport.close("closed")
        self._events.on_completed()


def _trace_frame(frame: bytes | str) -> None:
    try:
        trace.debug("< %s", masked(parse_message(frame)))
    except MessageError as error:
        trace.debug("! malformed message of %d octets: %s", len(frame), error)
