"""The header fields of a message: an immutable ordered multimap that keeps every line as it was written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

from attrs import frozen

from jzrx.sip.params import is_token, new, set_field, split_list

T = TypeVar("T")
_Line = tuple[str, str, str, str]
"""Key (lower case, long name), name as written, value unfolded, and the whole line as written without its last CRLF."""

# https://www.iana.org/assignments/sip-parameters, "Compact Form".
COMPACT: Final = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}

_SECRET: Final = frozenset({"authorization", "proxy-authorization"})
_FOLD: Final = re.compile(r"[ \t]*+\r\n[ \t]++")
_FOLDED: Final = re.compile(r"\n[ \t]")
LINE_END: Final = re.compile(r"\r\n(?![ \t])")
# A NUL may stand in a quoted string behind a backslash (RFC 3261 25.1, quoted-pair) and nowhere else.
STRAY: Final = re.compile(r"[\r\n]|(?<!\\)\x00")
FORBIDDEN: Final = re.compile(r"[\r\n\ud800-\udfff]|(?<!\\)\x00")


def decode(octets: bytes) -> str:
    """Octets of a message's head as text; those that are no UTF-8 become lone surrogates, and can be printed again."""
    return octets.decode("utf-8", "surrogateescape")


def readable(text: str) -> str:
    """`text` with U+FFFD in place of lone surrogates, which could not be printed or sent anywhere else."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def split_lines(head: str) -> list[str]:
    """Lines without their CRLF, folded ones in one piece. Raises ValueError for a stray CR, LF or NUL."""
    lines = head.split("\r\n")
    rest = "".join(lines)
    if "\r" in rest or "\n" in rest:
        raise ValueError("a CR or LF stands alone in the headers")
    if "\x00" in rest and STRAY.search(rest):
        raise ValueError("a NUL stands alone in the headers")
    return LINE_END.split(head) if _FOLDED.search(head) else lines


@lru_cache(maxsize=1024)
def header_key(name: str) -> str:
    """The one key of all spellings of a header's name: lower case, compact names made long."""
    lowered = name.lower()
    return COMPACT.get(lowered, lowered)


@lru_cache(maxsize=1024)
def _parsed_name(text: str) -> tuple[str, str]:
    """(key, name) from what stands before the colon. Raises ValueError if that is no token."""
    # "HCOLON = *( SP / HTAB ) ":" SWS" (RFC 3261 25.1): white space before the colon is allowed.
    name = text.rstrip(" \t")
    if not is_token(name):
        raise ValueError(f"malformed header name {text[:80]!r}")
    return header_key(name), name


def _checked_line(name: str, value: str) -> _Line:
    if not is_token(name):
        raise ValueError(f"invalid header name {name!r}: use an RFC 3261 token such as X-Reason")
    if FORBIDDEN.search(value):
        raise ValueError(f"invalid value of header {name}: it must not contain CR, LF, NUL or lone surrogates")
    value = value.strip(" \t")
    return header_key(name), name, value, f"{name}: {value}"


def _indexed(lines: tuple[_Line, ...]) -> dict[str, tuple[str, ...]]:
    index: dict[str, tuple[str, ...]] = {}
    for key, _, value, _ in lines:
        index[key] = (*index.get(key, ()), value)
    return index


