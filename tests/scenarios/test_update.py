"""UPDATE of the other side (RFC 3311): in early and confirmed dialogs, with an offer and without, and glare."""

from typing import Any

import pytest

from jzrx.commands import Answer, HangUp, Hold, SendProgress
from jzrx.events import CallAnswered, CallEnded, HoldChanged
from jzrx.sip.machine import AnswerReceived, AnswerWanted
from jzrx.testing.peer import in_dialog, request
from jzrx.testing.virtual import Phone, brief, play
from tests.scenarios.calls import ANSWER, OFFER, call_of, called, calling, connected, dialling, settle_down

NEW = "v=0 new offer\r\n"
RELIABLE = (("Require", "100rel"), ("RSeq", "7"))
MOVED = (("Contact", "<sip:moved@peer.invalid>"),)


def media_of(phone: Phone) -> list[Any]:
    return [output for _, output in phone.media if isinstance(output, AnswerReceived | AnswerWanted)]


def said(log: Any) -> list[str]:
    return [sent for _, sent, _ in brief(log) if sent]


# --- in a call -----------------------------------------------------------------------------------------------------


def test_without_an_offer_it_moves_the_target() -> None:
    phone, _ = calling()
    log = play(phone, {3: in_dialog("UPDATE", phone.sent("INVITE")[0], headers=MOVED)}, until=4)
    assert brief(log) == [(3.0, "200 UPDATE", None)]
    answer = phone.sent(200)[-1]
    assert answer.contacts[0].uri.user == phone.sent("INVITE")[0].contacts[0].uri.user
    assert "UPDATE" in answer.headers.get_list("Allow")
    assert answer.body == b""
    play(phone, {4: HangUp(call_id="1")}, until=5)
    assert str(phone.sent("BYE")[0].uri) == "sip:moved@peer.invalid"


def test_its_offer_is_answered_without_an_ack() -> None:
    phone, _ = calling()
    log = play(phone, {3: in_dialog("UPDATE", phone.sent("INVITE")[0], sdp=NEW)}, until=40)
    assert brief(log) == [(3.0, "200 UPDATE", None)]
    answer = phone.sent(200)[-1]
    assert (answer.body, answer.content_type) == (b"v=0 alice answer\r\n", "application/sdp")
    assert media_of(phone)[-1].offer == NEW


def test_it_keeps_our_hold() -> None:
    phone, peer = calling()
    peer.answers["INVITE"] = ()
    script = {3: Hold(call_id="1"), 3.1: lambda: peer.reply("INVITE", 200, sdp=ANSWER)}
    play(phone, {**script, 4: in_dialog("UPDATE", phone.sent("INVITE")[0], sdp=NEW)}, until=5)
    assert media_of(phone)[-1].held
    assert phone.sent(200)[-1].body == b"v=0 alice answer held\r\n"


def test_an_offer_that_we_cannot_answer_changes_nothing() -> None:
    phone, _ = calling()
    phone.describe = lambda wanted: (488, "no codec in common")
    log = play(phone, {3: in_dialog("UPDATE", phone.sent("INVITE")[0], sdp=NEW, headers=MOVED)}, until=40)
    assert brief(log) == [(3.0, "488 UPDATE", None)]
    play(phone, {40: HangUp(call_id="1")}, until=41)
    assert "moved" not in str(phone.sent("BYE")[0].uri)


def test_glare_with_our_offer() -> None:
    """ "The UAS has generated an offer to which it has not yet received an answer: 491" (RFC 3311 section 5.2)."""
    phone, peer = calling()
    invite = phone.sent("INVITE")[0]
    script = {
        3: Hold(call_id="1"),
        3.1: in_dialog("UPDATE", invite, sdp=NEW),
        3.2: in_dialog("UPDATE", invite, number=3),
    }
    assert said(play(phone, script, until=4)) == ["INVITE", "491 UPDATE", "200 UPDATE"]
    play(phone, {4: lambda: peer.reply("INVITE", 200, sdp=ANSWER)}, until=5)
    assert len(phone.events(HoldChanged)) == 1


def test_glare_with_our_offer_in_a_2xx() -> None:
    phone, _ = calling()
    invite = phone.sent("INVITE")[0]
    script = {3: in_dialog("INVITE", invite), 3.1: in_dialog("UPDATE", invite, number=3, sdp=NEW)}
    assert said(play(phone, script, until=3.2)) == ["100 INVITE", "200 INVITE", "491 UPDATE"]


