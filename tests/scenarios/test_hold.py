"""Re-INVITE in both directions: hold and unhold, glare, refusals, the queue."""

import pytest

from jzrx.commands import Answer, Connect, Dial, Hold, ToggleHold, Unhold
from jzrx.events import CallEnded, HoldChanged, HoldFailed
from jzrx.sip.machine import AnswerWanted, OfferWanted
from jzrx.testing.peer import Peer, in_dialog, respond
from jzrx.testing.virtual import Phone, brief, link, play
from tests.scenarios.calls import ANSWER, OFFER, answering, call_of, called, calling, outcome, settle_down


def accept_all(peer: Peer) -> None:
    peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=ANSWER)]


def media_of(phone: Phone) -> list[str]:
    return [type(output).__name__ for _, output in phone.media]


def test_hold_and_unhold() -> None:
    phone, peer = calling()
    accept_all(peer)
    assert brief(play(phone, {3: Hold(call_id="1"), 4: Unhold(call_id="1")}, until=5)) == [
        (3.0, "INVITE", None),
        (3.02, "ACK", None),
        (3.02, None, "HoldChanged held"),
        (4.0, "INVITE", None),
        (4.02, "ACK", None),
        (4.02, None, "HoldChanged"),
    ]
    _, hold, unhold = phone.sent("INVITE")
    assert hold.body == b"v=0 alice offer held\r\n"
    assert unhold.body == b"v=0 alice offer\r\n"
    assert hold.to.tag == "peer"
    assert (str(hold.uri), hold.cseq.number) == ("sip:peer@peer.invalid;transport=ws", 2)
    assert [ack.cseq.number for ack in phone.sent("ACK")] == [1, 2, 3]
    assert outcome(phone, 3) == outcome(phone, 4) == (None, None)


def test_hold_when_held_is_done_at_once() -> None:
    phone, peer = calling()
    accept_all(peer)
    play(phone, {3: Hold(call_id="1")}, until=4)
    assert play(phone, {4: Hold(call_id="1")}, until=5) == []
    assert outcome(phone, 4) == (None, None)


def test_requests_queue_in_order() -> None:
    phone, peer = calling()
    accept_all(peer)
    log = play(phone, {3: [Hold(call_id="1"), Unhold(call_id="1"), Hold(call_id="1")]}, until=4)
    assert [fact for _, _, fact in brief(log) if fact] == ["HoldChanged held", "HoldChanged", "HoldChanged held"]
    assert [len(phone.settled[token]) for token in (3, 4, 5)] == [1, 1, 1]


@pytest.mark.parametrize(("clicks", "offers"), [(1, [True]), (2, [True, False]), (3, [True, False, True])])
def test_each_click_takes_the_last_back(clicks: int, offers: list[bool]) -> None:
    """A second click comes before the first is confirmed, and means the opposite."""
    phone, peer = calling()
    accept_all(peer)
    play(phone, {3: [ToggleHold(call_id="1")] * clicks}, until=4)
    assert [event.held for event in phone.events(HoldChanged)] == offers
    assert all(outcome(phone, token) == (None, None) for token in range(3, 3 + clicks))


def test_hold_before_the_answer_waits_for_it() -> None:
    phone, _ = answering()
    play(phone, {2.41: Hold(call_id=call_of(phone))}, until=2.42)
    assert phone.sent("INVITE") == []
    log = play(phone, {2.45: in_dialog("ACK", phone.sent(200)[-1], number=1)}, until=2.46)
    assert brief(log) == [(2.45, None, "CallAnswered"), (2.45, "INVITE", None)]


