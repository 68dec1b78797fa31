"""quality-metrics.spec: how good a call is."""

import inspect
import time

from jzrx import CallQualityStats, JambonzCall
from jzrx.testing import heard
from tests.bench import Bench
from tests.reference.conftest import Phone


async def test_58_there_is_get_stats_and_none_before_there_is_audio(bench: Bench) -> None:
    call = bench.client.call("bob")
    assert await bench.finish(call.get_stats()) is None


def test_59_monitoring_can_be_started_every_2_s_by_default() -> None:
    (_, interval) = inspect.signature(JambonzCall.start_quality_monitoring).parameters.values()
    assert (interval.name, interval.default) == ("interval_ms", 2000)


async def test_60_monitoring_can_be_stopped(bench: Bench) -> None:
    bench.answers()
    call = bench.client.call("bob")
    await bench.until(lambda: call.state == "connected")
    bench.session(call.id).quality = CallQualityStats(None, 1.0, 0.0, 1, 1, 0, "opus", 0.0)
    samples: list[CallQualityStats] = []
    call.on("qualityStats", samples.append)
    call.start_quality_monitoring(1000)
    await bench.pass_time(2.5)
    taken = len(samples)
    assert taken == 3, "the first at once"
    call.stop_quality_monitoring()
    call.stop_quality_monitoring()
    await bench.pass_time(5)
    assert len(samples) == taken


async def test_61_stats_have_the_documented_fields_units_and_ranges(phone: Phone) -> None:
    alice = await phone("alice")
    call = alice.call("echo")
    await heard(call, 1.0)
    stats = await call.get_stats()
    assert stats is not None
    assert stats.packets_sent >= 10
    assert stats.packets_received >= 10
    assert 0 <= stats.packets_lost <= stats.packets_received
    assert 0.0 <= stats.packet_loss <= 1.0
    assert 0.0 <= stats.jitter < 1000, "milliseconds"
    assert stats.round_trip_time is None or 0.0 < stats.round_trip_time < 1000, "milliseconds"
    assert stats.codec == "opus"
    assert abs(stats.timestamp - time.time()) < 60, "Unix time in seconds"
    assert stats.mos is None or 1.0 <= stats.mos <= 4.5
