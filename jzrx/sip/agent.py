"""The SIP user agent: routes inputs to the machines, and what they decide back out. Sans I/O.

    frame ──> transaction ──> session │ registration │ connection      (the machines: frozen states, `step`)
                                 └──> outputs, performed in order by the shell (`engine.py`)

One agent serves one flow. A phone's agent registers, answers OPTIONS and MESSAGE, and lets INVITEs ring; a server's
(`AgentConfig.delegate`) puts requests outside a dialog out and is told what to do with them.
"""

import logging
from collections.abc import Callable

from jzrx.commands import (
    Command,
    Connect,
    Dial,
    Disconnect,
    HangUp,
    Register,
    SendMessage,
    Unregister,
)
from jzrx.errors import CallError
from jzrx.events import MessageReceived
from jzrx.sip import connection as connections
from jzrx.sip import registration as registrations
from jzrx.sip.admission import refusal_of
from jzrx.sip.causes import headers_of, words_of
from jzrx.sip.config import AgentConfig
from jzrx.sip.connection import Ask, Connection, ConnectionPhase, Happened, Quiet
from jzrx.sip.dialog import dialog_of_request, strip_parameters
from jzrx.sip.drafts import Draft, in_dialog
from jzrx.sip.exchanges import ALLOW, Exchange, Exchanges, Owner, cancel_of
from jzrx.sip.headers import NameAddr
from jzrx.sip.machine import CancelTimer, Ids, Notify, Output, RequestReceived, Send, SetTimer, Settle, TimerKey
from jzrx.sip.message import Headers, MessageError, Request, Response, parse_message
from jzrx.sip.registration import Registration
from jzrx.sip.session import step as step_session
from jzrx.sip.session.callee import ring
from jzrx.sip.session.state import (
    Acknowledge,
    Answered,
    Asked,
    CancelInvite,
    Cancelled,
    Described,
    FlowFailed,
    Issue,
    Moment,
    NotDescribed,
    PathFailed,
    Phase,
    Received,
    Repeat,
    Reply,
    Session,
    SessionInput,
    SessionOutput,
    TimerFired,
    Unanswered,
)
from jzrx.sip.status import reason_phrase
from jzrx.sip.transactions import (
    ClientTransaction,
    Deliver,
    Expired,
    ServerTransaction,
    StartTimer,
    StopTimer,
    TransactionOutput,
    Transmit,
    client_key,
    server_key,
    start_client,
    start_server,
    step_client,
    step_server,
)
from jzrx.sip.uri import Uri
from jzrx.types import CallDirection
from jzrx.types import Headers as Pairs

__all__ = ["Agent"]

log = logging.getLogger("jzrx.sip")

CALL, REGISTER, PING, MESSAGE = "call", "register", "ping", "message"
"""The owners of our requests."""
CLIENT_TIMER, SERVER_TIMER = "client", "server"
"""The timers of transactions."""