@pytest.mark.parametrize("status", [400, 403, 488, 500, 503, 606])
def test_a_refused_hold_leaves_all_as_it_was(status: int) -> None:
    phone, peer = calling()
    peer.answers["INVITE"] = lambda invite: [respond(invite, status, headers=(("X-Reason", "no"),))]
    log = play(phone, {3: Hold(call_id="1")}, until=60)
    assert brief(log) == [(3.0, "INVITE", None), (3.02, "ACK", None), (3.02, None, f"HoldFailed wanted {status} no")]
    assert media_of(phone)[-2:] == ["OfferWanted", "OfferRefused"]
    assert outcome(phone, 3) == (None, f"hold was refused: {status} no")
    accept_all(peer)
    play(phone, {60: Hold(call_id="1")}, until=61)
    assert [event.held for event in phone.events(HoldChanged)] == [True]


def test_a_refused_unhold_stays_held() -> None:
    phone, peer = calling()
    accept_all(peer)
    play(phone, {3: Hold(call_id="1")}, until=4)
    peer.answers["INVITE"] = 488
    play(phone, {4: Unhold(call_id="1")}, until=5)
    assert [(event.wanted, event.code) for event in phone.events(HoldFailed)] == [(False, 488)]
    assert play(phone, {5: Hold(call_id="1")}, until=6) == []  # is held already


def test_an_offer_that_cannot_be_made() -> None:
    phone, _ = calling()
    phone.describe = lambda wanted: (500, "no device")
    log = play(phone, {3: Hold(call_id="1")}, until=4)
    assert brief(log) == [(3.0, None, "HoldFailed wanted 500 no device")]


def test_hold_accepted_without_sdp() -> None:
    phone, peer = calling()
    peer.answers["INVITE"] = 200
    log = play(phone, {3: Hold(call_id="1")}, until=4)
    assert brief(log)[1:] == [
        (3.02, "ACK", None),
        (3.02, None, "HoldFailed wanted 488 The answer has no session description"),
    ]
    assert phone.events(CallEnded) == []


@pytest.mark.parametrize(("status", "phrase"), [(481, "Call/Transaction Does Not Exist"), (408, "Request Timeout")])
def test_481_and_408_end_the_call(status: int, phrase: str) -> None:
    phone, peer = calling()
    peer.answers["INVITE"] = status
    log = play(phone, {3: Hold(call_id="1")}, until=4)
    assert brief(log)[1:4] == [
        (3.02, "ACK", None),
        (3.02, None, f"CallEnded {status} {phrase} remote"),
        (3.02, None, f"CallReleased {status} {phrase} remote was_answered"),
    ]
    assert outcome(phone, 3) == (None, f"the call ended: {status} {phrase}")
    settle_down(phone)


def test_a_hold_that_nobody_answers_ends_the_call() -> None:
    phone, _ = calling()
    log = play(phone, {3: Hold(call_id="1")}, until=40)
    assert brief(log)[1:] == [
        (35.0, None, "CallEnded 408 No Answer system"),
        (35.0, None, "CallReleased 408 No Answer system was_answered"),
        (35.0, "BYE", None),
    ]
    settle_down(phone)


def test_a_hold_that_is_only_told_to_wait_is_withdrawn() -> None:
    """A server that passes it on, and loses it: nobody must wait for ever, and the next hold gets its turn."""
    phone, peer = calling()
    peer.answers["INVITE"] = 100
    log = play(phone, {3: Hold(call_id="1"), 10: Unhold(call_id="1")}, until=64)
    assert brief(log) == [
        (3.0, "INVITE", None),
        (63.0, "CANCEL", None),
        (63.02, "ACK", None),
        (63.02, None, "HoldFailed wanted 408 No Answer"),
    ]
    assert outcome(phone, 3) == (None, "hold was refused: 408 No Answer")
    assert outcome(phone, 4) == (None, None)  # it is not on hold
    peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=ANSWER)]
    play(phone, {64: Hold(call_id="1")}, until=200)
    assert phone.events(HoldChanged)[-1].held
    assert phone.events(CallEnded) == []


def test_a_hold_that_is_accepted_while_it_is_withdrawn_is_a_hold() -> None:
    phone, peer = calling()
    peer.answers["INVITE"] = 100
    peer.answers["CANCEL"] = lambda cancel: [
        respond(peer.last("INVITE"), 200, sdp=ANSWER),
        respond(cancel, 481),
    ]
    log = play(phone, {3: Hold(call_id="1")}, until=300)
    assert brief(log)[1:] == [(63.0, "CANCEL", None), (63.02, "ACK", None), (63.02, None, "HoldChanged held")]
    assert outcome(phone, 3) == (None, None)


