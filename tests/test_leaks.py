"""The watch for leaks: each kind of leak fails, and nothing else does."""

from pathlib import Path

import pytest

PLUGIN = (Path(__file__).parent / "leaks.py").read_text()

LEAKS = """
import asyncio, threading

forever = threading.Event()

def test_thread():
    threading.Thread(target=forever.wait, name="stray", daemon=True).start()

async def test_thread_of_a_coroutine():
    threading.Thread(target=forever.wait, name="stray", daemon=True).start()

async def test_task():
    asyncio.create_task(asyncio.Event().wait(), name="stray")

def test_loop():
    asyncio.new_event_loop()
"""

CLEAN = """
import asyncio, threading, time
import pytest, pytest_asyncio

forever = threading.Event()

def test_media_thread():
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    loop.call_soon(ready.set)
    threading.Thread(target=loop.run_forever, name="jzrx-media", daemon=True).start()
    ready.wait()

@pytest.fixture(scope="module")
def server():
    thread = threading.Thread(target=forever.wait)
    thread.start()
    yield
    forever.set()
    thread.join()

@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service():
    task = asyncio.create_task(asyncio.Event().wait())
    yield
    task.cancel()

@pytest.fixture
async def phone():
    task = asyncio.create_task(asyncio.Event().wait())
    yield
    task.cancel()

async def test_fixtures(server, service, phone):
    await asyncio.to_thread(time.sleep, 0)

def test_fixture_again(server):
    asyncio.run(asyncio.sleep(0))

async def test_ends_by_itself():
    asyncio.create_task(asyncio.sleep(0.01))
    threading.Thread(target=time.sleep, args=(0.01,)).start()
"""

INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
addopts = -p leaks
filterwarnings = error
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(leaks=PLUGIN)
    pytester.makeini(INI)
    return pytester


def test_each_leak_fails_its_own_test(suite: pytest.Pytester) -> None:
    suite.makepyfile(**{"tests/test_leaking": LEAKS})
    suite.runpytest_subprocess().stdout.re_match_lines(
        [
            ".* ERROR at teardown of test_thread ",
            "the test left behind: <Thread.stray",
            ".* ERROR at teardown of test_thread_of_a_coroutine ",
            "the test left behind: <Thread.stray",
            ".* ERROR at teardown of test_task ",
            "the test left pending: <Task pending name='stray'",
            ".* ERROR at teardown of test_loop ",
            "the test left behind: <.*EventLoop",
        ]
    )


def test_what_is_closed_or_shared_passes(suite: pytest.Pytester) -> None:
    suite.makepyfile(**{"tests/test_clean": CLEAN})
    suite.runpytest_subprocess().assert_outcomes(passed=4)
