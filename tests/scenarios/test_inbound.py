"""Calls that we get: ringing, answering, the ACK, CANCEL, the end of an invitation, early media."""

from typing import Any

import pytest

from jzrx.commands import Answer, Connect, Disconnect, HangUp, SendProgress
from jzrx.events import CallAnswered, CallEnded, CallReceived
from jzrx.sip.machine import AnswerReceived, AnswerWanted, OfferWanted
from jzrx.testing.peer import in_dialog, request
from jzrx.testing.virtual import Phone, brief, play
from tests.scenarios.calls import (
    ANSWER,
    OFFER,
    answering,
    call_of,
    called,
    connected,
    dialling,
    outcome,
    ringing,
    settle_down,
)


def test_a_whole_call() -> None:
    phone, _ = connected()
    script = {
        1: request("INVITE", sdp=OFFER, headers=(("X-Call-Sid", "sid"),)),
        3: lambda: phone.ask(Answer(call_id=call_of(phone), headers=(("X-Desk", "4"),))),
        3.02: lambda: phone.wire.deliver(bytes(in_dialog("ACK", phone.sent(200)[-1], number=1))),
        9: lambda: phone.wire.deliver(bytes(in_dialog("BYE", phone.sent(200)[-1]))),
    }
    assert brief(play(phone, script, until=10)) == [
        (1.0, "100 INVITE", None),
        (1.0, None, "CallReceived sip:bob@example.com Bob"),
        (1.0, "180 INVITE", None),
        (3.0, None, "AnswerStarted"),
        (3.0, "200 INVITE", None),
        (3.02, None, "CallAnswered"),
        (9.0, "200 BYE", None),
        (9.0, None, "CallEnded 200 Normal call clearing remote"),
        (9.0, None, "CallReleased 200 Normal call clearing remote was_answered"),
    ]
    ringing_, answer = phone.sent(180)[0], phone.sent(200)[0]
    assert ringing_.to.tag == answer.to.tag
    assert answer.contacts == ringing_.contacts != ()
    assert (answer.body.decode(), answer.headers.get("X-Desk")) == ("v=0 alice answer\r\n", "4")
    assert dict(phone.events(CallReceived)[0].headers)["X-Call-Sid"] == "sid"
    assert outcome(phone, 2) == (None, None)
    settle_down(phone)


def test_the_call_is_ours_whatever_its_request_uri() -> None:
    phone, _ = connected()
    play(phone, {1: request("INVITE", uri="sip:someone@else.example.net", sdp=OFFER)}, until=2)
    assert len(phone.events(CallReceived)) == 1


def test_200_is_repeated_until_the_ack() -> None:
    """Intervals from T1, doubled up to T2 (RFC 3261 13.3.1.4), though WebSocket loses nothing."""
    phone, _ = ringing()
    play(phone, {2: Answer(call_id=call_of(phone))}, until=20)
    times = [time for time, sent, _ in brief(phone.log) if sent == "200 INVITE"]
    assert times == [2.0, 2.5, 3.5, 5.5, 9.5, 13.5, 17.5]
    assert len({bytes(answer) for answer in phone.sent(200)}) == 1
    log = play(phone, {20: in_dialog("ACK", phone.sent(200)[-1], number=1)}, until=60)
    assert brief(log) == [(20.0, None, "CallAnswered")]


def test_no_ack_in_64_t1() -> None:
    """BYE, `failed` with 408 (Timers H and L)."""
    phone, _ = ringing()
    log = play(phone, {2: Answer(call_id=call_of(phone))}, until=40)
    assert [entry for entry in brief(log) if entry[1] != "200 INVITE"] == [
        (2.0, None, "AnswerStarted"),
        (34.0, None, "CallEnded 408 No ACK arrived system"),
        (34.0, None, "CallReleased 408 No ACK arrived system"),
        (34.0, "BYE", None),
    ]
    assert outcome(phone, 2) == (None, "the call with sip:bob@example.com failed: 408 No ACK arrived")
    settle_down(phone)


def test_timer_h() -> None:
    """A refusal whose ACK never comes is forgotten after 64*T1, and answers repetitions until then."""
    phone, _ = ringing()
    play(phone, {2.5: HangUp(call_id=call_of(phone))}, until=3)
    again = request("INVITE", sdp=OFFER)
    assert brief(play(phone, {30: again}, until=34)) == [(30.0, "486 INVITE", None)]
    assert not phone.engine.is_idle
    play(phone, {}, until=35)
    assert phone.engine.is_idle