def test_a_hold_that_is_neither_answered_nor_cancelled_ends_the_call() -> None:
    phone, peer = calling()
    peer.answers["INVITE"], peer.answers["CANCEL"] = 100, 200
    log = play(phone, {3: Hold(call_id="1")}, until=100)
    assert brief(log)[1:] == [
        (63.0, "CANCEL", None),
        (95.0, None, "CallEnded 408 No Answer system"),
        (95.0, None, "CallReleased 408 No Answer system was_answered"),
        (95.0, "BYE", None),
    ]
    settle_down(phone)


def test_repeated_200_to_our_reinvite() -> None:
    phone, peer = calling()
    accept_all(peer)
    play(phone, {3: Hold(call_id="1")}, until=4)
    log = play(phone, {4: respond(peer.last("INVITE"), 200, sdp=ANSWER)}, until=5)
    assert brief(log) == [(4.0, "ACK", None)]


def test_their_new_target_is_used() -> None:
    """A re-INVITE refreshes the remote target (RFC 3261 12.2.1.2)."""
    phone, peer = calling()
    peer.answers["INVITE"] = lambda invite: [
        respond(invite, 200, sdp=ANSWER, headers=(("Contact", "<sip:moved@peer.invalid>"),))
    ]
    play(phone, {3: Hold(call_id="1"), 4: Unhold(call_id="1")}, until=5)
    assert str(phone.sent("ACK")[1].uri) == str(phone.sent("INVITE")[2].uri) == "sip:moved@peer.invalid"


# --- 491 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 2.1), (0.5, 3.05), (1.0, 4.0)])
def test_491_is_tried_again_by_the_owner_after_2_1_to_4_s(chance: float, delay: float) -> None:
    phone, peer = calling(chance=chance)
    peer.answers["INVITE"] = 491
    play(phone, {3: Hold(call_id="1")}, until=3.1)
    accept_all(peer)
    log = play(phone, {}, until=10)
    assert brief(log)[0] == (round(3.02 + delay, 3), "INVITE", None)
    assert outcome(phone, 3) == (None, None)
    assert "OfferRefused" in media_of(phone)


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 0.0), (0.5, 1.0), (1.0, 2.0)])
def test_491_is_tried_again_by_the_other_after_0_to_2_s(chance: float, delay: float) -> None:
    phone, peer = called(chance=chance)
    peer.answers["INVITE"] = 491
    play(phone, {3: Hold(call_id=call_of(phone)), 3.015: lambda: accept_all(peer)}, until=10)
    assert [time for time, sent, _ in brief(phone.log) if sent == "INVITE"] == [3.0, round(3.02 + delay, 3)]
    assert outcome(phone, 3) == (None, None)


def test_491_without_end_fails_the_hold_and_keeps_the_call() -> None:
    phone, peer = calling()
    peer.answers["INVITE"] = 491
    play(phone, {3: Hold(call_id="1")}, until=100)
    assert [event.code for event in phone.events(HoldFailed)] == [491]
    assert phone.events(CallEnded) == []


def test_glare() -> None:
    """Both hold at once: 491 on both sides, and the one that does not own the Call-ID goes first."""
    alice, bob = link(keepalive=1e6)
    _connect(alice, bob)
    log = play(alice, {5: [Hold(call_id="1"), lambda: bob.ask(Hold(call_id=call_of(bob)))]}, until=12)
    assert [(time, sent) for time, sent, _ in brief(log) if sent] == [
        (5.0, "INVITE"),
        (5.01, "100 INVITE"),
        (5.01, "491 INVITE"),
        (5.02, "ACK"),
        (6.03, "100 INVITE"),
        (6.03, "200 INVITE"),
        (8.07, "INVITE"),
        (8.09, "ACK"),
    ]
    assert [e.held for e in alice.events(HoldChanged)] == [e.held for e in bob.events(HoldChanged)] == [True]
    assert (alice.events(HoldChanged)[0].at, bob.events(HoldChanged)[0].at) == (8.09, 6.04)


