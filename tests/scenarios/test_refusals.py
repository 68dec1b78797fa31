"""What we refuse and with which status, and what is no SIP at all. The phone lives on."""

import pytest

from jzrx.commands import Answer, Dial, HangUp, SendMessage
from jzrx.events import CallAnswered, CallReceived, MessageReceived
from jzrx.sip.message import Request
from jzrx.testing.peer import in_dialog, request, respond
from jzrx.testing.virtual import brief, play
from tests.scenarios.calls import OFFER, TARGET, call_of, calling, connected, outcome, ringing, settle_down


@pytest.mark.parametrize(
    ("refused", "status"),
    [
        (request("SUBSCRIBE"), 405),
        (request("REGISTER"), 405),
        (request("UPDATE"), 481),
        (request("PRACK"), 481),
        (request("NONSENSE"), 501),
        (request("INFO"), 481),
        (request("BYE"), 481),
        (request("OPTIONS", to="<sip:alice@example.com>;tag=nobody"), 481),
        (request("INVITE", to="<sip:alice@example.com>;tag=nobody", sdp=OFFER), 481),
        (request("OPTIONS", uri="mailto:alice@example.com"), 416),
        (request("INVITE", sdp=OFFER, headers=(("Require", "100rel, precondition"),)), 420),
        (request("INVITE", body=b"<x/>", content_type="application/xml"), 415),
        (request("INVITE", body=b"v=0", content_type="application/sdp", headers=(("Content-Encoding", "gzip"),)), 415),
    ],
)
def test_refused(refused: Request, status: int) -> None:
    phone, _ = connected()
    play(phone, {1: refused}, until=2)
    (refusal,) = phone.sent(status)
    assert refusal.to.tag
    assert phone.events(CallReceived) == []
    if refused.method == "INVITE":
        play(phone, {2: request("ACK", sdp=None, branch=refused.via.branch)}, until=3)
    settle_down(phone)


def test_refusals_say_what_would_do() -> None:
    phone, _ = connected()
    script = {
        1: request("SUBSCRIBE"),
        2: request("INVITE", body=b"<x/>", content_type="application/xml", call_id="2"),
        3: request("INVITE", headers=(("Require", "100rel, precondition"),), call_id="3"),
    }
    play(phone, script, until=4)
    assert "INVITE" in phone.sent(405)[0].headers.get("Allow")
    assert phone.sent(415)[0].headers.get("Accept") == "application/sdp"
    assert phone.sent(420)[0].headers.get("Unsupported") == "precondition"


def test_optional_bodies_may_be_ignored() -> None:
    phone, _ = connected()
    invite = request(
        "INVITE",
        body=b"<x/>",
        content_type="application/xml",
        headers=(("Content-Disposition", "x;handling=optional"),),
    )
    play(phone, {1: invite}, until=2)
    assert len(phone.events(CallReceived)) == 1


def test_merged_request() -> None:
    """The same request along two paths: 482 (RFC 3261 8.2.2.2)."""
    phone, _ = ringing()
    log = play(phone, {2: request("INVITE", sdp=OFFER, branch="z9hG4bKother-path")}, until=3)
    assert [sent for _, sent, _ in brief(log)] == ["100 INVITE", "482 INVITE"]
    assert len(phone.events(CallReceived)) == 1


def test_options_is_answered() -> None:
    phone, _ = connected()
    play(phone, {1: request("OPTIONS")}, until=2)
    headers = phone.sent(200)[0].headers
    assert {"INVITE", "REFER", "UPDATE"} <= set(headers.get_list("Allow"))
    assert "application/sdp" in headers.get_list("Accept")
    assert "timer" in headers.get_list("Supported")
    assert (headers.get("Accept-Encoding"), headers.get("Accept-Language")) == ("identity", "en")


def test_options_in_a_call_is_answered_alike() -> None:
    phone, _ = calling()
    play(phone, {3: in_dialog("OPTIONS", phone.sent("INVITE")[0])}, until=4)
    (response,) = [message for message in phone.sent(200) if message.cseq.method == "OPTIONS"]
    assert "application/sdp" in response.headers.get_list("Accept")


def test_message() -> None:
    phone, _ = connected()
    message = request("MESSAGE", body="Grüße 👋".encode(), content_type="text/plain;charset=utf-8")
    log = play(phone, {1: message}, until=2)
    assert brief(log)[0] == (1.0, "200 MESSAGE", None)
    (event,) = phone.events(MessageReceived)
    assert (event.from_, event.body, event.content_type) == ("sip:bob@example.com", "Grüße 👋", "text/plain")


def test_our_message() -> None:
    phone, _ = connected()
    send = SendMessage(target=TARGET, body="Grüße 👋".encode(), content_type="text/plain;charset=utf-8")
    play(phone, {1: send}, until=2)
    assert phone.sent("MESSAGE")[0].body.decode() == "Grüße 👋"
    assert outcome(phone, 2) == (200, None)
    settle_down(phone)


def test_our_message_refused() -> None:
    phone, peer = connected()
    peer.answers["MESSAGE"] = 503
    play(phone, {1: SendMessage(target=TARGET, body=b"hello")}, until=2)
    assert str(outcome(phone, 2)[1]).startswith("the message was not delivered: 503 Service Unavailable")


