"""An INVITE with Replaces arrives (RFC 3891): a new call takes the place of one that there is, or why not."""

import pytest

from jzrx.commands import Answer, Dial, HangUp
from jzrx.events import CallAnswered, CallReceived, CallReleased, HoldChanged
from jzrx.sip.message import Request
from jzrx.testing.peer import Peer, respond
from jzrx.testing.virtual import Phone, brief, play
from tests.scenarios.calls import (
    OFFER,
    answering,
    call_of,
    called,
    calling,
    dialling,
    in_dialog,
    request,
    ringing,
    settle_down,
)

CAROL = '"Carol" <sip:carol@example.com>;tag=carols'


def replacing(replaces: str, *more: tuple[str, str], number: int = 1) -> Request:
    """Carol's INVITE."""
    headers = (("Replaces", replaces), ("Require", "replaces"), ("Referred-By", "<sip:bob@example.com>"), *more)
    return request("INVITE", from_=CAROL, call_id=f"carols-call{number}", headers=headers, sdp=OFFER)


def dialog_of(phone: Phone, direction: str = "outbound", suffix: str = "") -> str:
    """The Replaces that names the phone's call."""
    if direction == "outbound":
        invite = phone.sent("INVITE")[0]
        return f"{invite.call_id};to-tag={invite.from_.tag};from-tag=peer{suffix}"
    reply = next(m for status in (200, 180) for m in phone.sent(status) if m.cseq.method == "INVITE")
    return f"{reply.call_id};to-tag={reply.to.tag};from-tag=peer{suffix}"


def acknowledge(phone: Phone) -> Request:
    """Carol's ACK."""
    return in_dialog("ACK", phone.sent(200)[-1], number=1)


def facts(phone: Phone, since: float) -> list[str]:
    return [f"{time:g} {event}" for time, _, event in brief(phone.log) if event and time >= since]


def refused(phone: Phone, invite: Request, status: int) -> None:
    """The INVITE gets this status, and nobody hears of it."""
    received = len(phone.events(CallReceived))
    begin = phone.now
    play(phone, {begin: invite}, until=begin + 0.4)
    (reply,) = [m for m in phone.sent(status) if m.call_id == invite.call_id]
    assert reply.cseq.method == "INVITE"
    assert len(phone.events(CallReceived)) == received
    ack = request(
        "ACK", to=str(reply.to), from_=CAROL, call_id=invite.call_id, branch=invite.vias[0].params.get("branch")
    )
    play(phone, {begin + 0.4: ack}, until=begin + 0.5)


@pytest.mark.parametrize("direction", ["outbound", "inbound"])
def test_the_new_call_takes_the_place_and_the_old_one_ends(direction: str) -> None:
    phone, _ = calling() if direction == "outbound" else called()
    old = "1" if direction == "outbound" else call_of(phone)
    play(phone, {3: replacing(dialog_of(phone, direction))}, until=3.1)
    event = phone.events(CallReceived)[-1]
    assert (event.in_place_of, event.remote_display_name) == (old, "Carol")
    assert not [m for m in phone.sent(180) if m.call_id == "carols-call1"], "it does not ring"
    play(phone, {3.1: Answer(call_id=event.call_id)}, until=3.4)
    assert "replaces" in phone.sent(200)[-1].headers.get("Supported")
    assert not phone.sent("BYE"), "a new call that fails costs nothing"
    play(phone, {3.5: acknowledge(phone)}, until=4)
    assert facts(phone, 3.5)[:2] == ["3.5 CallAnswered", "3.5 CallEnded 200 Normal call clearing local"]
    assert [e.call_id for e in phone.events(CallReleased)] == [old]
    assert [bye.to.tag for bye in phone.sent("BYE")] == ["peer"]
    play(phone, {5: HangUp(call_id=event.call_id)}, until=6)
    settle_down(phone)


def test_a_call_that_we_have_answered_and_that_is_not_acknowledged_yet() -> None:
    """It is confirmed for us; its BYE waits for the ACK (RFC 3261 section 15)."""
    phone, _ = answering()
    old = call_of(phone)
    play(phone, {2.5: replacing(dialog_of(phone, "inbound"))}, until=2.6)
    new = phone.events(CallReceived)[-1]
    assert new.in_place_of == old
    first = phone.sent(200)[-1]
    play(phone, {2.6: Answer(call_id=new.call_id)}, until=2.7)
    carols = [m for m in phone.sent(200) if m.call_id == "carols-call1"][-1]
    play(phone, {2.8: in_dialog("ACK", carols, number=1)}, until=2.9)
    assert not phone.sent("BYE")
    play(phone, {3: in_dialog("ACK", first, number=1)}, until=4)
    assert len(phone.sent("BYE")) == 1


