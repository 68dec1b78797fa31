"""A loop in virtual time: hours at once, in order, and nothing lost."""

import asyncio
import contextvars
from collections.abc import Iterator

import pytest
import reactivex
from reactivex import operators

from jzrx.testing import VirtualLoop, VirtualTime


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def loop(time: VirtualTime) -> Iterator[VirtualLoop]:
    loop = VirtualLoop(time)
    yield loop
    loop.close()


def test_a_day_passes_at_once(loop: VirtualLoop, time: VirtualTime) -> None:
    loop.run_until_complete(asyncio.sleep(86_400))
    assert loop.time() == time.seconds == 86_400


def test_rx_and_asyncio_share_the_clock(loop: VirtualLoop, time: VirtualTime) -> None:
    happened: list[tuple[float, str]] = []

    async def sleeper() -> None:
        for _ in range(3):
            await asyncio.sleep(2)
            happened.append((loop.time(), "slept"))

    reactivex.interval(3, scheduler=time).pipe(operators.take(2)).subscribe(
        lambda _: happened.append((loop.time(), "tick"))
    )
    task = loop.create_task(sleeper())
    loop.advance_to(6)
    assert happened == [(2, "slept"), (3, "tick"), (4, "slept"), (6, "tick"), (6, "slept")]
    assert task.done()


def test_what_is_due_at_one_time_happens_in_order(loop: VirtualLoop) -> None:
    order: list[int] = []
    for number in range(50):
        loop.call_later(1 + 0.1 * (number % 2), order.append, number)
    loop.advance_to(2)
    assert order == [*range(0, 50, 2), *range(1, 50, 2)]


def test_time_stops_where_it_is_told(loop: VirtualLoop) -> None:
    done: list[float] = []
    loop.call_later(5, lambda: done.append(loop.time()))
    loop.advance_to(4)
    assert (loop.time(), done) == (4, [])
    loop.advance_to(5)
    assert (loop.time(), done) == (5, [5])
    loop.advance_to(3)
    assert loop.time() == 5


def test_what_is_cancelled_does_not_happen(loop: VirtualLoop) -> None:
    done: list[int] = []
    loop.call_later(1, done.append, 1).cancel()
    later = loop.call_later(2, done.append, 2)
    loop.call_later(2, done.append, 3)
    loop.call_later(1.5, later.cancel)
    loop.advance_to(9)
    assert done == [3]


def test_timeouts_and_contexts_work(loop: VirtualLoop) -> None:
    variable = contextvars.ContextVar("variable", default=0)

    async def work() -> tuple[float, int]:
        variable.set(7)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        seen: list[int] = []
        loop.call_later(1, lambda: seen.append(variable.get()))
        variable.set(8)
        await asyncio.sleep(1)
        return loop.time(), seen[0]

    assert loop.run_until_complete(work()) == (31, 7)


def test_what_nothing_will_end_is_told(loop: VirtualLoop) -> None:
    task = loop.create_task(asyncio.Event().wait())
    with pytest.raises(RuntimeError, match="before Future completed"):
        loop.run_until_complete(task)
    task.cancel()
    loop.advance_to(1)
    assert task.cancelled()


def test_an_error_of_what_was_scheduled_is_raised(loop: VirtualLoop, time: VirtualTime) -> None:
    time.schedule_relative(1, lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        loop.advance_to(2)
    loop.advance_to(3)
    assert loop.time() == 3
