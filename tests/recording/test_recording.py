"""Recordings of any observable: kept, drawn, compared."""

import xml.etree.ElementTree as ET
from typing import Any

import pytest
import reactivex
from hypothesis import given
from hypothesis import strategies as st
from reactivex.subject import Subject

from jzrx.recording import Recording, Recordings, parse, record
from jzrx.types import CallState


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def recorded(*happened: tuple[float, Any], until: float, name: str = "the call", **options: Any) -> Recording[Any]:
    """What happened at which time; an exception is an error, `...` the completion."""
    clock, source = Clock(), Subject[Any]()
    recording = Recording[Any](name, clock=clock, **{"frame": 1.0, **options}).follow(source)
    for at, value in happened:
        clock.now = 100 + at
        if value is ...:
            source.on_completed()
        elif isinstance(value, Exception):
            source.on_error(value)
        else:
            source.on_next(value)
    clock.now = 100 + until
    recording.stop()
    clock.now += 50
    return recording


STATES = ((0, None), (2, CallState.RINGING), (5, CallState.CONNECTING), (5, CallState.CONNECTED), (8, CallState.HELD))


def test_it_keeps_what_came_and_when() -> None:
    recording = recorded((0, "a"), (2.5, "b"), (3, ...), until=4)
    assert list(recording) == [(0, "a"), (2.5, "b")]
    assert (recording.values, recording.times, len(recording)) == (["a", "b"], [0, 2.5], 2)
    assert (recording.is_completed, recording.error, recording.duration) == (True, None, 4)


def test_it_keeps_how_it_failed() -> None:
    error = ValueError("no")
    recording = recorded((1, error), until=2)
    assert (recording.error, recording.is_completed) == (error, False)
    assert recording.marbles() == "-#"


def test_a_block_ends_it() -> None:
    source = Subject[int]()
    with record(source) as recording:
        source.on_next(1)
    source.on_next(2)
    assert recording.values == [1]
    assert not source.observers


def test_of_what_completes_at_once() -> None:
    assert record(reactivex.of(1, 2), name="two").marbles(frame=1) == "(12|)"


def test_states_have_their_letters() -> None:
    assert recorded(*STATES, (9, ...), until=9).marbles().split("\n") == [
        "_-r--(cC)--h|",
        "  C = connected",
        "  _ = None",
        "  c = connecting",
        "  h = held",
        "  r = ringing",
    ]


def test_a_legend_names_values_and_others_get_a_free_letter() -> None:
    recording = recorded((0, "hello"), (1, "help"), (2, 1000), (3, True), (4, 1), (5, "T"), until=5)
    assert recording.marbles({"!": 1000}, h="help").split("\n") == [
        "eh!T1a",
        "  ! = 1000",
        "  T = True",
        "  a = 'T'",
        "  e = 'hello'",
        "  h = 'help'",
    ]


def test_a_legend_has_single_signs() -> None:
    for wrong in ({"ab": 1}, {"-": 1}, {"": 1}):
        with pytest.raises(ValueError, match="single signs"):
            recorded(until=1).expect("-", wrong)


def test_a_legend_is_a_mapping() -> None:
    with pytest.raises(TypeError, match="a legend is a mapping of signs to what they stand for, not 'Bob'"):
        recorded((0, "a"), until=1).expect("a", "Bob")  # type: ignore[arg-type]


def test_real_time_is_drawn_in_a_round_frame() -> None:
    recording = recorded((0.0003, "a"), (31.7, "b"), until=61, frame=None)
    line = recording.marbles()
    assert [(sign.at, sign.letter) for sign in parse(line, frame=2).signs] == [(0, "a"), (30_000_000, "b")]
    assert recording.marbles(frame=10) == "a--b--"