def test_timer_l() -> None:
    """Repetitions of an accepted INVITE are absorbed for 64*T1."""
    phone, _ = called()
    again = request("INVITE", sdp=OFFER)
    assert brief(play(phone, {33: again}, until=33.5)) == []
    assert len(phone.events(CallReceived)) == 1


def test_repeated_invite_while_ringing_gets_the_180_again() -> None:
    phone, _ = ringing()
    assert brief(play(phone, {2.5: request("INVITE", sdp=OFFER)}, until=3)) == [(2.5, "180 INVITE", None)]


def test_cancelled() -> None:
    phone, _ = ringing()
    cancel = request("CANCEL", headers=(("Reason", 'SIP;cause=200;text="Call completed elsewhere"'),))
    log = play(phone, {3: cancel}, until=4)
    assert brief(log) == [
        (3.0, "200 CANCEL", None),
        (3.0, "487 INVITE", None),
        (3.0, None, "CallEnded 487 Call completed elsewhere remote"),
        (3.0, None, "CallReleased 487 Call completed elsewhere remote"),
    ]
    assert phone.sent(200)[0].to.tag == phone.sent(487)[0].to.tag
    settle_down(phone)


def test_cancelled_while_the_answer_is_being_made() -> None:
    phone, _ = ringing()
    phone.describe = lambda wanted: None
    log = play(phone, {2: Answer(call_id=call_of(phone)), 3: request("CANCEL")}, until=4)
    assert [sent for _, sent, _ in brief(log) if sent] == ["200 CANCEL", "487 INVITE"]
    assert outcome(phone, 2) == (None, "the call with sip:bob@example.com failed: 487 Request Terminated")
    settle_down(phone)


def test_cancel_after_our_200_has_no_effect() -> None:
    phone, _ = answering()
    ack = in_dialog("ACK", phone.sent(200)[-1], number=1)
    log = play(phone, {2.41: request("CANCEL"), 2.42: ack}, until=3)
    assert brief(log) == [(2.41, "200 CANCEL", None), (2.42, None, "CallAnswered")]


def test_cancel_of_nothing() -> None:
    phone, _ = connected()
    assert brief(play(phone, {1: request("CANCEL")}, until=2)) == [(1.0, "481 CANCEL", None)]


def test_bye_before_the_answer() -> None:
    phone, _ = ringing()
    log = play(phone, {3: in_dialog("BYE", phone.sent(180)[0])}, until=4)
    assert [sent for _, sent, _ in brief(log) if sent] == ["200 BYE", "487 INVITE"]
    assert len(phone.events(CallEnded)) == 1
    settle_down(phone)


def test_bye_before_the_ack() -> None:
    phone, _ = answering()
    log = play(phone, {2.42: in_dialog("BYE", phone.sent(200)[-1])}, until=10)
    assert brief(log) == [
        (2.42, "200 BYE", None),
        (2.42, None, "CallEnded 200 Normal call clearing remote"),
        (2.42, None, "CallReleased 200 Normal call clearing remote"),
    ]
    settle_down(phone)


def test_the_invitation_expires() -> None:
    phone, _ = connected()
    log = play(phone, {1: request("INVITE", sdp=OFFER, headers=(("Expires", "20"),))}, until=30)
    assert brief(log)[3:] == [
        (21.0, "487 INVITE", None),
        (21.0, None, "CallEnded 487 The invitation expired system"),
        (21.0, None, "CallReleased 487 The invitation expired system"),
    ]
    settle_down(phone)


def test_the_invitation_does_not_expire_once_answered() -> None:
    phone, _ = connected()
    script = {
        1: request("INVITE", sdp=OFFER, headers=(("Expires", "20"),)),
        3: lambda: phone.ask(Answer(call_id=call_of(phone))),
        3.1: lambda: phone.wire.deliver(bytes(in_dialog("ACK", phone.sent(200)[-1], number=1))),
    }
    play(phone, script, until=60)
    assert phone.events(CallEnded) == []


