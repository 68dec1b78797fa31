"""Session timers (RFC 4028): who refreshes, how and when, 422, and what becomes of a session that nobody refreshes."""

from typing import Any

import pytest

from jzrx.commands import Answer, Connect, Dial, HangUp, Hold
from jzrx.events import CallEnded, HoldChanged
from jzrx.sip.message import Request
from jzrx.testing.peer import Peer, in_dialog, request, respond
from jzrx.testing.virtual import Phone, brief, link, play
from tests.scenarios.calls import ANSWER, OFFER, TARGET, call_of, connected, dialling, outcome, settle_down

TIMER = (("Supported", "timer"),)
ALLOW = (("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE"),)


def expires(value: str, *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return (("Session-Expires", value), *more)


def agreed(value: str, *more: tuple[str, str], **config: Any) -> tuple[Phone, Peer]:
    """A phone whose call to bob was answered with this Session-Expires. It is 2.5 s, the answer came at 2.01 s."""
    phone, peer = dialling(100, 180, **config)
    play(phone, {2: lambda: peer.reply("INVITE", 200, headers=expires(value, *more), sdp=ANSWER)}, until=2.5)
    return phone, peer


def asked(*headers: tuple[str, str], **config: Any) -> tuple[Phone, Peer]:
    """A phone in a call of bob's, whose INVITE had these headers. It is 2.5 s, the 200 went out at 2 s."""
    phone, peer = connected(**config)
    play(phone, {1: request("INVITE", sdp=OFFER, headers=headers)}, until=2)
    play(phone, {2: Answer(call_id=call_of(phone))}, until=2.4)
    play(phone, {2.45: in_dialog("ACK", phone.sent(200)[-1], number=1)}, until=2.5)
    return phone, peer


def times(phone: Phone, method: str) -> list[float]:
    return [time for time, sent, _ in brief(phone.log) if sent == method]


def timer_of(message: Any) -> tuple[str | None, str | None]:
    return message.headers.get("Session-Expires"), message.headers.get("Require")


# --- what is asked for and agreed ----------------------------------------------------------------------------------


def test_nothing_is_asked_for_by_default() -> None:
    phone, _ = dialling(100)
    (invite,) = phone.sent("INVITE")
    assert "timer" in invite.headers.get_list("Supported")
    assert timer_of(invite) == (None, None)
    assert invite.headers.get("Min-SE") is None


def test_the_user_may_want_it() -> None:
    """jambonz takes it only from who refreshes itself."""
    phone, _ = dialling(100, session_expires=600)
    assert timer_of(phone.sent("INVITE")[0]) == ("600;refresher=uac", None)


@pytest.mark.parametrize(
    ("headers", "config", "answer"),
    [
        ((), {}, (None, None)),
        (TIMER, {}, (None, None)),
        (TIMER, {"session_expires": 300}, ("300;refresher=uas", "timer")),
        ((("Min-SE", "400"), *TIMER), {"session_expires": 300}, ("400;refresher=uas", "timer")),
        ((), {"session_expires": 300}, (None, None)),
        (expires("1800", *TIMER), {}, ("1800;refresher=uac", "timer")),
        (expires("1800;refresher=uac", *TIMER), {}, ("1800;refresher=uac", "timer")),
        (expires("1800;refresher=uas", *TIMER), {}, ("1800;refresher=uas", "timer")),
        (expires("1800"), {}, ("1800;refresher=uas", None)),
        (expires("1800;Refresher=UAC", ("k", "TIMER")), {}, ("1800;refresher=uac", "timer")),
        ((("x", "90"), *TIMER), {}, ("90;refresher=uac", "timer")),
        (expires("1800", *TIMER), {"session_expires": 300}, ("300;refresher=uac", "timer")),
        (expires("1800", ("Min-SE", "900"), *TIMER), {"session_expires": 300}, ("900;refresher=uac", "timer")),
        (expires("200", *TIMER), {"session_expires": 300}, ("200;refresher=uac", "timer")),
        (expires("60"), {}, (None, None)),
        (expires("soon", *TIMER), {}, (None, None)),
        (expires("1800;;", *TIMER), {}, ("1800;refresher=uac", "timer")),
    ],
)
def test_what_the_caller_gets(headers: Any, config: Any, answer: tuple[str | None, str | None]) -> None:
    """Table 2 of RFC 4028 section 9, and what cannot be read or agreed to."""
    phone, _ = asked(*headers, **config)
    assert timer_of(phone.sent(200)[-1]) == answer


def test_too_short_an_interval_gets_422() -> None:
    phone, _ = connected()
    play(phone, {1: request("INVITE", sdp=OFFER, headers=expires("89", *TIMER))}, until=2)
    assert phone.sent(422)[0].headers.get("Min-SE") == "90"


def test_a_server_in_jambonzs_manner_takes_it_only_from_who_refreshes() -> None:
    for value, answer in (
        *(("300", None), ("30", None), ("300;refresher=uas", None)),
        ("300;refresher=uac", "300;refresher=uac"),
    ):
        phone, _ = connected(delegate=True)
        invite = request("INVITE", sdp=OFFER, headers=expires(value, *TIMER))
        key = f"{invite.via.branch} peer.invalid: INVITE"
        play(phone, {1: [invite, lambda phone=phone, key=key: phone.engine.admit(key, "in")]}, until=2)
        play(phone, {2: Answer(call_id="in")}, until=2.1)
        assert phone.sent(200)[-1].headers.get("Session-Expires") == answer


def test_a_server_in_jambonzs_manner_enforces_what_it_took() -> None:
    phone, _ = connected(delegate=True)
    invite = request("INVITE", sdp=OFFER, headers=expires("120;refresher=uac", *TIMER))
    key = f"{invite.via.branch} peer.invalid: INVITE"
    play(phone, {1: [invite, lambda: phone.engine.admit(key, "in")], 2: Answer(call_id="in")}, until=2.1)
    play(phone, {2.2: in_dialog("ACK", phone.sent(200)[0], number=1)}, until=100)
    assert [(event.at, event.cause.reason) for event in phone.events(CallEnded)] == [(90.0, "Session timer expired")]


# --- 422 -----------------------------------------------------------------------------------------------------------


def test_the_invite_is_sent_again_after_422() -> None:
    phone, peer = connected(session_expires=120)
    peer.answers["INVITE"] = lambda invite: [
        respond(invite, 422, headers=(("Min-SE", "600"),)) if invite.cseq.number == 1 else respond(invite, 180)
    ]
    play(phone, {1: Dial(call_id="1", target=TARGET, headers=(("X-A", "b"),))}, until=2)
    first, second = phone.sent("INVITE")
    assert timer_of(second) == ("600;refresher=uac", None)
    assert (first.headers.get("Min-SE"), second.headers.get("Min-SE")) == (None, "600")
    assert (first.body, first.call_id, first.from_) == (second.body, second.call_id, second.from_)
    assert (second.cseq.number, second.headers.get("X-A")) == (2, "b")
    assert phone.sent("ACK")[0].via.branch == first.via.branch
    play(phone, {2: lambda: peer.reply("INVITE", 200, sdp=ANSWER)}, until=3)
    assert outcome(phone, 2)[1] is None


def test_a_422_though_nothing_was_asked_for() -> None:
    """A proxy on the way wants a timer (RFC 4028 section 8.1)."""
    phone, peer = connected()
    peer.answers["INVITE"] = lambda invite: [
        respond(invite, 422, headers=(("Min-SE", "600"),)) if invite.cseq.number == 1 else respond(invite, 180)
    ]
    play(phone, {1: Dial(call_id="1", target=TARGET)}, until=2)
    assert timer_of(phone.sent("INVITE")[1]) == ("600;refresher=uac", None)


@pytest.mark.parametrize("headers", [(), (("Min-SE", "x"),), (("Min-SE", "120"),), (("Min-SE", "90"),)])
def test_a_422_that_names_nothing_better_is_a_refusal(headers: Any) -> None:
    phone, peer = connected(session_expires=120)
    peer.answers["INVITE"] = lambda invite: [respond(invite, 422, headers=headers)]
    play(phone, {1: Dial(call_id="1", target=TARGET)}, until=2)
    assert [event.cause.code for event in phone.events(CallEnded)] == [422]
    assert len(phone.sent("INVITE")) == 1


def test_422_without_end() -> None:
    phone, peer = connected(session_expires=120)
    peer.answers["INVITE"] = lambda invite: [respond(invite, 422, headers=(("Min-SE", str(invite.cseq.number * 600)),))]
    play(phone, {1: Dial(call_id="1", target=TARGET)}, until=10)
    assert len(phone.sent("INVITE")) == 6
    assert [event.cause.code for event in phone.events(CallEnded)] == [422]


def test_hung_up_between_the_422_and_the_next_answer() -> None:
    """The new INVITE had no provisional response yet: CANCEL waits for one (RFC 3261 section 9.1)."""
    phone, peer = connected(session_expires=120)
    peer.answers["INVITE"] = lambda invite: (
        [respond(invite, 100), respond(invite, 422, headers=(("Min-SE", "600"),))] if invite.cseq.number == 1 else []
    )
    play(phone, {1: Dial(call_id="1", target=TARGET), 2: HangUp(call_id="1")}, until=3)
    assert phone.sent("CANCEL") == []
    play(phone, {3: lambda: peer.reply("INVITE", 180)}, until=4)
    assert len(phone.sent("CANCEL")) == 1
    settle_down(phone)


# --- we refresh ----------------------------------------------------------------------------------------------------


def test_by_update_at_half_time_where_it_is_allowed() -> None:
    phone, peer = agreed("120;refresher=uac", *ALLOW)
    peer.answers["UPDATE"] = lambda update: [respond(update, 200, headers=expires("120;refresher=uac"))]
    play(phone, {}, until=250)
    assert times(phone, "UPDATE") == [62.01, 122.03, 182.05, 242.07]
    update = phone.sent("UPDATE")[0]
    assert (update.body, timer_of(update)[0]) == (b"", "120;refresher=uac")
    assert update.contacts
    assert phone.events(CallEnded) == []


def test_by_reinvite_where_update_is_not_allowed() -> None:
    phone, peer = agreed("120;refresher=uac", ("Allow", "INVITE, ACK, BYE, CANCEL"))
    peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=ANSWER, headers=expires("120;refresher=uac"))]
    play(phone, {}, until=130)
    assert times(phone, "INVITE") == [1.0, 62.01, 122.03]
    first, again, _ = phone.sent("INVITE")
    assert (again.body, timer_of(again)[0]) == (first.body, "120;refresher=uac")
    assert phone.sent("UPDATE") == phone.events(HoldChanged) == phone.events(CallEnded) == []


