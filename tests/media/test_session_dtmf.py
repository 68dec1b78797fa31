"""Tones between two media sessions on real sockets: each arrives once, in order, through loss, mute and hold."""

import asyncio
import random
import re
import time
from collections.abc import Callable

import pytest

from jzrx.events import DtmfReceived, DtmfSent
from jzrx.media.rtp import RtpPacket, parse_rtp
from jzrx.media.sources import tone
from jzrx.ports import MediaError
from tests.media.parties import Party, connect, exchange

Make = Callable[..., Party]


def record(party: Party) -> list[RtpPacket]:
    """The packets that the party sends from now on."""
    packets: list[RtpPacket] = []
    peer = party.session._peer
    send = peer._ways.send_rtp

    def sending(packet: bytes) -> None:
        packets.append(parse_rtp(packet))
        send(packet)

    peer._stream.sender._transmit = sending
    return packets


def lose(party: Party, share: float) -> None:
    """Lose so many of the packets that the party sends, always the same."""
    chance = random.Random(4733)
    send = party.session._peer._ways.send_rtp

    def sending(packet: bytes) -> None:
        if chance.random() >= share:
            send(packet)

    party.session._peer._stream.sender._transmit = sending


@pytest.mark.parametrize("codec", ["opus", "G722", "PCMU", "PCMA"])
async def test_every_tone_arrives_once_in_order_both_ways(party: Make, codec: str) -> None:
    alice, bob = party(tone(440), preferred_codecs=(codec,)), party(tone(1000))
    assert alice.session.can_send_dtmf is None
    await connect(alice, bob)
    assert alice.session.can_send_dtmf
    await asyncio.gather(
        alice.session.send_dtmf("0123456789", duration_ms=40, gap_ms=40),
        bob.session.send_dtmf("*#abcd", duration_ms=60, gap_ms=40),
    )
    assert (alice.tones_sent, bob.tones_sent) == ("0123456789", "*#ABCD"), "told before the await ends"
    await asyncio.gather(bob.hears_tones("0123456789"), alice.hears_tones("*#ABCD"))
    assert {event.method for event in alice.events if isinstance(event, DtmfSent | DtmfReceived)} == {"rtp"}
    await asyncio.gather(alice.hears(1000), bob.hears(440))


async def test_the_await_ends_with_the_last_end_packet(party: Make) -> None:
    alice, bob = party(), party()
    await connect(alice, bob)
    started = time.monotonic()
    await alice.session.send_dtmf("12", duration_ms=200, gap_ms=100)
    assert 0.4 < time.monotonic() - started < 2, "27 ticks, of which a busy machine may catch up with some"
    first, second = alice.session.send_dtmf("3", duration_ms=200), alice.session.send_dtmf("4")
    await asyncio.gather(first, second)
    await bob.hears_tones("1234")


async def test_the_sound_around_tones_has_no_hole(party: Make) -> None:
    """The stream's numbers go on one by one, and so does its time (`test_playout.py` shows how that is heard)."""
    alice, bob = party(tone(440), preferred_codecs=("PCMU",)), party(tone(1000))
    await connect(alice, bob)
    await bob.hears(440)
    packets = record(alice)
    await alice.session.send_dtmf("123")
    await bob.hears(440)
    sequences = [packet.sequence for packet in packets]
    assert [(number - sequences[0]) & 0xFFFF for number in sequences] == list(range(len(sequences)))
    assert len({packet.ssrc for packet in packets}) == 1
    sounds = [packet for packet in packets if packet.payload_type == 0]
    assert {(packet.timestamp - sounds[0].timestamp) % 160 for packet in packets} == {0}
    stats = await bob.session.stats()
    assert stats is not None
    assert stats.packets_lost == 0


@pytest.mark.parametrize("share", [0.05, 0.2])
async def test_through_loss(party: Make, share: float) -> None:
    alice, bob = party(tone(440)), party()
    await connect(alice, bob)
    lose(alice, share)
    await alice.session.send_dtmf("147*2580", duration_ms=80, gap_ms=60)
    await bob.hears_tones("147*2580")


async def test_muted_and_holding_sends_tones_and_who_is_held_does_not(party: Make) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    alice.session.set_muted(True)
    await alice.session.send_dtmf("1")
    alice.session.set_muted(False)
    await exchange(alice, bob, held=True)
    await alice.session.send_dtmf("2")
    await bob.hears_tones("12")
    assert not bob.session.can_send_dtmf
    with pytest.raises(MediaError, match="holds the call"):
        await bob.session.send_dtmf("3")
    await exchange(alice, bob)
    await bob.session.send_dtmf("4")
    await alice.hears_tones("4")


