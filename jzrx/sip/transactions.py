"""The four transactions of RFC 3261 section 17, corrected by RFC 6026, on a reliable transport.

    client INVITE      Calling -> Proceeding -> Accepted | (ACK sent) -> gone
    client other       Trying -> Proceeding -> gone
    server INVITE      Proceeding -> Accepted | Completed -> Confirmed -> gone
    server other       Trying -> Proceeding -> gone

Over WebSocket nothing is retransmitted: timers A, E and G do not exist, and D, I, J and K are zero, so those states
are left at once. B, F, H, L and M stay. Timer B runs only in Calling: a phone may ring for minutes.
A step returns the next state, or None when the transaction is gone, and outputs.
"""

from typing import Literal

from attrs import evolve, frozen

from jzrx.sip.machine import TIMEOUT
from jzrx.sip.message import Headers, Request, Response

__all__ = [
    "ClientTransaction",
    "Deliver",
    "Expired",
    "ServerTransaction",
    "StartTimer",
    "StopTimer",
    "Transmit",
    "ack_for_refusal",
    "client_key",
    "server_key",
    "start_client",
    "start_server",
    "step_client",
    "step_server",
]


# --- outputs -------------------------------------------------------------------------------------------------------


@frozen
class Transmit:
    """Send this message."""

    message: Request | Response


@frozen
class Deliver:
    """Hand this message to the transaction user."""

    message: Request | Response


@frozen
class Expired:
    """No final response (client), or no ACK (server), in 64*T1."""


@frozen
class StartTimer:
    """Start a timer of this transaction."""

    name: str
    delay: float


@frozen
class StopTimer:
    """Stop it."""

    name: str


TransactionOutput = Transmit | Deliver | Expired | StartTimer | StopTimer


# --- keys ----------------------------------------------------------------------------------------------------------


def client_key(message: Request | Response) -> str:
    """What matches a response to its request (RFC 3261 section 17.1.3): the topmost branch and the CSeq method."""
    return f"{message.via.branch or ''} {message.cseq.method}"


def server_key(request: Request) -> str:
    """What matches a request to its transaction (RFC 3261 section 17.2.3); an ACK matches the INVITE's."""
    via = request.via
    method = "INVITE" if request.method == "ACK" else request.method
    if via.branch is not None and via.branch.lower().startswith("z9hg4bk"):
        return f"{via.branch} {via.host}:{via.port or ''} {method}"
    # "If the branch parameter in the top Via header field is not present, or does not contain the magic cookie",
    # the identifiers of RFC 2543 are compared instead.
    return f"{request.call_id} {request.cseq.number} {request.from_.tag} {via.host}:{via.port or ''} {method}"


# --- client --------------------------------------------------------------------------------------------------------


@frozen
class ClientTransaction:
    """A request that we sent."""

    request: Request
    state: Literal["calling", "trying", "proceeding", "accepted"]

    @property
    def is_invite(self) -> bool:
        return self.request.method == "INVITE"


def start_client(request: Request) -> tuple[ClientTransaction, list[TransactionOutput]]:
    """Send a request. An ACK to a 2xx has no transaction; do not start one for it."""
    if request.method == "INVITE":
        return ClientTransaction(request, "calling"), [Transmit(request), StartTimer("B", TIMEOUT)]
    return ClientTransaction(request, "trying"), [Transmit(request), StartTimer("F", TIMEOUT)]


def step_client(
    transaction: ClientTransaction, received: Response | str
) -> tuple[ClientTransaction | None, list[TransactionOutput]]:
    """`received` is a response, or the name of the timer that fired."""
    if isinstance(received, str):
        if received == "M":
            return None, []
        if received == "B" and transaction.state != "calling":
            return transaction, []
        return None, [Expired()]
    if transaction.is_invite:
        return _step_invite_client(transaction, received)
    if received.status_code < 200:
        # "Timer F" goes on in Proceeding (section 17.1.2.2): only INVITE may wait for ever.
        return evolve(transaction, state="proceeding"), [Deliver(received)]
    return None, [StopTimer("F"), Deliver(received)]


