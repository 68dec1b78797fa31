"""Calls between two media sessions on real sockets: both are heard by frequency and level, whatever is renegotiated."""

import asyncio
import itertools
import logging
import re
import threading
import time
from collections.abc import Callable

import pytest

from jzrx.media.playout import Playout
from jzrx.media.sources import pcm, tone
from jzrx.ports import MediaError
from jzrx.types import MediaState
from tests.media.parties import Party, connect, exchange

Make = Callable[..., Party]


def direction(description: str) -> str:
    match = re.search(r"a=(sendrecv|sendonly|recvonly|inactive)\r\n", description)
    assert match
    return match[1]


@pytest.mark.parametrize("codec", ["opus", "PCMU", "PCMA"])
async def test_two_parties_hear_each_other(party: Make, codec: str) -> None:
    alice, bob = party(tone(440), preferred_codecs=(codec,)), party(tone(1000))
    await connect(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    stats = await alice.session.stats()
    assert stats is not None
    assert stats.codec == codec
    assert stats.packets_received > 5
    assert stats.packets_lost == 0
    assert stats.round_trip_time is not None
    assert alice.media == bob.media == [MediaState.CONNECTING, MediaState.CONNECTED]
    assert not alice.holds


async def test_frames_come_each_20_ms_without_gaps_until_the_end(party: Make) -> None:
    alice, bob = party(tone(440)), party()
    completed = asyncio.Event()
    alice.session.incoming.subscribe(on_completed=completed.set)
    await connect(alice, bob)
    started = time.monotonic()
    frames = await alice.next_frames(50)
    assert 0.8 < time.monotonic() - started < 1.5
    assert all(len(frame.data) == 1920 and frame.rate == 48000 for frame in frames)
    await alice.session.close()
    assert completed.is_set()
    indices = [round(frame.timestamp / 0.02) for frame in alice.heard]
    assert indices == list(range(indices[0], indices[0] + len(indices)))
    assert indices[0] < 10
    late = asyncio.Event()
    alice.session.incoming.subscribe(on_completed=late.set)
    assert late.is_set()


async def test_mute_sends_silence_and_never_stops(party: Make) -> None:
    alice, bob = party(tone(440)), party()
    await connect(alice, bob)
    await bob.hears(440)
    alice.session.set_muted(True)
    await bob.hears(None)
    async with asyncio.timeout(5):  # on a busy machine a frame may come late; if nothing were sent, none would come
        while any(frame.concealed for frame in await bob.next_frames(10)):
            pass
    alice.session.set_muted(False)
    await bob.hears(440)


async def test_our_hold_is_sendonly_and_silence_flows(party: Make) -> None:
    alice, bob = party(tone(440), preferred_codecs=("PCMU",)), party(tone(1000))
    await connect(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    for _ in range(2):
        offer = await alice.session.create_offer(held=True)
        answer = await bob.session.create_answer(offer)
        assert (direction(offer), direction(answer)) == ("sendonly", "recvonly")
        await alice.session.set_answer(answer)
        await asyncio.gather(alice.hears(None), bob.hears(None))
        assert all(frame.concealed for frame in await alice.next_frames(5))
        async with asyncio.timeout(5):
            while any(frame.concealed for frame in await bob.next_frames(5)):
                pass  # a tick was late, on a busy machine
        sent = (await bob.session.stats()).packets_sent  # type: ignore[union-attr]

        offer = await alice.session.create_offer()
        answer = await bob.session.create_answer(offer)
        assert (direction(offer), direction(answer)) == ("sendrecv", "sendrecv")
        assert (await bob.session.stats()).packets_sent <= sent + 3  # type: ignore[union-attr]
        await alice.session.set_answer(answer)
        await asyncio.gather(alice.hears(1000), bob.hears(440))
    assert bob.holds == [True, False, True, False]
    assert not alice.holds
    assert len(alice.media) == 2, "re-offers with the same ICE leave the transport alone"


async def test_both_hold_and_take_it_back_in_any_order(party: Make) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    await exchange(alice, bob, held=True)
    await exchange(bob, alice, held=True, answerer_held=True)
    await asyncio.gather(alice.hears(None), bob.hears(None))
    counts = [(await each.session.stats()).packets_sent for each in (alice, bob)]  # type: ignore[union-attr]
    await alice.next_frames(10)
    assert [(await each.session.stats()).packets_sent for each in (alice, bob)] == counts  # type: ignore[union-attr]
    await exchange(alice, bob, answerer_held=True)
    await asyncio.gather(alice.hears(None), bob.hears(None))
    await exchange(bob, alice)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    assert alice.holds[-1] is False
    assert bob.holds[-1] is False
    assert [each.session._peer._ways.current._ice.ice_controlling for each in (alice, bob)] == [True, False], (
        "roles stay"
    )


async def test_ice_dtls_and_mid_stay_over_every_reoffer(party: Make) -> None:
    """jambonz does not reset ICE on a re-INVITE: what either side says of its transport is the same for ever."""
    alice, bob = party(tone(440)), party(tone(1000))
    said: tuple[list[str], list[str]] = ([], [])

    async def offers(who: int, *, held: bool = False, refused: bool = False) -> None:
        sides = (alice, bob)
        said[who].append(await sides[who].session.create_offer(held=held))
        if refused:
            await sides[who].session.rollback()
            return
        said[1 - who].append(await sides[1 - who].session.create_answer(said[who][-1]))
        await sides[who].session.set_answer(said[1 - who][-1])

    await offers(0)
    await asyncio.gather(alice.session.ready(), bob.session.ready())
    for who in (0, 1):
        await offers(who, held=True)
        await offers(1 - who, refused=True)
        await offers(1 - who)
        await offers(who)
    names = ("ice-ufrag", "ice-pwd", "fingerprint", "mid", "candidate", "group", "rtcp-mux")
    for descriptions in said:
        kept = [[line for line in text.splitlines() if line[2:].startswith(names)] for text in descriptions]
        assert kept == [kept[0]] * len(kept)
        assert len(kept[0]) >= len(names)
    await asyncio.gather(alice.hears(1000), bob.hears(440))


async def test_the_called_offers_anew_before_its_answer_is_final(party: Make) -> None:
    """As by UPDATE in an early dialog: its early answer is over then, and there is no other."""
    alice, bob = party(tone(440)), party(tone(1000))
    early = await bob.session.create_answer(await alice.session.create_offer())
    await alice.session.set_answer(early, provisional=True)
    await bob.session.set_answer(await alice.session.create_answer(await bob.session.create_offer(held=True)))
    await asyncio.gather(alice.session.ready(), bob.session.ready())
    assert alice.holds == [True]
    with pytest.raises(MediaError, match="no open offer"):
        await alice.session.set_answer(early)
    await exchange(bob, alice)
    await asyncio.gather(alice.hears(1000), bob.hears(440))


async def test_an_offer_that_was_refused_changes_nothing(party: Make) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    await alice.session.create_offer(held=True)
    await alice.session.rollback()
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    with pytest.raises(MediaError, match="no open offer"):
        await alice.session.set_answer("v=0\r\n")
    await exchange(bob, alice)
    await asyncio.gather(alice.hears(1000), bob.hears(440))


@pytest.mark.parametrize(
    "offer",
    [
        "",
        "nonsense",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
    ],
)
async def test_an_offer_that_cannot_be_used_changes_nothing(party: Make, offer: str) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    with pytest.raises(MediaError) as caught:
        await bob.session.create_answer(offer)
    assert caught.value.code == 488
    await connect(alice, bob)
    with pytest.raises(MediaError):
        await bob.session.create_answer(offer)
    await asyncio.gather(alice.hears(1000), bob.hears(440))


async def test_early_media_and_the_same_answer_again(party: Make) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    answer = await bob.session.create_answer(await alice.session.create_offer())
    await alice.session.set_answer(answer, provisional=True)
    await alice.hears(1000)
    await alice.session.set_answer(answer)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    assert alice.media == [MediaState.CONNECTING, MediaState.CONNECTED]


async def test_another_branch_of_a_fork_takes_over(party: Make) -> None:
    alice, bob, carol = party(tone(440)), party(tone(1000)), party(tone(1500))
    offer = await alice.session.create_offer()
    await alice.session.set_answer(await bob.session.create_answer(offer), provisional=True)
    await alice.hears(1000)
    await alice.session.set_answer(await carol.session.create_answer(offer))
    await bob.session.close()
    await asyncio.gather(alice.hears(1500), carol.hears(440))
    assert alice.media[-1] is MediaState.CONNECTED


async def test_another_branch_of_a_fork_takes_over_from_one_that_offered_anew(party: Make) -> None:
    """Our first offer is used up by then; the branch that answers the call is offered a new one."""
    alice, bob, carol = party(tone(440)), party(tone(1000)), party(tone(1500))
    offer = await alice.session.create_offer()
    await carol.session.create_answer(offer)  # too late for alice
    await alice.session.set_answer(await bob.session.create_answer(offer), provisional=True)
    await alice.hears(1000)
    await exchange(bob, alice)
    again = await alice.session.create_offer(restart=True)
    await alice.session.set_answer(await carol.session.create_answer(again))
    await bob.session.close()
    await asyncio.gather(alice.hears(1500), carol.hears(440))
    assert alice.media[-1] is MediaState.CONNECTED


async def test_media_that_moves_to_another_server_is_followed(party: Make) -> None:
    alice, bob, carol = party(tone(440)), party(tone(1000)), party(tone(1500))
    await connect(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    answer = await alice.session.create_answer(await carol.session.create_offer())
    await carol.session.set_answer(answer)
    await bob.session.close()
    await asyncio.gather(alice.hears(1500), carol.hears(440))
    await exchange(alice, carol, held=True)
    await exchange(alice, carol)
    await asyncio.gather(alice.hears(1500), carol.hears(440))


async def test_play_mixes_over_and_ends(party: Make) -> None:
    alice, bob = party(), party()
    await connect(alice, bob)
    await bob.hears(None)
    endless = alice.session.play(tone(1200))
    await bob.hears(1200)
    endless.stop()
    endless.stop()
    async with asyncio.timeout(2):
        await endless.wait()
        await bob.hears(None)
        await alice.session.play(pcm(b"\0\0" * 4800, 48000)).wait()
    cut = alice.session.play(tone(900))
    early = party().session.play(tone(900))
    await bob.hears(900)
    alice.session.set_source(tone(700))
    cut.stop()
    await bob.hears(700)
    pending = alice.session.play(tone(900))
    await alice.session.close()
    async with asyncio.timeout(2):
        await pending.wait()
        await alice.session.play(tone(900)).wait()
        early.stop()
        await early.wait()


async def test_the_end_of_a_playback_wakes_those_who_wait_on_other_loops(party: Make) -> None:
    """As a notebook's cell does, where the client has a loop of its own."""
    alice, bob = party(), party()
    await connect(alice, bob)
    playback = alice.session.play(tone(1200))
    await bob.hears(1200)
    assert repr(playback) == "<Playback playing>"
    began = time.monotonic()
    waiting = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(asyncio.wait_for(playback.wait(), 8))))
    playback.stop()
    await waiting
    assert time.monotonic() - began < 6, "it was the time limit that woke it"
    assert repr(playback) == "<Playback over>"


async def test_a_source_that_fails_is_silence_and_the_call_goes_on(
    party: Make, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def open(self, rate: int) -> None:
            raise OSError("no such device")

    alice, bob = party(Broken()), party(tone(1000))
    await connect(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(None))
    async with asyncio.timeout(2):
        await alice.session.play(Broken()).wait()  # type: ignore[arg-type]
    assert "no such device" in caplog.text


async def test_a_source_that_blocks_holds_up_nothing_but_itself(party: Make) -> None:
    released = threading.Event()

    class Blocked:
        def open(self, rate: int) -> "Blocked":
            return self

        def read(self) -> None:
            released.wait()

        def close(self) -> None:
            pass

    alice, bob = party(Blocked()), party(tone(1000))
    await connect(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(None))
    stats = await bob.session.stats()
    released.set()
    assert stats is not None
    assert stats.packets_received > 0
    assert stats.packets_lost == 0


async def test_a_sink_gets_what_is_heard_and_may_raise(party: Make, caplog: pytest.LogCaptureFixture) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    loop, heard, enough = asyncio.get_running_loop(), list[bytes](), asyncio.Event()

    def sink(sound: bytes, concealed: bool) -> None:
        heard.append(sound)
        if len(heard) == 10:
            loop.call_soon_threadsafe(enough.set)

    remove = bob.session.add_sink(sink)
    bob.session.add_sink(lambda sound, concealed: [][0])  # type: ignore[index]
    await connect(alice, bob)
    await enough.wait()
    remove()
    await bob.hears(440)
    count = len(heard)
    await bob.next_frames(5)
    assert len(heard) == count
    assert caplog.text.count("IndexError") == 1


async def test_what_nobody_hears_is_not_decoded(party: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[None] = []
    read = Playout.read
    monkeypatch.setattr(Playout, "read", lambda self: decoded.append(None) or read(self))
    alice, bob = party(tone(440), listen=False), party(tone(1000), listen=False)
    await connect(alice, bob)
    subscription = bob.listen()
    await bob.hears(440)
    subscription.dispose()
    alice.listen()
    await alice.hears(1000)  # long enough for what was on its way
    before = len(decoded)
    await alice.next_frames(10)
    assert len(decoded) - before <= 13, "one side listens, the other not any more"


@pytest.mark.parametrize("codecs", [("opus", "opus"), ("PCMU", "PCMU"), ("opus", "PCMU")])
async def test_a_relay_passes_packets_on_or_transcodes(party: Make, codecs: tuple[str, str]) -> None:
    alice, bob = (party(tone(hz), preferred_codecs=(codec,)) for hz, codec in zip((440, 1000), codecs, strict=True))
    near, far = party(tone(2000)), party(tone(2000))
    await asyncio.gather(connect(alice, near), connect(bob, far))
    await asyncio.gather(alice.hears(2000), bob.hears(2000))
    near.session.relay_to(far.session)
    far.session.relay_to(near.session)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    alice.session.set_muted(True)
    await bob.hears(None)
    near.session.relay_to(None)
    far.session.relay_to(None)
    await asyncio.gather(alice.hears(2000), bob.hears(2000))
    stats = await bob.session.stats()
    assert stats is not None
    assert stats.packets_lost == 0


async def test_a_relay_to_itself_is_an_echo(party: Make) -> None:
    alice, robot = party(tone(440)), party()
    robot.session.relay_to(robot.session)
    await connect(alice, robot)
    await alice.hears(440)


async def test_an_application_that_is_blocked_loses_frames_only(party: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "jzrx.media")
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    time.sleep(2.6)  # noqa: ASYNC251 - what is tested
    await asyncio.gather(alice.hears(1000), bob.hears(440))
    steps = [later.timestamp - earlier.timestamp for earlier, later in zip(bob.heard, bob.heard[1:], strict=False)]
    assert max(steps) > 0.3
    stats = await bob.session.stats()
    assert stats is not None
    assert stats.packets_lost == 0
    assert "2 s behind" in caplog.text


async def test_an_application_that_sleeps_200_ms_at_a_time_loses_no_tick(party: Make) -> None:
    alice, bob = party(tone(440), listen=False), party(listen=False)
    ticks: list[float] = []
    bob.session.add_sink(lambda sound, concealed: ticks.append(time.perf_counter()))
    await connect(alice, bob)
    began = time.perf_counter()
    for _ in range(5):
        time.sleep(0.2)  # noqa: ASYNC251 - that is the point
        await asyncio.sleep(0)
    seconds = time.perf_counter() - began
    passed = [tick for tick in ticks if tick > began]
    assert len(passed) >= seconds / 0.02 - 4
    assert sum(late - early > 0.04 for early, late in itertools.pairwise(passed)) <= 2
    stats = await bob.session.stats()
    assert stats is not None
    assert stats.packets_lost == 0


async def test_a_plain_rtp_offer_is_refused_with_what_to_do(party: Make) -> None:
    server, alice = party(srtp=False), party()
    offer = await server.session.create_offer()
    assert "m=audio 9 RTP/AVP" in offer
    assert "fingerprint" not in offer
    with pytest.raises(MediaError, match="wss") as caught:
        await alice.session.create_answer(offer)
    assert caught.value.code == 488
    assert (caught.value.warning or "").startswith("304 ")
    with pytest.raises(MediaError, match="plain RTP"):
        await server.session.set_answer(offer)
