"""The phone in the console, as a process of its own, driven by what is typed."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jzrx import CallError, JambonzCall, JambonzClient
from tests.examples.test_examples import ROOT
from tests.examples.town import PATIENCE


class Console:
    """A person at the keyboard."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.printed = ""

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    async def shows(self, pattern: str) -> re.Match[str]:
        """Wait until it prints that; what it printed before is gone."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while not (found := re.search(pattern, self.printed)):
                more = await self.process.stdout.read(4096)
                assert more, f"it ended without printing {pattern!r}: {self.printed}"
                self.printed += more.decode()
        self.printed = self.printed[found.end() :]
        return found

    async def ends(self) -> str:
        """Wait until it has ended, and well; returns the rest of what it printed."""
        async with asyncio.timeout(PATIENCE):
            rest, _ = await self.process.communicate()
        assert self.process.returncode == 0
        assert b"Traceback" not in rest
        return self.printed + rest.decode()


@asynccontextmanager
async def console() -> AsyncIterator[Console]:
    program = ("-X", "dev", "-W", "error", str(ROOT / "examples" / "console_phone.py"))
    process = await asyncio.create_subprocess_exec(sys.executable, *program, stdin=PIPE, stdout=PIPE, stderr=STDOUT)
    phone = Console(process)
    try:
        yield phone
    finally:
        if process.returncode is None:
            process.kill()
            rest, _ = await process.communicate()
            print(phone.printed + rest.decode())  # for the report of a failure


async def test_an_outgoing_call(bob: JambonzClient) -> None:
    bob.on("incoming", lambda call: call.answer())
    async with console() as phone:
        await phone.shows(r"registered \| call quit")
        phone.type("call bob")
        await phone.shows(r"registered \| bob connected 0:00:0\d \| call hangup mute hold quit")
        phone.type("hold")
        await phone.shows(r"bob held 0:00:0\d \|")
        phone.type("hold")
        await phone.shows(r"bob connected 0:00:0\d \|")
        phone.type("mute")
        await phone.shows(r"bob connected 0:00:0\d muted")
        first, second = [await phone.shows(r"connected 0:00:0(\d) muted") for _ in range(2)]
        while first[1] == second[1]:  # the timer
            second = await phone.shows(r"connected 0:00:0(\d) muted")
        phone.type("hangup")
        await phone.shows(r"bob ended .*registered \| call quit")
        phone.type("call nobody")
        await phone.shows(r"\r.*failed: 480 ")
        phone.type("answer")  # it is not offered
        phone.type("quit")
        assert "disconnected" in await phone.ends()


async def test_an_incoming_call(bob: JambonzClient) -> None:
    async with console() as phone:
        await phone.shows("registered")
        declined = bob.call("alice")
        await phone.shows(r"bob.* is calling! \| call answer decline quit")
        phone.type("decline")
        with pytest.raises(CallError, match="486"):
            await declined.answered()
        await phone.shows(r"registered \| call quit")
        answered = bob.call("alice")
        await phone.shows("is calling!")
        phone.type("answer")
        await answered.answered()
        await phone.shows(r"bob.* connected")
        await answered.hangup()
        await phone.shows(r"ended .*registered \| call quit")
        assert phone.process.stdin is not None
        phone.process.stdin.close()  # the end of the input is the end of the phone
        await phone.ends()


async def test_a_call_that_rings_is_hung_up_and_an_interrupt_ends_all(bob: JambonzClient) -> None:
    async with console() as phone:
        await phone.shows("registered")
        phone.type("call bob")
        await phone.shows("bob ringing")
        phone.type("hangup")
        await phone.shows(r"bob ended .*registered \| call quit")
        calls: list[JambonzCall] = []
        bob.on("incoming", calls.append)
        phone.type("call bob")
        await phone.shows("bob ringing")
        phone.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            assert (await calls[0].finished()).code == 487


async def test_without_an_account_there_is_an_sbc(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("JZRX_")]:
        monkeypatch.delenv(name)
    async with console() as phone:
        command = (await phone.shows(r"\n(JZRX_SERVER=.* jzrx call alice) --wait 60\n"))[1]
        await phone.shows("registered")
        environment, _, arguments = command.partition(" jzrx ")
        caller = await asyncio.create_subprocess_exec(
            *("env", *environment.split(), sys.executable, "-m", "jzrx", *arguments.split(), "--wait", "10"),
            stdout=DEVNULL,
            stderr=STDOUT,
        )
        await phone.shows("bob.* is calling!")
        phone.type("answer")
        await phone.shows("connected 0:00:0")
        phone.type("hangup")
        async with asyncio.timeout(PATIENCE):
            await caller.wait()
        phone.type("quit")
        await phone.ends()
