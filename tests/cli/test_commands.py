"""The command `jzrx`, run as a user runs it: what it prints, and its exit status."""

import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.cli.commands import JZRX, run

ANSI = "\x1b["


def test_the_demo_shows_every_state_and_that_both_were_heard() -> None:
    done = run("demo")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for state in ("disconnected", "connecting", "registered", "idle", "ringing", "rings (", "connected", "ended"):
        assert state in done.stdout, state
    heard = {
        who: float(hz) for who, hz in re.findall(r"^(alice|bob) +heard \w+: ([0-9.]+) Hz", done.stdout, re.MULTILINE)
    }
    assert heard == {"alice": pytest.approx(660, abs=3), "bob": pytest.approx(440, abs=3)}
    assert done.stdout.count("round trip") == 2
    assert "All of it held" in done.stdout
    assert ANSI not in done.stdout, "it is plain when piped"


def test_the_demo_is_coloured_on_a_terminal() -> None:
    master, slave = pty.openpty()
    with subprocess.Popen([*JZRX, "demo"], stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm"}) as demo:
        os.close(slave)
        shown = b""
        try:
            while chunk := os.read(master, 4096):
                shown += chunk
        except OSError:
            pass  # Linux's way to say that the other end is closed
        assert demo.wait(30) == 0
    os.close(master)
    assert b"\x1b[1;32mregistered" in shown


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "COMMAND"),
        (("demoo",), "demoo"),
        (("demo", "now"), "now"),
        (("demo", "--fast"), "--fast"),
        (("sbc", "--port", "five"), "five"),
        (("sbc", "--port", "0"), "'0'"),
        (("sbc", "--port", "-1"), "--port"),
        (("sbc", "--po", "5060"), "--po"),
        (("sbc", "--users-file", "/nowhere/users"), "/nowhere/users"),
        (("sbc", "--users-file", "/"), "--users-file"),
        (("phone",), "JZRX_SERVER"),
        (("call",), "TARGET"),
        (("call", "bob"), "JZRX_SERVER"),
        (("call", "bob", "--server", "ws://localhost:1"), "JZRX_USERNAME"),
        (("call", "bob", "--server", "ws://localhost:1", "--username", "alice"), "JZRX_PASSWORD"),
        (("call", "bob", "--wait", "soon"), "'soon'"),
        (("call", "bob", "--dtmf", "1x"), "'1x'"),
        (("call", "bob", "--timeout", "0"), "'0'"),
        (("call", "bob", "--header", "X-Empty"), "'X-Empty'"),
        (("call", "bob", "--password", "secret"), "--password"),
    ],
)
def test_a_wrong_argument_gets_one_line_and_status_2(arguments: tuple[str, ...], named: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("jzrx")
    assert done.stderr.count("\n") == 1
    assert named in done.stderr


def test_help_does_not_load_the_media() -> None:
    code = "import sys; from jzrx.cli.main import main; main(['--help'])"
    done = subprocess.run(
        [sys.executable, "-c", f"import atexit, sys; atexit.register(lambda: print('aiortc' in sys.modules)); {code}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "demo" in done.stdout
    assert done.stdout.endswith("False\n")


def test_the_phone_says_that_it_needs_a_terminal() -> None:
    done = run("phone", JZRX_SERVER="ws://localhost:1", JZRX_USERNAME="alice", JZRX_PASSWORD="x")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "terminal" in done.stderr


# --- jzrx sbc ---------------------------------------------------------------------------------------------------------


@contextmanager
def sbc(*arguments: str, **environment: str) -> Iterator[tuple["subprocess.Popen[str]", dict[str, str]]]:
    """A running `jzrx sbc`, and the lines of its heading by their first word."""
    with subprocess.Popen(
        [*JZRX, "sbc", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        try:
            assert process.stdout is not None
            heading = [process.stdout.readline() for _ in range(5)]
            yield process, {line.partition(" ")[0]: line.partition(" ")[2].strip() for line in heading}
        finally:
            process.kill()


def test_the_sbc_says_where_it_is_and_what_happens_until_it_is_interrupted() -> None:
    with sbc() as (process, heading):
        assert heading["realm"] == "localhost"
        assert heading["users"].startswith("alice, bob")
        assert "echo" in heading["robots"]
        with connect(heading["url"], subprotocols=[Subprotocol("sip")]):
            pass
        assert process.stdout is not None
        assert "opened" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_the_sbc_ends_normally_when_it_is_terminated() -> None:
    with sbc() as (process, _):
        process.terminate()
        assert process.wait(10) == 0


def test_the_users_of_the_sbc_come_from_a_file_or_the_environment(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("# who may register\ncarol:se:cret\n\ndave:x\n")
    with sbc("--users-file", str(users)) as (_, heading):
        assert heading["users"] == "carol, dave"
    with sbc(JZRX_SBC_USERS="erin:y frank:z") as (_, heading):
        assert heading["users"] == "erin, frank"


def test_a_malformed_user_is_named_by_its_place_and_its_secret_is_not_shown() -> None:
    done = run("sbc", JZRX_SBC_USERS="alice:x topsecret")
    assert done.returncode == 2
    assert "entry 2" in done.stderr
    assert "topsecret" not in done.stderr


@pytest.mark.parametrize(
    ("users", "named"), [(b"# nobody\n", "nobody"), (b"\xff:x\n", "UTF-8"), (b"eve:x\neve:y\n", "eve a second time")]
)
def test_a_file_of_users_that_cannot_be_gets_one_line(tmp_path: Path, users: bytes, named: str) -> None:
    """Above all, alice and bob with their well-known passwords do not stand in for it."""
    (tmp_path / "users").write_bytes(users)
    done = run("sbc", "--users-file", str(tmp_path / "users"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert named in done.stderr


def test_the_demo_needs_no_standard_output() -> None:
    done = subprocess.run(
        f"{shlex.join([*JZRX, 'demo'])} >&-", shell=True, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_taken_port_gets_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("sbc", "--port", str(port))
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert f"port {port}" in done.stderr


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    with subprocess.Popen([*JZRX, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
        process.wait(30)


# A shell has its background jobs ignore Ctrl-C, and what they start inherits that: these tests, and the demo.
INTERRUPTIBLE_DEMO = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from jzrx.cli.main import main
sys.exit(main(["demo"]))
"""


def test_an_interrupted_demo_is_130_without_a_word() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE_DEMO], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == ""


# A person presses Ctrl-C while a module is looked for.
IMPATIENT = """
import signal, sys
module, *sys.argv[1:] = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)
class Person:
    @staticmethod
    def find_spec(name, path, target=None):
        if name == module:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Person)
from jzrx.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    "module", ["jzrx.cli.main", "jzrx.public", "reactivex", "jzrx.cli.parser", "jzrx.cli.call", "websockets"]
)
def test_interrupted_while_modules_are_loaded_a_command_ends_without_a_word(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPATIENT, module, "call", "echo"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "JZRX_SERVER": "ws://localhost:1", "JZRX_USERNAME": "alice", "JZRX_PASSWORD": "x"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
