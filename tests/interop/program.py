"""Programs that tests start: by pid, on free ports, with a log that failures show, and never left behind."""

import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

PATIENCE: Final = 10.0
"""Seconds within which a program must have done what a test waits for."""

_POLL: Final = 0.01


def our_share(ports: range) -> range:
    """Of these ports those of this process: pytest-xdist runs tests in several side by side."""
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % count
    size = len(ports) // count
    return ports[number * size : (number + 1) * size]


# Below the ephemeral range (32768 and up), so that no outgoing connection takes a port while its server is down.
_PORTS: Final = our_share(range(20000, 32000))
_GIVEN: Final = set[int]()


class Program:
    """One process and whatever it starts itself. Bound to no event loop, so that one can serve a whole test session."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.directory = directory
        self._log_file = directory / f"{name}.log"
        self._log_mark = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
        """Start it; what it prints goes to the log. It leads its own session, and so the group of its children."""
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    async def stop(self) -> None:
        """End it as an administrator would (SIGTERM); what does not end is killed."""
        await self.end(signal.SIGTERM)

    async def end(self, number: signal.Signals) -> None:
        """Send that signal to it and to what it started, and wait until it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        for each in (number, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, each)
            deadline = time.monotonic() + PATIENCE / 2
            while process.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110 - a process has no event
                await asyncio.sleep(_POLL)

    async def succeeded(self) -> None:
        """Wait until it has ended by itself, and well; TimeoutError or RuntimeError, with the log, if it does not."""
        process = self._process
        deadline = time.monotonic() + PATIENCE
        while process is not None and process.poll() is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} did not end within {PATIENCE:g} s:\n{self.log()}")
            await asyncio.sleep(_POLL)
        if process is None or process.returncode != 0:
            raise RuntimeError(f"{self.name} failed:\n{self.log()}")

    def mark(self) -> None:
        """The log begins here."""
        self._log_mark = self._log_file.stat().st_size if self._log_file.exists() else 0

    def log(self) -> str:
        """What it printed since `mark`."""
        if not self._log_file.exists():
            return ""
        with self._log_file.open("rb") as file:
            file.seek(self._log_mark)
            return file.read().decode("utf-8", "replace")

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait until `holds`; TimeoutError or, when the process has ended, RuntimeError, with the log."""
        deadline = time.monotonic() + PATIENCE
        while not await holds():
            if not self.running:
                raise RuntimeError(f"{self.name} ended by itself:\n{self.log()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} did not {what} within {PATIENCE:g} s:\n{self.log()}")
            await asyncio.sleep(_POLL)

    async def until_logged(self, text: str) -> None:
        """Wait until it has printed `text` since `mark`."""

        async def logged() -> bool:
            return text in self.log()

        await self.until(logged, f"print {text!r}")


def executable(name: str) -> Path | None:
    """The path of a program, None when it is not installed. /usr/sbin is not on everybody's PATH."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


def free_ports(kind: socket.SocketKind, count: int) -> list[int]:
    """Ports of loopback that can be bound now, none of which was given before.

    Those for UDP are also free for TCP, and the next one, too: baresip binds both, the latter for TLS.
    """
    free: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        wanted = [(kind, port)] if kind == socket.SOCK_STREAM else [(kind, port), *_of_baresip(port)]
        if _GIVEN.isdisjoint(number for _, number in wanted) and all(_can_be_bound(*each) for each in wanted):
            _GIVEN.update(number for _, number in wanted)
            free.append(port)
            if len(free) == count:
                return free
    raise RuntimeError(f"no free port in {_PORTS}")


def _of_baresip(port: int) -> list[tuple[socket.SocketKind, int]]:
    return [(socket.SOCK_STREAM, port), (socket.SOCK_STREAM, port + 1)]


def _can_be_bound(kind: socket.SocketKind, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as candidate:
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
