"""`jzrx phone`: the phone in the terminal."""

import importlib.util
import sys
from collections.abc import Mapping
from typing import Any

from jzrx import use_jambonz_client
from jzrx.cli.exits import CommandError, Exit
from jzrx.cli.running import run_in_order
from jzrx.ui.model import PhoneModel

__all__ = ["run"]


def run(account: Mapping[str, Any]) -> int:
    """Run it until the user quits."""
    if importlib.util.find_spec("textual") is None:
        raise CommandError("it needs an extra: pip install 'jzrx[tui]'", Exit.USAGE)
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty()):  # pyright: ignore[reportUnnecessaryComparison]
        raise CommandError("it needs a terminal; for scripts there is jzrx call", Exit.USAGE)
    # Not SIGHUP: without its terminal, what draws may wait for ever, and the phone would live on unseen.
    return run_in_order(_run(account), signals=("SIGTERM",))


async def _run(account: Mapping[str, Any]) -> int:
    from jzrx.ui.terminal.app import TerminalPhone

    async with use_jambonz_client(account) as phone:
        model = PhoneModel(phone, account["username"])
        await TerminalPhone(model).run_async()
        await phone.disconnect()
        model.dispose()
    return Exit.OK
