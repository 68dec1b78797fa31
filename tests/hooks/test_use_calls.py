"""`use_calls`: all calls of a client at one moment, and what a phone with several lines does with them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from reactivex.subject import BehaviorSubject

import jzrx
from jzrx import CallError, JambonzClient, JambonzError, UseCalls, UseJambonzClient, use_call, use_calls
from jzrx.sip.message import Response
from tests.bench import Bench, inbound, outbound


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.connected()
    yield bench
    await bench.close()


def seen(hook: UseCalls) -> list[Any]:
    """Whom each call is with and its state, the current one's party, who rings, who is held; now and at each change."""
    rows: list[Any] = []

    def row(now: jzrx.UseCallsSnapshot) -> None:
        names = {call.id: call.remote_identity for call in now.calls}
        after = (
            {names[call_id]: str(call.state) for call_id, call in now.call_snapshots.items()},
            now.current and now.current.remote_identity,
            [call.remote_identity for call in now.incoming],
            [call.remote_identity for call in now.held],
        )
        if rows[-1:] != [after]:  # else the audio path came up
            rows.append(after)

    hook.snapshot.subscribe(row)
    return rows


async def acknowledged(bench: Bench, call_id: str = "call1") -> None:
    """The caller gets our 200 and acknowledges it."""
    await bench.until(
        lambda: any(
            isinstance(m, Response) and (m.status_code, m.call_id) == (200, call_id) for m in bench.peer.received
        )
    )
    bench.acknowledge()


def test_without_a_client_there_are_no_calls() -> None:
    hook = use_calls(None)
    assert (hook.calls.value, dict(hook.call_snapshots.value), hook.current.value) == ((), {}, None)
    assert (hook.incoming.value, hook.held.value) == ((), ())
    assert (hook.call_count.value, hook.incoming_count.value, hook.held_count.value) == (0, 0, 0)
    assert hook.can.value.connect
    with pytest.raises(jzrx.ConnectionError, match="Not connected"):
        hook.make_call("bob")
    assert hook.hangup().done
    assert hook.decline().done
    for action in (hook.answer, hook.end_and_answer, hook.swap):
        with pytest.raises(CallError, match="there is no"):
            action()
    with pytest.raises(TypeError, match="use_calls takes a JambonzClient"):
        use_calls("alice")  # type: ignore[arg-type]


async def test_call_waiting_hold_and_answer_and_swap(bench: Bench) -> None:
    hook = use_calls(bench.client)
    rows = seen(hook)
    bench.answers()
    carol = await bench.finish(hook.make_call("carol"))
    bob = await inbound(bench)
    assert hook.incoming.value == (bob,)
    action = hook.answer()
    await acknowledged(bench)
    await bench.finish(action)
    await bench.finish(hook.swap())
    assert rows == [
        ({}, None, [], []),
        ({"carol": "idle"}, "carol", [], []),
        ({"carol": "connecting"}, "carol", [], []),
        ({"carol": "connected"}, "carol", [], []),
        ({"carol": "connected", "Bob": "ringing"}, "carol", ["Bob"], []),
        ({"carol": "held", "Bob": "ringing"}, "carol", ["Bob"], ["carol"]),
        ({"carol": "held", "Bob": "connecting"}, "Bob", [], ["carol"]),
        ({"carol": "held", "Bob": "connected"}, "Bob", [], ["carol"]),
        ({"carol": "held", "Bob": "held"}, "Bob", [], ["carol", "Bob"]),
        ({"carol": "held", "Bob": "held"}, "carol", [], ["carol", "Bob"]),
        ({"carol": "connected", "Bob": "held"}, "carol", [], ["Bob"]),
    ]
    assert hook.calls.value == (carol, bob)
    assert (hook.call_count.value, hook.incoming_count.value, hook.held_count.value) == (2, 0, 1)
    assert use_call(bench.client).call.value is hook.current.value is carol
    hook.hangup(bob)
    hook.hangup()
    assert rows[-1] == ({}, None, [], [])


async def test_all_that_ring_oldest_first_and_any_may_be_chosen(bench: Bench) -> None:
    hook = use_calls(bench.client)
    bob, carol, dave = await inbound(bench, 1, "Bob"), await inbound(bench, 2, "Carol"), await inbound(bench, 3, "Dave")
    assert hook.incoming.value == (bob, carol, dave)
    assert (hook.can.value.answer, hook.can.value.swap, bob.can.answer) == (True, False, True)
    hook.decline(carol, 603)
    assert hook.incoming.value == (bob, dave)
    hook.decline()
    assert hook.incoming.value == (dave,)
    eve = await outbound(bench, "eve")
    hook.end_and_answer(dave)
    assert (eve.state, dave.state, hook.current.value) == ("ended", "connecting", dave)
    await bench.pass_time(0.1)
    refusals = {m.call_id: m.status_code for m in bench.peer.received if isinstance(m, Response)}
    assert (refusals["call1"], refusals["call2"], refusals["call3"]) == (486, 603, 200)


