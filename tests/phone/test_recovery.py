"""When ICE is restarted, in virtual time: a path that died, a connection that came back; at most three times."""

from collections.abc import AsyncIterator

import pytest

from jzrx import CallError, JambonzCall
from jzrx.types import MediaState
from tests.bench import SDP, Bench, answered, outbound


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.connected()
    yield bench
    await bench.close()


def reinvites(bench: Bench) -> int:
    return len(bench.sent("INVITE")) - 1


async def test_a_path_that_died_is_made_anew(bench: Bench) -> None:
    call = await outbound(bench)
    session = bench.session(call.id)
    session.fail("consent was lost")
    assert call.snapshot.value.media is MediaState.FAILED
    await bench.until(lambda: call.snapshot.value.media is MediaState.CONNECTED, 2)
    assert session.restarts == reinvites(bench) == 1
    assert call.state == "connected"
    session.fail()
    await bench.until(lambda: call.snapshot.value.media is MediaState.CONNECTED, 2)
    assert session.restarts == 2


async def test_after_three_refusals_whoever_talks_decides(bench: Bench) -> None:
    call = await outbound(bench)
    bench.peer.answers["INVITE"] = 488
    bench.session(call.id).fail()
    await bench.pass_time(1)
    assert bench.session(call.id).restarts == 1
    await bench.pass_time(7)
    assert bench.session(call.id).restarts == 3
    await bench.pass_time(60)
    assert bench.session(call.id).restarts == reinvites(bench) == 3
    assert (call.state, call.snapshot.value.media) == ("connected", MediaState.FAILED)


async def test_after_three_paths_that_did_not_come_up_either(bench: Bench) -> None:
    call = await outbound(bench)
    session = bench.session(call.id)
    session.connects = False
    session.fail()
    for restart in (1, 2, 3):
        await bench.until(lambda restart=restart: reinvites(bench) == restart)
        await bench.pass_time(0.5)
        session.fail("nobody answers")
    await bench.pass_time(60)
    assert session.restarts == 3
    assert call.state == "connected"


async def test_a_path_that_comes_back_by_itself_is_left_alone(bench: Bench) -> None:
    call = await outbound(bench)
    bench.peer.answers["INVITE"] = 488
    session = bench.session(call.id)
    session.fail()
    await bench.pass_time(1)
    session.connect()
    await bench.pass_time(60)
    assert session.restarts == 1


async def test_a_call_that_the_other_side_does_not_know_any_more_ends(bench: Bench) -> None:
    call = await outbound(bench)
    bench.peer.answers["INVITE"] = 481
    bench.session(call.id).fail()
    await bench.until(lambda: call.state == "ended", 2)


async def test_when_the_connection_is_back_every_call_gets_a_new_path(bench: Bench) -> None:
    first, second = await outbound(bench), await answered_call(bench)
    sent = len(bench.sent("INVITE"))
    bench.peer.wire.drop()
    await bench.until(lambda: bench.client.state == "reconnecting")
    bench.session(first.id).fail()  # and that waits
    await bench.until(lambda: bench.client.state == "registered")
    await bench.pass_time(2)
    assert [bench.session(call.id).restarts for call in (first, second)] == [1, 1]
    assert len(bench.sent("INVITE")) == sent + 2
    assert {str(call.snapshot.value.media) for call in (first, second)} == {"connected"}
    await bench.pass_time(60)
    assert len(bench.sent("INVITE")) == sent + 2


async def test_a_held_call_stays_held(bench: Bench) -> None:
    call = await outbound(bench)
    await bench.finish(call.hold())
    bench.session(call.id).fail()
    await bench.until(lambda: bench.session(call.id).restarts == 1)
    await bench.pass_time(1)
    assert call.is_held
    assert bench.session(call.id).is_held
    assert bench.sent("INVITE")[-1].body.decode().count("a=sendonly") == 1


async def test_by_hand(bench: Bench) -> None:
    call = await outbound(bench)
    await bench.finish(call.restart_ice())
    assert bench.session(call.id).restarts == 1
    bench.peer.answers["INVITE"] = 488
    with pytest.raises(CallError, match="restart was refused: 488"):
        await bench.finish(call.restart_ice())
    assert call.state == "connected"
    ringing = bench.client.call("carol")
    with pytest.raises(CallError, match="not answered yet"):
        ringing.restart_ice()


async def test_a_call_that_never_had_a_path_is_no_matter_of_this(bench: Bench) -> None:
    bench.media.connects = False
    bench.answers()
    call = bench.client.call("bob")
    await bench.until(lambda: call.state == "connected")
    bench.session(call.id).fail()
    await bench.until(lambda: call.state == "ended", 2)
    assert bench.session(call.id).restarts == 0


async def answered_call(bench: Bench) -> JambonzCall:
    call = await answered(bench)
    bench.acknowledge()
    await bench.until(lambda: call.state == "connected")
    bench.answers(SDP)
    return call
