"""The steps of a preflight, against an SBC that works and against servers that fail in one way each."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from jzrx import PreflightStep, preflight
from jzrx.doctor import run, talk
from jzrx.testing import EmbeddedSbc
from tests.interop.ca import CertificateAuthority

NO_ICE = {"iceServers": []}
ACCOUNT = {"username": "alice", "password": "wonderland"}


@pytest.fixture
async def sbc() -> AsyncIterator[EmbeddedSbc]:
    async with EmbeddedSbc({"alice": "wonderland"}) as server:
        yield server


async def steps_of(server: str, call: str | None = None, **fields: object) -> dict[str, PreflightStep]:
    steps = {step.name: step async for step in preflight(server=server, call=call, **(ACCOUNT | fields))}
    helpless = [step for step in steps.values() if step.outcome == "failed" and not step.advice]
    assert not helpless, "each says what to do"
    return steps


def outcomes(steps: dict[str, PreflightStep]) -> dict[str, str]:
    return {name: step.outcome for name, step in steps.items()}


async def test_all_is_well_with_an_sbc_that_echoes(sbc: EmbeddedSbc) -> None:
    steps = await steps_of(sbc.url, "echo")
    assert outcomes(steps) == dict.fromkeys(("dns", "tcp", "websocket", "sip", "registration", "call"), "ok")
    assert "127.0.0.1" in steps["dns"].detail
    assert "200 OK" in steps["sip"].detail
    assert "alice@localhost, for 300 s" in steps["registration"].detail
    assert "our tone came back (opus" in steps["call"].detail
    assert not any(step.advice for step in steps.values())


async def test_each_step_comes_when_it_is_done(sbc: EmbeddedSbc) -> None:
    steps = preflight(server=sbc.url, **ACCOUNT)
    assert (await anext(steps)).name == "dns"
    await steps.aclose()  # whoever has seen enough leaves nothing behind: the leak checks of the tests hold


@pytest.mark.parametrize(
    ("target", "outcome", "said"),
    [
        ("tone", "warning", "not our own tone"),
        ("busy", "failed", "486 Busy Here"),
        ("nobody", "failed", "480 no configured application"),
    ],
)
async def test_a_call_that_does_not_echo(
    sbc: EmbeddedSbc, target: str, outcome: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk, "LISTEN", 1.0)
    steps = await steps_of(sbc.url, target)
    assert steps["call"].outcome == outcome
    assert said in steps["call"].detail


async def test_a_wrong_password_is_told_and_no_call_is_made(sbc: EmbeddedSbc) -> None:
    steps = await steps_of(sbc.url, "echo", password="wrong")
    assert outcomes(steps)["registration"] == "failed"
    assert steps["registration"].detail.endswith("403 Invalid credentials")
    assert steps["registration"].advice == "check username, password and realm= (now localhost)"
    assert steps["call"].outcome == "skipped"
    assert "wrong" not in str(steps)


async def test_without_a_listener_tcp_fails_and_the_rest_is_skipped() -> None:
    steps = await steps_of("ws://localhost:1")
    assert outcomes(steps) == {
        "dns": "ok", "tcp": "failed", "websocket": "skipped", "sip": "skipped", "registration": "skipped",
    }  # fmt: skip
    assert "nothing listens" in steps["tcp"].detail
    assert steps["tcp"].advice == "check the address and the port"


async def test_a_name_that_nobody_has() -> None:
    steps = await steps_of("ws://nobody.invalid:8443", pc_config=NO_ICE)
    assert steps["dns"].outcome == "failed"
    assert steps["dns"].advice == "check the name in the server URL"


@asynccontextmanager
async def websocket(serving: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    async with serve(serving, "127.0.0.1", 0, subprotocols=[Subprotocol("sip")]) as server:
        yield f"ws://localhost:{next(iter(server.sockets)).getsockname()[1]}"


async def test_a_websocket_that_does_not_answer_sip(monkeypatch: pytest.MonkeyPatch) -> None:
    async def listen(connection: ServerConnection) -> None:
        async for _ in connection:
            pass

    monkeypatch.setattr(run, "PATIENCE", 0.5)
    async with websocket(listen) as url:
        steps = await steps_of(url)
    assert steps["websocket"].outcome == "ok"
    assert steps["sip"].outcome == "failed"
    assert "no answer" in steps["sip"].detail


async def test_a_port_that_takes_connections_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        steps = await steps_of(f"ws://localhost:{silent.getsockname()[1]}")
    assert steps["websocket"].detail == "no answer in 0.5 s"
    assert "of jambonz: port 8443" in (steps["websocket"].advice or "")


async def test_a_websocket_that_closes_at_the_first_sip_message() -> None:
    async def hang_up(connection: ServerConnection) -> None:
        await connection.recv()

    async with websocket(hang_up) as url:
        steps = await steps_of(url)
    assert steps["sip"].outcome == "failed"
    assert "closed the connection" in steps["sip"].detail
    assert "8443" in (steps["sip"].advice or "")


@asynccontextmanager
async def tls(context: ssl.SSLContext) -> AsyncIterator[str]:
    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(serving, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"wss://localhost:{server.sockets[0].getsockname()[1]}"


async def test_the_certificate_is_verified_and_its_end_is_told(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path, "ours")
    async with tls(authority.issue("localhost").server_context()) as url:
        steps = await steps_of(url, ssl=authority.client_context())
        untrusted = await steps_of(url)
    assert steps["tls"].detail.startswith("TLSv1.3, a certificate by ours for ")
    assert steps["websocket"].outcome == "failed"
    assert untrusted["tls"].outcome == "failed"
    assert "not trusted" in untrusted["tls"].detail
    assert "ssl=" in (untrusted["tls"].advice or "")


async def test_a_certificate_that_ends_soon_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jzrx.doctor.network.SOON", 10**9)
    authority = CertificateAuthority(tmp_path, "ours")
    async with tls(authority.issue("localhost").server_context()) as url:
        steps = await steps_of(url, ssl=authority.client_context())
    assert (steps["tls"].outcome, steps["tls"].advice) == ("warning", "renew the certificate")


async def test_behind_a_proxy_name_and_port_are_the_proxys_affair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://localhost:1")
    steps = await steps_of("wss://sbc.example.com:8443", pc_config=NO_ICE)
    assert outcomes(steps) == {"websocket": "failed", "sip": "skipped", "registration": "skipped"}


async def test_a_stun_server_that_is_not_there() -> None:
    steps = await steps_of("ws://localhost:1", pc_config={"iceServers": [{"urls": "stun:127.0.0.1:1"}]})
    assert steps["stun"].outcome == "failed"
    assert "nothing listens on 127.0.0.1 port 1 (UDP)" in steps["stun"].detail


async def test_a_stun_server_whose_name_nobody_has() -> None:
    steps = await steps_of("ws://localhost:1", pc_config={"iceServers": [{"urls": "stun:nobody.invalid"}]})
    assert steps["stun"].detail.startswith("nobody.invalid port 3478 (UDP) cannot be reached: ")
    assert "Errno" not in steps["stun"].detail
    assert steps["stun"].advice == "check its name and port"


@pytest.mark.parametrize("wrong", [{"server": "http://x"}, {"call": ""}, {"call": "tel:nobody"}, {"usrname": "x"}])
async def test_wrong_options_are_raised_before_anything_is_tried(wrong: dict[str, str]) -> None:
    with pytest.raises((ValueError, TypeError)):
        await anext(preflight(**({"server": "ws://localhost:1"} | ACCOUNT | wrong)))
