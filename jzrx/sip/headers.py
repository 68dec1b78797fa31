"""The structured header values: addresses (From, To, Contact, Route, ...), Via and CSeq. RFC 3261 section 20."""

from __future__ import annotations

import re
from typing import Any, Final

from attrs import evolve, field, frozen

from jzrx.sip.params import NO_PARAMS, PARAMS, QUOTED, TOKEN_CHARS, Params, is_token, quote, split_list, unquote
from jzrx.sip.uri import HOST, Uri, checked_host

__all__ = ["WILDCARD", "CSeq", "NameAddr", "Params", "Via", "is_token", "media_type", "quote", "split_list", "unquote"]

# Display names may be unquoted tokens; raw UTF-8 in them is no token, but common and unambiguous.
_NAME_ADDR: Final = re.compile(
    rf"(?:({QUOTED})[ \t]*+|([{TOKEN_CHARS} \t\x80-\U0010ffff]*+))<([^<>\"\x00-\x20\x7f]++)>({PARAMS})", re.DOTALL
)
# "If the URI contains a comma, question mark or semicolon, the URI MUST be enclosed in angle brackets" (RFC 3261 20):
# so in the bare form a semicolon begins the header's own parameters.
_ADDR_SPEC: Final = re.compile(rf'([^<>",;?\x00-\x20\x7f]++)({PARAMS})', re.DOTALL)
_VIA: Final = re.compile(
    rf"([{TOKEN_CHARS}]++)[ \t]*+/[ \t]*+([{TOKEN_CHARS}]++)[ \t]*+/[ \t]*+([{TOKEN_CHARS}]++)"
    rf"[ \t]++({HOST})(?:[ \t]*+:[ \t]*+([0-9]{{1,5}}+))?+({PARAMS})",
    re.DOTALL,
)
_CSEQ: Final = re.compile(rf"[ \t]*+([0-9]++)[ \t]++([{TOKEN_CHARS}]++)[ \t]*+")


def _written(default: str | None = None) -> Any:
    """The text that was parsed: printed again as long as nothing was changed, and no part of the value."""
    return field(default=default, init=False, eq=False, repr=False)


@frozen
class NameAddr:
    """An address with an optional display name, and the header's parameters (not the URI's). RFC 3261 20.10.

    `str()` of a parsed address is the text that was parsed; one that was built prints `"Name" <uri>;params`.
    """

    uri: Uri
    display_name: str | None = None
    """Without quotes and escapes; None if there was none."""
    params: Params = NO_PARAMS
    _text: str | None = _written()

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """From `"Name" <uri>;params`, `Name <uri>`, `<uri>`, `uri;params` or `*`. Raises ValueError if malformed."""
        text = text.strip(" \t")
        if (found := _NAME_ADDR.fullmatch(text)) is not None:
            quoted, bare, uri, params = found.groups()
            name = unquote(quoted) if quoted is not None else bare.rstrip(" \t") or None
            address = cls(Uri.parse(uri), name, Params.matched(params))
        elif text == "*":
            return WILDCARD
        elif (found := _ADDR_SPEC.fullmatch(text)) is not None:
            address = cls(Uri.parse(found[1]), None, Params.matched(found[2]))
        else:
            raise ValueError(f"malformed address {text[:80]!r}")
        object.__setattr__(address, "_text", text)
        return address

    @property
    def tag(self) -> str | None:
        """The `tag` parameter of From and To, as received; None if absent."""
        return self.params.get("tag")

    @property
    def is_wildcard(self) -> bool:
        """Whether this is the `*` of `Contact: *`, which removes all bindings (RFC 3261 10.2.2)."""
        return self.uri.opaque == "*" and self.uri.scheme == ""

    def with_param(self, name: str, value: str | None = None) -> NameAddr:
        """This address with a header parameter set, such as `with_param("tag", "a1")`."""
        return evolve(self, params=self.params.with_(name, value))

    def __str__(self) -> str:
        if self._text is not None:
            return self._text
        name = "" if self.display_name is None else quote(self.display_name) + " "
        return f"{name}<{self.uri}>{self.params}"


WILDCARD: Final = NameAddr(Uri.wildcard())
object.__setattr__(WILDCARD, "_text", "*")


@frozen
class Via:
    """One hop of the path that a response takes back. RFC 3261 20.42. `str()` of a parsed one is its text."""

    transport: str
    """As received, such as `WSS`."""
    host: str
    """As in a URI: an IPv6 address has its brackets."""
    port: int | None = None
    params: Params = NO_PARAMS
    protocol: str = "SIP/2.0"
    _text: str | None = _written()

    @classmethod
    def parse(cls, text: str) -> Via:
        """From `SIP/2.0/WSS host:port;params`, with white space wherever the grammar has it. Raises ValueError."""
        text = text.strip(" \t")
        found = _VIA.fullmatch(text)
        if found is None:
            raise ValueError(f"malformed Via {text[:80]!r}")
        name, version, transport, host, port, params = found.groups()
        if host[0] == "[":
            checked_host(host)
        number = None if port is None else int(port)
        if number is not None and number > 65535:
            raise ValueError(f"malformed Via {text[:80]!r}: port above 65535")
        via = cls(transport, host, number, Params.matched(params), f"{name}/{version}")
        object.__setattr__(via, "_text", text)
        return via

    @property
    def branch(self) -> str | None:
        """The transaction's id, as received; None in messages of RFC 2543."""
        return self.params.get("branch")

    @property
    def received(self) -> str | None:
        """The address that the server saw (RFC 3261 18.2.1)."""
        return self.params.get("received")

    def __str__(self) -> str:
        if self._text is not None:
            return self._text
        port = "" if self.port is None else f":{self.port}"
        return f"{self.protocol}/{self.transport} {self.host}{port}{self.params}"


@frozen
class CSeq:
    """The sequence number and method of a transaction. RFC 3261 20.16."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """From `314159 INVITE`. Raises ValueError if malformed or out of range."""
        found = _CSEQ.fullmatch(text)
        # "The sequence number MUST be expressible as a 32-bit unsigned integer" (RFC 3261 20.16).
        if found is None or len(found[1].lstrip("0")) > 10 or (number := int(found[1][-12:])) >= 2**32:
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
