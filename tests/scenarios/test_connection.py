"""The flow: opening it, losing it, coming back, leaving. Calls survive a drop."""

import pytest

from jzrx.commands import Connect, Disconnect, Register
from jzrx.errors import ConnectionError
from jzrx.events import (
    ConnectFailed,
    Disconnected,
    FlowClosed,
    FlowLost,
    ReconnectScheduled,
    Registered,
    RegistrationFailed,
)
from jzrx.options import Reconnect
from jzrx.testing.peer import Peer, grant, respond
from jzrx.testing.virtual import Phone, brief, play
from tests.scenarios.calls import (
    answering,
    called,
    calling,
    connected,
    dialling,
    outcome,
    ringing,
    settle_down,
)


def delays(phone: Phone) -> list[float]:
    return [event.delay for event in phone.events(ReconnectScheduled)]


# --- connecting ----------------------------------------------------------------------------------------------------


def test_without_registration() -> None:
    phone, _ = Phone.with_peer(auto_register=False)
    log = play(phone, {0: Connect()}, until=1)
    assert brief(log) == [(0.0, None, "ConnectStarted"), (0.01, None, "FlowOpened")]
    assert outcome(phone, 1) == (None, None)


def test_refused_fails_at_once() -> None:
    phone, peer = Phone.with_peer()
    peer.wire.behaviour = "refuse"
    log = play(phone, {0: Connect()}, until=100)
    assert brief(log) == [(0.0, None, "ConnectStarted"), (0.01, None, "ConnectFailed")]
    (settled,) = phone.settled[1]
    assert isinstance(settled.error, ConnectionError)
    assert peer.wire.opened == [0.0]


def test_a_server_that_does_not_open_ends_in_the_connect_timeout() -> None:
    phone, peer = Phone.with_peer(connect_timeout=4.0)
    peer.wire.behaviour = "silent"
    log = play(phone, {0: Connect()}, until=100)
    assert brief(log)[1:] == [(4.0, None, "ConnectFailed")]
    assert "ws://example.com in 4 s" in str(outcome(phone, 1)[1])


def test_a_server_that_does_not_register_ends_in_the_connect_timeout() -> None:
    phone, peer = Phone.with_peer(connect_timeout=4.0)
    peer.answers["REGISTER"] = ()
    log = play(phone, {0: Connect()}, until=100)
    assert brief(log)[3:5] == [(4.0, None, "RegistrationFailed 408 final"), (4.0, None, brief(log)[4][2])]
    assert peer.wire.closed == [4.0]
    assert "4 s" in str(outcome(phone, 1)[1])


def test_a_server_that_closes_instead_of_registering() -> None:
    phone, peer = Phone.with_peer()
    peer.answers["REGISTER"] = ()
    log = play(phone, {0: Connect(), 1: peer.wire.drop}, until=100)
    assert [type(event) for _, _, event in log if event][2:] == [FlowClosed, ConnectFailed]


def test_connect_again_after_a_failure() -> None:
    phone, peer = Phone.with_peer()
    peer.wire.behaviour = "refuse"
    play(phone, {0: Connect()}, until=1)
    peer.wire.behaviour = "accept"
    play(phone, {1: Connect()}, until=2)
    assert outcome(phone, 2) == (None, None)
    assert len(phone.events(Registered)) == 1


def test_connect_twice() -> None:
    phone, peer = Phone.with_peer()
    play(phone, {0: [Connect(), Connect()], 1: Connect()}, until=2)
    assert outcome(phone, 1) == (None, None)
    already = "Already connected. Call disconnect() first, or make another client."
    assert outcome(phone, 2) == outcome(phone, 3) == (None, already)
    assert peer.wire.opened == [0.0]


# --- coming back ---------------------------------------------------------------------------------------------------


def test_a_drop_is_healed() -> None:
    phone, peer = Phone.with_peer(chance=0.5, keepalive=1e6)
    play(phone, {0: Connect()}, until=5)
    assert brief(play(phone, {5: peer.wire.drop}, until=10)) == [
        (5.0, None, "FlowLost the connection broke"),
        (5.0, None, "ReconnectScheduled 1 0.5"),
        (5.51, None, "FlowOpened will_register"),
        (5.51, "REGISTER", None),
        (5.53, None, "Registered 300"),
    ]
    first, second = phone.sent("REGISTER")
    assert (first.call_id, first.contacts) == (second.call_id, second.contacts)


