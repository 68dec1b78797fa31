"""The graph of observable values, without Rx: roots that are assigned, and nodes derived from them.

A change of a root is one turn in two phases. First every derived node that somebody watches is brought up to date;
then the subscribers of all changed nodes are called. So whoever runs sees one consistent world. A derived node that
nobody watches is not in the graph: it computes when it is read, and holds no memory of its source.

A derived node is one of `Selected` (a function of one node) and `Followed` (the node that a function of another node
names). Everything here but `Node.read` and `Node.subscribe` runs under `LOCK`.
"""

import logging
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from jzrx.store.lock import LOCK
from jzrx.store.subscriber import Observer, Subscriber, deliver, without

S = TypeVar("S")
T = TypeVar("T")

__all__ = ["Changes", "Derived", "Followed", "Node", "Root", "Selected", "Subscribers", "tell"]

logger = logging.getLogger("jzrx.store")

_NEVER: Any = object()


class Child(Protocol):
    """What a node brings up to date when it changes."""

    @property
    def project(self) -> Any:
        """A function: the child's value for a value of its source."""
        ...

    @property
    def current(self) -> Any:
        """The child's value so far."""
        ...

    def change(self, value: Any, changes: "Changes") -> None:
        """Take a value that differs from `current`."""

    def source_completed(self) -> "Subscribers":
        """The source will not change any more; returns who is to be told that the child does not either."""
        ...


Subscribers = tuple[Subscriber[Any], ...]

Changes = dict["Node[Any]", tuple[Any, Subscribers]]
"""What one turn changed: node to its value before, and to its subscribers of that moment, who are to be told."""


def tell(changes: Changes) -> None:
    """Give the subscribers of each changed node its value. Not under the lock."""
    for node, (_, subscribers) in changes.items():
        deliver(subscribers, node.current)


class Node(Generic[T]):
    """One observable value."""

    __slots__ = ("children", "current", "is_completed", "subscribers")

    def __init__(self, current: T) -> None:
        self.current = current
        self.is_completed = False
        # Replaced, never changed: a turn that goes through them is not disturbed.
        self.subscribers: tuple[Subscriber[T], ...] = ()
        self.children: tuple[Child, ...] = ()

    def read(self) -> T:
        """The value now, from any thread."""
        return self.current

    def fresh(self) -> T:
        """The value for what the roots are now, even while a turn still brings the nodes up to date."""
        return self.current

    def has_ended(self) -> bool:
        """Whether the value will not change any more."""
        return self.is_completed

    def subscribe(self, observer: Observer[T]) -> Callable[[], None]:
        """Deliver the current value at once, then each other; returns what ends it."""
        subscriber = Subscriber(observer)
        with LOCK:
            ended = self.has_ended()
            if not ended:
                self.wake()
                self.subscribers = (*self.subscribers, subscriber)
            value = self.read()
            if ended:
                subscriber.on_completed()
        subscriber.start(value)
        return lambda: self._unsubscribe(subscriber)

    def _unsubscribe(self, subscriber: Subscriber[T]) -> None:
        with LOCK:
            self.subscribers = without(self.subscribers, subscriber)
            self.rest()

    def adopt(self, child: Child) -> None:
        """Bring `child` up to date from now on."""
        self.wake()
        self.children = (*self.children, child)

    def abandon(self, child: Child) -> None:
        """Do not care for `child` any more."""
        self.children = without(self.children, child)
        self.rest()

    def wake(self) -> None:
        """Somebody is going to watch this node."""

    def rest(self) -> None:
        """Somebody stopped watching this node."""

    def change(self, value: T, changes: Changes) -> None:
        """Take a new value and bring the children up to date."""
        before = self.current
        self.current = value
        if self.subscribers:
            if self in changes:
                if changes[self][0] == value:  # changed and changed back: nobody needs to know
                    del changes[self]
            else:
                changes[self] = before, self.subscribers
        for child in self.children:
            try:
                derived = child.project(value)
                if derived is not child.current and derived != child.current:
                    child.change(derived, changes)
            except Exception:
                logger.exception("a selector raised; what is derived by it keeps its value: %r", child.project)

    def complete(self) -> Subscribers:
        """The value stays as it is for ever; returns who is to be told."""
        if self.is_completed:
            return ()
        self.is_completed = True
        ended, self.subscribers = self.subscribers, ()
        children, self.children = self.children, ()
        for child in children:
            ended += child.source_completed()
        return ended


class Root(Node[T]):
    """A value that is assigned."""

    __slots__ = ()


