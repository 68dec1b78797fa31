"""A server on this machine, and phones of hand-written SIP on it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from jzrx.testing.sbc.server import EmbeddedSbc
from tests.interop.rawphone import RawPhone, raw_phone

USERS = {"alice": "wonder land", "bob": 'b"ob'}

Connect = Callable[..., Awaitable[RawPhone]]


@pytest.fixture
async def sbc() -> AsyncIterator[EmbeddedSbc]:
    async with EmbeddedSbc(USERS) as server:
        yield server


@pytest.fixture
async def connect(sbc: EmbeddedSbc) -> AsyncIterator[Connect]:
    """`await connect("alice")`: a phone on a WebSocket of its own; not registered yet."""
    async with AsyncExitStack() as stack:

        async def phone(user: str, password: str | None = None, realm: str = "localhost", url: str = "") -> RawPhone:
            secret = USERS.get(user, "") if password is None else password
            return await stack.enter_async_context(raw_phone(url or sbc.url, user, secret, realm))

        yield phone