def test_backoff_doubles_up_to_30_s() -> None:
    phone, peer = Phone.with_peer(chance=0.0, keepalive=1e6)
    play(phone, {0: Connect()}, until=5)
    peer.wire.behaviour = "refuse"
    play(phone, {5: peer.wire.drop}, until=200)
    assert delays(phone)[:8] == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize(("chance", "first"), [(0.0, 1.0), (0.25, 0.75), (0.999, 0.001)])
def test_full_jitter(chance: float, first: float) -> None:
    phone, peer = Phone.with_peer(chance=chance, keepalive=1e6)
    play(phone, {0: Connect(), 5: peer.wire.drop}, until=5.0005)
    assert [round(delay, 3) for delay in delays(phone)] == [first]


def test_backoff_starts_anew_only_after_a_registration() -> None:
    """A server that accepts and closes is not pressed."""
    phone, peer = Phone.with_peer(chance=0.0, keepalive=1e6)
    play(phone, {0: Connect()}, until=5)
    peer.answers["REGISTER"] = lambda register: peer.wire.drop() or []
    play(phone, {5: peer.wire.drop}, until=25)
    assert delays(phone) == [1, 2, 4, 8, 16]
    peer.answers["REGISTER"] = lambda register: [grant(register)]
    play(phone, {}, until=60)
    play(phone, {60: peer.wire.drop}, until=61.5)
    assert delays(phone) == [1, 2, 4, 8, 16, 1]
    assert len(phone.events(FlowLost)) == 2


def test_backoff_without_registration_starts_anew_once_the_flow_stays() -> None:
    phone, peer = Phone.with_peer(auto_register=False, chance=0.0)
    play(phone, {0: Connect(), 1: peer.wire.drop, 3: peer.wire.drop, 6: peer.wire.drop}, until=10.1)
    assert delays(phone) == [1, 2, 4]
    play(phone, {40: peer.wire.drop}, until=42)
    assert delays(phone) == [1, 2, 4, 1]


def test_reconnect_attempts_run_out() -> None:
    phone, peer = Phone.with_peer(chance=0.0, reconnect=Reconnect(attempts=2), keepalive=1e6)
    play(phone, {0: Connect()}, until=5)
    peer.wire.behaviour = "refuse"
    log = play(phone, {5: peer.wire.drop}, until=100)
    assert brief(log)[-1] == (8.02, None, "ConnectFailed")
    assert delays(phone) == [1, 2]


@pytest.mark.parametrize("behaviour", ["silent", "refuse"])
def test_each_attempt_is_bounded(behaviour: str) -> None:
    phone, peer = Phone.with_peer(chance=0.0, connect_timeout=3.0, keepalive=1e6)
    play(phone, {0: Connect()}, until=5)
    peer.wire.behaviour = behaviour  # type: ignore[assignment]
    play(phone, {5: peer.wire.drop}, until=30)
    wait = 3.0 if behaviour == "silent" else 0.01
    assert peer.wire.opened[1:4] == [6.0, round(8 + wait, 3), round(12 + 2 * wait, 3)]


def test_a_reregistration_that_is_not_answered_is_tried_again() -> None:
    phone, peer = Phone.with_peer(chance=0.0, connect_timeout=3.0, keepalive=1e6)
    play(phone, {0: Connect()}, until=5)
    peer.answers["REGISTER"] = ()
    play(phone, {5: peer.wire.drop}, until=10)
    assert [type(event) for _, _, event in phone.log if event][-2:] == [FlowClosed, ReconnectScheduled]
    peer.answers["REGISTER"] = lambda register: [grant(register)]
    play(phone, {}, until=20)
    assert phone.events(Registered)[-1].at == 11.03


@pytest.mark.parametrize(("status", "final"), [(500, False), (503, False), (403, True), (404, True), (401, True)])
def test_a_reregistration_that_is_refused(status: int, final: bool) -> None:
    phone, peer = Phone.with_peer(chance=0.0, keepalive=1e6)
    play(phone, {0: Connect()}, until=5)
    peer.answers["REGISTER"] = status
    play(phone, {5: peer.wire.drop}, until=7)
    (failed,) = phone.events(RegistrationFailed)
    assert (failed.final, failed.will_retry) == (final, not final)
    assert len(phone.events(ReconnectScheduled)) == (1 if final else 2)


