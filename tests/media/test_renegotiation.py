"""Offers and answers in the middle of a call, many of them, on real sockets."""

import asyncio
from collections.abc import Callable

import pytest

from jzrx.media.sources import tone
from jzrx.ports import MediaError
from jzrx.types import MediaState
from tests.media.parties import Party, connect, exchange

Make = Callable[..., Party]

OPUS, G722, PCMU = ("111", "110"), ("9", "101"), ("0", "101")
"""Payload types, each with that of its tones."""


def reordered(sdp: str, first: tuple[str, ...], *, alone: bool) -> str:
    """The offer with these formats at the head of its audio, or alone."""

    def media(line: str) -> str:
        port_and_proto, formats = line.split()[:3], line.split()[3:]
        return " ".join((*port_and_proto, *first, *(() if alone else (each for each in formats if each not in first))))

    return "\r\n".join(media(line) if line.startswith("m=audio") else line for line in sdp.split("\r\n"))


@pytest.mark.parametrize("alone", [False, True], ids=["first of several", "the only one"])
async def test_another_codec_in_the_middle_of_a_call(party: Make, alone: bool) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    for offerer, answerer, formats, name in (
        (alice, bob, PCMU, "PCMU"),
        (bob, alice, OPUS, "opus"),
        (bob, alice, G722, "G722"),
        (alice, bob, OPUS, "opus"),
    ):
        offer = reordered(await offerer.session.create_offer(), formats, alone=alone)
        await offerer.session.set_answer(await answerer.session.create_answer(offer))
        await asyncio.gather(alice.hears(1000), bob.hears(440))
        for each in (alice, bob):
            stats = await each.session.stats()
            assert stats is not None
            assert (stats.codec, stats.packets_lost) == (name, 0)
        await asyncio.gather(alice.session.send_dtmf("1"), bob.session.send_dtmf("2"))
    await asyncio.gather(alice.hears_tones("2222"), bob.hears_tones("1111"))


async def test_an_answer_that_comes_twice_and_an_offer_that_does(party: Make) -> None:
    """As a 183 and a 200 have it, one right after the other; and an INVITE that a proxy has doubled."""
    alice, bob = party(tone(440)), party(tone(1000))
    offer = await alice.session.create_offer()
    answer = await bob.session.create_answer(offer)
    assert await bob.session.create_answer(offer) == answer
    await asyncio.gather(
        alice.session.set_answer(answer, provisional=True),
        alice.session.set_answer(answer, provisional=True),
        alice.session.set_answer(answer),
    )
    with pytest.raises(MediaError, match="no open offer"):
        await alice.session.set_answer(answer)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    assert alice.media == bob.media == [MediaState.CONNECTING, MediaState.CONNECTED]


async def test_a_hundred_holds_leave_the_call_as_it_was(party: Make) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    for number in range(100):
        holder, held = (alice, bob) if number % 3 else (bob, alice)
        await exchange(holder, held, held=True)
        if number % 5 == 0:
            await exchange(held, holder, held=True, answerer_held=True)
            await exchange(held, holder, answerer_held=True)
        if number % 4 == 0:
            await alice.next_frames(1)
        await exchange(holder, held)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    assert alice.media == bob.media == [MediaState.CONNECTING, MediaState.CONNECTED]
    for each in (alice, bob):
        assert each.holds == [True, False] * (len(each.holds) // 2)
        stats = await each.session.stats()
        assert stats is not None
        assert stats.packets_lost == 0
