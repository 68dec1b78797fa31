"""URIs: `sip:` and `sips:` taken apart, every other scheme kept whole. RFC 3261 section 19.1, grammar in 25.1."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, cast
from urllib.parse import quote as percent_encode
from urllib.parse import unquote as percent_decode

from attrs import frozen

from jzrx.sip.params import CACHED, NO_PARAMS, Params, new, set_field

# Reading is lenient in the user part (`#` and raw UTF-8 are common), strict about what would make a URI ambiguous.
_NEVER: Final = r'\x00-\x20\x7f"<>'
HOST: Final = r"\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9_.\-]++"
_SIP_URI: Final = re.compile(
    rf"""(?P<scheme>[sS][iI][pP][sS]?):
    (?:(?P<user>[^{_NEVER}@:]++)(?>(?::(?P<password>[^{_NEVER}@:]*+))?)@)?
    (?P<host>{HOST})
    (?>(?::(?P<port>[0-9]{{1,5}}+))?)
    (?P<params>(?>(?:;[^{_NEVER};?@,=]++(?>(?:=[^{_NEVER};?@,]*+)?))*))
    (?>(?:\?(?P<headers>[^{_NEVER}]++))?)""",
    re.VERBOSE,
)
_OTHER_URI: Final = re.compile(rf"([A-Za-z][A-Za-z0-9+.\-]*+):([^{_NEVER}]++)")

# RFC 3261 25.1: what may stand unescaped (letters, digits and `_.-~` always may).
_USER_SAFE: Final = "!*'()&=+$,;?/"
_PASSWORD_SAFE: Final = "!*'()&=+$,"
_HEADER_SAFE: Final = "!*'()[]/?:+$"

_Parts = tuple[str, str | None, str | None, str, str | None, str, str | None]
"""As written: scheme, user, password, host, port, parameters, headers."""

_ALWAYS_COMPARED: Final = ("user", "ttl", "method", "maddr", "transport")


def checked_host(host: str) -> str:
    """`host` as it stands in a URI or Via: a name, an IPv4 address, or an IPv6 address in brackets (added if missing).

    Raises ValueError if it is none of these.
    """
    if ":" in host or host.startswith("["):
        address = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        try:
            ipaddress.IPv6Address(address)
        except ValueError:
            raise ValueError(f"invalid IPv6 address {host!r}") from None
        return f"[{address}]"
    if re.fullmatch(HOST, host) is None:
        raise ValueError(f"invalid host {host!r}")
    return host


@frozen(init=False, eq=False, repr=False)
class Uri:
    """An immutable URI.

    For `sip:` and `sips:` the parts are filled; any other scheme (`tel:`, `mailto:`, unknown ones) has `opaque`
    instead, and neither user nor host. `str(uri)` of a parsed URI is the text that was parsed. `==` compares the text;
    `equivalent` compares as RFC 3261 19.1.4 says.
    """

    _text: str
    _parts: _Parts
    opaque: str | None
    """What follows the scheme, for schemes other than sip and sips; else None."""

    def __init__(
        self,
        scheme: str,
        user: str | None,
        host: str,
        port: int | None = None,
        params: Params = NO_PARAMS,
        headers: Iterable[tuple[str, str]] = (),
        password: str | None = None,
    ) -> None:
        """A SIP URI from its parts; user, password and headers are given plain and escaped here (RFC 3261 25.1).

        Raises ValueError that names the part which cannot stand in a URI.
        """
        built = _compose(
            scheme=scheme,
            raw_user=_escaped(user, _USER_SAFE),
            host=host,
            port=port,
            params=params,
            raw_headers=_joined_headers(headers),
            raw_password=_escaped(password, _PASSWORD_SAFE),
        )
        set_field(self, "_text", built._text)
        set_field(self, "_parts", built._parts)
        set_field(self, "opaque", None)

    @classmethod
    def matched(cls, text: str, parts: _Parts, opaque: str | None) -> Uri:
        """From text and what the grammar found in it."""
        uri = new(cls)
        set_field(uri, "_text", text)
        set_field(uri, "_parts", parts)
        set_field(uri, "opaque", opaque)
        return uri

    @classmethod
    def parse(cls, text: str) -> Uri:
        """A URI of any scheme. Raises ValueError if it is malformed."""
        return _parse(text)

    @classmethod
    def wildcard(cls) -> Uri:
        """What stands in place of a URI in `Contact: *` (RFC 3261 10.2.2): no scheme, and `*`."""
        return cls.matched("*", ("", None, None, "", None, "", None), "*")

    @property
    def scheme(self) -> str:
        """In lower case."""
        return self._parts[0].lower()

    @property
    def raw_user(self) -> str | None:
        """The user part as written, escapes included; `user` is unescaped."""
        return self._parts[1]

    @property
    def raw_password(self) -> str | None:
        """The password as written."""
        return self._parts[2]

    @property
    def host(self) -> str:
        """As written: an IPv6 address has its brackets. Empty for schemes other than sip and sips."""
        return self._parts[3]

    @property
    def port(self) -> int | None:
        """The port; None if there is none."""
        port = self._parts[4]
        return None if port is None else int(port)

    @property
    def params(self) -> Params:
        """The URI's parameters, such as `transport` and `lr`."""
        return Params.matched(self._parts[5])

    @property
    def raw_headers(self) -> str | None:
        """What follows `?`, as written; `headers` has it as pairs."""
        return self._parts[6]

    @property
    def user(self) -> str | None:
        """The user part, unescaped; None if there is none."""
        return None if self.raw_user is None else percent_decode(self.raw_user)

    @property
    def password(self) -> str | None:
        """The password, unescaped. RFC 3261 19.1.1 advises against its use."""
        return None if self.raw_password is None else percent_decode(self.raw_password)

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The headers behind `?`, unescaped: `("Replaces", "a@b;to-tag=1;from-tag=2")` in an attended transfer."""
        if self.raw_headers is None:
            return ()
        pairs = (item.partition("=") for item in self.raw_headers.split("&") if item)
        return tuple((percent_decode(name), percent_decode(value)) for name, _, value in pairs)

    def replace(self, **changes: Any) -> Uri:
        """This URI with parts replaced, by the constructor's names; what is not named stays as it was written."""
        if self.opaque is not None:
            raise ValueError(f"a {self.scheme}: URI has no parts to replace")
        parts: dict[str, Any] = {
            "scheme": self.scheme,
            "raw_user": self.raw_user,
            "host": self.host,
            "port": self.port,
            "params": self.params,
            "raw_headers": self.raw_headers,
            "raw_password": self.raw_password,
        }
        for name, value in changes.items():
            match name:
                case "user":
                    parts["raw_user"] = _escaped(value, _USER_SAFE)
                case "password":
                    parts["raw_password"] = _escaped(value, _PASSWORD_SAFE)
                case "headers":
                    parts["raw_headers"] = _joined_headers(value)
                case "scheme" | "host" | "port" | "params":
                    parts[name] = value
                case _:
                    raise TypeError(f"a Uri has no part {name!r}")
        return _compose(**parts)

    def equivalent(self, other: Uri) -> bool:
        """Whether both name the same resource by the rules of RFC 3261 19.1.4."""
        if self.opaque is not None or other.opaque is not None:
            return self.scheme == other.scheme and self.opaque == other.opaque
        # "A URI omitting any component with a default value will not match a URI explicitly containing that
        # component with its default value."
        return (
            (self.scheme, self.user, self.password, self.host.lower(), self.port)
            == (other.scheme, other.user, other.password, other.host.lower(), other.port)
            and _params_match(self.params, other.params)
            # "URI header components are never ignored."
            and _comparable_headers(self) == _comparable_headers(other)
        )

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        text = self._text
        if self.raw_password is not None:
            text = text.replace(f":{self.raw_password}@", ":***@", 1)
        return f"Uri({text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Uri) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


