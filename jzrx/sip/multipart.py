"""Bodies of several parts: an INVITE that carries SDP and something else. RFC 2046 section 5.1, RFC 5621."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import frozen

from jzrx.sip.fields import NO_HEADERS, Headers, decode, split_lines
from jzrx.sip.headers import media_type
from jzrx.sip.message import Request, Response
from jzrx.sip.params import quote

__all__ = ["Part", "build_multipart", "find_part", "split_multipart"]

_MAX_DEPTH: Final = 4
_MAX_PARTS: Final = 64


@frozen
class Part:
    """One body part: its own headers (Content-Type, Content-Disposition, Content-ID, ...) and its octets."""

    headers: Headers
    body: bytes

    @property
    def content_type(self) -> str:
        """`type/subtype` in lower case; `text/plain` if the part does not say (RFC 2046 5.1)."""
        return media_type(self.headers.get("Content-Type") or "text/plain")[0]


def split_multipart(body: bytes, content_type: str) -> tuple[Part, ...]:
    """The parts of a `multipart/*` body whose Content-Type is `content_type`.

    Preamble and epilogue are dropped, a missing last delimiter is forgiven. Raises ValueError if the type is not
    multipart, has no boundary, or a part's headers are malformed.
    """
    name, params = media_type(content_type)
    boundary = params.get("boundary")
    # RFC 2046 5.1.1: a boundary is 1 to 70 characters.
    if not name.startswith("multipart/") or not boundary or len(boundary) > 70:
        raise ValueError(f"not a multipart type with a boundary: {content_type[:80]!r}")
    delimiter = b"\r\n--" + boundary.encode()
    # The CRLF before a delimiter belongs to it; the first delimiter may open the body.
    _, *chunks = (b"\r\n" + body).split(delimiter, _MAX_PARTS + 1)
    parts: list[Part] = []
    for chunk in chunks[:_MAX_PARTS]:
        if chunk.startswith(b"--"):
            break
        line, crlf, content = chunk.partition(b"\r\n")
        if line.strip(b" \t") or not crlf:
            raise ValueError("malformed multipart delimiter line")
        parts.append(_part(content))
    return tuple(parts)


def build_multipart(parts: Iterable[Part], boundary: str) -> tuple[str, bytes]:
    """(Content-Type, body) of a `multipart/mixed` body. Raises ValueError if a part contains the delimiter."""
    delimiter = b"\r\n--" + boundary.encode()
    body = b""
    for part in parts:
        if delimiter in b"\r\n" + part.body:
            raise ValueError(f"boundary {boundary!r} occurs in a part: use another")
        body += delimiter + b"\r\n" + str(part.headers).encode("utf-8", "surrogateescape") + b"\r\n" + part.body
    return f"multipart/mixed;boundary={quote(boundary)}", (body + delimiter + b"--\r\n").removeprefix(b"\r\n")


def find_part(message: Request | Response, wanted: str) -> Part | None:
    """The first part of media type `wanted` (such as `application/sdp`): the body itself, or one within a multipart.

    None if there is none, or the body is malformed.
    """
    content_type = message.headers.get("Content-Type")
    if content_type is None:
        return None
    whole = Part(NO_HEADERS.set("Content-Type", content_type), message.body)
    return _find(whole, wanted.lower(), _MAX_DEPTH)


def _find(part: Part, wanted: str, depth: int) -> Part | None:
    if part.content_type == wanted:
        return part
    if depth == 0 or not part.content_type.startswith("multipart/"):
        return None
    try:
        inner = split_multipart(part.body, part.headers.get("Content-Type") or "")
    except ValueError:
        return None
    return next((found for each in inner if (found := _find(each, wanted, depth - 1)) is not None), None)


def _part(content: bytes) -> Part:
    # A part may have no header fields (RFC 2046 5.1): then its content begins with the empty line.
    head, _, body = (b"\r\n" + content).partition(b"\r\n\r\n")
    lines = split_lines(decode(head)) if head else []
    return Part(Headers.parse(lines[1:]), body)
