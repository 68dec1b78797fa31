"""`jzrx phone`: the phone in the terminal."""

import contextlib
import importlib.util
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any, NoReturn

from jzrx import use_jambonz_client
from jzrx.cli.exits import CommandError, Exit
from jzrx.ui.model import PhoneModel

__all__ = ["run"]

LEAVING = 3.0
"""Seconds that hanging up and unregistering may take."""
CLEARING = 1.0
"""Seconds that the screen may take to put the terminal back."""


def run(account: Mapping[str, Any]) -> int:
    """Run it until the user quits."""
    if importlib.util.find_spec("textual") is None:
        raise CommandError("it needs an extra: pip install 'jzrx[tui]'", Exit.USAGE)
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty()):  # pyright: ignore[reportUnnecessaryComparison]
        raise CommandError("it needs a terminal; for scripts there is jzrx call", Exit.USAGE)
    from jzrx.ui.terminal.app import TerminalPhone

    phone = use_jambonz_client(account)
    # On a thread of its own: the screen waits for a terminal that takes nothing, and calls must not wait with it.
    model = PhoneModel(phone, account["username"], background=True)
    screen = TerminalPhone(model)

    def leave() -> NoReturn:
        """What was interrupted: the calls end first, and the process in any case."""
        with contextlib.suppress(TimeoutError):
            phone.disconnect().result(LEAVING)
        screen.exit()
        time.sleep(CLEARING)
        os._exit(Exit.INTERRUPTED)

    with _interrupting(leave) as interrupted:
        screen.run()
        phone.disconnect().result(LEAVING)
    model.dispose()
    if interrupted.is_set():
        return Exit.INTERRUPTED
    return Exit.INTERNAL if screen.return_code else Exit.OK  # Textual has shown what was wrong


@contextlib.contextmanager
def _interrupting(leave: Callable[[], None]) -> Generator[threading.Event]:
    """Run `leave` on a thread of its own at the first signal that ends a process from outside: Ctrl-C of another
    terminal, SIGTERM (`kill`), SIGHUP (the terminal is closed). One that is ignored, as by nohup, stays so."""
    interrupted = threading.Event()

    def interrupt(*_: object) -> None:
        if not interrupted.is_set():
            interrupted.set()
            threading.Thread(target=leave, name="jzrx-leaving", daemon=True).start()

    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {
        number: signal.signal(number, interrupt) for number in numbers if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
