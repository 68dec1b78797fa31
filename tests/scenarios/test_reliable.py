"""Provisional responses that are acknowledged by PRACK (RFC 3262), in both directions."""

from typing import Any

import pytest

from jzrx.commands import Answer, Connect, Dial, HangUp, SendProgress
from jzrx.events import CallAnswered, CallEnded, CallProgressed
from jzrx.sip.machine import AnswerReceived, AnswerWanted
from jzrx.sip.message import Response
from jzrx.testing.peer import Peer, in_dialog, request
from jzrx.testing.virtual import Phone, brief, link, play
from tests.scenarios.calls import (
    ANSWER,
    OFFER,
    TARGET,
    call_of,
    connected,
    dialling,
    outcome,
    settle_down,
)

REQUIRED = (("Require", "100rel"),)
BRANCH = request("INVITE").via.branch


def reliable(peer: Peer, status: int, rseq: int | str, *, sdp: str | None = None, tag: str = "peer") -> None:
    """The peer's reliable response to our INVITE."""
    peer.reply("INVITE", status, headers=(*REQUIRED, ("RSeq", str(rseq))), sdp=sdp, tag=tag)


def racks(phone: Phone) -> list[tuple[str, str]]:
    """Whom we sent PRACKs, and for what."""
    return [(prack.to.tag, prack.headers.get("RAck")) for prack in phone.sent("PRACK")]


def media_of(phone: Phone) -> list[Any]:
    return [output for _, output in phone.media if isinstance(output, AnswerReceived | AnswerWanted)]


# --- theirs --------------------------------------------------------------------------------------------------------


def test_ours_says_that_it_takes_them() -> None:
    phone, _ = dialling(100)
    (invite,) = phone.sent("INVITE")
    assert "100rel" in invite.headers.get_list("Supported")
    assert {"PRACK", "UPDATE"} <= set(invite.headers.get_list("Allow"))
    assert invite.headers.get("Require") is None


def test_each_is_acknowledged_in_its_early_dialog() -> None:
    phone, peer = dialling(100)
    log = play(phone, {2: lambda: reliable(peer, 183, 7, sdp=ANSWER), 3: lambda: reliable(peer, 180, 8)}, until=4)
    assert brief(log) == [
        (2.01, "PRACK", None),
        (2.01, None, "CallProgressed 183 Session Progress has_media"),
        (3.01, "PRACK", None),
        (3.01, None, "CallProgressed 180 Ringing"),
    ]
    first, second = phone.sent("PRACK")
    assert (str(first.uri), first.to.tag) == ("sip:peer@peer.invalid;transport=ws", "peer")
    assert (first.headers.get("RAck"), first.cseq.number) == ("7 1 INVITE", 2)
    assert (second.headers.get("RAck"), second.cseq.number) == ("8 1 INVITE", 3)
    play(phone, {4: lambda: peer.reply("INVITE", 200, sdp=ANSWER)}, until=5)
    assert outcome(phone, 2)[1] is None
    assert phone.sent("ACK")[0].cseq.number == 1


def test_a_repeated_one_is_not_looked_at_again() -> None:
    phone, peer = dialling(100)
    play(phone, {time: lambda: reliable(peer, 183, 7, sdp=ANSWER) for time in (2, 2.5, 3.5)}, until=4)
    assert racks(phone) == [("peer", "7 1 INVITE")]
    assert len(phone.events(CallProgressed)) == len(media_of(phone)) == 1


def test_one_behind_a_gap_waits_for_what_is_missing() -> None:
    """ "its RSeq value is not one higher [...]: that response MUST NOT be acknowledged" (RFC 3262 section 4)."""
    phone, peer = dialling(100)
    script = {2: 7, 2.5: 9, 3: 8, 3.5: 9}
    play(phone, {time: lambda rseq=rseq: reliable(peer, 183, rseq) for time, rseq in script.items()}, until=4)
    assert [rack for _, rack in racks(phone)] == ["7 1 INVITE", "8 1 INVITE", "9 1 INVITE"]
    assert len(phone.events(CallProgressed)) == 3


def test_each_branch_of_a_fork_counts_for_itself() -> None:
    phone, peer = dialling(100)
    script = {2: lambda: reliable(peer, 180, 7, tag="a"), 2.5: lambda: reliable(peer, 180, 3, tag="b")}
    play(phone, {**script, 3: lambda: reliable(peer, 180, 8, tag="a")}, until=4)
    assert racks(phone) == [("a", "7 1 INVITE"), ("b", "3 1 INVITE"), ("a", "8 1 INVITE")]


