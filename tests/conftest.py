"""What holds for every test."""

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["pytester", "tests.leaks", "tests.pulseaudio"]

INTEROP = Path(__file__).parent / "interop"
REAL = ("interop", "devices")  # the marks of tests that need what may be missing
LONG = (*REAL, "slow")
IN_CI = os.environ.get("CI") == "true"

# A busy machine is no fault: where time matters a test says so itself. CI runs the same examples every time.
settings.register_profile("jzrx", deadline=None, derandomize=IN_CI)
settings.load_profile("jzrx")


@pytest.fixture(autouse=True)
def _no_microphone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test listens to nobody's room: a call without `audio=` is silent, unless the test is one of devices."""
    if request.node.get_closest_marker("devices") is None:
        monkeypatch.setattr("jzrx.phone.audio_order.is_installed", lambda: False)


def pytest_configure() -> None:
    # What a shell without job control runs in the background ignores Ctrl-C, and so do the programs that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(INTEROP):
            item.add_marker("interop")
    if hasattr(config, "workerinput"):  # pytest-xdist: were a long file begun last, all would wait for it
        items.sort(key=lambda item: not any(map(item.get_closest_marker, LONG)))


def _must_not_skip(report: pytest.TestReport | pytest.CollectReport, *, real: bool) -> None:
    """In CI a skipped test of something real is a failure: else a missing package would pass for a green run."""
    if IN_CI and real and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but CI=true wants every test of something real to run: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _must_not_skip(report, real=any(map(item.get_closest_marker, REAL)))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _must_not_skip(report, real=collector.path.is_relative_to(INTEROP))
    return report
