"""The machine of the connection: what each phase does with each input, and that everybody who waits is told once."""

from collections import Counter

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from jzrx.events import Disconnected
from jzrx.options import Reconnect
from jzrx.sip.connection import (
    Ask,
    Connection,
    ConnectionInput,
    ConnectionOutput,
    ConnectionPhase,
    Happened,
    Quiet,
    step,
)
from jzrx.sip.machine import CancelTimer, CloseFlow, Notify, OpenFlow, SetTimer, Settle
from jzrx.sip.registration import Granted, Lapsed, Refused, Removed

NEW = Connection(server="ws://x", registers=True, timeout=10.0, reconnect=Reconnect(attempts=2), keepalive=25.0)
GRANTED = Granted(300, 300.0, False)
REFUSED = Refused(500, "no", False, False)
FATAL = Refused(403, "no", True, False)


def run(*inputs: ConnectionInput) -> Connection:
    connection = NEW
    for given_ in inputs:
        connection, _ = step(connection, given_, 1.0, 0.5)
    return connection


CONNECT, OPENED, LOST = Ask("connect", 1), Happened("opened"), Happened("lost", "gone")
WAYS: dict[str, list[ConnectionInput]] = {
    "idle": [],
    "opening": [CONNECT],
    "registering": [CONNECT, OPENED],
    "up": [CONNECT, OPENED, GRANTED],
    "waiting": [CONNECT, OPENED, GRANTED, LOST],
    "reopening": [CONNECT, OPENED, GRANTED, LOST, Happened("timer", "reconnect")],
    "reregistering": [CONNECT, OPENED, GRANTED, LOST, Happened("timer", "reconnect"), OPENED],
    "leaving": [CONNECT, OPENED, GRANTED, Ask("disconnect", 2)],
    "over": [CONNECT, Happened("failed", "no")],
}
PHASES = {phase: run(*way) for phase, way in WAYS.items()}


@pytest.mark.parametrize(
    ("phase", "given_", "then", "does"),
    [
        ("idle", CONNECT, "OPENING", ["ConnectStarted", "OpenFlow"]),
        ("idle", Ask("disconnect", 2), "OVER", ["Disconnected", "Sever", "CloseFlow", "Settle"]),
        ("opening", OPENED, "REGISTERING", ["FlowOpened", "BeginRegistration"]),
        ("opening", CONNECT, "OPENING", ["Settle"]),
        ("opening", Happened("failed", "no"), "OVER", ["Sever", "ConnectFailed", "CloseFlow", "Settle"]),
        ("opening", Happened("timer", "connect"), "OVER", ["Sever", "ConnectFailed", "CloseFlow", "Settle"]),
        ("opening", Ask("disconnect", 2), "OVER", ["Disconnected", "Settle", "Sever", "CloseFlow", "Settle"]),
        ("registering", GRANTED, "UP", ["Registered", "Settle"]),
        ("registering", REFUSED, "OVER", ["Sever", "RegistrationFailed", "FlowClosed", "CloseFlow", "Settle"]),
        ("registering", LOST, "OVER", ["Sever", "FlowClosed", "ConnectFailed", "CloseFlow", "Settle"]),
        ("up", LOST, "WAITING", ["FlowLost", "CloseFlow", "Sever", "ReconnectScheduled"]),
        ("up", Lapsed(), "WAITING", ["FlowLost", "CloseFlow", "Sever", "ReconnectScheduled"]),
        ("up", REFUSED, "UP", ["RegistrationFailed"]),
        ("up", evolve(FATAL, refresh=True), "OVER", ["Sever", "RegistrationFailed", "FlowClosed", "CloseFlow"]),
        ("up", Ask("register", 3), "UP", ["BeginRegistration"]),
        ("up", Ask("unregister", 3), "UP", ["RemoveRegistration"]),
        ("up", Removed(), "UP", ["Unregistered"]),
        ("up", Happened("timer", "keepalive"), "UP", ["Ping"]),
        ("up", Quiet(), "UP", []),
        ("waiting", Happened("timer", "reconnect"), "REOPENING", ["OpenFlow"]),
        ("waiting", Ask("register", 3), "WAITING", ["Settle"]),
        ("waiting", Lapsed(), "WAITING", []),
        ("reopening", Happened("failed", "no"), "WAITING", ["CloseFlow", "Sever", "ReconnectScheduled"]),
        ("reopening", Happened("timer", "connect"), "WAITING", ["CloseFlow", "Sever", "ReconnectScheduled"]),
        ("reregistering", GRANTED, "UP", ["Registered"]),
        ("reregistering", REFUSED, "WAITING",
         ["RegistrationFailed", "FlowClosed", "CloseFlow", "Sever", "ReconnectScheduled"]),
        ("reregistering", FATAL, "OVER", ["Sever", "RegistrationFailed", "FlowClosed", "CloseFlow"]),
        ("leaving", GRANTED, "LEAVING", []),
        ("leaving", REFUSED, "LEAVING", []),
        ("leaving", Lapsed(), "LEAVING", []),
        ("leaving", LOST, "OVER", ["Sever", "CloseFlow", "Settle"]),
        ("leaving", Quiet(), "OVER", ["Sever", "CloseFlow", "Settle"]),
        ("leaving", Happened("timer", "leave"), "OVER", ["Sever", "CloseFlow", "Settle"]),
        ("over", CONNECT, "OPENING", ["ConnectStarted", "OpenFlow"]),
        ("over", OPENED, "OVER", []),
        ("over", GRANTED, "OVER", []),
    ],
)  # fmt: skip
def test_steps(phase: str, given_: ConnectionInput, then: str, does: list[str]) -> None:
    after, outputs = step(PHASES[phase], given_, 1.0, 0.5)
    assert after.phase is ConnectionPhase[then]
    assert [word for output in outputs if (word := _word(output))] == does


