"""The flow is lost in the middle of a call, at each of its steps: what lives on, what is lost, what is sent again."""

import pytest

from jzrx.commands import Answer, Connect, Dial, HangUp, Hold, SendDtmfInfo, SendInfo, SendMessage
from jzrx.events import CallAnswered, CallEnded, FlowOpened, HoldChanged, HoldFailed
from jzrx.options import Reconnect
from jzrx.testing.peer import grant, in_dialog, respond
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


def test_what_waited_too_long_for_the_flow_is_not_kept() -> None:
    """A program that sends a message a minute through an outage of hours does not fill the memory."""
    phone, peer = connected()
    peer.wire.behaviour = "refuse"
    peer.wire.drop()
    messages = {60.0 * minute: SendMessage(target=TARGET, body=b"x") for minute in range(1, 60)}
    play(phone, messages, until=3600)
    assert all(settled.error is not None for (settled,) in list(phone.settled.values())[1:])
    assert len(phone.engine._agent._layer._unsent) == 0


def test_a_200_whose_ack_the_drop_swallowed_is_acknowledged_again() -> None:
    phone, peer = calling(chance=0.0)
    play(phone, {2.6: peer.wire.drop, 6: lambda: peer.reply("INVITE", 200, sdp=ANSWER)}, until=7)
    assert len(phone.sent("ACK")) == 2
    assert phone.events(CallEnded) == []
