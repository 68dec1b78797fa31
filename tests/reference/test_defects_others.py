"""D26 to D29: what the reference SDK does not keep of its promises about quality, devices and hooks, and jzrx does."""

import asyncio
import inspect

import pytest

import jzrx
from jzrx import (
    CallQualityStats,
    JambonzAudioManager,
    JambonzClient,
    UseJambonzClient,
    create_jambonz_client,
    use_call,
    use_jambonz_client,
)
from jzrx.hooks.use_jambonz_client import UseJambonzClient as Hook
from jzrx.testing import EmbeddedSbc
from tests.bench import Bench, answered, inbound, outbound, told
from tests.pulseaudio import PulseAudio, eventually
from tests.reference.conftest import Phone


async def test_d26_monitoring_may_begin_before_there_is_audio_and_samples_make_sense(phone: Phone) -> None:
    alice = await phone("alice")
    call = alice.call("echo")
    samples: list[CallQualityStats] = []
    enough = asyncio.Event()
    call.on("qualityStats", lambda stats: (samples.append(stats), len(samples) == 4 and enough.set()))
    call.start_quality_monitoring(interval_ms=200)
    await call.answered()
    await asyncio.wait_for(enough.wait(), 10)
    assert {stats.codec for stats in samples} == {"opus"}
    assert all(0.0 <= stats.packet_loss <= 1.0 and stats.packets_lost >= 0 for stats in samples)
    assert [stats.packets_sent for stats in samples] == sorted(stats.packets_sent for stats in samples)
    assert all(stats.round_trip_time is None or 0 < stats.round_trip_time < 1000 for stats in samples)


async def test_d26_loss_is_that_of_the_interval(bench: Bench) -> None:
    call = await outbound(bench)
    seen: list[float] = []
    call.on("qualityStats", lambda stats: seen.append(stats.packet_loss))
    session = bench.session(call.id)
    session.quality = CallQualityStats(None, 1.0, 0.5, 100, 50, 50, "opus", 0.0)
    call.start_quality_monitoring(1000)
    await bench.pass_time(0.5)
    session.quality = CallQualityStats(20.0, 1.0, 0.33, 150, 100, 50, "opus", 1.0)
    await bench.pass_time(1)
    assert seen[-1] == 0.0, "50 more were expected, and 50 came"


@pytest.mark.devices
async def test_d27_a_manager_of_ones_own_moves_the_calls_audio(sbc: EmbeddedSbc, pulseaudio: PulseAudio) -> None:
    async with create_jambonz_client(server=sbc.url, username="alice", password="secret") as alice:
        manager = JambonzAudioManager(alice)
        call = alice.call("tone")
        await call.media_ready()
        await asyncio.to_thread(eventually, lambda: pulseaudio.streams() == ["mic1", "spk1"])
        assert await manager.set_output_device("spk2") is True
        await asyncio.to_thread(eventually, lambda: pulseaudio.streams() == ["mic1", "spk2"])
        assert await manager.set_output_device("nowhere") is False
        assert await manager.set_output_device("mic2") is False
        await asyncio.to_thread(eventually, lambda: pulseaudio.streams() == ["mic1", "spk2"])
        await call.hangup()
    await asyncio.to_thread(eventually, lambda: not pulseaudio.streams())


async def test_d28_a_second_caller_does_not_overwrite_the_first(bench: Bench) -> None:
    with use_call(bench.client) as line:
        first, second = await inbound(bench, 1, "Bob"), await inbound(bench, 2, "Carol")
        assert line.incoming_caller.value == "Bob"
        first.hangup()
        assert line.incoming_caller.value == "Carol"
        second.hangup()
        assert line.incoming_caller.value is None


