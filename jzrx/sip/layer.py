"""The transaction layer of a user agent: messages in and out, each in its transaction (RFC 3261 sections 8 and 17).

Above it stands the transaction user, which hears of responses by owner and of requests by key, and never sees a
challenge that our credentials answer. While the flow is away requests wait for the next one.
"""

import logging
from collections.abc import Callable
from typing import Protocol

from jzrx.sip.config import AgentConfig
from jzrx.sip.dialog import Dialog
from jzrx.sip.drafts import Draft, along, in_dialog
from jzrx.sip.exchanges import ACCEPT, ALLOW, SUPPORTED, Exchange, Exchanges, Owner, cancel_of
from jzrx.sip.headers import NameAddr
from jzrx.sip.machine import CancelTimer, Ids, Output, Send, SetTimer
from jzrx.sip.message import Headers, MessageError, Request, Response, parse_message
from jzrx.sip.session.state import Reply
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

__all__ = ["CLIENT_TIMER", "SERVER_TIMER", "TransactionLayer", "TransactionUser"]

log = logging.getLogger("jzrx.sip")

CLIENT_TIMER, SERVER_TIMER = "client", "server"
"""The first parts of the timer keys."""

LOST = (503, "The connection was lost")


class TransactionUser(Protocol):
    """What stands above the layer."""

    def response_received(self, owner: Owner, response: Response) -> None:
        """A response to a request of `owner`."""
        ...

    def request_issued(self, owner: Owner, request: Request) -> None:
        """A request of `owner` is about to be sent, the first time or with new credentials."""
        ...

    def request_failed(self, owner: Owner, code: int, reason: str) -> None:
        """A request of `owner` gets no final response: 408 for a timeout, 503 for a lost flow."""
        ...

    def may_repeat(self, owner: Owner) -> bool:
        """Whether a challenged request of `owner` is still wanted."""
        ...

    def request_received(self, key: str, request: Request) -> None:
        """A new request, to be answered by `reply` in the transaction `key`."""
        ...

    def ack_received(self, key: str, request: Request) -> None:
        """An ACK to a 2xx of ours."""
        ...

    def invite_cancelled(self, key: str, request: Request) -> bool:
        """The unanswered INVITE in the transaction `key` was cancelled; False if nobody serves it."""
        ...

    def tag_of(self, key: str) -> str | None:
        """The To tag of what serves the transaction `key`, if something does."""
        ...


