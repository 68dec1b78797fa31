"""Do not disturb, no call waiting, automatic answers: what becomes of a call where nobody is asked."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jzrx import (
    CallError,
    ClientSnapshot,
    IncomingCall,
    IncomingPolicy,
    JambonzClient,
    RemoteHeaders,
    create_jambonz_client,
    use_calls,
)
from jzrx.events import CallReceived, CallRefused
from jzrx.media import tone
from jzrx.phone.incoming import Answer, Decision, Refuse, Ring, decide, requested
from jzrx.sip.message import Response
from jzrx.testing import EmbeddedSbc
from tests.bench import Bench, inbound, outbound
from tests.store.samples import after, answered, created, dialed, ended, received

BOSS = IncomingCall(remote_uri="sip:boss@example.com")
IN_A_CALL = after(created("a"), dialed("a"), answered("a"))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.connected()
    yield bench
    await bench.close()


def statuses(bench: Bench, call_id: str = "call1") -> list[int]:
    """What the caller was answered after the 100, in order."""
    responses = [message for message in bench.peer.received if isinstance(message, Response)]
    return [each.status_code for each in responses if each.call_id == call_id and each.status_code > 100]


# --- the decision ----------------------------------------------------------------------------------------------------


def is_boss(call: IncomingCall) -> bool:
    return call.remote_uri == "sip:boss@example.com"


@pytest.mark.parametrize(
    ("policy", "snapshot", "decision"),
    [
        (IncomingPolicy(), after(), Ring()),
        (IncomingPolicy(), IN_A_CALL, Ring()),
        (IncomingPolicy(do_not_disturb=True), after(), Refuse(486)),
        (IncomingPolicy(do_not_disturb=True, do_not_disturb_code=603, auto_answer=True), after(), Refuse(603)),
        (IncomingPolicy(max_calls=1), after(), Ring()),
        (IncomingPolicy(max_calls=1), IN_A_CALL, Refuse(486)),
        (IncomingPolicy(max_calls=1), after(received("a")), Refuse(486)),
        (IncomingPolicy(max_calls=1), after(received("a"), ended("a")), Ring()),
        (IncomingPolicy(max_calls=2), IN_A_CALL, Ring()),
        (IncomingPolicy(max_calls=0), after(), Refuse(486)),
        (IncomingPolicy(auto_answer=True), after(), Answer(0.0)),
        (IncomingPolicy(auto_answer=True, auto_answer_delay=2), after(), Answer(2)),
        (IncomingPolicy(auto_answer=True), IN_A_CALL, Ring()),
        (IncomingPolicy(auto_answer=True), after(received("a")), Ring()),
        (IncomingPolicy(auto_answer=is_boss), after(), Answer(0.0)),
        (IncomingPolicy(auto_answer=lambda call: not is_boss(call)), after(), Ring()),
        (IncomingPolicy(auto_answer="requested"), after(), Ring()),
    ],
)
def test_the_policy_decides(policy: IncomingPolicy, snapshot: ClientSnapshot, decision: Decision) -> None:
    assert decide(policy, snapshot, BOSS) == decision


@pytest.mark.parametrize(
    ("header", "value", "after"),
    [
        ("Answer-Mode", "Auto", 0.0),
        ("answer-mode", "auto;require", 0.0),
        ("Priv-Answer-Mode", "Auto", 0.0),
        ("Answer-Mode", "Manual", None),
        ("Call-Info", "<sip:example.com>;answer-after=0", 0.0),
        ("Call-Info", '<sip:example.com>; Answer-After="5"', 5.0),
        ("Alert-Info", "<http://example.com/ring.wav>;info=alert-autoanswer;delay=0", 0.0),
        ("Alert-Info", "info=alert-autoanswer", 0.0),
        ("Alert-Info", "<sip:localhost>;answer-after=3", 3.0),
        ("Alert-Info", "<http://example.com/ring.wav>", None),
        ("Call-Info", "<http://example.com/alice.png>;purpose=icon", None),
        ("X-Answer-After", "0", None),
    ],
)
def test_a_caller_asks_to_be_answered(header: str, value: str, after: float | None) -> None:
    assert requested(RemoteHeaders(((header, value),))) == after


# --- refused ---------------------------------------------------------------------------------------------------------


async def test_do_not_disturb_refuses_before_it_rings() -> None:
    bench = Bench(incoming=IncomingPolicy(do_not_disturb=True, do_not_disturb_code=480))
    shown: list[ClientSnapshot] = []
    told: list[Any] = []
    await bench.connected()
    bench.client.snapshot.subscribe(shown.append)
    bench.client.on("incoming", told.append)
    bench.invite(1, "Bob", X_Account="7")
    await bench.pass_time(0.2)
    assert statuses(bench) == [480]
    assert (len(shown), told, shown[0].do_not_disturb) == (1, [], True)
    (refused,) = [event for event in bench.events if isinstance(event, CallRefused | CallReceived)]
    assert isinstance(refused, CallRefused)
    assert (refused.remote_uri, refused.remote_display_name, refused.code) == ("sip:bob@example.com", "Bob", 480)
    assert ("X-Account", "7") in refused.headers
    await bench.close()


async def test_it_is_switched_on_and_off_while_the_phone_runs(bench: Bench) -> None:
    seen: list[bool] = []
    bench.client.snapshot.select(lambda now: now.do_not_disturb).subscribe(seen.append)
    first = await inbound(bench, 1)
    bench.client.set_incoming_policy(do_not_disturb=True)
    assert (bench.client.snapshot.value.do_not_disturb, first.state) == (True, "ringing")  # it rings on
    bench.invite(2)
    await bench.pass_time(0.2)
    bench.client.set_incoming_policy({"max_calls": 3})
    await inbound(bench, 3)
    assert (statuses(bench, "call1"), statuses(bench, "call2"), statuses(bench, "call3")) == ([180], [486], [180])
    assert seen == [False, True, False]
    assert bench.client.incoming_policy == IncomingPolicy(max_calls=3)


async def test_it_outlives_a_drop_and_a_new_connection(bench: Bench) -> None:
    bench.client.set_incoming_policy(do_not_disturb=True)
    bench.peer.wire.drop()
    await bench.until(lambda: bench.client.state == "registered")
    await bench.finish(bench.client.disconnect())
    assert bench.client.snapshot.value.do_not_disturb
    bench.client.set_incoming_policy(auto_answer=True)
    assert bench.client.snapshot.value.auto_answer
    await bench.connected()
    assert bench.client.snapshot.value.do_not_disturb
    bench.invite()
    await bench.pass_time(0.2)
    assert statuses(bench) == [486]


def test_it_may_be_set_before_the_first_connect_without_a_loop() -> None:
    client = Bench().client
    client.set_incoming_policy(do_not_disturb=True)
    assert client.snapshot.value.do_not_disturb
    with pytest.raises(TypeError, match="did you mean do_not_disturb"):
        client.set_incoming_policy(do_not_distrub=True)
    with pytest.raises(ValueError, match="max_calls"):
        client.set_incoming_policy(max_calls=-1)
    assert client.incoming_policy == IncomingPolicy(do_not_disturb=True)


async def test_the_hook_shows_and_toggles_it(bench: Bench) -> None:
    hook = use_calls(bench.client)
    hook.toggle_do_not_disturb()
    assert (hook.do_not_disturb.value, hook.snapshot.value.do_not_disturb) == (True, True)
    hook.toggle_do_not_disturb()
    assert not hook.do_not_disturb.value


async def test_without_call_waiting_the_second_caller_is_busy(bench: Bench) -> None:
    bench.client.set_incoming_policy(max_calls=1)
    call = await outbound(bench)
    bench.invite(1)
    await bench.pass_time(0.2)
    assert statuses(bench, "call1") == [486]
    call.hangup()
    await inbound(bench, 2)
    bench.invite(3)  # while one rings, too
    await bench.pass_time(0.2)
    assert statuses(bench, "call3") == [486]


async def test_two_invites_in_one_moment_do_not_both_get_the_last_place(bench: Bench) -> None:
    bench.client.set_incoming_policy(max_calls=1)
    bench.invite(1)
    bench.invite(2)
    await bench.pass_time(0.2)
    assert (statuses(bench, "call1"), statuses(bench, "call2")) == ([180], [486])


# --- answered by themselves ------------------------------------------------------------------------------------------


async def test_a_call_is_answered_by_itself(bench: Bench) -> None:
    bench.client.set_incoming_policy(auto_answer=True)
    told: list[Any] = []
    bench.client.on("incoming", lambda call: told.append(call.state))
    call = await inbound(bench)
    await bench.until(lambda: 200 in statuses(bench))
    bench.acknowledge()
    await bench.until(lambda: call.state == "connected")
    assert told == ["ringing"]
    second = await inbound(bench, 2, "Carol")
    await bench.pass_time(5)
    assert (call.state, second.state) == ("connected", "ringing")


async def test_it_rings_for_the_delay_and_may_be_declined_until_then(bench: Bench) -> None:
    bench.client.set_incoming_policy(auto_answer=lambda call: call.remote_display_name == "Bob", auto_answer_delay=3)
    call = await inbound(bench, 1, "Bob")
    await bench.pass_time(2.5)
    assert call.state == "ringing"
    await bench.pass_time(1)
    assert call.state == "connecting"
    call.hangup()
    declined = await inbound(bench, 2, "Bob")
    declined.hangup(603)
    other = await inbound(bench, 3, "Carol")
    await bench.pass_time(10)
    assert (statuses(bench, "call2"), other.state) == ([180, 603], "ringing")


@pytest.mark.parametrize("headers", [{"Answer_Mode": "Auto"}, {"Call_Info": "<sip:example.com>;answer-after=0"}])
async def test_who_asks_for_it_is_answered(bench: Bench, headers: dict[str, str]) -> None:
    bench.client.set_incoming_policy(auto_answer="requested")
    call = await inbound(bench, 1, "Bob", **headers)
    await bench.until(lambda: call.state == "connecting")
    call.hangup()
    plain = await inbound(bench, 2, "Bob")
    await bench.pass_time(5)
    assert plain.state == "ringing"


async def test_a_call_that_came_in_meanwhile_is_not_cut_off(bench: Bench) -> None:
    bench.client.set_incoming_policy(auto_answer=True, auto_answer_delay=3)
    first = await inbound(bench)
    talking = await outbound(bench, "carol")
    await bench.pass_time(5)
    assert (first.state, talking.state) == ("ringing", "connected")


async def test_a_handler_is_faster(bench: Bench) -> None:
    bench.client.set_incoming_policy(auto_answer=True)
    bench.client.on("incoming", lambda call: call.hangup(603))
    bench.invite()
    await bench.pass_time(0.3)
    assert statuses(bench) == [180, 603]


async def test_a_function_is_asked_once_about_each_call(bench: Bench) -> None:
    asked: list[str | None] = []

    def every_second(call: IncomingCall) -> bool:
        asked.append(call.remote_display_name)
        return len(asked) % 2 == 0

    bench.client.set_incoming_policy(auto_answer=every_second)
    first = await inbound(bench, 1, "Bob")
    await bench.pass_time(1)
    first.hangup()
    second = await inbound(bench, 2, "Carol")
    await bench.until(lambda: second.state == "connecting")
    assert asked == ["Bob", "Carol"]


async def test_a_function_that_raises_lets_it_ring(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: IncomingCall) -> bool:
        raise RuntimeError("no directory")

    bench.client.set_incoming_policy(auto_answer=fail)
    call = await inbound(bench)
    await bench.pass_time(1)
    assert call.state == "ringing"
    assert caplog.text.count("auto_answer raised") == 1


async def test_nothing_is_answered_after_a_disconnect(bench: Bench) -> None:
    bench.client.set_incoming_policy(auto_answer=True, auto_answer_delay=3)
    await inbound(bench)
    await bench.finish(bench.client.disconnect())
    await bench.connected()
    await bench.pass_time(5)
    assert bench.client.call_count == 0


async def test_it_may_be_set_from_any_thread(bench: Bench) -> None:
    seen: list[bool] = []
    bench.client.snapshot.select(lambda now: now.do_not_disturb).subscribe(seen.append)
    await asyncio.to_thread(bench.client.set_incoming_policy, do_not_disturb=True)
    assert seen == [False, True]


async def test_callers_over_a_real_connection_are_told() -> None:
    def client(name: str, **options: Any) -> JambonzClient:
        return create_jambonz_client(server=sbc.url, username=name, password="x", audio=tone(500), **options)

    async def refusal() -> int | None:
        with pytest.raises(CallError) as caught:
            await alice.call("bob").answered()
        return caught.value.code

    async with (
        EmbeddedSbc({"alice": "x", "bob": "x"}) as sbc,
        client("alice") as alice,
        client("bob", incoming={"do_not_disturb": True, "do_not_disturb_code": 480}) as bob,
    ):
        told: list[Any] = []
        bob.on("incoming", told.append)
        assert (await refusal(), told) == (480, [])
        bob.set_incoming_policy(do_not_disturb=False, auto_answer=True, max_calls=1)
        call = alice.call("bob")
        await call.media_ready()
        await call.answered()
        assert len(told) == 1
        assert await refusal() == 486
        await call.hangup()