def test_late_offer() -> None:
    """An INVITE without SDP: our 200 carries the offer, the ACK the answer."""
    phone, _ = connected()
    play(phone, {1: request("INVITE"), 2: lambda: phone.ask(Answer(call_id=call_of(phone)))}, until=2.1)
    assert phone.sent(200)[0].body == b"v=0 alice offer\r\n"
    play(phone, {2.2: in_dialog("ACK", phone.sent(200)[0], number=1, sdp=ANSWER)}, until=3)
    assert [type(output) for _, output in phone.media] == [OfferWanted, AnswerReceived]
    assert len(phone.events(CallAnswered)) == 1


def test_late_offer_whose_ack_has_no_answer() -> None:
    phone, _ = connected()
    play(phone, {1: request("INVITE"), 2: lambda: phone.ask(Answer(call_id=call_of(phone)))}, until=2.1)
    log = play(phone, {2.2: in_dialog("ACK", phone.sent(200)[0], number=1)}, until=3)
    assert brief(log) == [
        (2.2, None, "CallEnded 488 The ACK has no session description system"),
        (2.2, None, "CallReleased 488 The ACK has no session description system"),
        (2.2, "BYE", None),
    ]
    settle_down(phone)


def test_early_media_towards_the_caller() -> None:
    """The answer is made once: what went out in the 183 stands in the 200."""
    phone, _ = ringing()
    script = {
        2: SendProgress(call_id=call_of(phone), code=183, with_media=True),
        3: SendProgress(call_id=call_of(phone), code=182),
        4: Answer(call_id=call_of(phone)),
    }
    log = play(phone, script, until=4.1)
    assert [sent for _, sent, _ in brief(log) if sent] == ["183 INVITE", "182 INVITE", "200 INVITE"]
    assert phone.sent(183)[0].body == phone.sent(200)[0].body == b"v=0 alice answer\r\n"
    assert len([output for _, output in phone.media if isinstance(output, AnswerWanted)]) == 1


def test_offer_that_cannot_be_answered() -> None:
    """As over ws with jambonz, which offers plain RTP there: 488 with a Warning."""
    phone, _ = ringing()
    phone.describe = lambda wanted: None
    play(phone, {2: Answer(call_id=call_of(phone))}, until=2.5)
    (wanted,) = [output for _, output in phone.media if isinstance(output, AnswerWanted)]
    warning = '304 alice.invalid "connect with wss"'
    phone.engine.description_failed(wanted.call_id, wanted.ref, 488, "only plain RTP was offered", warning)
    assert brief(phone.log)[-3:] == [
        (2.5, "488 INVITE", None),
        (2.5, None, "CallEnded 488 only plain RTP was offered system"),
        (2.5, None, "CallReleased 488 only plain RTP was offered system"),
    ]
    assert phone.sent(488)[0].headers.get("Warning") == warning
    settle_down(phone)


def test_answered_twice() -> None:
    phone, _ = ringing()
    play(phone, {2: [Answer(call_id=call_of(phone)), Answer(call_id=call_of(phone))]}, until=2.1)
    assert len(phone.sent(200)) == 1
    assert outcome(phone, 3) == (None, "Answer is not possible in this state of the call; wait until it is answered")


def test_late_and_duplicate_ack() -> None:
    phone, _ = called()
    ack = in_dialog("ACK", phone.sent(200)[-1], number=1)
    assert play(phone, {3: ack, 40: ack}, until=41) == []


def test_an_ack_of_another_invite_does_not_confirm() -> None:
    phone, _ = answering()
    log = play(phone, {2.42: in_dialog("ACK", phone.sent(200)[-1], number=7)}, until=2.45)
    assert brief(log) == []


def test_no_media_path_before_the_ack() -> None:
    phone, _ = answering()
    ack = in_dialog("ACK", phone.sent(200)[-1], number=1)
    log = play(phone, {2.41: lambda: phone.engine.media_failed(call_of(phone), "DTLS"), 2.42: ack}, until=2.45)
    assert brief(log) == [
        (2.42, None, "CallEnded 408 No media path system"),
        (2.42, None, "CallReleased 408 No media path system"),
        (2.42, "BYE", None),
    ]
    settle_down(phone)


def test_second_call_while_one_is_up() -> None:
    phone, _ = called()
    play(phone, {3: request("INVITE", call_id="second", from_="<sip:carol@example.com>;tag=carol", sdp=OFFER)}, until=4)
    assert [event.remote_uri for event in phone.events(CallReceived)] == [
        "sip:bob@example.com",
        "sip:carol@example.com",
    ]
    play(phone, {4: HangUp(call_id=call_of(phone))}, until=5)
    assert len(phone.events(CallEnded)) == 1
    assert phone.sent("BYE") == []


