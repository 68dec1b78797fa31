"""The media thread: a loop, the wheel on it, and the crossings to the applications' loops.

It lives from its first session to its last, and at the longest until the interpreter exits.
"""

import asyncio
import atexit
import concurrent.futures
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from jzrx.media.crossing import Crossing
from jzrx.media.loop import MediaLoop
from jzrx.media.transport import Certificate
from jzrx.media.wheel import Wheel

__all__ = ["Closable", "MediaThread"]

END_TIMEOUT = 2.0  # s, that the interpreter waits for the media as it exits
WATCH_INTERVAL = 0.25  # s, between looks for application loops that were closed under their calls

T = TypeVar("T")
logger = logging.getLogger("jzrx.media")


class Closable(Protocol):
    """What lives on the thread until it is closed."""

    async def close(self) -> None:
        """Stop and release everything."""
        ...


class MediaThread:
    """A daemon thread that runs until nothing is left on it. `certificate` is called on it.

    `switch_interval`: of the interpreter, meanwhile.
    """

    def __init__(self, certificate: Callable[[], Certificate], switch_interval: float | None = None) -> None:
        self._switch_interval = switch_interval
        self.certificate = certificate
        self.loop = MediaLoop()
        self.wheel = Wheel(self.loop, self.loop.datagrams)
        self._lock = threading.Lock()  # of the next two
        self._open = 0
        self._over = False
        self._pid = os.getpid()
        self._crossings: dict[asyncio.AbstractEventLoop, Crossing] = {}
        self._residents: dict[Closable, Crossing] = {}
        self._stop = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        self._ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._ended.set_running_or_notify_cancel()  # so that nobody who waits for it can cancel it
        self._thread = threading.Thread(target=self._run, name="jzrx-media", daemon=True)
        atexit.register(self._end)
        self._thread.start()

    # --- from any thread ---

    def acquire(self) -> bool:
        """Keep the thread for one more session, until its `leave`. False: it is ending already."""
        self._check_process()
        with self._lock:
            if not self._over:
                self._open += 1
            return not self._over

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the thread."""
        try:
            self._check_process()
            return asyncio.run_coroutine_threadsafe(work, self.loop)
        except RuntimeError:
            work.close()
            raise

    def call(self, work: Callable[..., object], *arguments: Any) -> None:
        """Call `work` on the thread, in order with everything submitted."""
        self._check_process()
        self.loop.call_soon_threadsafe(work, *arguments)

    async def join(self) -> None:
        """If the last session has left: wait until the thread is gone."""
        if self._over:
            await asyncio.wrap_future(self._ended)
            self._thread.join()  # it has nothing left to do

    def _end(self) -> None:
        """The interpreter exits: close what is open, so that nothing of ours runs while it takes itself apart."""
        with contextlib.suppress(RuntimeError):  # ended, or in another process
            self.call(self._close_all)
            self._thread.join(END_TIMEOUT)

    def _check_process(self) -> None:
        if os.getpid() != self._pid and not self._over:
            raise RuntimeError("jzrx media does not survive fork(): make clients in the child process, or use spawn")

    # --- on the thread ---

    def enter(self, resident: Closable, application: asyncio.AbstractEventLoop) -> Crossing:
        """`resident` is here from now on; the way back to its application."""
        crossing = self._crossings.get(application)
        if crossing is None:
            crossing = self._crossings[application] = Crossing(application, lambda: self.loop.call_soon(self._flush))
        self._residents[resident] = crossing
        return crossing

    def leave(self, resident: Closable) -> None:
        """`resident` has closed. The last one ends the thread."""
        self._residents.pop(resident, None)
        with self._lock:
            self._open -= 1
            self._over = self._open == 0
        if self._over:
            self._stop.set()

    def _run(self) -> None:
        before = sys.getswitchinterval()
        if self._switch_interval is not None:
            sys.setswitchinterval(self._switch_interval)
        try:
            with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
                runner.run(self._serve())
        finally:
            if self._switch_interval is not None:
                sys.setswitchinterval(before)
            atexit.unregister(self._end)
            self._ended.set_result(None)

    async def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                async with asyncio.timeout(WATCH_INTERVAL):
                    await self._stop.wait()
            except TimeoutError:
                self._flush()
        self._flush()

    def _flush(self) -> None:
        for application, crossing in list(self._crossings.items()):
            if not crossing.flush():
                del self._crossings[application]
                self._close_orphans(crossing)

    def _close_orphans(self, crossing: Crossing) -> None:
        """The application's loop is closed: nobody is left to close what it opened."""
        orphans = [resident for resident, way in self._residents.items() if way is crossing]
        if orphans:
            logger.warning("an event loop was closed with %d calls open: their media is closed", len(orphans))
        self._close(orphans)

    def _close_all(self) -> None:
        residents = list(self._residents)
        self._residents.clear()
        self._close(residents)

    def _close(self, residents: list[Closable]) -> None:
        for resident in residents:
            task = self.loop.create_task(resident.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
