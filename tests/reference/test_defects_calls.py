"""D10 to D25: what the reference SDK does not keep of its promises about calls, and jzrx does."""

import asyncio
from typing import Any

import pytest

import jzrx
from jzrx import CallEndCause, CallError, JambonzCall, JambonzError
from jzrx.testing import hears_silence
from jzrx.testing.peer import in_dialog, request, respond
from tests.bench import SDP, Bench, answered, inbound, outbound, told
from tests.interop.phones import hears_tone
from tests.reference.conftest import Phone, answering, silent_stun

REMOTE_HOLD = SDP.replace("sendrecv", "sendonly")


def directions(bench: Bench) -> list[str]:
    """What each INVITE of ours offered."""
    lines = [line for invite in bench.sent("INVITE") for line in invite.body.decode().splitlines()]
    return [line[2:] for line in lines if line in ("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive")]


async def say_in_call(bench: Bench, sdp: str, number: int) -> str:
    """The other side sends a re-INVITE in the first call that we made; the direction of our answer."""
    invite = bench.sent("INVITE")[0]
    bench.peer.say(in_dialog("INVITE", invite, number=number, sdp=sdp))
    await bench.pass_time(0.2)
    bench.peer.say(in_dialog("ACK", invite, number=number))
    answer = bench.peer.last_response(200).body.decode()
    return next(line[2:] for line in answer.splitlines() if line.startswith(("a=send", "a=recv", "a=inactive")))


# --- transfer --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made_by_us", [True, False])
async def test_d10_an_attended_transfer_names_the_consultation_whoever_called(bench: Bench, made_by_us: bool) -> None:
    call = await answered(bench, 1)
    consultation = await outbound(bench, "carol") if made_by_us else await answered(bench, 2, "Carol")
    bench.peer.answers["REFER"] = 202
    transfer = call.attended_transfer(consultation)
    await bench.pass_time(0.1)
    (refer,) = bench.sent("REFER")
    ours = bench.sent("INVITE")[0].from_.tag if made_by_us else bench.peer.last_response(200).to.tag
    # RFC 3891 section 3: the tags as the one sees them who gets the INVITE with Replaces.
    assert f"to-tag%3Dpeer%3Bfrom-tag%3D{ours}" in (refer.headers.get("Refer-To") or "")
    await bench.pass_time(6)
    await bench.finish(transfer)
    assert (call.state, consultation.state) == ("ended", "ended")


async def test_d10_a_transfer_before_the_answer_says_what_is_wrong(bench: Bench) -> None:
    call = bench.client.call("bob")
    with pytest.raises(CallError, match="not answered yet"):
        call.transfer("carol")


