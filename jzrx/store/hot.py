"""A hot stream without replay, whose subscribers are isolated from each other."""

from typing import TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from jzrx.store.lock import LOCK
from jzrx.store.subscriber import complete_all, deliver, without

T = TypeVar("T")

__all__ = ["HotObservable"]


class HotObservable(Observable[T]):
    """Like an Rx subject, but a subscriber that raises stays subscribed and starves nobody."""

    def __init__(self) -> None:
        super().__init__()
        self._observers: tuple[abc.ObserverBase[T], ...] = ()
        self._is_completed = False

    def emit(self, value: T) -> None:
        """Deliver `value` to everybody who is subscribed now."""
        if self._observers:
            deliver(self._observers, value)

    def complete(self) -> None:
        """End the stream; a new subscriber gets the completion."""
        with LOCK:
            self._is_completed = True
            observers, self._observers = self._observers, ()
        complete_all(observers)

    def _subscribe_core(
        self, observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        with LOCK:
            if not self._is_completed:
                self._observers = (*self._observers, observer)
                return Disposable(lambda: self._unsubscribe(observer))
        complete_all((observer,))
        return Disposable()

    def _unsubscribe(self, observer: abc.ObserverBase[T]) -> None:
        with LOCK:
            self._observers = without(self._observers, observer)
