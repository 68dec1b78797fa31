"""The WebSocket on real sockets: frames in order both ways, an orderly end, and lookups that can be given up."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from jzrx.sip.transport import WebSocketTransport, explain


class Ear:
    """A listener that remembers, and can be waited for."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[str, str | bytes]] = asyncio.Queue()

    def opened(self) -> None:
        self.heard.put_nowait(("opened", ""))

    def failed(self, message: str) -> None:
        self.heard.put_nowait(("failed", message))

    def lost(self, reason: str) -> None:
        self.heard.put_nowait(("lost", reason))

    def received(self, frame: bytes | str) -> None:
        self.heard.put_nowait(("received", frame))

    async def next(self) -> tuple[str, str | bytes]:
        return await asyncio.wait_for(self.heard.get(), 5)


@asynccontextmanager
async def server() -> AsyncIterator[tuple[str, "asyncio.Queue[ServerConnection]", list[str | bytes]]]:
    """A WebSocket server for SIP: its URL, its connections, and all that it received."""
    connections: asyncio.Queue[ServerConnection] = asyncio.Queue()
    received: list[str | bytes] = []

    async def listen(connection: ServerConnection) -> None:
        connections.put_nowait(connection)
        async for frame in connection:
            received.append(frame)  # noqa: PERF401 - what came before an abrupt end counts too

    async with serve(listen, "127.0.0.1", 0, subprotocols=[Subprotocol("sip")]) as listening:
        yield f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}", connections, received


async def test_frames_come_and_go_in_order_and_the_last_ones_before_the_end() -> None:
    async with server() as (url, connections, received):
        transport, ear = WebSocketTransport(url), Ear()
        transport.open(ear)
        assert await ear.next() == ("opened", "")
        connection = await connections.get()
        assert connection.request is not None
        assert connection.request.headers["Sec-WebSocket-Protocol"] == "sip"
        await connection.send("text")
        await connection.send(b"binary")
        assert [await ear.next(), await ear.next()] == [("received", "text"), ("received", b"binary")]
        for number in range(100):
            transport.send(str(number))
        transport.close("done")
        await transport.wait_closed()
        await connection.wait_closed()
        assert received == [str(number) for number in range(100)]
        assert connection.close_code == 1000
        assert ear.heard.empty(), "who closes hears nothing more"


async def test_its_frames_are_what_the_servers_websocket_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """sofia-sip reads nine octets for a header, takes a pong that it did not ask for as SIP, and joins no fragments: so
    whole text frames, pings of four octets, and no other frames, whatever is pinged, but the answer to a ping."""
    monkeypatch.setattr("jzrx.sip.transport.PING_INTERVAL", 0.05)
    frames: list[Frame] = []
    pinged = asyncio.Event()

    async def serve_frames(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = ServerProtocol(subprotocols=[Subprotocol("sip")])
        while data := await reader.read(65536):
            protocol.receive_data(data)
            for event in protocol.events_received():
                if isinstance(event, Request):
                    protocol.send_response(protocol.accept(event))
                elif isinstance(event, Frame):
                    frames.append(event)
                    if event.opcode is Opcode.PING:
                        pinged.set()
            writer.write(b"".join(protocol.data_to_send()))
        writer.close()

    listening = await asyncio.start_server(serve_frames, "127.0.0.1", 0)
    async with listening:
        transport, ear = WebSocketTransport(f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"), Ear()
        transport.open(ear)
        assert await ear.next() == ("opened", "")
        transport.send("OPTIONS " + "x" * 60_000)
        async with asyncio.timeout(5):
            await pinged.wait()
        transport.close("done")
        await transport.wait_closed()
    assert {frame.opcode for frame in frames} == {Opcode.TEXT, Opcode.PING, Opcode.CLOSE}
    assert all(frame.fin and not frame.rsv1 for frame in frames)
    assert [len(frame.data) for frame in frames if frame.opcode is Opcode.TEXT] == [60_008]
    assert {len(frame.data) for frame in frames if frame.opcode is Opcode.PING} == {4}


@pytest.mark.parametrize("code", [1000, 1001, 1011])
async def test_a_close_by_the_server_is_a_loss(code: int) -> None:
    """Also with 1000 or 1001: the phone wants its flow back."""
    async with server() as (url, connections, _):
        transport, ear = WebSocketTransport(url), Ear()
        transport.open(ear)
        await ear.next()
        await (await connections.get()).close(code)
        assert (await ear.next())[0] == "lost"
        await transport.wait_closed()


async def test_a_flow_that_is_opened_anew_is_another_one() -> None:
    async with server() as (url, connections, _):
        transport, first, second = WebSocketTransport(url), Ear(), Ear()
        transport.open(first)
        await first.next()
        old = await connections.get()
        transport.open(second)
        await second.next()
        await old.wait_closed()
        await (await connections.get()).send("hello")
        assert await second.next() == ("received", "hello")
        assert first.heard.empty()
        transport.close("done")
        await transport.wait_closed()


async def test_closing_while_it_opens_leaves_nothing() -> None:
    async with server() as (url, _, _):
        transport, ear = WebSocketTransport(url), Ear()
        transport.open(ear)
        transport.close("changed my mind")
        await transport.wait_closed()
        assert ear.heard.empty()


RESOLVER_THAT_HANGS = """
import asyncio, socket, threading
import jzrx
socket.getaddrinfo = lambda *_, **__: threading.Event().wait()
async def main():
    client = jzrx.create_jambonz_client(server="wss://sbc.example", username="a", password="b", connect_timeout=0.3)
    try:
        await client.connect()
    except jzrx.errors.ConnectionError as error:
        print(error)
asyncio.run(main())
"""


def test_a_resolver_that_hangs_does_not_hang_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RESOLVER_THAT_HANGS], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "no connection to wss://sbc.example in 0.3 s" in done.stdout


@pytest.mark.parametrize("error", [OSError(), ConnectionResetError(), ConnectionAbortedError(), EOFError()])
def test_an_error_without_words_is_explained_nevertheless(error: Exception) -> None:
    said = explain("wss://sbc.example:8443", error)
    assert said.startswith("cannot connect to wss://sbc.example:8443: ")
    assert not said.endswith(": ")
    assert "()" not in said
