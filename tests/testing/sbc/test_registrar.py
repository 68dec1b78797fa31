"""The registrar by itself, on a clock that the test turns."""

import pytest

from jzrx.sip import Request, parse_message
from jzrx.sip.digest import Challenge, authorization
from jzrx.testing.sbc.auth import Refusal
from jzrx.testing.sbc.registrar import Granted, Registrar

HERE, ELSEWHERE = "127.0.0.1:1", "127.0.0.1:2"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registrar(clock: Clock) -> Registrar[str]:
    return Registrar("localhost", {"alice": "secret"}, now=lambda: clock.now, nonce=lambda: "nonce")


def register(expires: int, *, proof: bool = True) -> Request:
    name, value = authorization(
        Challenge("localhost", "nonce", "MD5", qop=("auth",)),
        username="alice",
        password="secret",
        method="REGISTER",
        uri="sip:localhost",
        nc=1,
        cnonce="c",
    )
    parsed = parse_message(
        "REGISTER sip:localhost SIP/2.0\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bKx\r\n"
        "From: <sip:alice@localhost>;tag=1\r\nTo: <sip:alice@localhost>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n"
        f"Contact: <sip:a@a.invalid;transport=ws>;expires={expires}\r\n"
        + (f"{name}: {value}\r\n" if proof else "")
        + "\r\n"
    )
    assert isinstance(parsed, Request)
    return parsed


def granted(outcome: Granted | Refusal) -> int:
    assert isinstance(outcome, Granted), outcome
    return outcome.expires


def test_a_binding_ends_when_its_time_is_over(registrar: Registrar[str], clock: Clock) -> None:
    assert granted(registrar.register(register(300), "flow", HERE)) == 300
    binding = registrar.find("alice")
    assert binding is not None
    assert (binding.transport, binding.flow, str(binding.contact)) == ("wss", "flow", "sip:a@a.invalid;transport=ws")
    clock.now += 299
    assert registrar.find("alice") is binding
    clock.now += 1
    assert registrar.find("alice") is None
    assert registrar.bindings == ()


def test_an_early_refresh_cuts_the_way_to_30_s_and_leaves_the_registration(
    registrar: Registrar[str], clock: Clock
) -> None:
    registrar.register(register(300), "flow", HERE)
    clock.now += 100
    assert granted(registrar.register(register(300, proof=False), "flow", HERE)) == 30
    clock.now += 29
    binding = registrar.find("alice")
    assert binding is not None
    assert registrar.is_reachable(binding)
    clock.now += 1
    assert registrar.find("alice") is binding
    assert not registrar.is_reachable(binding), "deaf, for who goes by the 300 s that were asked for"


def test_early_is_more_than_30_s_before_the_end_and_from_the_same_address(
    registrar: Registrar[str], clock: Clock
) -> None:
    registrar.register(register(300), "flow", HERE)
    clock.now += 269
    assert granted(registrar.register(register(300, proof=False), "flow", HERE)) == 30
    clock.now += 1
    late = registrar.register(register(300, proof=False), "flow", HERE)
    assert isinstance(late, Refusal)
    assert late.status == 401
    elsewhere = registrar.register(register(300, proof=False), "flow", ELSEWHERE)
    assert isinstance(elsewhere, Refusal)
    assert granted(registrar.register(register(300), "flow", HERE)) == 300


def test_a_removal_needs_the_password_however_early(registrar: Registrar[str]) -> None:
    registrar.register(register(300), "flow", HERE)
    assert isinstance(registrar.register(register(0, proof=False), "flow", HERE), Refusal)
    assert granted(registrar.register(register(0), "another", ELSEWHERE)) == 0
    assert registrar.find("alice") is None
