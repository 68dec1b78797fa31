"""hooks.spec: the two hooks, as observable state."""

from collections.abc import AsyncIterator

import pytest

from jzrx import RegistrationError, UseJambonzClient, use_call, use_jambonz_client
from jzrx.hooks.use_jambonz_client import UseJambonzClient as Hook
from jzrx.testing.peer import grant
from tests.bench import Bench

ACCOUNT = {"server": "wss://sbc.example.com:8443", "username": "alice", "password": "secret"}


@pytest.fixture
async def hook(idle_bench: Bench) -> AsyncIterator[UseJambonzClient]:
    """The hook on the bench."""
    hook = Hook(idle_bench.options, parts=idle_bench.parts)
    yield hook
    await idle_bench.finish(hook.disconnect())
    hook.dispose()


def test_41_it_begins_disconnected_and_a_subscriber_sees_that_at_once() -> None:
    with use_jambonz_client(ACCOUNT) as phone:
        seen: list[str] = []
        phone.state.subscribe(seen.append)
        assert (phone.state.value, seen) == ("disconnected", ["disconnected"])


def test_42_it_begins_unregistered_without_client_or_error() -> None:
    with use_jambonz_client(ACCOUNT) as phone:
        now = phone.snapshot.value
        assert (now.is_registered, now.is_connecting, now.client, now.error) == (False, False, None, None)


async def test_43_connect_registers_and_every_field_shows_it(idle_bench: Bench, hook: UseJambonzClient) -> None:
    connecting: list[bool] = []
    hook.is_connecting.subscribe(connecting.append)
    await idle_bench.finish(hook.connect())
    assert (hook.state.value, hook.is_registered.value, hook.error.value) == ("registered", True, None)
    assert hook.client.value is not None
    assert connecting == [False, True, False]


async def test_44_disconnect_shows_at_once(idle_bench: Bench, hook: UseJambonzClient) -> None:
    await idle_bench.finish(hook.connect())
    hook.disconnect()
    assert (hook.state.value, hook.is_registered.value, hook.client.value) == ("disconnected", False, None)
    await idle_bench.pass_time(5)
    assert hook.state.value == "disconnected"


async def test_45_bad_credentials_leave_an_error_and_a_retry_works(idle_bench: Bench, hook: UseJambonzClient) -> None:
    idle_bench.peer.answers["REGISTER"] = 403
    with pytest.raises(RegistrationError):
        await idle_bench.finish(hook.connect())
    assert (hook.state.value, hook.client.value) == ("error", None)
    assert "403" in (hook.error.value or "")
    idle_bench.peer.answers["REGISTER"] = lambda register: [grant(register)]
    again = hook.connect()
    assert hook.error.value is None, "cleared by the next connect()"
    await idle_bench.finish(again)
    assert hook.state.value == "registered"


def test_46_a_call_hook_begins_without_a_call() -> None:
    with use_jambonz_client(ACCOUNT) as phone, use_call(phone.client) as line:
        assert (line.state.value, line.is_active.value, line.call.value) == (None, False, None)


async def test_47_make_call_shows_the_call_and_its_state_at_once(idle_bench: Bench, hook: UseJambonzClient) -> None:
    """The reference skips this one: its hook does not re-render. This one was even made before there was a client."""
    with use_call(hook.client) as line:
        await idle_bench.finish(hook.connect())
        idle_bench.answers()
        making = line.make_call("bob")
        now = line.snapshot.value
        assert now.call is not None
        assert (now.state, now.is_muted, now.is_held) == ("idle", False, False)
        assert (now.call.direction, now.call.remote_identity) == ("outbound", "bob")
        assert await idle_bench.finish(making) is now.call
        assert (line.state.value, line.is_active.value) == ("connected", True)
        shown: list[object] = []
        line.state.subscribe(shown.append)
        line.hangup()
        assert shown == ["connected", "ended", None]
        assert line.call.value is None
