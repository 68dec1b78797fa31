"""Transfer by us: REFER, and every way in which its outcome becomes known (or does not)."""

import pytest

from jzrx.commands import Dial, HangUp, Transfer
from jzrx.events import TransferFailed, Transferred
from jzrx.sip.message import Request, Response
from jzrx.testing.peer import Peer, respond
from jzrx.testing.virtual import Phone, brief, play
from tests.scenarios.calls import ANSWER, TARGET, call_of, called, calling, in_dialog, outcome, request, settle_down

CAROL = "<sip:carol@example.com>"
TRANSFER = Transfer(call_id="1", refer_to=CAROL, headers=(("X-Why", "lunch"),))


def notify(
    phone: Phone, fragment: str, state: str = "active;expires=60", number: int = 2, event: str = "refer;id=2"
) -> Request:
    """A NOTIFY of the peer in the phone's call, as RFC 3515 section 2.4.4 shows it."""
    headers = (("Event", event), ("Subscription-State", state))
    invite, body, kind = phone.sent("INVITE")[0], fragment.encode(), "message/sipfrag;version=2.0"
    return in_dialog("NOTIFY", invite, number=number, headers=headers, body=body, content_type=kind)


def referring(status: int = 202) -> tuple[Phone, Peer]:
    """A phone that transfers its call at 3 s; the peer has answered the REFER. It is 3.1 s; the token is 3."""
    phone, peer = calling()
    peer.answers["REFER"] = status
    play(phone, {3: TRANSFER}, until=3.1)
    return phone, peer


def told(phone: Phone) -> list[str]:
    """What the user was told of transfers and ends, with the times."""
    return [
        f"{time:g} {event}" for time, _, event in brief(phone.log) if event and event.startswith(("Transf", "CallE"))
    ]


def test_the_refer() -> None:
    """One Refer-To, a Referred-By for jambonz, a Contact, the user's headers; in the dialog."""
    phone, _ = referring()
    (refer,) = phone.sent("REFER")
    assert refer.headers.get_all("Refer-To") == (CAROL,)
    assert refer.headers.get("Referred-By") == "<sip:alice@example.com>"
    assert refer.headers.get("X-Why") == "lunch"
    assert refer.contacts
    assert refer.to.tag == "peer"


def test_a_final_notify_is_a_success_and_ends_the_call() -> None:
    phone, _ = referring()
    play(
        phone, {3.2: notify(phone, "SIP/2.0 100 Trying"), 4: notify(phone, "SIP/2.0 200 OK", "terminated", 3)}, until=5
    )
    assert told(phone) == ["4 Transferred confirmed", "4 CallEnded 200 Normal call clearing local"]
    assert phone.events(Transferred)[0].confirmed
    assert outcome(phone, 3) == (None, None)
    assert len(phone.sent("BYE")) == 1
    settle_down(phone)


def test_a_bye_after_the_2xx_is_a_success() -> None:
    phone, _ = referring()
    play(phone, {4: in_dialog("BYE", phone.sent("INVITE")[0])}, until=5)
    assert told(phone) == ["4 Transferred confirmed", "4 CallEnded 200 Normal call clearing remote"]
    assert outcome(phone, 3) == (None, None)
    assert not phone.sent("BYE")
    settle_down(phone)


def test_a_bye_before_the_2xx_is_not() -> None:
    phone, peer = calling()
    peer.answers["REFER"] = ()
    play(phone, {3: TRANSFER, 4: in_dialog("BYE", phone.sent("INVITE")[0])}, until=5)
    assert told(phone) == ["4 CallEnded 200 Normal call clearing remote"]
    assert "the call ended" in str(outcome(phone, 3)[1])
    settle_down(phone)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_silence_after_the_2xx_is_an_unconfirmed_success(status: int) -> None:
    """jambonz sends no NOTIFY (5 s); any 2xx will do."""
    phone, _ = referring(status)
    play(phone, {}, until=20)
    assert told(phone) == ["8.02 Transferred", "8.02 CallEnded 200 Normal call clearing local"]
    assert not phone.events(Transferred)[0].confirmed
    settle_down(phone)


def test_a_provisional_notify_stops_that_timer_and_180_s_bound_the_whole() -> None:
    phone, _ = referring()
    play(phone, {4: notify(phone, "SIP/2.0 180 Ringing")}, until=300)
    assert told(phone) == ["184 TransferFailed 408 The outcome of the transfer is not known"]
    assert outcome(phone, 3) == (None, "the transfer failed: 408 The outcome of the transfer is not known")


