"""Whole calls without sound: the clients and the server have the same fake media."""

import threading
from collections.abc import AsyncIterator

import pytest

from jzrx import CallWarning, JambonzClient, create_jambonz_client
from jzrx.testing import EmbeddedSbc, FakeMedia
from tests.testing.sbc.conftest import USERS


@pytest.fixture
def media() -> FakeMedia:
    return FakeMedia()


@pytest.fixture
async def sbc(media: FakeMedia) -> AsyncIterator[EmbeddedSbc]:
    async with EmbeddedSbc(USERS, media=media) as sbc:
        yield sbc
    assert all(session.is_closed for session in media.sessions.values())


def client(sbc: EmbeddedSbc, media: FakeMedia, name: str) -> JambonzClient:
    return create_jambonz_client(server=sbc.url, username=name, password=USERS[name], media=media)


async def test_two_clients_call_each_other(sbc: EmbeddedSbc, media: FakeMedia) -> None:
    async with client(sbc, media, "alice") as alice, client(sbc, media, "bob") as bob:
        bob.on("incoming", lambda call: call.answer())
        call = alice.call("bob")
        await call.answered()
        await call.media_ready()
        assert "jzrx-media" not in [thread.name for thread in threading.enumerate()]
        (other,) = bob.calls.values()
        await call.hold()
        await other.snapshot.wait(lambda now: now.is_remotely_held, timeout=5)
        await call.unhold()
        await other.snapshot.wait(lambda now: not now.is_remotely_held, timeout=5)
        await call.send_dtmf("12")
        assert media.sessions[call.id].tones == ["12"]
        warning = CallWarning("high-jitter", value=40.0, threshold=30.0)
        media.sessions[call.id].warn(warning)
        assert call.snapshot.value.warnings == ("high-jitter",)
        media.sessions[other.id].fail()
        assert other.snapshot.value.media == "failed"
        await call.transfer("echo")


@pytest.mark.parametrize("target", ["echo", "tone", "queue-sales", "conference-room", "app-echo"])
async def test_robots_answer(sbc: EmbeddedSbc, media: FakeMedia, target: str) -> None:
    async with client(sbc, media, "alice") as alice:
        call = alice.call(target)
        await call.answered()
        media.sessions[call.id].press("5")
        await call.hangup()
