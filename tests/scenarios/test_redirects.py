"""Calls that a server sends elsewhere (3xx): followed when it is wished, and else told."""

import pytest

from jzrx.commands import Dial, HangUp
from jzrx.events import CallAnswered, CallEnded, CallRedirected
from jzrx.sip.message import Request, Response
from jzrx.testing.peer import Peer, in_dialog, respond
from jzrx.testing.virtual import Phone, brief, play
from tests.scenarios.calls import ANSWER, OFFER, TARGET, connected, outcome, settle_down

Answers = dict[str, tuple[int, str]]
"""For each user: the status of the final response, and its Contact."""


def following(answers: Answers, *, follows: bool = True) -> tuple[Phone, Peer]:
    """A phone that calls bob, whose server answers as told. It is 2 s."""
    phone, peer = connected()

    def answer(invite: Request) -> list[Response]:
        status, contact = answers[invite.uri.user or ""]
        if status == 200:
            return [respond(invite, 200, sdp=ANSWER, tag=invite.uri.user or "")]
        return [respond(invite, status, headers=(("Contact", contact),) if contact else ())]

    peer.answers["INVITE"] = answer
    play(phone, {1: Dial(call_id="1", target=TARGET, follow_redirects=follows)}, until=2)
    return phone, peer


def test_a_3xx_is_not_followed_unless_it_is_wished() -> None:
    phone, _ = following({"bob": (302, "<sip:carol@example.com>")}, follows=False)
    assert len(phone.sent("INVITE")) == 1
    (ended,) = phone.events(CallEnded)
    assert (ended.cause.code, ended.cause.reason) == (302, "Moved Temporarily: sip:carol@example.com")
    assert "302 Moved Temporarily: sip:carol@example.com" in str(outcome(phone, 2)[1])
    settle_down(phone)


def test_it_is_followed() -> None:
    """The same call: its To, From, Call-ID and offer, the next CSeq, a branch of its own."""
    phone, _ = following({"bob": (302, "<sip:carol@example.com>"), "carol": (200, "")})
    assert brief(phone.log)[-6:] == [
        (1.0, "INVITE", None),
        (1.02, "ACK", None),
        (1.02, None, "CallRedirected sip:carol@example.com 302 Moved Temporarily: sip:carol@example.com"),
        (1.02, "INVITE", None),
        (1.04, "ACK", None),
        (1.04, None, "CallAnswered"),
    ]
    first, second = phone.sent("INVITE")
    assert str(second.uri) == "sip:carol@example.com"
    assert (first.call_id, first.from_, first.to, first.body) == (second.call_id, second.from_, second.to, second.body)
    assert second.cseq.number == first.cseq.number + 1
    assert second.via.branch != first.via.branch
    play(phone, {2: HangUp(call_id="1")}, until=3)
    settle_down(phone)


def test_the_next_target_when_one_fails() -> None:
    """Best first; the cause is that of the last one."""
    phone, _ = following(
        {
            "bob": (300, "<sip:carol@example.com>;q=0.2, <sip:dave@example.com>;q=0.8"),
            "dave": (486, ""),
            "carol": (480, ""),
        }
    )
    assert [str(invite.uri) for invite in phone.sent("INVITE")] == [
        TARGET,
        "sip:dave@example.com",
        "sip:carol@example.com",
    ]
    assert [event.code for event in phone.events(CallRedirected)] == [300, 486]
    assert [event.cause.code for event in phone.events(CallEnded)] == [480]
    settle_down(phone)


def test_a_circle_ends() -> None:
    phone, _ = following({"bob": (302, "<sip:carol@example.com>"), "carol": (302, "<sip:bob@example.com>")})
    assert len(phone.sent("INVITE")) == 2
    (ended,) = phone.events(CallEnded)
    assert (ended.cause.code, ended.cause.reason) == (302, "Moved Temporarily: sip:bob@example.com")
    settle_down(phone)


def test_a_target_that_never_answers_gives_way_to_the_next() -> None:
    phone, peer = connected()
    silent = "<sip:carol@example.com>, <sip:dave@example.com>"

    def answer(invite: Request) -> list[Response]:
        match invite.uri.user:
            case "bob":
                return [respond(invite, 302, headers=(("Contact", silent),))]
            case "dave":
                return [respond(invite, 200, sdp=ANSWER)]
            case _:
                return []

    peer.answers["INVITE"] = answer
    play(phone, {1: Dial(call_id="1", target=TARGET, follow_redirects=True)}, until=40)
    assert [event.code for event in phone.events(CallRedirected)] == [302, 408]
    assert len(phone.events(CallAnswered)) == 1


@pytest.mark.parametrize("when", [1.005, 1.015, 1.021, 1.035])
def test_hung_up_while_it_is_sent_on(when: float) -> None:
    """Whenever that is: no INVITE leaves after it, and what is under way is cancelled, or answered and ended."""
    phone, peer = connected()

    def answer(invite: Request) -> list[Response]:
        if invite.uri.user == "bob":
            return [respond(invite, 302, headers=(("Contact", "<sip:carol@example.com>"),))]
        return [respond(invite, 180, tag="carol")]

    peer.answers["INVITE"] = answer
    script = {1: Dial(call_id="1", target=TARGET, follow_redirects=True), when: HangUp(call_id="1")}
    play(phone, script, until=3)
    assert len(phone.sent("INVITE")) == (1 if when < 1.02 else 2)
    assert [event.cause.code for event in phone.events(CallEnded)] == [487]
    settle_down(phone)


def test_a_lost_flow_is_no_reason_to_try_another_target() -> None:
    phone, peer = connected()
    peer.answers["INVITE"] = lambda invite: (
        [respond(invite, 302, headers=(("Contact", "<sip:carol@example.com>, <sip:dave@example.com>"),))]
        if invite.uri.user == "bob"
        else []
    )
    script = {
        1: Dial(call_id="1", target=TARGET, follow_redirects=True),
        2: lambda: peer.wire.drop("gone"),
    }
    play(phone, script, until=3)
    assert len(phone.sent("INVITE")) == 2
    assert [event.cause.code for event in phone.events(CallEnded)] == [503]
    settle_down(phone)


def test_a_call_whose_offer_was_followed_by_another_is_not_sent_on() -> None:
    """In an early dialog that a reliable 183 made, the other side has offered anew (UPDATE): ours holds no more."""
    phone, peer = connected()
    peer.answers["PRACK"] = 200
    reliable = (("Require", "100rel"), ("RSeq", "1"), ("Allow", "UPDATE"))
    script = {
        1: Dial(call_id="1", target=TARGET, follow_redirects=True),
        2: lambda: peer.reply("INVITE", 183, sdp=ANSWER, headers=reliable),
        3: lambda: peer.say(in_dialog("UPDATE", phone.sent("INVITE")[0], number=1, sdp=OFFER)),
        4: lambda: peer.reply("INVITE", 302, headers=(("Contact", "<sip:carol@example.com>"),)),
    }
    play(phone, script, until=5)
    assert len(phone.sent("PRACK")) == 1
    assert [response.cseq.method for response in phone.sent(200)] == ["UPDATE"]
    assert len(phone.sent("INVITE")) == 1
    assert [event.cause.code for event in phone.events(CallEnded)] == [302]
    settle_down(phone)
