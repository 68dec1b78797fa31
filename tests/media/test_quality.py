"""Warnings as a pure machine: raised by three seconds of five, cleared by five good ones, and never two at once."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jzrx.media.quality import THRESHOLDS, Measured, Threshold, Watched, step
from jzrx.types import CallWarning

GOOD = Measured(
    jitter=3.0, packet_loss=0.0, round_trip_time=40.0, mos=4.3, input_level=-20.0, unheard=0.0, undelivered=0.0
)
BAD = {
    "high-jitter": ("jitter", 30.0),
    "high-packet-loss": ("packet_loss", 0.04),
    "high-rtt": ("round_trip_time", 400.0),
    "low-mos": ("mos", 2.9),
    "low-input-level": ("input_level", -60.0),
    "no-audio-received": ("unheard", 5.0),
    "no-audio-delivered": ("undelivered", 6.0),
}
BOUNDS = {threshold.name: threshold for threshold in THRESHOLDS}


def bad(name: str) -> Measured:
    measure, value = BAD[name]
    return attrs.evolve(GOOD, **{measure: value})


def course(name: str, pattern: str) -> str:
    """A warning in the seconds of `pattern` (x bad, . good, ? not known, h held): + it is raised, - cleared."""
    measure, _ = BAD[name]
    seconds = {"x": bad(name), ".": GOOD, "?": attrs.evolve(GOOD, **{measure: None}), "h": None}
    state, told = Watched(), ""
    for second in pattern:
        state, raised, cleared = step(state, seconds[second])
        assert {each.name for each in (*raised, *cleared)} <= {name}
        told += "+" if raised else "-" if cleared else "."
    return told


@pytest.mark.parametrize("name", ["high-jitter", "high-packet-loss", "high-rtt", "low-mos"])
@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        ("xx...xx...", ".........."),
        ("xxx", "..+"),
        ("x.x.x", "....+"),
        ("x..x..x..x", ".........."),
        ("xxxxx.....", "..+......-"),
        ("xxx....x.....", "..+.........-"),
        ("xx?x", "...+"),
        ("xxx?????", "..+....-"),
        ("xxxhhh..", "..+-...."),
        ("xxhxx", "....."),
        ("xxhxxx", ".....+"),
        ("??????", "......"),
    ],
)
def test_three_of_five_raise_and_five_good_ones_clear(name: str, seconds: str, told: str) -> None:
    assert course(name, seconds) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        ("xxxxxxxxx.xxxxxxxxx", "..................."),
        ("xxxxxxxxxx.", ".........+-"),
        ("xxxxxxxxx?xxxxxxxxx", "..................."),
        ("xxxxxxxxxx?", ".........+-"),
    ],
)
def test_a_level_is_low_after_ten_seconds_without_a_word(seconds: str, told: str) -> None:
    assert course("low-input-level", seconds) == told


@pytest.mark.parametrize("name", ["no-audio-received", "no-audio-delivered"])
def test_what_has_counted_its_seconds_is_raised_and_cleared_at_once(name: str) -> None:
    assert course(name, "..x.xx.hxh") == "..+-+.-.+-"


def test_the_warning_says_what_was_measured_and_what_the_bound_is() -> None:
    state, raised, _ = step(Watched(), bad("no-audio-received"))
    assert raised == state.raised == (CallWarning("no-audio-received", 5.0, 5.0),)
    _, _, cleared = step(state, GOOD)
    assert cleared == (CallWarning("no-audio-received", 0.0, 5.0),)
    _, _, cleared = step(state, None)
    assert cleared == (CallWarning("no-audio-received", 5.0, 5.0),)


def test_each_warning_has_its_threshold() -> None:
    assert set(BOUNDS) == set(BAD)
    for name, threshold in BOUNDS.items():
        assert threshold.is_reached(bad(name))
        assert not threshold.is_reached(GOOD)
        assert not threshold.is_reached(Measured())


numbers = st.none() | st.floats(-100, 1000, allow_nan=False)
measured = st.builds(Measured, **dict.fromkeys(attrs.fields_dict(Measured), numbers))


@given(st.lists(st.none() | measured, max_size=40))
def test_whatever_is_measured_a_warning_is_raised_once_and_cleared_once(given_seconds: list[Measured | None]) -> None:
    state = Watched()
    standing: set[str] = set()
    for second in given_seconds:
        state, raised, cleared = step(state, second)
        assert {warning.name for warning in cleared} <= standing
        standing -= {warning.name for warning in cleared}
        assert not standing & {warning.name for warning in raised}
        standing |= {warning.name for warning in raised}
        assert standing == {warning.name for warning in state.raised}
        assert len(state.recent) <= 10
        if second is None:
            assert not standing
        for warning in raised:
            assert BOUNDS[warning.name].bound == warning.threshold


@given(st.lists(measured, min_size=5, max_size=20))
def test_nothing_stands_that_was_within_its_bounds_for_its_time(given_seconds: list[Measured]) -> None:
    state = Watched()
    for second in given_seconds:
        state, _, _ = step(state, second)
    for warning in state.raised:
        threshold: Threshold = BOUNDS[warning.name]
        assert any(map(threshold.is_reached, given_seconds[-threshold.clear_after :]))