@pytest.mark.parametrize(("retry_after", "delay"), [("45", 45.0), ("999999", 300.0), ("0", 1.0), ("soon", 1.0)])
def test_a_server_that_says_when_to_come_back(retry_after: str, delay: float) -> None:
    phone, peer = Phone.with_peer(chance=0.0, keepalive=1e6)
    play(phone, {0: Connect()}, until=5)
    peer.answers["REGISTER"] = lambda register: [respond(register, 503, headers=(("Retry-After", retry_after),))]
    play(phone, {5: peer.wire.drop}, until=7)
    assert [event.delay for event in phone.events(ReconnectScheduled)] == [1.0, max(delay, 2.0)]
    peer.answers["REGISTER"] = lambda register: [grant(register)]
    play(phone, {}, until=320)
    assert phone.events(Registered)[1].at == pytest.approx(6.06 + max(delay, 2.0), abs=0.01)


# --- keep-alive ----------------------------------------------------------------------------------------------------


def test_options_keeps_the_flow_alive() -> None:
    phone, _ = Phone.with_peer(auto_register=False)
    log = play(phone, {0: Connect()}, until=80)
    assert [(time, sent) for time, sent, _ in brief(log) if sent] == [
        (25.01, "OPTIONS"),
        (50.01, "OPTIONS"),
        (75.01, "OPTIONS"),
    ]
    options = phone.sent("OPTIONS")[0]
    assert str(options.uri) == "sip:example.com"


@pytest.mark.parametrize("status", [200, 401, 404, 405, 501])
def test_any_answer_is_a_sign_of_life(status: int) -> None:
    phone, peer = Phone.with_peer(auto_register=False)
    peer.answers["OPTIONS"] = status
    play(phone, {0: Connect()}, until=3600)
    assert phone.events(FlowLost) == []
    assert {request.headers.get("Authorization") for request in phone.sent("OPTIONS")} == {None}


def test_options_unanswered_reconnects() -> None:
    phone, peer = Phone.with_peer(auto_register=False)
    play(phone, {0: Connect()}, until=30)
    peer.answers["OPTIONS"] = ()
    log = play(phone, {}, until=62)
    assert [fact for _, _, fact in brief(log) if fact] == [
        "FlowLost no answer to OPTIONS in 10 s",
        "ReconnectScheduled 1 0.5",
        "FlowOpened",
    ]
    assert phone.events(FlowLost)[0].at == 60.01
    assert peer.wire.closed == [60.01]


def test_a_server_that_never_answered_options_is_not_taken_for_dead() -> None:
    phone, peer = Phone.with_peer(auto_register=False)
    peer.answers["OPTIONS"] = ()
    play(phone, {0: Connect()}, until=600)
    assert phone.events(FlowLost) == []


# --- disconnect() in every phase -----------------------------------------------------------------------------------


def left(phone: Phone, peer: Peer, token: int) -> None:
    """It was told once, ended within 2 s, and nothing comes after it."""
    assert len(phone.events(Disconnected)) == 1
    assert outcome(phone, token) == (None, None)
    assert not peer.wire.is_open
    silent = play(phone, {}, until=phone.now + 200)
    assert silent == []
    assert phone.engine.is_idle


def test_disconnect_before_any_connect() -> None:
    phone, peer = Phone.with_peer()
    play(phone, {0: Disconnect()}, until=0.1)
    assert phone.events(Disconnected)[0].was_open is False
    left(phone, peer, 1)


def test_disconnect_while_opening() -> None:
    phone, peer = Phone.with_peer()
    peer.wire.behaviour = "silent"
    play(phone, {0: Connect(), 1: Disconnect()}, until=1.1)
    assert outcome(phone, 1) == (None, "disconnected before it was done")
    assert phone.events(Disconnected)[0].was_open is False
    left(phone, peer, 2)


def test_disconnect_while_registering() -> None:
    phone, peer = Phone.with_peer()
    peer.answers["REGISTER"] = ()
    play(phone, {0: Connect(), 1: Disconnect()}, until=2.99)
    assert phone.settled[2] == []
    play(phone, {}, until=3)
    left(phone, peer, 2)


