"""A hang-up in every state: the call is over at once, the protocol finishes behind it, the await ends."""

import pytest

from jzrx.commands import Answer, Dial, HangUp, Hold
from jzrx.events import CallEnded, CallReleased
from jzrx.testing.peer import in_dialog, respond
from jzrx.testing.virtual import Phone, brief, play
from tests.scenarios.calls import (
    ANSWER,
    OFFER,
    TARGET,
    Brief,
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

CANCELLED: Brief = [
    (3.0, None, "CallEnded 487 Request Terminated local"),
    (3.0, None, "CallReleased 487 Request Terminated local"),
]
CLEARED: Brief = [
    (3.0, None, "CallEnded 200 Normal call clearing local"),
    (3.0, None, "CallReleased 200 Normal call clearing local was_answered"),
]


def settled_at(phone: Phone, token: int) -> float:
    """When the action is done, in steps of 10 ms."""
    while not phone.settled[token]:
        play(phone, {}, until=phone.now + 0.01)
    return phone.now


def test_before_the_offer_is_made() -> None:
    """Nothing was sent, and a description that comes late changes nothing."""
    phone, _ = connected()
    phone.describe = lambda wanted: None
    play(phone, {1: Dial(call_id="1", target=TARGET)}, until=2)
    log = play(phone, {3: HangUp(call_id="1")}, until=3.1)
    assert brief(log) == CANCELLED
    phone.engine.description_made("1", 1, OFFER)
    assert phone.sent("INVITE") == []
    settle_down(phone)


def test_calling_waits_for_a_provisional_response_before_its_cancel() -> None:
    """ "If no provisional response has been received, the CANCEL request MUST NOT be sent" (RFC 3261 9.1)."""
    phone, peer = dialling()
    log = play(phone, {3: HangUp(call_id="1"), 5: lambda: peer.reply("INVITE", 100)}, until=10)
    assert brief(log) == [*CANCELLED, (5.01, "CANCEL", None), (5.03, "ACK", None)]
    settle_down(phone)


def test_calling_a_server_that_never_answers() -> None:
    """No CANCEL at all; Timer B ends it."""
    phone, _ = dialling()
    log = play(phone, {3: HangUp(call_id="1")}, until=20)
    assert brief(log) == CANCELLED
    assert not phone.settled[3]
    assert settled_at(phone, 3) == 33.0
    settle_down(phone)


def test_ringing_sends_cancel() -> None:
    phone, _ = dialling(180)
    log = play(phone, {3: HangUp(call_id="1")}, until=4)
    assert brief(log) == [*CANCELLED, (3.0, "CANCEL", None), (3.02, "ACK", None)]
    cancel, invite = phone.sent("CANCEL")[0], phone.sent("INVITE")[0]
    assert cancel.via == invite.via
    assert (cancel.cseq.number, cancel.to, cancel.uri) == (invite.cseq.number, invite.to, invite.uri)
    assert outcome(phone, 3) == (None, None)
    settle_down(phone)


def test_cancel_that_nobody_heeds() -> None:
    """ "If there is no final response [...] in 64*T1 seconds [...] consider the original transaction cancelled"."""
    phone, peer = dialling(180)
    peer.answers["CANCEL"] = 200
    log = play(phone, {3: HangUp(call_id="1")}, until=30)
    assert brief(log) == [*CANCELLED, (3.0, "CANCEL", None)]
    assert settled_at(phone, 3) == 35.0
    settle_down(phone)


def test_cancel_that_crosses_the_200() -> None:
    """The 2xx won: it gets its ACK, and the call a BYE."""
    phone, peer = dialling(180)
    peer.answers["CANCEL"] = 200
    script = {2.995: lambda: peer.reply("INVITE", 200, sdp=ANSWER), 3.0: HangUp(call_id="1")}
    log = play(phone, script, until=10)
    assert brief(log) == [*CANCELLED, (3.0, "CANCEL", None), (3.005, "ACK", None), (3.005, "BYE", None)]
    assert outcome(phone, 3) == (None, None)
    settle_down(phone)


def test_200_without_any_provisional_after_the_hang_up() -> None:
    phone, peer = dialling()
    log = play(phone, {3: HangUp(call_id="1"), 4: lambda: peer.reply("INVITE", 200, sdp=ANSWER)}, until=10)
    assert brief(log) == [*CANCELLED, (4.01, "ACK", None), (4.01, "BYE", None)]
    settle_down(phone)


def test_ringing_here_is_declined() -> None:
    phone, _ = ringing()
    log = play(phone, {3: HangUp(call_id=call_of(phone))}, until=4)
    assert brief(log) == [
        (3.0, "486 INVITE", None),
        (3.0, None, "CallEnded 486 Busy Here local"),
        (3.0, None, "CallReleased 486 Busy Here local"),
    ]
    settle_down(phone)


def test_declined_with_code_reason_and_headers() -> None:
    phone, _ = ringing()
    decline = HangUp(call_id=call_of(phone), code=603, reason="Not now", headers=(("X-Reason", "eating"),))
    log = play(phone, {3: decline}, until=4)
    assert brief(log)[1] == (3.0, None, "CallEnded 603 Not now local")
    (refusal,) = phone.sent(603)
    assert (refusal.reason, refusal.headers.get("X-Reason")) == ("Not now", "eating")
    settle_down(phone)


def test_while_the_answer_is_being_made() -> None:
    phone, _ = ringing()
    phone.describe = lambda wanted: None
    play(phone, {2: Answer(call_id=call_of(phone))}, until=2.5)
    log = play(phone, {3: HangUp(call_id=call_of(phone))}, until=4)
    assert brief(log)[0] == (3.0, "486 INVITE", None)
    assert outcome(phone, 2) == (None, "the call with sip:bob@example.com failed: 486 Busy Here")
    phone.engine.description_made(call_of(phone), 1, ANSWER)
    assert phone.sent(200) == []
    settle_down(phone)


def test_accepted_waits_for_the_ack_before_its_bye() -> None:
    """ "The callee's UA MUST NOT send a BYE on a confirmed dialog until it has received an ACK" (RFC 3261 15)."""
    phone, _ = answering()
    ack = in_dialog("ACK", phone.sent(200)[-1], number=1)
    log = play(phone, {3: HangUp(call_id=call_of(phone)), 4: ack}, until=5)
    assert brief(log) == [(2.5, "200 INVITE", None), *CANCELLED, (3.5, "200 INVITE", None), (4.0, "BYE", None)]
    settle_down(phone)


def test_accepted_and_no_ack_ever_comes() -> None:
    """BYE after 64*T1; the await ends then at the latest, answered or not."""
    phone, peer = answering()
    peer.answers["BYE"] = ()
    log = play(phone, {3: HangUp(call_id=call_of(phone))}, until=34.5)
    assert [entry for entry in brief(log) if entry[1] != "200 INVITE"] == [*CANCELLED, (34.0, "BYE", None)]
    assert settled_at(phone, 3) == 35.0
    settle_down(phone)


@pytest.mark.parametrize("begin", [calling, called])
def test_connected_sends_bye(begin: type) -> None:
    phone, _ = begin()
    call = phone.log[-1][2].call_id
    log = play(phone, {3: HangUp(call_id=call)}, until=4)
    assert brief(log) == [*CLEARED, (3.0, "BYE", None)]
    assert outcome(phone, 3) == (None, None)
    settle_down(phone)


def test_bye_that_is_not_answered() -> None:
    """The await ends after 32 s and raises nothing."""
    phone, peer = calling()
    peer.answers["BYE"] = ()
    play(phone, {3: HangUp(call_id="1")}, until=34.9)
    assert not phone.settled[3]
    assert settled_at(phone, 3) == 35.0
    assert outcome(phone, 3) == (None, None)
    settle_down(phone)


@pytest.mark.parametrize("status", [200, 408, 481, 500])
def test_whatever_answers_the_bye_ends_it(status: int) -> None:
    phone, peer = calling()
    peer.answers["BYE"] = status
    play(phone, {3: HangUp(call_id="1")}, until=3.1)
    assert outcome(phone, 3) == (None, None)
    settle_down(phone)


def test_held() -> None:
    phone, peer = calling()
    peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=ANSWER)]
    play(phone, {3: Hold(call_id="1")}, until=4)
    log = play(phone, {4: HangUp(call_id="1")}, until=5)
    assert [fact for _, _, fact in brief(log)][:1] == ["CallEnded 200 Normal call clearing local"]
    assert len(phone.sent("BYE")) == 1
    settle_down(phone)