@pytest.mark.parametrize("tones", ["12345", "1,2"])
async def test_a_hold_by_the_other_side_makes_the_rest_wait(party: Make, tones: str) -> None:
    alice, bob = party(), party()
    await connect(alice, bob)
    sending = asyncio.ensure_future(bob.session.send_dtmf(tones, duration_ms=300))
    await alice.hears_tones("1")
    for _ in range(2):
        await exchange(alice, bob, held=True)
        before = alice.tones_heard
        await alice.next_frames(50)
        assert alice.tones_heard == before
        assert not sending.done()
        await exchange(alice, bob)
    await sending
    await alice.hears_tones(tones.replace(",", ""))


async def test_our_hold_in_the_middle_of_a_sequence_changes_nothing(party: Make) -> None:
    alice, bob = party(), party()
    await connect(alice, bob)
    sending = asyncio.ensure_future(alice.session.send_dtmf("12345"))
    await bob.hears_tones("1")
    await exchange(alice, bob, held=True)
    await sending
    await bob.hears_tones("12345")


async def test_the_end_of_the_call_ends_what_is_being_sent(party: Make) -> None:
    alice, bob = party(), party()
    await connect(alice, bob)
    sending = asyncio.ensure_future(bob.session.send_dtmf("3,,,,,4"))
    await alice.hears_tones("3")
    await bob.session.close()
    with pytest.raises(MediaError, match="closed"):
        await sending
    with pytest.raises(MediaError, match="closed"):
        await bob.session.send_dtmf("5")


async def test_without_telephone_event_there_are_no_tones_by_rtp(party: Make) -> None:
    alice, bob = party(), party()
    with pytest.raises(MediaError):
        await alice.session.send_dtmf("1")
    offer = await alice.session.create_offer()
    plain = re.sub(r"a=(rtpmap|fmtp):(110|101) .*\r\n", "", offer).replace(" 110 101", "")
    await alice.session.set_answer(await bob.session.create_answer(plain))
    assert (alice.session.can_send_dtmf, bob.session.can_send_dtmf) == (False, False)
    with pytest.raises(MediaError, match="telephone-event"):
        await alice.session.send_dtmf("1")


async def test_a_relay_to_who_takes_no_tones_loses_them(party: Make) -> None:
    """They are not kept for later either."""
    alice, near, far, bob = party(tone(440)), party(), party(), party(tone(1000))
    await connect(alice, near)
    offer = await bob.session.create_offer()
    plain = re.sub(r"a=(rtpmap|fmtp):(110|101) .*\r\n", "", offer).replace(" 110 101", "")
    await bob.session.set_answer(await far.session.create_answer(plain))
    near.session.relay_to(far.session)
    await bob.hears(440)
    await alice.session.send_dtmf("1")
    await near.hears_tones("1")
    await exchange(bob, far)
    await alice.session.send_dtmf("2")
    await bob.hears_tones("2")


@pytest.mark.parametrize("codecs", [("opus", "opus"), ("opus", "PCMU"), ("G722", "PCMA")])
async def test_a_relay_passes_tones_on_or_sends_them_anew(party: Make, codecs: tuple[str, str]) -> None:
    alice, bob = (party(tone(hz), preferred_codecs=(codec,)) for hz, codec in zip((440, 1000), codecs, strict=True))
    near, far = party(), party()
    await asyncio.gather(connect(alice, near), connect(bob, far))
    near.session.relay_to(far.session)
    far.session.relay_to(near.session)
    await asyncio.gather(alice.hears(1000, within=10), bob.hears(440, within=10))
    await asyncio.gather(alice.session.send_dtmf("159#"), bob.session.send_dtmf("*0A"))
    await asyncio.gather(bob.hears_tones("159#"), alice.hears_tones("*0A"))
    await near.session.send_dtmf("7")  # the server's own, between those that it passes on
    await alice.hears_tones("*0A7")
    await asyncio.gather(alice.hears(1000, within=10), bob.hears(440, within=10))
    await bob.next_frames(5)
    assert (bob.tones_heard, alice.tones_heard) == ("159#", "*0A7")
    stats = await bob.session.stats()
    assert stats is not None
    assert stats.packets_lost == 0
