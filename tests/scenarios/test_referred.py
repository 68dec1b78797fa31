"""Transfer by the other side: REFER arrives, the new call is made, and NOTIFYs tell how it fares."""

from typing import Any

import pytest

from jzrx.commands import Dial, HangUp, Hold, RefuseTransfer
from jzrx.events import CallReleased, TransferRequested
from jzrx.sip.message import Request
from jzrx.testing.peer import Peer, respond
from jzrx.testing.virtual import Phone, brief, play
from tests.scenarios.calls import ANSWER, OFFER, call_of, called, calling, in_dialog, request, ringing, settle_down

CAROL = "<sip:carol@example.com>"
BOB = "<sip:bob@example.com>"
FOLLOW = Dial(call_id="2", target="sip:carol@example.com", in_place_of="1", headers=(("Referred-By", BOB),))


def refer(phone: Phone, *targets: str, number: int = 2, **headers: str) -> Request:
    """A REFER of the peer in the phone's call."""
    pairs = [*(("Refer-To", target) for target in targets or (CAROL,)), ("Referred-By", BOB)]
    pairs += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return in_dialog("REFER", phone.sent("INVITE")[0], number=number, headers=tuple(pairs))


def following(*statuses: int) -> tuple[Phone, Peer]:
    """A phone that was asked at 3 s to call carol, and does; these are carol's answers. It is 3.1 s."""
    phone, peer = calling()
    peer.answers["NOTIFY"] = 200
    peer.answers["INVITE"] = lambda invite: [respond(invite, status, tag="carols") for status in statuses]
    play(phone, {3: [refer(phone), FOLLOW]}, until=3.1)
    return phone, peer


def reports(phone: Phone) -> list[tuple[str, str]]:
    """What our NOTIFYs told, with the state of the subscription."""
    return [(n.body.decode().strip(), n.headers.get("Subscription-State")) for n in phone.sent("NOTIFY")]


def ends(phone: Phone) -> list[str]:
    return [f"{time:g} {event}" for time, _, event in brief(phone.log) if event and event.startswith("CallEnded")]


ACTIVE, OVER = "active;expires=180", "terminated;reason=noresource"


def test_the_event() -> None:
    """What a user decides on: whom to call, who asks, and what to replace there."""
    phone, _ = calling()
    target = "<sip:carol@example.com;method=INVITE;x=y?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2&X-Evil=1>"
    play(phone, {3: refer(phone, target, X_Why="lunch")}, until=3.1)
    (event,) = phone.events(TransferRequested)
    assert (event.call_id, event.target) == ("1", "sip:carol@example.com;x=y")
    assert (event.referred_by, event.replaces) == (BOB, "c;to-tag=1;from-tag=2")
    assert ("X-Why", "lunch") in event.headers


def test_a_transfer_that_succeeds() -> None:
    phone, peer = following(100, 180)
    play(phone, {4: lambda: peer.reply("INVITE", 200, sdp=ANSWER, tag="carols")}, until=4.5)
    (accepted,) = phone.sent(202)
    assert accepted.cseq.method == "REFER"
    assert accepted.contacts
    assert phone.sent("INVITE")[1].headers.get("Referred-By") == BOB
    assert reports(phone) == [("SIP/2.0 100 Trying", ACTIVE), ("SIP/2.0 180 Ringing", ACTIVE), ("SIP/2.0 200 OK", OVER)]
    # The number of the REFER; and no parameter of the type, which jambonz compares as a whole.
    assert {n.headers.get("Event") for n in phone.sent("NOTIFY")} == {"refer;id=2"}
    assert {n.headers.get("Content-Type") for n in phone.sent("NOTIFY")} == {"message/sipfrag"}
    assert ends(phone) == []
    play(phone, {5: in_dialog("BYE", phone.sent("INVITE")[0], number=3)}, until=20)
    assert ends(phone) == ["5 CallEnded 200 Normal call clearing remote"]
    assert not phone.sent("BYE")
    play(phone, {20: HangUp(call_id="2")}, until=21)
    settle_down(phone)


def test_we_hang_up_when_the_referrer_does_not() -> None:
    phone, peer = following(100)
    play(phone, {4: lambda: peer.reply("INVITE", 200, sdp=ANSWER, tag="carols")}, until=20)
    assert ends(phone) == ["6.01 CallEnded 200 Normal call clearing local"]
    assert phone.sent("BYE")[0].to.tag == "peer"


