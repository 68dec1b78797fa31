"""A call, and whether its audio comes back."""

import asyncio
import contextlib

from jzrx.call import JambonzCall
from jzrx.client import JambonzClient
from jzrx.doctor.steps import Finding, StepError
from jzrx.media.measure import dbfs, dominant_tone, level

__all__ = ["HZ", "talk"]

HZ = 1000.0
"""The tone that the call sends."""

WINDOW = 15
"""Frames of 20 ms that are measured at once."""
NEAR = 5.0
"""Hz that what comes back may differ."""
AUDIBLE = -50.0
"""dBFS; the noise of a codec stays below."""
LISTEN = 4.0
"""Seconds in which the tone has to come back."""


async def talk(client: JambonzClient, target: str) -> Finding:
    """Call `target`, which is to echo, and listen. A call on which we hear something else is a warning."""
    call = client.call(target)
    heard = asyncio.Queue[bytes]()
    call.audio.incoming.subscribe(lambda frame: heard.put_nowait(frame.data))
    try:
        await call.answered()
        await call.media_ready()
        loudest, echoed = await _listen(heard)
        return await _judge(call, loudest, echoed=echoed)
    finally:
        await call.hangup()


async def _listen(heard: "asyncio.Queue[bytes]") -> tuple[float, bool]:
    """The loudest that came (dBFS), and whether our tone was in it."""
    loudest = float("-inf")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LISTEN):
            while True:
                sound = b"".join([await heard.get() for _ in range(WINDOW)])
                loudest = max(loudest, dbfs(level(sound)))
                if loudest > AUDIBLE and abs(dominant_tone(sound, 48000)[0] - HZ) <= NEAR:
                    return loudest, True
    return loudest, False


async def _judge(call: JambonzCall, loudest: float, *, echoed: bool) -> Finding:
    stats = await call.get_stats()
    if stats is None or stats.packets_received == 0:
        raise StepError(
            "the call is up, and no audio arrives",
            "see that UDP is not blocked between here and the media ports of the SBC, or configure a TURN server",
        )
    trip = "" if stats.round_trip_time is None else f", round trip {stats.round_trip_time:.0f} ms"
    path = f"{stats.codec}{trip}, loss {stats.packet_loss:.1%}"
    if echoed:
        return Finding(f"our tone came back ({path})")
    if loudest > AUDIBLE:
        return Finding(
            f"we hear the other side, but not our own tone ({path})", "call something that echoes", "warning"
        )
    return Finding(f"packets arrive, but nothing is heard in them ({path})", "call something that echoes", "warning")
