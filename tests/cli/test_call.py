"""`jzrx call`, run as a script runs it: what the other side hears and gets, what is recorded, and the exit status."""

import asyncio
import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from reactivex import operators

from jzrx import CallEndCause, CallState, JambonzCall, create_jambonz_client
from jzrx.cli.call import _check
from jzrx.cli.exits import CommandError, Exit
from jzrx.media.measure import dominant_tone
from jzrx.testing import EmbeddedSbc
from tests.cli.commands import JZRX, run
from tests.media.test_measure import sine


@pytest.fixture
async def sbc() -> AsyncIterator[EmbeddedSbc]:
    async with EmbeddedSbc({"alice": "wonderland", "bob": "builder"}) as server:
        yield server


def account(sbc: EmbeddedSbc, password: str = "wonderland") -> dict[str, str]:
    return {"JZRX_SERVER": sbc.url, "JZRX_USERNAME": "alice", "JZRX_PASSWORD": password}


async def jzrx_call(sbc: EmbeddedSbc, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(run, "call", *arguments, **(account(sbc) | environment))


def write_wav(path: Path, hz: float, seconds: float, rate: int = 16000) -> str:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(sine(hz, rate, round(seconds * 1000)))
    return str(path)


async def test_what_is_played_comes_back_from_the_echo_and_is_recorded(sbc: EmbeddedSbc, tmp_path: Path) -> None:
    hello = write_wav(tmp_path / "hello.wav", 700, 1.0)
    done = await jzrx_call(sbc, "echo", "--play", hello, "--record", str(tmp_path / "heard.wav"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "connected" in done.stdout
    assert f"plays {hello}" in done.stdout
    assert "200 Normal call clearing" in done.stdout
    with wave.open(str(tmp_path / "heard.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 48000)
        sound = file.readframes(file.getnframes())
    middle = sound[len(sound) // 4 * 2 :][:19200]
    assert dominant_tone(middle, 48000)[0] == pytest.approx(700, abs=3)


async def test_the_steps_are_taken_in_their_order(sbc: EmbeddedSbc, tmp_path: Path) -> None:
    hello = write_wav(tmp_path / "hello.wav", 700, 0.2)
    async with create_jambonz_client(server=sbc.url, username="bob", password="builder") as bob:
        tones: list[str] = []
        calls: list[JambonzCall] = []

        async def answer(call: JambonzCall) -> None:
            calls.append(call)
            call.on("dtmf", tones.append)
            await call.answer()

        bob.on("incoming", answer)
        done = await jzrx_call(sbc, "bob", "--dtmf", "12", "--play", hello, "--dtmf", "#", "--header", "X-Test: yes")
        assert done.returncode == 0, done.stderr
        await bob.snapshot.wait(lambda snapshot: not snapshot.calls, timeout=5)
    assert tones == ["1", "2", "#"]
    assert calls[0].remote_headers["x-test"] == "yes"
    steps = [line for line in done.stdout.splitlines() if line.startswith(("sends", "plays"))]
    assert steps == ["sends 12", f"plays {hello}", "sends #"]


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "said"),
    [
        (("busy",), {}, 5, "486 Busy Here"),
        (("nobody",), {}, 5, "480 no configured application; nobody of that name is registered"),
        (("echo", "--play", "/dev/null"), {}, 2, "no regular file"),
        (("noanswer", "--timeout", "0.5"), {}, 6, "408 No Answer"),
        (("echo",), {"JZRX_PASSWORD": "wrong"}, 4, "403"),
        (("echo",), {"JZRX_SERVER": "ws://localhost:1"}, 3, "localhost:1"),
        (("echo", "--record", "/missing/heard.wav"), {}, 2, "/missing/heard.wav"),
        (("echo", "--header", "X-A: 1", "--header", "x-a: 2"), {}, 2, "--header"),
        (("echo", "--cafile", "missing.pem"), {}, 2, "missing.pem"),
        (("echo", "--password-file", "missing"), {}, 2, "missing"),
    ],
)
async def test_a_failure_gets_one_line_and_the_status_that_tells_why(
    sbc: EmbeddedSbc, arguments: tuple[str, ...], environment: dict[str, str], status: int, said: str
) -> None:
    done = await jzrx_call(sbc, *arguments, **environment)
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith("jzrx call: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert "wonderland" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mailto:bob",), "mailto"),
        (("a" * 16000,), "not be longer than 2048 octets"),
        (("echo", "--codec", "mp3"), "mp3"),
        (("echo", "--header", "Via: x"), "Via"),
        (("echo", "--play", "missing.wav"), "missing.wav"),
    ],
)
async def test_what_cannot_be_done_is_said_before_anything_is_sent(arguments: tuple[str, ...], said: str) -> None:
    account = {"JZRX_SERVER": "ws://localhost:1", "JZRX_USERNAME": "alice", "JZRX_PASSWORD": "wonderland"}
    done = await asyncio.to_thread(run, "call", *arguments, **account)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), "not 3: that nothing listens there is not found"
    assert said in done.stderr


