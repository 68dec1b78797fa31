"""A call that loses its network, with real sockets, and an SBC: it is heard again, over another path."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from jzrx import JambonzCall, JambonzClient, create_jambonz_client
from jzrx.media import tone, ways
from jzrx.media.session import MediaSession
from jzrx.options import Reconnect
from jzrx.testing import EmbeddedSbc, hears
from jzrx.types import MediaState
from tests.media.parties import sever_session

SOON = Reconnect(initial=0.1, maximum=0.2)


@pytest.fixture
async def sbc(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddedSbc]:
    monkeypatch.setattr(ways, "LOST_AFTER", 2)  # seconds
    async with EmbeddedSbc(users={"alice": "x", "bob": "x"}) as sbc:
        yield sbc


def phone(sbc: EmbeddedSbc, name: str, hz: float) -> JambonzClient:
    return create_jambonz_client(
        server=sbc.url, username=name, password="x", audio=tone(hz), speaker=False, reconnect=SOON
    )


def ufrag(call: JambonzCall) -> str:
    return media_of(call)._peer._ways.current.ufrag


def media_of(call: JambonzCall) -> MediaSession:
    session = call._media.session(call.id)
    assert isinstance(session, MediaSession)
    return session


async def talking(alice: JambonzClient, bob: JambonzClient) -> tuple[JambonzCall, JambonzCall]:
    calls: asyncio.Queue[JambonzCall] = asyncio.Queue()
    bob.on("incoming", calls.put_nowait)
    ours = alice.call("bob")
    theirs = await calls.get()
    await theirs.answer()
    await ours.answered()
    await asyncio.gather(hears(ours, 660), hears(theirs, 440))
    return ours, theirs


@pytest.mark.parametrize("who", ["caller", "callee"])
async def test_a_path_that_dies_is_made_anew(sbc: EmbeddedSbc, who: str) -> None:
    async with phone(sbc, "alice", 440) as alice, phone(sbc, "bob", 660) as bob:
        ours, theirs = await talking(alice, bob)
        hit = ours if who == "caller" else theirs
        before = ufrag(hit)
        media: list[MediaState] = []
        hit.snapshot.subscribe(lambda now: media.append(now.media))
        sever_session(media_of(hit))
        await hit.snapshot.wait(lambda now: now.media is MediaState.FAILED, timeout=10)
        await hit.snapshot.wait(lambda now: now.media is MediaState.CONNECTED, timeout=10)
        await asyncio.gather(hears(ours, 660), hears(theirs, 440))
        assert ufrag(hit) != before
        assert (ours.state, theirs.state) == ("connected", "connected")


async def test_a_lost_connection_brings_a_new_path_when_it_is_back(sbc: EmbeddedSbc) -> None:
    """As when a laptop goes from one network to another: WebSocket and audio are gone at once."""
    async with phone(sbc, "alice", 440) as alice, phone(sbc, "bob", 660) as bob:
        ours, theirs = await talking(alice, bob)
        before = ufrag(ours)
        sbc.drop("alice")
        sever_session(media_of(ours))
        await alice.snapshot.wait(lambda now: now.state == "reconnecting", timeout=5)
        await alice.snapshot.wait(lambda now: now.state == "registered", timeout=10)
        await asyncio.gather(hears(ours, 660), hears(theirs, 440))
        assert ufrag(ours) != before
        await ours.hangup()
        assert (await theirs.finished()).code == 200
