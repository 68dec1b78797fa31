"""Subscribers, isolated: what one raises is logged and hurts nobody, and it stays subscribed."""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

from jzrx.store.lock import LOCK

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

__all__ = ["Observer", "Subscriber", "complete_all", "deliver", "without"]

logger = logging.getLogger("jzrx.store")

_END: Any = object()


class Observer(Protocol[T_contra]):
    """The part of an Rx observer that a stream without errors needs."""

    @property
    def on_next(self) -> Callable[[T_contra], None]:
        """Called with each value."""
        ...

    @property
    def on_completed(self) -> Callable[[], None]:
        """Called when no more values will come."""
        ...


def deliver(observers: Iterable[Observer[T]], value: T) -> None:
    """Give `value` to each of them. Only a request to end the process gets through."""
    for observer in observers:
        try:
            observer.on_next(value)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # asyncio.CancelledError too: it comes from a future that the subscriber asked
            logger.exception("a subscriber raised; it stays subscribed")


def complete_all(observers: Iterable[Observer[Any]]) -> None:
    """Tell each of them that no more values will come."""
    for observer in observers:
        try:
            observer.on_completed()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            logger.exception("a subscriber raised at the end")


def without(those: tuple[T, ...], one: T) -> tuple[T, ...]:
    """`those` but `one`, which need not be there. By `index`, as thousands may leave one after the other."""
    try:
        place = those.index(one)
    except ValueError:
        return those
    return those[:place] + those[place + 1 :]


class Subscriber(Generic[T]):
    """An observer that gets the current value first.

    What arrives while it is busy with that waits, so that it sees everything in order: a subscriber may dispatch when
    it gets its first value, and it may subscribe from another thread than the client's.
    """

    def __init__(self, observer: Observer[T]) -> None:
        self._observer = observer
        self._is_started = False
        self._waiting = deque[Any]()
        self.on_next: Callable[[T], None] = self._wait
        self.on_completed: Callable[[], None] = self._wait_for_end

    def start(self, value: T) -> None:
        """Deliver the current value, then whatever arrived meanwhile; from now on everything as it comes."""
        observer = self._observer
        while True:
            if value is _END:
                complete_all((observer,))
            else:
                deliver((observer,), value)
            with LOCK:
                if not self._waiting:
                    self._is_started = True
                    self.on_next, self.on_completed = observer.on_next, observer.on_completed
                    return
                value = self._waiting.popleft()

    def _wait(self, value: T) -> None:
        with LOCK:
            if not self._is_started:
                self._waiting.append(value)
                return
        self.on_next(value)  # another thread has started it just now

    def _wait_for_end(self) -> None:
        with LOCK:
            if not self._is_started:
                self._waiting.append(_END)
                return
        self.on_completed()
