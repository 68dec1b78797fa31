"""The four transactions, as tables: state, what comes, the next state, what goes out. RFC 3261 17, RFC 6026."""

import pytest

from jzrx.sip.machine import TIMEOUT
from jzrx.sip.message import Request, Response
from jzrx.sip.transactions import (
    ClientTransaction,
    Deliver,
    ServerTransaction,
    StartTimer,
    StopTimer,
    Transmit,
    ack_for_refusal,
    client_key,
    server_key,
    start_client,
    start_server,
    step_client,
    step_server,
)
from jzrx.testing.peer import request, respond

INVITE = request("INVITE", headers=(("Route", "<sip:proxy.example.com;lr>"),))
OPTIONS = request("OPTIONS")
ACK = request("ACK", branch=INVITE.via.branch)


def names(outputs: list[object]) -> list[str]:
    """Outputs as words: "send 200", "tell 200", "set B", "stop B", "expired"."""
    words: list[str] = []
    for output in outputs:
        match output:
            case Transmit(message):
                words.append(f"send {_what(message)}")
            case Deliver(message):
                words.append(f"tell {_what(message)}")
            case StartTimer(name, delay):
                assert delay == TIMEOUT == 32.0
                words.append(f"set {name}")
            case StopTimer(name):
                words.append(f"stop {name}")
            case _:
                words.append("expired")
    return words


def _what(message: Request | Response) -> str:
    return message.method if isinstance(message, Request) else str(message.status_code)


@pytest.mark.parametrize(
    ("first", "state", "timer"), [(INVITE, "calling", "B"), (OPTIONS, "trying", "F"), (request("BYE"), "trying", "F")]
)
def test_a_client_begins(first: Request, state: str, timer: str) -> None:
    transaction, outputs = start_client(first)
    assert (transaction.state, names(outputs)) == (state, [f"send {first.method}", f"set {timer}"])


@pytest.mark.parametrize(
    ("state", "given", "then", "does"),
    [
        ("calling", 100, "proceeding", ["stop B", "tell 100"]),
        ("calling", 180, "proceeding", ["stop B", "tell 180"]),
        ("calling", 200, "accepted", ["stop B", "set M", "tell 200"]),
        ("calling", 302, None, ["stop B", "send ACK", "tell 302"]),
        ("calling", 486, None, ["stop B", "send ACK", "tell 486"]),
        ("calling", "B", None, ["expired"]),
        ("proceeding", 183, "proceeding", ["tell 183"]),
        ("proceeding", 200, "accepted", ["stop B", "set M", "tell 200"]),
        ("proceeding", 603, None, ["stop B", "send ACK", "tell 603"]),
        ("proceeding", "B", "proceeding", []),  # a phone may ring for minutes
        ("accepted", 100, "accepted", []),
        ("accepted", 200, "accepted", ["tell 200"]),  # repeated, or another fork's
        ("accepted", 486, "accepted", []),
        ("accepted", "M", None, []),
    ],
)
def test_client_invite(state: str, given: int | str, then: str | None, does: list[str]) -> None:
    before = ClientTransaction(INVITE, state)  # type: ignore[arg-type]
    after, outputs = step_client(before, given if isinstance(given, str) else respond(INVITE, given))
    assert (after and after.state, names(outputs)) == (then, does)


@pytest.mark.parametrize(
    ("state", "given", "then", "does"),
    [
        ("trying", 100, "proceeding", ["tell 100"]),
        ("trying", 200, None, ["stop F", "tell 200"]),
        ("trying", 500, None, ["stop F", "tell 500"]),
        ("trying", "F", None, ["expired"]),
        ("proceeding", 200, None, ["stop F", "tell 200"]),
        ("proceeding", "F", None, ["expired"]),  # only INVITE may wait for ever
    ],
)
def test_client_other(state: str, given: int | str, then: str | None, does: list[str]) -> None:
    before = ClientTransaction(OPTIONS, state)  # type: ignore[arg-type]
    after, outputs = step_client(before, given if isinstance(given, str) else respond(OPTIONS, given))
    assert (after and after.state, names(outputs)) == (then, does)


