"""`use_call`: what the React hook promises, and where it is broken, kept."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from reactivex.subject import BehaviorSubject

import jzrx
from jzrx import CallError, JambonzClient, JambonzError, UseJambonzClient, use_call
from jzrx.sip.message import Response
from tests.bench import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.connected()
    yield bench
    await bench.close()


def seen(hook: jzrx.UseCall) -> list[tuple[str | None, str | None, str | None]]:
    """Whom the call is with, its state, and who calls: at first and after each change."""
    rows: list[tuple[str | None, str | None, str | None]] = []
    hook.snapshot.subscribe(
        lambda now: rows.append(
            (now.call and now.call.remote_identity, now.state and str(now.state), now.incoming_caller)
        )
    )
    return rows


def test_without_a_client_there_is_no_call() -> None:
    hook = use_call(None)
    values = (hook.call, hook.state, hook.is_muted, hook.is_held, hook.is_remotely_held, hook.is_active)
    assert [observable.value for observable in values] == [None, None, False, False, False, False]
    assert hook.incoming_caller.value is None
    with pytest.raises(jzrx.ConnectionError, match="Not connected"):
        hook.make_call("bob")
    assert hook.hangup().done
    assert hook.decline_incoming().done
    for action in (hook.toggle_mute, hook.toggle_hold, hook.answer_incoming, lambda: hook.send_dtmf("1")):
        with pytest.raises(CallError, match="there is no"):
            action()
    with pytest.raises(TypeError, match="JambonzClient"):
        use_call("alice")  # type: ignore[arg-type]


async def test_it_shows_its_call_and_who_calls(bench: Bench) -> None:
    hook = use_call(bench.client)
    assert repr(hook) == "<UseCall without a call>"
    bench.invite()
    await bench.until(lambda: hook.incoming_caller.value)
    assert repr(hook) == f"<UseCall without a call, {hook.incoming_caller.value} calls>"
    call = bench.client.call("bob")
    assert repr(hook).startswith(f"<UseCall {call!r}, ")


async def test_make_call_shows_at_once_and_the_end_shows_once(bench: Bench) -> None:
    hook = use_call(bench.client)
    rows = seen(hook)
    bench.answers()
    action = hook.make_call("bob", headers={"X-A": "1"})
    assert hook.call.value is not None
    assert hook.state.value == "idle"
    assert not hook.is_active.value
    call = await bench.finish(action)
    assert call is hook.call.value
    assert hook.is_active.value
    hook.hangup()
    assert rows == [
        (None, None, None),
        ("bob", "idle", None),
        ("bob", "connecting", None),
        ("bob", "connected", None),
        ("bob", "ended", None),
        (None, None, None),
    ]


async def test_make_call_raises_what_the_call_ended_with(bench: Bench) -> None:
    hook = use_call(bench.client)
    bench.peer.answers["INVITE"] = 486
    with pytest.raises(CallError) as caught:
        await bench.finish(hook.make_call("bob"))
    assert caught.value.code == 486
    assert hook.call.value is None


async def test_a_ringing_call_is_only_the_incoming_caller(bench: Bench) -> None:
    hook = use_call(bench.client)
    rows = seen(hook)
    bench.invite(1, "Bob")
    await bench.pass_time(0.1)
    bench.invite(2, "Carol")
    await bench.pass_time(0.1)
    assert rows == [(None, None, None), (None, None, "Bob")]  # the second does not take the first one's place
    assert not hook.is_active.value
    hook.decline_incoming()
    assert rows[2:] == [(None, None, "Carol")]
    hook.decline_incoming(603)
    assert rows[3:] == [(None, None, None)]
    await bench.pass_time(0.1)
    assert {m.status_code for m in bench.peer.received if isinstance(m, Response)} >= {486, 603}


async def test_answering_holds_the_active_call_which_comes_back(bench: Bench) -> None:
    hook = use_call(bench.client)
    bench.answers()
    await bench.finish(hook.make_call("carol"))
    rows = seen(hook)
    bench.invite(1, "Bob")
    await bench.until(lambda: hook.incoming_caller.value)
    action = hook.answer_incoming()
    await bench.until(lambda: hook.state.value == "connecting")
    await bench.until(
        lambda: any(
            isinstance(m, Response) and (m.status_code, m.call_id) == (200, "call1") for m in bench.peer.received
        )
    )
    bench.acknowledge()
    await bench.finish(action)
    hook.hangup()
    assert rows == [
        ("carol", "connected", None),
        ("carol", "connected", "Bob"),
        ("carol", "held", "Bob"),
        ("Bob", "connecting", None),
        ("Bob", "connected", None),
        ("Bob", "ended", None),
        ("carol", "held", None),
    ]
    await bench.finish(hook.toggle_hold())
    assert hook.state.value == "connected"


async def test_actions_act_on_the_current_call(bench: Bench) -> None:
    hook = use_call(bench.client)
    bench.answers()
    await bench.finish(hook.make_call("bob"))
    hook.toggle_mute()
    assert hook.is_muted.value
    await bench.finish(hook.toggle_hold())
    assert (hook.is_held.value, hook.state.value, hook.is_remotely_held.value) == (True, "held", False)
    await bench.finish(hook.send_dtmf("5"))
    assert len(bench.sent("INFO")) == 1


async def test_all_hooks_of_a_client_agree_also_about_calls_made_elsewhere(bench: Bench) -> None:
    one, other = use_call(bench.client), use_call(bench.client)
    call = bench.client.call("bob")
    assert one.call.value is other.call.value is call
    call.hangup()


async def test_nobody_sees_half_a_change(bench: Bench) -> None:
    hook = use_call(bench.client)
    glitches: list[Any] = []

    def check(_: Any) -> None:
        call, now = hook.call.value, hook.snapshot.value
        if call is not now.call or hook.state.value != now.state or hook.is_muted.value != now.is_muted:
            glitches.append("the fields differ")
        if call is not None and (call.state, call.is_muted, call.is_held) != (now.state, now.is_muted, now.is_held):
            glitches.append((call.snapshot.value, now))

    for observable in (hook.call, hook.state, hook.is_muted, hook.is_held, hook.snapshot, bench.client.snapshot):
        observable.subscribe(check)
    bench.answers()
    await bench.finish(hook.make_call("bob"))
    hook.toggle_mute()
    await bench.finish(hook.toggle_hold())
    hook.hangup()
    assert glitches == []


async def test_it_follows_a_client_that_comes_and_goes() -> None:
    bench = Bench()
    phone = UseJambonzClient(bench.options, parts=bench.parts)
    hook = use_call(phone.client)
    rows = seen(hook)
    with pytest.raises(jzrx.ConnectionError, match="Not connected"):
        hook.make_call("bob")
    await bench.finish(phone.connect())
    bench.answers()
    await bench.finish(hook.make_call("bob"))
    await bench.finish(phone.disconnect())
    assert rows[-2:] == [("bob", "ended", None), (None, None, None)]
    await bench.finish(phone.connect())
    await bench.finish(hook.make_call("carol"))
    assert rows[-1] == ("carol", "connected", None)
    hook.dispose()
    assert phone.client.value is not None
    assert phone.client.value.call_count == 1  # dispose only unsubscribes
    phone.dispose()
    await bench.pass_time(3)


async def test_any_observable_of_clients_will_do(bench: Bench) -> None:
    clients = BehaviorSubject[JambonzClient | None](None)
    hook = use_call(clients)
    call = bench.client.call("bob")
    assert hook.call.value is None
    clients.on_next(bench.client)
    assert hook.call.value is call
    clients.on_next(None)
    assert hook.call.value is None
    hook.dispose()
    clients.on_next(bench.client)
    assert hook.call.value is None


async def test_dispose_completes_and_forbids_actions(bench: Bench) -> None:
    ends: list[str] = []
    with use_call(bench.client) as hook:
        hook.call.subscribe(on_completed=lambda: ends.append("call"))
    hook.dispose()
    assert ends == ["call"]
    for action in (hook.hangup, hook.decline_incoming, lambda: hook.make_call("bob")):
        with pytest.raises(JambonzError, match="disposed"):
            action()


async def test_what_is_no_client_is_refused(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    phone = UseJambonzClient(bench.options, parts=bench.parts)
    for wrong in (5, JambonzClient, phone, phone.state):
        with pytest.raises(TypeError, match=r"use_call takes a JambonzClient.*such as use_jambonz_client"):
            use_call(wrong)  # type: ignore[arg-type]
    clients = BehaviorSubject[Any](bench.client)
    hook = use_call(clients)
    call = bench.client.call("bob")
    with pytest.raises(TypeError, match="use_call takes a JambonzClient"):
        clients.on_next("bob")
    clients.on_error(ValueError("gone"))
    assert "gone" in caplog.text
    assert hook.call.value is call