def test_a_notify_before_the_2xx() -> None:
    phone, peer = calling()
    peer.answers["REFER"] = ()
    play(
        phone, {3: TRANSFER, 3.1: notify(phone, "SIP/2.0 100 Trying"), 3.2: lambda: peer.reply("REFER", 202)}, until=30
    )
    assert told(phone) == []
    play(phone, {31: notify(phone, "SIP/2.0 200 OK", "terminated", 3)}, until=32)
    assert told(phone)[0] == "31 Transferred confirmed"
    settle_down(phone)


@pytest.mark.parametrize("status", [405, 403, 501, 603])
def test_a_refused_refer_leaves_the_call_as_it_was(status: int) -> None:
    phone, _ = referring(status)
    assert told(phone)[0].startswith(f"3.02 TransferFailed {status}")
    play(phone, {4: HangUp(call_id="1")}, until=5)
    assert told(phone)[1:] == ["4 CallEnded 200 Normal call clearing local"]
    assert phone.events(TransferFailed)[0].code == status
    settle_down(phone)


@pytest.mark.parametrize(
    ("fragment", "state", "failure"),
    [
        ("SIP/2.0 486 Busy Here", "terminated;reason=noresource", "486 Busy Here"),
        ("SIP/2.0 603 Decline\r\n", "active", "603 Decline"),
        ("SIP/2.0 100 Trying", "terminated", "408 The other side stopped reporting"),
        ("what?", "terminated", "408 The other side stopped reporting"),
        ("", "terminated", "408 The other side stopped reporting"),
    ],
)
def test_a_notify_that_says_no(fragment: str, state: str, failure: str) -> None:
    phone, _ = referring()
    play(phone, {4: notify(phone, fragment, state)}, until=5)
    assert told(phone) == [f"4 TransferFailed {failure}"]
    assert phone.sent(200)[-1].cseq.method == "NOTIFY"
    play(phone, {6: HangUp(call_id="1")}, until=7)
    settle_down(phone)


def test_no_answer_to_the_refer_in_32_s() -> None:
    phone, peer = calling()
    peer.answers["REFER"] = ()
    play(phone, {3: TRANSFER}, until=40)
    assert told(phone) == ["35 TransferFailed 408 No Answer"]


def test_481_to_the_refer_ends_the_call() -> None:
    phone, _ = referring(481)
    assert told(phone)[0].startswith("3.02 CallEnded 481")
    settle_down(phone)


def test_one_transfer_at_a_time() -> None:
    phone, _ = referring()
    play(phone, {3.2: TRANSFER}, until=3.3)
    assert "under way" in str(outcome(phone, 4)[1])


def test_a_late_answer_to_an_earlier_refer_decides_nothing() -> None:
    phone, peer = calling()
    peer.answers["REFER"] = ()
    play(phone, {3: TRANSFER, 3.1: notify(phone, "SIP/2.0 486 Busy Here", "terminated")}, until=3.2)
    first = phone.sent("REFER")[0]
    play(phone, {4: TRANSFER, 5: respond(first, 202)}, until=20)
    assert told(phone) == ["3.1 TransferFailed 486 Busy Here"]
    assert 4 not in phone.settled or not phone.settled[4]


# --- which transfer a NOTIFY is about ------------------------------------------------------------------------------


def again() -> tuple[Phone, Peer]:
    """A phone whose first transfer was given up at 184 s, with its subscription still open, and that tries again."""
    phone, _ = referring()
    peer_says = notify(phone, "SIP/2.0 180 Ringing")
    play(phone, {4: peer_says, 190: Transfer(call_id="1", refer_to="<sip:dave@example.com>")}, until=191)
    assert told(phone) == ["184 TransferFailed 408 The outcome of the transfer is not known"]
    return phone, _


@pytest.mark.parametrize("fragment", ["SIP/2.0 200 OK", "SIP/2.0 486 Busy Here"])
def test_a_late_notify_of_an_earlier_transfer_decides_nothing(fragment: str) -> None:
    phone, _ = again()
    play(phone, {191: notify(phone, fragment, "terminated", 3, "refer;id=2")}, until=192)
    assert [reply.cseq.method for reply in phone.sent(481)] == ["NOTIFY"]
    assert len(told(phone)) == 1
    second = phone.sent("REFER")[1].cseq.number
    play(phone, {192: notify(phone, "SIP/2.0 603 Decline", "terminated", 4, f"refer;id={second}")}, until=193)
    assert told(phone)[1:] == ["192 TransferFailed 603 Decline"]


