"""`jzrx doctor`, run as a user runs it: a line for each step, what to do, and the status of the first failure."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from jzrx.testing import EmbeddedSbc
from tests.cli.commands import run


@pytest.fixture
async def sbc() -> AsyncIterator[EmbeddedSbc]:
    async with EmbeddedSbc({"alice": "wonderland"}) as server:
        yield server


async def doctor(
    server: str, *arguments: str, password: str = "wonderland", **environment: str
) -> tuple[int, str, str]:
    account = {"JZRX_SERVER": server, "JZRX_USERNAME": "alice", "JZRX_PASSWORD": password}
    done = await asyncio.to_thread(run, "doctor", *arguments, **account, **environment)
    assert "wonderland" not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr


async def test_a_line_for_each_step(sbc: EmbeddedSbc) -> None:
    status, out, err = await doctor(sbc.url, "--call", "echo")
    assert (status, err) == (0, "")
    steps = [line.split() for line in out.splitlines()]
    assert [step[0] for step in steps] == ["dns", "tcp", "websocket", "sip", "registration", "call"]
    assert all(step[1] == "ok" and step[3] == "ms" for step in steps)


@pytest.mark.parametrize(
    ("arguments", "password", "status", "said"),
    [
        ((), "wrong", 4, "registration: "),
        (("--call", "busy"), "wonderland", 7, "call: "),
        (("--stun", "stun:127.0.0.1:1"), "wonderland", 7, "stun: "),
        (("--stun", "127.0.0.1"), "wonderland", 2, "127.0.0.1"),
        (("--turn", "turn:127.0.0.1"), "wonderland", 2, "JZRX_TURN_USERNAME"),
        (("--call", "tel:nobody"), "wonderland", 2, "tel:nobody"),
    ],
)
async def test_the_first_failure_decides_how_it_ends(
    sbc: EmbeddedSbc, arguments: tuple[str, ...], password: str, status: int, said: str
) -> None:
    code, _, err = await doctor(sbc.url, *arguments, password=password)
    assert code == status
    assert err.startswith("jzrx doctor: ")
    assert err.count("\n") == 1
    assert said in err


async def test_what_to_do_stands_below_the_step() -> None:
    status, out, err = await doctor("ws://localhost:1")
    assert status == 3
    lines = [line.strip() for line in out.splitlines()]
    assert "check the address and the port" in lines
    assert sum(line.startswith(("websocket", "sip", "registration")) and " - " in line for line in lines) == 3
    assert "nothing listens on localhost port 1" in err
