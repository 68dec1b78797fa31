"""Our media through a real rtpengine, driven as by jambonz's SBC, to a plain telephone and to another of ours."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from jzrx.events import DtmfReceived
from jzrx.media import tone
from jzrx.types import MediaState
from tests.media.parties import Party, sever

from .plainpeer import PlainPeer, plain_peer
from .rtpengine import PLAIN_RTP, WEBRTC_CALLEE, WEBRTC_CALLER, RelayedCall, Rtpengine, bdecode, bencode

Make = Callable[..., Party]

PHONE_HZ, PLAIN_HZ = 440, 1000


@pytest.fixture
async def plain() -> AsyncIterator[PlainPeer]:
    async with plain_peer(PLAIN_HZ) as peer:
        yield peer


def setup(description: str) -> str:
    match = re.search(r"^a=setup:(\w+)", description, re.MULTILINE)
    assert match is not None, description
    return match[1]


async def outgoing(phone: Party, plain: PlainPeer, call: RelayedCall, **options: Any) -> str:
    """The phone calls; returns the description that answers it."""
    plain.connect(await call.offer(await phone.session.create_offer(), **options))
    answered = await call.answer(plain.describe())
    await phone.session.set_answer(answered)
    return answered


async def incoming(phone: Party, plain: PlainPeer, call: RelayedCall, offer_setup: str = "actpass") -> str:
    """The plain telephone calls; returns the description with which the phone answers."""
    offered = await call.offer(plain.describe())
    assert setup(offered) == "actpass"
    answered = await phone.session.create_answer(offered.replace("a=setup:actpass", f"a=setup:{offer_setup}"))
    plain.connect(await call.answer(answered))
    return answered


async def both_hear(phone: Party, plain: PlainPeer) -> None:
    await asyncio.gather(phone.hears(PLAIN_HZ, within=5), plain.hears(PHONE_HZ))


def called(rtpengine: Rtpengine) -> RelayedCall:
    return RelayedCall(rtpengine, caller=PLAIN_RTP, callee=WEBRTC_CALLEE)


def calling(rtpengine: Rtpengine) -> RelayedCall:
    return RelayedCall(rtpengine, caller=WEBRTC_CALLER, callee=PLAIN_RTP)


def test_bencode() -> None:
    value = {"list": [1, -2, "x"], "dict": {"a": "é"}, "empty": ""}
    assert bdecode(bencode(value)) == value
    assert bencode({"b": 1, "a": ["spam"]}) == b"d1:al4:spame1:bi1ee"


@pytest.mark.parametrize("theirs", ["passive", "active"])
async def test_we_call_a_telephone(party: Make, plain: PlainPeer, rtpengine: Rtpengine, theirs: str) -> None:
    """Both parts in DTLS; rtpengine's is active unless it is told otherwise."""
    phone, call = party(tone(PHONE_HZ)), calling(rtpengine)
    options = {"DTLS_reverse": "passive"} if theirs == "passive" else {}
    assert setup(await outgoing(phone, plain, call, **options)) == theirs
    await both_hear(phone, plain)
    stats = await phone.session.stats()
    assert stats is not None
    assert (stats.codec, stats.packets_lost) == ("PCMU", 0)
    assert stats.round_trip_time is not None
    assert phone.media == [MediaState.CONNECTING, MediaState.CONNECTED]


@pytest.mark.parametrize(("theirs", "ours"), [("actpass", "active"), ("active", "passive")])
async def test_a_telephone_calls_us(
    party: Make, plain: PlainPeer, rtpengine: Rtpengine, theirs: str, ours: str
) -> None:
    phone, call = party(tone(PHONE_HZ)), called(rtpengine)
    assert setup(await incoming(phone, plain, call, theirs)) == ours
    await both_hear(phone, plain)


