"""The UDP sockets of all calls, read and written together.

One at a time each datagram costs the loop a wake-up, a look at all of its descriptors, a handle and a context: more
than all that we do with it. So

- the sockets are in an epoll of their own, one descriptor for the loop, and whatever has come is read at a wake-up;
- woken again soon, we only look each `REST`, as long as there is something, as a network card does whose interrupts are
  moderated: a few calls are read at once, many in batches. Before each turn of the wheel all is read in any case;
- what is sent in a turn of the wheel leaves at its end, one right after the other: whoever receives it wakes up once.
"""

import asyncio
import select
import socket
from collections.abc import Callable
from typing import Any

__all__ = ["Datagrams", "UdpTransport"]

MAX_DATAGRAM = 2048  # bytes; what is longer is no media, and is cut off
REST = 0.005  # s
ROUNDS = 4  # datagrams of one socket that are read at a wake-up: a flood must not hold up the others

Bytes = bytes | bytearray | memoryview


class Datagrams:
    """Reads and writes the sockets of `loop`, on its thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.held: list[tuple[UdpTransport, Bytes, Any]] | None = None
        """What is sent later."""
        self._loop = loop
        self._epoll = select.epoll() if hasattr(select, "epoll") else None  # without, each socket is one of the loop's
        self._readers: dict[int, Callable[[], None]] = {}  # by descriptor
        self._woken = 0.0

    def add(self, transport: "UdpTransport") -> None:
        """Read it from now on."""
        if self._epoll is None:
            self._loop.add_reader(transport.socket, transport.read)
            return
        descriptor = transport.socket.fileno()
        self._readers[descriptor] = transport.read
        self._epoll.register(descriptor, select.EPOLLIN)
        if len(self._readers) == 1:
            self._watch()

    def remove(self, transport: "UdpTransport") -> None:
        """Read it no more."""
        if self._epoll is None:
            self._loop.remove_reader(transport.socket)
        elif self._readers.pop(descriptor := transport.socket.fileno(), None) is not None:
            self._epoll.unregister(descriptor)
            if not self._readers:
                self._loop.remove_reader(self._epoll)

    def _watch(self) -> None:
        if self._epoll is not None and self._readers:
            self._loop.add_reader(self._epoll, self._wake)

    def _wake(self) -> None:
        self.read()
        before, self._woken = self._woken, self._loop.time()
        if self._woken - before < 2 * REST and self._epoll is not None:
            self._loop.remove_reader(self._epoll)
            self._loop.call_later(REST, self._look)

    def _look(self) -> None:
        if self.read():
            self._loop.call_later(REST, self._look)
        else:
            self._watch()

    def read(self) -> bool:
        """Read what has come, if anything has."""
        if self._epoll is None:
            return False
        for number in range(ROUNDS):
            ready = self._epoll.poll(0, len(self._readers) or 1)  # it has room ready for so many
            if not ready:
                return number > 0
            for descriptor, _ in ready:
                if reader := self._readers.get(descriptor):  # none: one before it closed this one
                    reader()
        return True

    def hold(self) -> None:
        """Keep what is sent from now on."""
        self.held = []

    def release(self) -> None:
        """Send what was kept, in its order."""
        held, self.held = self.held, None
        for transport, data, address in held or ():
            transport.send(data, address)

    def close(self) -> None:
        """The loop is over."""
        if self._epoll is not None:
            self._epoll.close()


class UdpTransport(asyncio.DatagramTransport):
    """A socket, bound or connected, as asyncio has it for a protocol; what cannot leave at once is dropped."""

    def __init__(
        self,
        datagrams: Datagrams,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        protocol: asyncio.DatagramProtocol,
        peer: Any,
        started: "asyncio.Future[None] | None",
    ) -> None:
        super().__init__({"socket": sock, "sockname": sock.getsockname(), "peername": peer})
        self.socket = sock
        self._datagrams = datagrams
        self._loop = loop
        self._protocol = protocol
        self._is_connected = peer is not None
        self._closing = False
        loop.call_soon(self._start, started)

    def _start(self, started: "asyncio.Future[None] | None") -> None:
        self._protocol.connection_made(self)
        if not self._closing:
            self._datagrams.add(self)
        if started is not None and not started.done():
            started.set_result(None)

    def read(self) -> None:
        """Hand the protocol the next datagram, if there is one."""
        if self._closing:
            return
        try:
            data, address = self.socket.recvfrom(MAX_DATAGRAM)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._protocol.error_received(error)
            return
        try:
            self._protocol.datagram_received(data, address)
        except Exception as error:  # the other sockets are read all the same
            self._loop.call_exception_handler({"message": "a datagram was not handled", "exception": error})

    def sendto(self, data: Bytes, addr: Any = None) -> None:
        """Send it, at the end of the turn if there is one."""
        held = self._datagrams.held
        if held is None:
            self.send(data, addr)
        else:
            held.append((self, data, addr))

    def send(self, data: Bytes, address: Any) -> None:
        """Send it now."""
        if self._closing:
            return
        try:
            if self._is_connected:
                self.socket.send(data)
            else:
                self.socket.sendto(data, address)
        except OSError as error:
            # A full buffer, too: sound that waits for room would come too late, and STUN and DTLS repeat themselves.
            self._protocol.error_received(error)

    def is_closing(self) -> bool:
        """It is closed, or about to be."""
        return self._closing

    def close(self) -> None:
        """Send and read nothing more; the protocol is told."""
        if not self._closing:
            self._closing = True
            self._datagrams.remove(self)
            self._loop.call_soon(self._end)

    def abort(self) -> None:
        """As `close`: nothing waits to be sent."""
        self.close()

    def _end(self) -> None:
        self._protocol.connection_lost(None)
        self.socket.close()
