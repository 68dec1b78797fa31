"""Every promise of an action: awaitable any number of times, anywhere, and silent when nobody awaits it."""

import asyncio
import gc
import pickle
import threading
import traceback
from typing import Any

import pytest

from jzrx.action import Action, Deferred
from jzrx.errors import CallError


async def outcome(action: Action[Any]) -> Any:
    return await action


def frames(error: BaseException) -> int:
    return len(traceback.extract_tb(error.__traceback__))


async def test_it_can_be_awaited_before_and_after_it_is_done_any_number_of_times() -> None:
    deferred = Deferred[int]()
    action = deferred.action
    early = [asyncio.create_task(outcome(action)) for _ in range(3)]
    await asyncio.sleep(0)
    assert not action.done
    deferred.resolve(7)
    assert action.done
    assert await asyncio.gather(*early) == [7, 7, 7]
    assert await action == await action == 7
    assert action.result() == 7


def test_it_needs_no_loop_to_be_made_and_settled_and_any_loop_may_await_it() -> None:
    deferred = Deferred[str]()
    deferred.resolve("done")
    assert asyncio.run(outcome(deferred.action)) == "done"
    assert asyncio.run(outcome(deferred.action)) == "done"


def test_two_loops_in_two_threads_await_one_action() -> None:
    deferred = Deferred[int]()
    waiting = threading.Barrier(3)
    results: list[int] = []

    async def wait() -> None:
        task = asyncio.create_task(outcome(deferred.action))
        await asyncio.sleep(0)
        await asyncio.to_thread(waiting.wait)
        results.append(await task)

    threads = [threading.Thread(target=asyncio.run, args=[wait()]) for _ in range(2)]
    for thread in threads:
        thread.start()
    waiting.wait()
    deferred.resolve(7)
    for thread in threads:
        thread.join()
    assert results == [7, 7]


async def test_it_is_settled_from_another_thread() -> None:
    deferred = Deferred[int]()
    task = asyncio.create_task(outcome(deferred.action))
    await asyncio.sleep(0)
    await asyncio.to_thread(deferred.resolve, 7)
    assert await task == 7


async def test_the_first_outcome_counts() -> None:
    deferred = Deferred[int]()
    deferred.resolve(1)
    deferred.resolve(2)
    deferred.reject(ValueError())
    assert await deferred.action == 1


async def test_a_failure_is_raised_as_the_same_object_and_its_traceback_does_not_grow() -> None:
    error = CallError("busy", 486)
    action = Deferred[int].rejected(error)
    depths: list[int] = []
    for _ in range(3):
        with pytest.raises(CallError) as caught:
            await action
        assert caught.value is error
        depths.append(frames(error))
        with pytest.raises(CallError) as caught:
            action.result()
        assert caught.value is error
    assert len(set(depths)) == 1


async def test_a_failure_keeps_the_traceback_and_the_cause_that_it_came_with() -> None:
    try:
        try:
            int("x")
        except ValueError as cause:
            raise CallError("bad number") from cause
    except CallError as error:
        action = Deferred[int].rejected(error)
    with pytest.raises(CallError) as caught:
        await action
    first = traceback.extract_tb(caught.value.__traceback__)
    assert any("raise CallError" in (frame.line or "") for frame in first)
    assert isinstance(caught.value.__cause__, ValueError)


async def test_a_failure_that_nobody_looks_at_makes_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    deferred = Deferred[int]()
    deferred.reject(CallError("busy"))
    awaited = Deferred[int]()
    task = asyncio.create_task(outcome(awaited.action))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    awaited.reject(CallError("busy"))
    del deferred, awaited, task
    gc.collect()
    await asyncio.sleep(0)
    assert not complaints
    assert not caplog.records


async def test_cancelling_an_await_does_not_cancel_the_action() -> None:
    deferred = Deferred[int]()
    tasks = [asyncio.create_task(outcome(deferred.action)) for _ in range(2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(deferred.action, 0.001)
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    assert not deferred.action.done
    deferred.resolve(7)
    assert await tasks[1] == await deferred.action == 7


async def test_cancelling_an_await_calls_the_hook_each_time() -> None:
    closed: list[str] = []
    deferred = Deferred[int](on_cancel=lambda: closed.append("closed"))
    task = asyncio.create_task(outcome(deferred.action))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == ["closed"]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await deferred.action
    assert closed == ["closed"] * 2
    deferred.resolve(1)
    assert await deferred.action == 1
    assert closed == ["closed"] * 2


async def test_asyncio_takes_it_as_any_awaitable() -> None:
    first, second = Deferred[int](), Deferred[int]()
    asyncio.get_running_loop().call_soon(first.resolve, 1)
    asyncio.get_running_loop().call_soon(second.resolve, 2)
    assert await asyncio.wait_for(asyncio.gather(first.action, second.action), 5) == [1, 2]


def test_a_loop_that_is_closed_meanwhile_does_no_harm() -> None:
    deferred = Deferred[int]()
    loop = asyncio.new_event_loop()
    awaiting = deferred.action.__await__()

    async def start() -> None:
        next(awaiting)

    loop.run_until_complete(start())
    loop.close()
    deferred.resolve(7)
    assert deferred.action.result() == 7
    awaiting.close()


# --- result() -------------------------------------------------------------------------------------------------------


def test_result_blocks_a_thread_until_the_action_is_done() -> None:
    deferred = Deferred[int]()
    timer = threading.Timer(0.01, deferred.resolve, [7])
    timer.start()
    assert deferred.action.result(timeout=10) == 7
    timer.join()


def test_result_times_out_and_the_action_goes_on() -> None:
    deferred = Deferred[int]()
    with pytest.raises(TimeoutError, match="goes on"):
        deferred.action.result(timeout=0.001)
    deferred.resolve(7)
    assert deferred.action.result() == 7


async def test_result_in_a_running_loop_says_what_to_do_instead() -> None:
    deferred = Deferred[int]()
    with pytest.raises(RuntimeError, match="await"):
        deferred.action.result()
    deferred.resolve(7)
    assert deferred.action.result() == 7  # nothing to wait for: no harm


def test_result_does_not_wait_for_a_loop_that_stands_still() -> None:
    loop = asyncio.new_event_loop()
    deferred = Deferred[int](loop=loop)
    with pytest.raises(RuntimeError, match="not running"):
        deferred.action.result()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    started = threading.Event()
    loop.call_soon_threadsafe(started.set)
    started.wait()
    loop.call_soon_threadsafe(deferred.resolve, 7)
    assert deferred.action.result(timeout=10) == 7
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


# --- the two sides --------------------------------------------------------------------------------------------------


def test_the_consumer_cannot_settle_it() -> None:
    names = {name for name in dir(Deferred[int]().action) if not name.startswith("_")}
    assert names == {"done", "result"}


def test_it_shows_how_it_stands() -> None:
    assert repr(Deferred[int]().action) == "<Action pending>"
    assert repr(Deferred[int].resolved(7)) == "<Action done: 7>"
    assert "busy" in repr(Deferred[int].rejected(CallError("busy")))


def test_the_error_of_an_action_pickles() -> None:
    action = Deferred[int].rejected(CallError("busy", 486, "Busy Here"))
    with pytest.raises(CallError) as caught:
        action.result()
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.message, again.code, again.reason) == ("busy", 486, "Busy Here")