@pytest.mark.parametrize("status", [200, 487, 491, 481, 408, 401])
def test_our_reinvite_in_flight(status: int) -> None:
    """Its late answer gets an ACK and changes nothing more; the hold fails with the call's end."""
    phone, peer = calling()
    script = {3: [Hold(call_id="1"), HangUp(call_id="1")], 3.5: lambda: peer.reply("INVITE", status, sdp=ANSWER)}
    log = play(phone, script, until=10)
    assert brief(log) == [(3.0, "INVITE", None), *CLEARED, (3.0, "BYE", None), (3.51, "ACK", None)]
    assert outcome(phone, 3) == (None, "the call ended: 200 Normal call clearing")
    settle_down(phone)


def test_our_reoffer_being_made() -> None:
    phone, _ = calling()
    phone.describe = lambda wanted: None
    log = play(phone, {3: [Hold(call_id="1"), HangUp(call_id="1")]}, until=4)
    assert brief(log) == [*CLEARED, (3.0, "BYE", None)]
    settle_down(phone)


def test_their_reinvite_in_flight() -> None:
    """It gets its 487 before our BYE."""
    phone, _ = calling()
    phone.describe = lambda wanted: None
    reinvite = in_dialog("INVITE", phone.sent("INVITE")[0], sdp=OFFER)
    log = play(phone, {2.9: reinvite, 3: HangUp(call_id="1")}, until=4)
    assert brief(log) == [(2.9, "100 INVITE", None), *CLEARED, (3.0, "487 INVITE", None), (3.0, "BYE", None)]
    settle_down(phone)