class Agent:
    """A user agent on one flow. Every input returns the outputs to perform, in order."""

    def __init__(self, config: AgentConfig, *, server: str = "", ids: Ids, now: Callable[[], float]) -> None:
        self._config = config
        self._ids = ids
        self._now = now
        self._out: list[Output] = []
        self._exchanges = Exchanges(config, ids)
        self._clients: dict[str, tuple[ClientTransaction, Exchange]] = {}
        self._servers: dict[str, ServerTransaction] = {}
        self._server_sessions: dict[str, str] = {}
        self._sessions: dict[str, Session] = {}
        self._dialogs: dict[tuple[str, str], str] = {}
        self._unsent: list[Request] = []
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
        )

    # --- inputs ----------------------------------------------------------------------------------------------------

    def ask(self, command: Command, token: int | None = None) -> list[Output]:
        """The user asks. A `Settle` with the token comes out once, now or later."""
        match command:
            case Connect():
                self._connect(Ask("connect", token))
            case Disconnect():
                for call in list(self._sessions):
                    self._step(call, Asked(HangUp(call_id=call, code=480), None))
                self._connect(Ask("disconnect", token))
            case Register():
                self._connect(Ask("register", token))
            case Unregister():
                self._connect(Ask("unregister", token))
            case Dial():
                self._dial(command, token)
            case SendMessage():
                self._send_message(command, token)
            case _:
                if command.call_id in self._sessions:
                    self._step(command.call_id, Asked(command, token))
                elif token is not None:
                    gone = None if isinstance(command, HangUp) else CallError("the call has ended", 481)
                    self._out.append(Settle(token, None, gone))
        return self._flush()

    def frame_received(self, frame: bytes | str) -> list[Output]:
        """A WebSocket frame arrived, text or binary."""
        try:
            message = parse_message(frame)
        except MessageError as error:
            log.info("refused a malformed message: %s", error)
            refusal = error.refusal(self._ids.token())
            if refusal is not None:
                self._out.append(Send(refusal))
            return self._flush()
        if isinstance(message, Response):
            self._response_received(message)
        else:
            self._request_received(message)
        return self._flush()

    def timer_fired(self, key: TimerKey) -> list[Output]:
        """A timer that we set fired."""
        kind, which, name = key
        match kind:
            case "client" if which in self._clients:
                transaction, exchange = self._clients[str(which)]
                self._client_stepped(str(which), exchange, *step_client(transaction, name))
            case "server" if which in self._servers:
                self._server_stepped(str(which), *step_server(self._servers[str(which)], name))
            case "call" if which in self._sessions:
                self._step(str(which), TimerFired(name))
            case "registration":
                self._register(registrations.timer_fired(self._registration, name, self._now()))
            case "connection":
                self._connect(Happened("timer", name))
            case _:
                pass  # what it belonged to is over
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
            self._flow_gone(final=True)
        self._connect(Happened("lost", reason))
        return self._flush()

    def description_made(self, call_id: str, ref: int, sdp: str) -> list[Output]:
        """The media made the description that was wanted."""
        self._step(call_id, Described(ref, sdp))
        return self._flush()

    def description_failed(
        self, call_id: str, ref: int, code: int, message: str, warning: str | None = None
    ) -> list[Output]:
        """The media could not make a description, or could not apply an answer."""
        self._step(call_id, NotDescribed(ref, code, message, warning))
        return self._flush()

    def media_failed(self, call_id: str, reason: str) -> list[Output]:
        """ICE or DTLS failed: the call ends by BYE."""
        self._step(call_id, PathFailed(reason))
        return self._flush()

    def respond(
        self, key: str, status: int, reason: str | None = None, headers: Pairs = (), body: bytes = b""
    ) -> list[Output]:
        """A server answers a request that was put out as `RequestReceived`."""
        content_type = next((value for name, value in headers if name.lower() == "content-type"), None)
        self._reply(Reply(key, status, reason, headers, body, content_type), self._ids.token())
        return self._flush()

    def admit(self, key: str, call_id: str) -> list[Output]:
        """A server accepts an initial INVITE as a call; `CallReceived` follows, and nothing is said to the caller."""
        if key in self._servers:
            self._ring(key, self._servers[key].request, call_id)
        return self._flush()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to finish: no call, no transaction."""
        return not self._sessions and not self._clients and not self._servers

    def _flush(self) -> list[Output]:
        out, self._out = self._out, []
        return out

    # --- the connection and the registration ------------------------------------------------------------------------

    def _connect(self, given: connections.ConnectionInput) -> None:
        before = self._connection.phase
        self._connection, outputs = connections.step(self._connection, given, self._now(), self._ids.random())
        for output in outputs:
            match output:
                case connections.BeginRegistration():
                    self._register(registrations.begin(self._registration))
                case connections.RemoveRegistration():
                    self._register(registrations.remove(self._registration))
                case connections.Ping():
                    self._ping()
                case connections.Sever():
                    self._flow_gone(final=output.final)
                case _:
                    self._out.append(output)
        if before is not self._connection.phase is ConnectionPhase.UP:
            unsent, self._unsent = self._unsent, []
            self._out += [Send(request) for request in unsent]
        self._leave_when_quiet()

    def _leave_when_quiet(self) -> None:
        if self._connection.phase is ConnectionPhase.LEAVING and self._registration.busy is None:
            if all(session.phase is Phase.CLOSED for session in self._sessions.values()):
                self._connect(Quiet())

    def _register(self, step: registrations.Step) -> None:
        self._registration, outputs = step
        for output in outputs:
            match output:
                case registrations.SendRegister():
                    self._issue(output.draft, (REGISTER, "", REGISTER))
                case SetTimer() | CancelTimer():
                    self._out.append(output)
                case _:
                    self._connect(output)

    def _ping(self) -> None:
        address = self._config.address.with_param("tag", self._ids.token())
        registrar = self._config.registrar
        draft = Draft(
            method="OPTIONS",
            uri=registrar,
            call_id=self._ids.token(22),
            from_=address,
            to=NameAddr(registrar),
            authenticate=False,
        )
        self._issue(draft, (PING, "", PING))

    def _flow_gone(self, *, final: bool) -> None:
        """What was sent over the flow is not going to be answered; a BYE is sent again over the next one."""
        self._register(registrations.forget(self._registration))
        unanswered = [
            (key, exchange) for key, (transaction, exchange) in self._clients.items() if transaction.state != "accepted"
        ]
        for key, exchange in unanswered:
            if exchange.request.method == "BYE" and not final:
                self._unsent.append(exchange.request)
                continue
            self._drop_client(key)
            self._failed(exchange, 503, "The connection was lost")
        for key, transaction in list(self._servers.items()):
            if transaction.state != "accepted":
                self._drop_server(key)
        for call in list(self._sessions):
            self._step(call, FlowFailed())
            if final and call in self._sessions:
                hang_up = HangUp(call_id=call, cause_code=503, cause_reason="The connection was lost", by_system=True)
                self._step(call, Asked(hang_up, None))
        if final:
            for key, (_, exchange) in list(self._clients.items()):
                self._drop_client(key)
                self._failed(exchange, 503, "The connection was lost")
            self._unsent.clear()

    # --- our requests ------------------------------------------------------------------------------------------------

    def _issue(self, draft: Draft, owner: Owner) -> None:
        self._begin_exchange(self._exchanges.begin(draft, owner))

    def _begin_exchange(self, exchange: Exchange) -> None:
        key = client_key(exchange.request)
        self._client_stepped(key, exchange, *start_client(exchange.request))

    def _client_stepped(
        self, key: str, exchange: Exchange, transaction: ClientTransaction | None, outputs: list[TransactionOutput]
    ) -> None:
        if transaction is None:
            self._drop_client(key)
        else:
            self._clients[key] = (transaction, exchange)
        for output in outputs:
            match output:
                case Transmit(message):
                    self._transmit(message)
                case StartTimer(name, delay):
                    self._out.append(SetTimer((CLIENT_TIMER, key, name), delay))
                case StopTimer(name):
                    self._out.append(CancelTimer((CLIENT_TIMER, key, name)))
                case Expired():
                    self._failed(exchange, 408, "No answer")
                case Deliver(message):
                    assert isinstance(message, Response)
                    self._deliver(exchange, message)

    def _transmit(self, message: Request | Response) -> None:
        phase = self._connection.phase
        absent = phase in (ConnectionPhase.WAITING, ConnectionPhase.REOPENING, ConnectionPhase.REREGISTERING)
        if isinstance(message, Request) and message.method != "REGISTER" and absent:
            self._unsent.append(message)
        else:
            self._out.append(Send(message))

    def _drop_client(self, key: str) -> None:
        if self._clients.pop(key, None) is not None:
            self._out += [CancelTimer((CLIENT_TIMER, key, name)) for name in ("B", "F", "M")]
            self._forget_closed()

    def _response_received(self, response: Response) -> None:
        # "If more than one Via header field value is present in a response, the UAC SHOULD discard the message"
        # (RFC 3261 section 8.1.3.3).
        known = self._clients.get(client_key(response)) if len(response.vias) == 1 else None
        if known is None:
            log.info("dropped a response that answers nothing: %s %s", response.status_code, response.cseq.method)
            return
        transaction, exchange = known
        self._client_stepped(client_key(response), exchange, *step_client(transaction, response))

    def _deliver(self, exchange: Exchange, response: Response) -> None:
        if response.status_code in (401, 407):
            again = self._exchanges.again(exchange, response)
            if again is not None and not self._is_cancelled(exchange.owner):
                self._begin_exchange(again)
                return
        kind, which, tag = exchange.owner
        match kind:
            case "call":
                self._step(which, Answered(tag, response))
            case "register":
                self._register(registrations.answered(self._registration, response, self._now(), self._ids.random()))
            case "ping":
                self._connect(Happened("pong"))
            case "message" if response.status_code >= 200:
                self._message_answered(tag, response.status_code, words_of(response) or response.reason)
            case _:
                pass

    def _is_cancelled(self, owner: Owner) -> bool:
        session = self._sessions.get(owner[1]) if owner[0] == CALL else None
        return session is not None and session.ended and owner[2] == "invite"

    def _failed(self, exchange: Exchange, code: int, reason: str) -> None:
        kind, which, tag = exchange.owner
        match kind:
            case "call":
                self._step(which, Unanswered(tag, code, reason))
            case "register":
                self._register(registrations.unanswered(self._registration, self._now()))
            case "message":
                self._message_answered(tag, code, reason)
            case _:
                pass

    # --- requests of the other side ----------------------------------------------------------------------------------

    def _request_received(self, request: Request) -> None:
        key = server_key(request)
        if request.method == "ACK":
            self._ack_received(key, request)
            return
        if key in self._servers and request.method != "CANCEL":
            self._server_stepped(key, *step_server(self._servers[key], request))
            return
        if request.method == "CANCEL":
            self._cancel_received(request)
            return
        trying = request.response(100) if request.method == "INVITE" else None
        self._server_stepped(key, *start_server(request, trying))

    def _ack_received(self, key: str, request: Request) -> None:
        if key in self._servers and self._servers[key].state == "completed":
            self._server_stepped(key, *step_server(self._servers[key], request))
            return
        call = self._dialogs.get((request.call_id, request.to.tag or ""))
        if call is not None:
            self._step(call, Received(request, key))

    def _cancel_received(self, request: Request) -> None:
        key = server_key(request.replace(method="INVITE"))
        invite = self._servers.get(key)
        status = 481 if invite is None else 200
        # "the To tag of the response to the CANCEL and the To tag in the response to the original request SHOULD be
        # the same" (section 9.2).
        session = self._sessions.get(self._server_sessions.get(key, ""))
        tag = session.local.tag if session is not None else self._ids.token()
        self._out.append(Send(request.response(status, to_tag=tag)))
        if invite is None or invite.is_answered:
            return
        if session is not None:
            self._step(session.id, Cancelled(request))
        else:
            self._reply(Reply(key, 487), tag)

    def _server_stepped(
        self, key: str, transaction: ServerTransaction | None, outputs: list[TransactionOutput]
    ) -> None:
        if transaction is None:
            self._drop_server(key)
        else:
            self._servers[key] = transaction
        for output in outputs:
            match output:
                case Transmit(message):
                    self._out.append(Send(message))
                case StartTimer(name, delay):
                    self._out.append(SetTimer((SERVER_TIMER, key, name), delay))
                case StopTimer(name):
                    self._out.append(CancelTimer((SERVER_TIMER, key, name)))
                case Deliver(message):
                    assert isinstance(message, Request)
                    self._dispatch(key, message)
                case Expired():
                    pass

    def _drop_server(self, key: str) -> None:
        self._server_sessions.pop(key, None)
        if self._servers.pop(key, None) is not None:
            self._out += [CancelTimer((SERVER_TIMER, key, name)) for name in ("H", "L")]

    def _dispatch(self, key: str, request: Request) -> None:
        """A new request: into its dialog, or to whoever takes what comes outside of one."""
        call = self._dialogs.get((request.call_id, request.to.tag or ""))
        if request.to.tag is not None and call is None:
            self._reply(Reply(key, 481), None)
            return
        refusal = refusal_of(request, key, delegate=self._config.delegate, in_dialog=call is not None)
        if refusal is not None:
            self._reply(refusal, self._ids.token())
        elif call is not None:
            self._server_sessions[key] = call
            self._step(call, Received(request, key))
        elif self._is_merged(key, request):
            self._reply(Reply(key, 482), self._ids.token())
        elif self._config.delegate:
            self._out.append(RequestReceived(key, request))
        elif request.method == "INVITE":
            self._ring(key, request, self._ids.token())
        else:
            self._answer(key, request)

    def _is_merged(self, key: str, request: Request) -> bool:
        """Whether the request came before along another path (RFC 3261 section 8.2.2.2)."""
        return any(
            other != key
            and known.request.call_id == request.call_id
            and known.request.cseq == request.cseq
            and known.request.from_.tag == request.from_.tag
            for other, known in self._servers.items()
        )

    def _answer(self, key: str, request: Request) -> None:
        """OPTIONS or MESSAGE outside a dialog; every other method was refused."""
        self._reply(Reply(key, 200), self._ids.token())
        if request.method == "MESSAGE":
            event = MessageReceived(
                at=self._now(),
                from_=strip_parameters(request.from_),
                body=request.body.decode("utf-8", "replace"),
                content_type=request.content_type or "text/plain",
                headers=headers_of(request),
            )
            self._out.append(Notify(event))

    def _reply(self, reply: Reply, to_tag: str | None) -> None:
        transaction = self._servers.get(reply.key)
        if transaction is None or transaction.is_answered:
            return
        request = transaction.request
        headers = Headers(reply.headers)
        if request.method == "INVITE" and 100 < reply.status < 300:
            # RFC 3261 section 12.1.1: a response that makes a dialog copies Record-Route and carries a Contact.
            contact = Headers([("Contact", str(NameAddr(self._config.contact))), ("Allow", ALLOW)])
            headers = request.headers.select("Record-Route") + contact + headers
        elif request.method == "OPTIONS" or reply.status in (405, 501):
            headers = headers.set("Allow", ALLOW)
        if self._config.user_agent is not None:
            headers = headers.add("Server", self._config.user_agent)
        response = request.response(
            reply.status, reply.reason or reason_phrase(reply.status), to_tag=to_tag, headers=headers
        ).with_body(reply.body, reply.content_type)
        self._server_stepped(reply.key, *step_server(transaction, response))

    # --- calls -------------------------------------------------------------------------------------------------------

    def _dial(self, command: Dial, token: int | None) -> None:
        target = Uri.parse(command.target)
        address = self._config.address if command.from_ is None else NameAddr.parse(command.from_)
        session = Session(
            id=command.call_id,
            direction=CallDirection.OUTBOUND,
            phase=Phase.OFFERING,
            call_id=self._ids.token(22),
            local=address.with_param("tag", self._ids.token()),
            remote=NameAddr(target),
            target=target,
            headers=command.headers,
        )
        self._admit(session)
        self._step(session.id, Asked(command, token))

    def _ring(self, key: str, request: Request, call_id: str) -> None:
        dialog = dialog_of_request(request, self._ids.token())
        session = Session(
            id=call_id,
            direction=CallDirection.INBOUND,
            phase=Phase.RINGING,
            call_id=request.call_id,
            local=dialog.local,
            remote=dialog.remote,
            target=dialog.remote_target,
            invite=request,
            invite_key=key,
            dialog=dialog,
        )
        self._admit(session)
        self._server_sessions[key] = call_id
        session, outputs = ring(session, request, self._moment(), say_so=not self._config.delegate)
        self._stepped(session, outputs)

    def _admit(self, session: Session) -> None:
        self._sessions[session.id] = session
        self._dialogs[session.call_id, session.local.tag or ""] = session.id

    def _moment(self) -> Moment:
        return Moment(self._now(), self._ids.random())

    def _step(self, call: str, given: SessionInput) -> None:
        session = self._sessions.get(call)
        if session is not None:
            self._stepped(*step_session(session, given, self._moment()))

    def _stepped(self, session: Session, outputs: list[SessionOutput]) -> None:
        self._sessions[session.id] = session
        for output in outputs:
            match output:
                case Issue():
                    self._issue(output.draft, (CALL, session.id, output.tag))
                case CancelInvite():
                    self._cancel((CALL, session.id, output.tag))
                case Acknowledge():
                    self._acknowledge(session, output)
                case Reply():
                    self._reply(output, session.local.tag)
                case Repeat():
                    known = self._servers.get(output.key)
                    if known is not None and known.response is not None:
                        self._out.append(Send(known.response))
                case _:
                    self._out.append(output)
        self._forget_closed()
        self._leave_when_quiet()

    def _exchange_of(self, owner: Owner) -> Exchange | None:
        return next((exchange for _, exchange in self._clients.values() if exchange.owner == owner), None)

    def _cancel(self, owner: Owner) -> None:
        exchange = self._exchange_of(owner)
        if exchange is not None:
            cancel = cancel_of(exchange.request)
            self._begin_exchange(Exchange(exchange.draft, (CALL, owner[1], "cancel"), cancel))

    def _acknowledge(self, session: Session, acknowledge: Acknowledge) -> None:
        ack = self._exchanges.complete(in_dialog(acknowledge.dialog, "ACK"), number=acknowledge.number)
        # "The ACK MUST contain the same credentials as the INVITE" (RFC 3261 section 13.2.2.4).
        for _, exchange in self._clients.values():
            request = exchange.request
            if request.call_id == session.call_id and request.cseq.number == acknowledge.number:
                ack = ack.with_headers(ack.headers + request.headers.select("Authorization", "Proxy-Authorization"))
        self._out.append(Send(ack))

    def _forget_closed(self) -> None:
        """A closed session stays while its INVITE may still bring a 2xx that wants an ACK."""
        for call, session in list(self._sessions.items()):
            if session.phase is not Phase.CLOSED:
                continue
            for key, (transaction, exchange) in list(self._clients.items()):
                if exchange.owner[:2] == (CALL, call) and transaction.state != "accepted":
                    del self._clients[key]
                    self._out += [CancelTimer((CLIENT_TIMER, key, name)) for name in ("B", "F", "M")]
            if not any(exchange.owner[:2] == (CALL, call) for _, exchange in self._clients.values()):
                del self._sessions[call]
                self._dialogs.pop((session.call_id, session.local.tag or ""), None)
                self._exchanges.forget(session.call_id)

    # --- messages ----------------------------------------------------------------------------------------------------

    def _send_message(self, command: SendMessage, token: int | None) -> None:
        target = Uri.parse(command.target)
        draft = Draft(
            method="MESSAGE",
            uri=target,
            call_id=self._ids.token(22),
            from_=self._config.address.with_param("tag", self._ids.token()),
            to=NameAddr(target),
            headers=command.headers,
            body=command.body,
            content_type=command.content_type,
        )
        self._issue(draft, (MESSAGE, draft.call_id, str(token if token is not None else "")))

    def _message_answered(self, tag: str, status: int, reason: str) -> None:
        if not tag:
            return
        if status < 300:
            self._out.append(Settle(int(tag), status))
        else:
            error = CallError(f"the message was not delivered: {status} {reason}", status, reason)
            self._out.append(Settle(int(tag), None, error))
