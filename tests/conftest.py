"""What holds for every test: it leaves nothing behind, and CI never skips a missing server.

A test that leaves a thread, a pending task or an open event loop behind fails in its teardown, after all of its
fixtures were finalised. What a module- or session-scoped fixture starts is judged by the fixture, not by the test.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
from hypothesis import settings

GRACE = 1.0  # seconds in which what is ending may end
MEDIA_THREAD = "jzrx-media"  # one per process, and it may outlive a test
INTEROP = Path(__file__).parent / "interop"
IN_CI = os.environ.get("CI") == "true"

# A busy machine is no fault: where time matters a test says so itself. CI runs the same examples every time.
settings.register_profile("jzrx", deadline=None, derandomize=IN_CI)
settings.load_profile("jzrx")

_shared: WeakSet[object] = WeakSet()  # threads and loops that fixtures of a wider scope own
_loops: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
_before = pytest.StashKey[set[object]]()


def _alive() -> set[object]:
    """The live threads and the open event loops. A running loop counts as its thread, which is judged already."""
    threads = {thread for thread in threading.enumerate() if thread.name != MEDIA_THREAD}
    return {*threads, *(loop for loop in list(_loops) if not loop.is_closed() and not loop.is_running())}


@pytest.fixture(scope="session", autouse=True)
def _track_loops() -> Iterator[None]:
    """An open loop that nobody refers to any more has no other trace; the interpreter's warning comes too late."""
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(INTEROP):
            item.add_marker("interop")


def _must_not_skip(report: pytest.TestReport | pytest.CollectReport, *, interop: bool) -> None:
    """In CI a skipped test of a real server is a failure: else a missing package would pass for a green run."""
    if IN_CI and interop and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but CI=true wants every interop test to run: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _must_not_skip(report, interop=item.get_closest_marker("interop") is not None)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _must_not_skip(report, interop=collector.path.is_relative_to(INTEROP))
    return report
