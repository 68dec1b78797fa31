"""A pytest plugin: a test that leaves a thread, a pending task or an open event loop behind fails.

It fails in its teardown, after all of its fixtures were finalised. What a fixture of a wider scope starts is judged by
that fixture, not by the test.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any
from weakref import WeakSet

import pytest

GRACE = 1.0  # seconds in which what is ending may end
MEDIA_THREAD = "jzrx-media"  # one per process, and it may outlive a test

_shared: WeakSet[object] = WeakSet()  # threads and loops that fixtures of a wider scope own
_loops: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
_before = pytest.StashKey[set[object]]()


def _alive() -> set[object]:
    """The live threads and the open event loops. A running loop counts as its thread, which is judged already."""
    threads = {thread for thread in threading.enumerate() if thread.name != MEDIA_THREAD}
    return {*threads, *(loop for loop in list(_loops) if not loop.is_closed() and not loop.is_running())}


@pytest.fixture(scope="session", autouse=True)
def _track_loops() -> Iterator[None]:
    """Python has no list of its event loops, and warns of an open one only when it is collected: in a later test."""
    original = asyncio.BaseEventLoop.__init__

    def init(self: asyncio.BaseEventLoop) -> None:
        original(self)
        _loops.add(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.BaseEventLoop, "__init__", init)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
    before = _alive()
    result = yield
    if fixturedef.scope != "function":
        _shared.update(_alive() - before)
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_before] = _alive()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    for left in _alive() - item.stash[_before] - set(_shared):
        if isinstance(left, threading.Thread):
            left.join(GRACE)
    if strays := _alive() - item.stash[_before] - set(_shared):
        pytest.fail(f"the test left behind: {', '.join(map(repr, strays))}", pytrace=False)
    return result


@pytest.fixture(autouse=True)
def _no_stray_task(request: pytest.FixtureRequest) -> None:
    """First of the fixtures, and so the last to be finalised: the others have closed what they opened."""
    if request.node.get_closest_marker("asyncio"):
        request.getfixturevalue("_tasks_ended")


@pytest.fixture
async def _tasks_ended() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    if left := asyncio.all_tasks() - before - {asyncio.current_task()}:
        _, pending = await asyncio.wait(left, timeout=GRACE)
        if pending:
            pytest.fail(f"the test left pending: {', '.join(map(repr, pending))}", pytrace=False)
