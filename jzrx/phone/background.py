"""A loop of its own in a daemon thread, for clients in programs that have no running event loop."""

import asyncio
import atexit
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["background", "is_any_running_here", "is_running_here", "loop_for_client"]

_STOP_TIMEOUT = 3.0  # seconds: what a disconnect takes, and a little


class BackgroundLoop:
    """An event loop that runs in a daemon thread "jzrx-loop" from now until `stop`."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._ending = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="jzrx-loop", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Cancel what runs, and end; from any thread, the loop's own included."""
        if self._ending.acquire(blocking=False):  # a second stop would interrupt the end that the first has begun
            self.loop.call_soon_threadsafe(self.loop.stop)
        if self._thread is not threading.current_thread():
            self._thread.join(_STOP_TIMEOUT)

    def _run(self) -> None:
        # As asyncio.run does, but without waiting for the default executor: at the interpreter's exit no thread may be
        # started for that any more, and concurrent.futures joins its threads itself.
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            if tasks := asyncio.all_tasks(self.loop):
                for task in tasks:
                    task.cancel()
                self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()


class _Shared:
    """The one loop of all clients with `background=True`: it runs while one of them uses it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._running: BackgroundLoop | None = None

    def acquire(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._running is None:
                self._running = BackgroundLoop()
                atexit.register(self._running.stop)
            self._users += 1
            return self._running.loop

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            unused, self._running = (None, self._running) if self._users else (self._running, None)
        if unused is not None:
            atexit.unregister(unused.stop)
            unused.stop()


_shared = _Shared()
_entered: ContextVar[BackgroundLoop | None] = ContextVar("jzrx.background", default=None)


@contextmanager
def background() -> Generator[None, None, None]:
    """Inside, clients that are connected without a running loop use a daemon thread with a loop of its own.

    The thread ends with the block, and with it the connections that were not closed before.
    """
    own = BackgroundLoop()
    token = _entered.set(own)
    try:
        yield
    finally:
        _entered.reset(token)
        own.stop()


def is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this code is run by `loop`."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def is_any_running_here() -> bool:
    """Whether this code is run by some event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def loop_for_client(*, in_background: bool) -> tuple[asyncio.AbstractEventLoop, Callable[[], None]]:
    """The loop that a client is to run on, and what to call when it no longer does.

    `in_background`: one of its own also where one runs here, as in a notebook, whose cells may block it. Raises
    RuntimeError where there is none, and names the two ways out.
    """
    if in_background and _entered.get() is None:
        return _shared.acquire(), _shared.release
    try:
        return asyncio.get_running_loop(), lambda: None
    except RuntimeError:
        if (own := _entered.get()) is not None:
            return own.loop, lambda: None
    raise RuntimeError(
        "connect() needs a running event loop: call it in a coroutine (asyncio.run(main())), or give it "
        "background=True (or connect inside `with jzrx.background():`) for a thread with a loop of its own"
    )
