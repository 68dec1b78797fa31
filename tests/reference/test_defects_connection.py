"""D1 to D9: what the reference SDK does not keep of its promises about connection and registration, and jzrx does."""

import asyncio
from typing import Any

import pytest

import jzrx
from jzrx import CallError, JambonzError, RegistrationError, create_jambonz_client
from jzrx.testing.peer import grant, respond
from tests.bench import Bench, told


def states(heard: list[Any]) -> list[str]:
    return [event[1] for event in heard if event[0] == "stateChanged"]


@pytest.mark.parametrize("refreshing", [False, True])
async def test_d01_reconnecting_lasts_from_the_drop_until_registered(bench: Bench, refreshing: bool) -> None:
    if refreshing:
        bench.peer.answers["REGISTER"] = ()
        bench.client.register()
        await bench.pass_time(0.1)
    heard = told(bench.client)
    bench.peer.wire.drop()
    await bench.catch_up()
    assert bench.client.state == "reconnecting"
    bench.peer.answers["REGISTER"] = lambda register: [grant(register)]
    await bench.until(lambda: bench.client.is_registered)
    assert states(heard) == ["reconnecting", "registered"]
    assert "unregistered" not in heard


async def test_d02_disconnected_is_shown_and_told_at_once_and_stays(bench: Bench) -> None:
    heard = told(bench.client)
    bench.client.disconnect()
    assert heard == [("stateChanged", "disconnected"), "disconnected"]
    await bench.pass_time(5)
    assert (bench.client.state, len(heard)) == ("disconnected", 2)


async def test_d03_connect_right_after_disconnect_is_accepted(bench: Bench) -> None:
    bench.client.disconnect()
    await bench.finish(bench.client.connect())
    assert bench.client.state == "registered"
    assert [register.expires for register in bench.sent("REGISTER")] == [300, 0, 300]


@pytest.mark.parametrize("server", ["refuse", "silent"])
async def test_d04_connect_to_what_cannot_be_reached_ends(idle_bench: Bench, server: Any) -> None:
    idle_bench.peer.wire.behaviour = server
    connecting = idle_bench.client.connect()
    await idle_bench.pass_time(10.1)
    assert connecting.done
    with pytest.raises(jzrx.ConnectionError):
        await connecting
    await idle_bench.pass_time(60, step=1)
    assert (idle_bench.client.state, len(idle_bench.peer.wire.opened)) == ("error", 1)


async def test_d04_a_port_where_nobody_listens_is_told() -> None:
    client = create_jambonz_client(server="ws://localhost:9", username="alice", password="secret")
    with pytest.raises(jzrx.ConnectionError, match="nothing listens on localhost port 9"):
        await asyncio.wait_for(client.connect(), 15)


@pytest.mark.parametrize("contact", [None, "<sip:somebody@else.invalid>;expires=60"])
async def test_d05_a_200_without_our_contact_registers(idle_bench: Bench, contact: str | None) -> None:
    headers = () if contact is None else (("Contact", contact),)
    idle_bench.peer.answers["REGISTER"] = lambda register: [respond(register, 200, headers=headers)]
    await idle_bench.finish(idle_bench.client.connect())
    assert idle_bench.client.is_registered


async def test_d06_a_refused_registration_leaves_a_client_that_can_connect(idle_bench: Bench) -> None:
    idle_bench.peer.answers["REGISTER"] = 403
    with pytest.raises(RegistrationError):
        await idle_bench.finish(idle_bench.client.connect())
    await idle_bench.pass_time(0.1)
    assert not idle_bench.peer.wire.is_open
    idle_bench.peer.answers["REGISTER"] = lambda register: [grant(register)]
    await idle_bench.finish(idle_bench.client.connect())
    assert idle_bench.client.state == "registered"


async def test_d06_a_drop_amid_the_registration_is_the_end_of_connect(idle_bench: Bench) -> None:
    idle_bench.peer.answers["REGISTER"] = ()
    connecting = idle_bench.client.connect()
    await idle_bench.pass_time(0.1)
    idle_bench.peer.wire.drop()
    with pytest.raises(jzrx.ConnectionError, match="before it answered"):
        await connecting
    idle_bench.peer.answers["REGISTER"] = lambda register: [grant(register)]
    await idle_bench.pass_time(60, step=1)
    assert (idle_bench.client.state, idle_bench.client.is_registered) == ("error", False)


def test_d06_a_bad_url_is_refused_before_there_is_a_client() -> None:
    with pytest.raises(ValueError, match="server must start with wss://"):
        create_jambonz_client(server="https://sbc.example.com", username="alice", password="secret")


async def test_d07_errors_have_the_code_and_the_words_of_the_server(idle_bench: Bench) -> None:
    words = (("X-Reason", "Invalid credentials"),)
    idle_bench.peer.answers["REGISTER"] = lambda register: [respond(register, 403, headers=words)]
    with pytest.raises(RegistrationError, match="403 Invalid credentials") as refused:
        await idle_bench.finish(idle_bench.client.connect())
    assert refused.value.code == 403

    idle_bench.peer.answers["REGISTER"] = lambda register: [grant(register)]
    await idle_bench.finish(idle_bench.client.connect())
    idle_bench.peer.answers["INVITE"] = 486
    errors: list[JambonzError] = []
    idle_bench.client.on("error", errors.append)
    call = idle_bench.client.call("bob")
    await idle_bench.until(lambda: call.state == "ended")
    with pytest.raises(CallError) as failed:
        await call.answered()
    assert (failed.value.code, failed.value.reason) == (486, "Busy Here")

    idle_bench.peer.answers["MESSAGE"] = 503
    with pytest.raises(CallError, match="503"):
        await idle_bench.finish(idle_bench.client.send_message("bob", "hello"))
    assert [getattr(error, "code", None) for error in errors] == [503], "the event `error` is emitted"


async def test_d08_a_refresh_that_fails_is_tried_again(bench: Bench) -> None:
    heard = told(bench.client)
    bench.peer.answers["REGISTER"] = 503
    await bench.pass_time(276, step=1)
    assert len(bench.sent("REGISTER")) >= 2
    assert bench.client.state == "registered"
    bench.peer.answers["REGISTER"] = lambda register: [grant(register)]
    await bench.pass_time(60, step=1)
    assert (bench.client.state, heard) == ("registered", [])
    before = len(bench.sent("REGISTER"))
    await bench.pass_time(300, step=1)
    assert len(bench.sent("REGISTER")) > before


async def test_d09_headers_of_the_registration_go_out() -> None:
    bench = Bench(register_headers={"X-Device": "desk 7"})
    await bench.connected()
    await bench.close()
    assert [register.headers.get("X-Device") for register in bench.sent("REGISTER")] == ["desk 7", "desk 7"]


async def test_d09_a_dead_path_is_noticed_long_before_the_next_registration(bench: Bench) -> None:
    await bench.until(lambda: bench.sent("OPTIONS"), 60)
    bench.peer.answers["OPTIONS"] = ()
    await bench.pass_time(0.5)
    await bench.until(lambda: bench.client.state == "reconnecting", 90)
    await bench.until(lambda: bench.client.is_registered)
