"""`on`, `off` and `once`: the documented, named events of a client or a call.

A handler is called with the event's payload, or with no argument where there is none. It may be `async def`: then it
runs as a task. What it raises is logged and hurts nobody else.
"""

import asyncio
import difflib
import inspect
import logging
import re
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from reactivex.abc import DisposableBase
from reactivex.disposable import Disposable

__all__ = ["Emitter", "Handler"]

Handler = Callable[..., Any]
"""A function, or a coroutine function, of the event's payload."""

_log = logging.getLogger("jzrx")


class Emitter:
    """Named events of one object, `owner` in the log. Names are the documented ones or their snake_case spelling."""

    def __init__(self, owner: str, events: Iterable[str]) -> None:
        self._owner = owner
        # What is called, beside what was given. The tuples are replaced, never changed: who emits on the loop is not
        # disturbed by who subscribes in a thread.
        self._lock = threading.Lock()
        self._handlers: dict[str, tuple[tuple[Handler, Handler], ...]] = dict.fromkeys(events, ())
        self._tasks: set[asyncio.Task[Any]] = set()  # the loop itself keeps only weak references

    def on(self, event: str, handler: Handler) -> DisposableBase:
        """Call `handler` on each `event` until the result is disposed. ValueError if there is no such event."""
        return self._add(event, handler, handler)

    def once(self, event: str, handler: Handler) -> DisposableBase:
        """Call `handler` on the next `event` only."""

        def call_once(*payload: Any) -> Any:
            subscription.dispose()
            return handler(*payload)

        subscription = self._add(event, call_once, handler)
        return subscription

    def off(self, event: str, handler: Handler) -> None:
        """Stop calling `handler` on `event`; one that is not there does no harm."""
        name = self._name(event)
        self._keep(name, lambda pair: pair[1] != handler)

    def emit(self, name: str, *payload: Any) -> None:
        """Call the handlers of `name` in the order in which they came. Only on the client's loop."""
        for handler, _ in self._handlers[name]:
            try:
                result = handler(*payload)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:  # asyncio.CancelledError too: it comes from a future that the handler asked
                _log.exception("a handler of %r of %s raised", name, self._owner)
            else:
                if inspect.iscoroutine(result):
                    self._run(name, result)

    def _add(self, event: str, called: Handler, given: Handler) -> DisposableBase:
        name = self._name(event)
        if not callable(given):
            raise TypeError(f"a handler must be callable, not {given!r}")
        pair = (called, given)
        with self._lock:
            self._handlers[name] = (*self._handlers[name], pair)
        return Disposable(lambda: self._keep(name, lambda other: other is not pair))

    def _keep(self, name: str, wanted: Callable[[tuple[Handler, Handler]], bool]) -> None:
        with self._lock:
            self._handlers[name] = tuple(pair for pair in self._handlers[name] if wanted(pair))

    def _run(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> None:
        async def guarded() -> None:
            try:
                await coroutine
            except Exception:
                _log.exception("a handler of %r of %s raised", name, self._owner)

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _name(self, event: str) -> str:
        name = re.sub(r"_([a-z])", lambda letter: letter[1].upper(), str(event))
        if name in self._handlers:
            return name
        near = difflib.get_close_matches(str(event), self._handlers, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self._handlers)}"
        raise ValueError(f"{self._owner} has no event {event!r}; {hint}")
