"""Calls: each promise of the contract, in virtual time against a scripted peer."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from attrs import evolve

import jzrx
from jzrx import CallEndCause, CallError, CallQualityStats, JambonzCall
from jzrx.media import tone
from jzrx.sip.message import Response
from jzrx.testing.peer import in_dialog, request, respond
from tests.bench import SDP, Bench

HELD = SDP.replace("sendrecv", "sendonly")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.connected()
    yield bench
    await bench.close()


def told(call: JambonzCall) -> list[Any]:
    """Everything that the named events of a call say from now on."""
    heard: list[Any] = []
    for name in ("accepted", "progress"):
        call.on(name, lambda name=name: heard.append(name))
    for name in ("ended", "failed", "stateChanged", "hold", "mute", "dtmf", "remoteHold", "qualityStats"):
        call.on(name, lambda payload, name=name: heard.append((name, payload)))
    return heard


async def outbound(bench: Bench, target: str = "bob", **options: Any) -> JambonzCall:
    """A call that the peer has answered."""
    bench.answers()
    call = bench.client.call(target, **options)
    await bench.until(lambda: call.state == "connected")
    return call


async def inbound(bench: Bench, number: int = 1, name: str = "Bob", **headers: str) -> JambonzCall:
    """A call that rings here."""
    before = bench.client.call_count
    bench.invite(number, name, **headers)
    await bench.until(lambda: bench.client.call_count > before)
    return list(bench.client.calls.values())[-1]


async def answered(bench: Bench, number: int = 1, name: str = "Bob") -> JambonzCall:
    """An incoming call that was answered."""
    call = await inbound(bench, number, name)
    action = call.answer()
    await bench.until(lambda: bench.peer.received and isinstance(bench.peer.received[-1], Response))
    await bench.until(lambda: any(isinstance(m, Response) and m.status_code == 200 for m in bench.peer.received))
    bench.acknowledge()
    await bench.finish(action)
    return call


# --- out -------------------------------------------------------------------------------------------------------------


async def test_a_call_is_there_at_once_and_shows_every_step(bench: Bench) -> None:
    call = bench.client.call("bob")
    assert (call.state, call.direction, call.duration, call.remote_identity) == ("idle", "outbound", 0, "bob")
    assert dict(bench.client.calls) == {call.id: call}
    assert bench.client.current_call is call
    heard = told(call)
    await bench.pass_time(0.1)
    bench.peer.reply("INVITE", 180, headers=(("X-Early", "1"),))
    await bench.pass_time(0.1)
    bench.peer.reply("INVITE", 200, sdp=SDP, headers=(("X-Call-Sid", "s1"),))
    await bench.pass_time(0.1)
    assert heard == [
        ("stateChanged", "connecting"),
        ("stateChanged", "ringing"),
        "progress",
        ("stateChanged", "connected"),
        "accepted",
    ]
    assert (call.remote_headers["x-call-sid"], call.remote_headers["X-EARLY"]) == ("s1", "1")
    await call.answered()
    await call.media_ready()
    await bench.pass_time(3)
    assert call.duration == 3
    bench.bye(bench.sent("INVITE")[0], Reason="Q.850;cause=16;text=over", **{"X-Bye": "1"})
    await bench.pass_time(0.1)
    assert heard[5:] == [("stateChanged", "ended"), ("ended", CallEndCause(200, "over", "remote", 16))]
    assert await call.finished() == CallEndCause(200, "over", "remote", 16)
    assert (call.duration, call.remote_headers["x-bye"]) == (3, "1")
    assert bench.session(call.id).is_closed


@pytest.mark.parametrize(
    ("verb", "target", "uri"),
    [
        ("call", "+1 (555) 123", "sip:+1555123@example.com"),
        ("call_user", "bob", "sip:bob@example.com"),
        ("call_queue", "support", "sip:queue-support@example.com"),
        ("call_conference", "room-1", "sip:conference-room-1@example.com"),
        ("call_application", "abc-1", "sip:app-abc-1@example.com"),
    ],
)
async def test_the_five_verbs(bench: Bench, verb: str, target: str, uri: str) -> None:
    getattr(bench.client, verb)(target, headers={"X-Custom": "1", "x-application-sid": "mine"}, record=True)
    await bench.pass_time(0.1)
    invite = bench.sent("INVITE")[0]
    assert str(invite.uri) == uri
    assert invite.headers.get("X-Custom") == "1"
    assert invite.headers.get("X-Record-Call") == "true"
    assert invite.headers.get_all("X-Application-Sid") == (("mine",) if verb != "call_application" else ("abc-1",))


async def test_options_reach_the_media(bench: Bench) -> None:
    made: list[Any] = []

    def make() -> Any:
        made.append(tone())
        return made[-1]

    call = bench.client.call("bob", {"preferred_codecs": ["pcmu"]}, audio=make, pc_config={"iceServers": []})
    config = bench.session(call.id).config
    assert (config.preferred_codecs, config.ice_servers, config.loopback) == (("PCMU",), (), False)
    assert [config.source] == made
    other = bench.client.call("carol")
    assert bench.session(other.id).config.ice_servers[0].urls == ("stun:stun.l.google.com:19302",)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"target": ""}, ValueError),
        ({"target": "bob", "headers": {"X": "a\r\nb"}}, ValueError),
        ({"target": "bob", "no_answer_timout": 3}, TypeError),
        ({"target": "bob", "no_answer_timeout": -3}, ValueError),
        ({"target": "bob", "options": 3}, TypeError),
    ],
)
async def test_misuse_raises_at_once_and_makes_no_call(
    bench: Bench, arguments: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        bench.client.call(**arguments)
    assert bench.client.call_count == 0


async def test_a_refused_call_fails_with_the_servers_words(bench: Bench) -> None:
    call = bench.client.call("bob")
    heard = told(call)
    waiting = asyncio.ensure_future(call.answered())
    bench.peer.answers["INVITE"] = lambda invite: [
        respond(invite, 503, headers=(("X-Reason", "Maximum Calls In Progress"),))
    ]
    await bench.until(waiting.done)
    cause = CallEndCause(503, "Maximum Calls In Progress", "remote")
    assert heard[-1] == ("failed", cause)
    with pytest.raises(CallError, match="Maximum Calls") as caught:
        await waiting
    assert (caught.value.code, caught.value.reason) == (503, "Maximum Calls In Progress")
    assert await call.finished() == cause
    with pytest.raises(CallError):
        await call.media_ready()


async def test_no_answer_timeout_cancels_and_is_408(bench: Bench) -> None:
    call = bench.client.call("bob", no_answer_timeout=5)
    heard = told(call)
    await bench.pass_time(0.1)
    bench.peer.reply("INVITE", 180)
    await bench.pass_time(4.5)
    assert call.state == "ringing"
    await bench.pass_time(1)
    assert heard[-1] == ("failed", CallEndCause(408, "No Answer", "system"))
    assert len(bench.sent("CANCEL")) == 1


async def test_exactly_one_end_event_and_the_call_has_left(bench: Bench) -> None:
    call = await outbound(bench)
    inside: list[Any] = []
    call.on("ended", lambda _: inside.append((bench.client.call_count, call.state, call.duration)))
    call.on("failed", inside.append)
    await bench.pass_time(2)
    call.hangup()
    assert inside == [(0, "ended", 2)]
    await bench.pass_time(1)
    assert inside == [(0, "ended", 2)]


# --- hanging up ------------------------------------------------------------------------------------------------------


async def test_hangup_before_anything_was_sent(bench: Bench) -> None:
    call = bench.client.call("bob")
    heard = told(call)
    action = call.hangup()
    assert call.state == "ended"
    assert heard == [("stateChanged", "ended"), ("failed", CallEndCause(487, "Request Terminated", "local"))]
    await bench.pass_time(1)
    assert action.done
    assert not bench.sent("INVITE")
    assert bench.session(call.id).is_closed


async def test_hangup_in_ringing_sends_cancel(bench: Bench) -> None:
    call = bench.client.call("bob")
    heard = told(call)
    await bench.pass_time(0.1)
    bench.peer.reply("INVITE", 180)
    await bench.pass_time(0.1)
    action = call.hangup()
    assert (call.state, bench.client.call_count) == ("ended", 0)
    assert heard[-1] == ("failed", CallEndCause(487, "Request Terminated", "local"))
    await bench.finish(action)
    assert len(bench.sent("CANCEL")) == 1


async def test_hangup_in_a_call_sends_bye_and_stops_media_at_once(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    bench.peer.answers["BYE"] = ()
    action = call.hangup(headers={"X-Why": "done"})
    await bench.catch_up()
    assert heard == [("stateChanged", "ended"), ("ended", CallEndCause(200, "Normal call clearing", "local"))]
    assert bench.session(call.id).is_closed
    assert call.hangup() is not None  # twice does no harm
    await bench.pass_time(31)
    assert not action.done
    await bench.pass_time(2)
    assert action.done
    await action  # never raises
    assert bench.sent("BYE")[0].headers.get("X-Why") == "done"


@pytest.mark.parametrize("code", [200, 99, 700, "486", True])
async def test_a_code_of_hangup_is_checked(bench: Bench, code: Any) -> None:
    call = await outbound(bench)
    with pytest.raises(ValueError, match="code"):
        call.hangup(code)


async def test_disconnect_ends_all_calls(bench: Bench) -> None:
    connected, fresh = await outbound(bench), bench.client.call("carol")
    ends = [told(connected), told(fresh)]
    bench.client.disconnect()
    assert (connected.state, fresh.state, bench.client.call_count) == ("ended", "ended", 0)
    assert [(heard[-1][0], heard[-1][1].code) for heard in ends] == [("ended", 200), ("failed", 487)]


# --- in --------------------------------------------------------------------------------------------------------------


async def test_an_incoming_call_rings_and_is_answered(bench: Bench) -> None:
    seen: list[Any] = []
    bench.client.on(
        "incoming",
        lambda call: seen.append(
            (call, call.state, call.direction, call.remote_identity, call.remote_headers["x-cid"])
        ),
    )
    call = await inbound(bench, X_CID="c1")
    assert seen == [(call, "ringing", "inbound", "Bob", "c1")]
    assert (call.remote_uri, call.remote_display_name) == ("sip:bob@example.com", "Bob")
    assert bench.client.current_call is None
    assert bench.client.incoming_call is call
    heard = told(call)
    action = call.answer(headers={"X-Robot": "yes"}, preferred_codecs=["PCMU"])
    assert call.state == "connecting"
    assert bench.client.current_call is call
    await bench.pass_time(0.1)
    ok = bench.peer.last_response(200)
    assert ok.headers.get("X-Robot") == "yes"
    assert call.state == "connecting"
    bench.acknowledge()
    await bench.finish(action)
    assert heard == [("stateChanged", "connecting"), ("stateChanged", "connected"), "accepted"]
    assert bench.session(call.id).config.preferred_codecs == ("PCMU",)


async def test_without_an_ack_the_call_fails_with_408(bench: Bench) -> None:
    call = await inbound(bench)
    heard = told(call)
    action = call.answer()
    await bench.pass_time(33)
    assert (heard[-1][0], heard[-1][1].code) == ("failed", 408)
    with pytest.raises(CallError):
        await action


async def test_decline_with_a_code(bench: Bench) -> None:
    call = await inbound(bench)
    heard = told(call)
    call.hangup(603)
    assert (heard[-1][0], heard[-1][1].code, heard[-1][1].originator) == ("failed", 603, "local")
    await bench.pass_time(0.1)
    assert bench.peer.last_response(603)


async def test_a_cancelled_incoming_call_fails_with_487(bench: Bench) -> None:
    call = await inbound(bench)
    heard = told(call)
    bench.peer.say(request("CANCEL", from_='"Bob" <sip:bob@example.com>;tag=peer', call_id="call1"))
    await bench.pass_time(0.1)
    assert (heard[-1][0], heard[-1][1].code) == ("failed", 487)
    with pytest.raises(CallError, match="ended"):
        call.answer()


async def test_answer_is_for_ringing_incoming_calls(bench: Bench) -> None:
    ours = bench.client.call("bob")
    with pytest.raises(CallError, match="incoming"):
        ours.answer()
    ours.hangup()
    call = await answered(bench)
    with pytest.raises(CallError, match="already"):
        call.answer()
    with pytest.raises(TypeError, match="no option"):
        call.answer(record=True)


async def test_an_offer_that_cannot_be_answered_is_refused_with_488(bench: Bench) -> None:
    bench.invite(sdp="v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n")
    await bench.until(lambda: bench.client.incoming_call)
    call = bench.client.incoming_call
    assert call is not None
    heard = told(call)
    with pytest.raises(CallError) as caught:
        await bench.finish(call.answer())
    assert caught.value.code == 488
    assert (heard[-1][0], heard[-1][1].code) == ("failed", 488)
    await bench.pass_time(0.1)
    assert "304" in (bench.peer.last_response(488).headers.get("Warning") or "")


# --- hold ------------------------------------------------------------------------------------------------------------


async def test_hold_is_shown_when_confirmed(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    bench.peer.answers["INVITE"] = ()
    action = call.hold()
    await bench.pass_time(0.2)
    assert (call.state, call.is_held, heard) == ("connected", False, [])
    bench.peer.reply("INVITE", 200, sdp=SDP.replace("sendrecv", "recvonly"))
    await bench.finish(action)
    assert (call.state, call.is_held, call.is_remotely_held) == ("held", True, False)
    assert heard == [("stateChanged", "held"), ("hold", True)]
    assert b"a=sendonly" in bench.sent("INVITE")[-1].body
    count = len(bench.sent("INVITE"))
    assert call.hold().done  # it is held: done at once, and no event
    bench.answers()
    await bench.finish(call.unhold())
    assert len(bench.sent("INVITE")) == count + 1
    assert heard[2:] == [("stateChanged", "connected"), ("hold", False)]


async def test_a_refused_hold_leaves_the_call_as_it_was(bench: Bench) -> None:
    call = await outbound(bench)
    errors: list[Any] = []
    bench.client.on("error", errors.append)
    bench.peer.answers["INVITE"] = 488
    with pytest.raises(CallError) as caught:
        await bench.finish(call.hold())
    assert caught.value.code == 488
    assert (call.state, call.is_held, bench.session(call.id).is_held) == ("connected", False, False)
    assert [error.code for error in errors] == [488]
    assert "488" in (bench.client.error or "")


async def test_remote_hold_is_another_fact(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    invite = bench.sent("INVITE")[0]
    bench.peer.say(in_dialog("INVITE", invite, number=2, sdp=HELD))
    await bench.pass_time(0.2)
    assert (call.state, call.is_held, call.is_remotely_held) == ("connected", False, True)
    assert heard == [("remoteHold", True)]
    bench.peer.say(in_dialog("ACK", invite, number=2))
    await bench.finish(call.hold())
    assert (call.state, call.is_held, call.is_remotely_held) == ("held", True, False)


async def test_toggles(bench: Bench) -> None:
    call = await outbound(bench)
    await bench.finish(call.toggle_hold())
    assert call.is_held
    await bench.finish(call.toggle_hold())
    assert not call.is_held
    call.toggle_mute()
    assert call.is_muted
    call.toggle_mute()
    assert not call.is_muted


async def test_what_needs_an_answered_call_says_so(bench: Bench) -> None:
    call = bench.client.call("bob")
    for action in (call.hold, call.unhold, lambda: call.send_dtmf("1")):
        with pytest.raises(CallError, match="not answered"):
            action()
    call.hangup()
    for action in (call.hold, call.mute, call.unmute, lambda: call.send_dtmf("1"), call.start_quality_monitoring):
        with pytest.raises(CallError, match="has ended"):
            action()


# --- mute ------------------------------------------------------------------------------------------------------------


async def test_mute_works_from_the_first_moment(bench: Bench) -> None:
    call = bench.client.call("bob")
    heard = told(call)
    assert call.mute().done
    assert call.mute().done  # again: no event
    assert call.is_muted
    assert bench.session(call.id).is_muted
    call.unmute()
    assert heard[:2] == [("mute", True), ("mute", False)]
    assert not bench.session(call.id).is_muted


async def test_mute_before_the_answer_is_kept(bench: Bench) -> None:
    call = await inbound(bench)
    call.mute()
    call.answer()
    await bench.pass_time(0.1)
    assert call.is_muted
    assert bench.session(call.id).is_muted


# --- DTMF ------------------------------------------------------------------------------------------------------------


async def test_tones_go_out_by_info_in_order(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    await bench.finish(call.send_dtmf("1#a", duration_ms=160))
    assert [info.body.decode().split()[:2] for info in bench.sent("INFO")] == [
        ["Signal=1", "Duration=160"],
        ["Signal=#", "Duration=160"],
        ["Signal=A", "Duration=160"],
    ]
    assert heard == []  # `dtmf` is what was received


async def test_a_tone_that_nobody_takes_fails_and_the_call_stays(bench: Bench) -> None:
    call = await outbound(bench)
    bench.peer.answers["INFO"] = ()
    with pytest.raises(CallError) as caught:
        await bench.finish(call.send_dtmf("1"))
    assert caught.value.code == 408
    await bench.pass_time(40, step=1)
    assert call.state == "connected"


@pytest.mark.parametrize(
    "arguments",
    [
        {"tones": ""},
        {"tones": "x"},
        {"tones": "1 2"},
        {"tones": 1},
        {"tones": "1", "duration_ms": 39},
        {"tones": "1", "duration_ms": 1301},
        {"tones": "1", "gap_ms": 39},
        {"tones": "1", "gap_ms": 5001},
        {"tones": "1", "gap_ms": 70.5},
        {"tones": "1", "method": "sip"},
    ],
)
async def test_bad_tones_are_misuse(bench: Bench, arguments: dict[str, Any]) -> None:
    call = await outbound(bench)
    with pytest.raises(ValueError):
        call.send_dtmf(**arguments)


async def test_rtp_was_not_negotiated(bench: Bench) -> None:
    call = await outbound(bench)
    with pytest.raises(CallError, match="telephone-event"):
        call.send_dtmf("1", method="rtp")
    await bench.finish(call.send_dtmf("1", method="info"))


async def test_received_tones_are_told(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    bench.session(call.id).press("5")
    body = b"Signal=7\r\nDuration=100\r\n"
    bench.peer.say(in_dialog("INFO", bench.sent("INVITE")[0], body=body, content_type="application/dtmf-relay"))
    await bench.pass_time(0.1)
    assert heard == [("dtmf", "5"), ("dtmf", "7")]


# --- from inside handlers ---------------------------------------------------------------------------------------------


async def test_a_handler_may_call_again(bench: Bench) -> None:
    again: list[JambonzCall] = []
    heard: list[Any] = []

    def redial(cause: CallEndCause) -> None:
        call = bench.client.call("carol")
        assert (call.state, call.remote_identity) == ("idle", "carol")
        again.append(call)
        heard.extend([told(call)])

    bench.peer.answers["INVITE"] = 486
    bench.client.call("bob").once("failed", redial)
    await bench.until(lambda: again)
    await bench.until(lambda: again[0].state == "ended")
    assert [event for event in heard[0] if event[0] == "stateChanged"] == [
        ("stateChanged", "connecting"),
        ("stateChanged", "ended"),
    ]


async def test_a_handler_may_answer_or_decline(bench: Bench) -> None:
    decide = {"Bob": lambda call: call.answer(), "Carol": lambda call: call.hangup(603)}
    bench.client.on("incoming", lambda call: decide[call.remote_identity](call))
    bench.invite(1, "Bob")
    bench.invite(2, "Carol")
    await bench.pass_time(0.2)
    assert {
        m.call_id: m.status_code
        for m in bench.peer.received
        if isinstance(m, Response) and m.status_code >= 200 and m.cseq.method == "INVITE"
    } == {"call1": 200, "call2": 603}


async def test_a_subscriber_that_acts_does_not_disorder_the_others(bench: Bench) -> None:
    call = await outbound(bench)
    rows: list[tuple[str, bool]] = []
    call.snapshot.subscribe(lambda now: now.is_held and not now.is_muted and call.mute())
    call.snapshot.subscribe(lambda now: rows.append((str(now.state), now.is_muted)))
    await bench.finish(call.hold())
    assert rows == [("connected", False), ("held", False), ("held", True)]


# --- several calls ---------------------------------------------------------------------------------------------------


async def test_calls_are_independent(bench: Bench) -> None:
    first, second = await outbound(bench), await outbound(bench, "carol")
    assert (bench.client.call_count, bench.client.current_call) == (2, second)
    first.mute()
    assert (first.is_muted, second.is_muted) == (True, False)
    second.hangup()
    assert first.state == "connected"
    assert bench.client.current_call is first
    assert not bench.session(first.id).is_closed


async def test_make_call_holds_first(bench: Bench) -> None:
    first = await outbound(bench)
    states: list[str] = []
    first.snapshot.subscribe(lambda now: states.append(str(now.state)))
    action = bench.client.make_call("carol")
    second = bench.client.current_call
    assert second is not None
    assert second is not first
    assert second.state == "idle"
    assert await bench.finish(action) is second
    assert states == ["connected", "held"]
    order = [str(invite.uri) for invite in bench.sent("INVITE")]
    assert "carol" in order[-1]
    second.hangup()
    assert bench.client.current_call is first
    assert first.state == "held"


async def test_make_call_whose_hold_is_refused_changes_nothing(bench: Bench) -> None:
    first = await outbound(bench)
    bench.peer.answers["INVITE"] = 488
    with pytest.raises(CallError) as caught:
        await bench.finish(bench.client.make_call("carol"))
    assert caught.value.code == 488
    assert (bench.client.current_call, bench.client.call_count, first.state) == (first, 1, "connected")
    assert not any("carol" in str(invite.uri) for invite in bench.sent("INVITE"))


@pytest.mark.parametrize("status", [200, 488])
async def test_a_new_call_may_be_hung_up_while_the_hold_is_under_way(bench: Bench, status: int) -> None:
    first = await outbound(bench)
    bench.peer.answers["INVITE"] = ()
    action = bench.client.make_call("carol")
    await bench.pass_time(0.1)
    second = bench.client.current_call
    assert second is not None
    second.hangup()
    with pytest.raises(CallError) as caught:
        await bench.finish(action)
    assert caught.value.code == 487
    bench.peer.reply("INVITE", status, sdp=SDP if status == 200 else None)
    await bench.pass_time(0.2)
    assert first.state == ("held" if status == 200 else "connected")
    await bench.finish(bench.client.send_message("bob", "the signalling lives"))


async def test_a_call_that_ends_while_it_is_put_on_hold_is_no_obstacle(bench: Bench) -> None:
    first = await outbound(bench)
    bench.peer.answers["INVITE"] = ()
    action = bench.client.make_call("carol")
    await bench.pass_time(0.1)
    bench.answers()
    first.hangup()
    second = await bench.finish(action)
    assert (first.state, second.state, bench.client.current_call) == ("ended", "connected", second)


async def test_answer_incoming_holds_first_and_takes_the_oldest(bench: Bench) -> None:
    first = await outbound(bench)
    second, third = await inbound(bench, 1, "Bob"), await inbound(bench, 2, "Carol")
    bench.answers()
    action = bench.client.answer_incoming()
    assert second.state == "ringing"
    await bench.until(lambda: first.state == "held")
    await bench.until(
        lambda: any(
            isinstance(m, Response) and m.status_code == 200 and m.call_id == "call1" for m in bench.peer.received
        )
    )
    bench.acknowledge()
    await bench.finish(action)
    assert (second.state, third.state, bench.client.current_call) == ("connected", "ringing", second)
    bench.client.decline_incoming(480)
    assert third.state == "ended"
    assert bench.client.decline_incoming().done
    with pytest.raises(CallError, match="no incoming"):
        bench.client.answer_incoming()
    second.hangup()
    assert bench.client.current_call is first


async def test_answer_incoming_whose_hold_is_refused_changes_nothing(bench: Bench) -> None:
    first = await outbound(bench)
    second = await inbound(bench)
    bench.peer.answers["INVITE"] = 488
    with pytest.raises(CallError):
        await bench.finish(bench.client.answer_incoming())
    assert (first.state, second.state, bench.client.current_call) == ("connected", "ringing", first)


async def test_a_call_survives_a_drop(bench: Bench) -> None:
    call = await outbound(bench)
    bench.peer.wire.drop()
    with pytest.raises(jzrx.ConnectionError, match="Not connected"):
        bench.client.call("carol")
    call.mute()
    await bench.until(lambda: bench.client.state == "registered")
    assert call.state == "connected"
    await bench.finish(call.hold())


# --- media -----------------------------------------------------------------------------------------------------------


async def test_an_answered_call_without_media_is_ended(bench: Bench) -> None:
    bench.media.connects = False
    call = await outbound(bench)
    heard = told(call)
    await bench.pass_time(9.5)
    assert call.state == "connected"
    await bench.pass_time(1)
    assert heard[-1][0] == "ended"
    assert (heard[-1][1].code, heard[-1][1].reason) == (408, "No media path")
    assert len(bench.sent("BYE")) == 1


async def test_media_that_fails_ends_the_call_at_once(bench: Bench) -> None:
    bench.media.connects = False
    call = await outbound(bench)
    bench.session(call.id).fail()
    assert call.state == "ended"
    assert (await call.finished()).code == 408


async def test_media_that_fails_later_does_not(bench: Bench) -> None:
    call = await outbound(bench)
    bench.session(call.id).fail()
    await bench.pass_time(15)
    assert (call.state, call.snapshot.value.media) == ("connected", "failed")


async def test_audio_plays_and_is_heard(bench: Bench) -> None:
    call = bench.client.call("bob")
    frames: list[Any] = []
    call.audio.incoming.subscribe(frames.append, on_completed=lambda: frames.append("over"))
    playback = call.audio.play(tone())
    session = bench.session(call.id)
    session.hear(jzrx.AudioFrame(b"\0" * 1920))
    call.audio.source = other = tone(880)
    assert session.source is other
    assert call.audio.source is other
    call.hangup()
    await asyncio.wait_for(playback.wait(), 5)
    await bench.catch_up()
    assert [type(frame).__name__ for frame in frames] == ["AudioFrame", "str"]
    with pytest.raises(CallError, match="has ended"):
        call.audio.play(tone())
    with pytest.raises(CallError, match="has ended"):
        call.audio.source = tone()


async def test_audio_that_is_asked_for_before_the_answer_begins_with_it(bench: Bench) -> None:
    call = await inbound(bench)
    frames: list[Any] = []
    call.audio.incoming.subscribe(frames.append)
    call.audio.source = base = tone(880)
    playing, stopped = call.audio.play(tone()), call.audio.play(tone())
    stopped.stop()
    await asyncio.wait_for(stopped.wait(), 5)
    call.answer()
    session = bench.session(call.id)
    session.hear(jzrx.AudioFrame(b"\0" * 1920))
    assert len(frames) == 1
    assert session.source is base
    assert len(session.played) == 1
    session.played[0].finish()
    await asyncio.wait_for(playing.wait(), 5)
    playing.stop()


async def test_audio_of_a_call_that_is_never_answered_ends(bench: Bench) -> None:
    call = await inbound(bench)
    ends: list[str] = []
    call.audio.incoming.subscribe(on_completed=lambda: ends.append("incoming"))
    playing = call.audio.play(tone())
    call.hangup()
    await asyncio.wait_for(playing.wait(), 5)
    assert ends == ["incoming"]


async def test_audio_from_another_thread(bench: Bench) -> None:
    call = await asyncio.to_thread(lambda: bench.client.call("bob"))
    await asyncio.to_thread(lambda: call.audio.play(tone()))
    await bench.pass_time(0.1)
    assert len(bench.session(call.id).played) == 1


async def test_media_that_cannot_be_made_fails_the_call(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise OSError("no sockets left")

    ringing = await inbound(bench)
    monkeypatch.setattr(bench.media, "session", broken)
    action = bench.client.make_call("bob")
    with pytest.raises(CallError, match="no sockets left") as caught:
        await bench.finish(action)
    assert caught.value.code == 500
    with pytest.raises(CallError, match="no sockets left"):
        await bench.finish(ringing.answer())
    assert ringing.state == "ringing"
    assert "no sockets left" in caplog.text
    ringing.hangup()


# --- quality ---------------------------------------------------------------------------------------------------------

QUALITY = CallQualityStats(
    round_trip_time=20.0,
    jitter=1.0,
    packet_loss=0.1,
    packets_sent=100,
    packets_received=90,
    packets_lost=10,
    codec="opus",
    timestamp=1.0,
)


async def test_stats_are_none_until_media_is_up(bench: Bench) -> None:
    call = await outbound(bench)
    assert await bench.finish(call.get_stats()) is None
    bench.session(call.id).quality = QUALITY
    assert await bench.finish(call.get_stats()) == QUALITY


async def test_monitoring_samples_the_loss_of_each_interval(bench: Bench) -> None:
    call = bench.client.call("bob")
    heard: list[CallQualityStats] = []
    call.on("qualityStats", heard.append)
    call.start_quality_monitoring(500)  # before there is media: it waits for it
    bench.answers()
    await bench.until(lambda: call.state == "connected")
    session = bench.session(call.id)
    session.quality = QUALITY
    await bench.pass_time(0.6)
    session.quality = evolve(QUALITY, packets_received=120, packets_lost=20, packet_loss=0.14)
    await bench.pass_time(0.5)
    session.quality = evolve(QUALITY, packets_received=150, packets_lost=19, packet_loss=0.11)
    await bench.pass_time(0.5)
    assert [sample.packet_loss for sample in heard] == [0.1, 0.25, 0.0]
    assert call.snapshot.value.quality is heard[-1]
    call.stop_quality_monitoring()
    await bench.pass_time(2)
    assert len(heard) == 3
    with pytest.raises(ValueError, match="interval_ms"):
        call.start_quality_monitoring(0)


# --- threads ---------------------------------------------------------------------------------------------------------


async def test_actions_from_another_thread_are_handed_over_in_order(bench: Bench) -> None:
    loop_thread = threading.get_ident()
    threads: set[int] = set()
    heard: list[Any] = []

    def act() -> JambonzCall:
        call = bench.client.call("bob")
        assert call.state in ("idle", "connecting")
        call.on("mute", lambda muted: (heard.append(muted), threads.add(threading.get_ident())))
        call.mute()
        call.unmute()
        call.mute()
        with pytest.raises(CallError):
            call.hold()
        return call

    call = await asyncio.to_thread(act)
    await bench.pass_time(0.1)
    assert heard == [True, False, True]
    assert threads == {loop_thread}
    assert dict(bench.client.calls) == {call.id: call}
    assert bench.sent("INVITE")


async def test_snapshots_of_a_call_are_consistent_with_the_client(bench: Bench) -> None:
    call = bench.client.call("bob")
    glitches: list[Any] = []

    def check(_: Any) -> None:
        ours, clients = call.snapshot.value, bench.client.snapshot.value.calls.get(call.id)
        if clients is not None and clients is not ours:
            glitches.append((ours, clients))

    call.snapshot.subscribe(check)
    bench.client.snapshot.subscribe(check)
    bench.answers()
    await bench.until(lambda: call.state == "connected")
    call.mute()
    await bench.finish(call.hold())
    call.hangup()
    assert glitches == []
