"""Quality warnings of whole calls, with real media on a network that gets bad and good again."""

import json
from collections.abc import AsyncIterator

import attrs
import pytest

from jzrx import CallWarning, JambonzCall, create_jambonz_client
from jzrx.media import tone
from jzrx.testing import EmbeddedSbc, ImpairedMedia, Impairment
from tests.bench import Bench, outbound

GOOD = Impairment()


@pytest.fixture
async def sbc() -> AsyncIterator[EmbeddedSbc]:
    async with EmbeddedSbc(users={"alice": "a", "bob": "b"}) as sbc:
        yield sbc


def told(call: JambonzCall) -> list[str]:
    """The warnings of the call as its handlers hear of them: +raised, -cleared."""
    heard: list[str] = []
    call.on("warning", lambda warning: heard.append(f"+{warning.name}"))
    call.on("warningCleared", lambda warning: heard.append(f"-{warning.name}"))
    return heard


async def until(call: JambonzCall, *warnings: str, within: float = 15) -> None:
    await call.snapshot.wait(lambda now: set(now.warnings) == set(warnings), timeout=within)


async def test_loss_and_jitter_are_told_of_cleared_and_no_matter_on_hold(sbc: EmbeddedSbc) -> None:
    media = ImpairedMedia(GOOD)
    async with create_jambonz_client(
        server=sbc.url, username="alice", password="a", audio=tone(), media=media
    ) as alice:
        call = alice.call("echo")
        heard = told(call)
        await call.answered()
        await call.media_ready()
        media.change(GOOD, Impairment(loss=0.1, jitter=0.15, seed=1))
        await until(call, "high-packet-loss", "high-jitter")
        assert sorted(heard) == ["+high-jitter", "+high-packet-loss"]
        assert json.loads(json.dumps(attrs.asdict(call.snapshot.value)))["warnings"]
        await call.hold()
        await until(call)  # at once
        await call.unhold()
        await until(call, "high-packet-loss", "high-jitter")  # still bad, and told anew
        media.change(GOOD)
        await until(call, within=20)
        assert len(heard) == 8


@pytest.mark.slow
async def test_one_way_audio_is_told_of_in_both_directions(sbc: EmbeddedSbc) -> None:
    media = ImpairedMedia(Impairment(loss=1.0), GOOD)
    async with create_jambonz_client(
        server=sbc.url, username="alice", password="a", audio=tone(), media=media
    ) as alice:
        call = alice.call("echo")
        heard = told(call)
        await call.answered()
        await until(call, "no-audio-delivered", within=25)
        media.change(GOOD)
        await until(call)
        media.change(GOOD, Impairment(loss=1.0))
        await until(call, "no-audio-received")
        media.change(GOOD)
        await until(call)
        assert heard == [f"{sign}no-audio-{what}" for what in ("delivered", "received") for sign in "+-"]


async def test_a_gui_is_tested_without_a_bad_network() -> None:
    bench = Bench()
    await bench.connected()
    call = await outbound(bench)
    heard = told(call)
    warning = CallWarning("high-rtt", 500.0, 400.0)
    session = bench.session(call.id)
    session.warn(warning)
    assert call.snapshot.value.warnings == ("high-rtt",)
    session.clear(warning)
    assert call.snapshot.value.warnings == ()
    assert heard == ["+high-rtt", "-high-rtt"]
    await bench.close()
