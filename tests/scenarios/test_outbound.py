"""Calls that we make: progress, answers early, late and repeated, forks, refusals, time-outs."""

import pytest

from jzrx.commands import Dial, HangUp
from jzrx.events import CallAnswered, CallEnded, CallProgressed, RemotePartyChanged
from jzrx.sip.machine import AnswerReceived, MediaReleased
from jzrx.testing.peer import in_dialog, respond
from jzrx.testing.virtual import Phone, brief, play
from tests.scenarios.calls import ANSWER, TARGET, calling, connected, dialling, outcome, settle_down


def answers(phone: Phone) -> list[tuple[str, bool]]:
    """The answers that the media was handed, and whether they were provisional."""
    return [(output.answer, output.provisional) for _, output in phone.media if isinstance(output, AnswerReceived)]


def test_a_whole_call() -> None:
    phone, peer = connected()
    script = {
        1: Dial(call_id="1", target=TARGET, headers=(("X-Tenant", "7"),)),
        1.1: lambda: peer.reply("INVITE", 100),
        1.5: lambda: peer.reply("INVITE", 180),
        3: lambda: peer.reply("INVITE", 200, sdp=ANSWER),
        9: HangUp(call_id="1"),
    }
    assert brief(play(phone, script, until=10)) == [
        (1.0, None, "CallDialed"),
        (1.0, "INVITE", None),
        (1.51, None, "CallProgressed 180 Ringing"),
        (3.01, "ACK", None),
        (3.01, None, "CallAnswered"),
        (9.0, None, "CallEnded 200 Normal call clearing local"),
        (9.0, None, "CallReleased 200 Normal call clearing local was_answered"),
        (9.0, "BYE", None),
    ]
    invite, ack, bye = phone.sent("INVITE")[0], phone.sent("ACK")[0], phone.sent("BYE")[0]
    assert invite.headers.get("X-Tenant") == "7"
    assert str(invite.uri) == TARGET
    assert str(ack.uri) == str(bye.uri) == "sip:peer@peer.invalid;transport=ws"
    assert ack.cseq.number == invite.cseq.number
    assert ack.via.branch != invite.via.branch
    assert bye.cseq.number == invite.cseq.number + 1
    assert {ack.to.tag, bye.to.tag} == {"peer"}
    assert outcome(phone, 2) == outcome(phone, 3) == (None, None)
    settle_down(phone)


def test_early_media_as_jambonz_does_it() -> None:
    """100, 183 with SDP, 200 that repeats the SDP: no 180."""
    phone, peer = connected()
    script = {
        1: Dial(call_id="1", target=TARGET),
        2: lambda: peer.reply("INVITE", 183, sdp=ANSWER),
        3: lambda: peer.reply("INVITE", 200, sdp=ANSWER, headers=(("X-Call-Sid", "sid"),)),
    }
    log = play(phone, script, until=4)
    assert (2.01, None, "CallProgressed 183 Session Progress has_media") in brief(log)
    assert answers(phone) == [(ANSWER, True), (ANSWER, False)]
    assert dict(phone.events(CallAnswered)[0].headers)["X-Call-Sid"] == "sid"
    play(phone, {4: HangUp(call_id="1")}, until=5)
    settle_down(phone)


def test_200_without_sdp_after_early_media_uses_the_early_answer() -> None:
    phone, peer = dialling()
    play(phone, {2: lambda: peer.reply("INVITE", 183, sdp=ANSWER), 3: lambda: peer.reply("INVITE", 200)}, until=4)
    assert answers(phone) == [(ANSWER, True), (ANSWER, False)]
    assert len(phone.events(CallAnswered)) == 1


def test_200_without_any_sdp_ends_the_call() -> None:
    phone, peer = dialling()
    log = play(phone, {2: lambda: peer.reply("INVITE", 200)}, until=3)
    assert brief(log) == [
        (2.01, "ACK", None),
        (2.01, None, "CallEnded 488 The answer has no session description system"),
        (2.01, None, "CallReleased 488 The answer has no session description system"),
        (2.01, "BYE", None),
    ]
    settle_down(phone)


def test_repeated_200_gets_another_ack_and_nothing_else() -> None:
    phone, peer = calling()
    first = phone.sent("ACK")[0]
    again = respond(peer.last("INVITE"), 200, sdp=ANSWER)
    log = play(phone, {3: again, 7: again}, until=8)
    assert brief(log) == [(3.0, "ACK", None), (7.0, "ACK", None)]
    assert {ack.cseq for ack in phone.sent("ACK")} == {first.cseq}
    assert answers(phone) == [(ANSWER, False)]


