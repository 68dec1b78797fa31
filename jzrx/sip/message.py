"""SIP messages as immutable values, lossless: what was parsed is never encoded anew. RFC 3261 section 7."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Final, Self

from attrs import evolve, field, frozen

from jzrx.headers import MAX_LINE
from jzrx.sip import readers
from jzrx.sip.fields import FORBIDDEN, LINE_END, NO_HEADERS, STRAY, Headers, decode, readable, split_lines
from jzrx.sip.headers import CSeq, NameAddr, Via, media_type
from jzrx.sip.params import TOKEN_CHARS, is_token, set_field
from jzrx.sip.status import METHODS, reason_phrase
from jzrx.sip.uri import Uri

__all__ = ["Headers", "Message", "MessageError", "Partial", "Request", "Response", "parse_message"]

MAX_SIZE: Final = 65536
"""Octets of a message: what jambonz's WebSocket transport can send."""
MAX_LINES: Final = 256
"""Header lines of a message."""


class Message:
    """What requests and responses share.

    The typed accessors parse on first use and keep the value. On a message from `parse_message` none of them raises;
    on one that was built they raise ValueError if the header is missing or malformed.
    """

    __slots__ = ()

    headers: Headers
    body: bytes
    _wire: bytes | None

    @property
    def start_line(self) -> str:
        """The first line, without CRLF."""
        raise NotImplementedError

    @property
    def vias(self) -> tuple[Via, ...]:
        """All Vias, topmost first."""
        return self.headers.memo(readers.vias)

    @property
    def via(self) -> Via:
        """The topmost Via: where a response goes, and with its branch the transaction's key."""
        return self.headers.memo(readers.vias)[0]

    @property
    def from_(self) -> NameAddr:
        """Who began the transaction's dialog side (RFC 3261 20.20)."""
        return self.headers.memo(readers.from_)

    @property
    def to(self) -> NameAddr:
        """The logical recipient (RFC 3261 20.39)."""
        return self.headers.memo(readers.to)

    @property
    def call_id(self) -> str:
        """The Call-ID, case-sensitive (RFC 3261 20.8)."""
        return self.headers.memo(readers.call_id)

    @property
    def cseq(self) -> CSeq:
        """Number and method of the transaction."""
        return self.headers.memo(readers.cseq)

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """All Contacts; `*` is an address whose `is_wildcard` is true."""
        return self.headers.memo(readers.contacts)

    @property
    def routes(self) -> tuple[NameAddr, ...]:
        """The Route set of the request, next hop first."""
        return self.headers.memo(readers.routes)

    @property
    def record_routes(self) -> tuple[NameAddr, ...]:
        """The proxies that stay on the path, last one first (RFC 3261 16.6)."""
        return self.headers.memo(readers.record_routes)

    @property
    def expires(self) -> int | None:
        """Expires in seconds, at most 2**32 - 1; None if absent or no number."""
        return self.headers.memo(readers.expires)

    @property
    def max_forwards(self) -> int | None:
        """How many hops are left; None if absent or no number."""
        return self.headers.memo(readers.max_forwards)

    @property
    def content_type(self) -> str | None:
        """The body's media type, `type/subtype` in lower case without parameters; None if there is no Content-Type."""
        value = self.headers.get("Content-Type")
        return None if value is None else media_type(value)[0]

    def replace(self, **changes: Any) -> Self:
        """A copy with fields replaced. Header lines that stay are printed as they were."""
        return evolve(self, **changes)  # type: ignore[misc]  # both subclasses are attrs classes

    def with_headers(self, headers: Headers) -> Self:
        """A copy with these headers."""
        return self.replace(headers=headers)

    def with_body(self, body: bytes, content_type: str | None = None) -> Self:
        """A copy with this body, and Content-Type and Content-Length to match; without a type the old one stays.

        An empty body without a type has no Content-Type either.
        """
        headers = self.headers
        if content_type is not None:
            headers = headers.set("Content-Type", content_type)
        elif not body:
            headers = headers.remove("Content-Type")
        return self.replace(headers=headers.set("Content-Length", str(len(body))), body=body)

    def __bytes__(self) -> bytes:
        """The wire form: the received octets if nothing was changed. Content-Length is put right if it is not."""
        if self._wire is not None:
            return self._wire
        headers, length = self.headers, str(len(self.body))
        if headers.get_all("Content-Length") != (length,):
            headers = headers.set("Content-Length", length)
        head = f"{self.start_line}\r\n{headers}\r\n"
        # surrogateescape: octets of a received line that are no UTF-8 go out as they came in.
        return head.encode("utf-8", "surrogateescape") + self.body


