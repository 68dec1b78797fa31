"""Name lookups that can be given up.

asyncio looks names up on an executor, and waits for all of its threads when the loop closes and again when the
interpreter exits: one lookup that hangs for half a minute hangs the whole process so long.
"""

import asyncio
import contextlib
import socket
import threading
from typing import Any

__all__ = ["look_up"]


async def look_up(host: Any, port: Any, *, family: int = 0, kind: int = 0, proto: int = 0, flags: int = 0) -> list[Any]:
    """As `socket.getaddrinfo`, on a daemon thread. Cancelled, it returns at once; its thread ends with the resolver."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Any]] = loop.create_future()

    def settle(result: list[Any] | None, error: Exception | None) -> None:
        if not found.done():
            found.set_exception(error) if error else found.set_result(result or [])

    def resolve() -> None:
        result, error = None, None
        try:
            result = socket.getaddrinfo(host, port, family, kind, proto, flags)
        except (OSError, UnicodeError) as caught:  # a label of more than 63 characters is a UnicodeError
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=resolve, name="jzrx-lookup", daemon=True).start()
    return await found
