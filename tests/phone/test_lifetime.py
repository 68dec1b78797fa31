"""Loops, threads and ends: real time, a real WebSocket, and nothing left behind."""

import asyncio
import gc
import os
import pickle
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

import jzrx
from jzrx import (
    CallError,
    JambonzError,
    RegistrationError,
    create_jambonz_client,
    use_call,
    use_jambonz_client,
)
from jzrx.testing import EmbeddedSbc
from jzrx.testing.fake_media import FakeMedia
from tests.phone.registrar import registrar, registrar_in_threads

LOGIN: dict[str, Any] = {"username": "alice", "password": "secret"}


def loop_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "jzrx-loop"]


async def test_it_connects_for_real_and_leaves_nothing() -> None:
    async with registrar() as url:
        before = asyncio.all_tasks()
        async with create_jambonz_client(LOGIN, server=url) as client:
            assert client.is_registered
        assert client.state == "disconnected"
        left = asyncio.all_tasks() - before  # the WebSocket says goodbye
        if left:
            _, pending = await asyncio.wait(left, timeout=1)
            assert not {task for task in pending if "jzrx" in task.get_name()}


async def test_hooks_that_nobody_disposed_keep_no_client_alive() -> None:
    async with registrar() as url:
        phone = use_jambonz_client(LOGIN, server=url)
        use_call(phone.client).snapshot.subscribe(lambda _: None)
        phone.snapshot.subscribe(lambda _: None)
        await phone.connect()
        assert phone.client.value is not None
        client = weakref.ref(phone.client.value)
        await phone.disconnect()
        del phone
        await asyncio.sleep(0)
        gc.collect()
        assert client() is None


@pytest.mark.parametrize("event", ["stateChanged", "registrationFailed"])
async def test_connect_in_the_handler_of_a_failure(event: str) -> None:
    async with EmbeddedSbc(users={"alice": "secret"}) as sbc:
        client = create_jambonz_client(LOGIN, server=sbc.url, media=FakeMedia())

        def again(payload: object) -> None:
            if payload == "error" or isinstance(payload, RegistrationError):
                client.connect()

        client.on(event, again)
        sbc.script.reply("REGISTER", 403)
        with pytest.raises(RegistrationError):
            await client.connect()
        await client.snapshot.wait(lambda now: now.is_registered, timeout=5)
        await client.disconnect()


async def test_what_cannot_be_reached_says_what_to_do() -> None:
    client = create_jambonz_client(LOGIN, server="ws://localhost:9", connect_timeout=5)
    with pytest.raises(jzrx.ConnectionError, match="nothing listens") as failure:
        await client.connect()
    assert isinstance(failure.value.__cause__, ConnectionRefusedError)
    assert str(pickle.loads(pickle.dumps(failure.value))) == str(failure.value)
    assert client.state == "error"
    assert "nothing listens" in (client.error or "")