@pytest.mark.parametrize("fragment", ["SIP/2.0 200 OK", "SIP/2.0 486 Busy Here"])
def test_one_without_an_id_may_be_of_the_earlier_one(fragment: str) -> None:
    """It decides nothing, and silence after it is no success."""
    phone, _ = again()
    play(phone, {191: notify(phone, fragment, "terminated", 3, "refer")}, until=300)
    assert [reply.cseq.method for reply in phone.sent(200)[-1:]] == ["NOTIFY"]
    assert len(told(phone)) == 1
    play(phone, {}, until=400)
    assert told(phone)[1:] == ["371 TransferFailed 408 The outcome of the transfer is not known"]


def test_one_without_an_id_where_the_earlier_one_is_over() -> None:
    """A refused REFER, and one whose subscription was ended, report no more."""
    phone, peer = referring(501)
    peer.answers["REFER"] = 202
    play(phone, {4: TRANSFER, 5: notify(phone, "SIP/2.0 486 Busy Here", "terminated", 3, "refer")}, until=6)
    play(phone, {6: TRANSFER, 7: notify(phone, "SIP/2.0 200 OK", "terminated", 4, "refer")}, until=8)
    assert [line.split()[1] for line in told(phone)] == ["TransferFailed", "TransferFailed", "Transferred", "CallEnded"]


def test_an_id_that_a_server_between_us_made_is_taken_for_ours() -> None:
    """A back-to-back user agent numbers its own REFER; only those are refused that we know to be of another one."""
    phone, _ = referring()
    play(phone, {4: notify(phone, "SIP/2.0 486 Busy Here", "terminated", event="refer;id=4711")}, until=5)
    assert told(phone) == ["4 TransferFailed 486 Busy Here"]


def test_the_id_of_a_refer_that_was_challenged_is_that_of_the_repeated_one() -> None:
    phone, peer = calling()
    challenge = (("WWW-Authenticate", 'Digest realm="example.com", nonce="n", algorithm=MD5, qop="auth"'),)

    def challenged(refer: Request) -> list[Response]:
        proven = "Authorization" in refer.headers
        return [respond(refer, 202) if proven else respond(refer, 401, headers=challenge)]

    peer.answers["REFER"] = challenged
    play(phone, {3: TRANSFER, 4: notify(phone, "SIP/2.0 486 Busy Here", "terminated", event="refer;id=3")}, until=5)
    assert [refer.cseq.number for refer in phone.sent("REFER")] == [2, 3]
    play(phone, {6: TRANSFER, 7: notify(phone, "SIP/2.0 200 OK", "terminated", 3, "refer;id=3")}, until=8)
    assert told(phone) == ["4 TransferFailed 486 Busy Here"]


@pytest.mark.parametrize("event", ["presence", "", "refer ; id = x", "REFER;ID=2;x", ";;"])
def test_odd_event_headers_never_raise(event: str) -> None:
    phone, _ = referring()
    play(phone, {3.5: notify(phone, "SIP/2.0 486 Busy Here", "terminated", event=event)}, until=4)
    expected = 200 if event.lower().startswith("refer") else 481
    assert [m.cseq.method for m in phone.sent(expected)][-1] == "NOTIFY"


# --- the flow ------------------------------------------------------------------------------------------------------


def test_the_flow_is_lost_before_the_answer_to_the_refer() -> None:
    phone, peer = calling()
    peer.answers["REFER"] = ()
    play(phone, {3: TRANSFER, 3.5: peer.wire.drop}, until=10)
    assert told(phone) == ["3.5 TransferFailed 503 The connection was lost"]
    play(phone, {11: HangUp(call_id="1")}, until=12)
    settle_down(phone)


def test_silence_is_no_success_when_the_flow_was_lost_after_the_2xx() -> None:
    """A NOTIFY may have been lost with it."""
    phone, peer = referring()
    play(phone, {4: peer.wire.drop}, until=100)
    assert told(phone) == []
    play(phone, {100: notify(phone, "SIP/2.0 486 Busy Here", "terminated")}, until=101)
    assert told(phone) == ["100 TransferFailed 486 Busy Here"]