def test_repeated_200_after_our_bye_is_acknowledged_too() -> None:
    phone, peer = calling()
    again = respond(peer.last("INVITE"), 200, sdp=ANSWER)
    log = play(phone, {3: HangUp(call_id="1"), 5: again}, until=6)
    assert brief(log)[-1] == (5.0, "ACK", None)
    settle_down(phone)


def test_a_second_fork_is_acknowledged_and_ended() -> None:
    """It has a dialog of its own; neither its 481 to our BYE nor its own BYE touches the call."""
    phone, peer = calling()
    peer.answers["BYE"] = 481
    invite = phone.sent("INVITE")[0]
    other = respond(invite, 200, sdp="v=0 other\r\n", tag="other")
    log = play(phone, {3: other, 4: in_dialog("BYE", invite, tag="other"), 5: in_dialog("INFO", invite)}, until=6)
    assert brief(log) == [
        (3.0, "ACK", None),
        (3.0, "BYE", None),
        (4.0, "481 BYE", None),
        (5.0, "200 INFO", None),
        (5.0, None, "InfoReceived"),
    ]
    assert phone.sent("BYE")[0].to.tag == phone.sent("ACK")[-1].to.tag == "other"
    assert phone.events(CallEnded) == []


def test_forks_ring_and_one_answers() -> None:
    phone, peer = dialling()
    script = {
        2: lambda: peer.reply("INVITE", 180, tag="one"),
        3: lambda: peer.reply("INVITE", 180, tag="two"),
        4: lambda: peer.reply("INVITE", 200, sdp=ANSWER, tag="one"),
    }
    play(phone, script, until=5)
    assert phone.sent("ACK")[0].to.tag == "one"
    assert len(phone.events(CallProgressed)) == 2


ONE, TWO = "v=0 one\r\n", "v=0 two\r\n"


def test_media_follows_the_latest_early_dialog() -> None:
    """And what a branch says again is not new: the media does not go back to it."""
    phone, peer = dialling()
    script = {
        2: lambda: peer.reply("INVITE", 183, sdp=ONE, tag="one"),
        3: lambda: peer.reply("INVITE", 183, sdp=TWO, tag="two"),
        4: lambda: peer.reply("INVITE", 183, sdp=ONE, tag="one"),
        5: lambda: peer.reply("INVITE", 180, tag="one"),
        6: lambda: peer.reply("INVITE", 183, sdp=TWO, tag="two"),
    }
    play(phone, script, until=7)
    assert answers(phone) == [(ONE, True), (TWO, True)]


@pytest.mark.parametrize(
    ("sdp", "then"),
    [(ONE, ONE), (None, ONE), ("v=0 third\r\n", "v=0 third\r\n")],
    ids=["its own again", "none: its own counts", "another one"],
)
def test_the_200_of_another_branch_takes_the_media_there(sdp: str | None, then: str) -> None:
    phone, peer = dialling()
    script = {
        2: lambda: peer.reply("INVITE", 183, sdp=ONE, tag="one"),
        3: lambda: peer.reply("INVITE", 183, sdp=TWO, tag="two"),
        4: lambda: peer.reply("INVITE", 200, sdp=sdp, tag="one"),
    }
    play(phone, script, until=5)
    assert answers(phone) == [(ONE, True), (TWO, True), (then, False)]
    assert phone.sent("ACK")[0].to.tag == "one"
    play(phone, {5: HangUp(call_id="1")}, until=6)
    settle_down(phone)


def test_the_200_may_bring_another_description_than_its_183() -> None:
    phone, peer = dialling()
    script = {2: lambda: peer.reply("INVITE", 183, sdp=ONE), 3: lambda: peer.reply("INVITE", 200, sdp=TWO)}
    play(phone, script, until=4)
    assert answers(phone) == [(ONE, True), (TWO, False)]
    assert len(phone.events(CallAnswered)) == 1


def test_an_early_dialog_that_ends_gives_the_media_back() -> None:
    """199 (RFC 6228) is no progress of the call."""
    phone, peer = dialling()
    script = {
        2: lambda: peer.reply("INVITE", 183, sdp=ONE, tag="one"),
        3: lambda: peer.reply("INVITE", 183, sdp=TWO, tag="two"),
        4: lambda: peer.reply("INVITE", 199, tag="two"),
        5: lambda: peer.reply("INVITE", 199, tag="one"),
    }
    play(phone, script, until=6)
    assert answers(phone) == [(ONE, True), (TWO, True), (ONE, True)]
    assert [event.code for event in phone.events(CallProgressed)] == [183, 183]