def test_a_refresh_keeps_the_hold() -> None:
    phone, peer = agreed("120;refresher=uac")
    peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=ANSWER)]
    play(phone, {3: Hold(call_id="1")}, until=70)
    _, hold, refresh = phone.sent("INVITE")
    assert hold.body == refresh.body == b"v=0 alice offer held\r\n"
    assert timer_of(hold)[0] == "120;refresher=uac"
    assert times(phone, "INVITE")[2] == 63.02  # half of the time after the 2xx to the hold, which refreshed too


def test_24_hours() -> None:
    phone, peer = agreed("1800;refresher=uac", *ALLOW)
    peer.answers["UPDATE"] = lambda update: [respond(update, 200, headers=expires("1800;refresher=uac"))]
    play(phone, {}, until=86402)
    assert len(phone.sent("UPDATE")) == 95
    assert phone.events(CallEnded) == []
    play(phone, {86403: HangUp(call_id="1")}, until=86404)
    settle_down(phone)


def test_two_phones_for_24_hours() -> None:
    alice, bob = link(keepalive=1e6, session_expires=1800)
    play(
        alice,
        {
            0: [Connect(), lambda: bob.ask(Connect())],
            1: Dial(call_id="1", target=TARGET),
            2: lambda: bob.ask(Answer(call_id=call_of(bob))),
        },
        until=86402,
    )
    assert (len(alice.sent("UPDATE")), len(bob.sent("UPDATE"))) == (95, 0)
    assert alice.events(CallEnded) == bob.events(CallEnded) == []
    alice.wire.behaviour = "silent"
    alice.wire.drop()
    play(alice, {}, until=86402 + 1800)
    for phone in (alice, bob):
        assert [event.cause.reason for event in phone.events(CallEnded)] == ["Session timer expired"]


