"""The event loop of a command: what ends the process from outside ends its work in order, as Ctrl-C does."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine

__all__ = ["run_in_order"]


def run_in_order(work: Coroutine[None, None, int]) -> int:
    """`asyncio.run`, for which SIGTERM (`kill`) and SIGHUP (the terminal is closed) are a KeyboardInterrupt, as Ctrl-C
    is: calls are hung up, files are whole. A second one waits no longer. What is ignored, as SIGHUP by nohup, stays so.
    """
    try:
        return asyncio.run(_interruptible(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _interruptible(work: Coroutine[None, None, int]) -> int:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            with contextlib.suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(number, task.cancel)
    return await work
