"""Actions: awaitable, and need not be awaited."""

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

__all__ = ["Action", "Deferred"]


class Action(Generic[T_co]):
    """Something that was started, and its outcome.

    It runs whether or not anybody awaits it, and nobody needs to: a failure that is never looked at makes no noise.
    `await action` returns its value or raises its error, any number of times, in any loop and any thread. Cancelling an
    await, or a time-out around it, does not cancel the action (only `connect()` is different, and says so).
    """

    __slots__ = ("_state",)

    def __init__(self, state: "_State[T_co]") -> None:
        self._state = state

    @property
    def done(self) -> bool:
        """Whether it has succeeded or failed; to be read from any thread."""
        return self._state.is_settled

    def result(self, timeout: float | None = None) -> T_co:
        """The value, or raises the error; blocks for it, so it is for threads without an event loop.

        `timeout` (s): raise `TimeoutError` after that long. Where waiting could never end `RuntimeError` is raised: in
        a thread whose event loop runs, and when the client's own loop does not run.
        """
        state = self._state
        if not state.is_settled:
            state.refuse_deadlock()
            settled = threading.Event()
            state.when_settled(settled.set)
            if not settled.wait(timeout):
                state.forget(settled.set)
                raise TimeoutError(f"the action did not end within {timeout} s; it goes on")
        return state.outcome()

    def __await__(self) -> Generator[Any, None, T_co]:
        state = self._state
        if not state.is_settled:
            loop = asyncio.get_running_loop()
            waiter = loop.create_future()

            def wake() -> None:
                with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                    loop.call_soon_threadsafe(_finish, waiter)

            state.when_settled(wake)
            try:
                yield from waiter
            except asyncio.CancelledError:
                state.cancelled()
                raise
            finally:
                state.forget(wake)
        return state.outcome()

    def __repr__(self) -> str:
        return f"<Action {self._state.describe()}>"


class Deferred(Generic[T]):
    """The producer's side of an action: makes it, and settles it once; from any thread.

    `on_cancel` is called when an await of the action is cancelled (for `connect()`, which then closes the attempt).
    `loop` is the loop that will settle it, where one is known: `Action.result` does not wait for one that stands still.
    """

    __slots__ = ("_state", "action")

    def __init__(
        self, *, on_cancel: Callable[[], None] | None = None, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self._state = _State[T](on_cancel, loop)
        self.action = Action(self._state)

    def resolve(self, value: T) -> None:
        """The action has succeeded with `value`. Nothing happens if it is settled already."""
        self._state.settle(value, None)

    def reject(self, error: BaseException) -> None:
        """The action has failed. Nothing happens if it is settled already."""
        self._state.settle(None, error)

    @staticmethod
    def resolved(value: T) -> Action[T]:
        """An action that is done."""
        deferred = Deferred[T]()
        deferred.resolve(value)
        return deferred.action

    @staticmethod
    def rejected(error: BaseException) -> Action[Any]:
        """An action that has failed."""
        deferred = Deferred[Any]()
        deferred.reject(error)
        return deferred.action


class _State(Generic[T]):
    """What the two sides share."""

    __slots__ = ("_error", "_lock", "_loop", "_on_cancel", "_traceback", "_value", "_waiting", "is_settled")

    def __init__(self, on_cancel: Callable[[], None] | None, loop: asyncio.AbstractEventLoop | None) -> None:
        self.is_settled = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._traceback: TracebackType | None = None
        self._waiting: list[Callable[[], object]] = []
        self._lock = threading.Lock()
        self._on_cancel = on_cancel
        self._loop = loop

    def settle(self, value: T | None, error: BaseException | None) -> None:
        with self._lock:
            if self.is_settled:
                return
            self._value = value
            self._error = error
            self._traceback = None if error is None else error.__traceback__
            self.is_settled = True
            waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()

    def outcome(self) -> T:
        if self._error is not None:
            # Each raise adds its frames to the traceback of this one object: start from the same one every time.
            raise self._error.with_traceback(self._traceback)
        return cast(T, self._value)

    def when_settled(self, wake: Callable[[], object]) -> None:
        with self._lock:
            if not self.is_settled:
                self._waiting.append(wake)
                return
        wake()

    def forget(self, wake: Callable[[], object]) -> None:
        with self._lock:
            if wake in self._waiting:
                self._waiting.remove(wake)

    def cancelled(self) -> None:
        if self._on_cancel is not None:
            self._on_cancel()

    def refuse_deadlock(self) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            if self._loop is not None and not self._loop.is_running():
                raise RuntimeError(
                    "result() would wait for ever: the client's event loop is not running. Await the action in a"
                    " coroutine of that loop, or connect with background=True"
                ) from None
        else:
            raise RuntimeError(
                "result() would block the event loop that runs in this thread. Use `await action` here;"
                " result() is for threads without an event loop"
            )

    def describe(self) -> str:
        if not self.is_settled:
            return "pending"
        return f"done: {self._value!r}" if self._error is None else f"failed: {self._error!r}"


def _finish(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