def test_the_same_call_id_from_two_callers() -> None:
    """The dialog is known by our tag too (RFC 3261 12)."""
    phone, _ = called()
    script = {3: request("INVITE", from_="<sip:carol@example.com>;tag=carol", branch="z9hG4bKother", sdp=OFFER)}
    play(phone, script, until=4)
    assert len({event.call_id for event in phone.events(CallReceived)}) == 2


def causes(phone: Phone) -> list[tuple[int, str, int | None]]:
    return [(e.cause.code, e.cause.reason, e.cause.q850_cause) for e in phone.events(CallEnded)]


def test_the_cause_in_a_bye() -> None:
    """`code` is SIP's, Q.850 stands apart, X-Reason speaks first."""
    told = [
        ((), (200, "Normal call clearing", None)),
        ((("Reason", 'SIP;cause=480;text="Gone home"'),), (480, "Gone home", None)),
        ((("Reason", "SIP;cause=503"),), (503, "Service Unavailable", None)),
        ((("Reason", 'Q.850;cause=16;text="Terminated"'),), (200, "Terminated", 16)),
        ((("Reason", 'Q.850;cause=31, SIP;cause=500;text="x"'),), (500, "x", 31)),
        ((("X-Reason", "MEDIA_TIMEOUT"), ("Reason", "SIP;cause=480;text=y")), (480, "MEDIA_TIMEOUT", None)),
        ((("Reason", 'garbage;;;="'),), (200, "Normal call clearing", None)),
        ((("Reason", "SIP;cause=99999999999"),), (200, "Normal call clearing", None)),
    ]
    for headers, cause in told:
        phone, _ = called()
        play(phone, {3: in_dialog("BYE", phone.sent(200)[-1], headers=headers)}, until=4)
        assert causes(phone) == [cause]


@pytest.mark.parametrize(
    ("headers", "cause"),
    [
        ((), (480, "Temporarily Unavailable", None)),
        (
            (("X-Reason", "no application"), ("Reason", "Q.850;cause=20")),
            (480, "no application", 20),
        ),
        ((("Reason", 'SIP;cause=486;text="Busy elsewhere"'),), (480, "Busy elsewhere", None)),
        ((("Reason", "Q.850 ;cause=18"), ("Reason", 'SIP;cause=600;text="x"')), (480, "x", 18)),
        (
            (("Reason", 'q.850;cause=127;text="So, \\"unspecified\\""'),),
            (480, 'So, "unspecified"', 127),
        ),
        ((("Reason", "Q.850;cause=x"),), (480, "Temporarily Unavailable", None)),
        ((("X-Reason", ""),), (480, "Temporarily Unavailable", None)),
    ],
)
def test_the_cause_in_a_refusal(headers: Any, cause: tuple[int, str, int | None]) -> None:
    """The code is that of the response, whatever else is said."""
    phone, peer = dialling()
    play(phone, {2: lambda: peer.reply("INVITE", 480, headers=headers)}, until=3)
    assert causes(phone) == [cause]


@pytest.mark.parametrize(
    ("headers", "cause"),
    [
        ((), (487, "Request Terminated", None)),
        ((("Reason", 'SIP;cause=200;text="Call completed elsewhere"'),), (487, "Call completed elsewhere", None)),
        ((("Reason", "Q.850;cause=26"),), (487, "Request Terminated", 26)),
        ((("X-Reason", "gave up"), ("Reason", 'Q.850;cause=26;text="x"')), (487, "gave up", 26)),
    ],
)
def test_the_cause_in_a_cancel(headers: Any, cause: tuple[int, str, int | None]) -> None:
    phone, _ = ringing()
    play(phone, {2: request("CANCEL", headers=headers)}, until=3)
    assert causes(phone) == [cause]


def test_a_call_that_arrives_while_we_leave() -> None:
    """Every call was ended, and nobody would end this one: the binding is still there until the un-REGISTER arrives."""
    phone, peer = Phone.with_peer()
    play(phone, {0: Connect()}, until=1)
    peer.answers["REGISTER"] = ()
    play(phone, {1: Disconnect(), 1.1: request("INVITE", sdp=OFFER)}, until=60)
    assert [reply.cseq.method for reply in phone.sent(480)] == ["INVITE"]
    assert not phone.events(CallReceived)
    assert phone.engine.is_idle
