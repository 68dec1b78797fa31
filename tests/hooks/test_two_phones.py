"""Two phones made with the hooks, on the embedded SBC: real WebSockets, real media."""

import asyncio

from jzrx import CallState, use_call, use_jambonz_client
from jzrx.media import AudioFrame, tone
from jzrx.testing import EmbeddedSbc


def loudest(frame: AudioFrame) -> int:
    data = frame.data
    return max(abs(int.from_bytes(data[i : i + 2], "little", signed=True)) for i in range(0, len(data), 2))


async def test_they_call_each_other_and_are_heard() -> None:
    async with (
        EmbeddedSbc(users={"alice": "secret", "bob": "secret"}) as sbc,
        use_jambonz_client(server=sbc.url, username="alice", password="secret") as alice,
        use_jambonz_client(server=sbc.url, username="bob", password="secret") as bob,
        use_call(alice.client) as caller,
        use_call(bob.client) as callee,
    ):
        states: list[CallState | None] = []
        caller.state.subscribe(states.append)
        callee.incoming_caller.subscribe(lambda who: who and callee.answer_incoming(audio=tone(440)))
        await asyncio.gather(alice.connect(), bob.connect())
        call = await caller.make_call("bob", audio=tone(880), headers={"X-Custom": "7"})
        await call.media_ready()
        other = callee.call.value
        assert other is not None
        assert other.remote_headers["X-Custom"] == "7"

        heard = asyncio.Event()
        for one in (call, other):
            frames: list[AudioFrame] = []
            heard.clear()
            with one.audio.incoming.subscribe(
                lambda frame, frames=frames: (frames.append(frame), loudest(frame) > 4000 and heard.set())
            ):
                await asyncio.wait_for(heard.wait(), 5)

        await caller.toggle_hold()
        await callee.is_remotely_held.wait(True, 5)
        assert (caller.is_held.value, callee.is_held.value) == (True, False)
        await caller.toggle_hold()
        await callee.is_remotely_held.wait(False, 5)
        await caller.send_dtmf("5")
        stats = await call.get_stats()
        assert stats is not None
        assert stats.packets_received > 0
        await caller.hangup()
        await callee.call.wait(None, 5)
        # Whether a 183 comes before the 200 is a matter of time.
        shown = [state for state in states if state != "ringing"]
        assert shown == [None, "idle", "connecting", "connected", "held", "connected", "ended", None]