@pytest.mark.parametrize(
    ("cause", "was_answered", "status"),
    [
        (CallEndCause(200, "Normal call clearing", "local"), True, Exit.OK),
        (CallEndCause(480, "Temporarily Unavailable", "remote"), True, Exit.OK),
        (CallEndCause(408, "No media path", "system"), True, Exit.MEDIA),
        (CallEndCause(503, "The connection was lost", "system"), True, Exit.CONNECTION),
        (CallEndCause(503, "The connection was lost", "system"), False, Exit.CONNECTION),
        (CallEndCause(503, "Maximum Calls In Progress", "remote"), False, Exit.REFUSED),
        (CallEndCause(408, "No Answer", "local"), False, Exit.NO_ANSWER),
    ],
)
def test_the_status_of_an_end(cause: CallEndCause, was_answered: bool, status: Exit) -> None:
    expected = contextlib.nullcontext() if status is Exit.OK else pytest.raises(CommandError, match=str(cause.code))
    with expected as raised:
        _check(cause, was_answered=was_answered)
    assert raised is None or raised.value.status is status


async def test_json_is_a_snapshot_a_line_and_nothing_else(sbc: EmbeddedSbc) -> None:
    done = await jzrx_call(sbc, "echo", "--wait", "0.2", "--json")
    assert done.returncode == 0, done.stderr
    snapshots = [json.loads(line) for line in done.stdout.splitlines()]
    assert [snapshot["state"] for snapshot in (snapshots[0], snapshots[-1])] == ["disconnected", "disconnected"]
    calls = [call["state"] for snapshot in snapshots for call in snapshot["calls"].values()]
    order = [state for state, before in zip(calls, [None, *calls], strict=False) if state != before]
    assert order[0] == "idle"
    assert order[-2:] == ["connected", "ended"]
    assert "wonderland" not in done.stdout


async def test_a_password_from_a_file_serves(sbc: EmbeddedSbc, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wonderland\n")
    done = await jzrx_call(
        sbc, "echo", "--wait", "0.01", "--password-file", str(tmp_path / "password"), JZRX_PASSWORD=""
    )
    assert done.returncode == 0, done.stderr


# A shell has its background jobs ignore Ctrl-C, and what they start inherits that: these tests, and the command.
INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from jzrx.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=str)
async def test_an_interrupted_call_is_hung_up(sbc: EmbeddedSbc, how: signal.Signals, tmp_path: Path) -> None:
    async with create_jambonz_client(server=sbc.url, username="bob", password="builder") as bob:
        bob.on("incoming", lambda call: call.answer())
        calling = await asyncio.create_subprocess_exec(
            sys.executable, "-c", INTERRUPTIBLE, "call", "bob", "--record", str(tmp_path / "heard.wav"),
            env={**os.environ, **account(sbc)},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        await bob.snapshot.wait(
            lambda snapshot: any(call.state is CallState.CONNECTED for call in snapshot.calls.values()), timeout=20
        )
        (call,) = bob.calls.values()
        await call.audio.incoming.pipe(operators.take(25))  # some of it has been recorded, too
        calling.send_signal(how)
        assert (await call.finished()).code == 200
        assert await calling.wait() == 130
        assert calling.stderr is not None
        assert await calling.stderr.read() == b""
    with wave.open(str(tmp_path / "heard.wav")) as file:
        assert file.getnframes() > 0


async def test_a_second_interrupt_is_no_traceback(sbc: EmbeddedSbc) -> None:
    calling = await asyncio.create_subprocess_exec(
        sys.executable, "-c", INTERRUPTIBLE, "call", "echo",
        env={**os.environ, **account(sbc)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert calling.stdout is not None
    assert calling.stderr is not None
    while b"connected" not in await calling.stdout.readline():
        pass
    sbc.script.reply("BYE", 503)  # so that the first takes its time
    for _ in range(3):
        calling.send_signal(signal.SIGINT)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(calling.wait(), 0.02)
        if calling.returncode is not None:
            break
    async with asyncio.timeout(10):
        assert await calling.wait() in (130, -signal.SIGINT)  # by the signal itself: Python was ending already
        assert await calling.stderr.read() == b""


@pytest.mark.parametrize("arguments", [("--record", "/dev/full"), ("--json",)])
async def test_a_full_disk_ends_the_call_with_one_line(sbc: EmbeddedSbc, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = await asyncio.to_thread(
            subprocess.run,
            [*JZRX, "call", "echo", *arguments],
            env={**os.environ, **account(sbc)},
            stdout=full if "--json" in arguments else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=20,  # seconds: the echo would go on for ever
            check=False,
        )
    what = "the output" if "--json" in arguments else "--record /dev/full"
    assert (done.returncode, done.stderr) == (2, f"jzrx call: cannot write {what}: No space left on device\n")


async def test_a_call_whose_snapshots_nobody_reads_any_more_ends(sbc: EmbeddedSbc) -> None:
    calling = await asyncio.create_subprocess_exec(
        *JZRX, "call", "echo", "--json", env={**os.environ, **account(sbc)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert calling.stdout is not None
    assert calling.stderr is not None
    await calling.stdout.readline()
    calling._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined] - as `head -1` does
    async with asyncio.timeout(20):
        assert (await calling.wait(), await calling.stderr.read()) == (0, b"")


async def test_the_status_tells_also_where_no_error_can_be_written(sbc: EmbeddedSbc) -> None:
    for closing in ("2>&-", "2>/dev/full"):
        command = f"{shlex.join(JZRX)} call busy {closing}"
        done = await asyncio.to_thread(
            subprocess.run, command, shell=True, env={**os.environ, **account(sbc)}, stdout=subprocess.DEVNULL,
            timeout=20, check=False,
        )  # fmt: skip
        assert done.returncode == 5, closing
