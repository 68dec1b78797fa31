"""A scripted SIP peer: raw text in and out, with helpers that build messages from those that came."""

from collections.abc import Callable, Iterable

from reactivex.testing import TestScheduler

from jzrx.sip.headers import NameAddr
from jzrx.sip.message import Headers, MessageError, Request, Response, parse_message
from jzrx.sip.uri import Uri
from jzrx.testing.wire import Wire
from jzrx.types import Headers as Pairs

__all__ = ["CONTACT", "Peer", "grant", "in_dialog", "request", "respond"]

CONTACT = "<sip:peer@peer.invalid;transport=ws>"
"""Where the peer is reached."""

Answer = int | Iterable[int] | Callable[[Request], Iterable[Response]]
"""How the peer answers a method: a status, several in order, or a function that makes the responses."""


class Peer:
    """The far end of a phone's flow. It answers by `answers` (method: how), and says what the script says.

    At first it grants every REGISTER, answers OPTIONS, BYE, INFO, MESSAGE, PRACK, UPDATE and CANCEL with 200 (and the
    cancelled INVITE with 487), and leaves every INVITE to the script. `received` is everything that arrived.
    """

    def __init__(self, scheduler: TestScheduler, delay: float = 0.01) -> None:
        self.wire = Wire(scheduler, delay)
        self.wire.far = self._arrived
        self.received: list[Request | Response] = []
        self.answers: dict[str, Answer] = {
            "REGISTER": lambda register: [grant(register)],
            "CANCEL": self._cancelled,
            **dict.fromkeys(("OPTIONS", "BYE", "INFO", "MESSAGE", "PRACK", "UPDATE"), 200),
        }

    def say(self, message: Request | Response | str | bytes) -> None:
        """Send a message, or a raw frame."""
        self.wire.deliver_later(message if isinstance(message, str | bytes) else bytes(message))

    def last(self, method: str) -> Request:
        """The latest request of that method."""
        return next(m for m in reversed(self.received) if isinstance(m, Request) and m.method == method)

    def last_response(self, status: int) -> Response:
        """The latest response with that status."""
        return next(m for m in reversed(self.received) if isinstance(m, Response) and m.status_code == status)

    def reply(
        self,
        method: str,
        status: int,
        reason: str | None = None,
        *,
        headers: Pairs = (),
        sdp: str | None = None,
        tag: str = "peer",
    ) -> None:
        """Respond to the latest request of that method."""
        self.say(respond(self.last(method), status, reason, headers=headers, sdp=sdp, tag=tag))

    def _arrived(self, frame: str) -> None:
        try:
            message = parse_message(frame)
        except MessageError:
            return  # a refusal that repeats the malformed headers of what the script said
        self.received.append(message)
        if not isinstance(message, Request):
            return
        answer = self.answers.get(message.method, ())
        if callable(answer):
            responses = answer(message)
        else:
            statuses = (answer,) if isinstance(answer, int) else answer
            responses = [respond(message, status) for status in statuses]
        for response in responses:
            self.say(response)

    def _cancelled(self, cancel: Request) -> Iterable[Response]:
        return respond(cancel, 200), respond(self.last("INVITE"), 487)


def respond(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    headers: Pairs = (),
    sdp: str | None = None,
    tag: str = "peer",
) -> Response:
    """A response to `request`; one to INVITE below 300 has the peer's Contact. `tag` is the peer's To tag."""
    fields = Headers(headers)
    if request.method == "INVITE" and 100 < status < 300 and "Contact" not in fields:
        fields = fields.add("Contact", CONTACT)
    response = request.response(status, reason, to_tag=None if status == 100 else tag, headers=fields)
    return response if sdp is None else response.with_body(sdp.encode(), "application/sdp")


def grant(register: Request, expires: int | None = None, *, headers: Pairs = ()) -> Response:
    """A 200 to REGISTER that grants `expires` seconds, or else what was asked for."""
    granted = register.expires if expires is None else expires
    contact = str(NameAddr(register.contacts[0].uri).with_param("expires", str(granted)))
    return respond(register, 200, headers=(("Contact", contact), *headers))


def request(
    method: str,
    *,
    to: str = "<sip:alice@example.com>",
    from_: str = '"Bob" <sip:bob@example.com>;tag=peer',
    uri: str = "sip:alice@example.com",
    call_id: str = "call-of-peer",
    number: int = 1,
    branch: str | None = None,
    headers: Pairs = (),
    sdp: str | None = None,
    body: bytes = b"",
    content_type: str | None = None,
) -> Request:
    """A request of the peer. The branch follows from Call-ID, number and method, so that a CANCEL is its INVITE's."""
    kind = "INVITE" if method == "CANCEL" else method
    pairs = [
        ("Via", f"SIP/2.0/WS peer.invalid;branch={branch or f'z9hG4bK-{call_id}-{number}-{kind}'}"),
        ("Max-Forwards", "70"),
        ("From", from_),
        ("To", to),
        ("Call-ID", call_id),
        ("CSeq", f"{number} {method}"),
        *([("Contact", CONTACT)] if method in ("INVITE", "UPDATE") and "Contact" not in dict(headers) else []),
        *headers,
    ]
    made = Request(method, Uri.parse(uri), Headers(pairs))
    if sdp is not None:
        body, content_type = sdp.encode(), "application/sdp"
    return made.with_body(body, content_type)


def in_dialog(
    method: str,
    known: Request | Response,
    *,
    number: int = 2,
    tag: str = "peer",
    branch: str | None = None,
    headers: Pairs = (),
    sdp: str | None = None,
    body: bytes = b"",
    content_type: str | None = None,
) -> Request:
    """A request of the peer in a dialog: that of the phone's INVITE, or of the phone's response to the peer's."""
    if isinstance(known, Request):
        ours, theirs = known.to if known.to.tag else known.to.with_param("tag", tag), known.from_
    else:
        ours, theirs = known.from_, known.to
    return request(
        method,
        to=str(theirs),
        from_=str(ours),
        uri=str(known.contacts[0].uri),
        call_id=known.call_id,
        number=number,
        branch=branch,
        headers=headers,
        sdp=sdp,
        body=body,
        content_type=content_type,
    )
