"""Asking one STUN or TURN server what it would give to a call. Of aioice only public names are used here."""

import asyncio
import contextlib
import socket
from typing import Any, cast

from aioice import stun, turn

from jzrx.lookup import look_up
from jzrx.media.ice_servers import Server

__all__ = ["probe"]

GIVE_BACK = 1.0
"""Seconds that a TURN server may take to give up what it has allocated."""


async def probe(server: Server) -> tuple[str, int]:
    """The address that a call would get from `server`: as it sees us (STUN), or one of its own (TURN).

    It gives up by itself: STUN's retransmissions end after some 16 s. Raises OSError, which says why: no such host, no
    answer (`TimeoutError`), nobody there (`ConnectionRefusedError`), an answer that refuses (`PermissionError`).
    """
    kind = socket.SOCK_DGRAM if server.transport == "udp" else socket.SOCK_STREAM
    found = await look_up(server.host, server.port, kind=kind)
    address = cast(tuple[str, int], found[0][4][:2])
    try:
        return await (_allocate(server, address) if server.relay else _bind(address))
    except stun.TransactionTimeout:
        raise TimeoutError("no answer") from None
    except stun.TransactionFailed as error:
        number, words = error.response.attributes.get("ERROR-CODE", (0, "no reason given"))
        raise PermissionError(f"{number} {words}") from None


async def _bind(address: tuple[str, int]) -> tuple[str, int]:
    transport, asking = await asyncio.get_running_loop().create_datagram_endpoint(_Asking, remote_addr=address)
    try:
        response = await asking.ask(stun.Message(stun.Method.BINDING, stun.Class.REQUEST), address)
    finally:
        transport.close()
    if "XOR-MAPPED-ADDRESS" not in response.attributes:
        raise PermissionError("its answer names no address")
    return cast(tuple[str, int], response.attributes["XOR-MAPPED-ADDRESS"])


async def _allocate(server: Server, address: tuple[str, int]) -> tuple[str, int]:
    transport, relayed = await turn.create_turn_endpoint(
        _Relayed,
        address,
        server.username,
        server.credential,
        ssl=server.tls,
        transport=server.transport,
    )
    try:
        return cast(tuple[str, int], transport.get_extra_info("sockname"))
    finally:
        transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GIVE_BACK):
                await relayed.closed.wait()


class _Relayed(asyncio.DatagramProtocol):
    """The end of a relay that relays nothing."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()


class _Asking(asyncio.DatagramProtocol):
    """One STUN request on a socket of its own."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._transaction: stun.Transaction | None = None
        self._asking: asyncio.Future[tuple[stun.Message, Any]] | None = None
        self._error: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        with contextlib.suppress(ValueError):
            message = stun.parse_message(data)
            if self._transaction is not None:
                self._transaction.response_received(message, addr)

    def error_received(self, exc: Exception) -> None:
        """ICMP says that nobody listens there: no use to go on asking."""
        self._error = exc
        if self._asking is not None:
            self._asking.cancel()

    def send_stun(self, message: stun.Message, addr: tuple[str, int]) -> None:
        """Send the request (`stun.TransactionSender`); the socket is connected to the server already."""
        if self._transport is not None:
            self._transport.sendto(bytes(message))

    async def ask(self, request: stun.Message, address: tuple[str, int]) -> stun.Message:
        """The response; raises `stun.TransactionError` without one, or for one that refuses."""
        self._transaction = stun.Transaction(request, address, self)
        self._asking = asyncio.ensure_future(self._transaction.run())
        try:
            response, _ = await self._asking
        except asyncio.CancelledError:
            if self._error is not None:
                raise self._error from None
            raise
        finally:
            self._asking.cancel()
        return response
