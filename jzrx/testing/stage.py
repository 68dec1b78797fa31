"""An SBC and phones on it, for one test: in the test's own event loop, or, where it has none, in a thread."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from attrs import frozen

from jzrx.client import create_jambonz_client
from jzrx.phone.background import background, loop_for_client
from jzrx.testing.handset import Handset

if TYPE_CHECKING:
    from jzrx.testing.sbc.server import EmbeddedSbc

__all__ = ["USERS", "Stage", "stage", "stage_in_thread"]

USERS: Mapping[str, str] = {"alice": "secret", "bob": "secret"}
"""Who may register, unless the options of the SBC say otherwise; the phones are those of the first ones."""

_START = 30.0  # seconds that starting or stopping may take on a busy machine


@frozen
class Stage:
    """The SBC, and the phones that are registered on it."""

    sbc: "EmbeddedSbc"
    phones: tuple[Handset, ...]


@asynccontextmanager
async def stage(sbc_options: Mapping[str, Any], phone_options: Mapping[str, Any], number: int) -> AsyncGenerator[Stage]:
    """Start an SBC, and register `number` phones on it; without microphone and speaker unless the options say so."""
    from jzrx.media import silence  # late: aiortc takes longer to load than all the rest
    from jzrx.testing.sbc.server import EmbeddedSbc

    options: dict[str, Any] = {"users": USERS, **sbc_options}
    async with AsyncExitStack() as stack:
        sbc = await stack.enter_async_context(EmbeddedSbc(**options))
        phones: list[Handset] = []
        for name, password in list(options["users"].items())[:number]:
            given = {"server": sbc.url, "realm": sbc.realm, "username": name, "password": password}
            client = create_jambonz_client({**given, "audio": silence(), "speaker": False, **phone_options})
            phones.append(Handset(client))
            stack.callback(phones[-1].dispose)
            stack.push_async_callback(_disconnect, client)
            await client.connect()
        yield Stage(sbc, tuple(phones))


async def _disconnect(client: Any) -> None:
    await client.disconnect()


@contextmanager
def stage_in_thread(sbc_options: Mapping[str, Any], phone_options: Mapping[str, Any], number: int) -> Generator[Stage]:
    """As `stage`, for a test without an event loop of asyncio: all runs in a thread, and actions have `result()`.

    Inside, further clients may be connected without a loop, too.
    """
    with background():
        loop, _ = loop_for_client(in_background=True)
        opened = stage(sbc_options, phone_options, number)
        made = asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result(_START)
        try:
            yield made
        finally:
            asyncio.run_coroutine_threadsafe(opened.__aexit__(None, None, None), loop).result(_START)
