"""One WebSocket as the server sees it: frames out in order, and the ways to end it."""

import asyncio
import contextlib

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from jzrx.sip.engine import Listener

__all__ = ["Link"]


class Link:
    """A transport (`jzrx.sip.engine.Transport`) over an accepted WebSocket. `source` is its address, `host:port`."""

    def __init__(self, connection: ServerConnection) -> None:
        host, port = connection.remote_address[:2]
        self.source = f"{host}:{port}"
        self._connection = connection
        self._outgoing: asyncio.Queue[str | None] = asyncio.Queue()

    def open(self, listener: Listener) -> None:
        """The client opened it."""

    def send(self, frame: str) -> None:
        """Queue a frame; on a socket that is gone it is dropped."""
        self._outgoing.put_nowait(frame)

    def close(self, reason: str) -> None:
        """Close it after what is queued."""
        self._outgoing.put_nowait(None)

    def drop(self) -> None:
        """Be gone, as if a cable were cut."""
        self._connection.transport.abort()

    async def run(self, receive: Listener) -> None:
        """Hand every frame to `receive`, until the socket is closed; then say that it is lost."""
        writer = asyncio.create_task(self._write(), name="jzrx-sbc-writer")
        reason = "the client closed it"
        try:
            async for frame in self._connection:
                receive.received(frame)
        except ConnectionClosed as error:
            reason = str(error)
        finally:
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
            receive.lost(reason)

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while (frame := await self._outgoing.get()) is not None:
                await self._connection.send(frame)
            await self._connection.close()