@pytest.mark.parametrize("first", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("second", ["INVITE", "UPDATE"])
def test_a_second_offer_before_the_first_is_answered(first: str, second: str) -> None:
    phone, _ = calling()
    phone.describe = lambda wanted: None
    invite = phone.sent("INVITE")[0]
    script = {3: in_dialog(first, invite, sdp=NEW), 3.1: in_dialog(second, invite, number=3, sdp=NEW)}
    play(phone, script, until=4)
    (refusal,) = phone.sent(500)
    assert (refusal.cseq.method, refusal.headers.get("Retry-After")) == (second, "5")
    phone.engine.description_made("1", media_of(phone)[-1].ref, "v=0 late\r\n")
    assert said(phone.log)[-1] == f"200 {first}"


def test_an_update_without_offer_while_another_waits() -> None:
    """ "Before it has generated a final response to a previous UPDATE [...]: 500" (RFC 3311 section 5.2)."""
    phone, _ = calling()
    phone.describe = lambda wanted: None
    invite = phone.sent("INVITE")[0]
    script = {3: in_dialog("UPDATE", invite, sdp=NEW), 3.1: in_dialog("UPDATE", invite, number=3)}
    assert said(play(phone, script, until=4)) == ["500 UPDATE"]


def test_our_hold_waits_for_their_update() -> None:
    phone, _ = calling()
    phone.describe = lambda wanted: "v=0 offer\r\n" if not isinstance(wanted, AnswerWanted) else None
    play(phone, {3: in_dialog("UPDATE", phone.sent("INVITE")[0], sdp=NEW), 3.1: Hold(call_id="1")}, until=4)
    assert len(phone.sent("INVITE")) == 1
    phone.engine.description_made("1", media_of(phone)[-1].ref, "v=0 late\r\n")
    assert said(phone.log)[-2:] == ["200 UPDATE", "INVITE"]


@pytest.mark.parametrize("who", ["we", "they"])
def test_the_end_while_their_update_waits(who: str) -> None:
    phone, _ = calling()
    phone.describe = lambda wanted: None
    invite = phone.sent("INVITE")[0]
    end = HangUp(call_id="1") if who == "we" else in_dialog("BYE", invite, number=3)
    log = play(phone, {3: in_dialog("UPDATE", invite, sdp=NEW), 4: end}, until=5)
    assert "487 UPDATE" in said(log)
    settle_down(phone)


def test_while_our_2xx_waits_for_its_ack() -> None:
    phone, _ = called()
    ok = phone.sent(200)[0]
    script = {
        3: in_dialog("INVITE", ok, sdp=OFFER),
        3.1: in_dialog("UPDATE", ok, number=3, sdp=NEW),
        3.2: in_dialog("ACK", ok, number=2),
    }
    assert said(play(phone, script, until=40)) == ["100 INVITE", "200 INVITE", "200 UPDATE"]
    assert phone.events(CallEnded) == []


# --- before the answer ---------------------------------------------------------------------------------------------


def test_of_the_called_in_its_early_dialog() -> None:
    """Its answer came reliably, so it may offer anew; the 2xx then changes nothing any more."""
    phone, peer = dialling(100)
    invite = phone.sent("INVITE")[0]
    script = {
        2: lambda: peer.reply("INVITE", 183, headers=RELIABLE, sdp=ANSWER),
        2.1: in_dialog("UPDATE", invite, number=5, sdp=NEW, headers=MOVED),
        3: lambda: peer.reply("INVITE", 200, sdp=ANSWER),
    }
    assert said(play(phone, script, until=4)) == ["PRACK", "200 UPDATE", "ACK"]
    assert [type(output).__name__ for output in media_of(phone)] == ["AnswerReceived", "AnswerWanted"]
    assert len(phone.events(CallAnswered)) == 1
    log = play(phone, {4: in_dialog("BYE", invite, number=4), 4.1: in_dialog("BYE", invite, number=6)}, until=5)
    assert said(log) == ["500 BYE", "200 BYE"]  # the order of the early dialog goes on


def test_of_the_called_before_it_answered_our_offer() -> None:
    phone, peer = dialling(100)
    invite = phone.sent("INVITE")[0]
    script = {
        2: lambda: peer.reply("INVITE", 180, headers=RELIABLE),
        2.1: in_dialog("UPDATE", invite, sdp=NEW),
        2.2: in_dialog("UPDATE", invite, number=3),
        2.3: in_dialog("INVITE", invite, number=4, sdp=NEW),
        2.4: in_dialog("BYE", invite, number=5),
    }
    log = play(phone, script, until=3)
    assert said(log) == ["PRACK", "491 UPDATE", "200 UPDATE", "100 INVITE", "491 INVITE", "481 BYE"]
    play(phone, {3: lambda: peer.reply("INVITE", 200, sdp=ANSWER)}, until=4)
    assert len(phone.events(CallAnswered)) == 1


def test_of_the_called_without_an_early_dialog() -> None:
    """A response that was not reliable lets its sender change nothing yet."""
    phone, _ = dialling(100, 180)
    log = play(phone, {2: in_dialog("UPDATE", phone.sent("INVITE")[0], sdp=NEW)}, until=3)
    assert said(log) == ["481 UPDATE"]


def test_the_refusal_of_the_invite_while_an_update_waits() -> None:
    phone, peer = dialling(100)
    play(phone, {2: lambda: peer.reply("INVITE", 183, headers=RELIABLE, sdp=ANSWER)}, until=2.1)
    phone.describe = lambda wanted: None
    update = in_dialog("UPDATE", phone.sent("INVITE")[0], sdp=NEW)
    log = play(phone, {2.2: update, 3: lambda: peer.reply("INVITE", 486)}, until=4)
    assert said(log) == ["ACK", "487 UPDATE"]
    settle_down(phone)


@pytest.mark.parametrize("heard", [False, True])
def test_another_branch_answers_than_the_one_that_offered_anew(heard: bool) -> None:
    """Our offer holds no more once another followed it: the branch that answers gets a new one, and the call lives."""
    phone, peer = dialling(100)
    early = (*RELIABLE, ("Allow", "UPDATE"))
    play(phone, {2: lambda: peer.reply("INVITE", 183, headers=early, sdp=ANSWER, tag="first")}, until=2.1)
    update = in_dialog("UPDATE", phone.sent("INVITE")[0], sdp=NEW, tag="first")
    other = {2.5: lambda: peer.reply("INVITE", 183, sdp="v=0 other\r\n", tag="other")} if heard else {}
    answer = {3: lambda: peer.reply("INVITE", 200, sdp="v=0 other\r\n", tag="other")}
    log = play(phone, {2.2: update, **other, **answer}, until=4)
    assert said(log) == ["200 UPDATE", "ACK", "INVITE"]
    assert [type(output) for output in media_of(phone)] == [AnswerReceived, AnswerWanted]
    again = phone.sent("INVITE")[-1]
    assert (again.to.tag, again.body) == ("other", b"v=0 alice offer\r\n")
    play(phone, {4: lambda: peer.reply("INVITE", 200, sdp="v=0 final\r\n")}, until=5)
    assert media_of(phone)[-1].answer == "v=0 final\r\n"
    assert phone.events(CallEnded) == []
    play(phone, {5: HangUp(call_id="1")}, until=6)
    settle_down(phone)


def ringing_early() -> tuple[Phone, Any]:
    """A phone whose early media is agreed with bob, who calls; and the response that bob acknowledged. It is 1.3 s."""
    phone, _ = connected()
    play(phone, {1: request("INVITE", sdp=OFFER, headers=(("Require", "100rel"),))}, until=1.1)
    for number, status in ((2, 180), (3, 183)):
        if status == 183:
            phone.ask(SendProgress(call_id=call_of(phone), code=183, with_media=True))
        progress = phone.sent(status)[0]
        rack = (("RAck", f"{progress.headers.get('RSeq')} 1 INVITE"),)
        play(
            phone,
            {1.0 + number / 10: in_dialog("PRACK", progress, number=number, headers=rack)},
            until=1.0 + number / 10,
        )
    return phone, progress


def test_of_the_caller_before_our_answer() -> None:
    phone, progress = ringing_early()
    script = {
        2: in_dialog("UPDATE", progress, number=4, sdp=NEW, headers=MOVED),
        3: Answer(call_id=call_of(phone)),
        3.1: in_dialog("ACK", progress, number=1),
        4: HangUp(call_id=call_of(phone)),
    }
    log = play(phone, script, until=5)
    assert said(log) == ["200 UPDATE", "200 INVITE", "BYE"]
    assert phone.sent(200)[-1].body == b""
    assert [output.offer for output in media_of(phone)] == [OFFER, NEW]
    assert str(phone.sent("BYE")[0].uri) == "sip:moved@peer.invalid"


def test_our_answer_waits_for_that_to_their_update() -> None:
    phone, progress = ringing_early()
    phone.describe = lambda wanted: None
    call = call_of(phone)
    log = play(phone, {2: in_dialog("UPDATE", progress, number=4, sdp=NEW), 3: Answer(call_id=call)}, until=4)
    assert said(log) == []
    phone.engine.description_failed(call, media_of(phone)[-1].ref, 488, "no codec")
    assert said(phone.log)[-2:] == ["488 UPDATE", "200 INVITE"]


def test_of_the_caller_whose_offer_is_open() -> None:
    phone, _ = connected()
    play(phone, {1: request("INVITE", sdp=OFFER)}, until=1.1)
    log = play(phone, {2: in_dialog("UPDATE", phone.sent(180)[0], sdp=NEW)}, until=3)
    assert said(log) == ["500 UPDATE"]


def test_a_cancel_while_their_update_waits() -> None:
    phone, progress = ringing_early()
    phone.describe = lambda wanted: None
    branch = request("INVITE").via.branch
    script = {2: in_dialog("UPDATE", progress, number=4, sdp=NEW), 3: request("CANCEL", branch=branch)}
    log = play(phone, {**script, 3.1: request("ACK", branch=branch)}, until=4)
    assert said(log) == ["200 CANCEL", "487 INVITE", "487 UPDATE"]
    settle_down(phone)
