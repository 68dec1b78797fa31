"""Diagrams as an SVG picture: a line for each, a marble for each value, one axis of time below them all.

The ink suits light and dark pages, and marbles carry dark letters on light colours; what a marble stands for is in its
tooltip, and in the legend.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from attrs import frozen

from jzrx.recording.comparison import Seen
from jzrx.recording.drawing import duration
from jzrx.recording.letters import Letters, label
from jzrx.recording.notation import COMPLETED, FAILED

__all__ = ["INK", "Strip", "picture"]

INK = "#767676"  # as far from white as from black
_FILLS = ("#93c5fd", "#86efac", "#fcd34d", "#fca5a5", "#c4b5fd", "#f9a8d4", "#67e8f9", "#bef264", "#fdba74", "#cbd5e1")
_LETTER = "#111827"
_RADIUS = 11
_STACK = 2 * _RADIUS + 2  # from one marble of a moment to the next
_FRAME = 26  # the width of a frame, which is at least that of a marble
_LONGEST = 6 * _FRAME  # a silence is not drawn longer than this
_MOST_AT_ONCE = 6
_TITLE = 20
_GAP = 12
_LABEL = 46  # labels of the axis are at least so far from each other
_LEGEND_LINE = 18


@frozen
class Mark:
    """One marble, or an end."""

    letter: str
    title: str
    end: str | None


@frozen
class Strip:
    """One line of a picture. Times are microseconds."""

    name: str
    marks: Mapping[int, tuple[Mark, ...]]
    until: int
    frame: int
    legend: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, name: str, seen: Mapping[int, Sequence[Seen]], until: int, frame: int, letters: Letters) -> "Strip":
        """A line of what was seen at which moment."""
        marks = {at: _marks(those, letters) for at, those in seen.items()}
        drawn = {mark.letter for those in marks.values() for mark in those}
        return cls(name, marks, until, frame, tuple(line for line in letters.shown() if line[0] in drawn))

    @property
    def height(self) -> int:
        """How much room its marbles take."""
        return _STACK * max((len(marks) for marks in self.marks.values()), default=1)


def _marks(seen: Sequence[Seen], letters: Letters) -> tuple[Mark, ...]:
    """The marbles of one moment; of many, the first and the last."""
    marks = [_mark(each, letters) for each in seen]
    if len(marks) <= _MOST_AT_ONCE:
        return tuple(marks)
    left_out = len(marks) - _MOST_AT_ONCE + 1
    return (*marks[: _MOST_AT_ONCE - 2], Mark("…", f"{left_out} more", None), marks[-1])


def _mark(seen: Seen, letters: Letters) -> Mark:
    if seen.end == COMPLETED:
        return Mark(COMPLETED, f"{_clock(seen.at)}: completed", COMPLETED)
    if seen.end == FAILED:
        return Mark(FAILED, f"{_clock(seen.at)}: failed: {label(seen.value)}", FAILED)
    return Mark(letters.of(seen.value), f"{_clock(seen.at)}: {label(seen.value)}", None)


def picture(strips: Sequence[Strip], *, ink: str = INK) -> str:
    """The strips, one below the other."""
    frame = min(strip.frame for strip in strips)
    until = max(strip.until for strip in strips)
    places, breaks = _places(sorted({0, until, *(at for strip in strips for at in strip.marks)}), frame)
    fills = _fills(strips)
    width = places[until] + 2 * _FRAME
    body: list[str] = []
    top = 4.0
    for strip in strips:
        body += [f'<text x="{_GAP}" y="{top + 11:g}" font-weight="600">{escape(strip.name)}</text>']
        middle = top + _TITLE + strip.height / 2
        body += _line(strip, places, breaks, middle, fills)
        top += _TITLE + strip.height + _GAP
    body += _axis(places, top)
    top += 26
    legend, width, top = _legend(strips, fills, width, top)
    body += legend
    what = escape("; ".join(f"{strip.name}: {_spoken(strip)}" for strip in strips), quote=True)
    style = f"font:12px system-ui,sans-serif;max-width:100%;height:auto;color:{ink}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{what}" viewBox="0 0 {width:g} {top:g}"'
        f' width="{width:g}" height="{top:g}" style="{style}" fill="currentColor">{"".join(body)}</svg>'
    )


def _places(moments: Sequence[int], frame: int) -> tuple[dict[int, float], list[tuple[float, int]]]:
    """Where each moment stands, and in the middle of which silences there is a break, with their length."""
    places = {moments[0]: float(2 * _GAP)}
    breaks: list[tuple[float, int]] = []
    for earlier, later in itertools.pairwise(moments):
        wanted = max(1.0, (later - earlier) / frame) * _FRAME
        places[later] = places[earlier] + min(wanted, _LONGEST)
        if wanted > _LONGEST:
            breaks.append(((places[earlier] + places[later]) / 2, later - earlier))
    return places, breaks


def _line(
    strip: Strip,
    places: Mapping[int, float],
    breaks: Sequence[tuple[float, int]],
    middle: float,
    fills: Mapping[str, str],
) -> Iterator[str]:
    ends = [at for at, marks in strip.marks.items() if marks[-1].end]
    right = places[ends[0]] + _aside(strip.marks[ends[0]]) if ends else max(places.values()) + _FRAME
    yield _stroke(f"M{2 * _GAP - 8} {middle:g}H{right:g}")
    for place, silence in breaks:
        if place < right:
            slashes = "".join(f"M{x - 3:g} {middle + 7:g}L{x + 3:g} {middle - 7:g}" for x in (place - 3, place + 3))
            yield f"<g><title>{duration(silence)}</title>{_stroke(slashes)}</g>"
    for at, marks in strip.marks.items():
        yield from _moment(marks, places[at], middle, fills)


def _moment(marks: Sequence[Mark], x: float, middle: float, fills: Mapping[str, str]) -> Iterator[str]:
    y = middle - _STACK * (sum(mark.end is None for mark in marks) - 1) / 2
    end = x + _aside(marks)
    for mark in marks:
        if mark.end == COMPLETED:
            drawn = _stroke(f"M{end:g} {middle - 15:g}v30", 3)
        elif mark.end == FAILED:
            drawn = _stroke(f"M{end - 8:g} {middle - 8:g}l16 16m0 -16l-16 16", 3)
        else:
            drawn = _marble(mark.letter, x, y, fills)
            y += _STACK
        yield f"<g><title>{escape(mark.title)}</title>{drawn}</g>"


def _aside(marks: Sequence[Mark]) -> int:
    """How far an end stands to the right of its moment: beside the marbles that came with it."""
    return 2 * _RADIUS if len(marks) > 1 else 0


def _stroke(path: str, width: float = 1.5) -> str:
    return f'<path d="{path}" stroke="currentColor" stroke-width="{width:g}" fill="none"/>'


def _marble(letter: str, x: float, y: float, fills: Mapping[str, str]) -> str:
    return (
        f'<circle cx="{x:g}" cy="{y:g}" r="{_RADIUS}" fill="{fills[letter]}" stroke="currentColor"/>'
        f'<text x="{x:g}" y="{y + 4:g}" text-anchor="middle" fill="{_LETTER}">{escape(letter)}</text>'
    )


def _axis(places: Mapping[int, float], top: float) -> Iterator[str]:
    last = float("-inf")
    for at, x in sorted(places.items()):
        if x - last >= _LABEL:
            last = x
            yield f'<text x="{x:g}" y="{top + 10:g}" text-anchor="middle" font-size="10">{_clock(at)}</text>'


def _clock(at: int) -> str:
    """A time as people read it: 250ms, 12.5s, 2:00:30."""
    if 0 < at < 1_000_000:
        return f"{at / 1000:g}ms"
    if at < 600_000_000:
        return f"{at / 1_000_000:.7g}s"
    minutes, second = divmod(round(at / 1_000_000), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


def _legend(
    strips: Sequence[Strip], fills: Mapping[str, str], width: float, top: float
) -> tuple[list[str], float, float]:
    lines = list(dict.fromkeys(line for strip in strips for line in strip.legend))
    parts: list[str] = []
    x = float(_GAP)
    for letter, meaning in lines:
        room = 30 + 7 * len(meaning)
        if x > _GAP and x + room > max(width, 560):
            x, top = float(_GAP), top + _LEGEND_LINE + 6
        parts += [_marble(letter, x + _RADIUS, top + 10, fills)]
        parts += [f'<text x="{x + 28:g}" y="{top + 14:g}">{escape(meaning)}</text>']
        x += room + _GAP
        width = max(width, x)
    return parts, width, top + (_LEGEND_LINE + 10 if lines else 0)


def _fills(strips: Sequence[Strip]) -> dict[str, str]:
    letters = dict.fromkeys(mark.letter for strip in strips for marks in strip.marks.values() for mark in marks)
    return {letter: _FILLS[index % len(_FILLS)] for index, letter in enumerate(letters)}


def _spoken(strip: Strip) -> str:
    return ", ".join(mark.title for marks in strip.marks.values() for mark in marks) or "nothing"