def _word(output: ConnectionOutput) -> str | None:
    match output:
        case Notify():
            return type(output.event).__name__
        case SetTimer() | CancelTimer():
            return None
        case _:
            return type(output).__name__


@pytest.mark.parametrize("phase", [phase for phase in PHASES if phase not in ("over", "leaving")])
def test_disconnect_leaves_from_everywhere(phase: str) -> None:
    connection, outputs = step(PHASES[phase], Ask("disconnect", 9), 1.0, 0.5)
    assert [type(output.event) for output in outputs if isinstance(output, Notify)] == [Disconnected]
    if connection.phase is ConnectionPhase.LEAVING:
        assert SetTimer(connection.timer("leave"), 2.0) in outputs
        connection, outputs = step(connection, Happened("timer", "leave"), 3.0, 0.5)
    assert connection.phase is ConnectionPhase.OVER
    assert Settle(9, None, None) in outputs


inputs: st.SearchStrategy[ConnectionInput | str] = st.one_of(
    st.sampled_from(["connect", "register", "unregister", "disconnect"]),
    st.builds(Happened, st.sampled_from(["opened", "failed", "lost", "pong"]), st.just("x")),
    st.builds(
        Happened, st.just("timer"), st.sampled_from(["connect", "reconnect", "leave", "keepalive", "pong", "nonsense"])
    ),
    st.sampled_from([GRANTED, Granted(300, 300.0, True), Removed(), Lapsed(), Quiet()]),
    st.builds(Refused, st.sampled_from([None, 403, 500]), st.just("no"), st.booleans(), st.booleans(), st.booleans()),
)


@given(st.sampled_from(sorted(WAYS)), st.lists(inputs, max_size=30))
@settings(max_examples=400)
def test_anything(phase: str, given_: list[ConnectionInput | str]) -> None:
    """Never raises; after the end nothing runs, the flow is closed, and every token was settled once."""
    connection = NEW
    tokens: set[int] = set()
    settled: Counter[int] = Counter()
    timers: set[str] = set()
    is_open = False
    for one in [*WAYS[phase], *given_, "disconnect", Happened("timer", "leave")]:
        asked = Ask(one, 100 + len(tokens)) if isinstance(one, str) else one  # type: ignore[arg-type]
        match asked:
            case Ask(token=int() as token):
                tokens.add(token)
            case Happened(what="timer", detail=name):
                if name not in timers:
                    continue
                timers.discard(name)
            case _:
                pass
        connection, outputs = step(connection, asked, 1.0, 0.5)
        for output in outputs:
            match output:
                case SetTimer():
                    timers.add(output.key[2])
                case CancelTimer():
                    timers.discard(output.key[2])
                case Settle():
                    settled[output.token] += 1
                case OpenFlow() | CloseFlow():
                    is_open = isinstance(output, OpenFlow)
                case _:
                    pass
    assert connection.phase is ConnectionPhase.OVER
    assert settled == Counter(dict.fromkeys(tokens, 1))
    assert not is_open
    assert timers == set()
