"""A WebSocket in memory and in virtual time."""

from collections.abc import Callable
from typing import Any, Literal

from reactivex.testing import TestScheduler

from jzrx.sip.engine import Listener

__all__ = ["Wire"]


class Wire:
    """One phone's end of a WebSocket (a `Transport` of the engine). A frame takes `delay` s.

    `far` takes what the phone sent, after that delay; `on_sent` hears of it at once. `behaviour` is what the next
    opening meets; "silent" never answers. `opened` and `closed` say when the phone did so.
    """

    def __init__(self, scheduler: TestScheduler, delay: float = 0.01) -> None:
        self.scheduler = scheduler
        self.delay = delay
        self.far: Callable[[str], object] = lambda _: None
        self.on_sent: Callable[[str], object] = lambda _: None
        self.behaviour: Literal["accept", "refuse", "silent"] = "accept"
        self.opened: list[float] = []
        self.closed: list[float] = []
        self.failure: Exception | None = None  # there is none in memory
        self._listener: Listener | None = None
        self._is_open = False
        self._flow = 0

    @property
    def is_open(self) -> bool:
        return self._is_open

    # --- the phone's side --------------------------------------------------------------------------------------------

    def open(self, listener: Listener) -> None:
        self._flow += 1
        self._listener = listener
        self.opened.append(self._now)
        if self.behaviour == "accept":
            self._later(self._accept)
        elif self.behaviour == "refuse":
            self._later(lambda: listener.failed("the server refused the connection"))

    def send(self, frame: str) -> None:
        if self._is_open:
            self.on_sent(frame)
            self._later(lambda: self.far(frame))

    def close(self, reason: str) -> None:
        if self._is_open:
            self.closed.append(self._now)
        self._shut()

    async def wait_closed(self) -> None:
        pass  # closed at once

    # --- the far side ------------------------------------------------------------------------------------------------

    def deliver(self, frame: str | bytes) -> None:
        """A frame arrives now, if the flow is open."""
        if self._is_open and self._listener is not None:
            self._listener.received(frame)

    def deliver_later(self, frame: str | bytes) -> None:
        """A frame is on its way."""
        self._later(lambda: self.deliver(frame))

    def drop(self, reason: str = "the connection broke") -> None:
        """The flow breaks now; what is under way is lost."""
        listener = self._listener if self._is_open else None
        self._shut()
        if listener is not None:
            listener.lost(reason)

    # -----------------------------------------------------------------------------------------------------------------

    @property
    def _now(self) -> float:
        return round(self.scheduler.to_seconds(self.scheduler.now), 3)

    def _accept(self) -> None:
        self._is_open = True
        if self._listener is not None:
            self._listener.opened()

    def _shut(self) -> None:
        self._flow += 1
        self._listener = None
        self._is_open = False

    def _later(self, action: Callable[[], object]) -> None:
        flow = self._flow

        def act(*_: Any) -> None:
            if flow == self._flow:
                action()

        self.scheduler.schedule_relative(self.delay, act)