async def test_two_of_ours_with_opus(party: Make, rtpengine: Rtpengine) -> None:
    alice, bob = party(tone(PHONE_HZ)), party(tone(PLAIN_HZ))
    call = RelayedCall(rtpengine, caller=WEBRTC_CALLER, callee=WEBRTC_CALLEE)

    async def exchange(offerer: Party, answerer: Party, *, held: bool = False, answerer_held: bool = False) -> None:
        offer = await call.offer(await offerer.session.create_offer(held=held), from_callee=offerer is bob)
        answer = await call.answer(
            await answerer.session.create_answer(offer, held=answerer_held), from_callee=answerer is bob
        )
        await offerer.session.set_answer(answer)

    await exchange(alice, bob)
    await asyncio.gather(alice.hears(PLAIN_HZ, within=5), bob.hears(PHONE_HZ, within=5))
    stats = await bob.session.stats()
    assert stats is not None
    assert (stats.codec, stats.packets_lost) == ("opus", 0)

    await exchange(alice, bob, held=True)
    await asyncio.gather(alice.hears(None), bob.hears(None))
    await exchange(bob, alice, held=True, answerer_held=True)
    await asyncio.gather(alice.hears(None), bob.hears(None))
    await exchange(alice, bob, answerer_held=True)
    await exchange(bob, alice)
    await asyncio.gather(alice.hears(PLAIN_HZ), bob.hears(PHONE_HZ))
    assert alice.holds == bob.holds == [True, False]
    for each in (alice, bob):
        assert each.media == [MediaState.CONNECTING, MediaState.CONNECTED], "re-offers leave the transport alone"


async def test_we_hold_and_take_it_back(party: Make, plain: PlainPeer, rtpengine: Rtpengine) -> None:
    """jambonz passes re-INVITEs on, and never asks for new ICE."""
    phone, call = party(tone(PHONE_HZ)), calling(rtpengine)
    await outgoing(phone, plain, call)
    await both_hear(phone, plain)
    for _ in range(2):
        offer = await call.offer(await phone.session.create_offer(held=True))
        assert "a=sendonly" in offer
        plain.connect(offer)
        await phone.session.set_answer(await call.answer(plain.describe("recvonly")))
        # Silence flows: jambonz ends calls in which nothing does.
        await asyncio.gather(phone.hears(None), plain.hears(None))
        await outgoing(phone, plain, call)
        await both_hear(phone, plain)
    assert phone.media == [MediaState.CONNECTING, MediaState.CONNECTED]
    assert phone.holds == []


@pytest.mark.parametrize("how", ["sendonly", "inactive", "0.0.0.0"])
async def test_the_telephone_holds_us(party: Make, plain: PlainPeer, rtpengine: Rtpengine, how: str) -> None:
    phone, call = party(tone(PHONE_HZ)), calling(rtpengine)
    await outgoing(phone, plain, call)
    await both_hear(phone, plain)
    held = plain.describe(address=how) if how == "0.0.0.0" else plain.describe(how)  # type: ignore[arg-type]
    offer = await call.offer(held, from_callee=True)
    plain.connect(await call.answer(await phone.session.create_answer(offer), from_callee=False))
    assert phone.holds == [True]
    await phone.hears(PLAIN_HZ if how == "sendonly" else None)
    offer = await call.offer(plain.describe(), from_callee=True)
    plain.connect(await call.answer(await phone.session.create_answer(offer), from_callee=False))
    await both_hear(phone, plain)
    assert phone.holds == [True, False]


async def test_early_media_then_the_answer(party: Make, plain: PlainPeer, rtpengine: Rtpengine) -> None:
    """sbc-inbound asks rtpengine again for the 200 what it asked for the 183."""
    phone, call = party(tone(PHONE_HZ)), calling(rtpengine)
    plain.connect(await call.offer(await phone.session.create_offer()))
    await phone.session.set_answer(await call.answer(plain.describe()), provisional=True)
    await phone.hears(PLAIN_HZ, within=5)
    await phone.session.set_answer(await call.answer(plain.describe()))
    await both_hear(phone, plain)
    assert phone.media == [MediaState.CONNECTING, MediaState.CONNECTED]


