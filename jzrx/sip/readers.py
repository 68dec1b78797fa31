"""Typed reading of header fields: one function for each accessor of a message, from all headers to the value.

`Headers.memo` runs each of them once. All but the numbers raise ValueError for what is missing or malformed.
"""

import re
from collections.abc import Callable
from typing import Final

from jzrx.sip.fields import Headers
from jzrx.sip.headers import CSeq, NameAddr, Via, parse_address, parse_via

MAX_NUMBER: Final = 2**32 - 1
"""RFC 3261 20.19: an Expires is "between 0 and (2**32)-1"."""

_CALL_ID: Final = re.compile(r"[^\x00-\x20\x7f]++")


def vias(headers: Headers) -> tuple[Via, ...]:
    hops = tuple(map(parse_via, headers.get_list("Via")))
    if not hops:
        raise ValueError("is missing")
    return hops


def from_(headers: Headers) -> NameAddr:
    return parse_address(_the_one(headers, "From"))


def to(headers: Headers) -> NameAddr:
    return parse_address(_the_one(headers, "To"))


def call_id(headers: Headers) -> str:
    value = _the_one(headers, "Call-ID")
    if _CALL_ID.fullmatch(value) is None:
        raise ValueError(f"malformed Call-ID {value[:80]!r}")
    return value


def cseq(headers: Headers) -> CSeq:
    return CSeq.parse(_the_one(headers, "CSeq"))


def contacts(headers: Headers) -> tuple[NameAddr, ...]:
    found = _addresses(headers, "Contact")
    # RFC 3261 10.3 step 6: with any further Contact field value beside the `*`, "the request is invalid".
    if len(found) > 1 and any(contact.is_wildcard for contact in found):
        raise ValueError("the * must stand alone")
    return found


def routes(headers: Headers) -> tuple[NameAddr, ...]:
    return _addresses(headers, "Route")


def record_routes(headers: Headers) -> tuple[NameAddr, ...]:
    return _addresses(headers, "Record-Route")


def expires(headers: Headers) -> int | None:
    return number(headers.get("Expires"))


def max_forwards(headers: Headers) -> int | None:
    return number(headers.get("Max-Forwards"))


def number(value: str | None) -> int | None:
    """A decimal number, cut to 2**32 - 1; None if it is none."""
    if value is None or not (value.isascii() and value.isdigit()):
        return None
    # The length is looked at first: int() takes quadratic time, and refuses thousands of digits.
    return min(int(value), MAX_NUMBER) if len(value) < 20 or len(value := value.lstrip("0") or "0") < 20 else MAX_NUMBER


def validate(headers: Headers) -> None:
    """Read, and so keep, what RFC 3261 8.1.1 demands, and the addresses; so no accessor raises later.

    Raises ValueError that names the header which is missing, malformed or given too often.
    """
    for name, read in _VALIDATED:
        try:
            headers.memo(read)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    if len(headers.get_all("Max-Forwards")) > 1:
        raise ValueError("Max-Forwards: is given more than once")


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


def _the_one(headers: Headers, name: str) -> str:
    values = headers.get_all(name)
    if len(values) != 1:
        raise ValueError("is given more than once" if values else "is missing")
    return values[0]


def _addresses(headers: Headers, name: str) -> tuple[NameAddr, ...]:
    return tuple(map(parse_address, headers.get_list(name)))