# --- theirs --------------------------------------------------------------------------------------------------------


def test_their_reinvite_is_answered() -> None:
    phone, _ = calling()
    invite = phone.sent("INVITE")[0]
    script = {3: in_dialog("INVITE", invite, sdp=OFFER), 3.1: in_dialog("ACK", invite)}
    assert brief(play(phone, script, until=40)) == [(3.0, "100 INVITE", None), (3.0, "200 INVITE", None)]
    assert media_of(phone)[-1] == "AnswerWanted"


def test_their_late_offer() -> None:
    """A re-INVITE without SDP gets our current offer, and its ACK carries the answer."""
    phone, _ = calling()
    invite = phone.sent("INVITE")[0]
    play(phone, {3: in_dialog("INVITE", invite), 3.1: in_dialog("ACK", invite, sdp=ANSWER)}, until=40)
    assert phone.sent(200)[-1].body == b"v=0 alice offer\r\n"
    assert media_of(phone)[-2:] == ["OfferWanted", "AnswerReceived"]
    assert phone.events(CallEnded) == []


@pytest.mark.parametrize("answered", [True, False])
def test_their_late_offer_while_we_hold(answered: bool) -> None:
    """Our current offer is the hold; an ACK without an answer leaves all as it was."""
    phone, peer = calling()
    accept_all(peer)
    invite = phone.sent("INVITE")[0]
    script = {3: Hold(call_id="1"), 4: in_dialog("INVITE", invite)}
    play(phone, {**script, 4.1: in_dialog("ACK", invite, sdp=ANSWER if answered else None)}, until=40)
    assert phone.sent(200)[-1].body == b"v=0 alice offer held\r\n"
    assert media_of(phone)[-2:] == ["OfferWanted", "AnswerReceived" if answered else "OfferRefused"]
    assert phone.events(CallEnded) == []
    play(phone, {40: Unhold(call_id="1")}, until=41)
    assert [event.held for event in phone.events(HoldChanged)] == [True, False]


@pytest.mark.parametrize("first_to_resume", [0, 1])
@pytest.mark.parametrize("first_to_hold", [0, 1])
def test_both_hold_and_each_resumes(first_to_hold: int, first_to_resume: int) -> None:
    """Each offer and answer says what its own side holds, whoever began."""
    phones = link(keepalive=1e6)
    _connect(*phones)
    calls = ["1", call_of(phones[1])]

    def toggle(which: int) -> None:
        phones[which].ask(ToggleHold(call_id=calls[which]))

    order = (first_to_hold, 1 - first_to_hold, first_to_resume, 1 - first_to_resume)
    play(phones[0], {5 + 2 * turn: lambda which=which: toggle(which) for turn, which in enumerate(order)}, until=14)
    wanted = [
        [output.held for _, output in phone.media if isinstance(output, OfferWanted | AnswerWanted)][1:]
        for phone in phones
    ]
    held = [False, False]
    for which in order:
        held[which] = not held[which]
        for side in (0, 1):
            assert wanted[side].pop(0) is held[side]
    assert wanted == [[], []]
    assert [event.held for phone in phones for event in phone.events(HoldChanged)] == [True, False] * 2


def test_their_reinvite_while_we_hold_keeps_our_hold() -> None:
    phone, peer = calling()
    accept_all(peer)
    invite = phone.sent("INVITE")[0]
    play(phone, {3: Hold(call_id="1"), 4: in_dialog("INVITE", invite, sdp=OFFER)}, until=5)
    assert [output.held for _, output in phone.media if isinstance(output, AnswerWanted)] == [True]


