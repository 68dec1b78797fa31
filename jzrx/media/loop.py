"""The event loop of the media thread."""

import asyncio
from typing import Any

from jzrx.lookup import look_up

__all__ = ["MediaLoop"]

MAX_DATAGRAM = 2048  # bytes; what is longer is no media, and is cut off


class MediaLoop(asyncio.SelectorEventLoop):
    """A selector loop, on Windows too, whose name lookups can be given up and never hold its end up."""

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

    async def create_datagram_endpoint(self, *arguments: Any, **options: Any) -> Any:
        transport, protocol = await super().create_datagram_endpoint(*arguments, **options)
        # asyncio has 256 KB ready for each datagram, which the system has to map in: 20 microseconds for each packet.
        transport.max_size = MAX_DATAGRAM  # type: ignore[attr-defined]
        return transport, protocol
