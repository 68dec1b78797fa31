"""The SIP user agent: routes inputs to the machines, and what they decide back out. Sans I/O.

    frame ──> transactions (layer.py) ──> calls (calls.py) │ registration │ connection      frozen states, `step`
                                              └──> outputs, performed in order by the shell (engine.py)

One agent serves one flow. A phone's agent registers, answers OPTIONS and MESSAGE, and lets INVITEs ring; a server's
(`AgentConfig.delegate`) puts requests outside a dialog out and is told what to do with them.
"""

from collections.abc import Callable

from jzrx.advice import hint
from jzrx.commands import Command, Connect, Dial, Disconnect, HangUp, Register, SendMessage, Transfer, Unregister
from jzrx.errors import CallError
from jzrx.events import CallRefused, MessageReceived
from jzrx.headers import RemoteHeaders
from jzrx.incoming import IncomingCall
from jzrx.sip import connection as connections
from jzrx.sip import registration as registrations
from jzrx.sip.admission import refusal_of
from jzrx.sip.bodies import text_of
from jzrx.sip.calls import CALL, Calls
from jzrx.sip.causes import headers_of, words_of
from jzrx.sip.config import AgentConfig
from jzrx.sip.connection import CONNECTION_TIMER, Ask, Connection, ConnectionPhase, Happened, Quiet
from jzrx.sip.dialog import strip_parameters
from jzrx.sip.drafts import Draft
from jzrx.sip.exchanges import Owner
from jzrx.sip.headers import NameAddr
from jzrx.sip.layer import TransactionLayer
from jzrx.sip.machine import CancelTimer, Ids, Notify, Output, RequestReceived, SetTimer, Settle, TimerKey
from jzrx.sip.message import Request, Response
from jzrx.sip.registration import REGISTRATION_TIMER, Registration
from jzrx.sip.session.state import (
    SESSION_TIMER,
    Asked,
    Described,
    NotDescribed,
    PathFailed,
    Reply,
    SessionInput,
    TimerFired,
)
from jzrx.sip.uri import Uri
from jzrx.types import Headers

__all__ = ["Agent"]

REGISTER, PING, MESSAGE = "register", "ping", "message"
"""The owners of our requests outside a call."""

_AWAY = (ConnectionPhase.WAITING, ConnectionPhase.REOPENING, ConnectionPhase.REREGISTERING)


