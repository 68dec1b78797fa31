"""Where the examples are tried: an SBC that they find in their environment, and bob, whom they call."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jzrx import JambonzClient, create_jambonz_client
from jzrx.media import tone
from jzrx.testing import EmbeddedSbc

PATIENCE = 20.0
"""Seconds within which an example must show what a test waits for."""


@asynccontextmanager
async def town(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[JambonzClient]:
    """Bob, who is registered. The account of the environment is alice's."""
    async with EmbeddedSbc({"alice": "wonderland", "bob": "builder"}) as sbc:
        for name, value in (("SERVER", sbc.url), ("USERNAME", "alice"), ("PASSWORD", "wonderland")):
            monkeypatch.setenv(f"JZRX_{name}", value)
        monkeypatch.delenv("JZRX_REALM", raising=False)
        async with create_jambonz_client(server=sbc.url, username="bob", password="builder", audio=tone) as bob:
            yield bob


async def until(holds: Callable[[], bool]) -> None:
    """Wait until a user interface shows it: what is shown has no event."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def picture(name: str, content: bytes) -> None:
    """For eyes: JZRX_PICTURES names a folder."""
    if folder := os.environ.get("JZRX_PICTURES"):
        (Path(folder) / name).write_bytes(content)
