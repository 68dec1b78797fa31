"""The WebSocket of RFC 7118, on the `websockets` library: one flow at a time, frames in order both ways.

It is told to open, send and close, and says what happened; when to try again is decided elsewhere (`connection.py`).
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from jzrx.sip.engine import Listener

__all__ = ["WebSocketTransport", "is_loopback"]

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

    def open(self, listener: Listener) -> None:
        """Begin to open; needs a running loop."""
        self.close("opened anew")
        self._link = _Link(self._url, self._context, listener)

    def send(self, frame: str) -> None:
        """Queue a frame; without an open flow it is dropped."""
        if self._link is not None:
            self._link.outgoing.put_nowait(frame)

    def close(self, reason: str) -> None:
        """Close after what is queued; nothing more is heard of this flow."""
        link, self._link = self._link, None
        if link is not None:
            link.close(reason)

    async def wait_closed(self) -> None:
        """Return when every flow that was closed is gone."""
        await asyncio.gather(*_closing, return_exceptions=True)


_closing: set["asyncio.Task[None]"] = set()
"""Flows that are being closed; kept so that they are not collected on the way."""


class _Link:
    """One attempt and the flow that comes of it."""

    def __init__(self, url: str, context: ssl.SSLContext | None, listener: Listener) -> None:
        self._url = url
        self._context = context
        self._listener: Listener | None = listener
        self.outgoing: asyncio.Queue[str | None] = asyncio.Queue()
        self._open = False
        self._task = asyncio.get_running_loop().create_task(self._run(), name="jzrx-websocket")
        _closing.add(self._task)
        self._task.add_done_callback(_closing.discard)

    def close(self, reason: str) -> None:
        log.debug("closing the WebSocket: %s", reason)
        self._listener = None
        if self._open:
            self.outgoing.put_nowait(None)
        else:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            connection = await self._connect()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # whatever the network, the resolver or the proxy does is a failed attempt
            self._failed(explain(self._url, error))
            return
        self._open = True
        if connection.subprotocol != SIP:
            # "The client MUST include the value "sip" in the Sec-WebSocket-Protocol header [...]; the WebSocket
            # subprotocol negotiation MUST result in "sip"" (RFC 7118 section 4.1, in substance).
            await _shut(connection, 1002)
            self._failed(
                f"{self._url} speaks WebSocket but not SIP (it did not choose the subprotocol sip): "
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
        secure = self._url.startswith("wss:")
        return await connect(
            self._url,
            ssl=(self._context or True) if secure else None,
            subprotocols=[SIP],
            compression=None,
            max_size=MAX_FRAME,
            open_timeout=None,
            ping_interval=PING_INTERVAL,
            ping_timeout=PING_PATIENCE,
            close_timeout=CLOSE_PATIENCE,
            proxy=None if is_loopback(urlsplit(self._url).hostname or "") else True,
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


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def explain(url: str, error: Exception) -> str:
    """One sentence for the user: what failed, and what to do."""
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port or (443 if parts.scheme == "wss" else 80)
    match error:
        case socket.gaierror():
            return f"cannot connect to {url}: there is no host {host!r}; check the name in the server URL"
        case ssl.SSLCertVerificationError():
            return (
                f"cannot connect to {url}: its certificate is not trusted ({error.verify_message}); "
                "use the name that is in the certificate, or give ssl= a context that trusts its authority"
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
            return f"cannot connect to {url}: the server does not speak WebSocket ({error}); check the port"
        case OSError():
            return f"cannot connect to {url}: {error.strerror or error}"
        case _:
            return f"cannot connect to {url}: {type(error).__name__}: {error}"
