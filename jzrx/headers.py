"""SIP header fields as a user gives them and reads them; the wire is the business of `jzrx.sip`."""

import re
from collections.abc import Iterator, Mapping

from jzrx.types import Headers

__all__ = ["MAX_LINE", "RemoteHeaders", "checked_headers", "is_encodable"]

MAX_LINE = 8192
"""Characters of a header line, in what comes, and so in what we send: it is to be answered with some of its headers."""

# RFC 3261 25.1: token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")

_OWNED = frozenset(
    {
        # what makes the message, the dialog and the route
        *("via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "max-forwards", "route"),
        *("record-route", "path", "service-route", "timestamp"),
        # what the user agent negotiates
        *("allow", "allow-events", "u", "supported", "k", "require", "proxy-require", "unsupported", "accept"),
        *("expires", "min-expires", "session-expires", "x", "min-se", "rack", "rseq", "event", "o"),
        *("subscription-state", "refer-to", "r", "referred-by", "b", "replaces", "join", "target-dialog"),
        # secrets and their challenges
        *("authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "authentication-info"),
        # content-*, in their compact forms
        *("c", "e", "l", "mime-version"),
        # has an option of its own
        "user-agent",
    }
)


def is_encodable(text: str) -> bool:
    """Whether UTF-8, and so SIP, can write `text`: not if it contains lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def checked_headers(headers: Mapping[str, str], field: str = "headers") -> Headers:
    """`headers` as pairs, in their order, if each may stand in a request that a user asked for.

    Raises ValueError that names `field` and the header: for CR, LF or NUL (which would smuggle in other headers), for a
    name that is no token (RFC 3261 section 25.1), for a name that the user agent itself owns, and for one that is too
    long.
    """
    if not isinstance(headers, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"{field} must be a mapping of header names to values, not {headers!r}")
    for name, value in headers.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"{field}: {name!r} is no header name; use letters, digits and hyphens")
        if name.lower() in _OWNED or name.lower().startswith("content-"):
            raise ValueError(f"{field}: {name} is set by the user agent; choose another name, such as X-{name}")
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"{field}: the value of {name} must be a str, not {type(value).__name__}")
        if any(character in value for character in "\r\n\0"):
            raise ValueError(f"{field}: the value of {name} contains CR, LF or NUL; encode it (percent, base64)")
        if not is_encodable(value):
            raise ValueError(f"{field}: the value of {name} contains lone surrogates, which UTF-8 cannot write")
        if len(f"{name}: {value}") > MAX_LINE:
            raise ValueError(
                f"{field}: the value of {name} is too long: a header line has {MAX_LINE} characters at most"
            )
    return tuple(headers.items())


class RemoteHeaders(Mapping[str, str]):
    """Headers that the other side sent: read-only; a name is found in any case and listed in lower case.

    A header that came several times reads as one, its values joined by commas (RFC 3261 section 7.3.1); `get_all` keeps
    them apart. Of several messages, the latest one that has the header counts.
    """

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Headers = ()) -> None:
        self._pairs = pairs

    def receive(self, headers: Headers) -> None:
        """Another message has come; not for users."""
        replaced = {name.lower() for name, _ in headers}
        self._pairs = (*(pair for pair in self._pairs if pair[0].lower() not in replaced), *headers)

    def get_all(self, name: str) -> tuple[str, ...]:
        """Every value of the header, in the order of the message; empty if it did not come."""
        return tuple(value for key, value in self._pairs if key.lower() == name.lower())

    def __getitem__(self, name: str) -> str:
        if values := self.get_all(name):
            return ", ".join(values)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name, _ in self._pairs))

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._pairs})

    def __repr__(self) -> str:
        return f"RemoteHeaders({dict(self)!r})"
