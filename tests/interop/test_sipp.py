"""sipp, plain RTP through Kamailio and rtpengine: it echoes what it hears, and plays before it answers."""

import asyncio

from jzrx import CallState
from jzrx.media import tone

from .conftest import ProgramFor
from .kamailio import Kamailio
from .phones import hears_tone, phone
from .sipp import sipp

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
