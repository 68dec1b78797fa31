"""Bob, for the tests whose loop is asyncio's own."""

from collections.abc import AsyncIterator

import pytest

from jzrx import JambonzClient
from tests.examples.town import town


@pytest.fixture
async def bob(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[JambonzClient]:
    """Bob, who is registered on an SBC that the examples find in their environment."""
    async with town(monkeypatch) as bob:
        yield bob
