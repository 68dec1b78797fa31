"""The WebSocket of RFC 7118, on the `websockets` library: one flow at a time, frames in order both ways.

It is told to open, send and close, and says what happened; when to try again is decided elsewhere (`connection.py`).
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI
from websockets.proxy import get_proxy
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from jzrx.checks import is_loopback
from jzrx.lookup import look_up
from jzrx.sip.engine import Listener

__all__ = ["WebSocketTransport"]

log = logging.getLogger("jzrx.sip")

SIP = Subprotocol("sip")
MAX_FRAME = 256 * 1024
"""Octets; jambonz sends at most 64 KiB."""
PING_INTERVAL = 20.0
PING_PATIENCE = 10.0
CLOSE_PATIENCE = 1.0
"""Seconds for the closing handshake; a silent peer must not hold us."""


class WebSocketTransport:
    """A WebSocket client with subprotocol `sip`. Certificates are verified unless `context` says otherwise.

    Pings carry 4 bytes, and no CRLF frames are sent: jambonz's WebSocket reads 9 bytes per frame header.
    """

    def __init__(self, url: str, context: ssl.SSLContext | None = None) -> None:
        self._url = url
        self._context = context
        self._link: _Link | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: Exception | None = None

    @property
    def failure(self) -> Exception | None:
        """What the last attempt to open was ended by, if it was an exception."""
        return self._failure

    def open(self, listener: Listener) -> None:
        """Begin to open; needs a running loop."""
        self.close("opened anew")
        self._failure = None
        self._link = link = _Link(self._url, self._context, listener, self._note)
        task = asyncio.get_running_loop().create_task(link.run(), name="jzrx-websocket")
        link.task = task
        self._tasks.add(task)  # kept while it closes, so that it is not collected on the way
        task.add_done_callback(self._tasks.discard)

    def send(self, frame: str) -> None:
        """Queue a frame; without an open flow it is dropped."""
        if self._link is not None:
            self._link.outgoing.put_nowait(frame)

    def close(self, reason: str) -> None:
        """Close after what is queued; nothing more is heard of this flow."""
        link, self._link = self._link, None
        if link is not None:
            link.close(reason)

    def _note(self, failure: Exception) -> None:
        self._failure = failure

    async def wait_closed(self) -> None:
        """Return when the flow that was closed is gone, which takes a second at most."""
        if self._tasks:
            await asyncio.wait(self._tasks)


class _Link:
    """One attempt and the flow that comes of it."""

    def __init__(
        self, url: str, context: ssl.SSLContext | None, listener: Listener, note: Callable[[Exception], None]
    ) -> None:
        self._url = url
        self._note = note
        self._context = context
        self._listener: Listener | None = listener
        self.outgoing: asyncio.Queue[str | None] = asyncio.Queue()
        self._open = False
        self.task: asyncio.Task[None] | None = None

    def close(self, reason: str) -> None:
        log.debug("closing the WebSocket: %s", reason)
        self._listener = None
        if self._open:
            self.outgoing.put_nowait(None)
        elif self.task is not None:
            self.task.cancel()

    async def run(self) -> None:
        """Connect, pass on what arrives until the end, close."""
        try:
            connection = await self._connect()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # whatever the network, the resolver or the proxy does is a failed attempt
            self._note(error)
            self._failed(explain(self._url, error))
            return
        self._open = True
        if connection.subprotocol != SIP:
            # The client asks for the subprotocol "sip", and the server's 101 has to name it (RFC 7118 section 4.1).
            await _shut(connection, 1002)
            self._failed(
                f"{self._url} speaks WebSocket but not SIP (it did not choose the subprotocol sip); "
                "check the port and the path"
            )
            return
        if self._listener is not None:
            self._listener.opened()
        writer = asyncio.create_task(self._write(connection), name="jzrx-websocket-writer")
        try:
            async for frame in connection:
                if self._listener is not None:
                    self._listener.received(frame)
            reason = "the server closed it"
        except ConnectionClosed as error:
            reason = str(error)
        finally:
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
            await _shut(connection, 1000)
        if self._listener is not None:
            self._listener.lost(reason)

    async def _connect(self) -> ClientConnection:
        """One attempt, over all addresses of the host: the first that takes the connection decides."""
        parts = urlsplit(self._url)
        host = parts.hostname or ""
        if uses_proxy(self._url):
            return await self._connect_to(None, True)  # the proxy looks the name up
        found = await look_up(host, port_of(self._url), kind=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        for address in addresses[:-1]:
            with contextlib.suppress(ConnectionRefusedError, TimeoutError):
                return await self._connect_to(address, None)
        return await self._connect_to(addresses[-1], None)

    async def _connect_to(self, address: str | None, proxy: Literal[True] | None) -> ClientConnection:
        where: dict[str, Any] = {} if address is None else {"host": address, "port": port_of(self._url)}
        return await connect(
            self._url,
            ssl=(self._context or True) if self._url.startswith("wss:") else None,
            subprotocols=[SIP],
            compression=None,
            max_size=MAX_FRAME,
            open_timeout=None,
            ping_interval=PING_INTERVAL,
            ping_timeout=PING_PATIENCE,
            close_timeout=CLOSE_PATIENCE,
            proxy=proxy,
            **where,
        )

    async def _write(self, connection: ClientConnection) -> None:
        """Send what is queued, in order; None means close."""
        with contextlib.suppress(ConnectionClosed):
            while (frame := await self.outgoing.get()) is not None:
                await connection.send(frame)
            await connection.close()

    def _failed(self, message: str) -> None:
        if self._listener is not None:
            self._listener.failed(message)


async def _shut(connection: ClientConnection, code: int) -> None:
    with contextlib.suppress(Exception):
        await connection.close(code)


def uses_proxy(url: str) -> bool:
    """Whether the environment (`https_proxy`, ...) names a proxy for this server; one on this machine has none."""
    return not is_loopback(urlsplit(url).hostname or "") and get_proxy(parse_uri(url)) is not None


def port_of(url: str) -> int:
    """The port of a `ws:` or `wss:` URL, 80 or 443 by default (RFC 6455 section 3)."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "wss" else 80)