def _step_invite_client(
    transaction: ClientTransaction, response: Response
) -> tuple[ClientTransaction | None, list[TransactionOutput]]:
    status = response.status_code
    if transaction.state == "accepted":
        # RFC 6026 section 7.2: in Accepted a 2xx goes to the TU, be it a repetition or another fork's; anything else is
        # dropped.
        return transaction, [Deliver(response)] if 200 <= status < 300 else []
    if status < 200:
        if transaction.state == "proceeding":
            return transaction, [Deliver(response)]
        return evolve(transaction, state="proceeding"), [StopTimer("B"), Deliver(response)]
    if status < 300:
        outputs: list[TransactionOutput] = [StopTimer("B"), StartTimer("M", TIMEOUT), Deliver(response)]
        return evolve(transaction, state="accepted"), outputs
    # Section 17.1.1.2: the ACK of a refusal belongs to the transaction. Timer D is zero, so it ends here.
    return None, [StopTimer("B"), Transmit(ack_for_refusal(transaction.request, response)), Deliver(response)]


def ack_for_refusal(invite: Request, response: Response) -> Request:
    """The ACK to a 3xx to 6xx (RFC 3261 section 17.1.1.3): the INVITE's branch, Request-URI, Route and CSeq number,
    and the To of the response."""
    pairs = [("Via", _first_via(invite)), ("Max-Forwards", "70")]
    pairs += [("Route", value) for value in invite.headers.get_all("Route")]
    pairs += [
        ("From", invite.headers.get("From") or ""),
        ("To", response.headers.get("To") or ""),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq.number} ACK"),
        ("Content-Length", "0"),
    ]
    return Request("ACK", invite.uri, Headers(pairs))


def _first_via(request: Request) -> str:
    return request.headers.get_list("Via")[0]


# --- server --------------------------------------------------------------------------------------------------------


@frozen
class ServerTransaction:
    """A request that we received, and the last response to it."""

    request: Request
    state: Literal["trying", "proceeding", "accepted", "completed"]
    response: Response | None = None

    @property
    def is_invite(self) -> bool:
        return self.request.method == "INVITE"

    @property
    def is_answered(self) -> bool:
        """Whether a final response was given."""
        return self.response is not None and self.response.status_code >= 200


def start_server(request: Request, trying: Response | None = None) -> tuple[ServerTransaction, list[TransactionOutput]]:
    """A request arrived. `trying` is the 100 that answers an INVITE at once (section 17.2.1)."""
    if trying is None:
        return ServerTransaction(request, "trying"), [Deliver(request)]
    return ServerTransaction(request, "proceeding", trying), [Transmit(trying), Deliver(request)]


def step_server(
    transaction: ServerTransaction, received: Request | Response | str
) -> tuple[ServerTransaction | None, list[TransactionOutput]]:
    """`received` is a request from the network, a response from the transaction user, or a timer's name."""
    if isinstance(received, str):
        # Timer L ends an accepted INVITE; Timer H means that no ACK came for a refusal, which changes nothing for us.
        return None, []
    if isinstance(received, Response):
        return _respond(transaction, received)
    if received.method == "ACK":
        if transaction.state == "completed":
            return None, [StopTimer("H")]  # Confirmed: Timer I is zero
        # RFC 6026 section 7.1: an ACK in Accepted goes to the TU.
        return transaction, [Deliver(received)] if transaction.state == "accepted" else []
    # A retransmitted request gets the last response again; in Accepted it is absorbed, the TU repeats the 2xx.
    if transaction.response is not None and transaction.state != "accepted":
        return transaction, [Transmit(transaction.response)]
    return transaction, []


def _respond(
    transaction: ServerTransaction, response: Response
) -> tuple[ServerTransaction | None, list[TransactionOutput]]:
    status = response.status_code
    if transaction.is_answered:
        # A final response is final. Only the TU's own repetition of a 2xx passes (RFC 6026 section 7.1).
        if transaction.state == "accepted" and 200 <= status < 300:
            return transaction, [Transmit(response)]
        return transaction, []
    if status < 200:
        return evolve(transaction, state="proceeding", response=response), [Transmit(response)]
    if not transaction.is_invite:
        return None, [Transmit(response)]  # Timer J is zero
    if status < 300:
        return evolve(transaction, state="accepted", response=response), [
            Transmit(response),
            StartTimer("L", TIMEOUT),
        ]
    return evolve(transaction, state="completed", response=response), [Transmit(response), StartTimer("H", TIMEOUT)]
