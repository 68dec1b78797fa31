"""The UDP sockets of all calls, read and written together.

One at a time each datagram costs the loop a wake-up, a look at all of its descriptors, a handle and a context: more
than all that we do with it. So

- the sockets are in an epoll of their own, one descriptor for the loop, and whatever has come is read at a wake-up;
- woken again soon, we only look each `REST`, as long as there is something, as a network card does whose interrupts are
  moderated: a few calls are read at once, many in batches. Before each turn of the wheel all is read in any case, so
  that nothing is heard later for it; and the kernel notes when a datagram came, so that nothing is measured as later;
- where more came than is read at once, we look again as soon as the others had their turn; and while the way of a call
  is set up, there is no rest;
- what is sent in a turn of the wheel leaves at its end, one right after the other: whoever receives it wakes up once.
"""

import asyncio
import select
import socket
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from struct import Struct
from typing import Any

__all__ = ["Datagrams", "UdpTransport"]

MAX_DATAGRAM = 2048  # bytes; what is longer is no media, and is cut off
SOON = 0.005  # s
REST = 0.01  # s
STEP = 0.001  # s; more than the loop's and the system's clock part by themselves
ROUNDS = 4  # datagrams of one socket that are read at once: a flood must not hold up the others

SO_TIMESTAMPNS = 35  # of Linux (socket(7)), which the module `socket` leaves out
TIMESPEC = Struct("@ll")  # seconds and nanoseconds of the system's clock
NOTE = 64  # bytes of room for it

Bytes = bytes | bytearray | memoryview


class Datagrams:
    """Reads and writes the sockets of `loop`, on its thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.held: list[tuple[UdpTransport, Bytes, Any]] | None = None
        """What is sent later."""
        self._loop = loop
        self._epoll = select.epoll() if hasattr(select, "epoll") else None  # without, each socket is one of the loop's
        self._readers: dict[int, Callable[[], None]] = {}  # by descriptor
        self._woken = self._looked = 0.0
        self._rest: asyncio.TimerHandle | None = None  # until we look again
        self._urgent = 0  # handshakes
        self._is_behind = False  # there was more than is read at once
        self._offset = loop.time() - time.time()  # from the system's clock to the loop's
        self._clock_was_set = False  # since we looked last: what the kernel noted may be of before
        self._came: float | None = None  # the datagram that is being handed out

    def now(self) -> float:
        """When the datagram that is being handed out came, by the loop's clock; else what that says."""
        return self._loop.time() if self._came is None else self._came

    @property
    def notes_arrivals(self) -> bool:
        """Whether the kernel does."""
        return self._epoll is not None and sys.platform == "linux"

    def add(self, transport: "UdpTransport") -> None:
        """Read it from now on."""
        if self._epoll is None:
            self._loop.add_reader(transport.socket, transport.read)
            return
        descriptor = transport.socket.fileno()
        self._readers[descriptor] = transport.read
        self._epoll.register(descriptor, select.EPOLLIN)
        if self._rest is None:  # else we look soon
            self._watch()

    def remove(self, transport: "UdpTransport") -> None:
        """Read it no more."""
        if self._epoll is None:
            self._loop.remove_reader(transport.socket)
        elif self._readers.pop(descriptor := transport.socket.fileno(), None) is not None:
            self._epoll.unregister(descriptor)
            if not self._readers:
                self._loop.remove_reader(self._epoll)

    @contextmanager
    def at_once(self) -> Generator[None]:
        """Read everything as it comes, meanwhile: a handshake goes back and forth, and each way would wait."""
        self._urgent += 1
        if self._rest is not None:
            self._rest.cancel()
            self._watch()
        try:
            yield
        finally:
            self._urgent -= 1

    def _watch(self) -> None:
        self._rest = None
        if self._epoll is not None and self._readers:
            self._loop.add_reader(self._epoll, self._wake)

    def _wake(self) -> None:
        self.read()
        before, self._woken = self._woken, self._looked
        if self._woken - before < SOON and not self._urgent and self._epoll is not None:
            self._loop.remove_reader(self._epoll)
            self._look_in(REST)

    def _look_in(self, rest: float) -> None:
        self._rest = self._loop.call_later(0.0 if self._is_behind else rest, self._look)

    def _look(self) -> None:
        rest = self._looked + REST - self._loop.time()
        if rest > 0 and not self._is_behind:  # a turn of the wheel has looked
            self._look_in(rest)
        elif self.read():
            self._look_in(REST)
        else:
            self._watch()

    def read(self) -> bool:
        """Read what has come, if anything has."""
        if self._epoll is None:
            return False
        self._looked = self._loop.time()
        before, self._offset = self._offset, self._looked - time.time()
        self._clock_was_set = abs(self._offset - before) > STEP
        for number in range(ROUNDS):
            ready = self._epoll.poll(0, len(self._readers) or 1)  # it has room ready for so many
            if not ready:
                self._is_behind = False
                return number > 0
            for descriptor, _ in ready:
                if (reader := self._readers.get(descriptor)) is None:
                    continue  # one before it closed this one
                try:
                    reader()
                except Exception as error:  # the other sockets are read all the same
                    self._loop.call_exception_handler({"message": "a datagram was not handled", "exception": error})
        self._is_behind = True
        return True

    def hand_out(self, protocol: asyncio.DatagramProtocol, data: bytes, address: Any, noted: list[Any] | None) -> None:
        """Give `protocol` a datagram; the kernel has `noted` when it came, where it can."""
        if noted and not self._clock_was_set:
            seconds, nanoseconds = TIMESPEC.unpack(noted[0][2])
            self._came = self._offset + seconds + nanoseconds * 1e-9
        try:
            protocol.datagram_received(data, address)
        finally:
            self._came = None

    def hold(self) -> None:
        """Keep what is sent from now on."""
        self.held = []

    def release(self) -> None:
        """Send what was kept, in its order."""
        held, self.held = self.held, None
        for transport, data, address in held or ():
            try:
                transport.send(data, address)
            except Exception as error:  # the others leave all the same
                self._loop.call_exception_handler({"message": "a datagram was not sent", "exception": error})

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
        self._is_stamped = datagrams.notes_arrivals
        if self._is_stamped:
            with suppress(OSError):  # a kernel that has all but this, as gVisor's
                sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
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
            if self._is_stamped:
                data, noted, _, address = self.socket.recvmsg(MAX_DATAGRAM, NOTE)
            else:
                (data, address), noted = self.socket.recvfrom(MAX_DATAGRAM), None
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._protocol.error_received(error)
            return
        self._datagrams.hand_out(self._protocol, data, address, noted)

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
            self.socket.close()  # now, as the loop may end before its next turn
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """As `close`: nothing waits to be sent."""
        self.close()
