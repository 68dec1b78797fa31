"""sipp, plain RTP through Kamailio and rtpengine: it echoes what it hears, and plays before it answers."""

import asyncio

from jzrx import CallState
from jzrx.media import tone
from jzrx.testing import hears_silence

from .clock import Clock
from .conftest import ProgramFor
from .kamailio import Kamailio
from .phones import hears_tone, phone
from .sipp import sipp, sipp_calls

OUR_HZ, ITS_HZ = 440, 1000


async def test_an_echo(relaying_kamailio: Kamailio, program_for: ProgramFor) -> None:
    """What we send comes back, and sipp's scenario comes to its end."""
    async with (
        phone(relaying_kamailio, "alice", audio=tone(OUR_HZ)) as alice,
        sipp(program_for("sipp"), relaying_kamailio, "bob", "echo"),
    ):
        await alice.line.make_call("bob")
        await hears_tone(alice.call, OUR_HZ)
        stats = await alice.call.get_stats()
        assert stats is not None
        assert (stats.codec, stats.packets_lost) == ("PCMU", 0)
        await alice.line.hangup()
        await relaying_kamailio.message(lambda message: message.method == "BYE" and message.status == 200)


async def test_early_media(relaying_kamailio: Kamailio, program_for: ProgramFor) -> None:
    """A 183 with a description: it is heard while it rings, and on without a break once it is answered."""
    async with (
        phone(relaying_kamailio, "alice", audio=tone(OUR_HZ)) as alice,
        sipp(program_for("sipp"), relaying_kamailio, "bob", "early", ITS_HZ),
    ):
        calling = alice.line.make_call("bob")
        await alice.line.state.wait(CallState.RINGING, timeout=10)
        await hears_tone(alice.call, ITS_HZ)
        assert alice.line.state.value == CallState.RINGING
        async with asyncio.timeout(10):
            await calling
        await hears_tone(alice.call, ITS_HZ)
        await alice.line.hangup()


async def test_reliable_responses_update_and_hold(relaying_kamailio: Kamailio, program_for: ProgramFor) -> None:
    """PRACK, UPDATE in the early dialog and in the call, hold and a late offer from its side; its BYE says why."""
    program = program_for("sipp")
    async with (
        phone(relaying_kamailio, "alice", audio=tone(OUR_HZ)) as alice,
        sipp(program, relaying_kamailio, "bob", "reliable"),
    ):
        calling = alice.line.make_call("bob")
        await alice.line.state.wait(CallState.RINGING, timeout=10)
        call = alice.call
        await calling
        await hears_tone(call, OUR_HZ)
        await alice.line.is_remotely_held.wait(True, timeout=10)
        await hears_silence(call)
        await alice.line.is_remotely_held.wait(False, timeout=10)
        await hears_tone(call, OUR_HZ)
        cause = await call.finished()
        assert (cause.code, cause.reason, cause.q850_cause) == (200, "enough", 16)
        await program.succeeded()


async def test_a_caller_that_demands_and_holds(relaying_kamailio: Kamailio, program_for: ProgramFor) -> None:
    """Our 180 is repeated until its PRACK, its short timer gets 422, its refreshes are taken; it holds in old ways."""
    program = program_for("sipp")
    async with (
        phone(relaying_kamailio, "alice", audio=tone(OUR_HZ)) as alice,
        sipp_calls(program, relaying_kamailio, "alice"),
    ):
        await alice.line.incoming_caller.wait(lambda caller: caller is not None, timeout=10)
        await relaying_kamailio.message(lambda message: message.method == "PRACK" and message.status == 200)
        assert len(await relaying_kamailio.messages("INVITE", 180)) > 2  # each came in and went out
        await alice.line.answer_incoming()
        call = alice.call
        await hears_tone(call, OUR_HZ)
        for _ in ("by 0.0.0.0", "by inactive"):
            await alice.line.is_remotely_held.wait(True, timeout=10)
            await alice.line.is_remotely_held.wait(False, timeout=10)
            await hears_tone(call, OUR_HZ)
        cause = await call.finished()
        assert (cause.code, cause.reason) == (480, "Gone home")
        await program.succeeded()


async def test_we_refresh_the_session(relaying_kamailio: Kamailio, program_for: ProgramFor) -> None:
    """The other side wants a longer interval (422), and is sent an UPDATE at half of it, after 46 s."""
    clock, program = Clock(), program_for("sipp")
    async with (
        phone(relaying_kamailio, "alice", audio=tone(OUR_HZ), session_expires=90) as alice,
        sipp(program, relaying_kamailio, "bob", "timer"),
    ):
        await alice.line.make_call("bob")
        call = alice.call
        await hears_tone(call, OUR_HZ)
        clock.put_forward(44)
        await hears_tone(call, OUR_HZ)
        assert not await relaying_kamailio.messages("UPDATE")
        clock.put_forward(2)
        async with asyncio.timeout(10):
            cause = await call.finished()
        assert cause.code == 200
        await program.succeeded()
