"""Fixtures of the tests against real servers. tests/conftest.py marks them all `interop`, and fails a skip in CI."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AsyncExitStack
from typing import Protocol, cast

import pytest
import pytest_asyncio

from .kamailio import Kamailio, KamailioOptions, executable
from .proxy import FaultProxy

MISSING = "Kamailio is not installed; run tests/interop/install.sh as root"

ServerFor = Callable[[KamailioOptions], Awaitable[Kamailio]]


class FaultProxyFor(Protocol):
    """The type of the `fault_proxy` fixture."""

    async def __call__(self, target: str, host: str | None = None) -> FaultProxy: ...


_skipped = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "kamailio(**options): the KamailioOptions of this test's `kamailio`")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if count := config.stash.get(_skipped, 0):
        terminalreporter.section("NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(f"{count} tests did not run: {MISSING}", red=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what the server logged and every SIP message that it saw."""
    report = yield
    server = getattr(item, "funcargs", {}).get("kamailio")
    if report.failed and isinstance(server, Kamailio):
        traffic = (
            f"{m.time:.3f} {m.direction} {m.protocol} {m.source} -> {m.destination}\n{m.text}" for m in server.dumped()
        )
        report.sections.append(("Kamailio log", server.log()))
        report.sections.append(("SIP at Kamailio", "\n".join(traffic)))
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
    if executable() is None:
        request.config.stash[_skipped] = request.config.stash.get(_skipped, 0) + 1
        pytest.skip(MISSING)
    node = cast(pytest.Item, request.node)
    marker = node.get_closest_marker("kamailio")
    server = await kamailio_for(KamailioOptions(**(marker.kwargs if marker else {})))
    await server.reset()
    return server


@pytest_asyncio.fixture
async def fault_proxy() -> AsyncIterator[FaultProxyFor]:
    """Makes proxies that misbehave: `proxy = await fault_proxy(kamailio.ws_url)`; closed after the test."""
    async with AsyncExitStack() as stack:

        async def start(target: str, host: str | None = None) -> FaultProxy:
            return await stack.enter_async_context(FaultProxy(target, host))

        yield start
