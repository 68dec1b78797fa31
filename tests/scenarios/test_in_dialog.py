"""INFO, DTMF by INFO, MESSAGE and OPTIONS in a call, and what their failure does to it."""

import pytest

from jzrx.commands import HangUp, SendDtmfInfo, SendInfo
from jzrx.events import CallEnded, DtmfReceived, DtmfSent, InfoReceived, MessageReceived
from jzrx.testing.peer import in_dialog, respond
from jzrx.testing.virtual import brief, play
from tests.scenarios.calls import calling, dialling, outcome, settle_down

RELAY = "application/dtmf-relay"


def tones(text: str, duration_ms: int = 100, gap_ms: int = 70) -> SendDtmfInfo:
    return SendDtmfInfo(call_id="1", tones=text, duration_ms=duration_ms, gap_ms=gap_ms)


INFO = SendInfo(call_id="1", content_type="application/json", body=b"{}", headers=(("X-A", "b"),))


# --- DTMF ----------------------------------------------------------------------------------------------------------


def test_tones_with_a_pause() -> None:
    """Each tone waits for the answer, its own length and the gap; `,` is 2 s."""
    phone, _ = calling()
    assert brief(play(phone, {3: tones("1,a#")}, until=10)) == [
        (3.0, "INFO", None),
        (3.02, None, "DtmfSent 1 info"),
        (5.19, "INFO", None),
        (5.21, None, "DtmfSent A info"),
        (5.38, "INFO", None),
        (5.4, None, "DtmfSent # info"),
    ]
    assert [info.body for info in phone.sent("INFO")] == [
        b"Signal=1\r\nDuration=100\r\n",
        b"Signal=A\r\nDuration=100\r\n",
        b"Signal=#\r\nDuration=100\r\n",
    ]
    assert phone.sent("INFO")[0].content_type == RELAY
    assert outcome(phone, 3) == (None, None)


def test_sequences_queue() -> None:
    phone, _ = calling()
    play(phone, {3: [tones("12", 1000, 500), tones("3")]}, until=10)
    assert [(time, event) for time, _, event in brief(phone.log) if event and event.startswith("Dtmf")] == [
        (3.02, "DtmfSent 1 info"),
        (4.54, "DtmfSent 2 info"),
        (6.06, "DtmfSent 3 info"),
    ]


def test_the_await_ends_with_the_last_answer() -> None:
    phone, _ = calling()
    play(phone, {3: tones("1", 1300)}, until=3.03)
    assert outcome(phone, 3) == (None, None)


@pytest.mark.parametrize("text", [",", "1,", ",1"])
def test_pauses_at_the_edges(text: str) -> None:
    phone, _ = calling()
    play(phone, {3: tones(text)}, until=10)
    assert outcome(phone, 3) == (None, None)


def test_unanswered_for_5_s() -> None:
    """It fails the sequence, not the call; the next sequence goes on. jambonz leaves A to D unanswered."""
    phone, peer = calling()
    peer.answers["INFO"] = lambda info: [] if b"=A" in info.body else [respond(info, 200)]
    log = play(phone, {3: [tones("A1"), tones("2")]}, until=60)
    assert brief(log) == [(3.0, "INFO", None), (8.0, "INFO", None), (8.02, None, "DtmfSent 2 info")]
    assert outcome(phone, 3) == (None, "DTMF was not accepted: 408 No Answer")
    assert outcome(phone, 4) == (None, None)
    assert phone.events(CallEnded) == []


@pytest.mark.parametrize("status", [408, 415, 500])
def test_refused(status: int) -> None:
    phone, peer = calling()
    peer.answers["INFO"] = status
    play(phone, {3: tones("12")}, until=60)
    assert len(phone.sent("INFO")) == 1
    assert phone.events(DtmfSent) == phone.events(CallEnded) == []
    assert str(status) in str(outcome(phone, 3)[1])


def test_late_answer_after_the_5_s() -> None:
    phone, peer = calling()
    peer.answers["INFO"] = ()
    play(phone, {3: tones("1"), 9: lambda: peer.reply("INFO", 200)}, until=10)
    assert phone.events(DtmfSent) == []
    assert len(phone.settled[3]) == 1


def test_the_end_of_the_call_ends_the_tones() -> None:
    phone, _ = calling()
    play(phone, {3: [tones("123"), tones("4")], 3.1: HangUp(call_id="1")}, until=10)
    assert len(phone.sent("INFO")) == 1
    for token in (3, 4):
        assert outcome(phone, token) == (None, "the call ended: 200 Normal call clearing")
    settle_down(phone)


def test_before_the_answer() -> None:
    phone, _ = dialling(180)
    play(phone, {2: [tones("1"), INFO]}, until=3)
    assert outcome(phone, 3) == (
        None,
        "SendDtmfInfo is not possible in this state of the call; wait until it is answered",
    )
    assert outcome(phone, 4) == (None, "SendInfo is not possible in this state of the call; wait until it is answered")


