"""Marble diagrams: text that says what happens when. `parse` reads it; `jzrx.recording.drawing` writes it.

    -       nothing, for one frame
    a       any other sign: what the legend calls so; it takes one frame
    (ab)    several at one moment; together they take one frame
    |  #    the end: completion, or an error
    ^       time 0, in a diagram of what was under way before
     500ms  a span of time, between blanks: us, ms, s, m, h, d
    blank   nothing at all: pad with blanks, so that diagrams stand below each other

One column of signs is one frame; unlike in RxJS, a group takes no more time than a single sign.
"""

import re
from collections.abc import Iterator

from attrs import frozen

__all__ = ["COMPLETED", "FAILED", "RESERVED", "Diagram", "DiagramError", "Sign", "micros", "parse", "seconds"]

COMPLETED = "|"
FAILED = "#"
RESERVED = frozenset("-()|#^ ")
"""Signs that have a meaning of their own, and can stand for no value."""

_UNITS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_SHORTEST, _LONGEST = 0.000001, 1e9
_SPAN = re.compile(r"(?:(?<=\s)|^)(\d+(?:\.\d+)?)(us|ms|s|m|h|d)(?=\s|$)")


class DiagramError(ValueError):
    """A diagram that cannot be read, or played; the message shows the place. `column` counts from 1."""

    def __init__(self, diagram: str, column: int, problem: str) -> None:
        super().__init__(f"column {column}: {problem}\n  {diagram}\n  {' ' * (column - 1)}^")
        self.diagram = diagram
        self.column = column


@frozen
class Sign:
    """One sign of a diagram that stands for something: a letter, `|` or `#`. `at` is microseconds."""

    at: int
    letter: str
    column: int


@frozen
class Diagram:
    """What a diagram says. `length` (microseconds) is how long it lasts; what comes after it is not said."""

    text: str
    signs: tuple[Sign, ...]
    length: int

    @property
    def letters(self) -> tuple[Sign, ...]:
        """The signs without the end."""
        return tuple(sign for sign in self.signs if sign.letter not in (COMPLETED, FAILED))


def micros(time: float) -> int:
    """Seconds as the whole microseconds in which diagrams count."""
    return round(time * 1_000_000)


def seconds(time: int) -> float:
    """Microseconds as seconds."""
    return time / 1_000_000


def parse(text: str, *, frame: float = 1.0, hot: bool = False) -> Diagram:
    """Read a diagram, of which each frame lasts `frame` seconds. `hot`: it may have a `^`.

    DiagramError for one that makes no sense, ValueError for a frame that is shorter than a microsecond.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"a marble diagram is text, such as '-a-(bc)-', not {text!r}")
    if not isinstance(frame, int | float) or not _SHORTEST <= frame <= _LONGEST:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"frame must be a time in seconds, 0.000001 or more, not {frame!r}")
    step = micros(frame)
    signs: list[Sign] = []
    zero = now = 0
    ended = False
    for column, token in _tokens(text):
        span = _SPAN.fullmatch(token)
        if span is not None:
            now += round(float(span[1]) * _UNITS[span[2]])
            continue
        if token == "^":
            if not hot or zero or any(sign.letter == "^" for sign in signs):
                raise DiagramError(text, column, "^ stands once, and in a hot diagram only")
            signs.append(Sign(now, "^", column))
            zero = now
        elif token != "-":
            inside = list(_inside(text, column, token))
            for place, letter in inside:
                if ended:
                    raise DiagramError(text, place, "nothing can come after the end")
                signs.append(Sign(now, letter, place))
                ended = letter in (COMPLETED, FAILED)
        now += step
    placed = tuple(Sign(sign.at - zero, sign.letter, sign.column) for sign in signs if sign.letter != "^")
    return Diagram(text, placed, now - zero)


def _tokens(text: str) -> Iterator[tuple[int, str]]:
    """The parts of a diagram with their columns: a sign, a whole group, or a span."""
    place = 0
    while place < len(text):
        span = _SPAN.match(text, place)
        if span is not None:
            yield place + 1, span[0]
            place = span.end()
        elif text[place] == "(":
            end = text.find(")", place)
            if end < 0:
                raise DiagramError(text, place + 1, "this group has no ) at its end")
            yield place + 1, text[place : end + 1]
            place = end + 1
        elif text[place] == ")":
            raise DiagramError(text, place + 1, ") without a ( before it")
        elif text[place].isspace():
            place += 1
        elif not text[place].isprintable():
            raise DiagramError(text, place + 1, f"{text[place]!r} is no sign that can be seen")
        else:
            yield place + 1, text[place]
            place += 1


def _inside(text: str, column: int, token: str) -> Iterator[tuple[int, str]]:
    """The letters of a token, each with its column."""
    if len(token) == 1:
        yield column, token
        return
    letters = [(column + 1 + place, sign) for place, sign in enumerate(token[1:-1]) if not sign.isspace()]
    if not letters:
        raise DiagramError(text, column, "this group is empty")
    for place, sign in letters:
        if sign in "-(^" or not sign.isprintable():
            raise DiagramError(text, place, f"{sign!r} cannot stand in a group, which is one moment")
        yield place, sign