def test_disconnect_from_a_server_that_does_not_answer() -> None:
    phone, peer = Phone.with_peer()
    play(phone, {0: Connect()}, until=1)
    peer.answers["REGISTER"] = ()
    play(phone, {2: Disconnect()}, until=3.99)
    assert phone.settled[2] == []
    play(phone, {}, until=4)
    left(phone, peer, 2)


def test_disconnect_from_a_server_that_refuses_the_removal() -> None:
    phone, peer = Phone.with_peer()
    play(phone, {0: Connect()}, until=1)
    peer.answers["REGISTER"] = 403
    play(phone, {2: Disconnect()}, until=2.1)
    left(phone, peer, 2)


def test_disconnect_without_registration_is_done_at_once() -> None:
    phone, peer = Phone.with_peer(auto_register=False)
    play(phone, {0: Connect(), 2: Disconnect()}, until=2.001)
    left(phone, peer, 2)


@pytest.mark.parametrize("moment", [5.2, 5.505, 5.515], ids=["waiting", "reopening", "reregistering"])
def test_disconnect_while_reconnecting(moment: float) -> None:
    phone, peer = Phone.with_peer(chance=0.5)
    play(phone, {0: Connect(), 5: peer.wire.drop, moment: Disconnect()}, until=moment + 2)
    assert phone.events(Disconnected)[0].was_open is (moment > 5.51)
    left(phone, peer, 2)


def test_disconnect_when_the_flow_breaks_meanwhile() -> None:
    phone, peer = Phone.with_peer()
    play(phone, {0: Connect(), 2: Disconnect(), 2.005: peer.wire.drop}, until=2.01)
    assert phone.events(FlowLost) == []
    left(phone, peer, 2)


def test_disconnect_after_a_failed_connect() -> None:
    phone, peer = Phone.with_peer()
    peer.wire.behaviour = "refuse"
    play(phone, {0: Connect(), 1: Disconnect()}, until=2)
    assert outcome(phone, 2) == (None, None)
    assert not peer.wire.is_open


def test_disconnect_twice() -> None:
    phone, _ = Phone.with_peer()
    play(phone, {0: Connect(), 2: [Disconnect(), Disconnect()]}, until=5)
    assert outcome(phone, 2) == outcome(phone, 3) == (None, None)
    assert len(phone.events(Disconnected)) == 1


@pytest.mark.parametrize(
    ("begin", "sent"),
    [
        (calling, "BYE"),
        (called, "BYE"),
        (ringing, "480 INVITE"),
        (lambda: dialling(180), "CANCEL"),
        (dialling, None),
        (answering, None),
    ],
)
def test_disconnect_hangs_up_all_calls(begin: type, sent: str | None) -> None:
    phone, peer = begin()
    log = play(phone, {3: Disconnect()}, until=5.001)
    facts = [fact.split()[0] for _, _, fact in brief(log) if fact]
    assert facts == ["CallEnded", "CallReleased", "Disconnected"]
    assert [line for time, line, _ in brief(log) if line and time == 3.0][:1] == ([] if sent is None else [sent])
    token = max(phone.settled)
    assert outcome(phone, token) == (None, None)
    play(phone, {}, until=100)
    assert phone.engine.is_idle
    assert not peer.wire.is_open


def test_disconnect_with_an_unanswered_bye_ends_in_2_s() -> None:
    phone, peer = calling()
    peer.answers["BYE"] = ()
    play(phone, {3: Disconnect()}, until=4.99)
    token = max(phone.settled)
    assert phone.settled[token] == []
    play(phone, {}, until=5)
    left(phone, peer, token)


def test_what_waits_fails_with_the_disconnect() -> None:
    phone, peer = Phone.with_peer()
    play(phone, {0: Connect()}, until=1)
    peer.answers["REGISTER"] = ()
    play(phone, {2: [Register(), Disconnect()]}, until=5)
    assert outcome(phone, 2) == (None, "disconnected before it was done")


def test_connected_helper_leaves_nothing() -> None:
    phone, _ = connected()
    play(phone, {1: Disconnect()}, until=2)
    settle_down(phone)
