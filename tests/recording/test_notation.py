"""Reading diagrams: what stands when, and where one that makes no sense is wrong."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jzrx.recording import DiagramError, parse
from jzrx.recording.drawing import Row, duration, lay_out, token


def signs(text: str, **options: float) -> list[tuple[float, str]]:
    return [(sign.at / 1e6, sign.letter) for sign in parse(text, **options).signs]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected", "length"),
    [
        ("", [], 0),
        ("---", [], 3),
        ("--R--(I)---A---H|", [(2, "R"), (5, "I"), (9, "A"), (13, "H"), (14, "|")], 15),
        ("(ab)c", [(0, "a"), (0, "b"), (1, "c")], 2),  # a group is one frame
        ("ab", [(0, "a"), (1, "b")], 2),  # two values, not one that is called ab
        ("( a b )-c", [(0, "a"), (0, "b"), (2, "c")], 3),
        ("  a  -  b  ", [(0, "a"), (2, "b")], 3),  # blanks are no time
        ("a 500ms b", [(0, "a"), (1.5, "b")], 2.5),
        ("2h a 1.5s |", [(7200, "a"), (7202.5, "|")], 7203.5),
        ("1 2-3s", [(0, "1"), (1, "2"), (3, "3"), (4, "s")], 5),  # digits that are no span
        ("a(b#)", [(0, "a"), (1, "b"), (1, "#")], 2),
        ("a|--", [(0, "a"), (1, "|")], 4),
        ("ä→", [(0, "ä"), (1, "→")], 2),
    ],
)
def test_what_stands_when(text: str, expected: list[tuple[float, str]], length: float) -> None:
    assert signs(text) == expected
    assert parse(text).length == length * 1e6


def test_a_frame_is_as_long_as_is_said() -> None:
    assert signs("a--b 1s c", frame=0.1) == [(0, "a"), (0.3, "b"), (1.4, "c")]
    with pytest.raises(ValueError, match="frame must be a time"):
        parse("a", frame=0)


def test_a_hot_diagram_has_a_time_0() -> None:
    assert [(sign.at / 1e6, sign.letter) for sign in parse("ab--^-c|", hot=True).signs] == [
        (-4, "a"),
        (-3, "b"),
        (2, "c"),
        (3, "|"),
    ]


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("--R)--", 4, ") without a ( before it"),
        ("--(R", 3, "no ) at its end"),
        ("--(ab(c)", 6, "'(' cannot stand in a group"),
        ("a|-b", 4, "nothing can come after the end"),
        ("(|a)", 3, "nothing can come after the end"),
        ("||", 2, "nothing can come after the end"),
        ("-()", 2, "empty"),
        ("(a-b)", 3, "'-' cannot stand in a group"),
        ("a^b", 2, "in a hot diagram only"),
        ("a\x07b", 2, "no sign that can be seen"),
    ],
)
def test_an_error_points_at_its_column(text: str, column: int, problem: str) -> None:
    with pytest.raises(DiagramError) as caught:
        parse(text)
    message, shown, pointer = str(caught.value).split("\n")
    assert (caught.value.column, caught.value.diagram) == (column, text)
    assert message.startswith(f"column {column}: ")
    assert problem in message
    assert shown == f"  {text}"
    assert pointer == " " * (column + 1) + "^"


@pytest.mark.parametrize("wrong", [5, None, b"-a-", ["-a-"]])
def test_a_diagram_is_text(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a marble diagram is text"):
        parse(wrong)


@pytest.mark.parametrize("wrong", [0, -1, 1e-9, float("nan"), float("inf"), "1"])
def test_a_frame_is_a_time(wrong: Any) -> None:
    with pytest.raises(ValueError, match="frame must be a time in seconds"):
        parse("-a-", frame=wrong)


def test_two_times_0_are_one_too_many() -> None:
    with pytest.raises(DiagramError, match="column 2"):
        parse("^^", hot=True)


MOMENTS = st.dictionaries(
    st.integers(0, 10**6).map(lambda frames: frames * 1000),
    st.lists(st.sampled_from("abcXYZ159_*"), min_size=1, max_size=3),
    max_size=12,
)


@given(MOMENTS, st.integers(0, 10**7))
def test_what_is_drawn_reads_the_same(moments: dict[int, list[str]], rest: int) -> None:
    until = max(moments, default=0) + rest * 1000
    row = Row({at: token(letters) for at, letters in moments.items()}, until)
    (line,) = lay_out([row], 1000).lines
    read = parse(line, frame=0.001)
    assert [(sign.at, sign.letter) for sign in read.signs] == [
        (at, letter) for at in sorted(moments) for letter in moments[at]
    ]
    assert read.length in (until, until + 1000)


@given(MOMENTS, MOMENTS)
def test_two_diagrams_stand_below_each_other(first: dict[int, list[str]], second: dict[int, list[str]]) -> None:
    rows = [Row({at: token(letters) for at, letters in each.items()}, 10**10) for each in (first, second)]
    layout = lay_out(rows, 1000)
    for row, line in zip(rows, layout.lines, strict=True):
        for at, place in layout.places.items():
            assert line[place:].startswith(row.tokens.get(at, "-"))


@pytest.mark.parametrize(("time", "text"), [(0, "0s"), (1, "1us"), (1_500, "1500us"), (90_000_000, "90s")])
def test_durations(time: int, text: str) -> None:
    assert duration(time) == text


@given(st.text(max_size=30))
def test_anything_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        parse(text)
    except DiagramError as error:
        column = error.column
    else:
        return
    assert 1 <= column <= len(text)
