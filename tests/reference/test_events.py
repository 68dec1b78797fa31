"""events.spec: which named events come, and with what."""

import asyncio

import pytest

from jzrx import CallEndCause, RegistrationError
from jzrx.testing import hears_silence
from jzrx.testing.peer import respond
from tests.bench import Bench, outbound, told
from tests.interop.phones import hears_tone
from tests.reference.conftest import Phone, answering


async def test_36_connecting_is_told_and_no_error(idle_bench: Bench) -> None:
    heard = told(idle_bench.client)
    await idle_bench.finish(idle_bench.client.connect())
    names = [event if isinstance(event, str) else event[0] for event in heard]
    assert sorted(set(names)) == ["connected", "registered", "stateChanged"]


async def test_37_a_refused_registration_is_told_with_its_error(idle_bench: Bench) -> None:
    heard = told(idle_bench.client)
    words = (("X-Reason", "Invalid credentials"),)
    idle_bench.peer.answers["REGISTER"] = lambda register: [respond(register, 403, headers=words)]
    with pytest.raises(RegistrationError):
        await idle_bench.finish(idle_bench.client.connect())
    (failure,) = [event[1] for event in heard if event[0] == "registrationFailed"]
    assert type(failure) is RegistrationError
    assert failure.code == 403
    assert [event[1] for event in heard if event[0] == "stateChanged"] == ["connecting", "connected", "error"]


async def test_38_disconnect_is_told_before_it_returns(bench: Bench) -> None:
    heard = told(bench.client)
    bench.client.disconnect()
    assert heard == [("stateChanged", "disconnected"), "disconnected"]


async def test_39_a_call_tells_its_states_and_one_end(bench: Bench) -> None:
    bench.answers()
    call = bench.client.call("bob")
    heard = told(call)
    await bench.pass_time(2)
    await bench.finish(call.hangup())
    await bench.pass_time(60, step=1)
    ends = [event for event in heard if event[0] in ("ended", "failed")]
    assert ends == [("ended", CallEndCause(200, "Normal call clearing", "local"))]
    assert [event[1] for event in heard if event[0] == "stateChanged"] == ["connecting", "connected", "ended"]
    assert heard[-1] == ends[0], "nothing comes after it"


async def test_39_a_call_that_was_never_answered_has_one_end_too(bench: Bench) -> None:
    bench.peer.answers["INVITE"] = (100, 180)
    call = bench.client.call("bob")
    heard = told(call)
    await bench.pass_time(2)
    await bench.finish(call.hangup())
    assert [event for event in heard if event[0] in ("ended", "failed")] == [
        ("failed", CallEndCause(487, "Request Terminated", "local"))
    ]


async def test_40_mute_and_unmute_are_told(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    await bench.pass_time(1)
    call.mute()
    call.unmute()
    assert heard == [("mute", True), ("mute", False)]


async def test_40_mute_before_there_is_audio_is_told_and_true(phone: Phone) -> None:
    alice, bob = await phone("alice"), await answering(phone, "bob")
    call = alice.call("bob")
    heard = told(call)
    call.mute()
    assert heard == [("mute", True)]
    await call.answered()
    await asyncio.wait_for(call.media_ready(), 10)
    (other,) = bob.calls.values()
    await other.media_ready()
    await hears_silence(other)
    call.unmute()
    await hears_tone(other, 440)
    assert [event for event in heard if event[0] == "mute"] == [("mute", True), ("mute", False)]