def test_an_early_call_that_we_made_is_cancelled() -> None:
    """ "If [it] matches an early dialog that was initiated by the UA, it accepts [...] and shuts down the replaced
    dialog by sending a CANCEL." """
    phone, _ = dialling(100, 180)
    play(phone, {2: replacing(dialog_of(phone, suffix=";early-only"))}, until=2.1)
    new = phone.events(CallReceived)[-1]
    assert new.in_place_of == "1"
    play(phone, {2.1: Answer(call_id=new.call_id)}, until=2.2)
    play(phone, {2.3: acknowledge(phone)}, until=3)
    assert len(phone.sent("CANCEL")) == 1
    assert [e.call_id for e in phone.events(CallReleased)] == ["1"]
    play(phone, {4: HangUp(call_id=new.call_id)}, until=5)
    settle_down(phone)


def test_the_replaced_call_is_answered_before_it_is_cancelled() -> None:
    """Then it is ended by BYE."""
    phone, peer = dialling(100, 180)
    play(phone, {2: replacing(dialog_of(phone))}, until=2.1)
    new = phone.events(CallReceived)[-1]
    play(phone, {2.1: Answer(call_id=new.call_id), 2.15: respond(peer.last("INVITE"), 200, sdp="x")}, until=2.2)
    carols = [m for m in phone.sent(200) if m.call_id == "carols-call1"][-1]
    play(phone, {2.3: in_dialog("ACK", carols, number=1)}, until=3)
    assert (len(phone.sent("BYE")), len(phone.sent("CANCEL"))) == (1, 0)


@pytest.mark.parametrize(
    "replaces",
    [
        "unknown;to-tag=1;from-tag=2",
        "{call};to-tag={ours};from-tag=another",
        "{call};to-tag=another;from-tag=peer",
        "{call};to-tag=peer;from-tag={ours}",  # the tags as the asker sees them: the bug of JsSIP issue 817
        "{call};to-tag={ours};from-tag=0",
    ],
)
def test_481_for_a_dialog_that_is_not_there(replaces: str) -> None:
    phone, _ = calling()
    invite = phone.sent("INVITE")[0]
    refused(phone, replacing(replaces.format(call=invite.call_id, ours=invite.from_.tag)), 481)
    play(phone, {4: HangUp(call_id="1")}, until=5)
    settle_down(phone)


def test_481_for_a_call_that_rings_here() -> None:
    """ "If [it] matches an early dialog that was not initiated by this UA, it returns a 481." """
    phone, _ = ringing()
    refused(phone, replacing(dialog_of(phone, "inbound")), 481)


def test_481_for_an_invite_that_nobody_has_answered_at_all() -> None:
    phone, _ = dialling()
    refused(phone, replacing(dialog_of(phone)), 481)


def test_603_for_a_call_that_is_over() -> None:
    phone, peer = calling()
    peer.answers["BYE"] = ()
    play(phone, {3: HangUp(call_id="1")}, until=3.1)
    refused(phone, replacing(dialog_of(phone)), 603)


@pytest.mark.parametrize("direction", ["outbound", "inbound"])
def test_486_for_early_only_on_an_answered_call(direction: str) -> None:
    phone, _ = calling() if direction == "outbound" else called()
    refused(phone, replacing(dialog_of(phone, direction, ";early-only")), 486)


@pytest.mark.parametrize(
    "more", [("Replaces", "x;to-tag=1;from-tag=2"), ("Join", "x;to-tag=1;from-tag=2")], ids=["two", "Join"]
)
def test_400_for_what_contradicts_itself(more: tuple[str, str]) -> None:
    phone, _ = calling()
    refused(phone, replacing(dialog_of(phone), more), 400)


@pytest.mark.parametrize("replaces", ["", "x", "x;to-tag=1", "x;to-tag=1;from-tag=2;from-tag=3"])
def test_400_for_what_is_malformed(replaces: str) -> None:
    phone, _ = calling()
    refused(phone, replacing(replaces), 400)


@pytest.mark.parametrize("method", ["OPTIONS", "MESSAGE", "INFO"])
def test_400_in_another_request_than_invite(method: str) -> None:
    phone, _ = calling()
    headers = (("Replaces", dialog_of(phone)),)
    play(phone, {3: in_dialog(method, phone.sent("INVITE")[0], headers=headers)}, until=4)
    assert [m.cseq.method for m in phone.sent(400)] == [method]


def test_a_new_call_that_is_refused_leaves_the_old_one() -> None:
    """By the policy of the user, or as it has no codec for us."""
    phone, _ = calling()
    play(phone, {3: replacing(dialog_of(phone))}, until=3.1)
    play(phone, {3.1: HangUp(call_id=call_of(phone), code=603)}, until=4)
    phone.describe = lambda _: (488, "no codec in common")
    play(phone, {5: replacing(dialog_of(phone), number=2)}, until=5.1)
    play(phone, {5.1: Answer(call_id=call_of(phone))}, until=6)
    assert [m.call_id for m in (*phone.sent(603), *phone.sent(488))] == ["carols-call1", "carols-call2"]
    assert not phone.sent("BYE")
    assert [(e.back_to, e.was_answered) for e in phone.events(CallReleased)] == [("1", False)] * 2