def test_a_server_begins() -> None:
    transaction, outputs = start_server(INVITE, INVITE.response(100))
    assert (transaction.state, names(outputs)) == ("proceeding", ["send 100", "tell INVITE"])
    transaction, outputs = start_server(OPTIONS)
    assert (transaction.state, names(outputs)) == ("trying", ["tell OPTIONS"])


@pytest.mark.parametrize(
    ("state", "last", "given", "then", "does"),
    [
        ("proceeding", 100, 180, "proceeding", ["send 180"]),
        ("proceeding", 180, INVITE, "proceeding", ["send 180"]),
        ("proceeding", 180, 200, "accepted", ["send 200", "set L"]),
        ("proceeding", 180, 486, "completed", ["send 486", "set H"]),
        ("proceeding", 180, ACK, "proceeding", []),
        ("accepted", 200, INVITE, "accepted", []),  # the TU repeats the 2xx
        ("accepted", 200, 200, "accepted", ["send 200"]),
        ("accepted", 200, 486, "accepted", []),
        ("accepted", 200, ACK, "accepted", ["tell ACK"]),
        ("accepted", 200, "L", None, []),
        ("completed", 486, INVITE, "completed", ["send 486"]),
        ("completed", 486, 200, "completed", []),  # final is final
        ("completed", 486, ACK, None, ["stop H"]),
        ("completed", 486, "H", None, []),
    ],
)
def test_server_invite(state: str, last: int, given: int | str | Request, then: str | None, does: list[str]) -> None:
    before = ServerTransaction(INVITE, state, respond(INVITE, last))  # type: ignore[arg-type]
    after, outputs = step_server(before, respond(INVITE, given) if isinstance(given, int) else given)
    assert (after and after.state, names(outputs)) == (then, does)


@pytest.mark.parametrize(
    ("state", "last", "given", "then", "does"),
    [
        ("trying", None, OPTIONS, "trying", []),
        ("trying", None, 100, "proceeding", ["send 100"]),
        ("trying", None, 200, None, ["send 200"]),  # Timer J is zero
        ("proceeding", 100, OPTIONS, "proceeding", ["send 100"]),
        ("proceeding", 100, 404, None, ["send 404"]),
    ],
)
def test_server_other(state: str, last: int | None, given: int | Request, then: str | None, does: list[str]) -> None:
    before = ServerTransaction(OPTIONS, state, None if last is None else respond(OPTIONS, last))  # type: ignore[arg-type]
    after, outputs = step_server(before, respond(OPTIONS, given) if isinstance(given, int) else given)
    assert (after and after.state, names(outputs)) == (then, does)


def test_the_ack_of_a_refusal() -> None:
    """RFC 3261 17.1.1.3: all of the INVITE, but the To of the response."""
    ack = ack_for_refusal(INVITE, respond(INVITE, 486, tag="peer"))
    assert (ack.uri, ack.via, ack.routes, ack.from_, ack.call_id) == (
        INVITE.uri, INVITE.via, INVITE.routes, INVITE.from_, INVITE.call_id,
    )  # fmt: skip
    assert (ack.to.tag, ack.cseq.number, ack.cseq.method) == ("peer", INVITE.cseq.number, "ACK")


def test_keys() -> None:
    assert client_key(INVITE) == client_key(respond(INVITE, 200))
    assert client_key(INVITE) != client_key(request("CANCEL"))
    assert server_key(ACK) == server_key(INVITE)
    assert server_key(request("CANCEL")) != server_key(INVITE)
    assert server_key(INVITE) != server_key(request("INVITE", branch="z9hG4bKother"))


@pytest.mark.parametrize("branch", ["1", "old-style"])
def test_keys_of_rfc_2543(branch: str) -> None:
    """Without the magic cookie the identifiers of the request are compared."""
    old = request("INVITE", branch=branch)
    assert server_key(old) == server_key(request("INVITE", branch="another"))
    assert server_key(old) != server_key(request("INVITE", branch=branch, number=2))
    assert server_key(old) == server_key(request("ACK", branch=branch))