async def test_d10_a_transfer_has_succeeded_when_it_has(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    bench.peer.answers["REFER"] = 202
    transfer = call.transfer("carol")
    await bench.pass_time(0.2)
    assert (heard, transfer.done) == ([], False), "a 202 is no success"
    report = (("Event", "refer"), ("Subscription-State", "terminated"))
    fragment = {"body": b"SIP/2.0 486 Busy Here", "content_type": "message/sipfrag"}
    bench.peer.say(in_dialog("NOTIFY", bench.sent("INVITE")[0], headers=report, **fragment))
    with pytest.raises(CallError):
        await bench.finish(transfer)
    ((name, error),) = heard
    assert (name, error.code, error.reason, call.state) == ("transferFailed", 486, "Busy Here", "connected")


# --- sound -----------------------------------------------------------------------------------------------------------


async def test_d11_mute_holds_from_the_moment_of_the_call(phone: Phone) -> None:
    alice, bob = await phone("alice"), await answering(phone, "bob")
    call = alice.call("bob")
    call.mute()
    await call.media_ready()
    (other,) = bob.calls.values()
    await other.media_ready()
    await hears_tone(call, 660)
    await hears_silence(other)
    call.unmute()
    await hears_tone(other, 440)


async def test_d11_mute_before_the_answer_holds_and_can_be_taken_back(phone: Phone) -> None:
    alice, bob = await phone("alice"), await phone("bob")
    call = alice.call("bob")
    incoming = await bob.snapshot.wait(lambda now: len(now.calls) > 0, timeout=5)
    other = bob.find_call(next(iter(incoming.calls)))
    assert other is not None
    other.mute()
    await other.answer()
    await hears_tone(other, 440)
    await hears_silence(call)
    assert other.is_muted
    other.unmute()
    await hears_tone(call, 660)


async def test_d12_each_call_has_audio_of_its_own(phone: Phone) -> None:
    alice, *_ = await phone("alice"), await answering(phone, "bob"), await answering(phone, "carol")
    first, second = alice.call("bob"), alice.call("carol")
    await asyncio.gather(hears_tone(first, 660), hears_tone(second, 1000))
    await first.hangup()
    await hears_tone(second, 1000)


async def test_d19_early_media_is_heard_before_the_answer(phone: Phone) -> None:
    alice = await phone("alice")
    call = alice.call_application("early")
    await hears_tone(call, 880)
    assert (call.state, call.duration, call.snapshot.value.answered_at) == ("ringing", 0, None)


async def test_d21_a_stun_server_that_is_silent_does_not_hold_the_call_up(phone: Phone) -> None:
    with silent_stun() as (silent, url):
        alice = await phone("alice", pc_config={"iceServers": [{"urls": url}]})
        loop = asyncio.get_running_loop()
        began = loop.time()
        call = alice.call("echo")
        await call.answered()
        assert loop.time() - began < 4, "the reference waits 5 to 40 s"
        await hears_tone(call, 440)
        assert silent.recv(2048), "it was asked"


# --- hold ------------------------------------------------------------------------------------------------------------


async def test_d13_the_other_sides_hold_is_not_ours(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    await say_in_call(bench, REMOTE_HOLD, 2)
    assert (call.is_held, call.is_remotely_held, call.state) == (False, True, "connected")
    assert heard == [("remoteHold", True)]
    bench.answers(SDP.replace("sendrecv", "inactive"))
    await bench.finish(call.hold())
    assert (call.is_held, call.is_remotely_held, call.state) == (True, True, "held")
    await say_in_call(bench, SDP, 3)
    assert (call.is_held, call.is_remotely_held) == (True, False)
    bench.answers()
    await bench.finish(call.unhold())
    assert (call.is_held, call.state) == (False, "connected")
    assert directions(bench)[0] == directions(bench)[-1] == "sendrecv"
    assert directions(bench)[1] in ("sendonly", "inactive")


async def test_d13_a_re_invite_does_not_open_the_audio_that_we_hold(bench: Bench) -> None:
    call = await outbound(bench)
    await bench.finish(call.hold())
    assert await say_in_call(bench, SDP, 2) == "sendonly"
    assert bench.session(call.id).is_held
    assert call.is_held


async def test_d14_hold_is_shown_when_it_is_confirmed(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    bench.peer.answers["INVITE"] = ()
    holding = call.hold()
    await bench.pass_time(1)
    assert (call.is_held, heard, holding.done) == (False, [], False)
    bench.peer.reply("INVITE", 200, sdp=SDP)
    await bench.finish(holding)
    assert (call.is_held, heard) == (True, [("stateChanged", "held"), ("hold", True)])


async def test_d14_a_hold_that_is_refused_leaves_the_call(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    bench.peer.answers["INVITE"] = 488
    with pytest.raises(CallError) as refused:
        await bench.finish(call.hold())
    assert refused.value.code == 488
    await bench.pass_time(5)
    assert (call.state, call.is_held, heard, bench.sent("BYE")) == ("connected", False, [], [])


# --- the end ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "cause"),
    [
        ({}, CallEndCause(200, "Normal call clearing", "remote")),
        ({"Reason": 'SIP;cause=480;text="No agent"'}, CallEndCause(480, "No agent", "remote")),
        ({"Reason": "Q.850;cause=16", "X-Reason": "bye"}, CallEndCause(200, "bye", "remote", 16)),
    ],
)
async def test_d15_the_end_tells_what_the_bye_says(bench: Bench, headers: dict[str, str], cause: CallEndCause) -> None:
    call = await outbound(bench)
    heard = told(call)
    bench.bye(bench.sent("INVITE")[0], **headers)
    await bench.until(lambda: call.state == "ended")
    assert heard[-1] == ("ended", cause)


async def test_d15_a_refusal_tells_the_servers_own_words(bench: Bench) -> None:
    words = (("X-Reason", "Maximum Calls In Progress"),)
    bench.peer.answers["INVITE"] = lambda invite: [respond(invite, 503, headers=words)]
    call = bench.client.call("bob")
    heard = told(call)
    await bench.until(lambda: call.state == "ended")
    assert heard[-1] == ("failed", CallEndCause(503, "Maximum Calls In Progress", "remote"))


async def test_d15_no_answer_is_no_cancellation(bench: Bench) -> None:
    bench.peer.answers["INVITE"] = (100, 180)
    unanswered, given_up = bench.client.call("bob", no_answer_timeout=5), bench.client.call("carol")
    heard, other = told(unanswered), told(given_up)
    await bench.pass_time(1)
    given_up.hangup()
    await bench.pass_time(5)
    assert heard[-1] == ("failed", CallEndCause(408, "No Answer", "system"))
    assert other[-1] == ("failed", CallEndCause(487, "Request Terminated", "local"))


async def test_d15_a_call_without_a_connection_is_refused(bench: Bench) -> None:
    bench.peer.wire.drop()
    await bench.catch_up()
    with pytest.raises(jzrx.ConnectionError, match="wait for the state registered"):
        bench.client.call("bob")


# --- tones -----------------------------------------------------------------------------------------------------------


async def test_d16_dtmf_is_what_the_other_side_presses_by_rtp(phone: Phone) -> None:
    alice, bob = await phone("alice"), await answering(phone, "bob")
    call = alice.call("bob")
    pressed: list[str] = []
    ours: list[str] = []
    arrived = asyncio.Event()
    call.on("dtmf", ours.append)
    await call.media_ready()
    (other,) = bob.calls.values()
    other.on("dtmf", lambda tone: (pressed.append(tone), len(pressed) == 2 and arrived.set()))
    await other.media_ready()
    await call.send_dtmf("4#", method="rtp")
    await asyncio.wait_for(arrived.wait(), 5)
    assert (pressed, ours) == (["4", "#"], [])


async def test_d17_an_info_that_nobody_answers_does_not_end_the_call(bench: Bench) -> None:
    call = await outbound(bench)
    bench.peer.answers["INFO"] = ()
    with pytest.raises(CallError) as unanswered:
        await bench.finish(call.send_dtmf("1", method="info"))
    assert unanswered.value.code == 408
    await bench.pass_time(60, step=1)
    assert call.state == "connected"


# --- states and data -------------------------------------------------------------------------------------------------


async def test_d18_the_states_are_those_of_the_documentation(bench: Bench) -> None:
    bench.peer.answers["INVITE"] = (100, 180)
    call = bench.client.call("bob")
    shown: list[str] = []
    call.snapshot.subscribe(lambda now: now.state in shown or shown.append(now.state))
    await bench.pass_time(0.2)
    bench.peer.reply("INVITE", 200, sdp=SDP)
    await bench.until(lambda: call.state == "connected")
    assert shown == ["idle", "connecting", "ringing", "connected"]

    met: list[str] = []
    heard: list[Any] = []

    def incoming(call: JambonzCall) -> None:
        met.append(call.state)
        heard.append(told(call))

    bench.client.on("incoming", incoming)
    await answered(bench)
    assert met == ["ringing"]
    assert [event for event in heard[0] if event[0] == "stateChanged"] == [
        ("stateChanged", "connecting"),
        ("stateChanged", "connected"),
    ]
    assert "progress" not in heard[0]


async def test_d20_answer_takes_options_and_a_refusal_its_code(bench: Bench) -> None:
    call = await inbound(bench)
    call.answer(
        headers={"X-Agent": "7"},
        preferred_codecs=["PCMA"],
        pc_config={"iceServers": [{"urls": "stun:stun.example.com"}]},
    )
    await bench.until(lambda: call.state == "connecting")
    await bench.pass_time(0.1)
    assert bench.peer.last_response(200).headers.get("X-Agent") == "7"
    config = bench.session(call.id).config
    assert (config.preferred_codecs[0], config.ice_servers[0].urls) == ("PCMA", ("stun:stun.example.com",))
    declined, busy = await inbound(bench, 2), await inbound(bench, 3)
    declined.hangup()
    busy.hangup(603)
    await bench.pass_time(0.1)
    assert bench.peer.last_response(486).call_id == "call2"
    assert bench.peer.last_response(603).call_id == "call3"
    await inbound(bench, 4)
    bench.client.decline_incoming()
    await bench.pass_time(0.1)
    assert bench.peer.last_response(486).call_id == "call4"


async def test_d20_an_answer_without_options_has_the_servers_of_the_client(bench: Bench) -> None:
    incoming, outgoing = await answered(bench), await outbound(bench)
    servers = [bench.session(call.id).config.ice_servers for call in (incoming, outgoing)]
    assert servers[0] == servers[1] != ()


async def test_d20_a_call_rings_as_long_as_the_caller_lets_it(bench: Bench) -> None:
    call = await inbound(bench)
    await bench.pass_time(90, step=1)
    assert call.state == "ringing"


async def test_d22_ended_still_knows_the_duration(bench: Bench) -> None:
    bench.answers(**{"X-Call-Sid": "c0ffee"})
    call = bench.client.call("bob")
    await bench.until(lambda: call.state == "connected")
    known: list[int] = []
    call.on("ended", lambda cause: known.append(call.duration))
    await bench.pass_time(7.2)
    call.hangup()
    assert known == [call.duration] == [7]
    assert call.remote_headers["x-call-sid"] == "c0ffee"


async def test_d22_headers_of_every_message_of_the_other_side_can_be_read(bench: Bench) -> None:
    call = await inbound(bench, X_Order="17")
    assert call.remote_headers["x-order"] == "17"
    made = await outbound(bench)
    bench.bye(bench.sent("INVITE")[-1], **{"X-Summary": "all well"})
    await bench.until(lambda: made.state == "ended")
    assert made.remote_headers["X-Summary"] == "all well"


async def test_d23_a_handler_that_raises_hurts_nobody(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    def wrong() -> None:
        raise LookupError("the handler's own fault")

    bench.answers()
    call = bench.client.call("bob")
    call.on("accepted", wrong)
    heard = told(call)
    await bench.until(lambda: call.state == "connected")
    await bench.pass_time(1)
    assert (call.state, "accepted" in heard) == ("connected", True)
    assert "the handler's own fault" in caplog.text


async def test_d23_misuse_is_told_in_our_own_words(bench: Bench) -> None:
    with pytest.raises(ValueError, match="contains CR, LF or NUL"):
        bench.client.call("bob", headers={"X-Note": "one\r\nVia: two"})
    call = await outbound(bench)
    for misuse in (call.answer, lambda: bench.client.answer_incoming()):
        with pytest.raises(JambonzError):
            misuse()
    call.hangup()
    for action in (call.hold, call.mute, lambda: call.send_dtmf("1"), lambda: call.transfer("carol")):
        with pytest.raises(CallError, match="the call has ended"):
            action()
    call.hangup()


@pytest.mark.parametrize(
    ("target", "uri"),
    [
        ("100%", "sip:100%25@example.com"),
        (" +1 (555) 123-4567", "sip:+15551234567@example.com"),
        ("bob@other.example", "sip:bob@other.example"),
    ],
)
async def test_d24_targets_are_what_people_write(bench: Bench, target: str, uri: str) -> None:
    bench.client.call(target)
    await bench.pass_time(0.1)
    assert str(bench.sent("INVITE")[-1].uri) == uri


async def test_d24_a_name_does_not_change_the_domain(bench: Bench) -> None:
    for verb in (bench.client.call_user, bench.client.call_queue, bench.client.call_conference):
        with pytest.raises(ValueError, match="not in the realm example.com"):
            verb("x@host")


async def test_d25_an_invite_for_whoever_it_names_is_ours(bench: Bench) -> None:
    heard = told(bench.client)
    bench.peer.say(
        request("INVITE", uri="sip:override@elsewhere.invalid", to="<sip:override@elsewhere.invalid>", sdp=SDP)
    )
    await bench.until(lambda: bench.client.call_count == 1)
    ((name, call),) = heard
    assert (name, call.state) == ("incoming", "ringing")
