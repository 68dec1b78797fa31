"""What a call sends and hears, and how well."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

import jzrx
from jzrx import CallError, CallQualityStats
from jzrx.media import pcm, tone
from jzrx.testing import EmbeddedSbc
from tests.bench import Bench, inbound, outbound, told


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.connected()
    yield bench
    await bench.close()


# --- media -----------------------------------------------------------------------------------------------------------


async def test_an_answered_call_without_media_is_ended(bench: Bench) -> None:
    bench.media.connects = False
    call = await outbound(bench)
    heard = told(call)
    await bench.pass_time(9.5)
    assert call.state == "connected"
    await bench.pass_time(1)
    assert heard[-1][0] == "ended"
    assert (heard[-1][1].code, heard[-1][1].reason) == (408, "No media path")
    assert len(bench.sent("BYE")) == 1


async def test_media_that_fails_ends_the_call_at_once(bench: Bench) -> None:
    bench.media.connects = False
    call = await outbound(bench)
    bench.session(call.id).fail()
    assert call.state == "ended"
    assert (await call.finished()).code == 408


async def test_media_that_fails_later_does_not(bench: Bench) -> None:
    call = await outbound(bench)
    bench.peer.answers["INVITE"] = 488  # to what would bring it back
    bench.session(call.id).fail()
    await bench.pass_time(15)
    assert (call.state, call.snapshot.value.media) == ("connected", "failed")


async def test_audio_plays_and_is_heard(bench: Bench) -> None:
    call = bench.client.call("bob")
    frames: list[Any] = []
    call.audio.incoming.subscribe(frames.append, on_completed=lambda: frames.append("over"))
    playback = call.audio.play(tone())
    session = bench.session(call.id)
    session.hear(jzrx.AudioFrame(b"\0" * 1920))
    call.audio.source = other = tone(880)
    assert session.source is other
    assert call.audio.source is other
    call.hangup()
    await asyncio.wait_for(playback.wait(), 5)
    await bench.catch_up()
    assert [type(frame).__name__ for frame in frames] == ["AudioFrame", "str"]
    with pytest.raises(CallError, match="has ended"):
        call.audio.play(tone())
    with pytest.raises(CallError, match="has ended"):
        call.audio.source = tone()


@pytest.mark.parametrize("what", ["hello.wav", Path("hello.wav"), b"\0\0", 440])
async def test_what_is_no_source_is_refused_at_once(bench: Bench, what: Any) -> None:
    call = await outbound(bench)
    with pytest.raises(ValueError, match="audio source"):
        call.audio.play(what)
    with pytest.raises(ValueError, match="audio source"):
        call.audio.source = what
    with pytest.raises(ValueError, match="None"):
        call.audio.play(None)  # pyright: ignore[reportArgumentType]


async def test_an_iterator_is_good_for_one_call_and_the_second_says_so_at_once() -> None:
    async with (
        EmbeddedSbc(users={"alice": "x"}) as sbc,
        jzrx.create_jambonz_client(server=sbc.url, username="alice", password="x", speaker=False) as alice,
    ):
        once = pcm(iter([b"\0\0" * 160]), 8000)
        call = alice.call("echo", audio=once)
        with pytest.raises(ValueError, match="used already"):
            alice.call("echo", audio=once)
        with pytest.raises(ValueError, match="used already"):
            alice.call("echo", audio=lambda: once)
        with pytest.raises(ValueError, match="used already"):
            call.audio.play(once)
        await call.answered()
        assert list(alice.calls) == [call.id]


async def test_audio_that_is_asked_for_before_the_answer_begins_with_it(bench: Bench) -> None:
    call = await inbound(bench)
    frames: list[Any] = []
    call.audio.incoming.subscribe(frames.append)
    call.audio.source = base = tone(880)
    playing, stopped = call.audio.play(tone()), call.audio.play(tone())
    stopped.stop()
    await asyncio.wait_for(stopped.wait(), 5)
    assert [repr(shown) for shown in (playing, stopped, call.audio)] == [
        "<Playback pending>",
        "<Playback over>",
        "<CallAudio not begun>",
    ]
    call.answer()
    session = bench.session(call.id)
    session.hear(jzrx.AudioFrame(b"\0" * 1920))
    assert len(frames) == 1
    assert session.source is base
    assert len(session.played) == 1
    session.played[0].finish()
    await asyncio.wait_for(playing.wait(), 5)
    playing.stop()


async def test_audio_of_a_call_that_is_never_answered_ends(bench: Bench) -> None:
    call = await inbound(bench)
    ends: list[str] = []
    call.audio.incoming.subscribe(on_completed=lambda: ends.append("incoming"))
    playing = call.audio.play(tone())
    call.hangup()
    await asyncio.wait_for(playing.wait(), 5)
    assert ends == ["incoming"]


async def test_audio_from_another_thread(bench: Bench) -> None:
    call = await asyncio.to_thread(lambda: bench.client.call("bob"))
    await asyncio.to_thread(lambda: call.audio.play(tone()))
    await bench.pass_time(0.1)
    assert len(bench.session(call.id).played) == 1


async def test_media_that_cannot_be_made_fails_the_call(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise OSError("no sockets left")

    ringing = await inbound(bench)
    monkeypatch.setattr(bench.media, "session", broken)
    action = bench.client.make_call("bob")
    with pytest.raises(CallError, match="no sockets left") as caught:
        await bench.finish(action)
    assert caught.value.code == 500
    with pytest.raises(CallError, match="no sockets left"):
        await bench.finish(ringing.answer())
    assert ringing.state == "ringing"
    assert "no sockets left" in caplog.text
    ringing.hangup()


# --- quality ---------------------------------------------------------------------------------------------------------

QUALITY = CallQualityStats(
    round_trip_time=20.0,
    jitter=1.0,
    packet_loss=0.1,
    packets_sent=100,
    packets_received=90,
    packets_lost=10,
    codec="opus",
    timestamp=1.0,
)


async def test_stats_are_none_until_media_is_up(bench: Bench) -> None:
    call = await outbound(bench)
    assert await bench.finish(call.get_stats()) is None
    bench.session(call.id).quality = QUALITY
    assert await bench.finish(call.get_stats()) == QUALITY


async def test_monitoring_samples_the_loss_of_each_interval(bench: Bench) -> None:
    call = bench.client.call("bob")
    heard: list[CallQualityStats] = []
    call.on("qualityStats", heard.append)
    call.start_quality_monitoring(500)  # before there is media: it waits for it
    session = bench.session(call.id)
    session.quality = QUALITY
    bench.answers()
    await bench.until(lambda: call.state == "connected")
    await bench.pass_time(0.1)
    assert heard == [QUALITY]  # at once
    session.quality = evolve(QUALITY, packets_received=120, packets_lost=20, packet_loss=0.14)
    await bench.pass_time(0.5)
    session.quality = evolve(QUALITY, packets_received=150, packets_lost=19, packet_loss=0.11)
    await bench.pass_time(0.5)
    assert [sample.packet_loss for sample in heard] == [0.1, 0.25, 0.0]
    assert call.snapshot.value.quality is heard[-1]
    call.stop_quality_monitoring()
    await bench.pass_time(2)
    assert len(heard) == 3
    for interval_ms in (0, 10**400):
        with pytest.raises(ValueError, match="interval_ms"):
            call.start_quality_monitoring(interval_ms)


async def test_the_first_sample_comes_with_the_media() -> None:
    async with (
        EmbeddedSbc(users={"alice": "x"}) as sbc,
        jzrx.create_jambonz_client(server=sbc.url, username="alice", password="x", speaker=False) as alice,
    ):
        call = alice.call("echo")
        first: asyncio.Future[CallQualityStats] = asyncio.get_running_loop().create_future()
        call.on("qualityStats", first.set_result)
        call.start_quality_monitoring(3_600_000)
        async with asyncio.timeout(10):
            sample = await first
        assert sample.codec == "opus"
        assert call.snapshot.value.quality is sample
