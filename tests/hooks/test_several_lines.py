"""A phone with two lines on the embedded SBC: who is on hold hears silence, who is talked to hears the tone."""

import asyncio

import pytest

from jzrx import CallError, use_calls, use_jambonz_client
from jzrx.media import tone
from jzrx.testing import EmbeddedSbc, hears, hears_silence

HZ = {"alice": 500, "bob": 700, "carol": 900}
PEAK = 0.25
PATIENCE = 10.0


async def test_call_waiting_swap_a_refused_hold_and_connect() -> None:
    async with EmbeddedSbc(users=dict.fromkeys(HZ, "secret")) as sbc:
        alice, bob, carol = (
            use_jambonz_client(server=sbc.url, username=name, password="secret", audio=tone(HZ[name], PEAK))
            for name in HZ
        )
        async with (
            alice,
            bob,
            carol,
            use_calls(alice.client) as lines,
            use_calls(bob.client) as at_bob,
            use_calls(carol.client) as at_carol,
        ):
            at_bob.incoming.subscribe(lambda ringing: ringing and at_bob.answer(ringing[0]))
            await asyncio.gather(alice.connect(), bob.connect(), carol.connect())

            to_bob = await lines.make_call("bob")
            (bobs,) = at_bob.calls.value
            calling = at_carol.make_call("alice")
            await lines.incoming_count.wait(1, PATIENCE)
            await lines.answer()
            carols = await calling
            await asyncio.gather(hears_silence(bobs), hears(carols, HZ["alice"], peak=PEAK))
            assert bobs.is_remotely_held

            await lines.swap()
            assert (lines.current.value, len(lines.held.value)) == (to_bob, 1)
            await asyncio.gather(hears(bobs, HZ["alice"], peak=PEAK), hears_silence(carols))

            sbc.script.reply("INVITE", 488, user="alice")
            with pytest.raises(CallError, match="488"):
                await lines.swap()
            assert lines.current.value is to_bob
            await asyncio.gather(hears(bobs, HZ["alice"], peak=PEAK), hears_silence(carols))

            to_carol = lines.held.value[0]
            await lines.connect(to_carol, to_bob)
            assert lines.calls.value == ()
            (bobs,), (carols,) = at_bob.calls.value, at_carol.calls.value
            await asyncio.gather(hears(bobs, HZ["carol"], peak=PEAK), hears(carols, HZ["bob"], peak=PEAK))
