"""The flow: opening it, losing it, coming back, leaving. Calls survive a drop."""

import pytest

from jzrx.commands import Answer, Connect, Dial, Disconnect, HangUp, Hold, Register, SendDtmfInfo, SendInfo
from jzrx.errors import ConnectionError
from jzrx.events import (
    CallAnswered,
    CallEnded,
    ConnectFailed,
    Disconnected,
    FlowClosed,
    FlowLost,
    FlowOpened,
    HoldChanged,
    HoldFailed,
    ReconnectScheduled,
    Registered,
    RegistrationFailed,
)
from jzrx.options import Reconnect
from jzrx.testing.peer import Peer, grant, in_dialog, respond
from jzrx.testing.virtual import Phone, brief, play
from tests.scenarios.calls import (
    ANSWER,
    OFFER,
    TARGET,
    answering,
    call_of,
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


# --- calls and drops -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", [calling, called])
def test_a_call_survives_a_drop(begin: type) -> None:
    phone, peer = begin()
    call = phone.log[-1][2].call_id
    play(phone, {3: peer.wire.drop}, until=60)
    assert phone.events(CallEnded) == []
    log = play(phone, {60: HangUp(call_id=call)}, until=61)
    assert brief(log)[-1] == (60.0, "BYE", None)
    assert len(phone.events(FlowOpened)) == 2
    settle_down(phone)


def test_a_bye_that_the_drop_swallowed_goes_out_again_once() -> None:
    phone, peer = calling(chance=0.0)
    peer.answers["BYE"] = ()
    play(phone, {3: HangUp(call_id="1"), 3.005: peer.wire.drop, 4.02: peer.wire.drop}, until=5)
    peer.answers["BYE"] = 200
    log = play(phone, {}, until=20)
    assert [sent for _, sent, _ in brief(log) if sent] == ["BYE"]
    assert outcome(phone, 3) == (None, None)
    assert len({bytes(bye) for bye in phone.sent("BYE")}) == 1
    settle_down(phone)


def test_a_bye_waits_through_a_long_outage() -> None:
    """The await ends after 32 s, the BYE still goes out."""
    phone, peer = calling(chance=0.0)
    play(phone, {2.9: peer.wire.drop, 3: HangUp(call_id="1")}, until=3.1)
    peer.wire.behaviour = "refuse"
    play(phone, {}, until=100)
    assert outcome(phone, 3) == (None, None)
    peer.wire.behaviour = "accept"
    play(phone, {}, until=200)
    assert [len(phone.sent("BYE")), len(phone.events(CallEnded))] == [1, 1]


def test_while_reregistering_a_bye_waits_and_goes_out_once() -> None:
    phone, peer = Phone.with_peer(chance=0.0, keepalive=1e6)
    peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=ANSWER)]
    play(phone, {0: Connect(), 1: Dial(call_id="1", target=TARGET)}, until=2)
    peer.answers["REGISTER"] = lambda register: peer.wire.drop() or []
    play(phone, {2: peer.wire.drop, 2.5: HangUp(call_id="1")}, until=10)
    assert phone.sent("BYE") == []
    peer.answers["REGISTER"] = lambda register: [grant(register)]
    play(phone, {}, until=30)
    assert len(phone.sent("BYE")) == 1
    assert outcome(phone, 3) == (None, None)


def test_ringing_inbound_is_lost_with_the_flow() -> None:
    """A response goes back over the connection of its request, and that is gone."""
    phone, peer = ringing()
    log = play(phone, {3: peer.wire.drop}, until=4)
    assert "CallEnded 503 The connection was lost system" in [fact for _, _, fact in brief(log)]
    settle_down(phone)


def test_answering_inbound_is_lost_with_the_flow() -> None:
    phone, peer = ringing()
    phone.describe = lambda wanted: None
    play(phone, {2: Answer(call_id=call_of(phone)), 3: peer.wire.drop}, until=4)
    assert outcome(phone, 2) == (
        None,
        "the call with sip:bob@example.com failed: 503 The connection was lost",
    )
    settle_down(phone)


def test_accepted_inbound_survives_and_its_200_is_repeated_over_the_next_flow() -> None:
    phone, peer = answering(chance=0.0)
    play(phone, {2.41: peer.wire.drop}, until=6)
    assert [time for time, sent, _ in brief(phone.log) if sent == "200 INVITE"] == [2.0, 3.5, 5.5]
    play(phone, {6: in_dialog("ACK", phone.sent(200)[0], number=1)}, until=7)
    assert len(phone.events(CallAnswered)) == 1


