"""The two places where the reference SDK's tests are held: virtual time with a scripted peer, and a real server with
real media on this machine."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import pytest

from jzrx import JambonzClient, create_jambonz_client
from jzrx.media import tone
from jzrx.testing import EmbeddedSbc
from jzrx.testing.sbc.legs import Leg
from tests.bench import Bench

HZ = {"alice": 440, "bob": 660, "carol": 1000}
"""What each of them says."""

Phone = Callable[..., Awaitable[JambonzClient]]


async def announce(leg: Leg) -> None:
    """Plays a tone of 880 Hz before the answer, which never comes."""
    leg.session.set_source(tone(880))
    leg.progress()
    await leg.over()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A phone that is registered, in virtual time."""
    bench = Bench()
    await bench.connected()
    yield bench
    await bench.close()


@pytest.fixture
async def idle_bench() -> AsyncIterator[Bench]:
    """A phone that is not connected yet, in virtual time."""
    bench = Bench()
    yield bench
    await bench.close()


@pytest.fixture
async def sbc() -> AsyncIterator[EmbeddedSbc]:
    """A server on this machine."""
    async with EmbeddedSbc(dict.fromkeys(HZ, "secret"), apps={"early": announce, "echo": "echo"}) as sbc:
        yield sbc


@pytest.fixture
async def phone(sbc: EmbeddedSbc) -> AsyncIterator[Phone]:
    """`await phone("alice")`: a registered client, which says its tone in every call."""
    async with AsyncExitStack() as stack:

        async def connect(name: str, **options: Any) -> JambonzClient:
            given = {"server": sbc.url, "username": name, "password": "secret", "audio": tone(HZ[name]), **options}
            return await stack.enter_async_context(create_jambonz_client(given))

        yield connect


@contextmanager
def silent_stun() -> Iterator[tuple[socket.socket, str]]:
    """A STUN server that never answers: its socket, and its URL."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        yield server, f"stun:127.0.0.1:{server.getsockname()[1]}"


async def answering(phone: Phone, name: str, **options: Any) -> JambonzClient:
    """A registered client that answers whoever calls."""
    client = await phone(name, **options)
    client.on("incoming", lambda call: call.answer())
    return client
