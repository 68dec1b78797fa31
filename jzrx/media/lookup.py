"""Name lookups that can be given up.

asyncio looks names up on an executor, and waits for all of its threads when the loop closes and again when the
interpreter exits: one lookup that hangs for half a minute hangs the whole process so long.
"""

import asyncio
import contextlib
import socket
import threading
from typing import Any

__all__ = ["MediaLoop"]


class MediaLoop(asyncio.SelectorEventLoop):
    """A selector loop, on Windows too, that looks names up on daemon threads and never waits for these at its end."""

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - asyncio's name
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """As `socket.getaddrinfo`. Cancelled, it returns at once; its thread ends whenever the resolver does."""
        found: asyncio.Future[list[Any]] = self.create_future()

        def settle(result: list[Any] | None, error: OSError | None) -> None:
            if not found.done():
                found.set_exception(error) if error else found.set_result(result or [])

        def look_up() -> None:
            result, error = None, None
            try:
                result = socket.getaddrinfo(host, port, family, type, proto, flags)
            except OSError as caught:
                error = caught
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
                self.call_soon_threadsafe(settle, result, error)

        threading.Thread(target=look_up, name="jzrx-lookup", daemon=True).start()
        return await found