def test_an_early_path_that_failed_says_nothing_of_the_next_branch() -> None:
    phone, peer = dialling()
    script = {
        2: lambda: peer.reply("INVITE", 183, sdp=ONE, tag="one"),
        3: lambda: phone.engine.media_failed("1", "ICE: no pair answered"),
        4: lambda: peer.reply("INVITE", 183, sdp=TWO, tag="two"),
        5: lambda: peer.reply("INVITE", 200, sdp=TWO, tag="two"),
    }
    play(phone, script, until=6)
    assert len(phone.events(CallAnswered)) == 1
    assert phone.events(CallEnded) == []


def test_an_early_answer_that_fails_late_does_not_harm_the_one_in_its_place() -> None:
    phone, peer = dialling()
    script = {
        2: lambda: peer.reply("INVITE", 183, sdp=ONE, tag="one"),
        3: lambda: peer.reply("INVITE", 183, sdp=TWO, tag="two"),
        4: lambda: phone.engine.description_failed("1", 2, 488, "no codec in common"),
        5: lambda: peer.reply("INVITE", 200, sdp=TWO, tag="two"),
    }
    play(phone, script, until=6)
    assert next(output.ref for _, output in phone.media if isinstance(output, AnswerReceived)) == 2
    assert len(phone.events(CallAnswered)) == 1


def test_every_branch_that_answers_later_is_ended() -> None:
    phone, peer = dialling()
    script = {
        2: lambda: peer.reply("INVITE", 183, sdp=ONE, tag="one"),
        3: lambda: peer.reply("INVITE", 200, sdp=TWO, tag="two"),
        4: lambda: peer.reply("INVITE", 200, sdp=ONE, tag="one"),
        5: lambda: peer.reply("INVITE", 200, sdp=ONE, tag="three"),
        6: lambda: peer.reply("INVITE", 200, sdp=TWO, tag="two"),
    }
    play(phone, script, until=7)
    assert [ack.to.tag for ack in phone.sent("ACK")] == ["two", "one", "three", "two"]
    assert [bye.to.tag for bye in phone.sent("BYE")] == ["one", "three"]
    assert answers(phone) == [(ONE, True), (TWO, False)]
    play(phone, {7: HangUp(call_id="1")}, until=8)
    settle_down(phone)


def test_late_provisional_changes_nothing() -> None:
    phone, peer = calling()
    assert play(phone, {3: lambda: peer.reply("INVITE", 180)}, until=4) == []


@pytest.mark.parametrize(
    ("status", "phrase"),
    [(302, "Moved Temporarily"), (404, "Not Found"), (480, "Temporarily Unavailable"), (486, "Busy Here"),
     (488, "Not Acceptable Here"), (500, "Server Internal Error"), (503, "Service Unavailable"), (603, "Decline")],
)  # fmt: skip
def test_refused(status: int, phrase: str) -> None:
    phone, peer = dialling(100)
    log = play(phone, {2: lambda: peer.reply("INVITE", status)}, until=3)
    assert brief(log) == [
        (2.01, "ACK", None),
        (2.01, None, f"CallEnded {status} {phrase} remote"),
        (2.01, None, f"CallReleased {status} {phrase} remote"),
    ]
    ack, invite = phone.sent("ACK")[0], phone.sent("INVITE")[0]
    assert (ack.via, ack.uri, ack.to.tag) == (invite.via, invite.uri, "peer")
    assert str(outcome(phone, 2)[1]).startswith(f"the call with {TARGET} failed: {status} {phrase}")
    settle_down(phone)


def test_timer_b() -> None:
    """Nobody answers the INVITE at all: 64*T1."""
    phone, _ = dialling()
    assert brief(play(phone, {}, until=60)) == [
        (33.0, None, "CallEnded 408 No Answer system"),
        (33.0, None, "CallReleased 408 No Answer system"),
    ]
    assert outcome(phone, 2) == (None, f"the call with {TARGET} failed: 408 No Answer")
    settle_down(phone)


def test_timer_b_stops_at_a_provisional_response() -> None:
    """A phone may ring for an hour."""
    phone, peer = dialling(100)
    log = play(phone, {3600: lambda: peer.reply("INVITE", 200, sdp=ANSWER)}, until=3601)
    assert brief(log) == [(3600.01, "ACK", None), (3600.01, None, "CallAnswered")]


def test_timer_m() -> None:
    """Repeated 2xx are acknowledged for 64*T1 after the first, though the call is long over."""
    phone, peer = calling()
    again = respond(peer.last("INVITE"), 200, sdp=ANSWER)
    play(phone, {3: HangUp(call_id="1")}, until=4)
    assert brief(play(phone, {34.0: again, 34.1: again}, until=35)) == [(34.0, "ACK", None)]
    assert phone.engine.is_idle


