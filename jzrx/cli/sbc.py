"""`jzrx sbc`: the embedded SBC alone, with a line for everything that happens on it."""

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

from jzrx.cli.exits import CommandError, Exit
from jzrx.cli.screen import Screen
from jzrx.testing import EmbeddedSbc, SbcEvent
from jzrx.ui.printable import printable

__all__ = ["run"]

USERS = "JZRX_SBC_USERS"

_COLOURS = {"registered": "green", "answered": "green", "refused": "red", "called": "yellow", "scripted": "cyan"}


def run(screen: Screen, *, port: int | None, users_file: str | None, strict: bool) -> int:
    """Serve until it is interrupted."""
    given = _users(users_file)
    users = given or {"alice": "alice", "bob": "bob"}
    return asyncio.run(_serve(screen, EmbeddedSbc(users, port=port, strict=strict), users, is_default=not given))


async def _serve(screen: Screen, sbc: EmbeddedSbc, users: dict[str, str], *, is_default: bool) -> int:
    interrupted = asyncio.Event()
    terminated = asyncio.Event()
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C is a KeyboardInterrupt there
        loop.add_signal_handler(signal.SIGINT, interrupted.set)
        loop.add_signal_handler(signal.SIGTERM, terminated.set)

    def show(event: SbcEvent) -> None:
        colour = _COLOURS.get(event.what, "dim")
        screen.line(f"{time.strftime('%H:%M:%S')}  {screen.paint(printable(str(event)), colour)}")

    async with sbc:
        screen.line(f"url     {screen.paint(sbc.url, 'bold')}")
        screen.line(f"realm   {sbc.realm}")
        hint = " (each with the name as password)" if is_default else ""
        screen.line(f"users   {', '.join(users)}{hint}")
        screen.line(f"robots  {', '.join(sbc.robots)}, queue-NAME, conference-NAME")
        screen.line("A development server: this machine only. Ctrl-C ends it.")
        subscription = sbc.events.subscribe(show)
        waits = [asyncio.create_task(event.wait()) for event in (interrupted, terminated)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            subscription.dispose()
    return Exit.OK if terminated.is_set() else Exit.INTERRUPTED


def _users(users_file: str | None) -> dict[str, str]:
    """Names and passwords from the file, else from the environment; empty if neither is given."""
    if users_file is not None:
        try:
            lines = Path(users_file).read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise CommandError(f"cannot read --users-file {users_file}: {error.strerror}", Exit.USAGE) from error
        except UnicodeDecodeError as error:
            raise CommandError(f"--users-file {users_file} is not a text file in UTF-8", Exit.USAGE) from error
        entries = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
        where = f"--users-file {users_file}"
    else:
        entries, where = os.environ.get(USERS, "").split(), USERS
    users: dict[str, str] = {}
    for number, entry in enumerate(entries, 1):
        name, colon, password = entry.partition(":")
        if not (name and colon and password):  # the entry is not shown: it may be a password
            raise CommandError(f"{where}: entry {number} must be NAME:PASSWORD", Exit.USAGE)
        if name in users:
            raise CommandError(f"{where}: entry {number} names {name} a second time", Exit.USAGE)
        users[name] = password
    if users_file is not None and not users:
        raise CommandError(f"{where} names nobody: give a line NAME:PASSWORD for each user", Exit.USAGE)
    return users