@pytest.mark.parametrize("rseq", ["0", "", "-1", "x", "1.5"])
def test_nonsense_in_rseq_is_no_reliable_response(rseq: str) -> None:
    phone, peer = dialling(100)
    play(phone, {2: lambda: reliable(peer, 180, rseq)}, until=3)
    assert phone.sent("PRACK") == []
    assert len(phone.events(CallProgressed)) == 1


def test_what_the_prack_meets_changes_nothing() -> None:
    phone, peer = dialling(100)
    peer.answers["PRACK"] = 481
    play(phone, {2: lambda: reliable(peer, 180, 7), 3: lambda: peer.reply("INVITE", 200, sdp=ANSWER)}, until=4)
    assert outcome(phone, 2)[1] is None
    peer.answers["PRACK"] = ()
    play(phone, {}, until=60)
    assert phone.events(CallEnded) == []


def test_the_answer_in_a_reliable_response_stands() -> None:
    """ "MUST ignore any session descriptions in subsequent responses" (RFC 3261 section 13.2.1)."""
    phone, peer = dialling(100)
    script = {2: lambda: reliable(peer, 183, 7, sdp=ANSWER), 3: lambda: reliable(peer, 183, 8, sdp="v=0 other\r\n")}
    play(phone, {**script, 4: lambda: peer.reply("INVITE", 200, sdp="v=0 third\r\n")}, until=5)
    assert [(output.answer, output.provisional) for output in media_of(phone)] == [(ANSWER, True), (ANSWER, False)]
    assert len(phone.events(CallAnswered)) == 1


def test_an_answer_without_sdp_after_a_reliable_one_with() -> None:
    phone, peer = dialling(100)
    play(phone, {2: lambda: reliable(peer, 183, 7, sdp=ANSWER), 3: lambda: peer.reply("INVITE", 200)}, until=4)
    assert [(output.answer, output.provisional) for output in media_of(phone)] == [(ANSWER, True), (ANSWER, False)]
    assert len(phone.events(CallAnswered)) == 1


def test_hung_up_before_the_first_provisional_response() -> None:
    """It is acknowledged, as its sender would repeat it else, and the INVITE cancelled."""
    phone, peer = dialling()
    log = play(phone, {2: HangUp(call_id="1"), 3: lambda: reliable(peer, 180, 7)}, until=4)
    assert [sent for _, sent, _ in brief(log) if sent] == ["PRACK", "CANCEL", "ACK"]
    settle_down(phone)


# --- ours ----------------------------------------------------------------------------------------------------------


def required(sdp: str | None = OFFER, **config: Any) -> tuple[Phone, Peer]:
    """A phone that bob calls, who requires reliable responses. It is 1.1 s."""
    phone, peer = connected(**config)
    play(phone, {1: request("INVITE", sdp=sdp, headers=REQUIRED)}, until=1.1)
    return phone, peer


def prack(response: Response, number: int = 2, rack: str | None = None, sdp: str | None = None) -> Any:
    rack = f"{response.headers.get('RSeq')} 1 INVITE" if rack is None else rack
    return in_dialog("PRACK", response, number=number, headers=(("RAck", rack),), sdp=sdp)


def test_they_are_reliable_only_where_required() -> None:
    phone, _ = connected()
    play(phone, {1: request("INVITE", sdp=OFFER, headers=(("Supported", "100rel"),))}, until=40)
    (ringing,) = phone.sent(180)
    assert ringing.headers.get("RSeq") is ringing.headers.get("Require") is None


@pytest.mark.parametrize(("chance", "rseq"), [(0.0, 1), (0.5, 2**30), (1.0, 2**31 - 1)])
def test_ours_is_repeated_until_its_prack(chance: float, rseq: int) -> None:
    phone, _ = required(chance=chance)
    play(phone, {}, until=8)
    assert [time for time, sent, _ in brief(phone.log) if sent == "180 INVITE"] == [1.0, 1.5, 2.5, 4.5]
    ringing = phone.sent(180)[-1]
    assert (ringing.headers.get("Require"), ringing.headers.get("RSeq")) == ("100rel", str(rseq))
    assert brief(play(phone, {8: prack(ringing)}, until=60)) == [(8.0, "200 PRACK", None)]


