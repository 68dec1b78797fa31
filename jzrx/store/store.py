"""The store of one client: events in, snapshots out."""

import logging
from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable

from jzrx.events import Event
from jzrx.store import root
from jzrx.store.graph import Changes, Root, Subscribers, tell
from jzrx.store.hot import HotObservable
from jzrx.store.lock import LOCK
from jzrx.store.observable import StateObservable
from jzrx.store.snapshots import CallSnapshot, ClientSnapshot
from jzrx.store.subscriber import complete_all
from jzrx.store.turns import take_turn

T = TypeVar("T")

__all__ = ["Store", "StoreView"]

logger = logging.getLogger("jzrx.store")


class Store:
    """Where a client's events become its snapshots. `dispatch` belongs on the client's loop.

    One event is one turn: it is reduced; every observable that depends on the snapshot is brought up to date; the
    subscribers of those that changed are called; then the subscribers of `events`. What they dispatch comes after that.
    The cost of an event does not depend on who watches the other calls.
    """

    def __init__(self, initial: ClientSnapshot = root.initial) -> None:
        self._root = Root(initial)
        self._calls: dict[str, Root[CallSnapshot]] = {}
        self._events = HotObservable[Event]()
        self.snapshot: StateObservable[ClientSnapshot] = StateObservable(self._root)
        self.view = StoreView(self)

    @property
    def events(self) -> Observable[Event]:
        """Every event, hot and without replay, each after its snapshot."""
        return self._events

    def select(self, selector: Callable[[ClientSnapshot], T]) -> StateObservable[T]:
        """The observable of `selector(snapshot)`; it runs for every event that changes the snapshot."""
        return self.snapshot.select(selector)

    def select_call(self, call_id: str, initial: CallSnapshot | None = None) -> StateObservable[CallSnapshot]:
        """The observable of one call's snapshot, touched by the events of this call only.

        It completes when the call is released, and keeps the call's last snapshot. `KeyError` if there is no such call,
        unless `initial` says how it will begin: its first event may still wait for its turn.
        """
        with LOCK:
            node = self._calls.get(call_id)
            if node is None:
                calls = self._root.current.calls
                begun = calls[call_id] if initial is None else calls.get(call_id, initial)
                node = self._calls[call_id] = Root(begun)
        return StateObservable(node)

    def dispatch(self, event: Event) -> None:
        """Handle `event`: before this returns or, inside a subscriber, right after the current event."""
        take_turn(self._handle, event)

    def dispose(self) -> None:
        """Complete every observable of this store; later events are dropped. A second time nothing happens."""
        take_turn(self._complete, None)

    def _handle(self, event: Event) -> None:
        if self._root.is_completed:
            return
        changes: Changes = {}
        ended: Subscribers = ()
        with LOCK:
            before = self._root.current
            try:
                after = root.reduce(before, event)
            except Exception:
                logger.exception("the reducer raised; the snapshot stays as it is: %r", event)
                after = before
            # Identity suffices: a reducer returns the same object when nothing changed.
            if after is not before:
                self._root.change(after, changes)
                if self._calls:
                    ended = self._route(event, after, changes)
        tell(changes)
        if ended:
            complete_all(ended)
        self._events.emit(event)

    def _route(self, event: Event, after: ClientSnapshot, changes: Changes) -> Subscribers:
        """Bring the one call up to date that `event` can have changed; who is to be told if it is over."""
        node = self._calls.get(getattr(event, "call_id", None) or "")
        if node is None:
            return ()
        call = after.calls.get(node.current.id)
        if call is None:
            del self._calls[node.current.id]
            return node.complete()
        if call is not node.current:
            node.change(call, changes)
        return ()

    def _complete(self, _: None) -> None:
        with LOCK:
            ended = self._root.complete()
            for node in self._calls.values():
                ended += node.complete()
            self._calls.clear()
        complete_all(ended)
        self._events.complete()


class StoreView:
    """A client's store as its users see it: read-only."""

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def snapshot(self) -> StateObservable[ClientSnapshot]:
        """The client and all its calls."""
        return self._store.snapshot

    @property
    def events(self) -> Observable[Event]:
        """Every event of signalling and media, hot and without replay, each after its snapshot."""
        return self._store.events

    def select(self, selector: Callable[[ClientSnapshot], T]) -> StateObservable[T]:
        """The observable of `selector(snapshot)`, where equal values are one.

        `selector` is a pure function; it runs for every event that changes the snapshot. For one call, `select_call`
        costs nothing when other calls change.
        """
        return self._store.select(selector)

    def select_call(self, call_id: str) -> StateObservable[CallSnapshot]:
        """The observable of one call's snapshot, touched by the events of this call only.

        It completes when the call is released, and keeps the call's last snapshot. `KeyError` if there is no such call.
        """
        return self._store.select_call(call_id)
