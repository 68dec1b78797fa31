"""Fixtures of the tests against real servers. tests/conftest.py marks them all `interop`, and fails a skip in CI."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol, cast

import pytest
import pytest_asyncio

from tests.media.conftest import party as party

from .browser import Browser, BrowserPhone
from .kamailio import Kamailio, KamailioOptions
from .program import Program, executable
from .proxy import FaultProxy
from .rtpengine import Rtpengine

MISSING = "not installed, run tests/interop/install.sh as root"

ServerFor = Callable[[KamailioOptions], Awaitable[Kamailio]]


class FaultProxyFor(Protocol):
    """The type of the `fault_proxy` fixture."""

    async def __call__(self, target: str, host: str | None = None) -> FaultProxy: ...


class BrowserPhoneFor(Protocol):
    """The type of the `browser_phone` fixture."""

    async def __call__(self, kamailio: Kamailio, user: str, hz: float, *, timers: bool = False) -> BrowserPhone: ...


ProgramFor = Callable[[str], Program]

_programs = pytest.StashKey[list[Program]]()
_console = pytest.StashKey[list[str]]()


def need(request: pytest.FixtureRequest, *names: str) -> None:
    """Skip the test if one of these programs is missing; tests/conftest.py makes that a failure in CI."""
    _skip_without(request, [name for name in names if executable(name) is None])


def _skip_without(request: pytest.FixtureRequest, missing: list[str]) -> None:
    if missing:
        pytest.skip(f"{', '.join(missing)}: {MISSING}")


def show(request: pytest.FixtureRequest, program: Program) -> None:
    """If the test fails its report shows what the program printed from now on."""
    program.mark()
    cast(pytest.Item, request.node).stash.setdefault(_programs, []).append(program)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "kamailio(**options): the KamailioOptions of this test's `kamailio`")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if count := sum(MISSING in str(report.longrepr) for report in terminalreporter.getreports("skipped")):
        terminalreporter.section("NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(f"{count} tests did not run: their programs are {MISSING}", red=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what the server logged and every SIP message that it saw."""
    report = yield
    servers = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Kamailio)]
    for server in servers if report.failed else []:
        traffic = (
            f"{m.time:.3f} {m.direction} {m.protocol} {m.source} -> {m.destination}\n{m.text}" for m in server.dumped()
        )
        report.sections.append(("SIP at Kamailio", "\n".join(traffic)))
    if report.failed and report.when == "call":
        report.sections += [(f"{program.name} log", program.log()) for program in item.stash.get(_programs, [])]
        report.sections += [("browser console", "\n".join(item.stash[_console]))] if _console in item.stash else []
    return report


@pytest.fixture(scope="session")
def kamailio_for(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerFor]:
    """One running server per set of options, shared by the session."""
    servers: dict[KamailioOptions, Kamailio] = {}

    async def server_for(options: KamailioOptions) -> Kamailio:
        if options not in servers:
            servers[options] = Kamailio(tmp_path_factory.mktemp("kamailio"), options)
        await servers[options].start()
        return servers[options]

    yield server_for
    for server in servers.values():
        asyncio.run(server.stop())


@pytest_asyncio.fixture
async def kamailio(request: pytest.FixtureRequest, kamailio_for: ServerFor) -> Kamailio:
    """A running Kamailio, as new; `@pytest.mark.kamailio(algorithm="SHA-256", ...)` chooses its options."""
    need(request, "kamailio")
    node = cast(pytest.Item, request.node)
    marker = node.get_closest_marker("kamailio")
    return await _as_new(request, await kamailio_for(KamailioOptions(**(marker.kwargs if marker else {}))))


async def _as_new(request: pytest.FixtureRequest, server: Kamailio) -> Kamailio:
    await server.reset()
    show(request, server.program)
    return server


@pytest_asyncio.fixture
async def relaying_kamailio(request: pytest.FixtureRequest, kamailio_for: ServerFor, rtpengine: Rtpengine) -> Kamailio:
    """As `kamailio`; rtpengine relays the media between WebSocket clients and phones on UDP."""
    need(request, "kamailio")
    return await _as_new(request, await kamailio_for(KamailioOptions(rtpengine=rtpengine.ng_address)))


@pytest.fixture(scope="session")
def the_rtpengine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rtpengine]:
    server = Rtpengine(tmp_path_factory.mktemp("rtpengine"))
    yield server
    asyncio.run(server.program.stop())


@pytest_asyncio.fixture
async def rtpengine(request: pytest.FixtureRequest, the_rtpengine: Rtpengine) -> Rtpengine:
    """A running rtpengine, shared by the session."""
    need(request, "rtpengine")
    await the_rtpengine.start()
    show(request, the_rtpengine.program)
    return the_rtpengine


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """A running Chromium, shared by the session."""
    _skip_without(request, Browser.missing())
    browser = Browser()
    browser.start()
    yield browser
    browser.close()


@pytest_asyncio.fixture
async def browser_phone(browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[BrowserPhoneFor]:
    """Opens pages with a phone: `page = await browser_phone(kamailio, "bob", 1000)`; closed after the test."""
    logs: list[str] = []
    cast(pytest.Item, request.node).stash[_console] = logs
    async with AsyncExitStack() as stack:

        async def start(kamailio: Kamailio, user: str, hz: float, *, timers: bool = False) -> BrowserPhone:
            return await stack.enter_async_context(browser.phone(kamailio, user, hz, logs, timers=timers))

        yield start


@pytest_asyncio.fixture
async def program_for(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ProgramFor]:
    """Makes programs that live for one test, to be started in its directory: `program_for("sipp")`."""
    made: list[Program] = []

    def make(name: str) -> Program:
        need(request, name)
        made.append(Program(tmp_path, name))
        show(request, made[-1])
        return made[-1]

    yield make
    for program in made:
        await program.stop()


@pytest_asyncio.fixture
async def fault_proxy() -> AsyncIterator[FaultProxyFor]:
    """Makes proxies that misbehave: `proxy = await fault_proxy(kamailio.ws_url)`; closed after the test."""
    async with AsyncExitStack() as stack:

        async def start(target: str, host: str | None = None) -> FaultProxy:
            return await stack.enter_async_context(FaultProxy(target, host))

        yield start
