"""Phones without signalling: media sessions, their events, and what they hear."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, field
from reactivex.abc import DisposableBase

from jzrx.events import CallEvent, DtmfReceived, DtmfSent, MediaStateChanged, RemoteHoldChanged
from jzrx.media.frames import AudioFrame
from jzrx.media.measure import dominant_tone, level, tone_level
from jzrx.media.session import MediaSession
from jzrx.media.transport import IceDtls
from jzrx.types import MediaState

MEDIA_THREAD = "jzrx-media"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def media_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == MEDIA_THREAD]


@define(eq=False)
class Party:
    """One side of a call."""

    session: MediaSession
    events: list[CallEvent]
    frames: asyncio.Queue[AudioFrame] = field(factory=asyncio.Queue)
    heard: list[AudioFrame] = field(factory=list)

    @property
    def media(self) -> list[MediaState]:
        return [event.media for event in self.events if isinstance(event, MediaStateChanged)]

    @property
    def holds(self) -> list[bool]:
        return [event.held for event in self.events if isinstance(event, RemoteHoldChanged)]

    @property
    def tones_sent(self) -> str:
        return "".join(event.tone for event in self.events if isinstance(event, DtmfSent))

    @property
    def tones_heard(self) -> str:
        return "".join(event.tone for event in self.events if isinstance(event, DtmfReceived))

    async def hears_tones(self, tones: str, *, within: float = 10.0) -> None:
        """Wait until these tones have arrived, and no others."""
        async with asyncio.timeout(within):
            while len(self.tones_heard) < len(tones):
                await self.next_frames(1)
        assert self.tones_heard == tones, self.tones_heard

    def listen(self) -> DisposableBase:
        return self.session.incoming.subscribe(self.frames.put_nowait)

    async def next_frames(self, count: int) -> list[AudioFrame]:
        """The next `count` frames from now on."""
        while not self.frames.empty():
            self.heard.append(self.frames.get_nowait())
        async with asyncio.timeout(count * 0.02 + 3):
            frames = [await self.frames.get() for _ in range(count)]
        self.heard += frames
        return frames

    async def hears(self, hz: float | None, *, peak: float = 0.25, within: float = 3.0) -> None:
        """Wait until a fifth of a second is that tone at that level, and hardly anything else; None: silence."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while True:
            sound = b"".join(frame.data for frame in await self.next_frames(10))
            loud = level(sound)
            if hz is None and loud < 0.002:
                return
            # All else together is less loud than the tone. dominant_tone would take ten times as long to say so.
            if hz is not None and loud < peak and abs(tone_level(sound, 48000, hz) - peak) < 0.12 * peak:
                return
            if loop.time() > end:
                found, strength = dominant_tone(sound, 48000)
                raise AssertionError(f"heard {found:.0f} Hz at {strength:.3f}, level {loud:.4f}; not {hz} Hz")


async def exchange(offerer: Party, answerer: Party, *, held: bool = False, answerer_held: bool = False) -> None:
    """One offer and answer."""
    answer = await answerer.session.create_answer(await offerer.session.create_offer(held=held), held=answerer_held)
    await offerer.session.set_answer(answer)


async def connect(offerer: Party, answerer: Party) -> None:
    """The first offer and answer, until media is up at both."""
    await exchange(offerer, answerer)
    async with asyncio.timeout(5):
        await asyncio.gather(offerer.session.ready(), answerer.session.ready())


def way_of(party: Party) -> IceDtls:
    return party.session._peer._ways.current


class Severed:
    """A socket whose datagrams go nowhere."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def sendto(self, data: bytes, address: object = None) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def sever(party: Party) -> Callable[[], None]:
    """Nothing passes the sockets that `party` has now, until what is returned is called."""
    return sever_session(party.session)


def sever_session(session: MediaSession) -> Callable[[], None]:
    """Likewise."""
    protocols = session._peer._ways.current._ice._protocols
    before = {each: (each.transport, each.datagram_received) for each in protocols}
    for protocol, (socket, _) in before.items():
        protocol.transport = Severed(socket)  # type: ignore[assignment]
        protocol.datagram_received = lambda data, addr: None  # type: ignore[method-assign]

    def mend() -> None:
        for protocol, (socket, receive) in before.items():
            protocol.transport, protocol.datagram_received = socket, receive  # type: ignore[method-assign]

    return mend
