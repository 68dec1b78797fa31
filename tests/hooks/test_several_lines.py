"""A phone with two lines on the embedded SBC: who is on hold hears silence, who is talked to hears the tone."""

import asyncio

import pytest

from jzrx import AudioFrame, CallError, JambonzCall, use_calls, use_jambonz_client
from jzrx.media import tone
from jzrx.media.measure import level, tone_level
from jzrx.testing import EmbeddedSbc

HZ = {"alice": 500, "bob": 700, "carol": 900}
PEAK = 0.25
PATIENCE = 10.0


async def hears(call: JambonzCall, whom: str | None) -> None:
    """Wait until the tone of `whom` is heard for 0.3 s; None: until nothing at all is."""
    frames: asyncio.Queue[AudioFrame] = asyncio.Queue()
    found = -1.0
    with call.audio.incoming.subscribe(frames.put_nowait):
        try:
            async with asyncio.timeout(PATIENCE):
                while not (0 <= found < 0.001 if whom is None else found > PEAK * 0.7):
                    sound = b"".join([(await frames.get()).data for _ in range(15)])
                    found = level(sound) if whom is None else tone_level(sound, 48000, HZ[whom])
        except TimeoutError:
            pytest.fail(f"{whom or 'silence'} is not heard, but a level of {found:.3f}")


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
            await asyncio.gather(hears(bobs, None), hears(carols, "alice"))
            assert bobs.is_remotely_held

            await lines.swap()
            assert (lines.current.value, len(lines.held.value)) == (to_bob, 1)
            await asyncio.gather(hears(bobs, "alice"), hears(carols, None))

            sbc.script.reply("INVITE", 488, user="alice")
            with pytest.raises(CallError, match="488"):
                await lines.swap()
            assert lines.current.value is to_bob
            await asyncio.gather(hears(bobs, "alice"), hears(carols, None))

            to_carol = lines.held.value[0]
            await lines.connect(to_carol, to_bob)
            assert lines.calls.value == ()
            await asyncio.gather(hears(at_bob.calls.value[0], "carol"), hears(at_carol.calls.value[0], "bob"))
