"""An expected diagram and what was seen: where they differ first, and both drawn to be compared by eye."""

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen

from jzrx.recording.drawing import Row, duration, fine_frame, lay_out, token
from jzrx.recording.letters import Legend, Letters, label, stands_for, state_of_letter, usual_letter
from jzrx.recording.notation import COMPLETED, FAILED, Diagram

__all__ = ["Seen", "difference"]


@frozen
class Seen:
    """Something that was seen at a time (microseconds): a value, or an end, which `end` says (`|` or `#`)."""

    at: int
    value: Any = None
    end: str | None = None


def difference(
    name: str, expected: Diagram, seen: Sequence[Seen], until: int, legend: Legend, frame: int
) -> str | None:
    """None if the expected was seen, and nothing else; otherwise a text that shows both and where they part."""
    wanted = _by_moment((sign.at, sign.letter) for sign in expected.signs)
    found = _by_moment((each.at, each) for each in seen)
    for moment in sorted({*wanted, *found}):
        letters, values = wanted.get(moment, []), found.get(moment, [])
        fits = len(letters) == len(values) and all(map(lambda a, b: _fits(a, b, legend), letters, values))
        if not fits:
            return _report(name, expected, seen, until, legend, frame, moment)
    return None


def _fits(letter: str, seen: Seen, legend: Legend) -> bool:
    if seen.end is not None or letter in (COMPLETED, FAILED):
        return letter == seen.end and (letter != FAILED or FAILED not in legend or _same_error(legend[FAILED], seen))
    return stands_for(legend[letter], seen.value) if letter in legend else letter == usual_letter(seen.value)


def _same_error(meaning: object, seen: Seen) -> bool:
    """Errors are seldom equal: those of one class with the same arguments count as the same."""
    if isinstance(meaning, BaseException) and isinstance(seen.value, BaseException):
        return type(meaning) is type(seen.value) and meaning.args == seen.value.args
    return stands_for(meaning, seen.value)


def _by_moment(timed: Iterable[tuple[int, Any]]) -> dict[int, list[Any]]:
    moments: dict[int, list[Any]] = {}
    for moment, what in timed:
        moments.setdefault(moment, []).append(what)
    return moments


def _report(
    name: str, expected: Diagram, seen: Sequence[Seen], until: int, legend: Legend, frame: int, moment: int
) -> str:
    letters = Letters({letter: meaning for letter, meaning in legend.items() if letter != FAILED})
    wanted = _by_moment((sign.at, sign.letter) for sign in expected.signs)
    drawn = _by_moment((each.at, each.end or letters.of(each.value)) for each in seen)
    frame = fine_frame((*wanted, *drawn), frame)
    until = max(until, expected.length)
    rows = [_row(wanted, until), _row(drawn, until)]
    layout = lay_out(rows, frame)
    what = _in_words(
        wanted.get(moment, []), drawn.get(moment, []), [each for each in seen if each.at == moment], legend
    )
    lines = [
        f"{name} is not as expected (a frame is {duration(frame)})",
        "",
        f"  expected  {layout.lines[0]}",
        f"  actual    {layout.lines[1]}",
        f"            {' ' * layout.places[moment]}^ at {duration(moment)}: {what}",
        *_legend_lines(wanted, letters, legend, seen),
    ]
    return "\n".join(line.rstrip() for line in lines)


def _row(signs: dict[int, list[str]], until: int) -> Row:
    is_over = any(sign in (COMPLETED, FAILED) for those in signs.values() for sign in those)
    return Row({at: token(those) for at, those in signs.items()}, until, is_over)


def _in_words(wanted: Sequence[str], drawn: Sequence[str], there: Sequence[Seen], legend: Legend) -> str:
    if not wanted:
        return f"nothing was expected, and there was {token(drawn)}"
    told = f"expected {token(wanted)}, and there was {token(drawn) if drawn else 'nothing'}"
    if wanted != drawn:
        return told
    told += ", which is another one"
    for letter, seen in zip(wanted, there, strict=True):
        if seen.end is None and letter not in legend and not _fits(letter, seen, legend):
            return f"{told}; say what it stands for, as in {letter}={label(seen.value)}"
    return told


def _legend_lines(
    wanted: dict[int, list[str]], letters: Letters, legend: Legend, seen: Sequence[Seen]
) -> Iterable[str]:
    """What the letters stand for; those of the expected first where the actual has no such letter."""
    known = dict(letters.shown())
    are_states = any(
        isinstance(each.value, str) and usual_letter(each.value) not in (None, each.value) for each in seen
    )
    for sign in sorted({sign for signs in wanted.values() for sign in signs} - known.keys()):
        if sign in legend and legend[sign] != sign:
            known[sign] = label(legend[sign])
        elif are_states and state_of_letter(sign):
            known[sign] = state_of_letter(sign) or ""
    errors = [each.value for each in seen if each.end == FAILED]
    if errors:
        known[FAILED] = label(errors[0]) + (f", expected {label(legend[FAILED])}" if FAILED in legend else "")
    if known:
        yield ""
    for sign, meaning in sorted(known.items()):
        yield f"  {sign} = {meaning}"