@frozen(init=False, eq=False, repr=False)
class Headers:
    """Header fields in order. Names compare without case and by both their long and compact form. RFC 3261 7.3.

    All methods that change something return new headers. The lines of a parsed message that were not touched are
    printed as they came, folding and odd spacing included. Building with a name that is no token, or with CR, LF or
    NUL in a value, raises ValueError that names the header.
    """

    _lines: tuple[_Line, ...]
    _index: dict[str, tuple[str, ...]]
    _memo: dict[object, object]

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        lines = tuple(_checked_line(name, value) for name, value in pairs)
        self._fill(lines, _indexed(lines))

    def _fill(self, lines: tuple[_Line, ...], index: dict[str, tuple[str, ...]]) -> None:
        set_field(self, "_lines", lines)
        set_field(self, "_index", index)
        set_field(self, "_memo", {})

    @classmethod
    def _of(cls, lines: tuple[_Line, ...], index: dict[str, tuple[str, ...]] | None = None) -> Headers:
        headers = new(cls)
        headers._fill(lines, _indexed(lines) if index is None else index)
        return headers

    @classmethod
    def parse(cls, raw_lines: Sequence[str]) -> Headers:
        """From header lines as received (see `split_lines`).

        Raises ValueError for a line that has no colon or whose name is no token.
        """
        lines: list[_Line] = []
        index: dict[str, tuple[str, ...]] = {}
        text = "".join(raw_lines)
        is_plain = text.isascii() and "\r" not in text
        for raw in raw_lines:
            before, colon, value = raw.partition(":")
            if not colon:
                raise ValueError(f"malformed header line {raw[:80]!r}")
            key, name = _parsed_name(before)
            if not is_plain:
                # "The line break and the whitespace at the beginning of the next line are treated as a single SP
                # character" (RFC 3261 7.3.1).
                value = readable(_FOLD.sub(" ", value))
            value = value.strip(" \t")
            lines.append((key, name, value, raw))
            index[key] = (*index[key], value) if key in index else (value,)
        return cls._of(tuple(lines), index)

    def get(self, name: str) -> str | None:
        """The value of the first line of that name, unfolded; None if there is none."""
        values = self._index.get(header_key(name))
        return values[0] if values else None

    def get_all(self, name: str) -> tuple[str, ...]:
        """The values of all lines of that name, one for each line."""
        return self._index.get(header_key(name), ())

    def get_list(self, name: str) -> tuple[str, ...]:
        """The comma-separated values of all lines of that name, in order (commas in quotes and `<>` do not count)."""
        values = self.get_all(name)
        if len(values) == 1:
            return split_list(values[0])
        items: list[str] = []
        for value in values:
            items += split_list(value)
        return tuple(items)

    def set(self, name: str, value: str) -> Headers:
        """With one line of that name: in place of the first, or else at the end."""
        line, key = _checked_line(name, value), header_key(name)
        if key not in self._index:
            return self._of((*self._lines, line))
        lines: list[_Line] = []
        placed = False
        for old in self._lines:
            if old[0] != key:
                lines.append(old)
            elif not placed:
                lines.append(line)
                placed = True
        return self._of(tuple(lines))

    def add(self, name: str, value: str) -> Headers:
        """With one more line at the end."""
        return self._of((*self._lines, _checked_line(name, value)))

    def prepend(self, name: str, value: str) -> Headers:
        """With one more line before all others, as a Via or Record-Route is added."""
        return self._of((_checked_line(name, value), *self._lines))

    def remove(self, name: str) -> Headers:
        """Without all lines of that name."""
        key = header_key(name)
        return self._of(tuple(line for line in self._lines if line[0] != key))

    def select(self, *names: str) -> Headers:
        """Only the lines of these names, in their order and as they were written: what a response copies."""
        keys = {header_key(name) for name in names}
        return self._of(tuple(line for line in self._lines if line[0] in keys))

    def items(self) -> tuple[tuple[str, str], ...]:
        """(name as written, value unfolded) of every line."""
        return tuple((name, value) for _, name, value, _ in self._lines)

    def memo(self, compute: Callable[[Headers], T]) -> T:
        """`compute(self)`, once: headers never change, so what was parsed from them can be kept."""
        value: Any = self._memo.get(compute, self)  # these headers where there is no value: nobody computes those
        if value is self:
            value = self._memo[compute] = compute(self)
        return value  # type: ignore[no-any-return]

    def __add__(self, other: Headers) -> Headers:
        """These lines, then those of `other`."""
        return self._of(self._lines + other._lines)

    def __contains__(self, name: str) -> bool:
        return header_key(name) in self._index

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.items())

    def __len__(self) -> int:
        return len(self._lines)

    def __str__(self) -> str:
        """The wire form: every line with its CRLF."""
        return "".join(f"{raw}\r\n" for _, _, _, raw in self._lines)

    def __repr__(self) -> str:
        shown = [(name, "***" if key in _SECRET else value) for key, name, value, _ in self._lines]
        return f"Headers({shown!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[tuple[str, str], ...]:
        return tuple((key, value) for key, _, value, _ in self._lines)


NO_HEADERS: Final = Headers()