async def test_connect_hands_two_calls_over_to_each_other(bench: Bench) -> None:
    hook = use_calls(bench.client)
    bench.answers()
    bob, carol = await bench.finish(hook.make_call("bob")), await bench.finish(hook.make_call("carol"))
    assert hook.can.value.attended_transfer
    bench.peer.answers["REFER"] = 202
    action = hook.connect(bob, carol)
    await bench.until(lambda: action.done)
    await action
    (refer,) = bench.sent("REFER")
    assert refer.to.uri.user == "bob"
    refer_to = refer.headers.get("Refer-To") or ""
    assert "carol" in refer_to
    assert "Replaces" in refer_to
    assert hook.calls.value == ()
    with pytest.raises(CallError, match="ended"):
        hook.connect(bob, carol)


async def test_it_acts_on_what_is_there_when_it_is_asked(bench: Bench) -> None:
    hook = use_calls(bench.client)
    bob = await outbound(bench)
    with pytest.raises(CallError, match="no other call"):
        hook.swap()
    with pytest.raises(CallError, match="no incoming"):
        hook.end_and_answer()
    with pytest.raises(ValueError, match="300 to 699"):
        hook.decline(code=200)
    assert bob.state == "connected"


async def test_nobody_sees_half_a_change(bench: Bench) -> None:
    hook, other = use_calls(bench.client), use_call(bench.client)
    glitches: list[Any] = []

    def check(_: Any) -> None:
        now = hook.snapshot.value
        fields = (now.calls, now.current, now.incoming, now.held, now.can, now.call_snapshots)
        observables = (hook.calls, hook.current, hook.incoming, hook.held, hook.can, hook.call_snapshots)
        if fields != tuple(observable.value for observable in observables):
            glitches.append("the fields differ")
        if now.current is not other.call.value or now.can != bench.client.can:
            glitches.append("the hooks differ")
        glitches.extend(call for call in now.calls if call.snapshot.value is not now.call_snapshots[call.id])

    watched: tuple[Any, ...] = (hook.calls, hook.current, hook.incoming, hook.held, hook.can, hook.snapshot)
    for observable in (*watched, other.call, bench.client.snapshot):
        observable.subscribe(check)
    bench.answers()
    await bench.finish(hook.make_call("bob"))
    await bench.finish(hook.make_call("carol"))
    await bench.finish(hook.swap())
    await inbound(bench)
    hook.decline()
    hook.hangup()
    assert glitches == []


async def test_actions_from_a_thread(bench: Bench) -> None:
    hook = use_calls(bench.client)
    bench.answers()
    await bench.finish(hook.make_call("bob"))
    await bench.finish(hook.make_call("carol"))
    await bench.finish(await asyncio.to_thread(hook.swap))
    assert hook.current.value is hook.calls.value[0]


async def test_it_follows_a_client_that_comes_and_goes() -> None:
    bench = Bench()
    phone = UseJambonzClient(bench.options, parts=bench.parts)
    hook = use_calls(phone.client)
    counts: list[int] = []
    hook.call_count.subscribe(counts.append)
    await bench.finish(phone.connect())
    bench.answers()
    await bench.finish(hook.make_call("bob"))
    await bench.finish(phone.disconnect())
    await bench.finish(phone.connect())
    await bench.finish(hook.make_call("carol"))
    assert counts == [0, 1, 0, 1]
    hook.dispose()
    assert phone.client.value is not None
    assert phone.client.value.call_count == 1  # dispose only unsubscribes
    await bench.finish(phone.disconnect())
    phone.dispose()


async def test_any_observable_of_clients_will_do(bench: Bench) -> None:
    clients = BehaviorSubject[JambonzClient | None](None)
    call = bench.client.call("bob")
    with use_calls(clients) as hook:
        assert hook.calls.value == ()
        clients.on_next(bench.client)
        assert hook.calls.value == (call,)
        clients.on_next(None)
        assert hook.calls.value == ()


async def test_dispose_completes_and_forbids_actions(bench: Bench) -> None:
    ends: list[str] = []
    call = bench.client.call("bob")
    async with use_calls(bench.client) as hook:
        hook.calls.subscribe(on_completed=lambda: ends.append("calls"))
    hook.dispose()
    assert ends == ["calls"]
    forbidden = (hook.answer, hook.decline, hook.hangup, hook.swap, lambda: hook.switch_to(call))
    for action in (*forbidden, lambda: hook.connect(call, call), lambda: hook.make_call("bob")):
        with pytest.raises(JambonzError, match="this use_calls was disposed"):
            action()


async def test_repr_says_what_there_is(bench: Bench) -> None:
    hook = use_calls(bench.client)
    assert repr(hook) == "<UseCalls 0 calls, 0 incoming, 0 held, current: none>"
    call = bench.client.call("bob")
    assert repr(hook) == f"<UseCalls 1 calls, 0 incoming, 0 held, current: {call!r}>"


async def test_what_is_no_call_is_misuse(bench: Bench) -> None:
    hook, call = use_calls(bench.client), await outbound(bench)
    for name, action in {
        "answer_incoming": lambda it: hook.answer(it),
        "decline_incoming": lambda it: hook.decline(it),
        "hangup": lambda it: hook.hangup(it),
        "switch_to": lambda it: hook.switch_to(it),
        "connect": lambda it: hook.connect(it, call),
    }.items():
        for wrong in (call.id, call.snapshot.value):
            with pytest.raises(TypeError, match=rf"{name}\(\): call must be a JambonzCall"):
                action(wrong)
    with pytest.raises(TypeError, match="other_call must be a JambonzCall"):
        hook.connect(call, call.id)  # type: ignore[arg-type]
