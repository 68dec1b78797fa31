"""WebSocket servers that are not what a SIP client takes them for."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol


@asynccontextmanager
async def no_subprotocol() -> AsyncGenerator[str]:
    """A server that accepts the upgrade but selects no subprotocol, and echoes; gives its URL.

    RFC 7118 section 4.1: a client that does not find "sip" in the answer must fail the connection.
    """

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0, subprotocols=None) as server:
        yield _url(server.sockets[0].getsockname())


@asynccontextmanager
async def no_sip(*answers: str | bytes) -> AsyncGenerator[str]:
    """A server that selects "sip" and answers each message with these, by default with JSON; gives its URL."""

    async def babble(connection: ServerConnection) -> None:
        async for _ in connection:
            for answer in answers or ('{"type": "hello"}',):
                await connection.send(answer)

    async with serve(babble, "127.0.0.1", 0, subprotocols=[Subprotocol("sip")]) as server:
        yield _url(server.sockets[0].getsockname())


def _url(address: tuple[str, int]) -> str:
    return f"ws://127.0.0.1:{address[1]}"
