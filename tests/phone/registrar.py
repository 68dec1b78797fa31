"""A registrar on a real WebSocket on this machine: it grants every REGISTER and answers the rest with 200."""

import contextlib
import threading
from collections.abc import AsyncIterator, Iterator

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection as SyncConnection
from websockets.sync.server import serve as serve_in_threads
from websockets.typing import Subprotocol

from jzrx.sip.message import Request, parse_message
from jzrx.testing.peer import grant, respond

SIP = [Subprotocol("sip")]


def _reply(frame: str | bytes) -> str | None:
    message = parse_message(frame)
    if not isinstance(message, Request) or message.method == "ACK":
        return None
    response = grant(message) if message.method == "REGISTER" else respond(message, 200)
    return bytes(response).decode()


@contextlib.asynccontextmanager
async def registrar() -> AsyncIterator[str]:
    """In the running loop; yields the URL."""

    async def handle(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for frame in connection:
                if reply := _reply(frame):
                    await connection.send(reply)

    async with serve(handle, "127.0.0.1", 0, subprotocols=SIP) as server:
        yield f"ws://localhost:{next(iter(server.sockets)).getsockname()[1]}"


@contextlib.contextmanager
def registrar_in_threads(*, ignored: str = "") -> Iterator[tuple[str, list[int]]]:
    """For what runs its own loop; yields the URL, and the list of the expiries that were asked for.

    Requests of the method `ignored` are not answered.
    """
    expiries: list[int] = []

    def handle(connection: SyncConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            for frame in connection:
                message = parse_message(frame)
                if isinstance(message, Request) and message.method == "REGISTER":
                    expiries.append(message.expires if message.expires is not None else -1)
                is_ignored = isinstance(message, Request) and message.method == ignored
                if not is_ignored and (reply := _reply(frame)):
                    connection.send(reply)

    with serve_in_threads(handle, "127.0.0.1", 0, subprotocols=SIP) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://localhost:{server.socket.getsockname()[1]}", expiries
        finally:
            server.shutdown()
            thread.join()
