"""The crossing to an application's loop: batched, bounded, and never in the way when that loop is blocked or gone."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from jzrx.media.crossing import MAX_FRAMES, Crossing, FrameQueue
from jzrx.media.frames import AudioFrame


def frame(number: int) -> AudioFrame:
    return AudioFrame(b"\0\0", 48000, number * 0.02)


class CountingLoop(asyncio.SelectorEventLoop):
    wakes = 0

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.Handle:
        self.wakes += 1
        return super().call_soon_threadsafe(callback, *args, context=context)


@pytest.fixture
def loop() -> Any:
    loop = CountingLoop()
    yield loop
    loop.close()


def turn(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_until_complete(asyncio.sleep(0))


def test_what_is_posted_arrives_in_order_with_one_wake(loop: CountingLoop) -> None:
    flushes: list[None] = []
    crossing, arrived = Crossing(loop, lambda: flushes.append(None)), list[int]()
    for number in range(10):
        crossing.post(lambda number=number: arrived.append(number))
    assert len(flushes) == 1
    assert crossing.flush()
    assert crossing.flush()
    assert loop.wakes == 1
    turn(loop)
    assert arrived == list(range(10))


def test_a_blocked_loop_is_woken_once_and_misses_nothing(loop: CountingLoop) -> None:
    crossing, arrived = Crossing(loop, lambda: None), list[int]()
    for number in range(50):
        crossing.post(lambda number=number: arrived.append(number))
        crossing.flush()
    assert loop.wakes == 1
    turn(loop)
    assert len(arrived) == 50


def test_a_closed_loop_is_told_of(loop: CountingLoop) -> None:
    crossing = Crossing(loop, lambda: None)
    assert crossing.flush()
    loop.close()
    assert not crossing.flush()
    crossing.post(lambda: None)
    assert not crossing.flush()


def test_one_that_raises_hurts_nobody_else(loop: CountingLoop, caplog: pytest.LogCaptureFixture) -> None:
    crossing, arrived = Crossing(loop, lambda: None), list[int]()
    crossing.post(lambda: 1 // 0)  # type: ignore[arg-type, return-value]
    crossing.post(lambda: arrived.append(1))
    crossing.flush()
    turn(loop)
    assert arrived == [1]
    assert "ZeroDivisionError" in caplog.text


def test_frames_are_bounded_to_two_seconds_and_the_loss_is_logged_once(
    loop: CountingLoop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    crossing, arrived = Crossing(loop, lambda: None), list[AudioFrame]()
    frames = FrameQueue(crossing, arrived.append, "call-1")
    for number in range(MAX_FRAMES + 30):
        frames.put(frame(number))
        crossing.flush()
    turn(loop)
    assert [round(each.timestamp / 0.02) for each in arrived] == list(range(30, MAX_FRAMES + 30))
    assert len(caplog.records) == 1
    assert "call-1" in caplog.text
    frames.put(frame(999))
    crossing.flush()
    turn(loop)
    assert arrived[-1] == frame(999)
