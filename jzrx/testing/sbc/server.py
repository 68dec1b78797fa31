"""The embedded SBC: listens, and brings a request to those who know what to do with it."""

import asyncio
import logging
import secrets
import uuid
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Literal, Self

from reactivex import Observable, Subject
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from jzrx.commands import SendMessage
from jzrx.errors import CallError
from jzrx.events import CallEnded, CallEvent, MediaStateChanged
from jzrx.phone.background import is_running_here
from jzrx.ports import AudioSource, MediaEngine
from jzrx.sip.machine import AnswerWanted, RequestReceived
from jzrx.sip.message import Request
from jzrx.sip.uri import Uri
from jzrx.testing.sbc.account import Account
from jzrx.testing.sbc.auth import Refusal, authenticate
from jzrx.testing.sbc.b2bua import Bridge, CallSids, caller_id, x_headers
from jzrx.testing.sbc.checks import check
from jzrx.testing.sbc.conference import Conferences
from jzrx.testing.sbc.flow import Flow
from jzrx.testing.sbc.incall import InCall
from jzrx.testing.sbc.journal import SbcEvent, What
from jzrx.testing.sbc.legs import Leg
from jzrx.testing.sbc.link import Link
from jzrx.testing.sbc.listener import listen
from jzrx.testing.sbc.registrar import Granted, Registrar
from jzrx.testing.sbc.robots import ROBOTS, Robot, queue, robot_of
from jzrx.testing.sbc.routing import ToRobot, ToUser, route
from jzrx.testing.sbc.script import Script
from jzrx.testing.sbc.transfers import Transfers, take_over
from jzrx.types import MediaState

__all__ = ["EmbeddedSbc"]

log = logging.getLogger("jzrx.testing")

REALM = "localhost"
MAX_FRAME = 256 * 1024
MESSAGE_TIME = 5.0
"""Seconds that a MESSAGE which is passed on may stay unanswered."""

Relay = Literal["relay", "refuse"]
Refer = Literal["relay", "refuse", "hook"]