def test_their_reinvite_answered_and_its_ack_on_the_way() -> None:
    """One BYE at once, and no second one when the ACK fails to come."""
    phone, _ = calling()
    reinvite = in_dialog("INVITE", phone.sent("INVITE")[0], sdp=OFFER)
    log = play(phone, {2.9: reinvite, 3: HangUp(call_id="1")}, until=60)
    assert brief(log) == [(2.9, "100 INVITE", None), (2.9, "200 INVITE", None), *CLEARED, (3.0, "BYE", None)]
    settle_down(phone)


def test_waiting_after_a_491() -> None:
    phone, peer = calling()
    peer.answers["INVITE"] = 491
    log = play(phone, {3: Hold(call_id="1"), 4: HangUp(call_id="1")}, until=10)
    assert [sent for _, sent, _ in brief(log) if sent] == ["INVITE", "ACK", "BYE"]
    settle_down(phone)


@pytest.mark.parametrize("begin", [calling, called])
def test_both_hang_up_at_once(begin: type) -> None:
    """The BYEs cross: each is answered, the call has ended once."""
    phone, _ = begin()
    known = phone.sent("INVITE")[0] if phone.sent("INVITE") else phone.sent(200)[0]
    call = phone.log[-1][2].call_id
    log = play(phone, {3: HangUp(call_id=call), 3.005: in_dialog("BYE", known)}, until=4)
    assert brief(log) == [*CLEARED, (3.0, "BYE", None), (3.005, "200 BYE", None)]
    settle_down(phone)


def test_twice_is_done_when_the_first_is() -> None:
    phone, _ = dialling(180)
    play(phone, {3: [HangUp(call_id="1"), HangUp(call_id="1")]}, until=4)
    assert [outcome(phone, 3), outcome(phone, 4)] == [(None, None), (None, None)]
    assert [len(phone.events(CallEnded)), len(phone.events(CallReleased)), len(phone.sent("CANCEL"))] == [1, 1, 1]
    settle_down(phone)


def test_after_the_end_it_is_done_at_once() -> None:
    phone, peer = calling()
    play(phone, {3: in_dialog("BYE", peer.last("INVITE")), 4: HangUp(call_id="1")}, until=5)
    assert outcome(phone, 3) == (None, None)
    assert phone.sent("BYE") == []
    settle_down(phone)


def test_without_a_flow_the_bye_goes_out_over_the_next_one() -> None:
    phone, peer = calling(chance=0.0)
    script = {2.9: peer.wire.drop, 3: HangUp(call_id="1")}
    log = play(phone, script, until=10)
    assert brief(log) == [
        (2.9, None, "FlowLost the connection broke"),
        (2.9, None, "ReconnectScheduled 1 1"),
        *CLEARED,
        (3.91, None, "FlowOpened"),
        (3.91, "BYE", None),
    ]
    assert outcome(phone, 3) == (None, None)
    settle_down(phone)


# --- what our BYE says ---------------------------------------------------------------------------------------------


def test_a_bye_of_the_user_gives_no_reason() -> None:
    phone, _ = calling()
    play(phone, {3: HangUp(call_id="1")}, until=4)
    assert phone.sent("BYE")[0].headers.get("Reason") is None


def test_a_bye_without_a_path() -> None:
    phone, _ = calling()
    play(phone, {3: lambda: phone.engine.media_failed("1", "ICE failed")}, until=4)
    assert phone.sent("BYE")[0].headers.get("Reason") == 'SIP;cause=408;text="No media path"'


def test_a_bye_without_an_ack() -> None:
    phone, _ = answering()
    play(phone, {}, until=40)
    assert phone.sent("BYE")[0].headers.get("Reason") == 'SIP;cause=408;text="No ACK arrived"'


def test_a_bye_with_words_that_have_to_be_quoted() -> None:
    phone, peer = calling()
    peer.answers["INVITE"] = lambda invite: [respond(invite, 408, headers=(("X-Reason", 'say "friend"\\'),))]
    play(phone, {3: Hold(call_id="1")}, until=4)
    assert phone.sent("BYE")[0].headers.get("Reason") == r'SIP;cause=408;text="say \"friend\"\\"'
