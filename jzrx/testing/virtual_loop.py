"""Time that passes when nothing else can happen: one clock for Rx, for asyncio, and so for a whole client.

A `VirtualLoop` is an event loop whose timers, `asyncio.sleep` and clock are those of a `VirtualTime`, the Rx scheduler.
It never waits: when nothing is ready, it is the time of whatever comes next. Hours take milliseconds, every run is the
same, and what is due at one time happens in the order in which it was asked for.
"""

import asyncio
import math
import selectors
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any, TypeVarTuple

from reactivex.testing import TestScheduler

__all__ = ["INSTANT", "VirtualLoop", "VirtualTime"]

Ts = TypeVarTuple("Ts")

INSTANT = 0.000001
"""The shortest time that there is, in seconds."""


class VirtualTime(TestScheduler):
    """A `TestScheduler` that can go from one thing to the next."""

    __test__ = False

    @property
    def seconds(self) -> float:
        """The time since the beginning, in seconds."""
        return self.to_seconds(self.now)

    def step(self, until: float = math.inf) -> bool:
        """Do the next thing that is due up to `until`; False if there is none, and it is `until` now."""
        due = self.to_seconds(self._queue.peek().duetime) if len(self._queue) else math.inf
        if due <= until < math.inf or due < until:
            item = self._queue.dequeue()
            self._clock = max(self.seconds, due)
            if not item.is_cancelled():
                item.invoke()
            return True
        if until < math.inf:
            self._clock = max(self.seconds, until)
        return False

    def rest(self, end: float) -> None:
        """It is `end` now, at which nothing has happened yet; what was due before is done (`step`)."""
        if end > self.seconds:
            self.sleep(end - self.seconds)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time. It belongs to whoever calls `advance_to`, and is closed like any other.

    What waits for the world outside, such as a thread or a socket, waits in vain: time does not wait for it.
    """

    def __init__(self, virtual_time: VirtualTime) -> None:
        super().__init__(_Selector(self._idle))
        self._time = virtual_time
        self._until = math.inf

    def advance_to(self, until: float) -> None:
        """Let everything happen that is due up to the time `until` (seconds)."""
        self._until = until
        try:
            self.run_forever()
        finally:
            self._until = math.inf

    def time(self) -> float:
        return self._time.seconds

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        context = copy_context() if context is None else context
        handle = asyncio.TimerHandle(when, callback, args, self, context)

        def act() -> None:
            if not handle.cancelled():
                callback(*args)

        def due(*_: Any) -> None:
            self.call_soon(act, context=context)

        self._time.schedule_absolute(float(when), due)
        return handle

    def _idle(self) -> None:
        if not self._time.step(self._until):
            self.stop()


class _Selector(selectors.SelectSelector):
    """It does not wait for its files: it tells that the loop has nothing to do."""

    def __init__(self, idle: Callable[[], None]) -> None:
        super().__init__()
        self._is_idle = idle

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            self._is_idle()
        return super().select(0)