async def test_d28_answering_holds_the_live_call_which_comes_back(bench: Bench) -> None:
    with use_call(bench.client) as line:
        live = await outbound(bench)
        await inbound(bench, 1, "Bob")
        answering = line.answer_incoming()
        await bench.until(lambda: line.call.value is not live)
        await bench.pass_time(0.2)
        bench.acknowledge()
        await bench.finish(answering)
        assert (live.is_held, line.state.value) == (True, "connected")
        line.hangup()
        assert (line.call.value, line.state.value) == (live, "held")


async def test_d28_a_call_shows_before_make_call_returns(bench: Bench) -> None:
    with use_call(bench.client) as line:
        shown: list[object] = []
        line.snapshot.subscribe(lambda now: shown.append((now.call, now.state, now.is_active)))
        line.make_call("bob")
        call = line.call.value
        assert call is not None
        assert (line.state.value, line.is_active.value) == ("idle", False)
        assert shown[-1] == (call, "idle", False)
        bench.answers()
        await bench.until(lambda: line.is_active.value)


async def test_d28_the_hook_connects_with_all_its_options_and_raises() -> None:
    bench = Bench(display_name="Alice of Desk 7")
    phone = Hook(bench.options, parts=bench.parts)
    await bench.finish(phone.connect())
    assert bench.sent("REGISTER")[-1].from_.display_name == "Alice of Desk 7"
    await bench.finish(phone.disconnect())
    bench.peer.answers["REGISTER"] = 403
    with pytest.raises(jzrx.RegistrationError):
        await bench.finish(phone.connect())
    phone.dispose()


async def test_d28_events_of_a_client_that_is_gone_do_not_land(idle_bench: Bench) -> None:
    phone = Hook(idle_bench.options, parts=idle_bench.parts)
    await idle_bench.finish(phone.connect())
    old = phone.client.value
    assert old is not None
    await idle_bench.finish(phone.disconnect())
    await idle_bench.finish(phone.connect())
    shown: list[object] = []
    phone.snapshot.subscribe(shown.append)
    await idle_bench.finish(old.disconnect())
    assert (phone.state.value, len(shown)) == ("registered", 1)
    await idle_bench.finish(phone.disconnect())
    phone.dispose()


# --- what the documentation says is what is done ---------------------------------------------------------------------


async def test_d29_connect_twice_is_what_the_documentation_says(bench: Bench) -> None:
    with pytest.raises(jzrx.ConnectionError, match="Already connected"):
        bench.client.connect()
    assert "ConnectionError when connected already" in (JambonzClient.connect.__doc__ or "")


def test_d29_disposing_the_hook_disconnects_as_it_says() -> None:
    assert "`dispose()` disconnects" in (inspect.getdoc(UseJambonzClient) or "")
    phone = use_jambonz_client(server="ws://localhost:1", username="alice", password="secret")
    phone.dispose()
    with pytest.raises(jzrx.JambonzError, match="disposed"):
        phone.connect()


async def test_d29_a_microphone_that_cannot_be_had_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def denied(*_: object) -> None:
        raise PermissionError("no microphone for you")

    monkeypatch.setattr(bench.media, "session", denied)
    call = bench.client.call("bob")
    heard = told(call)
    await bench.until(lambda: call.state == "ended")
    assert [(name, cause.code, cause.reason) for name, cause in heard if name == "failed"] == [
        ("failed", 500, "No media: no microphone for you")
    ]
    with pytest.raises(jzrx.CallError, match="no microphone for you"):
        await call.answered()
    assert "could not be made" in caplog.text


async def test_d29_stats_are_returned_and_only_monitoring_emits_them(bench: Bench) -> None:
    call = await answered(bench)
    heard = told(call)
    bench.session(call.id).quality = CallQualityStats(None, 1.0, 0.0, 1, 1, 0, "opus", 0.0)
    assert await bench.finish(call.get_stats()) == bench.session(call.id).quality
    assert heard == []
    call.start_quality_monitoring()
    await bench.pass_time(0.1)
    assert [name for name, _ in heard] == ["qualityStats"]
    assert "qualityStats" in (inspect.getdoc(call.start_quality_monitoring) or "")