def explain(url: str, error: Exception) -> str:
    """One sentence for the user: what failed, and what to do."""
    parts = urlsplit(url)
    host, port = parts.hostname, port_of(url)
    match error:
        case socket.gaierror() | UnicodeError():
            return f"cannot connect to {url}: there is no host {host!r}; check the name in the server URL"
        case ssl.SSLCertVerificationError():
            return (
                f"cannot connect to {url}: its certificate is not trusted ({error.verify_message}); "
                "use the name that is in the certificate, or trust its authority: by ssl=, of the commands by --cafile"
            )
        case ssl.SSLError():
            return f"cannot connect to {url}: no TLS on port {port} ({error.reason or error}); is it a ws:// port?"
        case ConnectionRefusedError():
            return f"cannot connect to {url}: nothing listens on {host} port {port}; check the address and the port"
        case InvalidStatus():
            status = error.response.status_code
            return (
                f"cannot connect to {url}: the server answered HTTP {status} instead of opening a WebSocket; "
                "check the port and the path"
            )
        case InvalidProxy() | InvalidURI():
            return f"cannot connect to {url}: {error}"
        case InvalidHandshake() | EOFError():
            why = str(error) or "it said nothing"
            return f"cannot connect to {url}: the server does not speak WebSocket ({why}); check the port"
        case ConnectionResetError():
            hint = "is it a ws:// port?" if parts.scheme == "wss" else "is it a wss:// port?"
            return f"cannot connect to {url}: the server closed the connection at once; {hint}"
        case OSError():
            return f"cannot connect to {url}: {error.strerror or str(error) or type(error).__name__}"
        case _:
            return f"cannot connect to {url}: {type(error).__name__}: {error}"
