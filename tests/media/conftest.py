"""Calls without signalling."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from jzrx.events import CallEvent
from jzrx.media.engine import MediaEngine
from jzrx.ports import AudioSource, IceServer, MediaConfig
from tests.media.parties import Party, media_threads, open_files


@pytest.fixture
async def party() -> AsyncIterator[Callable[..., Party]]:
    """Makes parties; afterwards all are closed, and nothing is left: no thread, no file, no task on any loop."""
    engine, parties, before = MediaEngine(), list[Party](), open_files()
    loop = asyncio.get_running_loop()
    errors: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda loop, context: errors.append(context))

    def make(
        source: AudioSource | None = None, *, stun: str | None = None, listen: bool = True, **config: Any
    ) -> Party:
        events: list[CallEvent] = []
        servers = (IceServer((stun,)),) if stun else ()
        settings = MediaConfig(loopback=True, source=source, ice_servers=servers, **config)
        made = Party(engine.session(f"call-{len(parties)}", settings, events.append, loop.time), events)
        if listen:
            made.listen()
        parties.append(made)
        return made

    yield make
    for each in parties:
        await each.session.close()
    assert not media_threads()
    assert open_files() == before
    assert not errors
