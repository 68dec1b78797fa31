"""`use_jambonz_client`: the hook follows its client, and is never a step behind it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import jzrx
from jzrx import JambonzError, RegistrationError, UseJambonzClient, use_jambonz_client
from jzrx.testing.peer import grant, respond
from tests.bench import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
async def hook(bench: Bench) -> AsyncIterator[UseJambonzClient]:
    hook = UseJambonzClient(bench.options, parts=bench.parts)
    yield hook
    hook.dispose()
    await bench.pass_time(3)


def test_it_shows_whose_it_is_without_the_password() -> None:
    hook = use_jambonz_client(server="wss://sbc.example.com", username="alice", password="topsecret")
    assert repr(hook) == "<UseJambonzClient alice at wss://sbc.example.com disconnected>"


def test_it_needs_no_loop_and_begins_disconnected() -> None:
    hook = use_jambonz_client(server="ws://localhost:1", username="alice", password="secret")
    values = (hook.client, hook.state, hook.is_registered, hook.is_connecting, hook.error)
    assert [observable.value for observable in values] == [None, "disconnected", False, False, None]
    hook.dispose()


async def test_each_step_shows_in_all_fields(bench: Bench, hook: UseJambonzClient) -> None:
    seen: list[Any] = []
    hook.snapshot.subscribe(
        lambda now: seen.append((now.client is not None, str(now.state), now.is_registered, now.is_connecting))
    )
    action = hook.connect()
    assert hook.client.value is not None  # before connect() returns
    await bench.finish(action)
    bench.peer.wire.drop()
    await bench.until(lambda: hook.is_registered.value)
    hook.disconnect()
    assert seen == [
        (False, "disconnected", False, False),
        (True, "connecting", False, True),
        (True, "connected", False, False),
        (True, "registered", True, False),
        (True, "reconnecting", False, True),
        (True, "registered", True, False),
        (False, "disconnected", False, False),
    ]


async def test_nobody_sees_half_a_change(bench: Bench, hook: UseJambonzClient) -> None:
    glitches: list[Any] = []

    def check(_: Any) -> None:
        client, state = hook.client.value, hook.state.value
        if client is not None and (client.state != state or client.is_registered != hook.is_registered.value):
            glitches.append((client.state, state))
        if (state in ("disconnected", "error")) != (client is None):
            glitches.append((client, state))

    for observable in (hook.client, hook.state, hook.is_registered, hook.is_connecting, hook.error, hook.snapshot):
        observable.subscribe(check)
    await bench.finish(hook.connect())
    hook.client.value.snapshot.subscribe(check)  # type: ignore[union-attr]
    bench.peer.wire.drop()
    await bench.until(lambda: hook.is_registered.value)
    await bench.finish(hook.disconnect())
    await bench.finish(hook.connect())
    assert glitches == []


async def test_a_failed_connect_leaves_error_and_no_client(bench: Bench, hook: UseJambonzClient) -> None:
    bench.peer.answers["REGISTER"] = lambda register: [
        respond(register, 403, headers=(("X-Reason", "Invalid credentials"),))
    ]
    with pytest.raises(RegistrationError):
        await bench.finish(hook.connect())
    assert (hook.client.value, hook.state.value) == (None, "error")
    assert "Invalid credentials" in (hook.error.value or "")
    bench.peer.answers["REGISTER"] = lambda register: [grant(register)]
    action = hook.connect()
    assert hook.error.value is None  # cleared by the next connect()
    await bench.finish(action)
    assert hook.is_registered.value


async def test_each_connect_makes_a_new_client(bench: Bench, hook: UseJambonzClient) -> None:
    await bench.finish(hook.connect())
    first = hook.client.value
    with pytest.raises(jzrx.ConnectionError, match="Already connected"):
        hook.connect()
    hook.disconnect()
    await bench.finish(hook.connect())
    second = hook.client.value
    assert first is not None
    assert second not in (None, first)
    assert first.state == "disconnected"


async def test_connect_right_after_disconnect_keeps_the_order(bench: Bench, hook: UseJambonzClient) -> None:
    await bench.finish(hook.connect())
    withheld: list[Any] = []
    bench.peer.answers["REGISTER"] = lambda register: (withheld.append(register), [])[1]
    hook.disconnect()
    action = hook.connect()
    assert hook.state.value == "connecting"
    await bench.pass_time(1)
    assert [register.expires for register in bench.sent("REGISTER")] == [300, 0]
    bench.peer.answers["REGISTER"] = lambda register: [grant(register)]
    bench.peer.say(grant(withheld[0]))
    await bench.finish(action)
    assert [register.expires for register in bench.sent("REGISTER")] == [300, 0, 300]


async def test_dispose_disconnects_and_completes(bench: Bench, hook: UseJambonzClient) -> None:
    await bench.finish(hook.connect())
    client = hook.client.value
    ends: list[str] = []
    hook.state.subscribe(on_completed=lambda: ends.append("state"))
    hook.snapshot.subscribe(on_completed=lambda: ends.append("snapshot"))
    hook.dispose()
    hook.dispose()
    assert client is not None
    assert client.state == "disconnected"
    assert sorted(ends) == ["snapshot", "state"]
    assert hook.state.value == "disconnected"
    for action in (hook.connect, hook.disconnect):
        with pytest.raises(JambonzError, match="disposed"):
            action()


async def test_the_context_managers_dispose_and_do_not_connect(bench: Bench) -> None:
    with UseJambonzClient(bench.options, parts=bench.parts) as hook:
        assert hook.state.value == "disconnected"
    with pytest.raises(JambonzError):
        hook.connect()

    async def use() -> str:
        async with UseJambonzClient(bench.options, parts=bench.parts) as hook:
            await hook.connect()
            return str(hook.state.value)

    task = asyncio.ensure_future(use())
    await bench.until(task.done)
    assert await task == "registered"
    assert bench.sent("REGISTER")[-1].expires == 0


async def test_disconnect_without_a_client_is_done(hook: UseJambonzClient) -> None:
    assert hook.disconnect().done
