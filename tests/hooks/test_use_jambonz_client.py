"""`use_jambonz_client`: the hook follows its client, and is never a step behind it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from attrs import evolve

import jzrx
from jzrx import JambonzError, RegistrationError, UseJambonzClient, use_jambonz_client
from jzrx.phone.background import loop_for_client
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


async def test_disposed_inside_a_subscriber_the_end_is_seen_before_the_completion(
    bench: Bench, hook: UseJambonzClient
) -> None:
    seen: list[str] = []
    hook.state.subscribe(lambda state: hook.dispose() if state == "registered" else None)
    hook.state.subscribe(lambda state: seen.append(str(state)), None, lambda: seen.append("|"))
    action = hook.connect()
    await bench.until(lambda: seen[-1] == "|")
    assert seen[-3:] == ["registered", "disconnected", "|"]
    assert hook.client.value is None
    with pytest.raises(JambonzError, match="disposed"):
        hook.connect()
    await bench.finish(action)


@pytest.mark.parametrize(("then", "left"), [("disconnect", 0), ("connect", 1), ("dispose", 0)])
async def test_an_action_right_after_a_connect_inside_a_subscriber_is_about_the_new_client(
    bench: Bench, hook: UseJambonzClient, then: str, left: int
) -> None:
    """There the state is a step behind; what the hook does is not."""
    raised: list[JambonzError] = []

    def again(state: str) -> None:
        if state == "disconnected" and not raised:
            raised.append(JambonzError("not again"))
            hook.connect()
            try:
                getattr(hook, then)()
            except jzrx.ConnectionError as error:
                raised.append(error)

    await bench.finish(hook.connect())
    hook.state.subscribe(again)
    hook.disconnect()
    await bench.pass_time(5)
    assert [str(error).partition(".")[0] for error in raised[1:]] == ["Already connected"] * left
    assert hook.is_registered.value == bool(left)
    assert [register.expires for register in bench.sent("REGISTER") if register.expires] == [300, *[300] * left]


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


def test_two_threads_that_connect_at_once_make_one_client(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has seen that there is none yet."""
    hook = UseJambonzClient(evolve(bench.options, background=True), parts=bench.parts)
    both_have_looked = threading.Barrier(2)
    here = loop_for_client

    def meet(*, in_background: bool) -> Any:
        both_have_looked.wait(10)
        return here(in_background=in_background)

    monkeypatch.setattr("jzrx.phone.phone.loop_for_client", meet)
    with ThreadPoolExecutor(2) as threads:
        outcomes = [each.exception(10) for each in [threads.submit(hook.connect) for _ in range(2)]]
    (refused,) = [error for error in outcomes if error is not None]
    assert isinstance(refused, jzrx.ConnectionError)
    assert "Already connected" in str(refused)
    hook.disconnect().result(10)
    hook.dispose()