@pytest.mark.parametrize("we_call", [True, False])
async def test_our_ice_restart(party: Make, plain: PlainPeer, rtpengine: Rtpengine, we_call: bool) -> None:
    """As from another network: what was before is dead. Once more, and a hold, then go on from there."""
    phone = party(tone(PHONE_HZ))
    call = calling(rtpengine) if we_call else called(rtpengine)
    await (outgoing if we_call else incoming)(phone, plain, call)
    await both_hear(phone, plain)

    async def reoffer(**how: bool) -> None:
        offer = await call.offer(await phone.session.create_offer(**how), from_callee=not we_call)
        plain.connect(offer)
        answer = plain.describe("recvonly" if "held" in how else "sendrecv")
        await phone.session.set_answer(await call.answer(answer, from_callee=we_call))
        await phone.session.ready()

    for _ in range(2):
        sever(phone)
        await reoffer(restart=True)
        await both_hear(phone, plain)
    await reoffer(held=True)
    await reoffer()
    await both_hear(phone, plain)


async def test_another_branch_of_a_fork_answers(party: Make, plain: PlainPeer, rtpengine: Rtpengine) -> None:
    """Early media of one callee, then the answer of another: the same server, certificate and offer, other ICE."""
    phone, first, second = party(tone(PHONE_HZ)), calling(rtpengine), calling(rtpengine)
    offer = await phone.session.create_offer()
    async with plain_peer(1500) as other:
        other.connect(await first.offer(offer))
        await phone.session.set_answer(await first.answer(other.describe()), provisional=True)
        await phone.hears(1500, within=5)
        plain.connect(await second.offer(offer))
        await phone.session.set_answer(await second.answer(plain.describe()))
        await first.delete()
        await both_hear(phone, plain)


async def test_media_that_moves_within_the_server(party: Make, plain: PlainPeer, rtpengine: Rtpengine) -> None:
    """A re-INVITE from a call that the server set up anew: the same certificate, new ICE and another port."""
    phone, before, after = party(tone(PHONE_HZ)), calling(rtpengine), called(rtpengine)
    async with plain_peer(1500) as other:
        await outgoing(phone, other, before)
        await phone.hears(1500, within=5)
        await incoming(phone, plain, after)
        await before.delete()
        await both_hear(phone, plain)
    offer = await after.offer(await phone.session.create_offer(), from_callee=True)
    plain.connect(offer)
    await phone.session.set_answer(await after.answer(plain.describe(), from_callee=False))
    await both_hear(phone, plain)


@pytest.mark.parametrize("we_call", [True, False])
async def test_a_server_with_ice_lite(party: Make, plain: PlainPeer, rtpengine: Rtpengine, we_call: bool) -> None:
    """The full agent, we, controls whoever offers (RFC 8445 section 6.1.1)."""
    phone = party(tone(PHONE_HZ))
    if we_call:
        call = calling(rtpengine)
        description = await outgoing(phone, plain, call, ICE_lite="backward")
        assert "a=ice-lite" in description
    else:
        call = called(rtpengine)
        offer = await call.offer(plain.describe(), ICE_lite="forward")
        assert "a=ice-lite" in offer
        plain.connect(await call.answer(await phone.session.create_answer(offer)))
    await both_hear(phone, plain)


@pytest.mark.parametrize("we_call", [True, False])
async def test_dtmf_both_ways(party: Make, plain: PlainPeer, rtpengine: Rtpengine, we_call: bool) -> None:
    """Tones from jambonz's applications are made by rtpengine, as jambonz asks it to; ours pass through it."""
    phone = party(tone(PHONE_HZ))
    call = calling(rtpengine) if we_call else called(rtpengine)
    call.caller, call.callee = (
        {**side, "flags": [*side["flags"], "inject DTMF"]} for side in (call.caller, call.callee)
    )
    await (outgoing(phone, plain, call) if we_call else incoming(phone, plain, call))
    await both_hear(phone, plain)
    await phone.session.send_dtmf("12#", duration_ms=100)
    async with asyncio.timeout(5):
        assert [await plain.dtmf.get() for _ in range(3)] == ["1", "2", "#"]

    side = "callee" if we_call else "caller"
    for count, code in enumerate("5*", 1):
        await rtpengine.ask("play DTMF", call_id=call.call_id, from_tag=side, code=code, duration=250)
        async with asyncio.timeout(5):
            while len(got := [event.tone for event in phone.events if isinstance(event, DtmfReceived)]) < count:
                await phone.next_frames(5)
        assert got[-1] == code
    await both_hear(phone, plain)
    assert plain.dtmf.empty()
