"""`jzrx phone` in a terminal of its own: however it ends, it hangs up and unregisters, in time."""

import asyncio
import os
import pty
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from attrs import define, field
from reactivex import operators

from jzrx import JambonzClient, create_jambonz_client
from jzrx.media import silence
from jzrx.testing import EmbeddedSbc
from tests.cli.commands import JZRX

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="terminals are opened as on Linux")

ANSWER = b"\x1bOQ"  # F2
QUIT = b"\x11"  # Ctrl-Q

# The terminal must be the controlling one: it is the kernel that says when it is closed. And a shell has its background
# jobs ignore Ctrl-C, and what they start inherits that.
IN_ITS_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
async def sbc() -> AsyncIterator[EmbeddedSbc]:
    async with EmbeddedSbc({"alice": "wonderland", "bob": "builder"}) as server:
        yield server


@pytest.fixture
async def bob(sbc: EmbeddedSbc) -> AsyncIterator[JambonzClient]:
    async with create_jambonz_client(server=sbc.url, username="bob", password="builder", audio=silence) as client:
        yield client


@define
class Terminal:
    """A terminal in which `jzrx phone` runs; it is the end of it that a person sees."""

    end: int
    program: Process
    shown: bytearray = field(factory=bytearray)

    def read(self) -> None:
        """Let it show what comes, from now on."""

        def take() -> None:
            try:
                self.shown += os.read(self.end, 65536)
            except OSError:  # Linux's way to say that the program has closed it
                asyncio.get_running_loop().remove_reader(self.end)

        asyncio.get_running_loop().add_reader(self.end, take)

    def type(self, keys: bytes) -> None:
        os.write(self.end, keys)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.end)
        os.close(self.end)
        self.end = -1


@asynccontextmanager
async def terminal(sbc: EmbeddedSbc) -> AsyncIterator[Terminal]:
    """The phone of alice; whoever uses it lets the terminal read."""
    end, screen = pty.openpty()
    account = {
        "JZRX_SERVER": sbc.url,
        "JZRX_USERNAME": "alice",
        "JZRX_PASSWORD": "wonderland",
        "TERM": "xterm-256color",
    }
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", IN_ITS_TERMINAL, *JZRX, "phone",
        stdin=screen, stdout=screen, stderr=screen, start_new_session=True, env={**os.environ, **account},
    )  # fmt: skip
    os.close(screen)
    opened = Terminal(end, program)
    try:
        yield opened
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
        if opened.end >= 0:
            opened.close()


def happens(sbc: EmbeddedSbc, what: str) -> "asyncio.Future[object]":
    """What happens to alice next, of this kind."""
    return asyncio.ensure_future(
        asyncio.wait_for(
            sbc.events.pipe(
                operators.filter(lambda event: event.what == what and event.user == "alice"), operators.first()
            ),
            20,
        )
    )


def send(number: signal.Signals) -> Callable[[Terminal], None]:
    return lambda opened: opened.program.send_signal(number)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        pytest.param(Terminal.close, 130, id="the window is closed"),
        pytest.param(send(signal.SIGHUP), 130, id="SIGHUP"),
        pytest.param(send(signal.SIGTERM), 130, id="SIGTERM"),
        pytest.param(send(signal.SIGINT), 130, id="SIGINT"),
        pytest.param(lambda opened: opened.type(QUIT), 0, id="Ctrl-Q"),
    ],
)
async def test_it_hangs_up_and_unregisters_however_it_ends(
    sbc: EmbeddedSbc, bob: JambonzClient, end: Callable[[Terminal], None], status: int
) -> None:
    registered, unregistered = happens(sbc, "registered"), happens(sbc, "unregistered")
    async with terminal(sbc) as opened:
        opened.read()
        await registered
        call = bob.call("alice")
        await call.snapshot.wait(lambda snapshot: snapshot.state == "ringing", timeout=10)
        opened.type(ANSWER)
        await call.answered()
        end(opened)
        async with asyncio.timeout(8):
            assert (await call.finished()).code == 200
            await unregistered
            assert await opened.program.wait() == status
        if opened.end >= 0:
            assert b"\x1b[?1049l" in opened.shown, "the terminal is as it was"
            assert b"Traceback" not in opened.shown


async def test_a_terminal_that_takes_nothing_keeps_no_call_and_no_registration(
    sbc: EmbeddedSbc, bob: JambonzClient
) -> None:
    registered, unregistered = happens(sbc, "registered"), happens(sbc, "unregistered")
    async with terminal(sbc) as opened:  # and does not read
        await registered
        call = bob.call("alice")
        await call.snapshot.wait(lambda snapshot: snapshot.state == "ringing", timeout=10)
        opened.program.terminate()
        async with asyncio.timeout(8):
            assert (await call.finished()).code == 480
            await unregistered
            assert await opened.program.wait() == 130
