"""multi-call.spec: several calls of one client."""

from collections.abc import Mapping

import pytest

from tests.bench import Bench, outbound


async def test_48_calls_is_a_mapping_to_be_read_only(bench: Bench) -> None:
    calls = bench.client.calls
    assert isinstance(calls, Mapping)
    with pytest.raises(TypeError):
        calls["1"] = None  # type: ignore[index]


async def test_49_there_is_no_call_at_first(bench: Bench) -> None:
    assert (bench.client.call_count, dict(bench.client.calls)) == (0, {})


async def test_50_a_call_counts_at_once(bench: Bench) -> None:
    call = bench.client.call("bob")
    assert (bench.client.call_count, dict(bench.client.calls)) == (1, {call.id: call})


async def test_51_two_calls_count_and_have_audio_of_their_own(bench: Bench) -> None:
    first = await outbound(bench, "bob")
    assert bench.client.call_count == 1
    second = await outbound(bench, "carol")
    assert list(bench.client.calls.values()) == [first, second]
    one, other = bench.session(first.id), bench.session(second.id)
    first.mute()
    await bench.finish(first.hold())
    assert (one.is_muted, other.is_muted, one.is_held, other.is_held) == (True, False, True, False)
    await bench.finish(first.hangup())
    assert (one.is_closed, other.is_closed) == (True, False)
    assert (second.state, bench.client.call_count) == ("connected", 1)


@pytest.mark.parametrize("answered", [True, False])
async def test_52_a_call_has_left_when_its_end_is_told(bench: Bench, answered: bool) -> None:
    if answered:
        bench.answers()
    call = bench.client.call("bob")
    await bench.pass_time(0.2)
    assert bench.client.call_count == 1
    inside: list[tuple[int, bool, str]] = []

    def ended(_: object) -> None:
        inside.append((bench.client.call_count, call.id in bench.client.calls, call.state))

    call.on("ended", ended)
    call.on("failed", ended)
    call.hangup()
    assert inside == [(0, False, "ended")]