def test_nothing_at_all_after_the_flow_was_lost() -> None:
    phone, peer = referring()
    play(phone, {4: peer.wire.drop}, until=200)
    assert told(phone) == ["184 TransferFailed 408 The outcome of the transfer is not known"]


def test_a_bye_over_the_next_flow_is_a_success() -> None:
    phone, peer = referring()
    play(phone, {4: peer.wire.drop, 30: in_dialog("BYE", phone.sent("INVITE")[0])}, until=31)
    assert told(phone)[0] == "30 Transferred confirmed"


# --- attended, and odd ---------------------------------------------------------------------------------------------


def test_a_call_is_no_consultation_of_itself() -> None:
    phone, _ = calling()
    play(phone, {3: Transfer(call_id="1", consultation="1")}, until=4)
    assert "or is none" in str(outcome(phone, 3)[1])
    assert not phone.sent("REFER")


def test_a_notify_of_nothing_gets_481() -> None:
    phone, _ = calling()
    play(phone, {3: notify(phone, "SIP/2.0 200 OK", "terminated")}, until=4)
    assert [reply.cseq.method for reply in phone.sent(481)] == ["NOTIFY"]
    assert told(phone) == []


def test_a_notify_outside_any_dialog_gets_481() -> None:
    phone, _ = calling()
    play(phone, {3: request("NOTIFY", call_id="other", headers=(("Event", "refer"),))}, until=4)
    assert [reply.cseq.method for reply in phone.sent(481)] == ["NOTIFY"]


# --- attended ------------------------------------------------------------------------------------------------------


def consulting() -> tuple[Phone, Peer]:
    """A phone with its call to bob and a second one, to carol, whose answer had the tag carols. It is 4 s."""
    phone, peer = calling()
    peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=ANSWER, tag="carols")]
    peer.answers["REFER"] = 202
    play(phone, {3: Dial(call_id="2", target="sip:carol@example.com")}, until=4)
    return phone, peer


def test_attended_transfer_names_the_consultation_and_ends_both() -> None:
    phone, _ = consulting()
    consultation = phone.sent("INVITE")[-1]
    play(phone, {4: Transfer(call_id="1", consultation="2")}, until=4.1)
    target = phone.sent("REFER")[0].headers.get("Refer-To") or ""
    assert target.startswith("<sip:carol@example.com?Replaces=")
    escaped = target.partition("Replaces=")[2].removesuffix(">")
    assert escaped == f"{consultation.call_id}%3Bto-tag%3Dcarols%3Bfrom-tag%3D{consultation.from_.tag}"
    play(phone, {5: notify(phone, "SIP/2.0 200 OK", "terminated")}, until=6)
    assert told(phone) == [
        "5 Transferred confirmed",
        "5 CallEnded 200 Normal call clearing local",
        "5 CallEnded 200 Normal call clearing local",
    ]
    assert len(phone.sent("BYE")) == 2
    settle_down(phone)


def test_attended_transfer_to_a_party_that_called_us() -> None:
    """The tags are the consultation's as its other party sees them, whoever called (JsSIP issue 817)."""
    phone, peer = called()
    inbound = phone.sent(200)[-1]
    peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=ANSWER)]
    play(phone, {3: Dial(call_id="1", target=TARGET)}, until=4)

    play(phone, {4: Transfer(call_id="1", consultation=call_of(phone))}, until=4.1)
    target = phone.sent("REFER")[0].headers.get("Refer-To") or ""
    assert f"to-tag%3D{inbound.from_.tag}%3Bfrom-tag%3D{inbound.to.tag}" in target


def test_attended_transfer_that_fails_leaves_both_calls() -> None:
    phone, _ = consulting()
    play(phone, {4: Transfer(call_id="1", consultation="2")}, until=4.1)
    play(phone, {5: notify(phone, "SIP/2.0 480 Gone", "terminated")}, until=6)
    assert told(phone) == ["5 TransferFailed 480 Gone"]
    assert not phone.sent("BYE")


def test_a_consultation_that_has_ended() -> None:
    phone, _ = consulting()
    play(phone, {4: HangUp(call_id="2"), 5: Transfer(call_id="1", consultation="2")}, until=6)
    assert "consultation call has ended" in str(outcome(phone, 5)[1])
    assert not phone.sent("REFER")