def test_a_2xx_that_does_not_speak_of_it_leaves_it_as_it_was() -> None:
    phone, _ = agreed("120;refresher=uac", *ALLOW)
    play(phone, {}, until=190)
    assert times(phone, "UPDATE") == [62.01, 122.03, 182.05]


def test_the_other_side_takes_it_over() -> None:
    phone, peer = agreed("120;refresher=uac", *ALLOW)
    peer.answers["UPDATE"] = lambda update: [respond(update, 200, headers=expires("120;refresher=uas"))]
    play(phone, {}, until=200)
    assert times(phone, "UPDATE") == [62.01]
    assert [(event.at, event.cause.reason) for event in phone.events(CallEnded)] == [(150.03, "Session timer expired")]


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_a_refused_refresh_is_tried_again_in_half_of_what_is_left(method: str) -> None:
    phone, peer = agreed("120;refresher=uac", ("Allow", method))
    answered = len(phone.sent(method))
    peer.answers[method] = lambda refresh: [
        respond(refresh, 500 if len(phone.sent(method)) < answered + 3 else 200, sdp=ANSWER)
    ]
    play(phone, {}, until=120)
    assert times(phone, method)[answered:] == [62.01, 76.02, 83.025]
    assert phone.events(CallEnded) == []


def test_without_success_it_ends_in_time() -> None:
    phone, peer = agreed("120;refresher=uac", *ALLOW)
    peer.answers["UPDATE"] = 503
    log = play(phone, {}, until=130)
    assert brief(log)[-3:] == [
        (90.01, None, "CallEnded 408 Session timer expired system"),
        (90.01, None, "CallReleased 408 Session timer expired system was_answered"),
        (90.01, "BYE", None),
    ]
    assert phone.sent("BYE")[0].headers.get("Reason") == 'SIP;cause=408;text="Session timer expired"'
    settle_down(phone)


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_422_to_a_refresh(method: str) -> None:
    phone, peer = agreed("120;refresher=uac", *(ALLOW if method == "UPDATE" else ()))

    def answer(refresh: Request) -> list[Any]:
        if len(phone.sent(method)) < (2 if method == "UPDATE" else 3):
            return [respond(refresh, 422, headers=(("Min-SE", "600"),))]
        return [respond(refresh, 200, headers=expires("600;refresher=uac"), sdp=ANSWER if refresh.body else None)]

    peer.answers[method] = answer
    play(phone, {}, until=400)
    again = phone.sent(method)[-2]
    assert (timer_of(again)[0], again.headers.get("Min-SE")) == ("600;refresher=uac", "600")
    assert times(phone, method)[-2:] == [62.03, 362.05]
    assert phone.events(CallEnded) == []


