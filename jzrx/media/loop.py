"""The event loop of the media thread."""

import asyncio
from typing import Any

from jzrx.lookup import look_up
from jzrx.media.datagrams import Datagrams, UdpTransport

__all__ = ["MediaLoop"]


class MediaLoop(asyncio.SelectorEventLoop):
    """A selector loop, on Windows too, whose name lookups can be given up and never hold its end up.

    Its UDP sockets are read and written together.
    """

    def __init__(self) -> None:
        super().__init__()
        self.datagrams = Datagrams(self)

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
        return await look_up(host, port, family=family, kind=type, proto=proto, flags=flags)

    # What asyncio's loops of selectors ask for the transport of a socket (tests/media/test_datagrams.py).
    def _make_datagram_transport(
        self, sock: Any, protocol: Any, address: Any = None, waiter: Any = None, extra: Any = None
    ) -> UdpTransport:
        return UdpTransport(self.datagrams, self, sock, protocol, address, waiter)

    def close(self) -> None:
        """Close it, and what it reads its sockets by."""
        super().close()
        self.datagrams.close()
