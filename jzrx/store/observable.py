"""`StateObservable`: an Rx observable with a current value."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from operator import eq
from typing import Any, TypeVar, cast, overload

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from jzrx import awaiting
from jzrx.store.graph import Changes, Derived, Followed, Node, Root, Selected, Subscribers, tell
from jzrx.store.html import html_of
from jzrx.store.lock import LOCK
from jzrx.store.subscriber import complete_all
from jzrx.store.turns import take_turn

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")

__all__ = ["StateCell", "StateObservable", "StateView", "constant"]


class StateObservable(Observable[T_co]):
    """An observable with a current value, read-only to the consumer.

    - `value` is the current value; it may be read from any thread.
    - A subscriber gets the current value before `subscribe` returns, then each changed value (equal values are one).
    - Consistent: when any subscriber runs, `value` of every observable of the same client, of its calls and of the
      hooks on it already shows the same moment.
    - A subscriber that raises stays subscribed and hurts nobody else; the exception is logged to `jzrx.store`.
    - What a subscriber dispatches is handled after everybody has seen the current value, in order.
    - It never fails. It completes when what it belongs to is disposed; `value` keeps the last value, and a new
      subscriber gets that and the completion.

    All operators of Rx work on it: `state.pipe(operators.map(...), ...)`. `scheduler`, given to `subscribe`, is the one
    that such operators of time use; the values themselves come when they change, on the client's loop.
    """

    def __init__(self, node: Node[T_co]) -> None:
        super().__init__()
        self._node = node

    @property
    def value(self) -> T_co:
        """The current value."""
        return self._node.read()

    def select(self, selector: Callable[[T_co], U]) -> "StateObservable[U]":
        """The observable of `selector(value)`.

        `selector` must be a pure function. What it raises now is raised here; what it raises later is logged, and the
        selection keeps its value. It costs nothing while nobody is subscribed to it.
        """
        return StateObservable(Selected(self._node, selector))

    def follow(self, selector: "Callable[[T_co], StateObservable[U]]") -> "StateObservable[U]":
        """The observable that has the value of the observable `selector(value)`, changing over when `value` changes.

        As `select`, and as consistent: `phone.client.follow(lambda client: ...)` is never a step behind either.
        It completes when both have completed.
        """
        return StateObservable(Followed(self._node, _node_of(selector)))

    @overload
    async def wait(self, wanted: Callable[[T_co], bool], timeout: float | None = None) -> T_co: ...
    @overload
    async def wait(self, wanted: object, timeout: float | None = None) -> T_co: ...
    async def wait(self, wanted: Any, timeout: float | None = None) -> T_co:
        """Wait until the value is `wanted`, or until `wanted(value)` is true; returns that value.

        No value is missed, however short it lived. `timeout` (s): raise `TimeoutError` after that long. When the
        observable completes first: `JambonzError`. What `wanted` raises is raised.
        """
        fits = cast(Callable[[object], bool], wanted) if callable(wanted) else partial(eq, wanted)
        return await awaiting.first(self, fits, timeout)

    def __aiter__(self) -> AsyncIterator[T_co]:
        """The current value, then each changed one; of those that come while the body runs, only the latest."""
        return awaiting.latest(self)

    def _subscribe_core(
        self, observer: abc.ObserverBase[T_co], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return Disposable(self._node.subscribe(observer))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.value!r}>"

    def _repr_html_(self) -> str:
        return html_of(self.value)


def _node_of(selector: Callable[[Any], StateObservable[U]]) -> Callable[[Any], Node[U]]:
    return lambda value: selector(value)._node  # pyright: ignore[reportPrivateUsage]


class StateCell(StateObservable[T]):
    """A state that its owner sets; inside jzrx only, where a hook or client holds a fact that is no event.

    Hand it out as `StateObservable`.
    """

    def __init__(self, value: T) -> None:
        self._root = Root[T](value)
        super().__init__(self._root)

    def set(self, value: T) -> None:
        """Set the value; inside a subscriber: after everybody has seen the current one. Once disposed: nothing."""
        take_turn(self._set, value)

    def dispose(self) -> None:
        """Complete with the value as it is."""
        take_turn(_end, self._root.complete)

    def _set(self, value: T) -> None:
        changes: Changes = {}
        root = self._root
        with LOCK:
            if not root.is_completed and value is not root.current and value != root.current:
                root.change(value, changes)
        tell(changes)


class StateView(StateObservable[T]):
    """Another state, seen until this view is disposed; inside jzrx only, for a hook, which may end before its client.

    Hand it out as `StateObservable`.
    """

    def __init__(self, source: StateObservable[T]) -> None:
        self._view: Derived[T] = Selected(source._node, lambda value: value)
        super().__init__(self._view)

    def dispose(self) -> None:
        """Complete with the value as it is; the source lives on."""
        take_turn(_end, self._view.close)


def constant(value: T) -> StateObservable[T]:
    """A state that never changes: completed from the start. What `follow` names when there is nothing to follow."""
    root = Root(value)
    root.is_completed = True
    return StateObservable(root)


def _end(complete: Callable[[], Subscribers]) -> None:
    with LOCK:
        ended = complete()
    complete_all(ended)