async def test_a_loop_that_ends_without_disconnect_makes_no_noise(
    caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    def program(url: str) -> tuple[str, jzrx.JambonzClient]:
        client = create_jambonz_client(LOGIN, server=url, media=FakeMedia())
        states: list[str] = []
        client.on("stateChanged", states.append)

        async def main() -> None:
            await client.connect()
            call = client.call("bob")
            await asyncio.sleep(0)
            assert call.state == "connecting"

        asyncio.run(main())
        return states[-1], client

    with registrar_in_threads() as (url, _):
        last, client = await asyncio.to_thread(program, url)
    gc.collect()
    assert last == "registered"  # no handler runs on a loop that ends
    assert client.state == "disconnected"
    assert client.call_count == 0
    assert [record.message for record in caplog.records if record.name == "jzrx" and record.levelname == "WARNING"] == [
        f"the event loop ended while alice was connected to {url}; disconnect() would have unregistered it"
    ]
    assert not recwarn.list
    assert client.disconnect().done
    with pytest.raises(jzrx.ConnectionError):
        client.call("bob")


def test_a_client_whose_loop_has_ended_can_be_used_on_another() -> None:
    with registrar_in_threads() as (url, _):
        client = create_jambonz_client(LOGIN, server=url)
        states: list[str] = []
        client.on("stateChanged", states.append)

        async def forget() -> None:
            await client.connect()

        async def use() -> None:
            async with client:
                pass

        asyncio.run(forget())
        asyncio.run(use())
    assert states == ["connecting", "connected", "registered", "connecting", "connected", "registered", "disconnected"]


def test_a_client_may_go_from_loop_to_loop() -> None:
    with registrar_in_threads() as (url, expiries):
        client = create_jambonz_client(LOGIN, server=url)

        async def main() -> None:
            async with client:
                assert client.is_registered

        asyncio.run(main())
        asyncio.run(main())
    assert expiries == [300, 0, 300, 0]


def test_a_loop_that_stands_still_amid_disconnect_does_not_hold_the_next_up() -> None:

    async def leave() -> None:
        client.disconnect()

    async def connect() -> None:
        await client.connect()

    async def come_and_go() -> None:
        async with client:
            assert client.is_registered

    async def end() -> None:
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})

    first = asyncio.new_event_loop()
    try:
        with registrar_in_threads() as (url, _):
            client = create_jambonz_client(LOGIN, server=url, media=FakeMedia())
            first.run_until_complete(connect())
            first.run_until_complete(leave())
            asyncio.run(asyncio.wait_for(come_and_go(), 10))
            first.run_until_complete(end())
    finally:
        first.close()


