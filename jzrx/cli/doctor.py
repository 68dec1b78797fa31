"""`jzrx doctor`: what works between here and an SBC, step by step; what failed, and what to do."""

from collections.abc import Mapping
from typing import Any

from jzrx import PreflightStep, preflight
from jzrx.cli.exits import CommandError, Exit
from jzrx.cli.running import run_in_order
from jzrx.cli.screen import Screen
from jzrx.ui.printable import printable

__all__ = ["run"]

_MARKS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "failed": ("FAILED", "red"), "skipped": ("-", "dim")}

_STATUSES = {"registration": Exit.REGISTRATION, "call": Exit.MEDIA, "stun": Exit.MEDIA, "turn": Exit.MEDIA}
"""How the command ends when a step failed; all others are of the connection."""


def run(screen: Screen, account: Mapping[str, Any], target: str | None) -> int:
    """Print the steps. Raises CommandError when one failed."""
    return run_in_order(_run(screen, account, target))


async def _run(screen: Screen, account: Mapping[str, Any], target: str | None) -> int:
    first: PreflightStep | None = None
    async for step in preflight(account, call=target):
        mark, colour = _MARKS[step.outcome]
        took = f"{step.seconds * 1000:6.0f} ms" if step.outcome != "skipped" else " " * 9
        screen.line(f"{step.name:<13}{screen.paint(mark.ljust(8), 'bold', colour)}{took}  {printable(step.detail)}")
        if step.advice:
            screen.line(f"{'':<32}{screen.paint(step.advice, 'bold')}")
        if not step.ok and first is None:
            first = step
    if first is not None:
        advice = f"; {first.advice}" if first.advice else ""
        raise CommandError(f"{first.name}: {first.detail}{advice}", _STATUSES.get(first.name, Exit.CONNECTION))
    return Exit.OK
