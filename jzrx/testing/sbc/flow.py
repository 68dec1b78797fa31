"""One client: its WebSocket, the SIP engine that serves it, and its calls.

A call outlives a short loss of the WebSocket, as it does with jambonz, whose calls are not tied to a socket: when the
client comes back and registers the same contact, or speaks in the old call, its old flow goes on over the new socket.
Calls that were not answered yet end with the socket.
"""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, Protocol, cast

from jzrx.commands import Command, HangUp
from jzrx.errors import JambonzError
from jzrx.events import CallEvent, CallReleased, DtmfReceived, Event
from jzrx.media.engine import MediaEngine as RealMedia
from jzrx.phone.media import CallMedia
from jzrx.ports import MediaConfig, MediaEngine
from jzrx.sip.config import AgentConfig
from jzrx.sip.engine import Engine, Listener, LoopScheduler, MediaOutput, RandomIds
from jzrx.sip.fields import Headers as Fields
from jzrx.sip.machine import AnswerWanted, OfferWanted, RequestReceived, Settle
from jzrx.sip.message import MessageError, Request, Response, parse_message
from jzrx.sip.uri import Uri
from jzrx.testing.sbc.journal import SbcEvent
from jzrx.testing.sbc.legs import Leg
from jzrx.testing.sbc.link import Link
from jzrx.testing.sbc.plain import plain_offer
from jzrx.testing.sbc.script import Delay, Ignore, Reply, Script
from jzrx.types import Headers, MediaState

__all__ = ["Desk", "Flow"]

MEDIA_PATIENCE = 30.0
"""Seconds that a client may take to make an audio path anew."""


class Desk(Protocol):
    """The server, as a flow sees it."""

    @property
    def script(self) -> Script:
        """The exceptions that a test wants."""
        ...

    @property
    def media(self) -> MediaEngine | None:
        """What makes the audio of its calls; None: the engine of this process."""
        ...

    def note(self, event: SbcEvent) -> None:
        """Something happened."""
        ...

    def lost_flow_of(self, sip_call_id: str) -> "Flow | None":
        """The flow that has the call with this Call-ID, and no socket any more."""
        ...

    def request_received(self, flow: "Flow", received: RequestReceived) -> None:
        """A request outside any dialog."""
        ...

    def request_in_call(self, leg: Leg, request: Request) -> bool:
        """A request in a call, before the SIP engine sees it; True: it has been seen to."""
        ...

    def offer_received(self, leg: Leg, wanted: AnswerWanted, answer: Callable[[], None]) -> None:
        """The client offers anew in an answered call; `answer` accepts it."""
        ...

    def flow_ended(self, flow: "Flow") -> None:
        """The flow has no socket and no call any more."""
        ...


