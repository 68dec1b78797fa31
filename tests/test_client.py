"""The client: connection, registration, messages and named events, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import jzrx
from jzrx import ClientState, JambonzError, RegistrationError, create_jambonz_client
from jzrx.events import ConnectStarted
from jzrx.options import Reconnect
from jzrx.testing.peer import grant, request, respond
from tests.bench import Bench, told

LOGIN: dict[str, Any] = {"server": "ws://localhost:1", "username": "alice", "password": "secret"}


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.close()


async def test_connect_registers_and_tells_each_step(bench: Bench) -> None:
    heard = told(bench.client)
    action = bench.client.connect()
    assert bench.client.state == "connecting"  # at once
    await bench.finish(action)
    assert (bench.client.state, bench.client.is_registered) == (ClientState.REGISTERED, True)
    assert heard == [
        ("stateChanged", "connecting"),
        ("stateChanged", "connected"),
        "connected",
        ("stateChanged", "registered"),
        "registered",
    ]


async def test_connect_without_registration_is_done_when_connected() -> None:
    bench = Bench(auto_register=False)
    await bench.connected()
    assert bench.client.state == "connected"
    assert not bench.sent("REGISTER")
    await bench.finish(bench.client.register())
    assert bench.client.state == "registered"
    await bench.close()


async def test_connect_twice_is_misuse(bench: Bench) -> None:
    bench.client.connect()
    with pytest.raises(jzrx.ConnectionError, match="Already connected"):
        bench.client.connect()
    await bench.pass_time(1)
    with pytest.raises(ConnectionError, match="Already connected"):
        bench.client.connect()


async def test_a_refused_registration_fails_and_can_be_tried_again(bench: Bench) -> None:
    heard = told(bench.client)
    bench.peer.answers["REGISTER"] = lambda register: [
        respond(register, 403, headers=(("X-Reason", "Invalid credentials"),))
    ]
    with pytest.raises(RegistrationError, match="Invalid credentials") as caught:
        await bench.finish(bench.client.connect())
    assert caught.value.code == 403
    assert bench.client.state == "error"
    assert "Invalid credentials" in (bench.client.error or "")
    failures = [payload for name, payload in (pair for pair in heard if isinstance(pair, tuple)) if "Failed" in name]
    assert [type(failure) for failure in failures] == [RegistrationError]
    assert failures[0].code == 403
    await bench.pass_time(1)
    assert not bench.peer.wire.is_open
    bench.peer.answers["REGISTER"] = lambda register: [grant(register)]
    await bench.finish(bench.client.connect())
    assert (bench.client.state, bench.client.error) == ("registered", None)


async def test_an_unreachable_server_fails_connect(bench: Bench) -> None:
    bench.peer.wire.behaviour = "refuse"
    heard = told(bench.client)
    with pytest.raises(jzrx.ConnectionError, match="refused"):
        await bench.finish(bench.client.connect())
    assert bench.client.state == "error"
    assert isinstance(heard[-1][1], jzrx.ConnectionError)


async def test_a_silent_server_fails_connect_in_time() -> None:
    bench = Bench(connect_timeout=3)
    bench.peer.wire.behaviour = "silent"
    action = bench.client.connect()
    await bench.pass_time(2.9)
    assert not action.done
    await bench.pass_time(0.2)
    with pytest.raises(jzrx.ConnectionError, match="3 s"):
        await action
    await bench.close()


async def test_disconnect_shows_at_once_and_for_good(bench: Bench) -> None:
    await bench.connected()
    heard = told(bench.client)
    action = bench.client.disconnect()
    assert bench.client.state == "disconnected"
    await bench.pass_time(3)
    assert action.done
    assert heard == [("stateChanged", "disconnected"), "disconnected"]
    assert [register.expires for register in bench.sent("REGISTER")] == [300, 0]
    assert bench.client.disconnect().done


async def test_disconnect_ends_in_two_seconds_whatever_the_server_does(bench: Bench) -> None:
    await bench.connected()
    bench.peer.answers["REGISTER"] = ()
    action = bench.client.disconnect()
    await bench.pass_time(1.9)
    assert not action.done
    await bench.pass_time(0.2)
    assert action.done
    await action


async def test_disconnect_before_connect_needs_no_loop_and_is_done() -> None:
    client = create_jambonz_client(LOGIN)
    assert await asyncio.to_thread(lambda: client.disconnect().result(0)) is None
    assert client.state == "disconnected"


async def test_connect_right_after_disconnect_waits_for_the_unregister(bench: Bench) -> None:
    await bench.connected()
    withheld: list[Any] = []
    bench.peer.answers["REGISTER"] = lambda register: (withheld.append(register), [])[1]
    bench.client.disconnect()
    action = bench.client.connect()
    assert bench.client.state == "connecting"
    await bench.pass_time(1)
    assert [register.expires for register in bench.sent("REGISTER")] == [300, 0]
    bench.peer.answers["REGISTER"] = lambda register: [grant(register)]
    bench.peer.say(grant(withheld[0]))
    await bench.finish(action)
    assert [register.expires for register in bench.sent("REGISTER")] == [300, 0, 300]
    assert bench.client.state == "registered"


async def test_a_connect_that_waits_and_is_left_again_fails(bench: Bench) -> None:
    await bench.connected()
    bench.peer.answers["REGISTER"] = ()
    bench.client.disconnect()
    action = bench.client.connect()
    bench.client.disconnect()
    assert bench.client.state == "disconnected"
    with pytest.raises(jzrx.ConnectionError, match="disconnected"):
        await bench.finish(action)
    await bench.pass_time(5)
    assert bench.client.state == "disconnected"
    assert len([event for event in bench.events if isinstance(event, ConnectStarted)]) == 2


async def test_an_action_that_disconnect_overtakes_fails_quietly(bench: Bench) -> None:
    await bench.connected()
    heard = told(bench.client)
    bench.peer.answers["MESSAGE"] = ()
    action = bench.client.send_message("bob", "hello")
    await bench.pass_time(0.1)
    bench.client.disconnect()
    with pytest.raises(JambonzError):
        await bench.finish(action)
    assert heard == [("stateChanged", "disconnected"), "disconnected"]


async def test_cancelling_connect_closes_the_attempt(bench: Bench) -> None:
    bench.peer.wire.behaviour = "silent"

    async def connect() -> None:
        await bench.client.connect()

    task = asyncio.create_task(connect())
    await bench.pass_time(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.client.state == "disconnected"
    bench.peer.wire.behaviour = "accept"
    await bench.connected()


async def test_cancelling_another_await_cancels_nothing(bench: Bench) -> None:
    await bench.connected()
    bench.peer.answers["MESSAGE"] = ()
    action = bench.client.send_message("bob", "hello")
    task = asyncio.ensure_future(asyncio.wait_for(action, 60))
    await bench.pass_time(0.1)
    task.cancel()
    await asyncio.wait([task])
    bench.peer.reply("MESSAGE", 202)
    assert await bench.finish(action) == 202


async def test_connect_without_a_loop_names_the_ways_out() -> None:
    client = create_jambonz_client(LOGIN)
    with pytest.raises(RuntimeError, match=r"coroutine.*background"):
        await asyncio.to_thread(client.connect)
    assert client.state == "disconnected"


async def test_a_drop_is_mended_and_the_state_stays_reconnecting(bench: Bench) -> None:
    await bench.connected()
    heard = told(bench.client)
    bench.peer.wire.drop()
    assert bench.client.state == "reconnecting"
    assert not bench.client.is_registered
    await bench.until(lambda: bench.client.state != "reconnecting")
    assert heard == [
        ("stateChanged", "reconnecting"),
        "disconnected",
        "connected",
        ("stateChanged", "registered"),
        "registered",
    ]


async def test_a_refresh_is_not_told_as_a_registration(bench: Bench) -> None:
    await bench.connected()
    heard = told(bench.client)
    await bench.pass_time(700, step=1)
    assert len(bench.sent("REGISTER")) > 2
    assert heard == []


async def test_giving_up_after_a_drop_is_an_error_that_leaves_nothing() -> None:
    bench = Bench(reconnect=Reconnect(attempts=2))
    await bench.connected()
    bench.peer.wire.behaviour = "refuse"
    bench.peer.wire.drop()
    await bench.until(lambda: bench.client.state == "error")
    bench.peer.wire.behaviour = "accept"
    await bench.pass_time(1)
    await bench.connected()
    await bench.close()


async def test_unregister_keeps_the_connection(bench: Bench) -> None:
    await bench.connected()
    heard = told(bench.client)
    await bench.finish(bench.client.unregister())
    assert heard == [("stateChanged", "unregistered"), "unregistered"]
    assert bench.client.can.call
    await bench.finish(bench.client.register())
    assert bench.client.state == "registered"


async def test_a_refused_register_raises_and_is_told(bench: Bench) -> None:
    await bench.connected()
    await bench.finish(bench.client.unregister())
    heard = told(bench.client)
    bench.peer.answers["REGISTER"] = 503
    with pytest.raises(RegistrationError) as caught:
        await bench.finish(bench.client.register())
    assert caught.value.code == 503
    assert [name for name, _ in heard] == ["registrationFailed"]
    assert bench.client.state == "unregistered"
    assert bench.client.error


async def test_a_register_that_is_refused_while_registered_is_told(bench: Bench) -> None:
    await bench.connected()
    heard = told(bench.client)
    bench.peer.answers["REGISTER"] = 503
    with pytest.raises(RegistrationError):
        await bench.finish(bench.client.register())
    assert [name for name, _ in heard] == ["registrationFailed"]
    assert bench.client.is_registered  # until the granted time is over
    await bench.pass_time(40)
    assert [name for name, _ in heard] == ["registrationFailed"]  # what we try by ourselves is not told


async def test_disconnect_after_an_error_clears_the_state(bench: Bench) -> None:
    bench.peer.wire.behaviour = "refuse"
    with pytest.raises(ConnectionError):
        await bench.finish(bench.client.connect())
    bench.client.disconnect()
    assert bench.client.state == "disconnected"


# --- messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["register", "unregister"])
async def test_a_register_that_nobody_answers_is_408_after_10_s(bench: Bench, action: str) -> None:
    await bench.connected()
    bench.peer.answers["REGISTER"] = ()
    begun = bench.scheduler.now
    with pytest.raises(RegistrationError) as caught:
        await bench.finish(getattr(bench.client, action)())
    assert caught.value.code == 408
    assert 10 <= (bench.scheduler.now - begun).total_seconds() < 10.1
    assert bench.client.is_registered  # for the time that was granted


async def test_send_message_returns_the_status(bench: Bench) -> None:
    await bench.connected()
    assert await bench.finish(bench.client.send_message("bob", "Grüße", "text/html")) == 200
    message = bench.sent("MESSAGE")[0]
    assert str(message.uri) == "sip:bob@example.com"
    assert message.body.decode() == "Grüße"
    assert message.headers.get("Content-Type") == "text/html"


async def test_a_refused_message_raises_and_is_told(bench: Bench) -> None:
    await bench.connected()
    heard = told(bench.client)
    bench.peer.answers["MESSAGE"] = 503
    action = bench.client.send_message("bob", "hello")
    with pytest.raises(jzrx.CallError) as caught:
        await bench.finish(action)
    assert caught.value.code == 503
    assert [(name, payload.code) for name, payload in heard] == [("error", 503)]
    assert bench.client.error


async def test_a_message_that_nobody_answers_is_408(bench: Bench) -> None:
    await bench.connected()
    bench.peer.answers["MESSAGE"] = ()
    with pytest.raises(jzrx.CallError) as caught:
        await bench.finish(bench.client.send_message("bob", "hello"))
    assert caught.value.code == 408


@pytest.mark.parametrize(
    ("target", "body", "kind"),
    [
        ("", "x", "text/plain"),
        ("bob", b"x", "text/plain"),
        ("bob", "x", "text"),
        ("bob", "x", "text/plain\r\nX: 1"),
        ("bob", "\ud800", "text/plain"),
        ("bob", "€", "text/plain;charset=us-ascii"),
    ],
)
async def test_a_bad_message_is_misuse(bench: Bench, target: str, body: str, kind: str) -> None:
    await bench.connected()
    with pytest.raises(ValueError):
        bench.client.send_message(target, body, kind)


async def test_a_message_arrives(bench: Bench) -> None:
    await bench.connected()
    heard: list[jzrx.SipMessage] = []
    bench.client.on("message", heard.append)
    bench.peer.say(request("MESSAGE", body="Grüße".encode(), content_type="text/plain"))
    await bench.pass_time(0.1)
    assert heard == [jzrx.SipMessage("sip:bob@example.com", "Grüße", "text/plain")]


@pytest.mark.parametrize("what", ["call", "send_message", "register", "unregister", "make_call"])
async def test_what_needs_a_connection_says_so(bench: Bench, what: str) -> None:
    arguments = {"call": ("bob",), "make_call": ("bob",), "send_message": ("bob", "hello")}.get(what, ())
    with pytest.raises(jzrx.ConnectionError, match="Not connected"):
        getattr(bench.client, what)(*arguments)


# --- events -----------------------------------------------------------------------------------------------------------


async def test_names_are_documented_or_snake_case_or_refused(bench: Bench) -> None:
    heard: list[str] = []
    bench.client.on("stateChanged", heard.append)
    bench.client.on("state_changed", heard.append)
    with pytest.raises(ValueError, match="stateChanged"):
        bench.client.on("stateChange", heard.append)
    with pytest.raises(TypeError):
        bench.client.on("registered", None)  # type: ignore[arg-type]
    bench.client.connect()
    assert heard == ["connecting", "connecting"]


async def test_once_off_and_dispose_end_it(bench: Bench) -> None:
    heard: list[str] = []
    bench.client.once("stateChanged", lambda state: heard.append(f"once {state}"))
    bench.client.on("stateChanged", heard.append).dispose()
    bench.client.on("stateChanged", heard.append)
    bench.client.off("stateChanged", heard.append)
    bench.client.off("stateChanged", heard.append)  # one that is not there
    await bench.connected()
    assert heard == ["once connecting"]


async def test_a_handler_that_raises_hurts_nobody(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    def broken(_: str) -> None:
        raise RuntimeError("broken handler")

    bench.client.on("stateChanged", broken)
    bench.client.on("stateChanged", heard.append)
    await bench.connected()
    assert heard == ["connecting", "connected", "registered"]
    assert "broken handler" in caplog.text


async def test_a_handler_that_asks_a_cancelled_future_hurts_nobody(bench: Bench) -> None:
    heard: list[Any] = []
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    bench.client.on("stateChanged", lambda _: future.result())
    bench.client.on("stateChanged", heard.append)
    await bench.connected()
    assert heard == ["connecting", "connected", "registered"]


async def test_a_handler_may_be_async(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    async def handler(state: str) -> None:
        await asyncio.sleep(0)
        heard.append(state)
        if state == "connected":
            raise RuntimeError("broken coroutine")

    bench.client.on("stateChanged", handler)
    await bench.connected()
    assert heard == ["connecting", "connected", "registered"]
    assert "broken coroutine" in caplog.text


async def test_events_come_after_their_snapshot(bench: Bench) -> None:
    seen: list[tuple[str, str]] = []
    bench.client.events.subscribe(lambda event: seen.append((type(event).__name__, str(bench.client.state))))
    await bench.connected()
    assert seen == [("ConnectStarted", "connecting"), ("FlowOpened", "connected"), ("Registered", "registered")]


async def test_an_action_in_a_handler_comes_after_the_snapshot(bench: Bench) -> None:
    await bench.connected()
    order: list[str] = []
    bench.client.snapshot.subscribe(lambda now: order.append(str(now.state)))

    def leave(_: object) -> None:
        bench.client.disconnect()
        order.append("asked")

    bench.client.once("message", leave)
    bench.peer.say(request("MESSAGE", body=b"go"))
    await bench.pass_time(0.1)
    assert order == ["registered", "asked", "disconnected"]


@pytest.mark.parametrize("event", ["incoming", "message", "stateChanged"])
@pytest.mark.parametrize("times", [1, 3])
async def test_disconnect_and_connect_in_a_handler(bench: Bench, event: str, times: int) -> None:
    await bench.connected()
    heard = told(bench.client)
    bench.invite()
    await bench.until(lambda: bench.client.call_count == 1)
    ringing = bench.client.incoming_call
    assert ringing is not None

    def again(*_: object) -> None:
        for _ in range(times):
            bench.client.disconnect()
            bench.client.connect()

    bench.client.once(event, again)
    if event == "incoming":
        bench.invite(2)
    elif event == "message":
        bench.peer.say(request("MESSAGE", body=b"hi", content_type="text/plain"))
    else:
        bench.peer.wire.drop()
    await bench.until(lambda: bench.client.is_registered and "registered" in heard)
    assert (ringing.state, dict(bench.client.calls)) == ("ended", {})
    assert [told for told in heard if told in ("disconnected", "registered")] == ["disconnected", "registered"]


async def test_connect_in_a_handler_is_taken_once(bench: Bench) -> None:
    errors: list[JambonzError] = []

    def twice(_: object) -> None:
        bench.client.connect()
        try:
            bench.client.connect()
        except JambonzError as error:
            errors.append(error)

    await bench.connected()
    bench.client.once("disconnected", lambda: twice(None))
    bench.client.disconnect()
    await bench.until(lambda: bench.client.state == "registered")
    assert len(errors) == 1


# --- what it is -------------------------------------------------------------------------------------------------------


async def test_the_password_is_nowhere(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    await bench.connected()
    everything = (
        f"{bench.client!r} {bench.client.options!r} {bench.client.snapshot.value!r} {bench.events!r} {caplog.text}"
    )
    assert "secret" not in everything


def test_options_are_checked_at_once() -> None:
    with pytest.raises(TypeError, match="did you mean username"):
        create_jambonz_client(LOGIN, user_name="bob")
    with pytest.raises(ValueError, match="server"):
        create_jambonz_client(LOGIN, server="http://x")


async def test_async_with_connects_and_disconnects(bench: Bench) -> None:
    async def use() -> str:
        async with bench.client as client:
            return str(client.state)

    task = asyncio.ensure_future(use())
    await bench.until(task.done)
    assert await task == "registered"
    assert bench.client.state == "disconnected"


async def test_the_snapshots_replay_from_the_events(bench: Bench) -> None:
    from jzrx.store import replay

    await bench.connected()
    assert isinstance(bench.events[0], ConnectStarted)
    assert replay(bench.events) == bench.client.snapshot.value


def test_a_target_can_be_looked_at_before_anybody_is_called() -> None:
    client = create_jambonz_client(LOGIN, realm="acme.example.com")
    assert client.uri_of("+1 (555) 123") == "sip:+1555123@acme.example.com"
    with pytest.raises(ValueError, match="no phone knows mailto"):
        client.uri_of("mailto:bob")