class EmbeddedSbc:
    """A development server that behaves as jambonz does, on this machine only; never a server for the public.

        async with EmbeddedSbc(users={"alice": "secret", "bob": "secret"}) as sbc:
            ...  # connect to sbc.url

    Everybody in `users` (name to password) may register and call the others, `queue-NAME`, `conference-NAME`,
    `app-SID` for each SID in `apps`, and the robots `echo`, `tone`, `noanswer` and `busy`. `apps` maps a SID to a robot
    (a coroutine function of the caller's leg), the name of one, or an audio source; without it there are `app-echo` and
    `app-tone`. With `device_app`, a SID of `apps`, every call but those to `app-SID` goes there, as for an account with
    a device-calling application. `account` has the limits of the account, and what its users may call directly.

    It deviates from jambonz in three kindnesses: it passes a MESSAGE on (`messages="refuse"`: 503), it carries out a
    REFER, with NOTIFYs (`refer="refuse"`: 501; `"hook"`: as an application with a referHook, without NOTIFYs and with a
    BYE in the end), and it offers DTLS-SRTP over plain ws too. `strict=True` does what a stock jambonz does: 503, 501
    (unless "hook"), and RTP/AVP offers to clients that registered as ws. A callee's refusal reaches the caller as it
    is, as from an application that declines with it; strict, it is 603, as from the one that a user's name stands for.

    `script` makes exceptions for tests; `events` tells what happens. `media` is its own media engine: `FakeMedia()`, if
    its clients have that. Raises ValueError for users, apps or options that cannot be.
    """

    def __init__(
        self,
        users: Mapping[str, str],
        *,
        apps: Mapping[str, Robot | AudioSource | str] | None = None,
        messages: Relay = "relay",
        refer: Refer = "relay",
        strict: bool = False,
        device_app: str | None = None,
        account: Account | None = None,
        port: int | None = None,
        media: MediaEngine | None = None,
    ) -> None:
        check(users, messages, refer, port)
        given = {"echo": "echo", "tone": "tone"} if apps is None else apps
        self._apps = {sid: robot_of(app, sid) for sid, app in given.items()}
        if device_app is not None and device_app not in self._apps:
            raise ValueError(f"device_app: {device_app!r} is not in apps")
        self._users = dict(users)
        self._device_app = device_app
        self._relays_messages = messages == "relay" and not strict
        self._strict = strict
        self._port = port
        self.media = media
        self._account = account or Account()
        self._application = str(uuid.uuid4())
        self._script = Script()
        self._events = Subject[SbcEvent]()
        self._registrar = Registrar[Flow](
            REALM,
            self._users,
            now=lambda: 0.0 if self._loop is None else self._loop.time(),
            nonce=lambda: secrets.token_hex(16),
            account=self._account,
        )
        self._conferences = Conferences()
        refers = refer == "hook" or (refer == "relay" and not strict)
        transfers = Transfers(self, reports=refer == "relay")
        self._in_call = InCall(self.spawn, self.note, self._pass_on, transfers.refer if refers else None)
        self._flows: set[Flow] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[Server] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- its life ----------------------------------------------------------------------------------------------------

    async def start(self) -> Self:
        """Listen; returns itself. Raises OSError if the port is taken; RuntimeError if it listens already."""
        if self._servers:
            raise RuntimeError("the SBC is running already; call stop() first")
        self._loop = asyncio.get_running_loop()
        sockets = listen(self._port)
        self._port = sockets[0].getsockname()[1]
        for bound in sockets:
            server = await serve(
                self._serve,
                sock=bound,
                # The server's 101 has to name it (RFC 7118 section 4.1).
                subprotocols=[Subprotocol("sip")],
                compression=None,
                max_size=MAX_FRAME,
                ping_interval=None,  # it is the client's
                close_timeout=1.0,
            )
            self._servers.append(server)
        return self

    async def stop(self) -> None:
        """Drop everybody and be gone; a second call does nothing. The port stays ours for another `start()`."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        await asyncio.gather(*(flow.close() for flow in self._flows))
        self._flows.clear()
        self._registrar.clear()
        for task in self._tasks:
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
        for server in servers:
            await server.wait_closed()

    async def restart(self, after: float = 0.0) -> None:
        """Stop, and start again on the same port `after` seconds later: registrations and calls are lost."""
        await self.stop()
        await asyncio.sleep(after)
        await self.start()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def __repr__(self) -> str:
        what = f"at {self.url}" if self._servers else "not running"
        return f"<EmbeddedSbc {what}, registered: {', '.join(self.registered) or 'nobody'}>"

    # --- what can be seen --------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """`ws://localhost:PORT`. Raises RuntimeError before the first `start()`."""
        if not self._port:
            raise RuntimeError("the SBC has no port yet: start() it, or give port=")
        return f"ws://localhost:{self._port}"

    @property
    def realm(self) -> str:
        """The SIP realm; the host of `url`, so that clients need not be told."""
        return REALM

    @property
    def events(self) -> Observable[SbcEvent]:
        """What happens, as it happens."""
        return self._events

    @property
    def script(self) -> Script:
        """The exceptions that a test wants."""
        return self._script

    @property
    def registered(self) -> tuple[str, ...]:
        """Who is registered now."""
        return tuple(binding.user for binding in self._registrar.bindings)

    @property
    def robots(self) -> tuple[str, ...]:
        """What can be called besides users: robots and applications."""
        return (*ROBOTS, *(f"app-{sid}" for sid in self._apps))

    def drop(self, user: str | None = None) -> None:
        """Drop the WebSocket of a registered user, or of everybody, without a closing handshake; from any thread."""
        if self._loop is not None and not self._loop.is_closed() and not is_running_here(self._loop):
            self._loop.call_soon_threadsafe(self.drop, user)
            return
        for flow in list(self._flows):
            names = [binding.user for binding in self._registrar.bindings if binding.flow is flow]
            if user is None or user in names:
                flow.link.drop()

    # --- flows (`Desk`) ----------------------------------------------------------------------------------------------

    async def _serve(self, connection: ServerConnection) -> None:
        link = Link(connection)
        flow = Flow(link, self, Uri.parse(f"sip:sbc@{REALM}:{self._port};transport=ws"))
        self._flows.add(flow)
        self.note(SbcEvent("opened", None, link.source))
        try:
            await link.run(flow)
        finally:
            self.note(SbcEvent("closed", None, link.source))

    def note(self, event: SbcEvent) -> None:
        """Tell everybody who listens."""
        self._events.on_next(event)

    def lost_flow_of(self, sip_call_id: str) -> Flow | None:
        """The flow that has the call with this Call-ID, and no socket any more."""
        return next((flow for flow in self._flows if not flow.is_connected and flow.leg_of(sip_call_id)), None)

    def flow_ended(self, flow: Flow) -> None:
        """The flow has no socket and no call any more."""
        if flow in self._flows:
            self.spawn(self._end(flow))

    async def _end(self, flow: Flow) -> None:
        """It is one of ours until nothing is left of it, so that `stop` waits for that, too."""
        await flow.close()
        self._flows.discard(flow)

    def request_in_call(self, leg: Leg, request: Request) -> bool:
        """A request in an answered call."""
        return self._in_call.request(leg, request)

    def offer_received(self, leg: Leg, wanted: AnswerWanted, answer: Callable[[], None]) -> None:
        """A new offer in an answered call."""
        self._in_call.offer(leg, wanted, answer)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something on its own, until the server stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """What goes wrong in one call, or in an application of a test's own, must not end the server."""
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("the embedded SBC failed in one of its tasks", exc_info=task.exception())

    # --- requests outside a dialog -----------------------------------------------------------------------------------

    def request_received(self, flow: Flow, received: RequestReceived) -> None:
        """A request outside any dialog."""
        key, request = received.key, received.request
        match request.method:
            case "REGISTER":
                self._register(flow, key, request)
            case "INVITE":
                self._invite(flow, key, request)
            case "OPTIONS":
                flow.respond(key, 200)  # without authentication: a good end-to-end ping
            case "MESSAGE" if self._relays_messages:
                self._message(flow, key, request)
            case _:
                # drachtio's answer where no application takes a method.
                flow.respond(key, 503)

    def _register(self, flow: Flow, key: str, request: Request) -> None:
        outcome = self._registrar.register(request, flow, flow.link.source)
        if isinstance(outcome, Refusal):
            self._refuse(flow, key, request, outcome)
            return
        if outcome.expires and request.contacts:
            flow.contact = request.contacts[0].uri
            for earlier in self._flows:
                if not earlier.is_connected and earlier.contact == flow.contact:
                    flow.host(earlier)
        flow.respond(key, 200, headers=outcome.headers)
        self._note_registration(outcome, flow)

    def _note_registration(self, granted: Granted, flow: Flow) -> None:
        what: What = "unregistered" if not granted.expires else "refreshed" if granted.refreshed else "registered"
        self.note(SbcEvent(what, granted.user, f"{flow.link.source} for {granted.expires} s"))

    def _refuse(self, flow: Flow, key: str, request: Request, refusal: Refusal) -> None:
        flow.respond(key, refusal.status, refusal.reason, refusal.headers)
        if refusal.status != 401:
            why = dict(refusal.headers).get("X-Reason") or refusal.reason or ""
            detail = f"{request.method} {request.uri}: {refusal.status} {why}"
            self.note(SbcEvent("refused", request.from_.uri.user, detail))

    def _invite(self, flow: Flow, key: str, request: Request) -> None:
        # The realm first, then the limits: neither asks who calls.
        foreign = Refusal(404) if request.uri.host.lower() != REALM else None
        calls = sum(leg.is_caller for each in self._flows for leg in each.legs.values())
        proven = foreign or self._account.refuse_call(calls) or self._authenticated(request)
        if isinstance(proven, Refusal):
            self._refuse(flow, key, request, proven)
            return
        leg = Leg(flow, proven, request)
        replaces = request.headers.get("Replaces")
        target = self._replaced(replaces) if replaces is not None else self._route(request.uri, proven)
        if isinstance(target, Refusal):
            self._refuse(flow, key, request, target)
            return
        self.note(SbcEvent("called", proven, request.uri.user or ""))
        if isinstance(target, Leg):
            flow.admit(key, leg)
            take_over(leg, target, self.serve)
        elif isinstance(target, ToRobot):
            flow.admit(key, leg)
            leg.marks = CallSids.of_new_call(self._account.sid, self._application).to_caller()
            self.serve(leg, target.robot)
        else:
            self._connect(flow, key, request, leg, target)

    def _authenticated(self, request: Request) -> str | Refusal:
        return authenticate(request, REALM, self._users, lambda: secrets.token_hex(16))

    def _connect(self, flow: Flow, key: str, request: Request, caller: Leg, target: ToUser) -> None:
        reached = self.leg_to(target.user)
        if reached is None:
            self._refuse(flow, key, request, Refusal(480))
            return
        callee, contact = reached
        flow.admit(key, caller)
        sids = CallSids.of_new_call(self._account.sid, self._application)
        Bridge(caller, callee, sids, self.note, strict=self._strict).begin(contact, request)

    # --- what a transfer needs (`Switchboard`) -----------------------------------------------------------------------

    def route(self, target: Uri) -> ToUser | ToRobot | Refusal:
        """Where a call to `target` goes, for who may call everything."""
        return self._route(target, None)

    def _replaced(self, replaces: str) -> Leg | Refusal:
        """The leg whose place an INVITE takes; jambonz looks at the Call-ID alone."""
        leg = self.leg_of(replaces.partition(";")[0].strip())
        return Refusal(404) if leg is None or not leg.is_answered else leg

    def _route(self, target: Uri, user: str | None) -> ToUser | ToRobot | Refusal:
        return route(
            target,
            realm=REALM,
            may=lambda what: user is None or self._account.may_call(user, what),
            is_registered=lambda user: self._registrar.find(user) is not None,
            apps=self._apps,
            device_app=self._device_app,
            queue=queue,
            conference=self._conferences.room,
            robots=ROBOTS,
        )

    def leg_to(self, user: str) -> tuple[Leg, Uri] | None:
        """A leg to a registered user, and the contact to dial; None if the user cannot be reached."""
        binding = self._registrar.find(user)
        if binding is None or not binding.flow.is_connected or not self._registrar.is_reachable(binding):
            return None
        leg = Leg(binding.flow, user)
        leg.is_plain = self._strict and binding.transport != "wss"
        binding.flow.begin(leg)
        return leg, binding.contact

    def leg_of(self, sip_call_id: str) -> Leg | None:
        """The leg with this Call-ID."""
        return next((leg for flow in self._flows if (leg := flow.leg_of(sip_call_id)) is not None), None)

    def serve(self, leg: Leg, robot: Robot) -> asyncio.Task[None]:
        """Let a robot serve a leg."""
        return self.spawn(self._perform(leg, robot))

    async def _perform(self, leg: Leg, robot: Robot) -> None:
        task = asyncio.current_task()

        def happened(event: CallEvent) -> None:
            match event:
                case MediaStateChanged(media=MediaState.FAILED):
                    leg.flow.media_failed(leg, event.reason or "No media path")
                case CallEnded():
                    self.note(SbcEvent("ended", leg.user, f"{event.cause.code} {event.cause.reason}"))
                    if task is not None:
                        task.cancel()
                case _:
                    pass

        leg.on_event = happened
        leg.robot = robot
        code = 603  # the application has ended without an answer
        try:
            await robot(leg)
        except Exception:
            code = 480  # its webhook has failed
            raise
        finally:
            leg.hang_up(code)

    # --- MESSAGE -----------------------------------------------------------------------------------------------------

    def _message(self, flow: Flow, key: str, request: Request) -> None:
        proven = self._authenticated(request)
        if isinstance(proven, Refusal):
            self._refuse(flow, key, request, proven)
        elif request.uri.host.lower() != REALM:
            self._refuse(flow, key, request, Refusal(404))
        else:
            self.spawn(self._deliver(flow, key, request))

    async def _deliver(self, flow: Flow, key: str, request: Request) -> None:
        flow.respond(key, await self._pass_on(request.uri.user or "", request))

    async def _pass_on(self, user: str, request: Request) -> int:
        """Send a MESSAGE on to a user, and return the status that it got."""
        binding = self._registrar.find(user)
        if binding is None:
            return 480 if user in self._users else 404
        if not binding.flow.is_connected or not self._registrar.is_reachable(binding):
            return 480
        message = SendMessage(
            target=str(binding.contact),
            body=request.body,
            content_type=request.headers.get("Content-Type") or "text/plain",
            headers=x_headers(request),
            from_=caller_id(request),
        )
        self.note(SbcEvent("message", request.from_.uri.user, f"to {user}, {len(request.body)} octets"))
        try:
            async with asyncio.timeout(MESSAGE_TIME):
                return int(await binding.flow.ask(message))
        except TimeoutError:
            return 408
        except CallError as error:
            return error.code or 500
