"""Every promise of `StateObservable`, one by one."""

import asyncio
import gc
import logging
import threading
import weakref
from typing import Any

import pytest
import reactivex
from reactivex import operators as ops
from reactivex.testing import TestScheduler

from jzrx.errors import JambonzError
from jzrx.store import StateCell, StateObservable, StateView, constant


def collect(observable: reactivex.Observable[Any]) -> list[Any]:
    """What arrives from now on; the completion as "end"."""
    seen: list[Any] = []
    observable.subscribe(seen.append, None, lambda: seen.append("end"))
    return seen


def fail(_: object) -> None:
    raise ValueError("a subscriber's own fault")


# --- the value ------------------------------------------------------------------------------------------------------


def test_the_value_can_be_read_without_subscribing() -> None:
    cell = StateCell(1)
    doubled = cell.select(lambda n: n * 2)
    assert (cell.value, doubled.value) == (1, 2)
    cell.set(2)
    assert (cell.value, doubled.value) == (2, 4)


def test_the_value_cannot_be_written() -> None:
    with pytest.raises(AttributeError):
        StateCell(1).value = 2  # type: ignore[misc]
    assert not hasattr(StateCell(1).select(str), "set")


def test_the_value_can_be_read_from_any_thread_while_it_changes() -> None:
    cell = StateCell(0)
    pair = cell.select(lambda n: (n, n))
    watched = cell.select(lambda n: (n, n))
    watched.subscribe()
    torn: list[Any] = []
    stop = threading.Event()

    def read() -> None:
        last = 0
        while not stop.is_set():
            lower = cell.value
            values = [pair.value, watched.value]
            if any(a != b or a < max(lower, last) for a, b in values):
                torn.append((lower, last, values))
            last = min(a for a, _ in values)

    thread = threading.Thread(target=read)
    thread.start()
    for n in range(1, 3001):
        cell.set(n)
    stop.set()
    thread.join()
    assert not torn
    assert pair.value == watched.value == (3000, 3000)


def test_equal_values_are_one() -> None:
    cell = StateCell([1])
    seen = collect(cell)
    first = cell.value
    cell.set([1])
    assert seen == [[1]]
    assert cell.value is first


