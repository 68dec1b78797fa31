"""A phone of hand-written SIP on a raw WebSocket: proves the servers of these tests without a line of jzrx.

It waits for what it expects and keeps what it did not; it has no transactions, no timers and no mercy.
"""

import asyncio
import hashlib
import itertools
import re
import secrets
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

from attrs import define, field
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

PATIENCE: Final = 10.0
"""Seconds to wait for any one message."""


@define
class RawMessage:
    """A SIP message as received."""

    text: str

    @property
    def start_line(self) -> str:
        return self.text.partition("\r\n")[0]

    @property
    def status(self) -> int:
        """The status code, 0 for a request."""
        return int(self.start_line.split(" ")[1]) if self.start_line.startswith("SIP/2.0 ") else 0

    @property
    def body(self) -> str:
        return self.text.partition("\r\n\r\n")[2]

    def headers(self, name: str) -> list[str]:
        pattern = rf"^{re.escape(name)}[ \t]*:[ \t]*(.*?)\r$"
        return re.findall(pattern, self.text.partition("\r\n\r\n")[0] + "\r\n", re.MULTILINE | re.IGNORECASE)

    def header(self, name: str) -> str:
        return next(iter(self.headers(name)), "")


@define(eq=False)
class RawPhone:
    """One user on one WebSocket. `credentials` is the header line that the last challenge led to."""

    socket: ClientConnection
    user: str
    password: str
    realm: str
    host: str = field(factory=lambda: f"{secrets.token_hex(6)}.invalid")
    tag: str = field(factory=lambda: secrets.token_hex(4))
    _sequence: "itertools.count[int]" = field(factory=lambda: itertools.count(1))
    _kept: list[RawMessage] = field(factory=list[RawMessage])

    @property
    def address(self) -> str:
        return f"sip:{self.user}@{self.realm}"

    @property
    def contact(self) -> str:
        return f"<sip:{self.user}@{self.host};transport=ws>"

    def request(
        self, method: str, uri: str, *headers: str, to: str = "", call_id: str = "", body: str = "", number: int = 0
    ) -> str:
        """The text of a request; its Via branch, Call-ID and CSeq are new unless given."""
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/WS {self.host};branch=z9hG4bK{secrets.token_hex(8)};rport",
            "Max-Forwards: 70",
            f"From: <{self.address}>;tag={self.tag}",
            f"To: {to or f'<{uri}>'}",
            f"Call-ID: {call_id or secrets.token_hex(8)}",
            f"CSeq: {number or next(self._sequence)} {method}",
            *([f"Contact: {self.contact}"] if method in ("REGISTER", "INVITE") else []),
            *headers,
            f"Content-Length: {len(body.encode())}",
        ]
        return "\r\n".join([*lines, "", body])

    async def send(self, text: str) -> RawMessage:
        """Sends the text and returns it as a message, to read its headers."""
        await self.socket.send(text)
        return RawMessage(text)

    async def receive(self, matches: Callable[[RawMessage], bool]) -> RawMessage:
        """The next message that matches; others are kept for later."""
        for message in self._kept:
            if matches(message):
                self._kept.remove(message)
                return message
        async with asyncio.timeout(PATIENCE):
            while True:
                received = await self.socket.recv()
                message = RawMessage(received.decode() if isinstance(received, bytes) else received)
                if matches(message):
                    return message
                self._kept.append(message)

    async def answer(self, to: RawMessage, least: int = 100) -> RawMessage:
        """The next response to this request with at least this status."""
        key = to.header("Call-ID"), to.header("CSeq")
        return await self.receive(lambda m: m.status >= least and (m.header("Call-ID"), m.header("CSeq")) == key)

    async def incoming(self, method: str) -> RawMessage:
        """The next request of this method."""
        return await self.receive(lambda m: m.start_line.startswith(f"{method} "))

    async def respond(self, request: RawMessage, status: int, reason: str, *headers: str, body: str = "") -> None:
        """Answers a request, with this phone's tag and Contact."""
        to = request.header("To")
        lines = [f"SIP/2.0 {status} {reason}", *(f"Via: {via}" for via in request.headers("Via"))]
        lines += [f"Record-Route: {route}" for route in request.headers("Record-Route")]
        lines += [f"To: {to}" if ";tag=" in to else f"To: {to};tag={self.tag}"]
        lines += [f"{name}: {request.header(name)}" for name in ("From", "Call-ID", "CSeq")]
        lines += [f"Contact: {self.contact}", *headers, f"Content-Length: {len(body.encode())}"]
        await self.socket.send("\r\n".join([*lines, "", body]))

    async def acknowledge(self, invite: RawMessage, final: RawMessage) -> None:
        """ACKs a refusal: same branch, same CSeq number (RFC 3261 section 17.1.1.3)."""
        uri, number = invite.start_line.split(" ")[1], invite.header("CSeq").split(" ")[0]
        names = ("Via", "From", "Call-ID")
        lines = [f"ACK {uri} SIP/2.0", *(f"{name}: {invite.header(name)}" for name in names)]
        lines += [f"To: {final.header('To')}", f"CSeq: {number} ACK", "Max-Forwards: 70", "Content-Length: 0", "", ""]
        await self.socket.send("\r\n".join(lines))

    async def cancel(self, invite: RawMessage) -> RawMessage:
        """Sends the CANCEL of an INVITE: same branch, same CSeq number (RFC 3261 section 9.1)."""
        uri, number = invite.start_line.split(" ")[1], invite.header("CSeq").split(" ")[0]
        names = ("Via", "From", "To", "Call-ID")
        lines = [f"CANCEL {uri} SIP/2.0", *(f"{name}: {invite.header(name)}" for name in names)]
        return await self.send(
            "\r\n".join([*lines, f"CSeq: {number} CANCEL", "Max-Forwards: 70", "Content-Length: 0", "", ""])
        )

    async def authenticated(
        self, method: str, uri: str, *headers: str, body: str = "", algorithm: str = "MD5"
    ) -> tuple[RawMessage, RawMessage, RawMessage]:
        """Sends a request, answers its challenge: (challenge, second request, first answer to it)."""
        call_id = secrets.token_hex(8)
        to = f"<{self.address}>" if method == "REGISTER" else ""
        first = await self.send(self.request(method, uri, *headers, to=to, call_id=call_id, body=body))
        challenge = await self.answer(first)
        assert challenge.status in (401, 407), challenge.text
        if method == "INVITE":
            await self.acknowledge(first, challenge)
        credentials = self.credentials(challenge, method, uri, algorithm)
        second = await self.send(self.request(method, uri, *headers, credentials, to=to, call_id=call_id, body=body))
        return challenge, second, await self.answer(second)

    async def register(self, expires: int = 60, algorithm: str = "MD5") -> RawMessage:
        """REGISTERs with digest and returns the final answer."""
        header = f"Expires: {expires}"
        return (await self.authenticated("REGISTER", f"sip:{self.realm}", header, algorithm=algorithm))[2]

    def credentials(self, challenge: RawMessage, method: str, uri: str, algorithm: str = "MD5", count: int = 1) -> str:
        """The Authorization or Proxy-Authorization line for a challenge with qop=auth (RFC 7616 section 3.4.1)."""
        proxy = challenge.status == 407
        offered = challenge.headers("Proxy-Authenticate" if proxy else "WWW-Authenticate")
        chosen = next(line for line in offered if re.search(rf"algorithm={algorithm}(,|$)", line))
        realm, nonce = (str(re.findall(rf'{name}="([^"]*)"', chosen)[0]) for name in ("realm", "nonce"))
        digest = hashlib.sha256 if algorithm == "SHA-256" else hashlib.md5

        def hashed(*parts: str) -> str:
            return digest(":".join(parts).encode()).hexdigest()

        cnonce, counted = secrets.token_hex(4), f"{count:08x}"
        secret = hashed(self.user, realm, self.password)
        response = hashed(secret, nonce, counted, cnonce, "auth", hashed(method, uri))
        return (
            f"{'Proxy-' if proxy else ''}Authorization: Digest "
            f'username="{self.user}", realm="{realm}", nonce="{nonce}", '
            f'uri="{uri}", response="{response}", algorithm={algorithm}, cnonce="{cnonce}", qop=auth, nc={counted}'
        )


@asynccontextmanager
async def raw_phone(
    url: str, user: str, password: str, realm: str, context: ssl.SSLContext | None = None
) -> AsyncGenerator[RawPhone]:
    """Connects a phone; the server must select the subprotocol "sip"."""
    async with connect(url, subprotocols=[Subprotocol("sip")], ssl=context, close_timeout=0.1) as socket:
        assert socket.subprotocol == "sip"
        yield RawPhone(socket, user, password, realm)