def test_their_reinvite_that_we_cannot_answer_changes_nothing() -> None:
    phone, _ = calling()
    phone.describe = lambda wanted: (488, "no codec in common")
    invite = phone.sent("INVITE")[0]
    log = play(phone, {3: in_dialog("INVITE", invite, sdp=OFFER)}, until=40)
    assert brief(log) == [(3.0, "100 INVITE", None), (3.0, "488 INVITE", None)]
    assert phone.events(CallEnded) == []


def test_their_reinvite_while_we_answer_another_gets_500_with_retry_after() -> None:
    phone, _ = calling()
    phone.describe = lambda wanted: None
    invite = phone.sent("INVITE")[0]
    script = {3: in_dialog("INVITE", invite, sdp=OFFER), 3.5: in_dialog("INVITE", invite, number=3, sdp=OFFER)}
    play(phone, script, until=4)
    assert phone.sent(500)[0].headers.get("Retry-After") == "5"


def test_their_reinvite_that_is_withdrawn() -> None:
    phone, _ = calling()
    phone.describe = lambda wanted: None
    invite = phone.sent("INVITE")[0]
    cancel = in_dialog("CANCEL", invite)
    log = play(phone, {3: in_dialog("INVITE", invite, sdp=OFFER), 4: cancel}, until=5)
    assert [sent for _, sent, _ in brief(log) if sent] == ["100 INVITE", "200 CANCEL", "487 INVITE"]
    assert phone.events(CallEnded) == []
    phone.describe = lambda wanted: "v=0 hold\r\n"
    assert "INVITE" in [sent for _, sent, _ in brief(play(phone, {6: Hold(call_id="1")}, until=7))]  # nothing waits


def test_their_many_reinvites_leave_nothing_behind() -> None:
    """As those that refresh a session do, every 45 s."""
    phone, _ = calling()
    invite = phone.sent("INVITE")[0]
    for number in range(2, 52):
        again, ack = (in_dialog(method, invite, number=number, sdp=OFFER) for method in ("INVITE", "ACK"))
        play(phone, {phone.now + 40: again, phone.now + 40.1: ack}, until=phone.now + 45)
    assert len(phone.sent(200)) == 50
    assert len(phone.engine._agent._calls._invites) == 0


def test_our_hold_waits_for_their_reinvite() -> None:
    phone, _ = calling()
    invite = phone.sent("INVITE")[0]
    script = {3: in_dialog("INVITE", invite, sdp=OFFER), 3.1: Hold(call_id="1"), 3.3: in_dialog("ACK", invite)}
    log = play(phone, script, until=4)
    assert brief(log)[-1] == (3.3, "INVITE", None)


def test_their_reinvite_without_ack_ends_the_call() -> None:
    phone, _ = calling()
    log = play(phone, {3: in_dialog("INVITE", phone.sent("INVITE")[0], sdp=OFFER)}, until=40)
    assert [entry for entry in brief(log) if entry[1] not in ("200 INVITE", "100 INVITE")] == [
        (35.0, None, "CallEnded 408 No ACK arrived system"),
        (35.0, None, "CallReleased 408 No ACK arrived system was_answered"),
        (35.0, "BYE", None),
    ]
    settle_down(phone)


def test_their_bye_while_their_reinvite_waits() -> None:
    """ "The UAS MUST still respond to any pending requests [...] 487" (RFC 3261 15.1.2)."""
    phone, _ = calling()
    phone.describe = lambda wanted: None
    invite = phone.sent("INVITE")[0]
    script = {3: in_dialog("INVITE", invite, sdp=OFFER), 4: in_dialog("BYE", invite, number=3)}
    log = play(phone, script, until=5)
    assert [sent for _, sent, _ in brief(log) if sent] == ["100 INVITE", "200 BYE", "487 INVITE"]
    settle_down(phone)


def _connect(alice: Phone, bob: Phone) -> None:
    play(
        alice,
        {
            0: [Connect(), lambda: bob.ask(Connect())],
            1: Dial(call_id="1", target="sip:bob@example.com"),
            2: lambda: bob.ask(Answer(call_id=call_of(bob))),
        },
        until=4,
    )