@lru_cache(CACHED)
def _parse(text: str) -> Uri:
    if not text.isascii():
        text.encode()  # UnicodeEncodeError, a ValueError, where lone surrogates stand: they could not be sent
    found = _SIP_URI.fullmatch(text)
    if found is not None:
        parts = cast("_Parts", found.groups())
        if parts[3][0] == "[":
            checked_host(parts[3])
        if parts[4] is not None and int(parts[4]) > 65535:
            raise ValueError(f"malformed URI {text[:80]!r}: port above 65535")
        return Uri.matched(text, parts, None)
    other = _OTHER_URI.fullmatch(text)
    if other is None or other[1].lower() in ("sip", "sips"):
        raise ValueError(f"malformed URI {text[:80]!r}")
    return Uri.matched(text, (other[1], None, None, "", None, "", None), other[2])


def _compose(
    *,
    scheme: str,
    raw_user: str | None,
    host: str,
    port: int | None,
    params: Params,
    raw_headers: str | None,
    raw_password: str | None,
) -> Uri:
    """The URI of these parts as written; ValueError if it would not be read back as the same parts."""
    if scheme not in ("sip", "sips"):
        raise ValueError(f"cannot build a URI of scheme {scheme!r}: use Uri.parse for schemes other than sip and sips")
    if port is not None and not 0 <= port <= 65535:
        raise ValueError(f"invalid port {port!r}: use 0 to 65535")
    if raw_password is not None and not raw_user:
        raise ValueError("a URI cannot have a password without a user")
    host = checked_host(host)
    text = f"{scheme}:"
    if raw_user is not None:
        text += raw_user + ("@" if raw_password is None else f":{raw_password}@")
    text += host + ("" if port is None else f":{port}") + str(params)
    if raw_headers is not None:
        text += f"?{raw_headers}"
    uri = Uri.parse(text)
    if (uri.raw_user, uri.host, uri.port, uri.params, uri.raw_headers) != (raw_user, host, port, params, raw_headers):
        raise ValueError(f"these parts make no valid URI: {text[:80]!r}")
    return uri


def _escaped(plain: str | None, safe: str) -> str | None:
    return None if plain is None else percent_encode(plain, safe=safe)


def _joined_headers(pairs: Iterable[tuple[str, str]]) -> str | None:
    escaped = (f"{percent_encode(n, safe=_HEADER_SAFE)}={percent_encode(v, safe=_HEADER_SAFE)}" for n, v in pairs)
    return "&".join(escaped) or None


def _params_match(ours: Params, theirs: Params) -> bool:
    # "Any uri-parameter appearing in both URIs must match."
    mine = {name.lower(): percent_decode(value or "").lower() for name, value in ours}
    yours = {name.lower(): percent_decode(value or "").lower() for name, value in theirs}
    if any(mine[name] != yours[name] for name in mine.keys() & yours.keys()):
        return False
    # "A user, ttl, or method uri-parameter appearing in only one URI never matches", nor does maddr or transport.
    # "All other uri-parameters appearing in only one URI are ignored when comparing the URIs."
    return all((name in mine) == (name in yours) for name in _ALWAYS_COMPARED)


def _comparable_headers(uri: Uri) -> list[tuple[str, str]]:
    return sorted((name.lower(), value) for name, value in uri.headers)