class Agent:
    """A user agent on one flow. Every input returns the outputs to perform, in order."""

    def __init__(
        self,
        config: AgentConfig,
        *,
        server: str = "",
        ids: Ids,
        now: Callable[[], float],
        refusal_of: Callable[[IncomingCall], int | None] = lambda _: None,
    ) -> None:
        self._config = config
        self._ids = ids
        self._now = now
        self._refusal_of = refusal_of
        self._outputs: list[Output] = []
        self._layer = TransactionLayer(config, ids, self, self._put)
        self._calls = Calls(config, ids, now, self._layer, self._put)
        self._connection = Connection(
            server=server,
            registers=config.auto_register,
            timeout=config.connect_timeout,
            reconnect=config.reconnect,
            keepalive=config.keepalive,
        )
        self._registration = Registration(
            address=config.address.with_param("tag", ids.token()),
            registrar=config.registrar,
            contact=config.contact,
            call_id=ids.token(22),
            expires=config.register_expires,
            headers=config.register_headers,
            algorithms=config.digest_algorithms,
            instance=config.instance,
        )

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to finish: no call, no transaction."""
        return len(self._calls) == 0 and self._layer.is_idle

    # --- inputs ------------------------------------------------------------------------------------------------------

    def ask(self, command: Command, token: int | None = None) -> list[Output]:
        """The user asks. A `Settle` with the token comes out once, now or later."""
        match command:
            case Connect():
                self._connect(Ask("connect", token))
            case Disconnect():
                self._calls.hang_up_all()
                self._connect(Ask("disconnect", token))
            case Register():
                self._connect(Ask("register", token))
            case Unregister():
                self._connect(Ask("unregister", token))
            case Dial():
                self._calls.dial(command, token)
            case SendMessage():
                self._send_message(command, token)
            case Transfer() if command.call_id in self._calls:
                self._calls.transfer(command, token)
            case _ if command.call_id in self._calls:
                self._calls.step(command.call_id, Asked(command, token))
            case _ if token is not None:
                gone = None if isinstance(command, HangUp) else CallError("the call has ended", 481)
                self._put(Settle(token, None, gone))
            case _:
                pass
        return self._flush()

    def frame_received(self, frame: bytes | str) -> list[Output]:
        """A WebSocket frame arrived, text or binary."""
        self._layer.frame_received(frame)
        return self._flush()

    def timer_fired(self, key: TimerKey) -> list[Output]:
        """A timer that we set fired; one whose machine is gone does nothing."""
        kind, which, name = key
        match kind:
            case _ if kind == SESSION_TIMER:
                self._calls.step(which, TimerFired(name))
            case _ if kind == REGISTRATION_TIMER:
                self._register(registrations.timer_fired(self._registration, name, self._now()))
            case _ if kind == CONNECTION_TIMER:
                self._connect(Happened("timer", name))
            case _:
                self._layer.timer_fired(kind, which, name)
        return self._flush()

    def flow_opened(self) -> list[Output]:
        """The WebSocket is open."""
        self._connect(Happened("opened"))
        return self._flush()

    def flow_failed(self, message: str) -> list[Output]:
        """The WebSocket could not be opened; `message` says why and what to do."""
        self._connect(Happened("failed", message))
        return self._flush()

    def flow_lost(self, reason: str) -> list[Output]:
        """The WebSocket was open and is gone."""
        if self._config.delegate:
            self._flow_went(for_good=True)
        self._connect(Happened("lost", reason))
        return self._flush()

    def description_made(self, call_id: str, ref: int, sdp: str) -> list[Output]:
        """The media made the description that was wanted."""
        return self._call_input(call_id, Described(ref, sdp))

    def description_failed(
        self, call_id: str, ref: int, code: int, message: str, warning: str | None = None
    ) -> list[Output]:
        """The media could not make a description, or could not apply an answer."""
        return self._call_input(call_id, NotDescribed(ref, code, message, warning))

    def media_failed(self, call_id: str, reason: str) -> list[Output]:
        """ICE or DTLS failed: the call ends by BYE."""
        return self._call_input(call_id, PathFailed(reason))

    def respond(
        self, key: str, status: int, reason: str | None = None, headers: Headers = (), body: bytes = b""
    ) -> list[Output]:
        """A server answers a request that was put out as `RequestReceived`."""
        content_type = next((value for name, value in headers if name.lower() == "content-type"), None)
        self._layer.reply(Reply(key, status, reason, headers, body, content_type))
        return self._flush()

    def admit(self, key: str, call_id: str) -> list[Output]:
        """A server accepts an initial INVITE as a call; `CallReceived` follows, and nothing is said to the caller."""
        request = self._layer.request_of(key)
        if request is not None:
            self._calls.ring(key, request, call_id)
        return self._flush()

    def _call_input(self, call_id: str, given: SessionInput) -> list[Output]:
        self._calls.step(call_id, given)
        return self._flush()

    # --- outputs -----------------------------------------------------------------------------------------------------

    def _put(self, output: Output) -> None:
        self._outputs.append(output)

    def _flush(self) -> list[Output]:
        leaving = self._connection.phase is ConnectionPhase.LEAVING
        if leaving and self._registration.busy is None and self._calls.are_closed:
            self._connect(Quiet())
        self._calls.forget_closed()
        outputs, self._outputs = self._outputs, []
        return outputs

    # --- the connection and the registration -------------------------------------------------------------------------

    def _connect(self, given: connections.ConnectionInput) -> None:
        before = self._connection.phase
        self._connection, outputs = connections.step(self._connection, given, self._now(), self._ids.random())
        phase = self._connection.phase
        self._layer.is_away = phase in _AWAY
        for output in outputs:
            match output:
                case connections.BeginRegistration():
                    self._register(registrations.begin(self._registration))
                case connections.RemoveRegistration():
                    self._register(registrations.remove(self._registration))
                case connections.Ping():
                    self._ping()
                case connections.Sever():
                    self._flow_went(for_good=output.final)
                case _:
                    self._put(output)
        if phase is ConnectionPhase.UP and before is not ConnectionPhase.UP:
            self._layer.flow_came()

    def _register(self, step: registrations.Step) -> None:
        self._registration, outputs = step
        for output in outputs:
            match output:
                case registrations.SendRegister():
                    self._layer.issue(output.draft, (REGISTER, "", str(output.serial)))
                case SetTimer() | CancelTimer():
                    self._put(output)
                case _:
                    if isinstance(output, registrations.Granted):
                        # What the latest 200 says holds, also if it names no route (RFC 3608 section 5).
                        self._layer.service_route = output.service_route
                    self._connect(output)

    def _ping(self) -> None:
        registrar = self._config.registrar
        draft = Draft(
            method="OPTIONS",
            uri=registrar,
            call_id=self._registration.call_id,
            from_=self._registration.address,
            to=NameAddr(registrar),
            authenticate=False,
        )
        self._layer.issue(draft, (PING, "", PING))

    def _flow_went(self, *, for_good: bool) -> None:
        self._register(registrations.forget(self._registration))
        self._calls.flow_went(for_good=for_good)
        self._layer.flow_went(for_good=for_good)

    def _send_message(self, command: SendMessage, token: int | None) -> None:
        target = Uri.parse(command.target)
        sender = self._config.address if command.from_ is None else NameAddr.parse(command.from_)
        draft = Draft(
            method="MESSAGE",
            uri=target,
            call_id=self._ids.token(22),
            from_=sender.with_param("tag", self._ids.token()),
            to=NameAddr(target),
            headers=command.headers,
            body=command.body,
            content_type=command.content_type,
        )
        self._layer.issue(draft, (MESSAGE, draft.call_id, "" if token is None else str(token)))

    def _message_answered(self, owner: Owner, status: int, reason: str) -> None:
        _, call_id, token = owner
        self._layer.forget(MESSAGE, call_id, call_id)
        if token and status < 300:
            self._put(Settle(int(token), status))
        elif token:
            what_to_do = hint("message", status, reason)
            error = CallError(f"the message was not delivered: {status} {reason}{what_to_do}", status, reason)
            self._put(Settle(int(token), None, error))

    # --- what the transaction layer hands up (`TransactionUser`) -----------------------------------------------------

    def response_received(self, owner: Owner, response: Response) -> None:
        match owner[0]:
            case "call":
                self._calls.response_received(owner, response)
            case "register":
                chance = self._ids.random()
                serial = int(owner[2])
                self._register(registrations.answered(self._registration, serial, response, self._now(), chance))
            case "ping":
                self._connect(Happened("pong"))
            case _ if response.status_code >= 200:
                self._message_answered(owner, response.status_code, words_of(response) or response.reason)
            case _:
                pass

    def request_issued(self, owner: Owner, request: Request) -> None:
        if owner[0] == CALL:
            self._calls.request_issued(owner, request)

    def request_failed(self, owner: Owner, code: int, reason: str) -> None:
        match owner[0]:
            case "call":
                self._calls.request_failed(owner, code, reason)
            case "register":
                self._register(registrations.unanswered(self._registration, int(owner[2]), self._now()))
            case "message":
                self._message_answered(owner, code, reason)
            case _:
                pass  # an unanswered OPTIONS: the connection's own timer tells

    def may_repeat(self, owner: Owner) -> bool:
        return owner[0] != CALL or self._calls.may_repeat(owner)

    def request_received(self, key: str, request: Request) -> None:
        call = self._calls.of_request(request)
        if request.to.tag is not None and call is None:
            self._layer.reply(Reply(key, 481))
            return
        refusal = refusal_of(request, key, delegate=self._config.delegate, in_dialog=call is not None)
        if refusal is not None:
            self._layer.reply(refusal)
        elif call is not None:
            self._calls.request_received(call, key, request)
        elif self._layer.is_merged(key, request):
            self._layer.reply(Reply(key, 482))
        elif self._config.delegate:
            self._put(RequestReceived(key, request))
        elif request.method == "INVITE" and self._connection.phase is ConnectionPhase.LEAVING:
            self._layer.reply(Reply(key, 480))  # the user has gone, and every call was ended
        elif request.method == "INVITE" and "Replaces" in request.headers:
            self._calls.replace(key, request, self._ids.token())  # no further call, as the policy has it
        elif request.method == "INVITE":
            self._called(key, request)
        else:
            self._answer(key, request)

    def _called(self, key: str, request: Request) -> None:
        """An INVITE outside a dialog: it rings, unless the user's policy has it refused."""
        party, headers = request.from_, headers_of(request)
        uri, name = strip_parameters(party), party.display_name or None
        call = IncomingCall(remote_uri=uri, remote_display_name=name, headers=RemoteHeaders(headers))
        code = self._refusal_of(call)
        if code is None:
            self._calls.ring(key, request, self._ids.token())
            return
        self._layer.reply(Reply(key, code))
        refused = CallRefused(at=self._now(), remote_uri=uri, remote_display_name=name, code=code, headers=headers)
        self._put(Notify(refused))

    def _answer(self, key: str, request: Request) -> None:
        """OPTIONS or MESSAGE outside a dialog; every other method was refused."""
        self._layer.reply(Reply(key, 200))
        if request.method == "MESSAGE":
            event = MessageReceived(
                at=self._now(),
                from_=strip_parameters(request.from_),
                body=text_of(request),
                content_type=request.content_type or "text/plain",
                headers=headers_of(request),
            )
            self._put(Notify(event))

    def ack_received(self, key: str, request: Request) -> None:
        call = self._calls.of_request(request)
        if call is not None:
            self._calls.request_received(call, key, request)

    def invite_cancelled(self, key: str, request: Request) -> bool:
        return self._calls.cancelled(key, request)

    def tag_of(self, key: str) -> str | None:
        return self._calls.tag_of(key)
