"""Marble tests of one's own streams."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest
import reactivex
from hypothesis import given
from hypothesis import strategies as st
from reactivex import operators
from reactivex.subject import BehaviorSubject

from jzrx.recording import DiagramError
from jzrx.testing import Marbles


@pytest.fixture
def marbles() -> Marbles:
    return Marbles(frame=0.1)


def test_a_debounce(marbles: Marbles) -> None:
    """The search field: only what stands for 300 ms is looked for. The operator needs no scheduler of its own."""
    typed = marbles.hot("-a-b-c-----d|")
    marbles.expect(typed.pipe(operators.debounce(0.3)), "--------c---(d|)")


def test_values_by_a_legend(marbles: Marbles) -> None:
    numbers = marbles.cold("-a-b|", a=1, b=20)
    marbles.expect(numbers.pipe(operators.map(lambda x: x * 2)), "-x-y|", x=2, y=40)


def test_a_cold_stream_begins_for_each_subscriber(marbles: Marbles) -> None:
    cold = marbles.cold("-a-b|")
    marbles.expect(cold.pipe(operators.repeat(2)), "-a-b-a-b|")


def test_frame_0_of_a_hot_stream_is_not_lost(marbles: Marbles) -> None:
    marbles.expect(marbles.hot("a-b|"), "a-b|")


def test_a_hot_stream_was_under_way_before(marbles: Marbles) -> None:
    marbles.expect(marbles.hot("-a-^-b-|"), "--b-|")


def test_errors(marbles: Marbles) -> None:
    marbles.expect(marbles.cold("-a-#"), "-a-#")
    marbles.expect(marbles.cold("-a-#", {"#": ValueError("no")}), "-a-#", {"#": ValueError("no")})
    with pytest.raises(AssertionError, match="# = TypeError"):
        marbles.expect(marbles.cold("-#", {"#": TypeError("no")}), "-#", {"#": ValueError("no")})
    marbles.expect(marbles.cold("-#").pipe(operators.catch(reactivex.of("x"))), "-(x|)")


def test_what_comes_after_the_expected_is_found(marbles: Marbles) -> None:
    with pytest.raises(AssertionError, match="nothing was expected, and there was b"):
        marbles.expect(marbles.cold("-a---b"), "-a-")


def test_silence_is_not_completion(marbles: Marbles) -> None:
    marbles.expect(reactivex.never(), "----")
    with pytest.raises(AssertionError, match=r"at 300ms: expected \|, and there was nothing"):
        marbles.expect(reactivex.never(), "---|")


def test_two_streams_are_recorded_together(marbles: Marbles) -> None:
    source = marbles.hot("-1-2-3-4|").pipe(operators.map(int))
    even, odd = source.pipe(operators.partition(lambda number: number % 2 == 0))
    evens, odds = marbles.record(even, "evens"), marbles.record(odd, "odds")
    marbles.run()
    evens.expect("---2---4|")
    odds.expect("-1---3--|")


def test_a_stream_without_end_is_watched_as_long_as_the_diagram(marbles: Marbles) -> None:
    ticks = reactivex.interval(0.2).pipe(operators.map(lambda tick: tick % 10))
    marbles.expect(ticks, "--0-1-2-3-")


def test_time_goes_as_far_as_is_said(marbles: Marbles) -> None:
    ticks = marbles.record(reactivex.interval(60), "ticks")
    marbles.run(3600)
    assert len(ticks) == 59
    assert marbles.scheduler.seconds == 3600


def test_a_stream_with_a_current_value(marbles: Marbles) -> None:
    state = BehaviorSubject("a")
    marbles.hot("--b-c").subscribe(state.on_next)
    marbles.expect(state, "a-b-c")


def test_a_second_expectation_begins_where_the_first_ended(marbles: Marbles) -> None:
    marbles.expect(marbles.cold("-a|"), "-a|")
    marbles.expect(marbles.cold("--b|"), "--b|")
    marbles.expect(marbles.hot("--c|"), "--c|")


def test_a_bad_diagram_is_told_at_once(marbles: Marbles) -> None:
    for use in (marbles.hot, marbles.cold, lambda text: marbles.expect(reactivex.never(), text)):
        with pytest.raises(DiagramError, match="column 3"):
            use("-a)")


async def test_it_works_where_a_loop_runs(marbles: Marbles) -> None:
    marbles.expect(marbles.cold("-a|").pipe(operators.delay(0.1)), "--a|")
    await asyncio.sleep(0)


@given(st.lists(st.sampled_from(["-", "a", "b", "(ab)", " 50ms "]), max_size=12).map("".join), st.booleans())
def test_what_is_played_is_what_is_seen(diagram: str, ends: bool) -> None:
    marbles = Marbles(frame=0.1)
    diagram += "|" if ends else "-"
    marbles.expect(marbles.cold(diagram), diagram)
    marbles.expect(marbles.hot(diagram), diagram)


def test_it_is_light() -> None:
    """Neither media nor a WebSocket is loaded for the marbles of one's own streams."""
    code = "from jzrx.testing import Marbles; Marbles(); import sys; print(*{'aiortc', 'av'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert not done.stdout.split()


def test_the_failure_names_the_letters(marbles: Marbles) -> None:
    with pytest.raises(AssertionError) as caught:
        marbles.expect(marbles.cold("-a--b|", b="what came"), "-a-b-|", b="what should")
    text: Any = str(caught.value)
    assert text.split("\n") == [
        "the stream is not as expected (a frame is 100ms)",
        "",
        "  expected  -a-b-|",
        "  actual    -a--w|",
        "               ^ at 300ms: expected b, and there was nothing",
        "",
        "  b = 'what should'",
        "  w = 'what came'",
    ]
