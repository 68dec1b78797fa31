"""Diagrams as text: what was seen, written so that `parse` reads it; several, one below the other."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from jzrx.recording.notation import micros

__all__ = ["Layout", "Row", "duration", "fine_frame", "lay_out", "round_frame", "token"]

_MOST_DASHES = 24  # a longer silence is written as a span
_WIDTH = 60  # the frames that a diagram has at most where the frame may be chosen
_FRAMES = (
    *map(micros, (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)),
    *(micros(second) for second in (1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 86400)),
)
_UNITS = (
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
)


@frozen
class Row:
    """One diagram to be drawn: what stands at which moment (microseconds), and how long it lasts."""

    tokens: Mapping[int, str]
    until: int
    is_over: bool = False


@frozen
class Layout:
    """The lines, and the place (from 0) at which each moment stands in all of them."""

    lines: tuple[str, ...]
    places: Mapping[int, int]


def token(letters: Sequence[str]) -> str:
    """One sign, or a group."""
    return letters[0] if len(letters) == 1 else f"({''.join(letters)})"


def duration(time: int) -> str:
    """A time of whole microseconds in the largest unit that needs no fraction, as it stands in a diagram: 90s, 2h."""
    if time == 0:
        return "0s"
    return next(f"{time // size}{unit}" for unit, size in _UNITS if time % size == 0)


def fine_frame(moments: Iterable[int], frame: int) -> int:
    """`frame`, or the part of it that keeps all moments apart."""
    ordered = sorted(set(moments))
    least = min((later - earlier for earlier, later in itertools.pairwise(ordered)), default=frame)
    while frame > least:
        frame = max(1, frame // 10)
    return frame


def round_frame(until: int) -> int:
    """A round frame in which a diagram of that length is about a line long."""
    return next((frame for frame in _FRAMES if until <= frame * _WIDTH), _FRAMES[-1])


def lay_out(rows: Sequence[Row], frame: int) -> Layout:
    """Draw the rows with a frame that keeps their moments apart (`fine_frame`), each moment below the same moment."""
    lines = [""] * len(rows)
    places: dict[int, int] = {}
    cursor = 0
    for moment in sorted({moment for row in rows for moment in row.tokens}):
        _pass(lines, rows, cursor, moment, frame)
        places[moment] = len(lines[0])
        width = max(len(row.tokens.get(moment, "")) for row in rows)
        for index, row in enumerate(rows):
            is_past = row.is_over and moment > max(row.tokens, default=0)
            lines[index] += row.tokens.get(moment, " " if is_past else "-").ljust(width)
        cursor = moment + frame
    _pass(lines, rows, cursor, max(row.until for row in rows), frame)
    return Layout(tuple(line.rstrip() for line in lines), places)


def _pass(lines: list[str], rows: Sequence[Row], begin: int, end: int, frame: int) -> None:
    """Let time pass in all rows, from `begin` to `end`."""
    frames, rest = divmod(max(0, end - begin), frame)
    if frames > _MOST_DASHES:
        frames, rest = 0, end - begin
    quiet = "-" * frames + (f" {duration(rest)} " if rest else "")
    for index, row in enumerate(rows):
        is_past = row.is_over and begin > max(row.tokens, default=0)
        lines[index] += " " * len(quiet) if is_past else quiet