class Derived(Node[T]):
    """A value that follows from other nodes. `is_awake`: somebody watches it, and `current` is kept up to date."""

    __slots__ = ("is_awake",)

    def __init__(self, current: T) -> None:
        super().__init__(current)
        self.is_awake = False

    def read(self) -> T:
        if self.is_awake or self.is_completed:
            return self.current
        with LOCK:
            return self.fresh()

    def wake(self) -> None:
        if not self.is_awake and not self.is_completed:
            self.attach()
            self.current = self.fresh()
            self.is_awake = True

    def rest(self) -> None:
        if self.is_awake and not self.subscribers and not self.children:
            self.is_awake = False
            self.detach()

    def attach(self) -> None:
        """Have the sources bring this node up to date."""
        raise NotImplementedError

    def detach(self) -> None:
        """Let the sources forget this node."""
        raise NotImplementedError

    def close(self) -> Subscribers:
        """Complete with the value of this moment, whatever becomes of the sources; returns who is to be told."""
        if self.is_completed:
            return ()
        self.current = self.fresh()
        was_awake, self.is_awake = self.is_awake, False
        if was_awake:
            self.detach()
        return self.complete()


class Selected(Derived[T], Generic[S, T]):
    """`project` of another node's value, where equal values are one."""

    __slots__ = ("_seen", "project", "source")

    def __init__(self, source: Node[S], project: Callable[[S], T]) -> None:
        with LOCK:
            seen = source.read()
        super().__init__(project(seen))
        self.source = source
        self.project = project
        self._seen: S = seen

    def fresh(self) -> T:
        if self.is_completed:
            return self.current
        value = self.source.fresh()
        if self.is_awake:  # `current` is only for the turn to change, which then tells the subscribers
            return self._projected(value)
        if value is not self._seen:
            self.current = self._projected(value)
            self._seen = value
        return self.current

    def _projected(self, value: S) -> T:
        try:
            projected = self.project(value)
            return self.current if projected == self.current else projected
        except Exception:
            logger.exception("a selector raised; what is derived by it keeps its value: %r", self.project)
            return self.current

    def has_ended(self) -> bool:
        return self.is_completed or self.source.has_ended()

    def attach(self) -> None:
        self.source.adopt(self)

    def detach(self) -> None:
        self._seen = _NEVER
        self.source.abandon(self)

    def source_completed(self) -> Subscribers:
        return self.complete()


class Followed(Derived[T], Generic[S, T]):
    """The value of the node that `resolve` names for the value of another node."""

    __slots__ = ("_inner", "_link", "_resolve", "_seen", "source")

    def __init__(self, source: Node[S], resolve: Callable[[S], Node[T]]) -> None:
        with LOCK:
            seen = source.read()
        inner = resolve(seen)
        super().__init__(inner.read())
        self.source = source
        self._resolve = resolve
        self._seen = seen
        self._inner = inner
        self._link: _Link | None = None

    def fresh(self) -> T:
        return self.current if self.is_completed else self._resolved(self.source.fresh()).fresh()

    def project(self, value: S) -> T:
        """The value for a value of the source; from now on the node that it names is watched."""
        inner = self._resolved(value)
        if self._link is None or self._link.inner is not inner:
            self._unlink()
            self._link = _Link(self, inner)
            inner.adopt(self._link)
        return inner.fresh()

    def _resolved(self, value: S) -> Node[T]:
        if value is not self._seen:
            self._seen = value
            try:
                self._inner = self._resolve(value)
            except Exception:
                logger.exception("a selector raised; what follows it keeps following what it did: %r", self._resolve)
        return self._inner

    def is_following(self, link: "_Link") -> bool:
        """Whether `link` is not one of before."""
        return self._link is link

    def _unlink(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.inner.abandon(link)

    def has_ended(self) -> bool:
        return self.is_completed or (self.source.has_ended() and self._resolved(self.source.fresh()).has_ended())

    def attach(self) -> None:
        self.source.adopt(self)
        self.project(self.source.fresh())

    def detach(self) -> None:
        self.source.abandon(self)
        self._unlink()

    def source_completed(self) -> Subscribers:
        return self.complete() if self.has_ended() else ()


class _Link:
    """The child of the node that a `Followed` follows just now."""

    __slots__ = ("_follower", "inner")

    def __init__(self, follower: Followed[Any, Any], inner: Node[Any]) -> None:
        self._follower = follower
        self.inner = inner

    @property
    def current(self) -> Any:
        return self._follower.current

    def project(self, value: Any) -> Any:
        return value

    def change(self, value: Any, changes: Changes) -> None:
        if self._follower.is_following(self):
            self._follower.change(value, changes)

    def source_completed(self) -> Subscribers:
        return self._follower.source_completed() if self._follower.is_following(self) else ()