def test_times_between_frames_are_drawn_exactly() -> None:
    line = recorded((0, "a"), (5.51, "b"), (7, "c"), until=9).marbles()
    assert line == "a---- 510ms b 490ms c-"
    line = recorded((0, "a"), (0.25, "b"), until=2).marbles()
    assert [(sign.at, sign.letter) for sign in parse(line, frame=0.1).signs] == [(0, "a"), (250_000, "b")]


def test_hours_are_written_as_a_span() -> None:
    assert recorded((0, "a"), (7201, "b"), until=7202).marbles() == "a 2h b"


def test_what_was_expected() -> None:
    recording = recorded(*STATES, until=10)
    recording.expect("_-r--(cC)--h-")
    recording.expect("_-r  --(cC)--h")
    recording.expect("_-r--(cC)--x", x=lambda state: state == "held")
    recording.expect("_-r--(cC)--S", S=CallState)


@pytest.mark.parametrize(
    ("diagram", "complaint"),
    [
        ("_-r--C---h-", "at 5s: expected C, and there was (cC)"),
        ("_-r--(cC)---h", "at 8s: nothing was expected, and there was h"),
        ("_-r--(cC)--h-e", "at 10s: expected e, and there was nothing"),
        ("_-r--(cC)--h|", "at 9s: expected |, and there was nothing"),
        ("_-r--(cC)--e", "at 8s: expected e, and there was h"),
    ],
)
def test_the_first_difference(diagram: str, complaint: str) -> None:
    with pytest.raises(AssertionError) as caught:
        recorded(*STATES, until=10).expect(diagram)
    assert complaint in str(caught.value)


def test_the_failure_shows_both_diagrams_aligned() -> None:
    with pytest.raises(AssertionError) as caught:
        recorded(*STATES, until=10, name="calls.state").expect("_-r--C--h|")
    assert str(caught.value).split("\n") == [
        "calls.state is not as expected (a frame is 1s)",
        "",
        "  expected  _-r--C   --h|",
        "  actual    _-r--(cC)--h-",
        "                 ^ at 5s: expected C, and there was (cC)",
        "",
        "  C = connected",
        "  _ = None",
        "  c = connecting",
        "  h = held",
        "  r = ringing",
    ]


def test_values_that_only_look_alike_differ() -> None:
    with pytest.raises(AssertionError, match="expected T"):
        recorded((0, 1), until=1).expect("T")
    with pytest.raises(AssertionError, match="expected 1, and there was a"):
        recorded((0, 1), until=1).expect("1", {"1": True})
    recorded((0, True), until=1).expect("x", x=True)


@pytest.mark.parametrize(
    ("error", "fits"),
    [
        (ValueError("no"), True),
        (ValueError("yes"), False),
        (TypeError("no"), False),
        (ValueError, True),
        (TypeError, False),
    ],
)
def test_errors_are_compared_by_class_and_arguments(error: Any, fits: bool) -> None:
    """Not by their text alone, as RxPY's tests do."""
    recording = recorded((0, "a"), (1, ValueError("no")), until=2)
    recording.expect("a#")
    if fits:
        recording.expect("a#", {"#": error})
    else:
        with pytest.raises(AssertionError, match="expected #, and there was #, which is another one"):
            recording.expect("a#", {"#": error})


def test_a_letter_that_was_only_drawn_so_is_told_to_need_a_legend() -> None:
    recording = recorded((0, "registered"), (0, "Bob"), until=1)
    assert recording.marbles().splitlines()[0] == "(RB)"
    with pytest.raises(AssertionError, match="there was [(]RB[)], which is another one; say what .* as in B='Bob'"):
        recording.expect("(RB)")
    recording.expect("(RB)", B="Bob")


def test_a_secret_in_a_value_is_not_drawn() -> None:
    recording = recorded((0, "wss://host/path?token=hunter2"), (1, "sip:alice:hunter2@host"), until=1)
    for drawn in (recording.marbles(), recording.svg(), recording._repr_html_(), repr(recording)):
        assert "hunter2" not in drawn