@pytest.mark.parametrize("status", [404, 486, 603])
def test_a_transfer_that_fails_leaves_the_call(status: int) -> None:
    phone, _ = following(180, status)
    assert [body.split()[1] for body, _ in reports(phone)] == ["100", "180", str(status)]
    assert reports(phone)[-1][1] == OVER
    (released,) = phone.events(CallReleased)
    assert (released.call_id, released.back_to) == ("2", "1")
    play(phone, {}, until=300)
    assert [e.call_id for e in phone.events(CallReleased)] == ["2"]
    play(phone, {300: HangUp(call_id="1")}, until=301)
    settle_down(phone)


def test_the_user_gives_the_new_call_up() -> None:
    phone, _ = following(180)
    play(phone, {4: HangUp(call_id="2")}, until=5)
    assert reports(phone)[-1] == ("SIP/2.0 487 Request Terminated", OVER)


def test_the_same_progress_is_told_once() -> None:
    phone, peer = following(180, 180, 183)
    peer.reply("INVITE", 180, tag="carols")
    play(phone, {}, until=4)
    assert [body.split()[1] for body, _ in reports(phone)] == ["100", "180", "183", "180"]


def test_the_referrer_hangs_up_at_once() -> None:
    """Some phones send BYE right after the 202. The new call goes on, and nobody is told any more."""
    phone, peer = following(180)
    play(phone, {3.5: in_dialog("BYE", phone.sent("INVITE")[0], number=3)}, until=3.6)
    play(phone, {4: lambda: peer.reply("INVITE", 200, sdp=ANSWER, tag="carols")}, until=5)
    assert [e.call_id for e in phone.events(CallReleased)] == ["1"]
    assert reports(phone)[-1][0] == "SIP/2.0 180 Ringing"
    play(phone, {5: HangUp(call_id="2")}, until=6)
    settle_down(phone)


def test_a_refusal() -> None:
    phone, _ = calling()
    play(phone, {3: [refer(phone), RefuseTransfer(call_id="1")]}, until=4)
    assert [reply.cseq.method for reply in phone.sent(603)] == ["REFER"]
    assert not phone.sent("NOTIFY")
    assert ends(phone) == []
    # Nothing of it is left: the next one is decided anew.
    play(phone, {5: [refer(phone, number=3), FOLLOW]}, until=6)
    assert len(phone.sent(202)) == 1


def test_a_slow_decision_is_accepted_as_pending() -> None:
    """A person may take longer than a transaction lasts."""
    phone, peer = calling()
    peer.answers["NOTIFY"] = 200
    play(phone, {3: refer(phone)}, until=20)
    assert len(phone.sent(202)) == 1
    assert reports(phone) == [("SIP/2.0 100 Trying", "pending;expires=180")]
    play(phone, {20: RefuseTransfer(call_id="1")}, until=21)
    assert reports(phone)[1:] == [("SIP/2.0 603 Decline", OVER)]


def test_a_slow_decision_for_it() -> None:
    phone, peer = calling()
    peer.answers["NOTIFY"] = 200
    play(phone, {3: refer(phone)}, until=20)
    peer.answers["INVITE"] = 180
    play(phone, {20: FOLLOW}, until=21)
    assert reports(phone)[1:] == [("SIP/2.0 100 Trying", ACTIVE), ("SIP/2.0 180 Ringing", ACTIVE)]
    assert len(phone.sent(202)) == 1


def test_no_decision_at_all() -> None:
    phone, _ = calling()
    play(phone, {3: refer(phone)}, until=200)
    assert reports(phone)[-1] == ("SIP/2.0 603 Decline", OVER)
    play(phone, {200: FOLLOW}, until=201)
    assert ends(phone) == ["200 CallEnded 487 Request Terminated local"]
    assert len(phone.sent("INVITE")) == 1
    play(phone, {202: HangUp(call_id="1")}, until=203)
    settle_down(phone)


def test_without_a_subscription() -> None:
    """RFC 4488: the 202 says so, and no NOTIFY follows. We end the old call, as nobody is told that it could."""
    phone, peer = calling()
    peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=ANSWER, tag="carols")]
    play(phone, {3: [refer(phone, Refer_Sub="false", Require="norefersub"), FOLLOW]}, until=10)
    assert phone.sent(202)[0].headers.get("Refer-Sub") == "false"
    assert not phone.sent("NOTIFY")
    assert len(phone.sent("BYE")) == 1