class TransactionLayer:
    """All transactions of one flow. `out` takes what the shell is to do."""

    def __init__(self, config: AgentConfig, ids: Ids, user: TransactionUser, out: Callable[[Output], None]) -> None:
        self._config = config
        self._ids = ids
        self._user = user
        self._out = out
        self._exchanges = Exchanges(config, ids)
        self._clients: dict[str, tuple[ClientTransaction, Exchange]] = {}
        self._servers: dict[str, ServerTransaction] = {}
        self._unsent: list[Request] = []
        self.is_away = False
        """Whether there is no flow now but is going to be one: requests but REGISTER wait."""
        self.service_route: tuple[NameAddr, ...] = ()
        """The route of our requests outside a dialog, as the registrar has given it (RFC 3608)."""

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is left."""
        return not self._clients and not self._servers

    # --- our requests ------------------------------------------------------------------------------------------------

    def issue(self, draft: Draft, owner: Owner) -> None:
        """Send a request; `owner` hears of its responses."""
        if draft.to.tag is None and draft.method != "REGISTER" and self.service_route:
            draft = along(draft, self.service_route)
        self._begin(self._exchanges.begin(draft, owner))

    def cancel(self, owner: Owner, cancel_owner: Owner) -> None:
        """Send a CANCEL for the INVITE of `owner`."""
        for _, exchange in list(self._clients.values()):
            if exchange.owner == owner:
                self._begin(Exchange(exchange.draft, cancel_owner, cancel_of(exchange.request)))

    def acknowledge(self, dialog: Dialog, number: int) -> None:
        """Send the ACK to a 2xx."""
        ack = self._exchanges.complete(in_dialog(dialog, "ACK"), number=number)
        # "The ACK MUST contain the same credentials as the INVITE" (RFC 3261 section 13.2.2.4).
        for _, exchange in self._clients.values():
            request = exchange.request
            if request.call_id == dialog.call_id and request.cseq.number == number:
                ack = ack.with_headers(ack.headers + request.headers.select("Authorization", "Proxy-Authorization"))
        self._out(Send(ack))

    def _begin(self, exchange: Exchange) -> None:
        self._user.request_issued(exchange.owner, exchange.request)
        self._client_stepped(client_key(exchange.request), exchange, *start_client(exchange.request))

    def _client_stepped(
        self, key: str, exchange: Exchange, transaction: ClientTransaction | None, outputs: list[TransactionOutput]
    ) -> None:
        if transaction is None:
            self._drop_client(key)
        else:
            self._clients[key] = (transaction, exchange)
        for output in outputs:
            match output:
                case Transmit(Request() as request) if self.is_away and request.method != "REGISTER":
                    self._unsent.append(request)
                case Transmit(message):
                    self._out(Send(message))
                case StartTimer(name, delay):
                    self._out(SetTimer((CLIENT_TIMER, key, name), delay))
                case StopTimer(name):
                    self._out(CancelTimer((CLIENT_TIMER, key, name)))
                case Deliver(Response() as response):
                    self._deliver(exchange, response)
                case Expired():
                    # What never left because the flow is away was not ignored by anybody.
                    waits = exchange.request in self._unsent
                    if waits and exchange.request.method != "BYE":
                        self._unsent.remove(exchange.request)
                    self._user.request_failed(exchange.owner, *(LOST if waits else (408, "No Answer")))
                case Deliver():
                    pass  # a client transaction delivers responses only

    def _deliver(self, exchange: Exchange, response: Response) -> None:
        if response.status_code in (401, 407) and self._user.may_repeat(exchange.owner):
            again = self._exchanges.again(exchange, response)
            if again is not None:
                self._begin(again)
                return
        self._user.response_received(exchange.owner, response)

    def _drop_client(self, key: str) -> None:
        if self._clients.pop(key, None) is not None:
            for name in ("B", "F", "M"):
                self._out(CancelTimer((CLIENT_TIMER, key, name)))

    # --- what arrives ------------------------------------------------------------------------------------------------

    def frame_received(self, frame: bytes | str) -> None:
        """A frame arrived; whatever it holds, nothing is raised."""
        try:
            message = parse_message(frame)
        except MessageError as error:
            log.info("refused a malformed message: %s", error)
            refusal = error.refusal(self._ids.token())
            if refusal is not None:
                self._out(Send(refusal))
            return
        if isinstance(message, Response):
            self._response_received(message)
        else:
            self._request_received(message)

    def timer_fired(self, kind: str, key: str, name: str) -> None:
        """A timer of a transaction fired."""
        if kind == CLIENT_TIMER and key in self._clients:
            transaction, exchange = self._clients[key]
            self._client_stepped(key, exchange, *step_client(transaction, name))
        elif kind == SERVER_TIMER and key in self._servers:
            self._server_stepped(key, *step_server(self._servers[key], name))

    def _response_received(self, response: Response) -> None:
        # "If more than one Via header field value is present in a response, the UAC SHOULD discard the message"
        # (RFC 3261 section 8.1.3.3).
        known = self._clients.get(client_key(response)) if len(response.vias) == 1 else None
        if known is None:
            log.info("dropped a response that answers nothing: %s %s", response.status_code, response.cseq.method)
            return
        transaction, exchange = known
        self._client_stepped(client_key(response), exchange, *step_client(transaction, response))

    def _request_received(self, request: Request) -> None:
        key = server_key(request)
        known = self._servers.get(key)
        if request.method == "ACK":
            if known is not None and known.state == "completed":
                self._server_stepped(key, *step_server(known, request))
            else:
                self._user.ack_received(key, request)
        elif request.method == "CANCEL":
            self._cancel_received(request)
        elif known is not None:
            self._server_stepped(key, *step_server(known, request))
        else:
            trying = request.response(100) if request.method == "INVITE" else None
            self._server_stepped(key, *start_server(request, trying))

    def _cancel_received(self, request: Request) -> None:
        key = server_key(request.replace(method="INVITE"))
        invite = self._servers.get(key)
        # "the To tag of the response to the CANCEL and the To tag in the response to the original request SHOULD be
        # the same" (section 9.2).
        tag = self._user.tag_of(key) or self._ids.token()
        self._out(Send(request.response(481 if invite is None else 200, to_tag=tag)))
        if invite is not None and not invite.is_answered and not self._user.invite_cancelled(key, request):
            self.reply(Reply(key, 487), tag)

    def is_merged(self, key: str, request: Request) -> bool:
        """Whether the request came before along another path (RFC 3261 section 8.2.2.2)."""
        return any(
            other != key
            and known.request.call_id == request.call_id
            and known.request.cseq == request.cseq
            and known.request.from_.tag == request.from_.tag
            for other, known in self._servers.items()
        )

    # --- our responses -----------------------------------------------------------------------------------------------

    def request_of(self, key: str) -> Request | None:
        """The request in the transaction `key`, while it waits for its final response."""
        known = self._servers.get(key)
        return None if known is None or known.is_answered else known.request

    def reply(self, reply: Reply, to_tag: str | None = None) -> None:
        """Respond; what is answered already, or gone with its flow, stays as it is."""
        transaction = self._servers.get(reply.key)
        if transaction is None or transaction.is_answered:
            return
        request = transaction.request
        headers = Headers(reply.headers)
        if request.method in ("INVITE", "REFER") and 100 < reply.status < 300:
            # RFC 3261 section 12.1.1: a response that makes a dialog copies Record-Route and carries a Contact.
            headers = request.headers.select("Record-Route") + self._capabilities() + headers
        elif request.method == "UPDATE" and 200 <= reply.status < 300:
            headers = self._capabilities() + headers
        elif request.method == "OPTIONS":
            # "Allow, Accept, Accept-Encoding, Accept-Language, and Supported header fields SHOULD be present in a 200
            # (OK) response to an OPTIONS request" (RFC 3261 section 11.2).
            headers += Headers(
                [
                    *(("Allow", ALLOW), ("Supported", SUPPORTED), ("Accept", ACCEPT)),
                    *(("Accept-Encoding", "identity"), ("Accept-Language", "en")),
                ]
            )
        elif reply.status in (405, 501):
            headers = headers.set("Allow", ALLOW)
        if self._config.user_agent is not None:
            headers = headers.add("Server", self._config.user_agent)
        response = request.response(
            reply.status,
            reply.reason or reason_phrase(reply.status),
            to_tag=to_tag or self._ids.token(),
            headers=headers,
        ).with_body(reply.body, reply.content_type)
        self._server_stepped(reply.key, *step_server(transaction, response))

    def _capabilities(self) -> Headers:
        """Where we are and what we can: in a response that makes a dialog, or refreshes its target."""
        contact = str(NameAddr(self._config.contact))
        return Headers([("Contact", contact), ("Allow", ALLOW), ("Supported", SUPPORTED)])

    def repeat(self, key: str) -> None:
        """Send the last response once more: a 2xx that waits for its ACK, or a provisional one for its PRACK."""
        known = self._servers.get(key)
        if known is not None and known.response is not None:
            self._out(Send(known.response))

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
                    self._out(Send(message))
                case StartTimer(name, delay):
                    self._out(SetTimer((SERVER_TIMER, key, name), delay))
                case StopTimer(name):
                    self._out(CancelTimer((SERVER_TIMER, key, name)))
                case Deliver(Request() as request):
                    self._user.request_received(key, request)
                case Deliver() | Expired():
                    pass  # a server transaction delivers requests only, and nobody waits for its end

    def _drop_server(self, key: str) -> None:
        if self._servers.pop(key, None) is not None:
            for name in ("H", "L"):
                self._out(CancelTimer((SERVER_TIMER, key, name)))

    # --- the flow, and the end ---------------------------------------------------------------------------------------

    def flow_came(self) -> None:
        """There is a flow again: send what waited and is still wanted, as a BYE always is."""
        self.is_away = False
        unsent, self._unsent = self._unsent, []
        for request in unsent:
            if request.method == "BYE" or client_key(request) in self._clients:
                self._out(Send(request))

    def flow_went(self, *, for_good: bool) -> None:
        """What was sent over the flow is not going to be answered. A BYE is sent again over the next flow."""
        for key, (transaction, exchange) in list(self._clients.items()):
            if for_good:
                self._drop_client(key)
                self._user.request_failed(exchange.owner, *LOST)
            elif transaction.state != "accepted" and exchange.request not in self._unsent:
                if exchange.request.method == "BYE":
                    self._unsent.append(exchange.request)
                else:
                    self._drop_client(key)
                    self._user.request_failed(exchange.owner, *LOST)
        for key, answering in list(self._servers.items()):
            if for_good or answering.state != "accepted":
                self._drop_server(key)
        if for_good:
            self._unsent.clear()

    def owns_any(self, kind: str, which: str) -> bool:
        """Whether a client transaction of this owner, whatever its tag, is left that may still bring a 2xx."""
        return any(
            exchange.owner[:2] == (kind, which) and transaction.state == "accepted"
            for transaction, exchange in self._clients.values()
        )

    def forget(self, kind: str, which: str, call_id: str) -> None:
        """The owner is gone for good."""
        for key, (_, exchange) in list(self._clients.items()):
            if exchange.owner[:2] == (kind, which):
                self._drop_client(key)
        self._exchanges.forget(call_id)