class Flow:
    """Made on the server's loop when a WebSocket was accepted. `contact` is the one that it registered."""

    def __init__(self, link: Link, desk: Desk, contact: Uri) -> None:
        self.ids = RandomIds()
        self.link = link
        self.is_connected = True
        self._is_closed = False
        self.contact: Uri | None = None
        self.legs: dict[str, Leg] = {}
        self._desk = desk
        self._guests: list[Flow] = []  # older flows that go on over our socket
        self._loop = asyncio.get_running_loop()
        self._engine = Engine(
            AgentConfig(
                contact=contact,
                realm=contact.host,
                username="sbc",
                password="",  # nobody challenges an SBC
                auto_register=False,
                delegate=True,
            ),
            server="",
            transport=_Outlet(self),
            scheduler=LoopScheduler(self._loop),
            ids=self.ids,
            perform_media=self._perform_media,
            settle=self._settle,
            on_request=lambda received: desk.request_received(self, received),
        )
        self.media = CallMedia(lambda: desk.media or RealMedia.shared(), lambda: self._engine.now)
        self.media.results = self
        self._tokens = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._engine.events.subscribe(self._happened)
        self.media.events.subscribe(self._happened)

    # --- what arrives ------------------------------------------------------------------------------------------------

    def opened(self) -> None:
        """It is open from the beginning."""

    def failed(self, message: str) -> None:
        """It was opened by the client."""

    def received(self, frame: bytes | str) -> None:
        """A frame from the socket. It may belong to a call that an earlier socket lost."""
        try:
            message = parse_message(frame)
        except MessageError:
            self._engine.received(frame)  # it knows what to answer
            return
        earlier = self._desk.lost_flow_of(message.call_id)
        if earlier is not None:
            self.host(earlier)
        owner = next((guest for guest in self._guests if guest.leg_of(message.call_id)), self)
        owner.message_received(frame, message)

    def message_received(self, frame: bytes | str, message: Request | Response) -> None:
        """A message that is for this flow: see whether the script has something to say."""
        action = self._desk.script.take(message) if isinstance(message, Request) else None
        if action is None or isinstance(message, Response):
            self._process(frame, message)
            return
        if isinstance(action, Delay):
            self._loop.call_later(action.seconds, self._process, frame, message)
            said = f"treated {action.seconds:g} s later"
        elif isinstance(action, Reply):
            self._loop.call_later(action.after, self._reply_as_told, message, action)
            said = f"answered {action.status}"
        elif isinstance(action, Ignore):
            said = "not answered"
        else:
            self.link.drop()
            said = "socket dropped"
        self._desk.note(SbcEvent("scripted", message.from_.uri.user, f"{message.method}: {said}"))

    def _reply_as_told(self, request: Request, reply: Reply) -> None:
        self.reply(request, reply.status, reply.reason, reply.headers, reply.body)

    def _process(self, frame: bytes | str, message: Request | Response) -> None:
        if isinstance(message, Request) and message.to.tag is not None:
            leg = self.leg_of(message.call_id)
            if leg is not None and leg.is_answered and self._desk.request_in_call(leg, message):
                return
        self._engine.received(frame)

    def leg_of(self, sip_call_id: str) -> Leg | None:
        """The call with this Call-ID."""
        return next((leg for leg in self.legs.values() if leg.sip_call_id == sip_call_id), None)

    # --- the socket goes, and comes back -----------------------------------------------------------------------------

    def lost(self, reason: str) -> None:
        """The socket is gone: answered calls wait for the client to come back, or for their media to fail."""
        if self._is_closed:
            return
        self.is_connected = False
        for guest in self._guests:
            guest.lost(reason)
        self._guests.clear()
        for leg in list(self.legs.values()):
            if not leg.is_answered:
                self.do(HangUp(call_id=leg.id, cause_code=503, cause_reason="The connection was lost", by_system=True))
        self._end_when_empty()

    def host(self, earlier: "Flow") -> None:
        """The client of `earlier` is here now: that flow's calls go on over our socket."""
        earlier.link = self.link
        earlier.is_connected = True
        self._guests.append(earlier)

    def _end_when_empty(self) -> None:
        if not self.is_connected and not self.legs:
            self._desk.flow_ended(self)

    async def close(self) -> None:
        """Stop everything of this flow, and return when nothing is left."""
        self._is_closed = True
        self._engine.close()
        for future in self._asked.values():
            future.cancel()
        await self.media.close()

    # --- what the server does ----------------------------------------------------------------------------------------

    def begin(self, leg: Leg) -> None:
        """A new call, with its audio."""
        self.legs[leg.id] = leg
        self.media.open(leg.id, MediaConfig(loopback=True))

    def do(self, command: Command) -> None:
        """Hand a command to the signalling; what comes of it shows in events."""
        self._engine.ask(command)

    async def ask(self, command: Command) -> Any:
        """Hand a command to the signalling: its value, or its JambonzError."""
        token = next(self._tokens)
        future = self._asked[token] = self._loop.create_future()
        self._engine.ask(command, token)
        return await future

    def respond(self, key: str, status: int, reason: str | None = None, headers: Headers = ()) -> None:
        """Answer a request outside a dialog."""
        self._engine.respond(key, status, reason, headers)

    def admit(self, key: str, leg: Leg) -> None:
        """Take an INVITE as a call."""
        self.begin(leg)
        self._engine.admit(key, leg.id)

    def reply(
        self, request: Request, status: int, reason: str | None = None, headers: Headers = (), body: bytes = b""
    ) -> None:
        """Answer a request that the engine does not see; as a stateless UAS does (RFC 3261 section 8.2.7)."""
        to_tag = None if status == 100 else self.ids.token()
        response = request.response(status, reason, to_tag=to_tag, headers=Fields(headers), body=body)
        self.link.send(bytes(response).decode("utf-8", "replace"))

    def media_failed(self, leg: Leg, reason: str) -> None:
        """The audio path of a call is gone: a client that has talked has time to come with another one."""

        def give_up() -> None:
            if leg.media is MediaState.FAILED and not (leg.is_over or self._is_closed):
                self._engine.media_failed(leg.id, reason)

        if leg.was_heard:
            self._loop.call_later(MEDIA_PATIENCE, give_up)
        else:
            self._engine.media_failed(leg.id, reason)

    # --- what the engine wants ---------------------------------------------------------------------------------------

    def _settle(self, settle: Settle) -> None:
        future = self._asked.pop(settle.token)
        if future.done():
            return
        if isinstance(settle.error, JambonzError):
            future.set_exception(settle.error)
        else:
            future.set_result(settle.value)

    def description_made(self, call_id: str, ref: int, sdp: str) -> None:
        """The media made what the engine wanted (`jzrx.phone.media.Descriptions`)."""
        self._engine.description_made(call_id, ref, sdp)
        if call_id in self.legs:
            self.legs[call_id].described()

    def description_failed(self, call_id: str, ref: int, code: int, message: str, warning: str | None = None) -> None:
        """The media could not."""
        self._engine.description_failed(call_id, ref, code, message, warning)

    def _perform_media(self, output: MediaOutput) -> None:
        leg = self.legs.get(output.call_id)
        if leg is not None and leg.is_plain and isinstance(output, OfferWanted):
            self.description_made(output.call_id, output.ref, plain_offer())
        elif leg is not None and leg.is_answered and isinstance(output, AnswerWanted):
            self._desk.offer_received(leg, output, lambda: self.media.perform(output))
        else:
            self.media.perform(output)

    def _happened(self, event: Event) -> None:
        leg = self.legs.get(getattr(event, "call_id", ""))
        if leg is None:
            return
        leg.happened(cast(CallEvent, event))  # it has a call_id
        if isinstance(event, DtmfReceived):
            # An application of jambonz reads A to D, which are events 12 to 15, as "1".
            misread = leg.other is None and event.tone in "ABCD"
            key = "1" if misread else event.tone
            leg.pressed(key)
            self._desk.note(SbcEvent("dtmf", leg.user, key))
        if isinstance(event, CallReleased):
            del self.legs[leg.id]
            self._end_when_empty()


class _Outlet:
    """The engine's transport: whichever socket the flow is on."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def open(self, listener: Listener) -> None:
        """The client opened it."""

    def send(self, frame: str) -> None:
        self._flow.link.send(frame)

    def close(self, reason: str) -> None:
        """The server closes sockets itself."""
