"""A TCP proxy that misbehaves on request, for in front of a ws or wss server: it forwards bytes and knows no TLS."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

from attrs import define

Direction = Literal["to_server", "to_client"]

_Greeting = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@define(eq=False)
class _Link:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None

    def writers(self) -> list[asyncio.StreamWriter]:
        return [self.client] if self.server is None else [self.client, self.server]


class FaultProxy:
    """Forwards each connection to the server of `target` until told otherwise; an async context manager.

    `url` is `target` as seen through the proxy. `host` may be any address of 127.0.0.0/8: one that the server's
    certificate does not name, such as 127.0.0.2, makes a wss URL with the wrong host.

    Faults of live connections: `drop`, `reset`, `stall` and `resume`, `cut`. Of all traffic from now on: `delay`. Of
    new connections: `refuse`, `answer_http`, `say_nothing`, ended by `heal`.
    """

    def __init__(self, target: str, host: str | None = None) -> None:
        parts = urlsplit(target)
        assert parts.hostname is not None
        assert parts.port is not None, f"a URL with a port is needed, not {target!r}"
        self._scheme, self._hostname, self._server_port = parts.scheme, parts.hostname, parts.port
        self._host = host
        self._port = 0
        self._listener: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._greeting: _Greeting | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._delay = 0.0
        self._cut: Direction | None = None
        self.accepted = 0
        """How many connections came in so far, those refused not counted."""
        self._changed = asyncio.Condition()

    @property
    def url(self) -> str:
        """The target's URL through this proxy."""
        return f"{self._scheme}://{self._host or self._hostname}:{self._port}"

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._links)

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.refuse()
        self.resume()
        self.reset()
        await self.until_closed()

    # ------------------------------------------------------------------------------------------------ live connections

    def drop(self) -> None:
        """Closes every connection at both ends with FIN, without a WebSocket Close frame."""
        for writer in self._writers():
            writer.close()

    def reset(self) -> None:
        """Closes every connection at both ends with RST: "connection reset by peer"."""
        for writer in self._writers():
            connection = writer.get_extra_info("socket")
            # A linger time of zero discards what is unsent and sends RST in place of FIN (socket(7), SO_LINGER).
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def stall(self) -> None:
        """Forwards nothing until `resume`, as a network without a route: connections stay open, nothing is lost."""
        self._flowing.clear()

    def resume(self) -> None:
        """Ends `stall`: what waited is forwarded in order."""
        self._flowing.set()

    def delay(self, seconds: float) -> None:
        """Holds every chunk back by this time, in order, in each direction; 0 ends it."""
        self._delay = seconds

    def cut(self, direction: Direction) -> None:
        """Forwards only the first half of the next chunk in this direction, then drops that connection.

        A chunk is what one read of the socket gives: on a quiet ws connection one whole WebSocket frame, on wss a TLS
        record.
        """
        self._cut = direction

    # ------------------------------------------------------------------------------------------------- new connections

    async def refuse(self) -> None:
        """Stops listening: "connection refused"; live connections go on."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def answer_http(self, status: int, reason: str, *headers: str) -> None:
        """Answers every new connection's first request with this HTTP status and closes it, as a load balancer does."""

        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            lines = [f"HTTP/1.1 {status} {reason}", "Content-Length: 0", "Connection: close", *headers, "", ""]
            writer.write("\r\n".join(lines).encode())
            await writer.drain()

        self._greeting = greet

    def say_nothing(self) -> None:
        """Accepts every new connection, reads what it sends and never writes a byte."""

        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(65536):
                pass

        self._greeting = greet

    async def heal(self) -> None:
        """Ends every fault: new connections are accepted and forwarded, live ones flow without delay."""
        self._greeting, self._cut, self._delay = None, None, 0.0
        self.resume()
        if self._listener is None:
            await self._listen()

    # ---------------------------------------------------------------------------------------------------- observation

    async def until_accepted(self, count: int) -> None:
        """Waits until `accepted` is at least this."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.accepted >= count)

    async def until_closed(self) -> None:
        """Waits until no connection is open."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._links)

    # ------------------------------------------------------------------------------------------------------- forwarding

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._accept, self._host or "127.0.0.1", self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    def _writers(self) -> list[asyncio.StreamWriter]:
        return [writer for link in self._links for writer in link.writers()]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(writer)
        self._links.add(link)
        self.accepted += 1
        await self._tell()
        try:
            # A dead connection, or a client that leaves in the middle of its request, is what this proxy is for.
            with suppress(OSError, EOFError):
                if self._greeting is not None:
                    await self._greeting(reader, writer)
                else:
                    await self._forward(reader, link)
        finally:
            for end in link.writers():
                end.close()
            self._links.discard(link)
            await self._tell()

    async def _forward(self, reader: asyncio.StreamReader, link: _Link) -> None:
        from_server, link.server = await asyncio.open_connection(self._hostname, self._server_port)
        pumps = [
            asyncio.create_task(self._pump("to_server", reader, link.server)),
            asyncio.create_task(self._pump("to_client", from_server, link.client)),
        ]
        try:
            # One end closing ends both, as it does for WebSocket: nobody speaks after a FIN.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            await self._flowing.wait()
            if self._delay:
                await asyncio.sleep(self._delay)
            if self._cut == direction:
                self._cut = None
                writer.write(chunk[: len(chunk) // 2])
                await writer.drain()
                return
            writer.write(chunk)
            await writer.drain()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