@frozen
class Request(Message):
    """A request. RFC 3261 7.1. Raises ValueError for a method that is no token."""

    method: str
    uri: Uri
    headers: Headers
    body: bytes = b""
    _wire: bytes | None = field(default=None, init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not is_token(self.method):
            raise ValueError(f"invalid method {self.method!r}: use an RFC 3261 token such as INVITE")

    @property
    def start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"

    def response(
        self,
        status_code: int,
        reason: str | None = None,
        *,
        to_tag: str | None = None,
        headers: Headers = NO_HEADERS,
        body: bytes = b"",
    ) -> Response:
        """A response to this request: RFC 3261 8.2.6.2 copies Via, From, To, Call-ID and CSeq, and adds the To tag.

        A `to_tag` is ignored if the request already has one; `headers` follow the copied ones.
        """
        return answer(self.headers, status_code, reason, to_tag=to_tag, headers=headers, body=body)


@frozen
class Response(Message):
    """A response. RFC 3261 7.2. Raises ValueError for a status outside 100 to 699 or a reason with CR, LF or NUL."""

    status_code: int
    reason: str
    headers: Headers
    body: bytes = b""
    _wire: bytes | None = field(default=None, init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not 100 <= self.status_code <= 699:
            raise ValueError(f"invalid status code {self.status_code!r}: use 100 to 699")
        if FORBIDDEN.search(self.reason):
            raise ValueError("invalid reason phrase: it must not contain CR, LF or NUL")

    @property
    def start_line(self) -> str:
        return f"SIP/2.0 {self.status_code} {self.reason}"


def answer(
    request_headers: Headers,
    status_code: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Headers = NO_HEADERS,
    body: bytes = b"",
) -> Response:
    """A response from the headers of a request, which may be one that could not be parsed (`MessageError.partial`)."""
    # "The Via header field values in the response MUST equal those in the Via header field in the request and MUST
    # maintain the same ordering", and From, Call-ID and CSeq must equal the request's: the lines go out as they came.
    copied = request_headers.select("Via", "From", "To", "Call-ID", "CSeq")
    if status_code == 100:
        copied += request_headers.select("Timestamp")
    to = request_headers.get("To")
    # "If the To header field in the request did not contain a tag, [...] the UAS MUST add a tag [...] (with the
    # exception of the 100 (Trying) response, in which a tag MAY be present)."
    if to_tag is not None and to is not None and FORBIDDEN.search(to) is None and not _has_tag(to):
        copied = copied.set("To", f"{to};tag={to_tag}")
    return Response(status_code, reason_phrase(status_code) if reason is None else reason, copied + headers, body)


def _has_tag(to: str) -> bool:
    try:
        return NameAddr.parse(to).tag is not None
    except ValueError:
        return False


@frozen
class Partial:
    """What could be read of a message that was refused: the headers raw, without the lines that are none."""

    method: str | None
    """None if it is no request."""
    headers: Headers


class MessageError(ValueError):
    """A message that RFC 3261 calls malformed, or that exceeds our limits.

    `status_code` is what a refusal should carry; a malformed response is only dropped (RFC 3261 8.1.3).
    """

    def __init__(self, message: str, status_code: int = 400, partial: Partial | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.partial = partial
        """What could be read, or None if not even the start line and a header could."""

    def refusal(self, to_tag: str | None = None) -> Response | None:
        """The response to send, or None where none may be sent: to a response, an ACK, or without a way back."""
        partial = self.partial
        # An ACK is never answered (RFC 3261 17).
        if partial is None or partial.method is None or partial.method == "ACK" or "Via" not in partial.headers:
            return None
        return answer(partial.headers, self.status_code, to_tag=to_tag)


def parse_message(data: bytes | str, *, max_size: int = MAX_SIZE) -> Request | Response:
    """The message in one WebSocket frame, text or binary (RFC 7118 section 5: one message, one frame).

    Raises MessageError, and nothing else, if it is malformed (400, 501, 505) or too large (413, 513). Octets behind
    the length that Content-Length gives are dropped; without Content-Length the body is the rest of the frame.
    """
    try:
        octets = data.encode() if isinstance(data, str) else bytes(data)
    except UnicodeEncodeError:
        raise MessageError("the text has lone surrogates: it is no UTF-8") from None
    # "Implementations processing SIP messages over stream-oriented transports MUST ignore any CRLF appearing before
    # the start-line" (RFC 3261 7.5).
    if octets[:1] == b"\r":
        octets = octets.lstrip(b"\r\n")
    try:
        return _parse(octets, max_size)
    except MessageError as error:
        error.partial = _salvage(octets[:max_size])
        raise
    except ValueError as error:
        raise MessageError(str(error), partial=_salvage(octets)) from None


_REQUEST_LINE: Final = re.compile(rf"([{TOKEN_CHARS}]++) ([^ ]++) [Ss][Ii][Pp]/([0-9]++\.[0-9]++)")
_EMPTY_BRANCH: Final = re.compile(r";[ \t]*+branch[ \t]*+=[ \t]*+z9hG4bK(?:[ \t]*+;|\Z)", re.IGNORECASE)
_STATUS_LINE: Final = re.compile(r"[Ss][Ii][Pp]/([0-9]++\.[0-9]++) ([1-6][0-9][0-9])(?>(?: ([^\x00]*+))?)")


def _parse(octets: bytes, max_size: int) -> Request | Response:
    """The message, or a ValueError of which all but a MessageError mean 400."""
    end = octets.find(b"\r\n\r\n")
    if len(octets) > max_size:
        # 413: "the request entity-body is larger than the server is willing or able to process"; 513: "the message
        # length exceeded its capabilities" (RFC 3261 21.4.11, 21.5.7).
        raise MessageError(f"larger than {max_size} octets", 413 if 0 <= end < max_size - 4 else 513)
    if end < 0:
        raise ValueError("no empty line ends the headers")
    start_line, *lines = split_lines(decode(octets[:end]))
    if len(lines) > MAX_LINES or (end > MAX_LINE and max(map(len, lines)) > MAX_LINE):
        raise MessageError(f"more than {MAX_LINES} header lines, or one longer than {MAX_LINE}", 513)
    headers = Headers.parse(lines)
    is_response = start_line[:4].upper() == "SIP/"
    found = (_STATUS_LINE if is_response else _REQUEST_LINE).fullmatch(start_line)
    if found is None:
        raise ValueError(f"malformed start line {start_line[:80]!r}")
    if (version := found[1 if is_response else 3]) != "2.0":
        raise MessageError(f"SIP version {version} is not supported", 505)
    readers.validate(headers)
    stop = _end_of_body(octets, end + 4, headers)
    body = octets[end + 4 : stop]
    message: Request | Response
    if is_response:
        message = Response(int(found[2]), readable(found[3] or ""), headers, body)
    else:
        message = Request(found[1], Uri.parse(found[2]), headers, body)
        _check_request(message)
    set_field(message, "_wire", octets[:stop])
    return message


def _end_of_body(octets: bytes, start: int, headers: Headers) -> int:
    values = headers.get_all("Content-Length")
    if not values:
        return len(octets)
    # "If there are additional bytes in the transport packet beyond the end of the body, they MUST be discarded. If the
    # transport packet ends before the end of the message body, this is considered an error" (RFC 3261 18.3).
    length = readers.number(values[0]) if len(values) == 1 else None
    if length is None:
        raise ValueError(f"malformed Content-Length {', '.join(values)[:80]!r}")
    if start + length > len(octets):
        raise ValueError(f"Content-Length {length} is more than the {len(octets) - start} octets that follow")
    return start + length


def _check_request(request: Request) -> None:
    # "the SIP Request-URI contains escaped headers": malformed (RFC 4475 3.1.2.11; RFC 3261 19.1.1 table 1).
    if request.uri.raw_headers is not None:
        raise ValueError("a Request-URI must not contain headers")
    # "The method MUST match that of the request" (RFC 3261 8.1.1.5); for an unknown method 501 "has better
    # future-proof characteristics" (RFC 4475 3.1.2.18).
    if request.cseq.method != request.method:
        status = 400 if request.method in METHODS else 501
        raise MessageError(f"CSeq is of method {request.cseq.method}, the request {request.method}", status)
    # The cookie without an identifier behind it would make one transaction of all such requests (RFC 4475 3.2.1).
    if _EMPTY_BRANCH.search(str(request.via)):
        raise ValueError("the branch of Via has no identifier")


def _salvage(octets: bytes) -> Partial | None:
    """What can be read of a message that was refused, so that it can be answered."""
    start_line, *lines = LINE_END.split(decode(octets.partition(b"\r\n\r\n")[0]))
    # A stray CR or LF would end the line in our answer too.
    clean = [line for line in lines[:MAX_LINES] if STRAY.search(line.replace("\r\n", "")) is None]
    readable_lines: list[str] = []
    for line in clean:
        with suppress(ValueError):
            Headers.parse([line])
            readable_lines.append(line)
    headers = Headers.parse(readable_lines)
    method = start_line.partition(" ")[0]
    if method[:4].upper() == "SIP/" or not is_token(method):
        return Partial(None, headers) if headers else None
    return Partial(method, headers)