@pytest.mark.parametrize("status", [405, 501])
def test_update_that_is_refused_after_all(status: int) -> None:
    phone, peer = agreed("120;refresher=uac", *ALLOW)
    peer.answers["UPDATE"] = status
    peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=ANSWER)]
    play(phone, {}, until=130)
    assert times(phone, "UPDATE") == [62.01]
    assert times(phone, "INVITE") == [1.0, 62.03, 122.05]


@pytest.mark.parametrize("status", [408, 481])
@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_408_and_481_end_the_call(status: int, method: str) -> None:
    phone, peer = agreed("120;refresher=uac", *(ALLOW if method == "UPDATE" else ()))
    peer.answers[method] = status
    play(phone, {}, until=80)
    assert [event.cause.code for event in phone.events(CallEnded)] == [status]
    assert len(phone.sent("BYE")) == (status == 408)
    settle_down(phone)


def test_silence_ends_the_call() -> None:
    phone, peer = agreed("1800;refresher=uac", *ALLOW)
    peer.answers["UPDATE"] = ()
    play(phone, {}, until=940)
    assert [(event.at, event.cause.code) for event in phone.events(CallEnded)] == [(934.01, 408)]
    settle_down(phone)


def test_a_refresh_over_a_flow_that_broke() -> None:
    phone, peer = agreed("120;refresher=uac", *ALLOW)
    peer.answers["UPDATE"] = ()
    play(phone, {62.015: lambda: peer.wire.drop()}, until=63)
    peer.answers["UPDATE"] = 200
    play(phone, {}, until=100)
    assert times(phone, "UPDATE") == [62.01, 76.013]
    assert phone.events(CallEnded) == []


