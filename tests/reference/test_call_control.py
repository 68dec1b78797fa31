"""call-control.spec: mute, hold, tones and duration in a call."""

import pytest

from jzrx.sip.message import Request
from jzrx.testing import hears_silence
from tests.bench import Bench, outbound, told
from tests.interop.phones import hears_tone
from tests.reference.conftest import Phone, answering


async def test_05_mute_then_unmute_sends_silence_then_sound(phone: Phone) -> None:
    alice, bob = await phone("alice"), await answering(phone, "bob")
    call = alice.call("bob")
    await call.media_ready()
    (other,) = bob.calls.values()
    await hears_tone(other, 440)
    await call.mute()
    assert call.is_muted
    await hears_silence(other)
    await hears_tone(call, 660)
    await call.unmute()
    assert not call.is_muted
    await hears_tone(other, 440)


async def test_06_toggle_mute_twice_with_one_event_per_change(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    assert not call.is_muted
    call.toggle_mute()
    assert (call.is_muted, bench.session(call.id).is_muted) == (True, True)
    call.mute()
    call.toggle_mute()
    assert (call.is_muted, bench.session(call.id).is_muted) == (False, False)
    call.unmute()
    assert heard == [("mute", True), ("mute", False)]


def direction(invite: Request) -> str:
    (line,) = [line for line in invite.body.decode().splitlines() if line in ("a=sendrecv", "a=sendonly")]
    return line


async def test_07_hold_then_unhold_by_re_invite_sendonly_then_sendrecv(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    await bench.finish(call.hold())
    assert (call.is_held, call.state) == (True, "held")
    await bench.finish(call.unhold())
    assert (call.is_held, call.state) == (False, "connected")
    assert [direction(invite) for invite in bench.sent("INVITE")] == ["a=sendrecv", "a=sendonly", "a=sendrecv"]
    assert [event for event in heard if event[0] == "hold"] == [("hold", True), ("hold", False)]


async def test_07_hold_is_heard_as_silence_and_ends(phone: Phone) -> None:
    alice, bob = await phone("alice"), await answering(phone, "bob")
    call = alice.call("bob")
    await call.media_ready()
    (other,) = bob.calls.values()
    await hears_tone(other, 440)
    await call.hold()
    await hears_silence(other)
    await call.unhold()
    await hears_tone(other, 440)
    await hears_tone(call, 660)


@pytest.mark.parametrize("method", ["rtp", "info"])
async def test_08_four_tones_leave_in_order(bench: Bench, method: str) -> None:
    bench.answers("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 110\r\na=rtpmap:110 telephone-event/48000\r\na=sendrecv\r\n")
    call = bench.client.call("bob")
    await bench.until(lambda: call.state == "connected")
    sending = [call.send_dtmf(tone, method=method) for tone in "12#*"]
    for action in sending:
        await bench.finish(action)
    bodies = [info.body.decode() for info in bench.sent("INFO")]
    if method == "rtp":
        assert (bench.session(call.id).tones, bodies) == (["1", "2", "#", "*"], [])
    else:
        assert bodies == [f"Signal={tone}\r\nDuration=100\r\n" for tone in "12#*"]
        assert {info.headers.get("Content-Type") for info in bench.sent("INFO")} == {"application/dtmf-relay"}


async def test_09_duration_is_whole_seconds_since_the_answer(bench: Bench) -> None:
    bench.peer.answers["INVITE"] = (100, 180)
    call = bench.client.call("bob")
    await bench.pass_time(3)
    assert call.duration == 0
    bench.peer.reply("INVITE", 200, sdp="v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendrecv\r\n")
    await bench.until(lambda: call.state == "connected")
    assert call.duration == 0
    await bench.pass_time(2.5)
    assert call.duration == 2
    assert type(call.duration) is int
