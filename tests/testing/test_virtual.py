"""Phones in virtual time: what `play`, `brief`, `link` and the wire promise."""

import pytest

from jzrx.commands import Answer, Connect, Dial, HangUp, Hold, SendDtmfInfo, SendMessage
from jzrx.events import CallReceived, DtmfReceived, FlowLost, MessageReceived
from jzrx.sip.machine import AnswerWanted, OfferWanted
from jzrx.testing.peer import in_dialog, request, respond
from jzrx.testing.virtual import Phone, brief, link, play

BOB = "sip:bob@example.com"


def test_a_call_between_two_phones() -> None:
    """Every frame takes `delay`; each phone has its own log."""
    alice, bob = link(delay=0.05, keepalive=1e6)
    script = {
        0: [Connect(), lambda: bob.ask(Connect())],
        1: Dial(call_id="1", target=BOB),
        2: lambda: bob.ask(Answer(call_id=bob.events(CallReceived)[0].call_id)),
        3: Hold(call_id="1"),
        4: SendDtmfInfo(call_id="1", tones="5"),
        5: SendMessage(target=BOB, body="Grüße".encode()),
        6: HangUp(call_id="1"),
    }
    assert brief(play(alice, script, until=100)) == [
        (0.0, None, "ConnectStarted"),
        (0.05, None, "FlowOpened"),
        (1.0, None, "CallDialed"),
        (1.0, "INVITE", None),
        (1.1, None, "CallProgressed 180 Ringing"),
        (2.05, "ACK", None),
        (2.05, None, "CallAnswered"),
        (3.0, "INVITE", None),
        (3.1, "ACK", None),
        (3.1, None, "HoldChanged held"),
        (4.0, "INFO", None),
        (4.1, None, "DtmfSent 5 info"),
        (5.0, "MESSAGE", None),
        (6.0, None, "CallEnded 200 Normal call clearing local"),
        (6.0, None, "CallReleased 200 Normal call clearing local was_answered"),
        (6.0, "BYE", None),
    ]
    assert brief(bob.log)[2:] == [
        (1.05, "100 INVITE", None),
        (1.05, None, "CallReceived sip:alice@example.com"),
        (1.05, "180 INVITE", None),
        (2.0, None, "AnswerStarted"),
        (2.0, "200 INVITE", None),
        (2.1, None, "CallAnswered"),
        (3.05, "100 INVITE", None),
        (3.05, "200 INVITE", None),
        (4.05, "200 INFO", None),
        (4.05, None, "DtmfReceived 5 info"),
        (5.05, "200 MESSAGE", None),
        (5.05, None, "MessageReceived sip:alice@example.com Grüße text/plain"),
        (6.05, "200 BYE", None),
        (6.05, None, "CallEnded 200 Normal call clearing remote"),
        (6.05, None, "CallReleased 200 Normal call clearing remote was_answered"),
    ]
    assert [type(output) for _, output in bob.media][:1] == [AnswerWanted]
    assert [type(output) for _, output in alice.media][:1] == [OfferWanted]
    assert alice.engine.is_idle
    assert bob.engine.is_idle
    assert bob.events(DtmfReceived)
    assert bob.events(MessageReceived)


def test_times_that_are_over_are_refused() -> None:
    phone, _ = Phone.with_peer()
    play(phone, {0: Connect()}, until=5)
    with pytest.raises(ValueError, match="it is 5 s already"):
        play(phone, {3: HangUp(call_id="1")}, until=10)


def test_a_second_play_yields_only_what_is_new() -> None:
    phone, _ = Phone.with_peer(auto_register=False)
    play(phone, {0: Connect()}, until=1)
    assert brief(play(phone, {1: request("OPTIONS")}, until=2)) == [(1.0, "200 OPTIONS", None)]


def test_frames_under_way_are_lost_with_the_flow() -> None:
    phone, peer = Phone.with_peer(auto_register=False)
    play(phone, {0: Connect()}, until=1)
    peer.say(request("OPTIONS"))
    play(phone, {1: peer.wire.drop}, until=1.2)
    assert phone.sent(200) == []
    assert len(phone.events(FlowLost)) == 1


def test_a_peer_answers_by_its_rules_and_by_hand() -> None:
    phone, peer = Phone.with_peer()
    peer.answers["INVITE"] = (100, 180)
    script = {0: Connect(), 1: Dial(call_id="1", target=BOB), 2: lambda: peer.reply("INVITE", 486, "Later")}
    log = play(phone, script, until=3)
    assert (2.01, None, "CallEnded 486 Later remote") in brief(log)
    assert peer.last("ACK").call_id == peer.last("INVITE").call_id


def test_requests_of_the_peer_fit_their_dialog() -> None:
    invite = request("INVITE", call_id="x", number=7)
    assert request("CANCEL", call_id="x", number=7).via == invite.via
    answer = respond(invite, 200, tag="phone")
    bye = in_dialog("BYE", answer, number=8)
    assert (bye.from_.tag, bye.to.tag, bye.call_id, bye.cseq.number) == ("peer", "phone", "x", 8)
    back = in_dialog("BYE", invite, tag="callee")
    assert (back.from_.tag, back.to.tag) == ("callee", "peer")
