"""What is done in a call: hold, mute, tones."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from jzrx import CallError, JambonzCall
from jzrx.events import DtmfSent
from jzrx.testing.peer import in_dialog
from tests.bench import SDP, Bench, inbound, outbound, told

HELD = SDP.replace("sendrecv", "sendonly")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.connected()
    yield bench
    await bench.close()


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


async def test_a_second_toggle_takes_the_first_back_where_the_snapshot_does_not_show_that_yet(bench: Bench) -> None:
    """Inside a subscriber the state changes only when everybody has seen the one before."""
    call = await outbound(bench)

    def twice(held: bool) -> None:
        call.toggle_mute()
        call.toggle_mute()

    heard = told(call)
    call.on("hold", twice)
    await bench.finish(call.hold())
    assert [name for name, *_ in heard if name == "mute"] == ["mute", "mute"]
    assert not call.is_muted
    assert not bench.session(call.id).is_muted


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


async def test_mute_in_the_handler_that_answers_or_calls(bench: Bench) -> None:
    muted: list[JambonzCall] = []

    def take(call: JambonzCall) -> None:
        call.mute()
        call.unmute()
        call.mute()
        call.answer()
        other = bench.client.call("carol")
        other.mute()
        muted.extend((call, other))

    bench.client.on("incoming", take)
    await inbound(bench)
    await bench.pass_time(0.1)
    assert [(call.is_muted, bench.session(call.id).is_muted) for call in muted] == [(True, True)] * 2


WITH_EVENTS = f"{SDP}a=rtpmap:110 telephone-event/48000\r\n"


async def with_events(bench: Bench) -> JambonzCall:
    """A call whose other side takes tones by RTP."""
    bench.answers(WITH_EVENTS)
    call = bench.client.call("bob")
    await bench.until(lambda: call.state == "connected")
    return call


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


async def test_tones_go_out_by_rtp_where_it_was_negotiated(bench: Bench) -> None:
    call = await with_events(bench)
    await bench.finish(call.send_dtmf("1#a,2", duration_ms=160))
    assert bench.session(call.id).tones == ["1#A,2"]
    assert [(event.tone, event.method) for event in bench.events if isinstance(event, DtmfSent)] == [
        ("1", "rtp"),
        ("#", "rtp"),
        ("A", "rtp"),
        ("2", "rtp"),
    ]
    assert not bench.sent("INFO")
    await bench.finish(call.send_dtmf("3", method="info"))
    assert len(bench.sent("INFO")) == 1


async def test_tones_asked_for_before_the_media_is_known_wait_for_it(bench: Bench) -> None:
    bench.media.connects = False
    call = await with_events(bench)
    bench.session(call.id).remote_descriptions.clear()
    action = call.send_dtmf("1")
    forced = call.send_dtmf("2", method="rtp")
    await bench.pass_time(0.5)
    assert not action.done
    bench.session(call.id).remote_descriptions.append(WITH_EVENTS)
    bench.session(call.id).connect()
    await bench.finish(forced)
    assert bench.session(call.id).tones == ["1", "2"]
    assert not bench.sent("INFO")


async def test_who_is_held_sends_tones_by_info(bench: Bench) -> None:
    call = await with_events(bench)
    bench.peer.say(
        in_dialog("INVITE", bench.sent("INVITE")[0], number=2, sdp=WITH_EVENTS.replace("sendrecv", "sendonly"))
    )
    await bench.pass_time(0.2)
    assert call.is_remotely_held
    with pytest.raises(CallError, match="holds the call"):
        call.send_dtmf("1", method="rtp")
    await bench.finish(call.send_dtmf("2"))
    assert len(bench.sent("INFO")) == 1


async def test_sequences_wait_for_each_other_whatever_their_method(bench: Bench) -> None:
    call = await with_events(bench)
    actions = [call.send_dtmf("1"), call.send_dtmf("2", method="info"), call.send_dtmf("3"), call.send_dtmf("4")]
    for action in actions:
        await bench.finish(action)
    assert [event.tone for event in bench.events if isinstance(event, DtmfSent)] == ["1", "2", "3", "4"]


async def test_a_sequence_that_fails_does_not_stop_the_next(bench: Bench) -> None:
    call = await with_events(bench)
    bench.peer.answers["INFO"] = 415
    refused, fine = call.send_dtmf("12", method="info"), call.send_dtmf("3")
    with pytest.raises(CallError) as caught:
        await bench.finish(refused)
    assert caught.value.code == 415
    await bench.finish(fine)
    assert bench.session(call.id).tones == ["3"]


async def test_the_end_of_the_call_ends_tones_that_wait(bench: Bench) -> None:
    call = await with_events(bench)
    bench.peer.answers["INFO"] = ()
    actions = [call.send_dtmf("1", method="info"), call.send_dtmf("2"), call.send_dtmf("3", method="info")]
    call.hangup()
    for action in actions:
        with pytest.raises(CallError):
            await bench.finish(action)


async def test_received_tones_are_told(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    bench.session(call.id).press("5")
    body = b"Signal=7\r\nDuration=100\r\n"
    bench.peer.say(in_dialog("INFO", bench.sent("INVITE")[0], body=body, content_type="application/dtmf-relay"))
    await bench.pass_time(0.1)
    assert heard == [("dtmf", "5"), ("dtmf", "7")]