def test_ours_without_prack_is_the_end() -> None:
    phone, _ = required()
    log = play(phone, {}, until=34)
    assert [entry for entry in brief(log) if entry[1] != "180 INVITE"] == [
        (33.0, "504 INVITE", None),
        (33.0, None, "CallEnded 504 No PRACK arrived system"),
        (33.0, None, "CallReleased 504 No PRACK arrived system"),
    ]
    play(phone, {34: request("ACK", branch=BRANCH)}, until=35)
    settle_down(phone)


def test_a_prack_for_nothing_gets_481() -> None:
    phone, _ = required()
    (ringing,) = phone.sent(180)
    rseq = int(ringing.headers.get("RSeq"))
    wrong = [f"{rseq + 1} 1 INVITE", f"{rseq} 2 INVITE", f"{rseq} 1 BYE", f"{rseq} 1", "", "x y z"]
    script = {1.2 + i / 100: prack(ringing, i + 2, rack) for i, rack in enumerate(wrong)}
    play(phone, {**script, 1.3: prack(ringing, 20), 1.4: prack(ringing, 21)}, until=2)
    assert len(phone.sent(481)) == len(wrong) + 1  # the last for the one that came twice
    assert len(phone.sent(200)) == 1


def test_the_answer_needs_no_prack_of_a_response_without_sdp() -> None:
    """ "It MUST be prepared to process PRACK requests for those outstanding responses" (RFC 3262 section 3)."""
    phone, _ = required()
    log = play(phone, {1.2: Answer(call_id=call_of(phone)), 1.3: prack(phone.sent(180)[0])}, until=1.4)
    assert [sent for _, sent, _ in brief(log) if sent] == ["200 INVITE", "200 PRACK"]
    assert phone.sent(200)[0].body == b"v=0 alice answer\r\n"
    play(phone, {1.4: in_dialog("ACK", phone.sent(200)[0], number=1)}, until=40)
    assert len(phone.sent(180)) == 1
    assert phone.events(CallEnded) == []


def test_early_media_is_acknowledged_before_the_answer() -> None:
    """No 2xx before the PRACK of a response with a description, and none in the 2xx then."""
    phone, _ = required()
    call = call_of(phone)
    play(phone, {1.2: prack(phone.sent(180)[0])}, until=1.25)
    log = play(phone, {1.3: SendProgress(call_id=call, code=183, with_media=True), 1.4: Answer(call_id=call)}, until=3)
    assert [entry for entry in brief(log) if entry[1]] == [
        (1.3, "183 INVITE", None),
        (1.8, "183 INVITE", None),
        (2.8, "183 INVITE", None),
    ]
    progress = phone.sent(183)[0]
    assert progress.body == b"v=0 alice answer\r\n"
    assert int(progress.headers.get("RSeq")) == int(phone.sent(180)[0].headers.get("RSeq")) + 1
    log = play(phone, {3: prack(progress, 3), 3.1: in_dialog("ACK", progress, number=1)}, until=40)
    assert brief(log) == [(3.0, "200 PRACK", None), (3.0, "200 INVITE", None), (3.1, None, "CallAnswered")]
    assert phone.sent(200)[-1].body == b""


def test_one_at_a_time() -> None:
    """ "MUST NOT send a second reliable provisional response until the first is acknowledged" (RFC 3262 section 3)."""
    phone, _ = required()
    call = call_of(phone)
    script = {1.2: SendProgress(call_id=call, code=182), 1.3: SendProgress(call_id=call, code=183, with_media=True)}
    play(phone, {**script, 1.4: prack(phone.sent(180)[0])}, until=1.45)
    assert [len(phone.sent(status)) for status in (180, 182, 183)] == [1, 1, 0]
    log = play(phone, {1.5: prack(phone.sent(182)[0], 3)}, until=1.6)
    assert brief(log) == [(1.5, "200 PRACK", None), (1.5, "183 INVITE", None)]


def test_the_answer_goes_out_once() -> None:
    phone, _ = required()
    call = call_of(phone)
    early = SendProgress(call_id=call, code=183, with_media=True)
    play(phone, {1.2: [early, early], 1.3: prack(phone.sent(180)[0])}, until=1.35)
    play(phone, {1.4: prack(phone.sent(183)[0], 3)}, until=1.45)
    assert [bool(progress.body) for progress in phone.sent(183)] == [True, False]


