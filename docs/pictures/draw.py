"""A state machine as SVG text. It takes its colours from the page, so it is right in light and dark."""

from collections import defaultdict
from collections.abc import Mapping
from html import escape
from math import hypot

from attrs import frozen

from docs.pictures.explore import Transition

WIDTH, HEIGHT = 124, 34
"""Of a state's box."""
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 8 4 0 8z"/></marker></defs>'
)
"""Of an arrow."""
BENDS = (0, 40, -40, 70, -70, 100, -100, 140, -140, 180, -180)
"""How far an arrow may go out of its way to pass other states, the least first."""

Point = tuple[float, float]


@frozen
class Layout:
    """Where the states stand, as centres in pixels, and how large the picture is. Arrows are never listed."""

    size: tuple[int, int]
    places: Mapping[str, Point]


def svg(title: str, layout: Layout, transitions: set[Transition]) -> str:
    """The picture. A state that has no place, or a place without a state, is a `ValueError`: the code has changed."""
    states = {state for one in transitions for state in (one.before, one.after)}
    if states != set(layout.places):
        raise ValueError(f"{title}: give the states their places in docs/pictures: {states ^ set(layout.places)}")
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in sorted(transitions, key=lambda one: one.by):
        arrows[one.before, one.after].append(one.by)
    shared = _shared(arrows)
    width, height = layout.size
    parts = [
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{escape(title)}">',
        TIP,
    ]
    labels: list[str] = []
    for (before, after), by in arrows.items():
        both = (after, before) in arrows
        begin, control, end = _arrow(before, after, layout.places, both=both)
        faint = ' class="faint"' if after in shared else ""
        parts.append(
            f'<path{faint} d="M{begin[0]:.0f} {begin[1]:.0f} Q{control[0]:.0f} {control[1]:.0f} '
            f'{end[0]:.0f} {end[1]:.0f}" marker-end="url(#tip)"/>'
        )
        if after not in shared or (not shared[after] and len(by) <= 2):
            labels.append(_text(_at(0.36 if both else 0.5, begin, control, end), by))
    for state, (x, y) in layout.places.items():
        parts.append(
            f'<rect x="{x - WIDTH / 2}" y="{y - HEIGHT / 2}" width="{WIDTH}" height="{HEIGHT}" rx="8"/>'
            f'<text class="state" x="{x}" y="{y + 5}">{escape(state)}</text>'
        )
        if state in shared:
            labels.append(_text((x, y + HEIGHT / 2 + 7 + 7 * len(shared[state])), shared[state]))
    return "".join([*parts, *labels, "</svg>"])


def _shared(arrows: Mapping[tuple[str, str], list[str]]) -> dict[str, list[str]]:
    """States that many others lead to, each with what stands below it, once, in place of labels at its arrows."""
    into: dict[str, list[list[str]]] = defaultdict(list)
    for (_, after), by in arrows.items():
        into[after].append(by)
    found: dict[str, list[str]] = {}
    for after, ways in into.items():
        names = list(dict.fromkeys(name for by in ways for name in by))
        if len(ways) >= 4 or (len(ways) == 3 and len(names) > 3):
            found[after] = names if len(names) <= 3 else []
    return found


def _text(at: Point, lines: list[str]) -> str:
    shown = lines if len(lines) <= 3 else [*lines[:2], "..."]
    x, top = at[0], at[1] + 4 - 7 * (len(shown) - 1)
    spans = "".join(
        f'<tspan x="{x:.0f}" y="{top + 14 * row:.0f}">{escape(line)}</tspan>' for row, line in enumerate(shown)
    )
    return f'<text class="by">{spans}</text>'


def _at(t: float, begin: Point, control: Point, end: Point) -> Point:
    x, y = ((1 - t) ** 2 * begin[axis] + 2 * t * (1 - t) * control[axis] + t * t * end[axis] for axis in (0, 1))
    return x, y


def _arrow(before: str, after: str, places: Mapping[str, Point], *, both: bool) -> tuple[Point, Point, Point]:
    """Begin, control point and end of a curve that meets no other state."""
    (x1, y1), (x2, y2) = places[before], places[after]
    length = hypot(x2 - x1, y2 - y1)
    across = (-(y2 - y1) / length, (x2 - x1) / length)
    aside = 12.0 if both else 0.0
    others = [place for state, place in places.items() if state not in (before, after)]
    curve: tuple[Point, Point, Point] | None = None
    for bend in BENDS:
        x, y = ((a + b) / 2 + across[axis] * (bend + aside * 2) for axis, (a, b) in enumerate(((x1, x2), (y1, y2))))
        start = (x1 + across[0] * aside, y1 + across[1] * aside)
        stop = (x2 + across[0] * aside, y2 + across[1] * aside)
        curve = _edge((x1, y1), start, (x, y)), (x, y), _edge((x2, y2), stop, (x, y))
        if not any(_hits(place, *curve) for place in others):
            return curve
    assert curve is not None
    return curve


def _edge(centre: Point, start: Point, towards: Point) -> Point:
    """Where the line from `start` to `towards` leaves the box."""
    dx, dy = towards[0] - start[0], towards[1] - start[1]
    room_x = WIDTH / 2 + 2 - (start[0] - centre[0]) * (1 if dx > 0 else -1)
    room_y = HEIGHT / 2 + 2 - (start[1] - centre[1]) * (1 if dy > 0 else -1)
    share = min(room_x / abs(dx) if dx else 9.0, room_y / abs(dy) if dy else 9.0)
    return start[0] + dx * share, start[1] + dy * share


def _hits(place: Point, begin: Point, control: Point, end: Point) -> bool:
    points = (_at(step / 24, begin, control, end) for step in range(1, 24))
    return any(abs(x - place[0]) < WIDTH / 2 + 6 and abs(y - place[1]) < HEIGHT / 2 + 6 for x, y in points)
