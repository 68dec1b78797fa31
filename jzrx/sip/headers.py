"""The structured header values: addresses (From, To, Contact, Route, ...), Via and CSeq. RFC 3261 section 20."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, cast

from attrs import frozen

from jzrx.sip.params import (
    CACHED,
    NO_PARAMS,
    PARAMS,
    QUOTED,
    TOKEN_CHARS,
    Params,
    is_token,
    new,
    param,
    quote,
    set_field,
    split_list,
    unquote,
)
from jzrx.sip.uri import HOST, Uri, checked_host

__all__ = ["WILDCARD", "CSeq", "NameAddr", "Params", "Via", "is_token", "media_type", "quote", "split_list", "unquote"]

# A display name without quotes is tokens and white space: nothing from this set. Raw UTF-8 is no token either, but
# common and unambiguous.
_NO_NAME: Final = r'\x00-\x08\x0a-\x1f\x7f"#$&(),/:;<=>?@\[\\\]^{|}'
_NAME_ADDR: Final = re.compile(
    rf'({QUOTED}|[^{_NO_NAME}]*+)[ \t]*+<([^<>"\x00-\x20\x7f]++)>({PARAMS})',
    re.DOTALL,
)
# "If the URI contains a comma, question mark or semicolon, the URI MUST be enclosed in angle brackets" (RFC 3261 20):
# so in the bare form a semicolon begins the header's own parameters.
_ADDR_SPEC: Final = re.compile(rf'([^<>",;?\x00-\x20\x7f]++)({PARAMS})', re.DOTALL)
_VIA: Final = re.compile(
    rf"([{TOKEN_CHARS}]++)[ \t]*+/[ \t]*+([{TOKEN_CHARS}]++)[ \t]*+/[ \t]*+([{TOKEN_CHARS}]++)"
    rf"[ \t]++({HOST})(?>(?:[ \t]*+:[ \t]*+([0-9]{{1,5}}+))?)({PARAMS})",
    re.DOTALL,
)
_CSEQ: Final = re.compile(rf"(?=[0-9])0*+([0-9]{{0,10}}+)[ \t]++([{TOKEN_CHARS}]++)")


@frozen(init=False, eq=False, repr=False)
class NameAddr:
    """An address with an optional display name, and the header's parameters (not the URI's). RFC 3261 20.10.

    `str()` of a parsed address is the text that was parsed; one that was built prints `"Name" <uri>;params`. Two are
    equal if their URIs, display names and parameters are, however they were written.
    """

    uri: Uri
    _name: str
    _params: str
    _text: str

    def __init__(self, uri: Uri, display_name: str | None = None, params: Params = NO_PARAMS) -> None:
        name = "" if display_name is None else quote(display_name)
        set_field(self, "uri", uri)
        set_field(self, "_name", name)
        set_field(self, "_params", str(params))
        set_field(self, "_text", f"{name} <{uri}>{params}".lstrip())

    @classmethod
    def matched(cls, uri: Uri, name: str, params: str, text: str) -> NameAddr:
        """From text and what the grammar found in it."""
        address = new(cls)
        set_field(address, "uri", uri)
        set_field(address, "_name", name)
        set_field(address, "_params", params)
        set_field(address, "_text", text)
        return address

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """From `"Name" <uri>;params`, `Name <uri>`, `<uri>`, `uri;params` or `*`. Raises ValueError if malformed."""
        return parse_address(text)

    @property
    def display_name(self) -> str | None:
        """Without quotes and escapes; None if there is none, or an empty one without quotes."""
        return unquote(self._name.rstrip(" \t")) if self._name else None

    @property
    def params(self) -> Params:
        """The header's parameters, such as `tag` and `expires`."""
        return Params.matched(self._params)

    @property
    def tag(self) -> str | None:
        """The `tag` parameter of From and To, as received; None if absent."""
        return param(self._params, "tag")

    @property
    def is_wildcard(self) -> bool:
        """Whether this is the `*` of `Contact: *`, which removes all bindings (RFC 3261 10.2.2)."""
        return self._text == "*"

    def with_param(self, name: str, value: str | None = None) -> NameAddr:
        """This address with a header parameter set, such as `with_param("tag", "a1")`."""
        return NameAddr(self.uri, self.display_name, self.params.with_(name, value))

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"NameAddr({self.uri!r}, {self.display_name!r}, {self.params!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NameAddr) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Uri, str | None, Params]:
        return self.uri, self.display_name, self.params


