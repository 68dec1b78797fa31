"""One subscriber, isolated: what it raises is logged and hurts nobody, and it stays subscribed."""

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from jzrx.store.lock import LOCK

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

__all__ = ["Observer", "Subscriber", "call_isolated"]

logger = logging.getLogger("jzrx.store")


class Observer(Protocol[T_contra]):
    """The part of an Rx observer that a stream without errors needs."""

    def on_next(self, value: T_contra, /) -> None:
        """A value arrived."""

    def on_completed(self) -> None:
        """No more values will come."""


def call_isolated(function: Callable[..., object], *arguments: Any) -> None:
    """Call `function`; what it raises is logged. Only a request to end the process gets through."""
    try:
        function(*arguments)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # asyncio.CancelledError too: it comes from a future that the subscriber asked
        logger.exception("a subscriber raised; it stays subscribed")


class Subscriber(Generic[T]):
    """A subscriber of a node: its observer, and what arrives while it is still busy with its first value.

    That happens when the first value makes it dispatch, or when it subscribes from another thread than the client's;
    either way it shall see the values in their order.
    """

    __slots__ = ("_waiting", "observer")

    def __init__(self, observer: Observer[T]) -> None:
        self.observer = observer
        self._waiting: deque[Callable[[], None]] | None = None

    def start(self, value: T) -> None:
        """Deliver the current value, then whatever arrived meanwhile. `hold` came before."""
        call_isolated(self.observer.on_next, value)
        while True:
            with LOCK:
                if not self._waiting:
                    self._waiting = None
                    return
                deliver = self._waiting.popleft()
            deliver()

    def hold(self) -> None:
        """Keep what arrives until the first value was delivered."""
        self._waiting = deque()

    def next(self, value: T) -> None:
        """Deliver a value."""
        if self._waiting is None or not self._wait(lambda: call_isolated(self.observer.on_next, value)):
            call_isolated(self.observer.on_next, value)

    def complete(self) -> None:
        """Deliver the completion."""
        if self._waiting is None or not self._wait(lambda: call_isolated(self.observer.on_completed)):
            call_isolated(self.observer.on_completed)

    def _wait(self, deliver: Callable[[], None]) -> bool:
        with LOCK:
            if self._waiting is None:
                return False
            self._waiting.append(deliver)
            return True
