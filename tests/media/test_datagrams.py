"""The UDP sockets of the media loop: what asyncio promises of a datagram transport, and what reading together adds."""

import asyncio
import select
import socket
import sys
import time
from collections.abc import Callable, Generator
from typing import Any

import pytest

from jzrx.media.datagrams import REST, ROUNDS, SOON, Datagrams, UdpTransport
from jzrx.media.loop import MediaLoop


class Peer(asyncio.DatagramProtocol):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.errors: list[Exception] = []
        self.wanted = 0
        self.complete = asyncio.Event()
        self.lost = asyncio.Event()
        self.transport: UdpTransport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.got.append(data)
        if len(self.got) >= self.wanted:
            self.complete.set()
        if data == b"close":
            self.transport.close()
        if data == b"raise":
            raise ZeroDivisionError

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    @property
    def address(self) -> Any:
        return self.transport.get_extra_info("sockname")

    async def gets(self, count: int) -> None:
        self.wanted = count
        if len(self.got) < count:
            self.complete.clear()
            await asyncio.wait_for(self.complete.wait(), 5)


@pytest.fixture(params=["epoll", "no epoll"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Generator[Callable[..., Any]]:
    """Runs a coroutine on a media loop: as on Linux, and as where there is no epoll."""
    if request.param == "no epoll":
        monkeypatch.delattr("select.epoll")
    with asyncio.Runner(loop_factory=MediaLoop) as runner:
        yield runner.run


async def opened(**options: Any) -> Peer:
    options = options or {"local_addr": ("127.0.0.1", 0)}
    _, peer = await asyncio.get_running_loop().create_datagram_endpoint(Peer, **options)
    return peer


def datagrams() -> Datagrams:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, MediaLoop)
    return loop.datagrams


def test_asyncio_makes_its_transports_where_the_loop_does() -> None:
    """The one private method that `MediaLoop` overrides; an upgrade that renames it fails here."""
    assert callable(getattr(asyncio.SelectorEventLoop, "_make_datagram_transport", None))


def test_datagrams_go_both_ways_in_order(run: Callable[..., Any]) -> None:
    async def main() -> None:
        one, other = await opened(), await opened()
        assert isinstance(one.transport, UdpTransport)
        sent = [b"%d" % number for number in range(3 * ROUNDS)]
        for data in sent:
            one.transport.sendto(data, other.address)
        await other.gets(len(sent))
        assert other.got == sent
        other.transport.sendto(b"back", one.address)
        await one.gets(1)
        one.transport.close()
        other.transport.abort()
        await asyncio.gather(one.lost.wait(), other.lost.wait())

    run(main())


def test_a_flood_holds_up_nothing(run: Callable[..., Any]) -> None:
    """Whoever finds a call's port must not be able to silence it with a few hundred datagrams a second."""

    async def main() -> None:
        flooded, other = await opened(), await opened()
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for _ in range(3):  # the reader is awake already, and rests between its looks
                stranger.sendto(b"x", flooded.address)
                await flooded.gets(len(flooded.got) + 1)
            started, before = loop.time(), len(flooded.got)
            for _ in range(60 * ROUNDS):
                stranger.sendto(b"x" * 172, flooded.address)
            stranger.sendto(b"genuine", other.address)
            await asyncio.gather(flooded.gets(before + 60 * ROUNDS), other.gets(1))
        assert loop.time() - started < 20 * REST, "in less than a third of the looks that it would need"
        for each in (flooded, other):
            each.transport.close()
            await each.lost.wait()

    run(main())


def test_a_protocol_that_raises_at_its_end_leaves_no_socket(run: Callable[..., Any]) -> None:
    """aioice's does when who waits for that end was cancelled."""

    async def main() -> None:
        loop, peer = asyncio.get_running_loop(), await opened()
        raised = asyncio.Event()
        loop.set_exception_handler(lambda loop, context: raised.set())
        peer.connection_lost = lambda exc: loop.no_such_thing  # type: ignore[attr-defined,method-assign]
        peer.transport.close()
        await raised.wait()
        assert peer.transport.socket.fileno() == -1

    run(main())


def test_a_connected_socket_needs_no_address(run: Callable[..., Any]) -> None:
    async def main() -> None:
        server = await opened()
        client = await opened(remote_addr=server.address)
        assert client.transport.get_extra_info("peername") == server.address
        client.transport.sendto(b"hello")
        await server.gets(1)
        server.transport.close()
        await server.lost.wait()
        client.transport.sendto(b"anybody?")
        client.transport.sendto(b"anybody?")
        assert all(isinstance(error, ConnectionRefusedError) for error in client.errors)
        client.transport.close()
        await client.lost.wait()

    run(main())


def test_what_cannot_leave_is_dropped_and_told(run: Callable[..., Any]) -> None:
    async def main() -> None:
        peer = await opened()
        peer.transport.sendto(bytes(70000), peer.address)
        assert len(peer.errors) == 1
        peer.transport.close()
        peer.transport.close()
        peer.transport.sendto(b"late", peer.address)
        await peer.lost.wait()
        assert peer.transport.is_closing()
        assert peer.transport.socket.fileno() == -1

    run(main())


def test_a_protocol_that_raises_harms_no_other(run: Callable[..., Any]) -> None:
    async def main() -> None:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
        one, other, third = [await opened() for _ in range(3)]
        for address in (one.address, other.address):
            third.transport.sendto(b"raise" if address == one.address else b"fine", address)
        await asyncio.gather(one.gets(1), other.gets(1))
        third.transport.sendto(b"again", one.address)
        await one.gets(2)
        assert [type(error) for error in told] == [ZeroDivisionError]
        for peer in (one, other, third):
            peer.transport.close()
            await peer.lost.wait()

    run(main())


def test_an_error_that_is_not_handled_harms_no_other(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(exc: Exception) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
        gone, other, sender = [await opened() for _ in range(3)]
        client = await opened(remote_addr=gone.address)
        monkeypatch.setattr(client, "error_received", fails)
        gone.transport.close()
        await gone.lost.wait()
        client.transport.sendto(b"anybody?")
        sender.transport.sendto(b"fine", other.address)
        time.sleep(0.001)  # noqa: ASYNC251 - both are there
        datagrams().read()  # as a turn of the wheel does
        await other.gets(1)
        assert [type(error) for error in told] in ([ZeroDivisionError], [])  # not every system tells who is gone
        for peer in (client, other, sender):
            peer.transport.close()
            await peer.lost.wait()

    run(main())


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="no epoll on this system")
def test_a_descriptor_that_is_taken_again_within_a_batch_confuses_nobody() -> None:
    opens: list[socket.socket] = []

    class Replaces(Peer):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            for each in peers:
                if each is not self:
                    number = each.transport.socket.fileno()
                    each.transport.close()
                    opens.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    assert opens[-1].fileno() == number
            peers.clear()

    async def main() -> None:
        loop, sender = asyncio.get_running_loop(), await opened()
        for _ in range(2):
            _, peer = await loop.create_datagram_endpoint(Replaces, local_addr=("127.0.0.1", 0))
            peers.append(peer)
        both = tuple(peers)
        for peer in both:
            sender.transport.sendto(b"x", peer.address)
        datagrams().read()
        assert sorted(len(peer.got) for peer in both) == [0, 1]
        with opens[0] as taken:
            peer = Peer()
            taken.setblocking(False)
            taken.bind(("127.0.0.1", 0))
            UdpTransport(datagrams(), loop, taken, peer, None, None)
            await asyncio.sleep(0)
            sender.transport.sendto(b"new", peer.address)
            await peer.gets(1)
        for each in (sender, peer, *both):
            each.transport.close()
            await each.lost.wait()

    peers: list[Replaces] = []
    with asyncio.Runner(loop_factory=MediaLoop) as runner:
        runner.run(main())


def test_one_that_closes_as_it_reads_is_read_no_more(run: Callable[..., Any]) -> None:
    async def main() -> None:
        one, other = await opened(), await opened()
        for data in (b"close", b"late", b"late"):
            other.transport.sendto(data, one.address)
        await one.lost.wait()
        assert one.got == [b"close"]
        other.transport.close()
        await other.lost.wait()

    run(main())


class Clockwork:
    """What `Datagrams` asks of a loop, by hand."""

    def __init__(self) -> None:
        self.now = 10.0
        self.wake: Callable[[], None] | None = None
        self.timer: tuple[float, Callable[[], None]] | None = None

    def time(self) -> float:
        return self.now

    def add_reader(self, descriptor: Any, wake: Callable[[], None]) -> None:
        self.wake = wake

    def remove_reader(self, descriptor: Any) -> None:
        self.wake = None

    def call_later(self, delay: float, function: Callable[[], None]) -> "Clockwork":
        assert self.timer is None
        self.timer = self.now + delay, function
        return self

    def cancel(self) -> None:
        """The timer's."""
        self.timer = None

    def call_soon(self, function: Callable[..., None], *arguments: Any) -> None:
        function(*arguments)

    def pass_rest(self) -> None:
        assert self.timer
        (self.now, function), self.timer = self.timer, None
        function()


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="no epoll on this system")
def test_few_are_read_at_once_and_many_in_batches() -> None:
    loop: Any = Clockwork()
    post, peer, sender = Datagrams(loop), Peer(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.setblocking(False)
    transport = UdpTransport(post, loop, receiver, peer, None, None)
    for _ in range(3):  # a call or two: each is read as it comes, with no timer
        sender.sendto(b"one", peer.address)
        loop.now += 2 * SOON
        loop.wake()
        assert (len(peer.got), loop.timer) == (1, None)
        peer.got.clear()
    loop.now += SOON / 2
    loop.wake()
    assert loop.wake is None, "more comes than one by one is worth"
    for _ in range(3):
        for _ in range(ROUNDS):
            sender.sendto(b"many", peer.address)
        loop.pass_rest()
        assert (peer.got, loop.wake) == ([b"many"] * ROUNDS, None)
        peer.got.clear()
    loop.now += REST / 2
    sender.sendto(b"heard", peer.address)
    post.read()  # as a turn of the wheel does
    assert peer.got == [b"heard"]
    loop.now += REST / 2
    (_, look), loop.timer = loop.timer, None
    look()
    assert loop.timer == (pytest.approx(loop.now + REST / 2), look), "so soon after that nothing is looked for"
    with post.at_once(), post.at_once():
        assert loop.wake is not None, "a handshake waits for nothing"
        assert loop.timer is None
        for _ in range(3):
            sender.sendto(b"hello", peer.address)
            loop.wake()
        assert peer.got == [b"heard", *[b"hello"] * 3]
        assert loop.timer is None
    loop.wake()
    assert loop.wake is None, "now it may wait again"
    loop.pass_rest()
    assert loop.wake is not None, "it is calm again"
    assert loop.timer is None
    transport.close()
    assert loop.wake is None
    assert receiver.fileno() == -1
    sender.close()
    post.close()


def test_what_is_sent_while_it_is_held_leaves_at_the_release(run: Callable[..., Any]) -> None:
    async def main() -> None:
        one, other, gone = await opened(), await opened(), await opened()
        post = datagrams()
        post.hold()
        for transport in (one.transport, gone.transport, one.transport):
            transport.sendto(b"kept", other.address)
        gone.transport.close()
        await gone.lost.wait()
        assert other.got == []
        post.release()
        await other.gets(2)
        post.release()
        one.transport.sendto(b"at once", other.address)
        await other.gets(3)
        assert other.got == [b"kept", b"kept", b"at once"]
        for peer in (one, other):
            peer.transport.close()
            await peer.lost.wait()

    run(main())


class Clocked(Peer):
    """Keeps, too, when each datagram came."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.times.append(datagrams().now())
        super().datagram_received(data, addr)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux notes when a datagram came")
def test_what_is_read_late_came_when_the_kernel_had_it() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        _, reader = await loop.create_datagram_endpoint(Clocked, local_addr=("127.0.0.1", 0))
        sender = await opened()
        sent = loop.time()
        sender.transport.sendto(b"now", reader.address)
        left = loop.time()
        time.sleep(0.05)  # noqa: ASYNC251 - the thread has other things to do
        await reader.gets(1)
        assert sent - 0.005 <= reader.times[0] <= left + 0.005
        assert datagrams().now() >= left + 0.05, "and now it is later"
        for peer in (reader, sender):
            peer.transport.close()
            await peer.lost.wait()

    with asyncio.Runner(loop_factory=MediaLoop) as runner:
        runner.run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux notes when a datagram came")
def test_what_the_kernel_noted_counts_for_nothing_when_the_clock_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        loop, genuine = asyncio.get_running_loop(), time.time
        _, reader = await loop.create_datagram_endpoint(Clocked, local_addr=("127.0.0.1", 0))
        sender = await opened()
        started = loop.time()
        for step in (-3600, 3600):
            sender.transport.sendto(b"before", reader.address)
            monkeypatch.setattr(time, "time", lambda step=step: genuine() + step)
            await reader.gets(len(reader.got) + 1)
        assert all(started <= at <= loop.time() for at in reader.times)
        for peer in (reader, sender):
            peer.transport.close()
            await peer.lost.wait()

    with asyncio.Runner(loop_factory=MediaLoop) as runner:
        runner.run(main())


def test_a_kernel_that_notes_no_arrivals_will_do(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jzrx.media.datagrams.SO_TIMESTAMPNS", 9999)

    async def main() -> None:
        one, other = await opened(), await opened()
        one.transport.sendto(b"x", other.address)
        await other.gets(1)
        for peer in (one, other):
            peer.transport.close()
            await peer.lost.wait()

    run(main())


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="no epoll on this system")
def test_a_call_that_begins_as_another_ends_begins_no_second_rest() -> None:
    loop: Any = Clockwork()
    post, sender = Datagrams(loop), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def begin() -> UdpTransport:
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        return UdpTransport(post, loop, receiver, Peer(), None, None)

    call = begin()
    for _ in range(2):
        loop.wake()
    assert loop.timer, "it rests"
    for _ in range(2):
        call.close()
        call = begin()
        assert loop.wake is None, "one of the two is enough"
        sender.sendto(b"x", call.get_extra_info("sockname"))
        loop.pass_rest()
        assert loop.timer
    loop.pass_rest()
    assert (loop.wake is not None, loop.timer) == (True, None)
    call.close()
    sender.close()
    post.close()


def test_one_that_cannot_be_sent_keeps_no_other_from_leaving(run: Callable[..., Any]) -> None:
    async def main() -> None:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
        one, other = await opened(), await opened()
        post = datagrams()
        post.hold()
        one.transport.sendto(b"nowhere", ("127.0.0.1", 99999))
        one.transport.sendto(b"kept", other.address)
        post.release()
        await other.gets(1)
        assert [type(error) for error in told] == [OverflowError]
        for peer in (one, other):
            peer.transport.close()
            await peer.lost.wait()

    run(main())