def test_a_loop_that_is_closed_over_a_client() -> None:
    program = """
import asyncio, sys, jzrx
from jzrx.testing.fake_media import FakeMedia
client = jzrx.create_jambonz_client(server=sys.argv[1], username="alice", password="secret", media=FakeMedia())
async def hear():
    raise AssertionError("there is no loop to run it")
client.on("disconnected", hear)
async def connect():
    await client.connect()
    return client.call("bob")
loop = asyncio.new_event_loop()
call = loop.run_until_complete(connect())
loop.close()
try:
    client.call("bob")
except jzrx.ConnectionError as error:
    print(error)
print(call.hangup().done, client.disconnect().done, client.state.value, call.state.value, client.call_count)
async def again():
    async with client:
        print(client.state.value)
asyncio.run(again())
"""
    with registrar_in_threads(ignored="INVITE") as (url, _):
        # (That its loop was closed over pending tasks, asyncio says for each of them.)
        done = subprocess.run(
            [sys.executable, "-c", program, url],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert done.stdout.splitlines() == [
        "Not connected (the state is disconnected): call connect() first.",
        "True True disconnected ended 0",
        "registered",
    ]
    assert "AssertionError" not in done.stderr


def test_in_the_background() -> None:
    with registrar_in_threads() as (url, expiries):
        client = create_jambonz_client(LOGIN, server=url, background=True, media=FakeMedia())
        threads: set[str] = set()
        client.snapshot.subscribe(lambda _: threads.add(threading.current_thread().name))
        client.connect().result(5)
        assert client.is_registered
        assert [thread.daemon for thread in loop_threads()] == [True]
        call = client.call("bob")
        call.hangup().result(5)
        client.disconnect().result(5)
        assert client.state == "disconnected"
        for thread in loop_threads():
            thread.join(5)
        assert not loop_threads()
        assert threads == {"MainThread", "jzrx-loop"}  # the first value comes where one subscribes
        client.connect().result(5)  # again
        client.disconnect().result(5)
    assert expiries == [300, 0, 300, 0]


def test_at_once_holds_in_other_threads_too() -> None:
    with registrar_in_threads(ignored="INVITE") as (url, _):
        phone = use_jambonz_client(LOGIN, server=url, background=True, media=FakeMedia())
        hook = use_call(phone.client)
        phone.connect().result(5)
        client = phone.client.value
        assert client is not None
        calling = hook.make_call("bob")
        call = hook.call.value
        assert call is not None
        assert dict(client.calls) == {call.id: call}
        call.mute()
        assert hook.is_muted.value
        call.hangup()
        assert (call.state, hook.call.value, client.call_count) == ("ended", None, 0)
        with pytest.raises(CallError):
            calling.result(5)
        phone.disconnect()
        assert (phone.state.value, phone.client.value) == ("disconnected", None)
        phone.connect().result(5)
        phone.dispose()
        assert (phone.state.value, phone.client.value) == ("disconnected", None)
        for thread in loop_threads():
            thread.join(5)


def test_two_loops_that_act_on_each_other_do_not_stand_still() -> None:
    with registrar_in_threads() as (url, _):
        client = create_jambonz_client(LOGIN, server=url, background=True, media=FakeMedia())
        client.connect().result(5)

        async def act() -> None:
            call = client.call("bob")
            await call.hangup()
            await client.disconnect()

        asyncio.run(asyncio.wait_for(act(), 5))
        for thread in loop_threads():
            thread.join(5)


def test_background_for_one_connect() -> None:
    with registrar_in_threads() as (url, _):
        client = create_jambonz_client(LOGIN, server=url)
        with pytest.raises(RuntimeError, match="background"):
            client.connect()
        client.connect(background=True).result(5)
        client.disconnect().result(5)


async def test_the_background_is_a_thread_of_its_own_also_where_a_loop_runs() -> None:
    """As in a notebook, whose cells may block the loop that runs there."""
    with registrar_in_threads() as (url, expiries):
        client = create_jambonz_client(LOGIN, server=url)
        threads: set[str] = set()
        await client.connect(background=True)
        client.events.subscribe(lambda _: threads.add(threading.current_thread().name))
        await client.unregister()
        await client.disconnect()
        assert threads == {"jzrx-loop"}
        for thread in loop_threads():
            await asyncio.to_thread(thread.join, 5)
    assert expiries[0] == 300


def test_a_background_failure_ends_the_thread() -> None:
    client = create_jambonz_client(LOGIN, server="ws://localhost:9", background=True)
    with pytest.raises(jzrx.ConnectionError):
        client.connect().result(5)
    for thread in loop_threads():
        thread.join(5)
    assert not loop_threads()


def test_two_clients_share_the_background_loop() -> None:
    with registrar_in_threads() as (url, _):
        first = create_jambonz_client(LOGIN, server=url, background=True)
        second = create_jambonz_client(LOGIN, server=url, background=True)
        first.connect().result(5)
        second.connect().result(5)
        assert len(loop_threads()) == 1
        first.disconnect().result(5)
        assert second.is_registered
        second.disconnect().result(5)


def test_with_background() -> None:
    with registrar_in_threads() as (url, expiries):
        hook = use_jambonz_client(LOGIN, server=url)
        with jzrx.background():
            hook.connect().result(5)
            assert hook.client.value is not None
            hook.disconnect().result(5)
            assert hook.client.value is None
        assert not loop_threads()
    assert expiries == [300, 0]


def test_what_is_connected_at_the_end_of_the_block_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    with registrar_in_threads() as (url, _):
        client = create_jambonz_client(LOGIN, server=url)
        with jzrx.background():
            client.connect().result(5)
        assert client.state == "disconnected"
        assert not loop_threads()
    assert "the event loop ended" in caplog.text


@pytest.mark.parametrize("way", ["asyncio.run(main())", "client.connect(background=True).result(5)"])
def test_an_interpreter_that_exits_without_disconnect_is_quiet(way: str) -> None:
    program = f"""
import asyncio, sys, jzrx
client = jzrx.create_jambonz_client(server=sys.argv[1], username="alice", password="secret")
async def main():
    await client.connect()
{way}
print(client.state)
"""
    with registrar_in_threads() as (url, _):
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "default", "-c", program, url],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
async def test_use_after_a_fork_raises() -> None:
    async with registrar() as url, create_jambonz_client(LOGIN, server=url) as client:
        pid = client._phone._pid  # pyright: ignore[reportPrivateUsage]
        client._phone._pid = pid + 1  # as a child process would see it  # pyright: ignore[reportPrivateUsage]
        for action in (lambda: client.call("bob"), client.connect, client.register):
            with pytest.raises(JambonzError, match="fork"):
                action()
        client._phone._pid = pid  # pyright: ignore[reportPrivateUsage]
