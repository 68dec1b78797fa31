"""Two phones made with the hooks call each other through a real Kamailio, and are heard."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jzrx import CallError, CallState, ClientState, RegistrationError, SipMessage, use_jambonz_client
from jzrx.media import tone
from jzrx.testing import hears_silence

from .kamailio import Kamailio
from .phones import Phone, Scheme, hears_tone, phone

ALICE_HZ, BOB_HZ = 440, 1000

both_schemes = pytest.mark.parametrize("scheme", ["ws", "wss"])


@asynccontextmanager
async def alice_and_bob(
    kamailio: Kamailio, scheme: Scheme = "ws", **options: Any
) -> AsyncIterator[tuple[Phone, Phone]]:
    async with (
        phone(kamailio, "alice", scheme, audio=tone(ALICE_HZ), **options) as alice,
        phone(kamailio, "bob", scheme, audio=tone(BOB_HZ), **options) as bob,
    ):
        yield alice, bob


async def up(alice: Phone, bob: Phone) -> None:
    """Alice calls, Bob answers."""
    calling = alice.line.make_call("bob")
    await bob.line.incoming_caller.wait(lambda caller: caller is not None, timeout=5)
    await bob.line.answer_incoming()
    await calling


@both_schemes
async def test_they_call_each_other_and_are_heard(kamailio: Kamailio, scheme: Scheme) -> None:
    """Register with digest, call, hear each other by frequency and level, hang up; every state is seen."""
    async with alice_and_bob(kamailio, scheme) as (alice, bob):
        seen: list[CallState | None] = []
        alice.line.state.subscribe(seen.append)
        await up(alice, bob)
        await hears_tone(alice.call, BOB_HZ)
        await hears_tone(bob.call, ALICE_HZ)
        stats = await alice.call.get_stats()
        assert stats is not None
        assert stats.codec == "opus"
        assert stats.packets_received > 0

        await bob.line.hangup()
        await alice.line.call.wait(None, timeout=5)
        states = [None, "idle", "connecting", "ringing", "connected", "ended", None]
        assert [state and str(state) for state in seen] == states
    assert {message.status for message in await kamailio.messages("BYE") if message.status} == {200}


@both_schemes
async def test_mute_sends_silence(kamailio: Kamailio, scheme: Scheme) -> None:
    async with alice_and_bob(kamailio, scheme) as (alice, bob):
        await up(alice, bob)
        await hears_tone(bob.call, ALICE_HZ)
        alice.line.toggle_mute()
        assert alice.line.is_muted.value
        await hears_silence(bob.call)
        await hears_tone(alice.call, BOB_HZ)
        alice.line.toggle_mute()
        await hears_tone(bob.call, ALICE_HZ)


@both_schemes
async def test_hold_and_unhold(kamailio: Kamailio, scheme: Scheme) -> None:
    """Local and remote hold are different facts, and audio comes back."""
    async with alice_and_bob(kamailio, scheme) as (alice, bob):
        await up(alice, bob)
        for holder, hz, held, other_hz in ((alice, ALICE_HZ, bob, BOB_HZ), (bob, BOB_HZ, alice, ALICE_HZ)):
            await hears_tone(held.call, hz)
            await holder.line.toggle_hold()
            assert holder.line.is_held.value
            assert holder.line.state.value == CallState.HELD
            await held.line.is_remotely_held.wait(True, timeout=5)
            assert not held.line.is_held.value
            assert held.line.state.value == CallState.CONNECTED
            await asyncio.gather(hears_silence(held.call), hears_silence(holder.call))
            await holder.line.toggle_hold()
            await held.line.is_remotely_held.wait(False, timeout=5)
            await asyncio.gather(hears_tone(held.call, hz), hears_tone(holder.call, other_hz))


@pytest.mark.parametrize("first_to_resume", ["who held first", "who held second"])
@pytest.mark.parametrize("first_to_hold", ["caller", "callee"])
async def test_both_hold_and_each_resumes(kamailio: Kamailio, first_to_hold: str, first_to_resume: str) -> None:
    """As long as one still holds nobody is heard; then both are."""
    async with alice_and_bob(kamailio) as (alice, bob):
        await up(alice, bob)
        await asyncio.gather(hears_tone(alice.call, BOB_HZ), hears_tone(bob.call, ALICE_HZ))
        one, other = (alice, bob) if first_to_hold == "caller" else (bob, alice)
        await one.line.toggle_hold()
        await other.line.toggle_hold()
        await one.line.is_remotely_held.wait(True, timeout=5)
        assert other.line.is_remotely_held.value
        if first_to_resume == "who held second":
            one, other = other, one
        await one.line.toggle_hold()
        await other.line.is_remotely_held.wait(False, timeout=5)
        assert [phone.line.is_held.value for phone in (one, other)] == [False, True]
        assert one.line.is_remotely_held.value
        await asyncio.gather(hears_silence(one.call), hears_silence(other.call))
        await other.line.toggle_hold()
        await one.line.is_remotely_held.wait(False, timeout=5)
        await asyncio.gather(hears_tone(alice.call, BOB_HZ), hears_tone(bob.call, ALICE_HZ))


async def test_both_hold_at_the_same_moment(kamailio: Kamailio) -> None:
    """Their re-INVITEs cross: 491 on both sides, and each is tried again in its own time."""
    async with alice_and_bob(kamailio) as (alice, bob):
        await up(alice, bob)
        await asyncio.gather(hears_tone(alice.call, BOB_HZ), hears_tone(bob.call, ALICE_HZ))
        await asyncio.gather(alice.line.toggle_hold(), bob.line.toggle_hold())
        assert await kamailio.messages("INVITE", 491)
        assert [alice.line.is_held.value, bob.line.is_held.value] == [True, True]
        await asyncio.gather(alice.line.toggle_hold(), bob.line.toggle_hold())
        for phone in (alice, bob):
            await phone.line.is_remotely_held.wait(False, timeout=5)
        await asyncio.gather(hears_tone(alice.call, BOB_HZ), hears_tone(bob.call, ALICE_HZ))


@pytest.mark.kamailio(dialog_auth=True)
@pytest.mark.parametrize("who", ["caller", "callee"])
async def test_every_request_in_the_call_is_challenged(kamailio: Kamailio, who: str) -> None:
    """re-INVITE, INFO and BYE are sent again with credentials, and do what was asked."""
    async with alice_and_bob(kamailio) as (alice, bob):
        await up(alice, bob)
        one, other = (alice, bob) if who == "caller" else (bob, alice)
        await one.line.toggle_hold()
        await other.line.is_remotely_held.wait(True, timeout=5)
        await one.line.toggle_hold()
        await one.call.send_dtmf("5", method="info")
        await one.call.send_info("x", "text/plain")
        call = other.call
        await one.line.hangup()
        assert (await call.finished()).code == 200
        challenged = [message.method for message in await kamailio.messages(status=407) if message.direction == "snd"]
        assert challenged == ["INVITE", "INVITE", "INVITE", "INFO", "INFO", "BYE"]


async def test_g711_when_it_is_preferred(kamailio: Kamailio) -> None:
    async with alice_and_bob(kamailio) as (alice, bob):
        calling = alice.line.make_call("bob", preferred_codecs=["PCMU"])
        await bob.line.incoming_caller.wait(lambda caller: caller is not None, timeout=5)
        await bob.line.answer_incoming()
        await calling
        await hears_tone(bob.call, ALICE_HZ)
        await hears_tone(alice.call, BOB_HZ)
        stats = await alice.call.get_stats()
        assert stats is not None
        assert stats.codec == "PCMU"


@both_schemes
async def test_dtmf_by_info(kamailio: Kamailio, scheme: Scheme) -> None:
    async with alice_and_bob(kamailio, scheme) as (alice, bob):
        await up(alice, bob)
        tones: list[str] = []
        bob.call.on("dtmf", tones.append)
        await alice.call.send_dtmf("1", method="info")
        await alice.call.send_dtmf("2#*a", method="info")
        assert tones == ["1", "2", "#", "*", "A"]


async def gets(heard: "asyncio.Queue[str]", tones: str) -> None:
    """Wait until these tones have arrived, and no others."""
    async with asyncio.timeout(5):
        assert "".join([await heard.get() for _ in tones]) == tones
    assert heard.empty()


@both_schemes
@pytest.mark.parametrize("codec", ["opus", "G722", "PCMA"])
async def test_dtmf_by_rtp_both_ways(kamailio: Kamailio, scheme: Scheme, codec: str) -> None:
    """Negotiated at the clock rate of each codec, every tone once and in order, the sound as before."""
    async with alice_and_bob(kamailio, scheme) as (alice, bob):
        calling = alice.line.make_call("bob", preferred_codecs=[codec])
        await bob.line.incoming_caller.wait(lambda caller: caller is not None, timeout=5)
        await bob.line.answer_incoming()
        await calling
        await hears_tone(alice.call, BOB_HZ)
        of_alice, of_bob = asyncio.Queue[str](), asyncio.Queue[str]()
        alice.call.on("dtmf", of_alice.put_nowait)
        bob.call.on("dtmf", of_bob.put_nowait)
        await asyncio.gather(alice.line.send_dtmf("1"), bob.call.send_dtmf("*0#", method="rtp"))
        await alice.call.send_dtmf("2233a", duration_ms=60, gap_ms=40)
        await gets(of_bob, "12233A")
        await gets(of_alice, "*0#")
        assert not await kamailio.messages("INFO")
        stats = await alice.call.get_stats()
        assert stats is not None
        assert stats.codec == codec
        assert stats.packets_lost == 0
        await hears_tone(alice.call, BOB_HZ)
        await hears_tone(bob.call, ALICE_HZ)


@both_schemes
async def test_messages_with_any_text(kamailio: Kamailio, scheme: Scheme) -> None:
    async with alice_and_bob(kamailio, scheme) as (alice, bob):
        assert alice.client.client.value is not None
        assert bob.client.client.value is not None
        received: list[SipMessage] = []
        bob.client.client.value.on("message", received.append)
        text = "Grüße, κόσμε, 世界 👋\r\n\r\nzweite Zeile"
        assert await alice.client.client.value.send_message("bob", text) == 200
        await alice.client.client.value.send_message("bob", '{"a": 1}', "application/json")
        assert received == [
            SipMessage("sip:alice@localhost", text, "text/plain"),
            SipMessage("sip:alice@localhost", '{"a": 1}', "application/json"),
        ]
        with pytest.raises(CallError) as refused:
            await alice.client.client.value.send_message("nobody", "hello?")
        assert refused.value.code == 404


async def test_headers_go_out_and_come_in(kamailio: Kamailio) -> None:
    async with alice_and_bob(kamailio) as (alice, bob):
        calling = alice.line.make_call("bob", headers={"X-Order": "47/11"}, record=True)
        await bob.line.incoming_caller.wait(lambda caller: caller is not None, timeout=5)
        await bob.line.answer_incoming()
        await calling
        assert bob.call.remote_headers["x-order"] == "47/11"
        assert bob.call.remote_headers["X-Record-Call"] == "true"


@pytest.mark.parametrize("code", [404, 480, 486, 488, 500, 503, 600, 603])
async def test_a_refused_call_names_the_real_code(kamailio: Kamailio, code: int) -> None:
    async with phone(kamailio, "alice") as alice:
        with pytest.raises(CallError) as refused:
            await alice.line.make_call(str(code))
        assert refused.value.code == code
        assert alice.client.state.value == ClientState.REGISTERED


async def test_a_redirect_is_told_or_followed(kamailio: Kamailio) -> None:
    """302 from the server, with bob as Contact."""
    async with alice_and_bob(kamailio) as (alice, bob):
        with pytest.raises(CallError, match="302 Moved Temporarily: sip:bob@localhost"):
            await alice.line.make_call("302")
        calling = alice.line.make_call("302", follow_redirects=True)
        await bob.line.incoming_caller.wait(lambda caller: caller is not None, timeout=5)
        await bob.line.answer_incoming()
        await calling
        await hears_tone(alice.call, BOB_HZ)


@pytest.mark.parametrize("number", ["ringing", "trying", "silent"])
async def test_a_call_that_is_never_answered_is_cancelled(kamailio: Kamailio, number: str) -> None:
    """`hangup()` shows at once whatever the other side does: rings for ever, says 100 only, says nothing."""
    async with phone(kamailio, "alice") as alice:
        calling = alice.line.make_call(number)
        if number == "silent":
            await kamailio.message(lambda message: message.start_line.startswith("INVITE"))
        else:
            await kamailio.message(lambda message: message.status == (180 if number == "ringing" else 100))
            if number == "ringing":
                await alice.line.state.wait(CallState.RINGING, timeout=5)
        hanging_up = alice.line.hangup()
        assert alice.line.call.value is None
        with pytest.raises(CallError) as cancelled:
            await calling
        assert cancelled.value.code == 487
        if number != "silent":
            await hanging_up
            assert [message.status for message in await kamailio.messages("CANCEL") if message.status] == [200]


async def test_no_answer_timeout(kamailio: Kamailio) -> None:
    async with phone(kamailio, "alice") as alice:
        with pytest.raises(CallError) as unanswered:
            await alice.line.make_call("ringing", no_answer_timeout=0.5)
        assert (unanswered.value.code, unanswered.value.reason) == (408, "No Answer")
        await kamailio.message(lambda message: message.method == "CANCEL" and message.status == 200)


async def test_the_callee_declines(kamailio: Kamailio) -> None:
    async with alice_and_bob(kamailio) as (alice, bob):
        calling = alice.line.make_call("bob")
        await bob.line.incoming_caller.wait(lambda caller: caller is not None, timeout=5)
        bob.line.decline_incoming()
        with pytest.raises(CallError) as declined:
            await calling
        assert declined.value.code == 486
        assert bob.line.incoming_caller.value is None


async def test_a_forked_call_is_answered_by_one(kamailio: Kamailio) -> None:
    """Two phones of one user ring; who answers is heard, and the other learns that it was answered elsewhere."""
    async with (
        phone(kamailio, "alice", audio=tone(ALICE_HZ)) as alice,
        phone(kamailio, "bob", audio=tone(BOB_HZ)) as one,
        phone(kamailio, "bob", audio=tone(2 * BOB_HZ)) as other,
    ):
        calling = alice.line.make_call("bob")
        for bob in (one, other):
            await bob.line.incoming_caller.wait(lambda caller: caller is not None, timeout=5)
        assert one.client.client.value is not None
        (loser,) = one.client.client.value.calls.values()
        await other.line.answer_incoming()
        await calling
        cause = await loser.finished()
        assert (cause.code, cause.reason, cause.originator) == (487, "Call completed elsewhere", "remote")
        assert one.line.incoming_caller.value is None
        await hears_tone(alice.call, 2 * BOB_HZ)
        await hears_tone(other.call, ALICE_HZ)
        await alice.line.hangup()
        await other.line.call.wait(None, timeout=5)


async def test_a_forked_call_that_both_answer_goes_to_one(kamailio: Kamailio) -> None:
    """Two 200s: the second is acknowledged and ended, and the call that is up is heard."""
    async with (
        phone(kamailio, "alice", audio=tone(ALICE_HZ)) as alice,
        phone(kamailio, "bob", audio=tone(BOB_HZ)) as one,
        phone(kamailio, "bob", audio=tone(BOB_HZ)) as other,
    ):
        calling = alice.line.make_call("bob")
        for bob in (one, other):
            await bob.line.incoming_caller.wait(lambda caller: caller is not None, timeout=5)
        both = [bob.line.answer_incoming() for bob in (one, other)]
        await calling
        await asyncio.gather(*both, return_exceptions=True)
        over = [asyncio.create_task(bob.line.call.wait(None, timeout=10)) for bob in (one, other)]
        done, _ = await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1
        await hears_tone(alice.call, BOB_HZ)
        await hears_tone((other if over[0] in done else one).call, ALICE_HZ)
        await alice.line.hangup()
        await asyncio.gather(*over)


async def test_a_second_caller_waits_and_the_first_is_held(kamailio: Kamailio) -> None:
    """Answering while a call is up holds that one; when the new one ends, the held one is current again."""
    async with alice_and_bob(kamailio) as (alice, bob):
        await up(alice, bob)
        first = bob.call
        second = alice.line.make_call("bob")  # holds the first on Alice's side too
        await bob.line.incoming_caller.wait(lambda caller: caller is not None, timeout=5)
        assert bob.call is first
        await bob.line.answer_incoming()
        await second
        assert bob.call is not first
        assert first.is_held
        await bob.line.hangup()
        assert bob.line.call.value is first
        assert bob.line.state.value == CallState.HELD


# --- registration --------------------------------------------------------------------------------------------------


async def connecting(kamailio: Kamailio, **options: Any) -> None:
    given: dict[str, Any] = {"server": kamailio.ws_url, "realm": "localhost", "username": "alice", "password": "wrong"}
    async with use_jambonz_client(**(given | options)) as client:
        await client.connect()


@pytest.mark.parametrize("credentials", [{}, {"username": "nobody"}])
async def test_wrong_credentials_are_refused_once_and_can_be_mended(
    kamailio: Kamailio, credentials: dict[str, str]
) -> None:
    with pytest.raises(RegistrationError, match="username and password") as refused:
        await connecting(kamailio, **credentials)
    assert refused.value.code in (401, 403)
    assert len(await kamailio.messages("REGISTER")) <= 8, "asked again and again"
    async with phone(kamailio, "alice") as alice:
        assert alice.client.is_registered.value


@pytest.mark.kamailio(challenge="jambonz")
async def test_a_refusal_in_jambonz_manner_shows_its_words(kamailio: Kamailio) -> None:
    with pytest.raises(RegistrationError, match="Invalid credentials") as refused:
        await connecting(kamailio)
    assert refused.value.code == 403


@pytest.mark.parametrize(
    "algorithm",
    [pytest.param(name, marks=pytest.mark.kamailio(algorithm=name)) for name in ("SHA-256", "both")],
)
async def test_digest_with_sha_256(kamailio: Kamailio, algorithm: str) -> None:
    async with alice_and_bob(kamailio) as (alice, bob):
        await up(alice, bob)
        registers = [message for message in await kamailio.messages("REGISTER") if message.status is None]
        assert any("algorithm=SHA-256" in (message.header("Authorization") or "") for message in registers)


async def test_a_nonce_is_used_again(kamailio: Kamailio) -> None:
    """The second call needs one round trip less: its INVITE carries credentials already."""
    async with phone(kamailio, "alice") as alice:
        for _ in range(2):
            with pytest.raises(CallError):
                await alice.line.make_call("486")
        challenges = list(await kamailio.messages("INVITE", status=407))
        assert len(challenges) == 1


@pytest.mark.kamailio(nonce_lifetime=1)
async def test_an_expired_nonce_costs_nothing_but_a_round_trip(kamailio: Kamailio) -> None:
    async with phone(kamailio, "alice") as alice:
        with pytest.raises(CallError):
            await alice.line.make_call("486")
        stale = False
        while not stale:  # the nonce lives one second; a call takes a few milliseconds
            with pytest.raises(CallError) as busy:
                await alice.line.make_call("486")
            assert busy.value.code == 486
            refusals = await kamailio.messages("INVITE", status=407)
            stale = any("stale=true" in (message.header("Proxy-Authenticate") or "") for message in refusals)


@both_schemes
async def test_the_server_restarts(kamailio: Kamailio, scheme: Scheme) -> None:
    """Back to `registered` by itself, and a call comes in again."""
    async with alice_and_bob(kamailio, scheme, reconnect={"initial": 0.2}) as (alice, bob):
        states: list[ClientState] = []
        alice.client.state.subscribe(states.append)
        await kamailio.restart()
        await alice.client.state.wait(ClientState.RECONNECTING, timeout=10)
        await alice.client.state.wait(ClientState.REGISTERED, timeout=10)
        await bob.client.state.wait(ClientState.REGISTERED, timeout=10)
        await kamailio.until_registered("bob")
        assert states == [ClientState.REGISTERED, ClientState.RECONNECTING, ClientState.REGISTERED]
        await up(alice, bob)
        await hears_tone(bob.call, ALICE_HZ)


async def test_a_call_survives_a_short_drop(kamailio: Kamailio) -> None:
    async with alice_and_bob(kamailio, reconnect={"initial": 0.2}) as (alice, bob):
        await up(alice, bob)
        await kamailio.restart()
        await alice.client.state.wait(ClientState.RECONNECTING, timeout=10)
        assert alice.line.state.value == CallState.CONNECTED
        await hears_tone(alice.call, BOB_HZ)
        await alice.client.state.wait(ClientState.REGISTERED, timeout=10)
        await hears_tone(alice.call, BOB_HZ)


async def test_twenty_calls_in_a_row(kamailio: Kamailio) -> None:
    async with alice_and_bob(kamailio) as (alice, bob):
        for number in range(20):
            caller, callee = (alice, bob) if number % 2 else (bob, alice)
            calling: Awaitable[object] = caller.line.make_call("alice" if caller is bob else "bob")
            await callee.line.incoming_caller.wait(lambda who: who is not None, timeout=5)
            await callee.line.answer_incoming()
            await calling
            await (alice if number % 3 else bob).line.hangup()
            await alice.line.call.wait(None, timeout=5)
            await bob.line.call.wait(None, timeout=5)