def test_no_answer_timeout() -> None:
    phone, peer = connected()
    peer.answers["INVITE"] = (100, 180)
    log = play(phone, {1: Dial(call_id="1", target=TARGET, no_answer_timeout=20)}, until=30)
    assert brief(log)[3:] == [
        (21.0, None, "CallEnded 408 No Answer system"),
        (21.0, None, "CallReleased 408 No Answer system"),
        (21.0, "CANCEL", None),
        (21.02, "ACK", None),
    ]
    assert outcome(phone, 2) == (None, f"the call with {TARGET} failed: 408 No Answer")
    settle_down(phone)


def test_no_answer_timeout_does_not_end_an_answered_call() -> None:
    phone, peer = connected()
    script = {
        1: Dial(call_id="1", target=TARGET, no_answer_timeout=5),
        2: lambda: peer.reply("INVITE", 200, sdp=ANSWER),
    }
    play(phone, script, until=60)
    assert phone.events(CallEnded) == []


def test_the_other_side_names_itself() -> None:
    phone, peer = dialling()
    asserted = (("P-Asserted-Identity", '"Bob B." <sip:4711@example.com;user=phone>'),)
    play(phone, {2: lambda: peer.reply("INVITE", 200, sdp=ANSWER, headers=asserted)}, until=3)
    (named,) = phone.events(RemotePartyChanged)
    assert (named.remote_uri, named.remote_display_name) == ("sip:4711@example.com", "Bob B.")


def test_garbage_where_the_other_side_names_itself() -> None:
    phone, peer = dialling()
    asserted = (("P-Asserted-Identity", "<<>"),)
    play(phone, {2: lambda: peer.reply("INVITE", 200, sdp=ANSWER, headers=asserted)}, until=3)
    assert len(phone.events(CallAnswered)) == 1


def test_the_route_of_the_dialog() -> None:
    """The Record-Route of the 2xx, reversed; the target is its Contact."""
    phone, peer = dialling()
    routes = (("Record-Route", "<sip:a.example.com;lr>"), ("Record-Route", "<sip:b.example.com;lr>"))
    play(phone, {2: lambda: peer.reply("INVITE", 200, sdp=ANSWER, headers=routes), 3: HangUp(call_id="1")}, until=4)
    for message in (phone.sent("ACK")[0], phone.sent("BYE")[0]):
        assert message.headers.get_all("Route") == ("<sip:b.example.com;lr>", "<sip:a.example.com;lr>")
        assert str(message.uri) == "sip:peer@peer.invalid;transport=ws"
    settle_down(phone)


# --- the media fails -----------------------------------------------------------------------------------------------


def test_no_offer_can_be_made() -> None:
    phone, _ = connected()
    phone.describe = lambda wanted: (500, "no microphone")
    log = play(phone, {1: Dial(call_id="1", target=TARGET)}, until=2)
    assert brief(log) == [
        (1.0, None, "CallDialed"),
        (1.0, None, "CallEnded 500 no microphone system"),
        (1.0, None, "CallReleased 500 no microphone system"),
    ]
    settle_down(phone)


def test_answer_that_cannot_be_applied() -> None:
    phone, _ = calling()
    ref = next(output.ref for _, output in phone.media if isinstance(output, AnswerReceived))
    fail = lambda: phone.engine.description_failed("1", ref, 488, "no codec in common")  # noqa: E731
    log = play(phone, {3: fail}, until=4)
    assert brief(log) == [
        (3.0, None, "CallEnded 488 no codec in common system"),
        (3.0, None, "CallReleased 488 no codec in common system was_answered"),
        (3.0, "BYE", None),
    ]
    settle_down(phone)


def test_no_media_path() -> None:
    phone, _ = calling()
    log = play(phone, {12: lambda: phone.engine.media_failed("1", "ICE: no pair answered")}, until=13)
    assert brief(log) == [
        (12.0, None, "CallEnded 408 No media path system"),
        (12.0, None, "CallReleased 408 No media path system was_answered"),
        (12.0, "BYE", None),
    ]
    assert [type(output) for _, output in phone.media][-1] is MediaReleased
    settle_down(phone)


@pytest.mark.parametrize(("sdp", "up"), [(ANSWER, False), ("v=0 another answer\r\n", True)])
def test_early_media_that_failed_may_be_healed_by_another_answer(sdp: str, up: bool) -> None:
    phone, peer = dialling()
    script = {
        2: lambda: peer.reply("INVITE", 183, sdp=ANSWER),
        3: lambda: phone.engine.media_failed("1", "ICE: no pair answered"),
        4: lambda: peer.reply("INVITE", 200, sdp=sdp),
    }
    play(phone, script, until=5)
    assert bool(phone.events(CallAnswered)) is up
    assert bool(phone.sent("BYE")) is not up