@pytest.mark.parametrize(
    ("content_type", "body", "tone"),
    [
        (RELAY, b"Signal=5\r\nDuration=160\r\n", "5"),
        (RELAY, b"Duration = 160\r\nsignal = d \r\n", "D"),
        ("application/dtmf", b"#", "#"),
        ("application/dtmf", b" 7\r\n", "7"),
    ],
)
def test_received(content_type: str, body: bytes, tone: str) -> None:
    phone, _ = calling()
    info = in_dialog("INFO", phone.sent("INVITE")[0], body=body, content_type=content_type)
    log = play(phone, {3: info}, until=4)
    assert brief(log) == [(3.0, "200 INFO", None), (3.0, None, f"DtmfReceived {tone} info")]


@pytest.mark.parametrize("body", [b"", b"Signal=\r\n", b"Signal=11\r\n", b"Signal=X", b"\xff\xfe"])
def test_received_nonsense(body: bytes) -> None:
    phone, _ = calling()
    play(phone, {3: in_dialog("INFO", phone.sent("INVITE")[0], body=body, content_type=RELAY)}, until=4)
    assert len(phone.sent(400)) == 1
    assert phone.events(DtmfReceived) == []


# --- INFO ----------------------------------------------------------------------------------------------------------


def test_info() -> None:
    phone, _ = calling()
    play(phone, {3: INFO}, until=4)
    (info,) = phone.sent("INFO")
    assert (info.content_type, info.body, info.headers.get("X-A")) == ("application/json", b"{}", "b")
    assert outcome(phone, 3) == (None, None)


def test_info_unanswered_for_5_s_keeps_the_call() -> None:
    phone, peer = calling()
    peer.answers["INFO"] = ()
    play(phone, {3: INFO}, until=7.9)
    assert phone.settled[3] == []
    play(phone, {}, until=100)
    assert outcome(phone, 3) == (None, "INFO was not accepted: 408 No Answer")
    assert phone.events(CallEnded) == []


def test_info_under_way_at_the_end_of_the_call() -> None:
    phone, peer = calling()
    peer.answers["INFO"] = ()
    play(phone, {3: [INFO, HangUp(call_id="1")], 4: lambda: peer.reply("INFO", 481)}, until=5)
    assert outcome(phone, 3) == (None, "the call ended: 200 Normal call clearing")
    settle_down(phone)


def test_481_to_info_ends_the_call() -> None:
    """There is nothing left to send a BYE to."""
    phone, peer = calling()
    peer.answers["INFO"] = 481
    log = play(phone, {3: INFO}, until=4)
    assert brief(log)[1:] == [
        (3.02, None, "CallEnded 481 Call/Transaction Does Not Exist remote"),
        (3.02, None, "CallReleased 481 Call/Transaction Does Not Exist remote was_answered"),
    ]
    settle_down(phone)


def test_info_received() -> None:
    phone, _ = calling()
    info = in_dialog("INFO", phone.sent("INVITE")[0], body=b"{}", content_type="Application/JSON; charset=utf-8")
    play(phone, {3: info}, until=4)
    (event,) = phone.events(InfoReceived)
    assert (event.content_type, event.body, event.call_id) == ("application/json", b"{}", "1")


def test_info_of_a_package_that_we_did_not_ask_for() -> None:
    """RFC 6086; an INFO without a package goes to the application, whatever its body."""
    phone, _ = calling()
    info = in_dialog("INFO", phone.sent("INVITE")[0], body=b"x", headers=(("Info-Package", "conference"),))
    play(phone, {3: info}, until=4)
    (refusal,) = phone.sent(469)
    assert refusal.headers.get("Recv-Info") == ""
    assert phone.events(InfoReceived) == []


def test_message_in_a_call() -> None:
    phone, _ = calling()
    text = "Grüße 👋".encode()
    message = in_dialog("MESSAGE", phone.sent("INVITE")[0], body=text, content_type="text/plain;charset=utf-8")
    log = play(phone, {3: message}, until=4)
    assert brief(log)[0] == (3.0, "200 MESSAGE", None)
    (event,) = phone.events(MessageReceived)
    assert (event.from_, event.body) == ("sip:bob@example.com", "Grüße 👋")


# --- the order of requests -----------------------------------------------------------------------------------------


def test_a_lower_sequence_number_is_out_of_order() -> None:
    """ "lower than the remote sequence number [...] MUST be rejected with a 500" (RFC 3261 12.2.2)."""
    phone, _ = calling()
    invite = phone.sent("INVITE")[0]
    log = play(phone, {3: in_dialog("OPTIONS", invite, number=9), 4: in_dialog("BYE", invite, number=8)}, until=5)
    assert brief(log) == [(3.0, "200 OPTIONS", None), (4.0, "500 BYE", None)]
    assert phone.events(CallEnded) == []


def test_another_dialog_gets_481() -> None:
    phone, _ = calling()
    log = play(phone, {3: in_dialog("BYE", phone.sent("INVITE")[0], tag="stranger")}, until=4)
    assert brief(log) == [(3.0, "481 BYE", None)]
    assert phone.events(CallEnded) == []


def test_requests_after_the_end_get_481_but_a_bye_its_200() -> None:
    phone, peer = calling()
    peer.answers["BYE"] = ()
    invite = phone.sent("INVITE")[0]
    script = {3: HangUp(call_id="1"), 3.1: in_dialog("INFO", invite), 3.2: in_dialog("BYE", invite, number=3)}
    log = play(phone, script, until=4)
    assert [sent for _, sent, _ in brief(log) if sent] == ["BYE", "481 INFO", "200 BYE"]
    settle_down(phone)