@pytest.mark.parametrize("statuses", [(), (180,)])
def test_unanswered_outbound_is_lost_with_the_flow(statuses: tuple[int, ...]) -> None:
    phone, peer = dialling(*statuses)
    play(phone, {3: peer.wire.drop}, until=4)
    assert outcome(phone, 2) == (None, f"the call with {TARGET} failed: 503 The connection was lost")
    settle_down(phone)


def test_a_hold_under_way_fails_with_the_drop_and_the_call_lives() -> None:
    phone, peer = calling()
    play(phone, {3: Hold(call_id="1"), 3.1: peer.wire.drop}, until=4)
    assert [(event.code, event.reason) for event in phone.events(HoldFailed)] == [(503, "The connection was lost")]
    assert phone.events(CallEnded) == []


def test_a_hold_while_the_flow_is_away_waits_for_it() -> None:
    phone, peer = calling(chance=0.0)
    peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=ANSWER)]
    play(phone, {2.9: peer.wire.drop, 3: Hold(call_id="1")}, until=10)
    assert outcome(phone, 3) == (None, None)
    assert phone.events(HoldChanged)[0].at == 3.93


def test_a_hold_that_waited_too_long_fails_and_the_call_lives() -> None:
    phone, peer = calling(chance=0.0)
    play(phone, {2.9: peer.wire.drop, 3: Hold(call_id="1")}, until=3.1)
    peer.wire.behaviour = "refuse"
    play(phone, {}, until=100)
    assert outcome(phone, 3) == (None, "hold was refused: 503 The connection was lost")
    peer.wire.behaviour = "accept"
    log = play(phone, {}, until=200)
    assert [sent for _, sent, _ in brief(log) if sent] == []
    assert phone.events(CallEnded) == []


def test_info_and_tones_under_way_fail_with_the_drop() -> None:
    phone, peer = calling()
    peer.answers["INFO"] = ()
    info = SendInfo(call_id="1", content_type="text/plain", body=b"x")
    script = {3: [info, SendDtmfInfo(call_id="1", tones="12")], 3.1: peer.wire.drop}
    play(phone, script, until=4)
    assert outcome(phone, 3) == (None, "INFO was not accepted: 503 The connection was lost")
    assert outcome(phone, 4) == (None, "DTMF was not accepted: 503 The connection was lost")
    assert phone.events(CallEnded) == []


def test_our_hold_that_waited_for_a_reinvite_of_the_lost_flow() -> None:
    """Their re-INVITE is forgotten with the flow; what waited for it goes on."""
    phone, peer = calling(chance=0.0)
    peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=ANSWER)]
    script = {3: in_dialog("INVITE", phone.sent("INVITE")[0], sdp=OFFER), 3.1: Hold(call_id="1"), 3.2: peer.wire.drop}
    play(phone, script, until=10)
    assert outcome(phone, 3) == (None, None)


def test_giving_up_ends_the_calls() -> None:
    phone, peer = calling(chance=0.0, reconnect=Reconnect(attempts=1))
    peer.wire.behaviour = "refuse"
    play(phone, {3: peer.wire.drop}, until=60)
    assert [event.cause.reason for event in phone.events(CallEnded)] == ["The connection was lost"]
    settle_down(phone)


def test_giving_up_leaves_nothing_behind() -> None:
    """Not even a BYE that waits for its answer."""
    phone, peer = calling(chance=0.0, reconnect=Reconnect(attempts=0))
    play(phone, {60: peer.wire.drop}, until=60.001)
    assert phone.engine.is_idle


def test_a_registration_refused_for_good_sends_the_byes_before_it_closes() -> None:
    phone, peer = Phone.with_peer(keepalive=1e6)
    peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=ANSWER)]
    play(phone, {0: Connect(), 1: Dial(call_id="1", target=TARGET)}, until=2)
    peer.answers["REGISTER"] = 403
    play(phone, {}, until=276)
    assert len(phone.sent("BYE")) == 1
    # The calls end first: whoever follows the client sees their end before the client is gone.
    told = [event for _, _, event in brief(phone.log) if event and event.startswith(("CallReleased", "RegistrationF"))]
    assert [event.split()[0] for event in told] == ["CallReleased", "RegistrationFailed"]
    settle_down(phone)


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
