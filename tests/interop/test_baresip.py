"""baresip, a native phone: DTLS-SRTP with an RSA certificate and ICE, straight to us; the SIP goes through Kamailio."""

import asyncio

import pytest

from jzrx import JambonzCall
from jzrx.media import tone
from jzrx.testing import heard, hears_silence

from .baresip import Baresip, baresip
from .conftest import ProgramFor
from .kamailio import Kamailio
from .phones import Phone, hears_tone, phone

OUR_HZ, ITS_HZ = 440, 1000
WEBRTC = {"mediaenc": "dtls_srtp", "medianat": "ice"}


async def talk(call: JambonzCall, codec: str) -> None:
    """We hear it, and it has time to hear us."""
    await hears_tone(call, ITS_HZ)
    stats = await call.get_stats()
    assert stats is not None
    assert (stats.codec, stats.packets_lost) == (codec, 0)
    await heard(call, 0.5)


async def answered(alice: Phone) -> None:
    await alice.line.incoming_caller.wait(lambda caller: caller is not None, timeout=10)
    await alice.line.answer_incoming()


async def hang_up(alice: Phone, bob: Baresip) -> None:
    await alice.line.hangup()
    await bob.until("CALL_CLOSED")
    assert bob.heard(OUR_HZ)


@pytest.mark.parametrize("codec", ["opus", "PCMU"])
async def test_we_call(kamailio: Kamailio, program_for: ProgramFor, codec: str) -> None:
    async with (
        phone(kamailio, "alice", audio=tone(OUR_HZ)) as alice,
        baresip(program_for("baresip"), kamailio, "bob", ITS_HZ, codec, answermode="auto", **WEBRTC) as bob,
    ):
        await alice.line.make_call("bob")
        await talk(alice.call, codec)
        await hang_up(alice, bob)


@pytest.mark.parametrize("codec", ["opus", "PCMA"])
async def test_it_calls_us_and_holds(kamailio: Kamailio, program_for: ProgramFor, codec: str) -> None:
    """The audio comes back after a hold from each side."""
    async with (
        phone(kamailio, "alice", audio=tone(OUR_HZ)) as alice,
        baresip(program_for("baresip"), kamailio, "bob", ITS_HZ, codec, **WEBRTC) as bob,
    ):
        await bob.command("dial", kamailio.uri("alice"))
        await answered(alice)
        await talk(alice.call, codec)
        await bob.command("hold")
        await alice.line.is_remotely_held.wait(True, timeout=10)
        await hears_silence(alice.call)
        await bob.command("resume")
        await alice.line.is_remotely_held.wait(False, timeout=10)
        await hears_tone(alice.call, ITS_HZ)
        await alice.line.toggle_hold()
        await hears_silence(alice.call)
        await alice.line.toggle_hold()
        await hears_tone(alice.call, ITS_HZ)
        await hang_up(alice, bob)


@pytest.mark.parametrize("codec", ["opus", "PCMU"])
async def test_plain_rtp_through_rtpengine(relaying_kamailio: Kamailio, program_for: ProgramFor, codec: str) -> None:
    """Without DTLS and ICE of its own."""
    kamailio = relaying_kamailio
    async with (
        phone(kamailio, "alice", audio=tone(OUR_HZ)) as alice,
        baresip(program_for("baresip"), kamailio, "bob", ITS_HZ, codec, answermode="auto") as bob,
    ):
        await alice.line.make_call("bob")
        await talk(alice.call, codec)
        await hang_up(alice, bob)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_it_holds_through_rtpengine(relaying_kamailio: Kamailio, program_for: ProgramFor, codec: str) -> None:
    """It calls us with plain RTP and G.711, and holds; so do we meanwhile."""
    kamailio = relaying_kamailio
    async with (
        phone(kamailio, "alice", audio=tone(OUR_HZ)) as alice,
        baresip(program_for("baresip"), kamailio, "bob", ITS_HZ, codec) as bob,
    ):
        await bob.command("dial", kamailio.uri("alice"))
        await answered(alice)
        await talk(alice.call, codec)
        await bob.command("hold")
        await alice.line.is_remotely_held.wait(True, timeout=10)
        await hears_silence(alice.call)
        await alice.line.toggle_hold()
        await bob.command("resume")
        await alice.line.is_remotely_held.wait(False, timeout=10)
        await hears_silence(alice.call)
        await alice.line.toggle_hold()
        await hears_tone(alice.call, ITS_HZ)
        await hang_up(alice, bob)


@pytest.mark.parametrize("mode", ["rtpevent", "info"])
async def test_dtmf_both_ways_through_rtpengine(
    relaying_kamailio: Kamailio, program_for: ProgramFor, mode: str
) -> None:
    """Each side hears each tone once, and goes on talking."""
    kamailio = relaying_kamailio
    async with (
        phone(kamailio, "alice", audio=tone(OUR_HZ)) as alice,
        baresip(program_for("baresip"), kamailio, "bob", ITS_HZ, "PCMU", answermode="auto", dtmfmode=mode) as bob,
    ):
        await alice.line.make_call("bob")
        got: asyncio.Queue[str] = asyncio.Queue()
        alice.call.on("dtmf", got.put_nowait)
        await talk(alice.call, "PCMU")
        for digit in "5#":
            await bob.command("sndcode", digit)
            async with asyncio.timeout(10):
                assert await got.get() == digit
        await alice.call.send_dtmf("9*", method="rtp" if mode == "rtpevent" else "info")
        for digit in "9*":
            assert (await bob.until("CALL_DTMF_START"))["param"] == digit
        await hears_tone(alice.call, ITS_HZ)
        assert got.empty()
        await hang_up(alice, bob)
