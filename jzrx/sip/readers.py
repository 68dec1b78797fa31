"""Typed reading of header fields: one function for each accessor of a message, from all headers to the value.

`Headers.memo` runs each of them once. All raise ValueError for what is missing or malformed.
"""

import re
from collections.abc import Callable
from typing import Final

from jzrx.sip.fields import Headers
from jzrx.sip.headers import CSeq, NameAddr, Via

MAX_SECONDS = 2**32 - 1
"""RFC 3261 20.19: an Expires is "between 0 and (2**32)-1"."""


def _the_one(name: str) -> Callable[[Headers], str]:
    def read(headers: Headers) -> str:
        values = headers.get_all(name)
        if len(values) != 1:
            raise ValueError("is given more than once" if values else "is missing")
        return values[0]

    return read


def _addresses(name: str) -> Callable[[Headers], tuple[NameAddr, ...]]:
    def read(headers: Headers) -> tuple[NameAddr, ...]:
        return tuple(NameAddr.parse(item) for item in headers.get_list(name))

    return read


def _number(name: str) -> Callable[[Headers], int | None]:
    def read(headers: Headers) -> int | None:
        value = headers.get(name)
        if value is None or not (value.isascii() and value.isdigit()):
            return None
        return min(int(value[-10:]), MAX_SECONDS) if len(value.lstrip("0")) <= 10 else MAX_SECONDS

    return read


def vias(headers: Headers) -> tuple[Via, ...]:
    hops = tuple(Via.parse(item) for item in headers.get_list("Via"))
    if not hops:
        raise ValueError("is missing")
    return hops


_one_from, _one_to, _one_call_id, _one_cseq = map(_the_one, ("From", "To", "Call-ID", "CSeq"))
_CALL_ID: Final = re.compile(r"[^\x00-\x20\x7f]++")
contacts, routes, record_routes = map(_addresses, ("Contact", "Route", "Record-Route"))
expires, max_forwards = map(_number, ("Expires", "Max-Forwards"))


def from_(headers: Headers) -> NameAddr:
    return NameAddr.parse(_one_from(headers))


def to(headers: Headers) -> NameAddr:
    return NameAddr.parse(_one_to(headers))


def call_id(headers: Headers) -> str:
    value = _one_call_id(headers)
    if _CALL_ID.fullmatch(value) is None:
        raise ValueError(f"malformed Call-ID {value[:80]!r}")
    return value


def cseq(headers: Headers) -> CSeq:
    return CSeq.parse(_one_cseq(headers))


_VALIDATED: Final[tuple[tuple[str, Callable[[Headers], object]], ...]] = (
    ("Via", vias),
    ("From", from_),
    ("To", to),
    ("Call-ID", call_id),
    ("CSeq", cseq),
    ("Contact", contacts),
    ("Route", routes),
    ("Record-Route", record_routes),
)


def validate(headers: Headers) -> None:
    """Read, and so keep, every value of which RFC 3261 8.1.1 asks, and the addresses; so no accessor raises later.

    Raises ValueError that names the header which is missing, malformed or given too often.
    """
    for name, read in _VALIDATED:
        try:
            headers.memo(read)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    if len(headers.get_all("Max-Forwards")) > 1:
        raise ValueError("Max-Forwards is given more than once")
    # "The Contact header field value of "*" [...] MUST NOT" stand beside others (RFC 3261 10.3 step 6).
    if len(found := headers.memo(contacts)) > 1 and any(contact.is_wildcard for contact in found):
        raise ValueError("Contact: * must stand alone")