def test_a_new_call_that_is_never_acknowledged_leaves_the_old_one() -> None:
    phone, _ = calling()
    play(phone, {3: replacing(dialog_of(phone))}, until=3.1)
    play(phone, {3.1: Answer(call_id=call_of(phone))}, until=60)
    assert [e.back_to for e in phone.events(CallReleased)] == ["1"]
    assert [bye.to.tag for bye in phone.sent("BYE")] == ["carols"]


def test_the_old_call_ends_before_the_new_one_is_up() -> None:
    """The party between them hangs up as soon as it may."""
    phone, _ = calling()
    play(phone, {3: replacing(dialog_of(phone))}, until=3.1)
    new = call_of(phone)
    bye = in_dialog("BYE", phone.sent("INVITE")[0])
    play(phone, {3.1: Answer(call_id=new), 3.2: bye}, until=3.3)
    carols = [m for m in phone.sent(200) if m.call_id == "carols-call1"][-1]
    play(phone, {3.4: in_dialog("ACK", carols, number=1)}, until=4)
    assert [e.call_id for e in phone.events(CallAnswered)] == ["1", new]
    assert not phone.sent("BYE")
    play(phone, {5: HangUp(call_id=new)}, until=6)
    settle_down(phone)


def test_the_new_call_is_cancelled() -> None:
    phone, _ = calling()
    invite = replacing(dialog_of(phone))
    cancel = request("CANCEL", from_=CAROL, call_id=invite.call_id)
    play(phone, {3: invite, 3.1: cancel}, until=4)
    assert [e.back_to for e in phone.events(CallReleased)] == ["1"]
    assert not phone.sent("BYE")


def test_two_at_once_the_second_replaces_what_is_there_still() -> None:
    """Both are for the old call; whoever is answered first has it, the other is a call too many."""
    phone, _ = calling()
    play(phone, {3: [replacing(dialog_of(phone)), replacing(dialog_of(phone), number=2)]}, until=3.1)
    first, second = (e.call_id for e in phone.events(CallReceived))
    play(phone, {3.1: [Answer(call_id=first), Answer(call_id=second)]}, until=3.2)
    replies = [m for m in phone.sent(200) if m.cseq.method == "INVITE"]
    play(phone, {3.3: [in_dialog("ACK", reply, number=1) for reply in replies]}, until=4)
    assert [bye.to.tag for bye in phone.sent("BYE")] == ["peer"]
    play(phone, {5: [HangUp(call_id=first), HangUp(call_id=second)]}, until=6)
    settle_down(phone)


def test_the_new_call_of_one_on_hold_begins_on_hold() -> None:
    phone, _ = calling()
    play(phone, {3: replacing(dialog_of(phone))}, until=3.1)
    play(phone, {3.1: Answer(call_id=call_of(phone), held=True)}, until=3.2)
    assert b"held" in phone.sent(200)[-1].body
    play(phone, {3.3: acknowledge(phone)}, until=4)
    assert [e.held for e in phone.events(HoldChanged)] == [True]


def test_we_say_that_we_can() -> None:
    phone, peer = calling()
    assert "replaces" in phone.sent("INVITE")[0].headers.get_list("Supported")
    assert "REFER" in phone.sent("INVITE")[0].headers.get_list("Allow")
    play(phone, {3: request("OPTIONS", call_id="x")}, until=4)
    assert "replaces" in phone.sent(200)[-1].headers.get_list("Supported")
    assert isinstance(peer, Peer)


def test_the_new_call_of_a_new_call() -> None:
    """Carol's is replaced in turn."""
    phone, _ = calling()
    play(phone, {3: replacing(dialog_of(phone))}, until=3.1)
    play(phone, {3.1: Answer(call_id=call_of(phone))}, until=3.2)
    reply = phone.sent(200)[-1]
    play(phone, {3.3: acknowledge(phone)}, until=4)
    named = f"{reply.call_id};to-tag={reply.to.tag};from-tag=carols"
    play(phone, {5: replacing(named, number=2)}, until=5.1)
    assert phone.events(CallReceived)[-1].in_place_of == phone.events(CallReceived)[-2].call_id


def test_an_ordinary_dial_names_no_call() -> None:
    phone, _ = calling()
    play(phone, {3: Dial(call_id="2", target="sip:carol@example.com", in_place_of="nobody")}, until=4)
    assert [e.call_id for e in phone.events(CallReleased)] == ["2"]
    assert len(phone.sent("INVITE")) == 1