def test_the_picture_says_in_tooltips_what_the_marbles_are() -> None:
    recording = recorded((0, "<&>"), (1, "b"), (500, ValueError("no")), until=500)
    for drawn in (recording.svg(), recording._repr_svg_(), recording._repr_html_()):
        root = ET.fromstring(drawn)
        titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
        assert "0s: '<&>'" in titles
        assert "1s: 'b'" in titles
        assert "500s: failed: ValueError('no')" in titles
        assert "1s: 'b'" in root.get("aria-label", "")
    assert "currentColor" in recording._repr_html_()


@pytest.mark.parametrize(
    ("at", "shown"), [(0, "0s"), (0.25, "250ms"), (60, "60s"), (12.5, "12.5s"), (7230, "2:00:30"), (600.2, "0:10:00")]
)
def test_times_of_a_picture_read_well(at: float, shown: str) -> None:
    assert f"<title>{shown}: 'a'</title>".replace("'", "&#x27;") in recorded((at, "a"), until=at).svg()


def test_thousands_of_values_are_drawn_on_a_line() -> None:
    """As of a level meter: the letters run out, the picture stays small, and it takes no minutes."""
    recording = recorded(*((index / 50, -96 + index / 100) for index in range(5000)), until=100, frame=None)
    line, *legend = recording.marbles().split("\n")
    assert len(legend) < 90
    assert legend[-1] == "  • = others"
    assert sum(len(token) for token in line.split(")")) < 5300
    picture = recording.svg()
    assert len(picture) < 200_000
    assert "95 more" in picture
    assert float(ET.fromstring(picture).get("height", "")) < 600


def test_moments_in_one_frame_keep_their_end() -> None:
    drawn = recorded(*((0, letter) for letter in "abcdefghi"), (0, ...), until=1).svg()
    assert "5 more" in drawn
    assert "0s: completed" in drawn


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers() | st.text() | st.none() | st.booleans()), max_size=90))
def test_anything_is_drawn_and_read_again(happened: list[tuple[int, Any]]) -> None:
    recording = recorded(*((at / 1000, value) for at, value in sorted(happened, key=lambda each: each[0])), until=2000)
    line, *_ = recording.marbles().split("\n")
    step = 1.0
    for step in (1.0, 0.1, 0.01, 0.001):
        if (
            len(parse(line, frame=step).signs) == len(happened)
            and [sign.at / 1e6 for sign in parse(line, frame=step).signs] == recording.times
        ):
            break
    else:
        pytest.fail(line)
    ET.fromstring(recording.svg())


# --- several --------------------------------------------------------------------------------------------------------


def test_several_are_drawn_on_one_axis() -> None:
    caller = recorded((0, "idle"), (1, "ringing"), (4, "connected"), (9, ...), until=9, name="caller")
    callee = recorded((0, None), (2, "ringing"), (2, "connected"), until=6, name="the callee")
    callee._begin += 2.0
    assert Recordings(caller, callee).marbles().splitlines() == [
        "caller      ir--C   ----|",
        "the callee  --_-(rC)-----",
        "  C = 'connected'",
        "  _ = None",
        "  i = 'idle'",
        "  r = 'ringing'",
    ]


def test_a_letter_stands_for_the_same_in_all_of_them() -> None:
    first, second = recorded((0, "bob"), until=1, name="first"), recorded((0, "beth"), until=1, name="second")
    both = Recordings(first, second)
    assert both.marbles().splitlines() == ["first   b", "second  e", "  b = 'bob'", "  e = 'beth'"]
    assert both.marbles(X="beth").splitlines()[1] == "second  X"
    root = ET.fromstring(both.svg())
    assert [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")][:2] == ["first", "b"]
    assert "first: 0s: 'bob'; second: 0s: 'beth'" in root.attrib["aria-label"]
    assert both._repr_svg_() == both.svg()
    assert repr(both) == "<Recordings first, second>"