def test_what_was_still_to_be_said_is_not_once_the_user_has_answered() -> None:
    phone, _ = required()
    call = call_of(phone)
    early = SendProgress(call_id=call, code=183, with_media=True)
    play(phone, {1.2: prack(phone.sent(180)[0]), 1.3: [early, SendProgress(call_id=call, code=182)]}, until=1.35)
    log = play(phone, {1.4: Answer(call_id=call), 1.5: prack(phone.sent(183)[0], 3)}, until=1.55)
    assert [sent for _, sent, _ in brief(log) if sent] == ["200 PRACK", "200 INVITE"]


def test_an_offer_in_the_prack_is_answered() -> None:
    phone, _ = required()
    call = call_of(phone)
    play(phone, {1.1: [prack(phone.sent(180)[0]), SendProgress(call_id=call, code=183, with_media=True)]}, until=1.2)
    log = play(phone, {1.3: Answer(call_id=call), 1.4: prack(phone.sent(183)[0], 3, sdp="v=0 second\r\n")}, until=1.45)
    assert [sent for _, sent, _ in brief(log) if sent] == ["200 PRACK", "200 INVITE"]
    first, second = phone.sent(200)[-2:]
    assert (first.body, second.body) == (b"v=0 alice answer\r\n", b"")
    assert [output.offer for output in media_of(phone)] == [OFFER, "v=0 second\r\n"]


def test_an_offer_in_the_prack_before_the_first_was_answered() -> None:
    phone, _ = required()
    log = play(phone, {1.2: prack(phone.sent(180)[0], sdp=OFFER)}, until=1.3)
    assert brief(log) == [(1.2, "500 PRACK", None)]


def test_the_answer_waits_for_that_to_an_offer_in_the_prack() -> None:
    phone, _ = required()
    call = call_of(phone)
    play(phone, {1.1: [prack(phone.sent(180)[0]), SendProgress(call_id=call, code=183, with_media=True)]}, until=1.2)
    phone.describe = lambda wanted: None
    log = play(phone, {1.3: prack(phone.sent(183)[0], 3, sdp=OFFER), 1.4: Answer(call_id=call)}, until=1.45)
    assert [sent for _, sent, _ in brief(log) if sent] == []
    ref = media_of(phone)[-1].ref
    log = play(phone, {1.5: lambda: phone.engine.description_made(call, ref, "v=0 late\r\n")}, until=1.6)
    assert [sent for _, sent, _ in brief(log) if sent] == ["200 PRACK", "200 INVITE"]


def test_without_an_offer_nothing_is_said_before_the_answer() -> None:
    """A reliable response would have to make the offer (RFC 3262 section 5)."""
    phone, _ = required(sdp=None)
    log = play(phone, {2: Answer(call_id=call_of(phone))}, until=2.1)
    assert phone.sent(180) == []
    assert [sent for _, sent, _ in brief(log) if sent] == ["200 INVITE"]


@pytest.mark.parametrize("end", ["decline", "cancel"])
def test_a_refusal_stops_the_repetition(end: str) -> None:
    phone, _ = required()
    step = HangUp(call_id=call_of(phone)) if end == "decline" else request("CANCEL", branch=BRANCH)
    play(phone, {1.2: step, 1.3: request("ACK", branch=BRANCH)}, until=10)
    assert len(phone.sent(180)) == 1
    settle_down(phone)


def test_two_phones_of_which_one_requires_it() -> None:
    """Our own PRACKs are what we take."""
    alice, bob = link(keepalive=1e6)
    dial = Dial(call_id="1", target=TARGET, headers=REQUIRED)
    play(alice, {0: [Connect(), lambda: bob.ask(Connect())], 1: dial}, until=1.1)
    call = call_of(bob)
    bob.ask(SendProgress(call_id=call, code=183, with_media=True))
    play(alice, {1.5: lambda: bob.ask(Answer(call_id=call))}, until=2)
    assert [sent for _, sent, _ in brief(bob.log) if sent] == [
        *("100 INVITE", "180 INVITE", "200 PRACK", "183 INVITE", "200 PRACK", "200 INVITE"),
    ]
    assert len(alice.events(CallAnswered)) == len(bob.events(CallAnswered)) == 1
