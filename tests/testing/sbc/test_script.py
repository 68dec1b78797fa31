"""A test's exceptions, and what becomes of real clients when the server misbehaves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from reactivex import operators as ops

from jzrx import CallError, ClientState, JambonzCall, JambonzClient, Reconnect, create_jambonz_client
from jzrx.media import tone
from jzrx.sip import Request, parse_message
from jzrx.testing import hears
from jzrx.testing.sbc.journal import SbcEvent
from jzrx.testing.sbc.script import Delay, Drop, Ignore, Reply, Script
from jzrx.testing.sbc.server import EmbeddedSbc

SOON = Reconnect(initial=0.05, maximum=0.2)


@pytest.fixture
async def sbc() -> AsyncIterator[EmbeddedSbc]:
    async with EmbeddedSbc({"alice": "x", "bob": "x"}) as server:
        yield server


def phone(sbc: EmbeddedSbc, name: str, hz: float = 440) -> JambonzClient:
    return create_jambonz_client(
        server=sbc.url, username=name, password="x", audio=tone(hz), speaker=False, reconnect=SOON
    )


def request(method: str, user: str) -> Request:
    parsed = parse_message(
        f"{method} sip:localhost SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKx\r\nFrom: <sip:{user}@localhost>;"
        f"tag=1\r\nTo: <sip:localhost>\r\nCall-ID: 1\r\nCSeq: 1 {method}\r\n\r\n"
    )
    assert isinstance(parsed, Request)
    return parsed


def test_rules_are_used_up_in_order_by_method_and_user() -> None:
    script = Script()
    script.reply("invite", 503, "Full", headers={"X-Reason": "full"}, times=2)
    script.ignore("*", user="bob")
    script.delay("REGISTER", 1.5)
    script.drop("BYE")
    assert script.take(request("ACK", "bob")) is None, "an ACK is never answered, and uses nothing up"
    assert script.take(request("REGISTER", "bob")) == Ignore()
    assert script.take(request("REGISTER", "bob")) == Delay(1.5)
    assert script.take(request("INVITE", "alice")) == Reply(503, "Full", (("X-Reason", "full"),))
    assert script.take(request("INVITE", "alice")) is not None
    assert script.take(request("INVITE", "alice")) is None
    assert script.take(request("BYE", "alice")) == Drop()
    script.drop("BYE")
    script.clear()
    assert script.take(request("BYE", "alice")) is None


@pytest.mark.parametrize(
    ("written", "named"),
    [
        (lambda script: script.reply("INVITE", 99), "status.*99"),
        (lambda script: script.reply("INVITE", "486"), "status.*'486'"),
        (lambda script: script.reply("INVITE", 486, after=-1), "after"),
        (lambda script: script.delay("INVITE", -1), "seconds"),
        (lambda script: script.ignore(5), "method"),
        (lambda script: script.drop("BYE", times=0), "times"),
    ],
)
def test_what_cannot_be_is_named(written: Callable[[Any], None], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        written(Script())


async def test_a_scripted_refusal_reaches_the_client_with_its_reason(sbc: EmbeddedSbc) -> None:
    async with phone(sbc, "alice") as alice:
        sbc.script.reply("INVITE", 480, headers={"X-Reason": "no configured application"})
        with pytest.raises(CallError) as refused:
            await alice.call("echo").answered()
        assert (refused.value.code, refused.value.reason) == (480, "no configured application")


async def test_a_delayed_request_is_treated_as_usual(sbc: EmbeddedSbc) -> None:
    sbc.script.delay("REGISTER", 0.3)
    began = asyncio.get_running_loop().time()
    async with phone(sbc, "alice") as alice:
        assert alice.is_registered
        assert asyncio.get_running_loop().time() - began >= 0.3


async def test_what_the_script_did_is_an_event(sbc: EmbeddedSbc) -> None:
    seen: list[SbcEvent] = []
    sbc.events.pipe(ops.filter(lambda event: event.what == "scripted")).subscribe(seen.append)
    sbc.script.reply("REGISTER", 500)
    with pytest.raises(Exception, match="500"):
        await phone(sbc, "alice").connect()
    assert [str(event) for event in seen] == ["scripted     alice        REGISTER: answered 500"]


async def test_a_request_that_drops_the_socket(sbc: EmbeddedSbc) -> None:
    async with phone(sbc, "alice") as alice:
        states: list[ClientState] = []
        alice.snapshot.subscribe(lambda now: states.append(now.state))
        sbc.script.drop("MESSAGE")
        alice.send_message("bob", "boom")
        await alice.snapshot.wait(lambda now: now.state == "reconnecting", timeout=5)
        await alice.snapshot.wait(lambda now: now.state == "registered", timeout=5)


async def test_clients_come_back_to_a_restarted_server(sbc: EmbeddedSbc) -> None:
    async with phone(sbc, "alice") as alice, phone(sbc, "bob") as bob:
        restarting = asyncio.create_task(sbc.restart(after=0.3))
        for client in (alice, bob):
            await client.snapshot.wait(lambda now: now.state == "reconnecting", timeout=5)
        await restarting
        for client in (alice, bob):
            await client.snapshot.wait(lambda now: now.state == "registered", timeout=10)
        call = alice.call("echo")
        await call.answered()


@pytest.mark.parametrize("dropped", ["alice", "bob"])
async def test_a_call_outlives_a_dropped_socket(sbc: EmbeddedSbc, dropped: str) -> None:
    """Its audio never stops, and both sides can still end it."""
    async with phone(sbc, "alice", 440) as alice, phone(sbc, "bob", 660) as bob:
        calls: asyncio.Queue[JambonzCall] = asyncio.Queue()
        bob.on("incoming", calls.put_nowait)
        ours = alice.call("bob")
        theirs = await calls.get()
        await theirs.answer()
        await ours.answered()
        await asyncio.gather(hears(ours, 660), hears(theirs, 440))
        client = alice if dropped == "alice" else bob
        sbc.drop(dropped)
        await client.snapshot.wait(lambda now: now.state == "reconnecting", timeout=5)
        await client.snapshot.wait(lambda now: now.state == "registered", timeout=10)
        await asyncio.gather(hears(ours, 660), hears(theirs, 440))
        await ours.hold()
        await theirs.snapshot.wait(lambda now: now.is_remotely_held, timeout=5)
        await (theirs if dropped == "bob" else ours).hangup()
        for call in (ours, theirs):
            assert (await call.finished()).code == 200


async def test_who_calls_oneself_is_called(sbc: EmbeddedSbc) -> None:
    """Both legs are on one WebSocket."""
    async with phone(sbc, "alice", 500) as alice:
        calls: asyncio.Queue[JambonzCall] = asyncio.Queue()
        alice.on("incoming", calls.put_nowait)
        ours = alice.call("alice")
        theirs = await calls.get()
        await theirs.answer()
        await ours.answered()
        await hears(ours, 500)
        await theirs.hangup()
        assert (await ours.finished()).code == 200


async def test_both_sides_hold_at_once_and_resume(sbc: EmbeddedSbc) -> None:
    """Glare: each side's re-INVITE waits for the other's; 491 lets one go first, and both are held in the end."""
    async with phone(sbc, "alice") as alice, phone(sbc, "bob") as bob:
        calls: asyncio.Queue[JambonzCall] = asyncio.Queue()
        bob.on("incoming", calls.put_nowait)
        ours = alice.call("bob")
        theirs = await calls.get()
        await theirs.answer()
        await ours.answered()
        async with asyncio.timeout(20):
            await asyncio.gather(ours.hold(), theirs.hold())
            for call in (ours, theirs):
                await call.snapshot.wait(lambda now: now.is_held and now.is_remotely_held)
            await ours.unhold()
            await theirs.snapshot.wait(lambda now: not now.is_remotely_held)
            await theirs.unhold()
            await ours.snapshot.wait(lambda now: not now.is_remotely_held)
        await hears(ours, 440)
