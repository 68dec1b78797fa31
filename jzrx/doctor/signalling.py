"""WebSocket and SIP: the flow opens, somebody behind it speaks SIP, and the account registers."""

import asyncio

from jzrx.client import JambonzClient
from jzrx.doctor.steps import Finding, StepError
from jzrx.options import JambonzClientOptions
from jzrx.sip import Headers, MessageError, Request, Response, Uri, parse_message
from jzrx.sip.config import make_contact
from jzrx.sip.engine import RandomIds
from jzrx.sip.transport import WebSocketTransport

__all__ = ["Flow", "register"]


class Flow:
    """A WebSocket of its own, for one OPTIONS (a `jzrx.sip.engine.Listener`)."""

    def __init__(self, options: JambonzClientOptions) -> None:
        self._options = options
        self._transport = WebSocketTransport(options.server, options.ssl)
        self._opened: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._answer: asyncio.Future[Response | str] = asyncio.get_running_loop().create_future()

    async def open(self) -> Finding:
        """Open the WebSocket, as the client does."""
        self._transport.open(self)
        failure = await self._opened
        if failure is not None:
            raise StepError.explained(failure)
        return Finding("open, with the subprotocol sip (RFC 7118)")

    async def ask(self) -> Finding:
        """OPTIONS outside a dialog (RFC 3261 section 11): any answer shows that SIP is spoken."""
        self._transport.send(bytes(_options_request(self._options)).decode())
        answer = await self._answer
        if isinstance(answer, str):
            raise StepError(f"the server closed the connection at the first SIP message ({answer})")
        server = answer.headers.get("Server") or answer.headers.get("User-Agent")
        return Finding(
            f"OPTIONS was answered {answer.status_code} {answer.reason}" + (f" by {server}" if server else "")
        )

    async def close(self) -> None:
        """Leave nothing behind."""
        self._transport.close("the preflight is done")
        await self._transport.wait_closed()

    # --- what the transport says ---

    def opened(self) -> None:
        if not self._opened.done():
            self._opened.set_result(None)

    def failed(self, message: str) -> None:
        if not self._opened.done():
            self._opened.set_result(message)

    def lost(self, reason: str) -> None:
        if not self._answer.done():
            self._answer.set_result(reason)

    def received(self, frame: bytes | str) -> None:
        try:
            message = parse_message(frame)
        except MessageError:
            return
        if isinstance(message, Response) and not self._answer.done():
            self._answer.set_result(message)


def _options_request(options: JambonzClientOptions) -> Request:
    ids = RandomIds()
    contact = make_contact(ids)
    pairs = [
        ("Via", f"SIP/2.0/{'WSS' if options.is_secure else 'WS'} {contact.host};branch=z9hG4bK{ids.token(16)}"),
        ("Max-Forwards", "70"),
        ("From", f"<sip:{options.domain}>;tag={ids.token()}"),
        ("To", f"<sip:{options.domain}>"),
        ("Call-ID", ids.token(22)),
        ("CSeq", "1 OPTIONS"),
        ("User-Agent", options.user_agent),
        ("Content-Length", "0"),
    ]
    return Request("OPTIONS", Uri("sip", None, options.domain), Headers(pairs))


async def register(client: JambonzClient) -> Finding:
    """Register, with whatever digest the server asks for; the client stays, for the call that may follow."""
    await client.connect()
    until = client.snapshot.value.registered_until
    granted = "" if until is None else f", for {max(0.0, until - asyncio.get_running_loop().time()):.0f} s"
    return Finding(f"registered as {client.options.username}@{client.options.domain}{granted}")
