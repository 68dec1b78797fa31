"""Parameters (`;name=value`), quoted strings and comma-separated lists: the parts that every SIP header is made of.

RFC 3261 sections 7.3.1 and 25.1. The patterns never go back: time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import frozen

# The values of this folder are frozen and print what was parsed: their constructors compose text, and parsing fills the
# fields with what the grammar found, past the constructor.
new: Final = object.__new__
set_field: Final = object.__setattr__

CACHED: Final = 1024
"""How many parsed values of a kind are kept: every message of a dialog brings the same addresses and Vias again."""

TOKEN_CHARS: Final = r"A-Za-z0-9\-.!%*_+`'~"
# Groups are made atomic, (?>(?:...)*), not possessive, (?:...)*+: CPython before 3.11.5, and so Debian 12's, goes on
# where the last attempt of a possessive group failed, not where it began (github.com/python/cpython issue 106052).
QUOTED: Final = r'"(?>(?:[^"\\]++|\\.)*)"'

_SEMI: Final = r"[ \t]*+;[ \t]*+"
_NAME: Final = r'[^\x00-\x20\x7f;=",<>]++'
_VALUE: Final = rf'(?:{QUOTED}|[^\x00-\x20\x7f;",<>]*+)'
PARAMS: Final = rf"(?>(?:{_SEMI}{_NAME}(?>(?:[ \t]*+=[ \t]*+{_VALUE})?))*)[ \t]*+"
"""The pattern of parameters, without groups: what it matches, `Params.matched` takes."""

_TOKEN: Final = re.compile(rf"[{TOKEN_CHARS}]++")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_NEEDS_ESCAPE: Final = re.compile(r'["\\\x00]')
_PARAM: Final = re.compile(rf"{_SEMI}({_NAME})(?>(?:[ \t]*+(=)[ \t]*+({_VALUE}))?)", re.DOTALL)
_PARAMS: Final = re.compile(PARAMS, re.DOTALL)
_PARAM_NAME: Final = re.compile(_NAME)
_PARAM_VALUE: Final = re.compile(_VALUE, re.DOTALL)
_LIST_ITEM: Final = re.compile(rf'(?>(?:[^",<]++|{QUOTED}|<[^>]*+>)+)', re.DOTALL)


def is_token(text: str) -> bool:
    """Whether `text` is an RFC 3261 token: what a method, a header name or a parameter name must be."""
    return _TOKEN.fullmatch(text) is not None


def quote(text: str) -> str:
    """`text` as a quoted-string, with `"` and `\\` escaped (RFC 3261 25.1)."""
    return '"' + _NEEDS_ESCAPE.sub(r"\\\g<0>", text) + '"'


def unquote(text: str) -> str:
    """The text that a quoted-string stands for; anything else comes back as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return _ESCAPED.sub(r"\1", inner) if "\\" in inner else inner


def split_list(value: str) -> tuple[str, ...]:
    """The comma-separated items of a header value; commas inside quotes and `<>` do not count, empty items are dropped.

    After an unbalanced quote or `<` the rest is one item: whoever parses it will find it malformed.
    """
    if "," not in value:
        item = value.strip(" \t")
        return (item,) if item else ()
    items: list[str] = []
    position = 0
    while position < len(value):
        if value[position] == ",":
            position += 1
            continue
        match = _LIST_ITEM.match(value, position)
        end = match.end() if match else position
        if end < len(value) and value[end] != ",":
            end = len(value)
        items.append(value[position:end].strip(" \t"))
        position = end
    return tuple(item for item in items if item)


def param(text: str, wanted: str) -> str | None:
    """`Params.matched(text).get(wanted)`, for a name in lower case: what tags and branches are read with."""
    for name, equal, value in _PARAM.findall(text):
        if name.lower() == wanted:
            return unquote(value) if equal else None
    return None


@frozen(init=False, eq=False, repr=False)
class Params:
    """Immutable, ordered parameters of a header or URI: pairs of a name and a value, `None` for a flag such as `lr`.

    Names compare without case. Values are kept as they were written (a quoted string stays quoted, nothing is
    percent-decoded), because tags and branches must come back to the byte; `get` gives the text without quotes.
    A value given to the constructor or `with_` that is no token is quoted. RFC 3261 7.3.1.
    """

    _text: str

    def __init__(self, pairs: Iterable[tuple[str, str | None]] = ()) -> None:
        set_field(self, "_text", "".join(_written(name, value) for name, value in pairs))

    @classmethod
    def matched(cls, text: str) -> Params:
        """From text that the pattern `PARAMS` has matched."""
        if not text:
            return NO_PARAMS
        params = new(cls)
        set_field(params, "_text", text)
        return params

    @classmethod
    def parse(cls, text: str) -> Params:
        """Parameters from `;a=b;c="d e"`. Raises ValueError for anything else, such as `;;`."""
        if _PARAMS.fullmatch(text) is None:
            raise ValueError(f"malformed parameters {text[:80]!r}")
        return cls.matched(text)

    @property
    def pairs(self) -> tuple[tuple[str, str | None], ...]:
        """(name, value) as written; the value of a flag is None."""
        return tuple((name, value if equal else None) for name, equal, value in _PARAM.findall(self._text))

    def get(self, name: str) -> str | None:
        """The value without its quotes, or None if there is no such parameter or it is a flag (ask with `in`)."""
        return param(self._text, name.lower())

    def with_(self, name: str, value: str | None = None) -> Params:
        """These parameters with `name` set: in its old place, or else at the end."""
        written, wanted = _written(name, value), name.lower()
        if name not in self:
            return self.matched(str(self) + written)
        return self.matched("".join(written if key.lower() == wanted else _joined(key, old) for key, old in self.pairs))

    def without(self, name: str) -> Params:
        """These parameters without `name`."""
        wanted = name.lower()
        return self.matched("".join(_joined(key, value) for key, value in self.pairs if key.lower() != wanted))

    def __contains__(self, name: str) -> bool:
        wanted = name.lower()
        return any(key.lower() == wanted for key, _ in self.pairs)

    def __iter__(self) -> Iterator[tuple[str, str | None]]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __str__(self) -> str:
        return "".join(_joined(name, value) for name, value in self.pairs)

    def __repr__(self) -> str:
        return f"Params({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Params) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[tuple[str, str | None], ...]:
        return tuple((name.lower(), value) for name, value in self.pairs)


def _joined(name: str, value: str | None) -> str:
    return f";{name}" if value is None else f";{name}={value}"


def _written(name: str, value: str | None) -> str:
    if _PARAM_NAME.fullmatch(name) is None:
        raise ValueError(f"invalid parameter name {name!r}: use an RFC 3261 token")
    return _joined(name, value if value is None or _PARAM_VALUE.fullmatch(value) else quote(value))


NO_PARAMS: Final = Params()
