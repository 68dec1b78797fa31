"""A phone made with the hooks, as a user makes it, on a server of the tests; and ears."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from attrs import frozen

from jzrx import AudioFrame, JambonzCall, UseCall, UseJambonzClient, use_call, use_jambonz_client
from jzrx.media import measure

from .kamailio import Kamailio

Scheme = Literal["ws", "wss"]

LEVEL = -12.0
"""The peak of a tone of `jzrx.media.tone` in dBFS: 0.25 of full scale."""


@frozen
class Phone:
    """The two hooks."""

    client: UseJambonzClient
    line: UseCall

    @property
    def call(self) -> JambonzCall:
        """The current call."""
        call = self.line.call.value
        assert call is not None, "there is no call"
        return call


@asynccontextmanager
async def phone(kamailio: Kamailio, name: str, scheme: Scheme = "ws", **options: Any) -> AsyncIterator[Phone]:
    """A phone of user `name` on Kamailio, connected and registered."""
    given: dict[str, Any] = {
        "server": kamailio.wss_url if scheme == "wss" else kamailio.ws_url,
        "username": name,
        "password": kamailio.users.get(name, "none"),
        "realm": kamailio.realm,
        "ssl": kamailio.ssl_context if scheme == "wss" else None,
    } | options
    async with use_jambonz_client(**given) as client:
        with use_call(client.client) as line:
            await client.connect()
            yield Phone(client, line)
            await client.disconnect()


async def heard(call: JambonzCall, seconds: float) -> bytes:
    """The next `seconds` of what the call hears: s16le mono at 48 kHz, playout's concealment included."""
    frames: list[AudioFrame] = []
    enough = asyncio.get_running_loop().create_future()

    def listen(frame: AudioFrame) -> None:
        frames.append(frame)
        if len(frames) >= round(seconds * 50) and not enough.done():
            enough.set_result(None)

    with call.audio.incoming.subscribe(listen):
        await asyncio.wait_for(enough, seconds + 10)
    return b"".join(frame.data for frame in frames)


async def hears_tone(call: JambonzCall, hz: float, within: float = 5.0) -> None:
    """Return once the call hears a clear tone of `hz`; fails if it does not `within` seconds."""
    pcm = b""
    for _ in range(round(within / 0.2)):
        pcm = await heard(call, 0.2)
        found, peak = measure.dominant_tone(pcm, 48000)
        if abs(found - hz) <= 10 and abs(measure.dbfs(peak) - LEVEL) < 3:
            return
    raise AssertionError(f"no tone of {hz} Hz at {LEVEL} dBFS: {measure.dominant_tone(pcm, 48000)}")


async def hears_silence(call: JambonzCall, within: float = 5.0) -> None:
    """Return once the call hears silence; fails if it does not `within` seconds."""
    pcm = b""
    for _ in range(round(within / 0.2)):
        pcm = await heard(call, 0.2)
        if measure.dbfs(measure.level(pcm)) < -70:
            return
    raise AssertionError(f"no silence: {measure.dbfs(measure.level(pcm))} dBFS")