def test_an_unwatched_selection_keeps_its_object_while_it_is_equal() -> None:
    cell = StateCell(1)
    box = cell.select(lambda n: [n // 10])
    first = box.value
    assert box.value is first
    cell.set(2)
    assert box.value is first
    with box.subscribe():
        cell.set(3)
        assert box.value is first
    assert box.value is first


# --- what a subscriber gets -----------------------------------------------------------------------------------------


def test_a_subscriber_gets_the_current_value_at_once_then_each_changed_one() -> None:
    cell = StateCell(1)
    seen = collect(cell)
    assert seen == [1]
    for n in (2, 2, 3, 3, 2):
        cell.set(n)
    assert seen == [1, 2, 3, 2]


def test_a_selection_passes_changes_of_the_selection_only() -> None:
    cell = StateCell(1)
    runs: list[int] = []

    def parity(n: int) -> bool:
        runs.append(n)
        return n % 2 == 0

    even = cell.select(parity)
    seen = collect(even)
    for n in (3, 4, 6, 7):
        cell.set(n)
    assert seen == [False, True, False]
    assert runs[-4:] == [3, 4, 6, 7]  # once for each value


def test_a_selection_of_a_selection() -> None:
    cell = StateCell(1)
    tens = cell.select(lambda n: n // 10)
    runs: list[int] = []

    def text(n: int) -> str:
        runs.append(n)
        return str(n)

    texts = tens.select(text)
    seen = collect(texts)
    runs.clear()
    for n in (2, 15, 17, 20):
        cell.set(n)
    assert seen == ["0", "1", "2"]
    assert runs == [1, 2]  # only when what it selects from changed


def test_a_disposed_subscription_gets_nothing_more() -> None:
    cell = StateCell(1)
    seen: list[int] = []
    subscription = cell.subscribe(seen.append)
    subscription.dispose()
    subscription.dispose()
    cell.set(2)
    assert seen == [1]


def test_an_observer_object_can_subscribe() -> None:
    cell = StateCell(1)
    seen: list[Any] = []
    cell.subscribe(reactivex.Observer(seen.append, fail, lambda: seen.append("end")))
    cell.set(2)
    cell.dispose()
    assert seen == [1, 2, "end"]


def test_a_selection_that_nobody_watches_is_forgotten_and_not_run() -> None:
    cell = StateCell(1)
    runs: list[int] = []

    def double(n: int) -> int:
        runs.append(n)
        return n * 2

    doubled = cell.select(double)
    doubled.subscribe().dispose()
    runs.clear()
    cell.set(2)
    assert not runs
    reference = weakref.ref(double)
    del doubled, double
    gc.collect()
    assert reference() is None


# --- consistency ----------------------------------------------------------------------------------------------------


def test_whoever_runs_sees_one_moment_everywhere() -> None:
    cell = StateCell(0)
    observables: list[StateObservable[int]] = [cell]
    observables += [cell.select(lambda n, k=k: n + k) for k in range(5)]
    observables += [observables[1].select(lambda n: n * 10), cell.follow(lambda n: constant(n) if n % 2 else cell)]
    unwatched = observables[-1].select(lambda n: n + 100)
    worlds: list[tuple[int, ...]] = []

    def look(_: int) -> None:
        worlds.append((*(observable.value for observable in observables), unwatched.value))

    for observable in observables:
        observable.subscribe(look)
    worlds.clear()
    for n in range(1, 10):
        cell.set(n)
        expected = (n, n, n + 1, n + 2, n + 3, n + 4, n * 10, n, n + 100)
        assert worlds == [expected] * len(observables)
        worlds.clear()


# --- isolation ------------------------------------------------------------------------------------------------------


def test_a_subscriber_that_raises_stays_subscribed_and_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    cell = StateCell(1)
    calls: list[int] = []

    def raising(value: int) -> None:
        calls.append(value)
        raise ValueError("my own fault")

    before = collect(cell)
    cell.subscribe(raising)  # raises on the first value too, and subscribe does not
    after = collect(cell)
    cell.set(2)
    cell.set(3)
    assert calls == before == after == [1, 2, 3]
    assert {(r.name, r.levelno) for r in caplog.records} == {("jzrx.store", logging.ERROR)}
    assert len(caplog.records) == 3
    assert "my own fault" in caplog.text


def test_a_cancelled_future_in_a_subscriber_is_the_subscribers_affair(caplog: pytest.LogCaptureFixture) -> None:
    cell = StateCell(1)

    def raising(_: int) -> None:
        raise asyncio.CancelledError

    cell.subscribe(raising)
    after = collect(cell)
    cell.set(2)
    assert after == [1, 2]
    assert len(caplog.records) == 2


def test_a_request_to_end_the_process_gets_through() -> None:
    cell = StateCell(1)

    def interrupt(value: int) -> None:
        if value == 2:
            raise KeyboardInterrupt

    cell.subscribe(interrupt)
    with pytest.raises(KeyboardInterrupt):
        cell.set(2)
    seen = collect(cell)
    cell.set(3)
    assert seen == [2, 3]


def test_a_selector_that_raises_later_keeps_its_value_and_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    cell = StateCell(1)
    inverse = collect(cell.select(lambda n: 1 / n))
    unwatched = cell.select(lambda n: 1 / n)
    others = collect(cell.select(lambda n: n + 1))
    cell.set(0)
    assert unwatched.value == 1
    cell.set(2)
    assert (inverse, others, unwatched.value) == ([1, 0.5], [2, 1, 3], 0.5)
    assert {r.name for r in caplog.records} == {"jzrx.store"}


def test_a_selector_that_raises_at_once_is_misuse() -> None:
    with pytest.raises(ZeroDivisionError):
        StateCell(0).select(lambda n: 1 / n)


def test_an_operator_that_raises_ends_its_own_chain_only() -> None:
    cell = StateCell(1)
    errors: list[Exception] = []
    cell.pipe(ops.map(lambda n: 1 / (n - 2))).subscribe(on_error=errors.append)
    seen = collect(cell)
    cell.set(2)
    cell.set(3)
    assert [type(error) for error in errors] == [ZeroDivisionError]
    assert seen == [1, 2, 3]


# --- re-entrancy ----------------------------------------------------------------------------------------------------


def test_what_a_subscriber_sets_comes_after_everybody_saw_the_current_value() -> None:
    cell = StateCell(0)
    log: list[tuple[str, int]] = []

    def first(value: int) -> None:
        log.append(("first", value))
        if value == 1:
            cell.set(2)
            cell.set(3)
            assert cell.value == 1

    cell.subscribe(first)
    cell.subscribe(lambda value: log.append(("second", value)))
    cell.select(lambda n: n * 10).subscribe(lambda value: log.append(("selected", value)))
    log.clear()
    cell.set(1)
    names = ("first", "second", "selected")
    assert log == [(name, n * 10 if name == "selected" else n) for n in (1, 2, 3) for name in names]


def test_what_is_set_during_the_first_value_keeps_its_order() -> None:
    cell = StateCell(1)
    log: list[str] = []

    def eager(value: int) -> None:
        log.append(f"enter {value}")
        if value == 1:
            cell.set(2)
            cell.set(3)
            cell.dispose()
        log.append(f"leave {value}")

    cell.subscribe(eager, None, lambda: log.append("end"))
    assert log == ["enter 1", "leave 1", "enter 2", "leave 2", "enter 3", "leave 3", "end"]


def test_a_chain_of_thousands_of_changes_needs_no_deep_stack() -> None:
    cell = StateCell(0)
    cell.subscribe(lambda n: cell.set(n + 1) if n < 5000 else None)
    assert cell.value == 5000


def test_subscribing_inside_a_subscriber_gets_the_current_value_once() -> None:
    cell = StateCell(0)
    later = cell.select(lambda n: n * 10)
    inner: list[int] = []
    inner_later: list[int] = []

    def subscribe_more(value: int) -> None:
        if value == 1:
            cell.subscribe(inner.append)
            later.subscribe(inner_later.append)
            assert (inner, inner_later) == ([1], [10])

    cell.subscribe(subscribe_more)
    later.subscribe()
    cell.set(1)
    assert (inner, inner_later) == ([1], [10])
    cell.set(2)
    assert (inner, inner_later) == ([1, 2], [10, 20])


def test_disposing_inside_a_subscriber_holds_at_once() -> None:
    cell = StateCell(0)
    seen: list[int] = []
    subscriptions: list[Any] = []

    def dispose_all(value: int) -> None:
        if value == 1:
            for subscription in subscriptions:
                subscription.dispose()

    subscriptions.append(cell.subscribe(dispose_all))
    subscriptions.append(cell.subscribe(seen.append))
    subscriptions.append(cell.select(lambda n: n).subscribe(seen.append))
    seen.clear()
    cell.set(1)
    cell.set(2)
    assert not seen


def test_two_cells_of_one_thread_share_one_order() -> None:
    a, b = StateCell(0), StateCell(0)
    log: list[str] = []
    a.subscribe(b.set)
    b.subscribe(lambda value: log.append(f"b {value}"))
    a.subscribe(lambda value: log.append(f"a {value}"))
    log.clear()
    a.set(1)
    assert log == ["a 1", "b 1"]


def test_a_subscriber_of_another_thread_misses_nothing_and_sees_the_order() -> None:
    cell = StateCell(0)
    seen: list[list[int]] = []

    def subscribe() -> None:
        for _ in range(200):
            values: list[int] = []
            seen.append(values)
            cell.subscribe(values.append)

    thread = threading.Thread(target=subscribe)
    thread.start()
    n = 0
    while thread.is_alive() or n < 100:
        n += 1
        cell.set(n)
    thread.join()
    cell.set(n + 1)
    assert len(seen) == 200
    for values in seen:
        assert values == list(range(values[0], n + 2))


# --- completion -----------------------------------------------------------------------------------------------------


def test_completion_keeps_the_value_for_those_who_come_later() -> None:
    cell = StateCell(1)
    doubled = cell.select(lambda n: n * 2)
    watched = cell.select(lambda n: n * 3)
    seen = [collect(cell), collect(watched)]
    cell.set(2)
    cell.dispose()
    cell.dispose()
    cell.set(3)
    assert seen == [[1, 2, "end"], [3, 6, "end"]]
    assert (cell.value, doubled.value, watched.value) == (2, 4, 6)
    assert [collect(cell), collect(doubled), collect(watched)] == [[2, "end"], [4, "end"], [6, "end"]]


def test_a_completion_inside_a_subscriber_comes_after_the_current_value() -> None:
    cell = StateCell(0)
    cell.subscribe(lambda n: cell.dispose() if n == 1 else None)
    seen = collect(cell)
    cell.set(1)
    assert seen == [0, 1, "end"]


def test_a_completion_handler_that_raises_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    cell = StateCell(1)
    cell.subscribe(None, None, lambda: fail(None))
    seen = collect(cell)
    cell.dispose()
    assert seen == [1, "end"]
    assert len(caplog.records) == 1


def test_a_view_ends_before_its_source() -> None:
    cell = StateCell(1)
    view = StateView(cell)
    doubled = view.select(lambda n: n * 2)
    watched = view.select(lambda n: n * 3)
    seen = [collect(view), collect(watched)]
    cell.set(2)
    view.dispose()
    view.dispose()
    cell.set(3)
    assert seen == [[1, 2, "end"], [3, 6, "end"]]
    assert (view.value, doubled.value, watched.value, cell.value) == (2, 4, 6, 3)
    assert [collect(view), collect(doubled)] == [[2, "end"], [4, "end"]]


def test_a_view_that_nobody_watches_keeps_the_value_of_its_end() -> None:
    cell = StateCell(1)
    view = StateView(cell)
    cell.set(2)
    view.dispose()
    cell.set(3)
    assert view.value == 2


def test_a_view_completes_with_its_source() -> None:
    cell = StateCell(1)
    seen = collect(StateView(cell))
    cell.dispose()
    assert seen == [1, "end"]


# --- following ------------------------------------------------------------------------------------------------------


def test_it_follows_the_value_that_the_current_one_names() -> None:
    left, right = StateCell("l1"), StateCell("r1")
    side = StateCell("left")
    followed = side.follow({"left": left, "right": right}.__getitem__)
    assert followed.value == "l1"
    seen = collect(followed)
    left.set("l2")
    right.set("r2")
    side.set("right")
    left.set("l3")
    right.set("r3")
    assert seen == ["l1", "l2", "r2", "r3"]
    assert followed.value == "r3"


def test_an_unwatched_follower_is_not_a_step_behind() -> None:
    inner, outer = StateCell(1), StateCell("x")
    followed = outer.follow(lambda _: inner)
    inner.set(2)
    assert followed.value == 2
    followed.subscribe().dispose()
    inner.set(3)
    assert followed.value == 3


def test_the_followed_observable_is_made_once_for_each_value() -> None:
    made: list[int] = []
    outer, inner = StateCell(1), StateCell("x")

    def name(n: int) -> StateObservable[str]:
        made.append(n)
        return inner.select(lambda text: f"{n}{text}")

    followed = outer.follow(name)
    seen = collect(followed)
    inner.set("y")
    outer.set(2)
    inner.set("z")
    assert seen == ["1x", "1y", "2y", "2z"]
    assert made == [1, 2]


def test_outer_and_inner_may_come_from_one_source_in_either_order() -> None:
    world = StateCell((0, "a0", "b0"))
    first, second = world.select(lambda w: w[1]), world.select(lambda w: w[2])
    logs: list[list[str]] = []
    first.subscribe()
    follower = world.select(lambda w: w[0]).follow(lambda n: second if n else first)
    logs.append(collect(follower))
    second.subscribe()
    late = world.select(lambda w: w[0]).follow(lambda n: second if n else first)
    logs.append(collect(late.select(str.upper)))
    world.set((1, "a1", "b1"))
    world.set((1, "a2", "b1"))
    world.set((0, "b1", "b3"))
    world.set((0, "a4", "b3"))
    assert logs == [["a0", "b1", "a4"], ["A0", "B1", "A4"]]


def test_a_change_that_also_ends_the_following_does_not_come_through() -> None:
    cell, other = StateCell(1), StateCell(100)
    followed = cell.select(lambda n: n > 5).follow(lambda is_big: other if is_big else cell)
    seen = collect(followed)
    for n in (2, 9, 10, 3):
        cell.set(n)
    assert seen == [1, 2, 100, 3]


def test_a_selector_behind_a_follower_never_sees_a_value_of_before() -> None:
    world = StateCell((0, "a0", "b0"))
    first, second = world.select(lambda w: w[1]), world.select(lambda w: w[2])
    runs: list[tuple[str, int]] = []
    followed = world.select(lambda w: w[0]).follow(lambda n: second if n else first)
    followed.select(lambda text: runs.append((text, world.value[0]))).subscribe()
    second.subscribe()  # up to date only after the follower changes over
    world.set((1, "a1", "b1"))
    assert runs[-1] == ("b1", 1)
    assert ("b0", 1) not in runs


def test_a_follower_completes_when_both_have() -> None:
    outer, inner = StateCell(1), StateCell("x")
    followed = outer.follow(lambda _: inner)
    seen = collect(followed)
    outer.dispose()
    inner.set("y")
    inner.dispose()
    assert seen == ["x", "y", "end"]
    assert collect(followed) == ["y", "end"]
    outer, inner = StateCell(1), StateCell("x")
    seen = collect(outer.follow(lambda n: inner if n == 1 else constant("none")))
    inner.dispose()
    outer.set(2)
    outer.dispose()
    assert seen == ["x", "none", "end"]


def test_what_nobody_follows_any_more_is_left_alone() -> None:
    runs: list[str] = []
    inner, outer = StateCell("x"), StateCell(1)
    followed = outer.follow(lambda n: inner.select(runs.append) if n == 1 else constant(None))
    followed.subscribe()
    outer.set(2)
    runs.clear()
    inner.set("y")
    assert not runs


def test_a_name_that_raises_keeps_what_was_followed(caplog: pytest.LogCaptureFixture) -> None:
    inner, outer = StateCell("x"), StateCell(1)
    followed = outer.follow({1: inner}.__getitem__)
    seen = collect(followed)
    outer.set(2)
    inner.set("y")
    assert seen == ["x", "y"]
    assert len(caplog.records) == 1


# --- Rx -------------------------------------------------------------------------------------------------------------


def test_it_is_an_rx_observable() -> None:
    cell = StateCell(1)
    assert isinstance(cell.select(str), reactivex.Observable)
    seen = collect(cell.pipe(ops.filter(lambda n: n > 1), ops.map(str), ops.take(2)))
    for n in (2, 1, 3, 4):
        cell.set(n)
    assert seen == ["2", "3", "end"]
    pairs = collect(reactivex.combine_latest(cell, cell.select(str)))
    assert pairs == [(4, "4")]


def test_an_operator_that_ends_on_the_first_value_leaves_nothing_behind() -> None:
    cell = StateCell(1)
    assert collect(cell.pipe(ops.first())) == [1, "end"]
    assert not cell._root.subscribers  # pyright: ignore[reportPrivateUsage]


def test_the_scheduler_of_subscribe_reaches_the_operators_of_time() -> None:
    before = threading.active_count()  # of the servers that other tests may have left running
    cell = StateCell(1)
    scheduler = TestScheduler()
    seen: list[int] = []
    cell.pipe(ops.debounce(5.0)).subscribe(seen.append, scheduler=scheduler)
    cell.set(2)
    assert not seen
    scheduler.advance_by(10.0)
    assert seen == [2]
    assert threading.active_count() == before


def test_the_value_comes_at_once_with_a_scheduler_too() -> None:
    seen: list[int] = []
    StateCell(1).subscribe(seen.append, scheduler=TestScheduler())
    assert seen == [1]


# --- awaiting -------------------------------------------------------------------------------------------------------


async def test_wait_for_a_value_or_a_predicate() -> None:
    cell = StateCell(1)
    loop = asyncio.get_running_loop()
    assert await cell.wait(1) == 1
    loop.call_soon(cell.set, 2)
    assert await cell.wait(2, timeout=5) == 2
    loop.call_soon(cell.set, 30)
    assert await cell.wait(lambda n: n > 20) == 30
    assert not cell._root.subscribers  # pyright: ignore[reportPrivateUsage]


async def test_wait_misses_no_value_however_short_it_lived() -> None:
    cell = StateCell(1)

    def blink() -> None:
        cell.set(2)
        cell.set(3)

    asyncio.get_running_loop().call_soon(blink)
    assert await cell.wait(2, timeout=5) == 2


async def test_wait_times_out_and_says_what_the_value_is() -> None:
    cell = StateCell("connecting")
    with pytest.raises(TimeoutError, match="connecting"):
        await cell.wait("registered", timeout=0)
    assert not cell._root.subscribers  # pyright: ignore[reportPrivateUsage]


async def test_wait_fails_when_the_state_ends_first() -> None:
    cell = StateCell(1)
    asyncio.get_running_loop().call_soon(cell.dispose)
    with pytest.raises(JambonzError, match="ended"):
        await cell.wait(2)
    assert await cell.wait(1) == 1


async def test_wait_raises_what_the_predicate_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        await StateCell(0).wait(lambda n: 1 / n > 0)

    def late(_: int) -> bool:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await StateCell(0).wait(late, timeout=5)


async def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    cell = StateCell(1)
    task = asyncio.create_task(cell.wait(2))
    await asyncio.sleep(0)
    assert cell._root.subscribers  # pyright: ignore[reportPrivateUsage]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not cell._root.subscribers  # pyright: ignore[reportPrivateUsage]


async def test_wait_for_a_state_of_another_thread() -> None:
    cell = StateCell(1)
    waiting = asyncio.create_task(cell.wait(2, timeout=10))
    await asyncio.sleep(0)
    await asyncio.to_thread(cell.set, 2)
    assert await waiting == 2


async def test_async_for_gives_the_latest_until_the_end() -> None:
    cell = StateCell(1)
    seen: list[int] = []
    async for value in cell:
        seen.append(value)
        if value == 1:
            cell.set(2)
            cell.set(3)
        elif value == 3:
            cell.set(4)
            cell.set(3)  # back again: nothing new for this loop
            asyncio.get_running_loop().call_soon(cell.set, 5)
        else:
            cell.dispose()
    assert seen == [1, 3, 5]
    assert [value async for value in cell] == [5]


async def test_async_for_that_is_left_leaves_nothing_behind() -> None:
    cell = StateCell(1)
    async for _ in cell:
        assert cell._root.subscribers  # pyright: ignore[reportPrivateUsage]
        break
    for _ in range(5):
        await asyncio.sleep(0)  # the loop closes the iterator in one of its next turns
    assert not cell._root.subscribers  # pyright: ignore[reportPrivateUsage]


async def test_async_for_over_a_state_of_another_thread() -> None:
    cell = StateCell(0)

    def count() -> None:
        for n in range(1, 1001):
            cell.set(n)
        cell.dispose()

    counting = asyncio.create_task(asyncio.to_thread(count))
    seen = [value async for value in cell]
    await counting
    assert seen == sorted(set(seen))
    assert seen[-1] == 1000
