"""Several calls at once, calls from inside handlers, and from other threads."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

import jzrx
from jzrx import CallEndCause, CallError, JambonzCall
from jzrx.sip.message import Response
from tests.bench import SDP, Bench, inbound, outbound, told


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.connected()
    yield bench
    await bench.close()


# --- several calls ---------------------------------------------------------------------------------------------------


async def test_calls_are_independent(bench: Bench) -> None:
    first, second = await outbound(bench), await outbound(bench, "carol")
    assert (bench.client.call_count, bench.client.current_call) == (2, second)
    first.mute()
    assert (first.is_muted, second.is_muted) == (True, False)
    second.hangup()
    assert first.state == "connected"
    assert bench.client.current_call is first
    assert not bench.session(first.id).is_closed


async def test_make_call_holds_first(bench: Bench) -> None:
    first = await outbound(bench)
    states: list[str] = []
    first.snapshot.subscribe(lambda now: states.append(str(now.state)))
    action = bench.client.make_call("carol")
    second = bench.client.current_call
    assert second is not None
    assert second is not first
    assert second.state == "idle"
    assert await bench.finish(action) is second
    assert states == ["connected", "held"]
    order = [str(invite.uri) for invite in bench.sent("INVITE")]
    assert "carol" in order[-1]
    second.hangup()
    assert bench.client.current_call is first
    assert first.state == "held"


async def test_make_call_whose_hold_is_refused_changes_nothing(bench: Bench) -> None:
    first = await outbound(bench)
    bench.peer.answers["INVITE"] = 488
    with pytest.raises(CallError) as caught:
        await bench.finish(bench.client.make_call("carol"))
    assert caught.value.code == 488
    assert (bench.client.current_call, bench.client.call_count, first.state) == (first, 1, "connected")
    assert not any("carol" in str(invite.uri) for invite in bench.sent("INVITE"))


async def test_a_refused_hold_brings_no_other_call_to_the_front(bench: Bench) -> None:
    held = await outbound(bench, "held")
    await bench.finish(held.hold())
    second = await outbound(bench, "second")
    bench.peer.answers["INVITE"] = 488
    with pytest.raises(CallError):
        await bench.finish(bench.client.make_call("carol"))
    assert (bench.client.current_call, second.state, held.state) == (second, "connected", "held")


@pytest.mark.parametrize("status", [200, 488])
async def test_a_new_call_may_be_hung_up_while_the_hold_is_under_way(bench: Bench, status: int) -> None:
    first = await outbound(bench)
    bench.peer.answers["INVITE"] = ()
    action = bench.client.make_call("carol")
    await bench.pass_time(0.1)
    second = bench.client.current_call
    assert second is not None
    second.hangup()
    with pytest.raises(CallError) as caught:
        await bench.finish(action)
    assert caught.value.code == 487
    bench.peer.reply("INVITE", status, sdp=SDP if status == 200 else None)
    await bench.pass_time(0.2)
    assert first.state == ("held" if status == 200 else "connected")
    await bench.finish(bench.client.send_message("bob", "the signalling lives"))


async def test_a_call_that_ends_while_it_is_put_on_hold_is_no_obstacle(bench: Bench) -> None:
    first = await outbound(bench)
    bench.peer.answers["INVITE"] = ()
    action = bench.client.make_call("carol")
    await bench.pass_time(0.1)
    bench.answers()
    first.hangup()
    second = await bench.finish(action)
    assert (first.state, second.state, bench.client.current_call) == ("ended", "connected", second)


async def test_answer_incoming_holds_first_and_takes_the_oldest(bench: Bench) -> None:
    first = await outbound(bench)
    second, third = await inbound(bench, 1, "Bob"), await inbound(bench, 2, "Carol")
    bench.answers()
    action = bench.client.answer_incoming()
    assert second.state == "ringing"
    await bench.until(lambda: first.state == "held")
    await bench.until(
        lambda: any(
            isinstance(m, Response) and m.status_code == 200 and m.call_id == "call1" for m in bench.peer.received
        )
    )
    bench.acknowledge()
    await bench.finish(action)
    assert (second.state, third.state, bench.client.current_call) == ("connected", "ringing", second)
    bench.client.decline_incoming(480)
    assert third.state == "ended"
    assert bench.client.decline_incoming().done
    with pytest.raises(CallError, match="no incoming"):
        bench.client.answer_incoming()
    second.hangup()
    assert bench.client.current_call is first


async def test_answer_incoming_whose_hold_is_refused_changes_nothing(bench: Bench) -> None:
    first = await outbound(bench)
    second = await inbound(bench)
    bench.peer.answers["INVITE"] = 488
    with pytest.raises(CallError):
        await bench.finish(bench.client.answer_incoming())
    assert (first.state, second.state, bench.client.current_call) == ("connected", "ringing", first)


async def test_a_call_is_answered_once_while_the_hold_is_under_way(bench: Bench) -> None:
    await outbound(bench)
    incoming = await inbound(bench)
    answering = bench.client.answer_incoming()
    with pytest.raises(CallError, match="answered already"):
        bench.client.answer_incoming()
    await bench.until(lambda: incoming.state == "connecting")
    await bench.until(lambda: any(isinstance(m, Response) and m.status_code == 200 for m in bench.peer.received))
    bench.acknowledge()
    await bench.finish(answering)


async def test_a_call_survives_a_drop(bench: Bench) -> None:
    call = await outbound(bench)
    bench.peer.wire.drop()
    with pytest.raises(jzrx.ConnectionError, match="Not connected"):
        bench.client.call("carol")
    call.mute()
    await bench.until(lambda: bench.client.state == "registered")
    assert call.state == "connected"
    await bench.finish(call.hold())


# --- from inside handlers ---------------------------------------------------------------------------------------------


async def test_a_handler_may_call_again(bench: Bench) -> None:
    again: list[JambonzCall] = []
    heard: list[Any] = []

    def redial(cause: CallEndCause) -> None:
        call = bench.client.call("carol")
        assert (call.state, call.remote_identity) == ("idle", "carol")
        again.append(call)
        heard.extend([told(call)])

    bench.peer.answers["INVITE"] = 486
    bench.client.call("bob").once("failed", redial)
    await bench.until(lambda: again)
    await bench.until(lambda: again[0].state == "ended")
    assert [event for event in heard[0] if event[0] == "stateChanged"] == [
        ("stateChanged", "connecting"),
        ("stateChanged", "ended"),
    ]


async def test_a_handler_may_answer_or_decline(bench: Bench) -> None:
    decide = {"Bob": lambda call: call.answer(), "Carol": lambda call: call.hangup(603)}
    bench.client.on("incoming", lambda call: decide[call.remote_identity](call))
    bench.invite(1, "Bob")
    bench.invite(2, "Carol")
    await bench.pass_time(0.2)
    assert {
        m.call_id: m.status_code
        for m in bench.peer.received
        if isinstance(m, Response) and m.status_code >= 200 and m.cseq.method == "INVITE"
    } == {"call1": 200, "call2": 603}


async def test_a_subscriber_that_acts_does_not_disorder_the_others(bench: Bench) -> None:
    call = await outbound(bench)
    rows: list[tuple[str, bool]] = []
    call.snapshot.subscribe(lambda now: now.is_held and not now.is_muted and call.mute())
    call.snapshot.subscribe(lambda now: rows.append((str(now.state), now.is_muted)))
    await bench.finish(call.hold())
    assert rows == [("connected", False), ("held", False), ("held", True)]


# --- threads ---------------------------------------------------------------------------------------------------------


async def test_actions_from_another_thread_are_handed_over_in_order(bench: Bench) -> None:
    loop_thread = threading.get_ident()
    threads: set[int] = set()
    heard: list[Any] = []

    def act() -> JambonzCall:
        call = bench.client.call("bob")
        assert call.state in ("idle", "connecting")
        call.on("mute", lambda muted: (heard.append(muted), threads.add(threading.get_ident())))
        call.mute()
        call.unmute()
        call.mute()
        with pytest.raises(CallError):
            call.hold()
        return call

    call = await asyncio.to_thread(act)
    await bench.pass_time(0.1)
    assert heard == [True, False, True]
    assert threads == {loop_thread}
    assert dict(bench.client.calls) == {call.id: call}
    assert bench.sent("INVITE")


async def test_snapshots_of_a_call_are_consistent_with_the_client(bench: Bench) -> None:
    call = bench.client.call("bob")
    glitches: list[Any] = []

    def check(_: Any) -> None:
        ours, clients = call.snapshot.value, bench.client.snapshot.value.calls.get(call.id)
        if clients is not None and clients is not ours:
            glitches.append((ours, clients))

    call.snapshot.subscribe(check)
    bench.client.snapshot.subscribe(check)
    bench.answers()
    await bench.until(lambda: call.state == "connected")
    call.mute()
    await bench.finish(call.hold())
    call.hangup()
    assert glitches == []


async def test_reads_from_another_thread_while_calls_end(bench: Bench) -> None:
    errors: list[BaseException] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            try:
                calls = list(bench.client.calls.values())
                assert all(call.state for call in [*calls, bench.client.current_call] if call is not None)
            except BaseException as error:
                errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(300):
            bench.client.call("bob").hangup()
    finally:
        over.set()
        reader.join()
        sys.setswitchinterval(interval)
    assert errors == []