@pytest.mark.parametrize(
    ("targets", "status"),
    [
        ((CAROL, "<sip:dave@example.com>"), 400),
        (("what is this",), 400),
        (("<mailto:carol@example.com>",), 416),
        (("<https://example.com/carol>",), 416),
        (("<sip:carol@example.com;method=BYE>",), 603),
    ],
)
def test_what_cannot_be_referred_to(targets: tuple[str, ...], status: int) -> None:
    phone, _ = calling()
    play(phone, {3: refer(phone, *targets)}, until=4)
    assert [reply.cseq.method for reply in phone.sent(status)] == ["REFER"]
    assert not phone.events(TransferRequested)
    play(phone, {5: HangUp(call_id="1")}, until=6)
    settle_down(phone)


def test_no_refer_to_at_all() -> None:
    phone, _ = calling()
    play(phone, {3: in_dialog("REFER", phone.sent("INVITE")[0])}, until=4)
    assert [reply.cseq.method for reply in phone.sent(400)] == ["REFER"]


def test_two_refers_at_once() -> None:
    phone, _ = following(180)
    play(phone, {3.5: refer(phone, "<sip:dave@example.com>", number=3)}, until=4)
    assert [reply.cseq.method for reply in phone.sent(491)] == ["REFER"]
    assert len(phone.sent("INVITE")) == 2


def test_a_second_transfer_after_one_that_failed() -> None:
    phone, _ = following(486)
    again = Dial(call_id="3", target="sip:dave@example.com", in_place_of="1")
    play(phone, {5: [refer(phone, number=4), again]}, until=6)
    assert [n.headers.get("Event") for n in phone.sent("NOTIFY")][-1] == "refer;id=4"


def test_before_the_answer() -> None:
    phone, _ = ringing()
    invite = request("INVITE", sdp=OFFER)
    ours = phone.sent(180)[0]
    play(phone, {3: in_dialog("REFER", ours, headers=(("Refer-To", CAROL),))}, until=4)
    assert [reply.cseq.method for reply in phone.sent(491)] == ["REFER"]
    assert invite.call_id == ours.call_id


def test_outside_any_call() -> None:
    phone, _ = calling()
    play(phone, {3: request("REFER", call_id="other", headers=(("Refer-To", CAROL),))}, until=4)
    assert [reply.cseq.method for reply in phone.sent(603)] == ["REFER"]


def test_the_call_ends_while_it_is_undecided() -> None:
    """ "The UAS MUST still respond to any pending requests received for that dialog" (RFC 3261 section 15.1.2)."""
    phone, _ = calling()
    bye = in_dialog("BYE", phone.sent("INVITE")[0], number=3)
    play(phone, {3: refer(phone), 3.5: bye, 4: FOLLOW}, until=5)
    assert [reply.cseq.method for reply in phone.sent(487)] == ["REFER"]
    assert ends(phone) == ["3.5 CallEnded 200 Normal call clearing remote", "4 CallEnded 487 Request Terminated local"]
    settle_down(phone)


def test_in_a_call_that_the_referrer_made() -> None:
    phone, peer = called()
    old = call_of(phone)
    peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=ANSWER, tag="carols")]
    asked = in_dialog("REFER", phone.sent(200)[-1], headers=(("Refer-To", CAROL),))
    play(phone, {3: [asked, Dial(call_id="2", target="sip:carol@example.com", in_place_of=old)]}, until=4)
    assert [body for body, _ in reports(phone)] == ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]


def test_the_new_call_of_one_on_hold_begins_on_hold() -> None:
    phone, peer = calling()
    peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=ANSWER, tag=invite.to.tag or "carols")]
    held: Any = Dial(call_id="2", target="sip:carol@example.com", in_place_of="1", held=True)
    play(phone, {3: Hold(call_id="1"), 4: [refer(phone), held]}, until=5)
    assert b"held" in phone.sent("INVITE")[-1].body
    facts = [event for _, _, event in brief(phone.log) if event and event.startswith("HoldChanged")]
    assert facts == ["HoldChanged held", "HoldChanged held"]


def test_the_flow_is_lost_while_the_target_rings() -> None:
    """The INVITE of the new call is lost with it; the old call lives on, and is told over the next flow."""
    phone, peer = following(180)
    play(phone, {4: peer.wire.drop}, until=30)
    assert ends(phone)[0].startswith("4 CallEnded 503")
    assert phone.events(CallReleased)[0].back_to == "1"
    assert reports(phone)[-1][0].startswith("SIP/2.0 503")