def test_491_to_a_refresh_by_reinvite() -> None:
    phone, peer = agreed("120;refresher=uac")
    peer.answers["INVITE"] = lambda invite: [
        respond(invite, 491) if len(phone.sent("INVITE")) < 3 else respond(invite, 200, sdp=ANSWER)
    ]
    play(phone, {}, until=80)
    assert times(phone, "INVITE") == [1.0, 62.01, 65.08]


# --- the other side refreshes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
@pytest.mark.parametrize("who", ["called", "calling"])
def test_the_other_side_refreshes(method: str, who: str) -> None:
    if who == "called":
        phone, _ = asked(*expires("120;refresher=uac", *TIMER))
        known = phone.sent(200)[0]
    else:
        phone, _ = agreed("120;refresher=uas")
        known = phone.sent("INVITE")[0]
    headers = expires("120;refresher=uac", *TIMER)
    sdp = OFFER if method == "INVITE" else None
    for number, time in enumerate((60, 120, 180), 2):
        script = {time: in_dialog(method, known, number=number, headers=headers, sdp=sdp)}
        if method == "INVITE":
            script[time + 0.1] = in_dialog("ACK", known, number=number)
        play(phone, script, until=time + 1)
        assert timer_of(phone.sent(200)[-1]) == ("120;refresher=uac", "timer")
    assert phone.sent("UPDATE") == []
    play(phone, {}, until=300)
    (ended,) = phone.events(CallEnded)
    assert (ended.at, ended.cause.code, ended.cause.originator) == (268.0, 408, "system")


def test_it_ends_a_third_before_the_end_of_a_short_one() -> None:
    phone, _ = asked(*expires("90;refresher=uac", *TIMER))
    play(phone, {}, until=70)
    assert [event.at for event in phone.events(CallEnded)] == [62.0]


def test_a_request_without_timer_keeps_it_and_who_refreshes() -> None:
    phone, _ = asked(*expires("120;refresher=uas", *TIMER))
    update = in_dialog("UPDATE", phone.sent(200)[0], headers=TIMER)
    play(phone, {3: update}, until=4)
    assert timer_of(phone.sent(200)[-1]) == ("120;refresher=uas", "timer")


def test_a_request_of_one_that_knows_no_timer_stops_it() -> None:
    phone, _ = asked(*expires("120;refresher=uac", *TIMER))
    play(phone, {3: in_dialog("UPDATE", phone.sent(200)[0])}, until=300)
    assert timer_of(phone.sent(200)[-1]) == (None, None)
    assert phone.events(CallEnded) == []


def test_too_short_an_interval_in_a_refresh_gets_422_and_changes_nothing() -> None:
    phone, _ = asked(*expires("120;refresher=uac", *TIMER))
    play(phone, {3: in_dialog("UPDATE", phone.sent(200)[0], headers=expires("30", *TIMER))}, until=4)
    assert phone.sent(422)[0].headers.get("Min-SE") == "90"
    play(phone, {}, until=200)
    assert [event.at for event in phone.events(CallEnded)] == [90.0]


def test_nothing_fires_after_the_end() -> None:
    phone, _ = agreed("120;refresher=uac", *ALLOW)
    play(phone, {3: HangUp(call_id="1")}, until=300)
    assert phone.sent("UPDATE") == []
    assert len(phone.events(CallEnded)) == 1
    settle_down(phone)
