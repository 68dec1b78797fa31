"""Calls from their beginning to their end: each promise of the contract, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jzrx import CallEndCause, CallError
from jzrx.media import tone
from jzrx.testing.peer import request, respond
from tests.bench import SDP, Bench, answered, inbound, outbound, told


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.connected()
    yield bench
    await bench.close()


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
        ({"target": "bob", "audio": lambda: None}, ValueError),
        ({"target": "bob", "audio": lambda: "hello.wav"}, ValueError),
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
    with pytest.raises(ValueError, match="code"):
        bench.client.decline_incoming(code)


@pytest.mark.parametrize("reason", [5, b"busy", "a\r\nb", "\ud800"])
async def test_a_reason_of_hangup_is_checked(bench: Bench, reason: Any) -> None:
    call = await outbound(bench)
    with pytest.raises(ValueError, match="reason"):
        call.hangup(reason=reason)
    with pytest.raises(ValueError, match="headers"):
        call.hangup(headers=reason)


async def test_an_application_is_named_by_its_sid_alone(bench: Bench) -> None:
    bench.client.call_application("abc-1@example.com")
    await bench.pass_time(0.1)
    assert bench.sent("INVITE")[0].headers.get("X-Application-Sid") == "abc-1"


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


async def test_the_options_of_an_answer_may_be_named(bench: Bench) -> None:
    call = await inbound(bench)
    call.answer(options={"headers": {"X-Desk": "7"}})
    await bench.pass_time(0.1)
    assert bench.peer.last_response(200).headers.get("X-Desk") == "7"


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