WILDCARD: Final = NameAddr.matched(Uri.wildcard(), "", "", "*")


@lru_cache(CACHED)
def parse_address(text: str) -> NameAddr:
    text = text.strip(" \t")
    if (found := _NAME_ADDR.fullmatch(text)) is not None:
        name, uri, params = found.groups()
        return NameAddr.matched(Uri.parse(uri), name, params, text)
    if text == "*":
        return WILDCARD
    if (found := _ADDR_SPEC.fullmatch(text)) is not None:
        return NameAddr.matched(Uri.parse(found[1]), "", found[2], text)
    raise ValueError(f"malformed address {text[:80]!r}")


_ViaParts = tuple[str, str, str, str, str | None, str]
"""As written: protocol name, version, transport, host, port, parameters."""


@frozen(init=False, eq=False, repr=False)
class Via:
    """One hop of the path that a response takes back. RFC 3261 20.42. `str()` of a parsed one is its text."""

    _text: str
    _parts: _ViaParts

    def __init__(
        self, transport: str, host: str, port: int | None = None, params: Params = NO_PARAMS, protocol: str = "SIP/2.0"
    ) -> None:
        """Raises ValueError if a part cannot stand in a Via."""
        number = "" if port is None else f":{port}"
        built = Via.parse(f"{protocol}/{transport} {checked_host(host)}{number}{params}")
        set_field(self, "_text", built._text)
        set_field(self, "_parts", built._parts)

    @classmethod
    def matched(cls, text: str, parts: _ViaParts) -> Via:
        """From text and what the grammar found in it."""
        via = new(cls)
        set_field(via, "_text", text)
        set_field(via, "_parts", parts)
        return via

    @classmethod
    def parse(cls, text: str) -> Via:
        """From `SIP/2.0/WSS host:port;params`, with white space wherever the grammar has it. Raises ValueError."""
        return parse_via(text)

    @property
    def protocol(self) -> str:
        """`SIP/2.0`."""
        return f"{self._parts[0]}/{self._parts[1]}"

    @property
    def transport(self) -> str:
        """As received, such as `WSS`."""
        return self._parts[2]

    @property
    def host(self) -> str:
        """As in a URI: an IPv6 address has its brackets."""
        return self._parts[3]

    @property
    def port(self) -> int | None:
        """The port; None if there is none."""
        port = self._parts[4]
        return None if port is None else int(port)

    @property
    def params(self) -> Params:
        """The parameters, such as `branch`, `received` and `rport`."""
        return Params.matched(self._parts[5])

    @property
    def branch(self) -> str | None:
        """The transaction's id, as received; None in messages of RFC 2543."""
        return param(self._parts[5], "branch")

    @property
    def received(self) -> str | None:
        """The address that the server saw (RFC 3261 18.2.1)."""
        return self.params.get("received")

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Via.parse({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Via) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, str, str, int | None, Params]:
        return self.protocol, self.transport, self.host, self.port, self.params


@lru_cache(CACHED)
def parse_via(text: str) -> Via:
    text = text.strip(" \t")
    found = _VIA.fullmatch(text)
    if found is None:
        raise ValueError(f"malformed Via {text[:80]!r}")
    parts = cast("_ViaParts", found.groups())
    if parts[3][0] == "[":
        checked_host(parts[3])
    if parts[4] is not None and int(parts[4]) > 65535:
        raise ValueError(f"malformed Via {text[:80]!r}: port above 65535")
    return Via.matched(text, parts)


@frozen
class CSeq:
    """The sequence number and method of a transaction. RFC 3261 20.16."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """From `314159 INVITE`. Raises ValueError if malformed or out of range."""
        found = _CSEQ.fullmatch(text.strip(" \t"))
        # "The sequence number MUST be expressible as a 32-bit unsigned integer" (RFC 3261 20.16).
        if found is None or (number := int(found[1] or 0)) >= 2**32:
            raise ValueError(f"malformed CSeq {text[:80]!r}")
        return cls(number, found[2])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def media_type(value: str) -> tuple[str, Params]:
    """A Content-Type's `type/subtype` in lower case, and its parameters (none if they are malformed)."""
    name, semicolon, rest = value.partition(";")
    try:
        params = Params.parse(semicolon + rest)
    except ValueError:
        params = NO_PARAMS
    return "".join(name.split()).lower(), params
