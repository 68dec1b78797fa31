"""Messages that belong to what is going on, with headers and bodies that make no sense: nothing raises or is left."""

import random

import pytest

from jzrx.commands import Answer, Command, Dial, Disconnect, HangUp, Hold, SendDtmfInfo, Transfer
from jzrx.events import CallDialed, CallReceived
from jzrx.sip.message import Request
from jzrx.testing.peer import Peer, in_dialog, request, respond
from jzrx.testing.virtual import Phone, play
from tests.scenarios.calls import ANSWER, OFFER, answering, called, calling, connected, dialling, ringing
from tests.scenarios.test_anything import METHODS, STATUSES, check_end

BEGINNINGS = (
    lambda: connected(auto_register=True),
    lambda: dialling(100, 180),
    lambda: calling(session_expires=90),
    ringing,
    called,
    answering,
)
NAMES = (
    *("Contact", "Record-Route", "Route", "Path", "Service-Route", "Via", "Max-Forwards", "Expires", "Min-Expires"),
    *("Allow", "Supported", "Require", "RSeq", "RAck", "Session-Expires", "Min-SE", "Retry-After", "Flow-Timer"),
    *("Refer-To", "Referred-By", "Refer-Sub", "Replaces", "Join", "Event", "Subscription-State", "Reason", "X-Reason"),
    *("P-Asserted-Identity", "WWW-Authenticate", "Proxy-Authenticate", "Info-Package", "Answer-Mode", "Call-Info"),
    *("Content-Type", "Content-Disposition", "Content-Encoding", "Content-Length", "Server", "Warning"),
)
VALUES = (
    *("", " ", ",", "<", '"' * 50, "*", "<*>", "0", "-1", "4294967296", "9" * 5000, "1e999", "nan", "²", "١", "\x00"),
    *("sip:", "<sip:>", "<sip:a@b", "<sip:@@>", "<sip:[::1>", "<sip:a@b>;q=x", "<tel:+1>", "<urn:service:sos>"),
    *("<sip:a@b;method=BYE>", "<sip:a@b?Replaces=%zz>", "<sip:a@b?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2>"),
    *("<sip:a@b>," * 200 + "<sip:a@b>", "x;to-tag=1;from-tag=2", "1 1 INVITE", "1 1", "refer;id=²", 'a;b=c;d="e'),
    *("Digest", "Digest realm=", 'Digest realm="a", nonce="", qop=""', 'Digest realm="a", nonce="b", algorithm=X'),
    *('SIP;cause=99999;text="', "Q.850;cause=²", "multipart/mixed;boundary=", "message/sipfrag;version=9", "100rel"),
    *("90", "90;refresher=uac", '90;refresher="', "timer, 100rel", 'terminated;reason="', "active;expires=-1"),
)
BODIES = (b"", b"\xff" * 20, b"v=0", b"SIP/2.0 999 x", b"SIP/2.0 \xb2\xb20", b"Signal=\xb2", b"--x\r\n\r\n")


def damaged(chance: random.Random, message: bytes) -> bytes:
    head, _, body = message.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    for _ in range(chance.choice((1, 1, 2, 3))):
        name, value = chance.choice(NAMES), chance.choice(VALUES)
        if chance.random() < 0.5:
            lines = [line for line in lines if not line.lower().startswith(f"{name.lower()}:".encode())]
        lines.insert(chance.randrange(len(lines) + 1), f"{name}: {value}".encode())
    if chance.random() < 0.3:
        body = chance.choice(BODIES)
        lines = [line for line in lines if not line.lower().startswith(b"content-length:")]
    return b"\r\n".join([start, *lines]) + b"\r\n\r\n" + body


def arriving(chance: random.Random, peer: Peer, number: int) -> bytes:
    """A response to what was sent, or a request in one of the dialogs or outside of them."""
    sdp = chance.random() < 0.5
    requests = [message for message in peer.received if isinstance(message, Request) and message.method != "ACK"]
    if requests and chance.random() < 0.4:
        tag = chance.choice(("peer", "other"))
        answer = ANSWER if sdp else None
        return bytes(respond(chance.choice(requests[-4:]), chance.choice(STATUSES), tag=tag, sdp=answer))
    method, offer = chance.choice(METHODS), OFFER if sdp else None
    dialogs = [message for message in peer.received if message.cseq.method == "INVITE" and message.contacts]
    if dialogs and chance.random() < 0.85:
        return bytes(in_dialog(method, chance.choice(dialogs), number=number, sdp=offer))
    return bytes(request(method, call_id=f"new{number}", sdp=offer))


def asked(chance: random.Random, call: str, number: int) -> Command:
    return chance.choice(
        (
            Hold(call_id=call),
            Answer(call_id=call),
            HangUp(call_id=call),
            SendDtmfInfo(call_id=call, tones="1"),
            Transfer(call_id=call, refer_to="<sip:carol@example.com>"),
            Dial(call_id=f"dialled{number}", target="sip:carol@example.com", follow_redirects=True),
            Dial(call_id=f"dialled{number}", target="sip:carol@example.com", in_place_of=call),
        )
    )


def calls_of(phone: Phone) -> list[str]:
    return [event.call_id for event in (*phone.events(CallDialed), *phone.events(CallReceived))]


@pytest.mark.parametrize("block", range(6))
def test_damaged_messages_in_the_middle_of_everything(block: int) -> None:
    for seed in range(50 * block, 50 * block + 50):
        chance = random.Random(seed)
        phone, peer = chance.choice(BEGINNINGS)()
        for number in range(10, 10 + chance.randrange(1, 10)):
            calls = calls_of(phone)
            if calls and chance.random() < 0.2:
                phone.ask(asked(chance, chance.choice(calls), number))
            else:
                phone.wire.deliver(damaged(chance, arriving(chance, peer, number)))
            play(phone, {}, until=phone.now + chance.choice((0.02, 0.5, 3)))
        for call in calls_of(phone):
            phone.ask(HangUp(call_id=call))
        play(phone, {}, until=phone.now + 5)
        phone.ask(Disconnect())
        play(phone, {}, until=phone.now + 70)
        check_end(phone)
