"""Turns: one change at a time, in order.

A change that is asked for while another is being delivered, from inside a subscriber, waits until that one has reached
everybody; Rx alone would deliver it in the middle, and those who come later would see the two in the wrong order. The
queue belongs to the thread, so that all clients, calls and hooks of one loop share one order.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

__all__ = ["take_turn"]


class _Turns:
    __slots__ = ("is_running", "queue")

    def __init__(self) -> None:
        self.queue = deque[tuple[Callable[[Any], None], Any]]()
        self.is_running = False


class _PerThread(threading.local):
    def __init__(self) -> None:
        self.turns = _Turns()


_per_thread = _PerThread()


def take_turn(step: Callable[[T], None], argument: T) -> None:
    """Run `step(argument)`: now, or, inside another turn of this thread, right after those that already wait."""
    turns = _per_thread.turns
    queue = turns.queue
    queue.append((step, argument))
    if turns.is_running:
        return
    turns.is_running = True
    try:
        while queue:
            step, argument = queue.popleft()
            step(argument)
    finally:
        turns.is_running = False
