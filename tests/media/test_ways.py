"""ICE restarts of ours, and paths that die, between two sessions on real sockets."""

import asyncio
import re
import socket
from collections.abc import Callable

import aioice.ice
import pytest

from jzrx.media import transport, ways
from jzrx.media.sources import tone
from jzrx.media.stream import Stream
from jzrx.types import MediaState
from tests.media.parties import Party, connect, exchange, sever, way_of

Make = Callable[..., Party]


async def restart(offerer: Party, answerer: Party) -> None:
    answer = await answerer.session.create_answer(await offerer.session.create_offer(restart=True))
    await offerer.session.set_answer(answer)
    async with asyncio.timeout(5):
        await asyncio.gather(offerer.session.ready(), answerer.session.ready())


async def becomes(party: Party, media: MediaState, within: float = 15) -> None:
    async with asyncio.timeout(within):
        while party.media[-1] is not media:
            await party.next_frames(1)


async def test_an_ice_restart_goes_on_with_the_same_keys_and_is_not_heard(party: Make) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    before = [way_of(each).ufrag for each in (alice, bob)]
    await asyncio.gather(alice.next_frames(1), bob.next_frames(1))
    await restart(alice, bob)
    for each, old in zip((alice, bob), before, strict=True):
        assert way_of(each).ufrag != old
        assert way_of(each)._dtls is None, "no new handshake"
    for frames in await asyncio.gather(alice.next_frames(50), bob.next_frames(50)):
        assert sum(frame.concealed for frame in frames) <= 15
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    await exchange(bob, alice, held=True)
    await exchange(alice, bob)
    await exchange(bob, alice)
    await restart(bob, alice)
    await restart(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))


async def test_a_call_over_ipv6_alone(party: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    if not socket.has_ipv6 or not has_ipv6_loopback():
        pytest.skip("there is no ::1 here")
    monkeypatch.setattr(transport, "LOOPBACK", ["::1"])
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: [])
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    offer = await alice.session.create_offer(restart=True)
    assert "c=IN IP6 ::1" in offer
    assert "127.0.0.1" not in offer
    await alice.session.set_answer(await bob.session.create_answer(offer))
    await asyncio.gather(alice.session.ready(), bob.session.ready())
    await asyncio.gather(alice.hears(1000), bob.hears(440))


def has_ipv6_loopback() -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        return probe.connect_ex(("::1", 9)) == 0


async def test_media_flows_on_both_ways_while_a_restart_is_answered(party: Make) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    for offerer, answerer in ((alice, bob), (bob, alice), (bob, alice)):
        answer = await answerer.session.create_answer(await offerer.session.create_offer(restart=True))
        await asyncio.gather(offerer.next_frames(25), answerer.next_frames(25))  # half a second that the answer takes
        await asyncio.gather(alice.hears(1000), bob.hears(440))
        await offerer.session.set_answer(answer)
        await asyncio.gather(alice.session.ready(), bob.session.ready())
        await asyncio.gather(alice.next_frames(60), bob.next_frames(60))  # what was before is gone by then
    for each in (alice, bob):
        stats = await each.session.stats()
        assert stats is not None
        assert stats.packets_lost == 0
        assert each.session._peer._ways._former is None


async def test_a_restart_by_the_same_peer_keeps_what_waits_to_be_heard(
    party: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its packets go on under the same numbers, by whatever way: playout that began anew would be heard as a gap."""
    forgotten: list[Stream] = []
    monkeypatch.setattr(Stream, "restart", forgotten.append)
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    await restart(alice, bob)
    await restart(bob, alice)
    assert not forgotten


async def test_a_restart_in_place_of_one_that_was_never_finished(party: Make) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    for _ in range(2):
        for offerer, answerer in ((alice, bob), (bob, alice)):
            await answerer.session.create_answer(await offerer.session.create_offer(restart=True))
            await asyncio.gather(offerer.next_frames(1), answerer.next_frames(1))
    await restart(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    await restart(bob, alice)
    await asyncio.gather(alice.hears(1000), bob.hears(440))


async def test_a_restart_while_on_hold_keeps_the_hold(party: Make) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    await exchange(alice, bob, held=True)
    answer = await bob.session.create_answer(await alice.session.create_offer(held=True, restart=True))
    await alice.session.set_answer(answer)
    assert bob.holds == [True]
    await alice.session.ready()
    await exchange(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))


async def test_a_restart_that_is_refused_changes_nothing(party: Make) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    before = way_of(alice)
    for _ in range(2):
        await alice.session.create_offer(restart=True)
    await alice.session.rollback()
    assert way_of(alice) is before
    await alice.session.create_offer(restart=True)
    await exchange(bob, alice)  # theirs comes first
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    assert way_of(alice) is before


async def test_a_path_that_died_is_told_and_a_restart_brings_the_call_back(
    party: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways, "LOST_AFTER", 2)
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    sever(alice)
    await asyncio.gather(becomes(alice, MediaState.FAILED), becomes(bob, MediaState.FAILED))
    await restart(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    assert alice.media[-3:] == [MediaState.FAILED, MediaState.CONNECTING, MediaState.CONNECTED]


async def test_a_path_that_comes_back_by_itself_is_told(party: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "LOST_AFTER", 2)
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    await alice.hears(1000)
    mend = sever(bob)
    await becomes(alice, MediaState.FAILED)
    mend()
    await becomes(alice, MediaState.CONNECTED)
    await alice.hears(1000)


async def test_a_restart_that_does_not_come_up_leaves_the_media_where_it_was(
    party: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    answer = await bob.session.create_answer(await alice.session.create_offer())
    await alice.session.set_answer(answer)
    monkeypatch.setattr(transport, "SETUP_TIMEOUT", 0.3)
    for attempt in "ab":
        changes = len(alice.media)
        await alice.session.create_offer(restart=True)
        nowhere = re.sub(r"a=candidate:.*\r\n", "", answer).replace("a=ice-ufrag:", f"a=ice-ufrag:{attempt}")
        await alice.session.set_answer(nowhere)
        async with asyncio.timeout(5):
            while len(alice.media) < changes + 2:
                await alice.next_frames(1)
        assert alice.media[changes:] == [MediaState.CONNECTING, MediaState.FAILED]
        await asyncio.gather(alice.hears(1000), bob.hears(440))
    monkeypatch.undo()
    await restart(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))


async def test_a_restart_that_the_other_side_does_not_heed_costs_nothing(
    party: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    answer = await bob.session.create_answer(await alice.session.create_offer())
    await alice.session.set_answer(answer)
    monkeypatch.setattr(transport, "SETUP_TIMEOUT", 0.3)
    before = way_of(alice)
    await alice.session.create_offer(restart=True)
    await alice.session.set_answer(re.sub(r"a=candidate:.*\r\n", "", answer))
    await alice.session.ready()
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    assert way_of(alice) is before
    await exchange(alice, bob)
    await exchange(bob, alice)
    await asyncio.gather(alice.hears(1000), bob.hears(440))


@pytest.mark.parametrize("moment", ["offered", "accepted"])
async def test_a_call_that_ends_during_a_restart_leaves_nothing(party: Make, moment: str) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    offer = await alice.session.create_offer(restart=True)
    if moment == "accepted":
        await alice.session.set_answer(await bob.session.create_answer(offer))
    await asyncio.gather(alice.session.close(), bob.session.close())