def test_timer_f() -> None:
    """A MESSAGE that nobody answers: 408 after 64*T1."""
    phone, peer = connected()
    peer.answers["MESSAGE"] = ()
    play(phone, {1: SendMessage(target=TARGET, body=b"hello")}, until=32.9)
    assert phone.settled[2] == []
    play(phone, {}, until=33)
    assert outcome(phone, 2) == (None, "the message was not delivered: 408 No Answer")
    settle_down(phone)


# --- malformed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        "", "\r\n\r\n", "hello", b"\xff\xfe\x00", "SIP/2.0 200 OK\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "INVITE sip:alice@example.com SIP/2.0\r\n\r\n", "SIP/2.0 999 Odd\r\n\r\n", "\x00" * 70000,
        "ACK sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/WS x;branch=z9hG4bK1\r\n\r\n",
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_dropped(frame: str | bytes) -> None:
    phone, _ = connected()
    log = play(phone, {1: frame, 2: request("OPTIONS")}, until=3)
    assert brief(log) == [(2.0, "200 OPTIONS", None)]


def test_malformed_requests_are_refused() -> None:
    phone, _ = connected()
    good = bytes(request("OPTIONS")).decode()
    script = {
        1: good.replace("CSeq: 1 OPTIONS", "CSeq: one OPTIONS"),
        2: good.replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"),
        3: good.replace("Content-Length: 0", "Content-Length: 50"),
        4: good,
    }
    log = play(phone, script, until=5)
    assert [sent for _, sent, _ in brief(log)] == [
        "SIP/2.0 400 Bad Request",
        "505 OPTIONS",
        "400 OPTIONS",
        "200 OPTIONS",
    ]


def test_responses_to_nothing_are_dropped() -> None:
    phone, peer = calling()
    stranger = respond(request("INVITE", call_id="unknown"), 200)
    two_vias = respond(peer.last("INVITE"), 200)
    two_vias = two_vias.with_headers(two_vias.headers.prepend("Via", "SIP/2.0/WS other.invalid;branch=z9hG4bKx"))
    assert play(phone, {3: stranger, 4: two_vias, 5: request("ACK", call_id="unknown")}, until=6) == []


def test_a_malformed_response_leaves_the_call_to_the_next() -> None:
    phone, peer = connected()
    play(phone, {1: Dial(call_id="1", target=TARGET)}, until=1.1)
    broken = bytes(respond(peer.last("INVITE"), 200)).replace(b"CSeq: 1 INVITE", b"CSeq: x")
    log = play(phone, {1.2: broken, 1.3: respond(peer.last("INVITE"), 486)}, until=2)
    assert next(fact for _, _, fact in brief(log) if fact) == "CallEnded 486 Busy Here remote"


def test_unsupported_method_in_a_call() -> None:
    phone, _ = calling()
    log = play(phone, {3: in_dialog("SUBSCRIBE", phone.sent("INVITE")[0])}, until=4)
    assert [sent for _, sent, _ in brief(log)] == ["405 SUBSCRIBE"]


# --- addresses of every kind ---------------------------------------------------------------------------------------

ADDRESSES = [
    "<tel:+49123;phone-context=x>",
    "<sip:1555@localhost;transport=ws>",
    "<sips:a;b=c@[2001:db8::1]:5061?x=y>",
    "<sip:%00@x>",
    "<mailto:a@b>",
    "<unknown:x>",
    "<sip:x@y>",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_callers_of_every_kind(address: str) -> None:
    """A call, its answer and its end work whatever the addresses are."""
    phone, _ = connected()
    headers = (("Record-Route", address),)
    invite = request("INVITE", from_=f"{address};tag=peer", to=address, sdp=OFFER, headers=headers)
    invite = invite.with_headers(invite.headers.set("Contact", address))
    play(phone, {1: invite, 2: lambda: phone.ask(Answer(call_id=call_of(phone)))}, until=2.1)
    ack = in_dialog("ACK", phone.sent(200)[0], number=1)
    play(phone, {2.2: ack, 3: lambda: phone.ask(HangUp(call_id=call_of(phone)))}, until=3.5)
    assert len(phone.events(CallAnswered)) == len(phone.sent("BYE")) == 1
    settle_down(phone)


@pytest.mark.parametrize("address", ADDRESSES)
def test_callees_of_every_kind(address: str) -> None:
    phone, peer = connected()
    headers = (("Contact", address), ("Record-Route", address))
    script = {
        1: Dial(call_id="1", target=TARGET),
        2: lambda: peer.reply("INVITE", 200, sdp="v=0", headers=(*headers, ("P-Asserted-Identity", address))),
        3: HangUp(call_id="1"),
    }
    play(phone, script, until=4)
    assert len(phone.events(CallAnswered)) == len(phone.sent("BYE")) == 1
    settle_down(phone)


@pytest.mark.parametrize("address", ADDRESSES)
def test_messages_from_every_kind(address: str) -> None:
    phone, _ = connected()
    play(phone, {1: request("MESSAGE", from_=f"{address};tag=x", to=address, body=b"hi")}, until=2)
    assert len(phone.events(MessageReceived)) == 1
