"""`jzrx demo`: the main job on this machine alone: two phones made with the hooks call each other and are heard.

Every state is printed when it changes. What is claimed at the end was measured: each side heard the other's tone, at
its frequency and level, and not its own.
"""

import asyncio
import secrets
from collections.abc import Callable
from types import TracebackType

from attrs import frozen

from jzrx import (
    AudioFrame,
    CallQualityStats,
    ClientState,
    JambonzCall,
    use_call,
    use_jambonz_client,
)
from jzrx.cli.exits import CommandError, Exit
from jzrx.cli.running import run_in_order
from jzrx.cli.screen import Screen, Table
from jzrx.media import tone
from jzrx.media.measure import dbfs, dominant_tone, tone_level
from jzrx.testing import EmbeddedSbc

__all__ = ["run"]

TIME_LIMIT = 14.0
"""Seconds for everything."""
PEAK = 0.25
"""Of the tones, of full scale."""
NEAR_HZ, NEAR_DB = 3.0, 3.0
"""How far what is heard may be from what was played."""
SILENT = PEAK / 20
"""What may be left of one's own tone."""
INAUDIBLE = 0.001
"""The noise of a codec stays below this peak."""
WINDOW = 15
"""Frames (20 ms) that are measured at once."""
PATIENCE = 4.0
"""Seconds to wait for the tone, or for the first report of the round trip."""


@frozen
class Heard:
    """The loudest tone: its frequency, its peak, and the peak of one's own tone beside it."""

    hz: float
    peak: float
    own: float

    def is_tone(self, hz: float) -> bool:
        """Whether this is that tone, as it was played, and nothing of one's own."""
        level = self.peak > 0 and abs(dbfs(self.peak) - dbfs(PEAK)) <= NEAR_DB
        return abs(self.hz - hz) <= NEAR_HZ and level and self.own <= SILENT


class Party:
    """One phone: its hooks, the tone it plays, and what it hears."""

    def __init__(self, sbc: EmbeddedSbc, name: str, password: str, hz: float) -> None:
        self.name = name
        self.hz = hz
        self.phone = use_jambonz_client(
            server=sbc.url, username=name, password=password, audio=tone(hz, PEAK), speaker=False
        )
        self.calls = use_call(self.phone.client)

    async def __aenter__(self) -> "Party":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.phone.disconnect()
        self.calls.dispose()
        self.phone.dispose()

    @property
    def call(self) -> JambonzCall:
        """The call that is up."""
        call = self.calls.call.value
        if call is None:
            raise CommandError(f"{self.name}'s call was over too early", Exit.REFUSED)
        return call

    @property
    def cells(self) -> tuple[str, str]:
        """The state of the phone and of its call, for the table."""
        caller, state = self.calls.incoming_caller.value, self.calls.state.value
        ringing = f"rings ({caller})" if caller else ""
        return self.phone.state.value, ringing or (state or "")

    def on_change(self, tell: Callable[[], None]) -> None:
        """Call `tell` at every change of a state."""
        self.phone.snapshot.subscribe(lambda _: tell())
        self.calls.snapshot.subscribe(lambda _: tell())

    async def hears(self, other: "Party") -> Heard:
        """Listen until it is the other's tone. Raises CommandError when it is not, for long enough."""
        await self.call.media_ready()
        frames: asyncio.Queue[AudioFrame] = asyncio.Queue()
        listening = self.call.audio.incoming.subscribe(frames.put_nowait)
        heard = Heard(0.0, 0.0, 0.0)
        try:
            async with asyncio.timeout(PATIENCE):
                while not heard.is_tone(other.hz):
                    sound = b"".join([(await frames.get()).data for _ in range(WINDOW)])
                    heard = Heard(*dominant_tone(sound, 48000), tone_level(sound, 48000, self.hz))
        except TimeoutError:
            instead = f"{heard.hz:.1f} Hz at {dbfs(heard.peak):.1f} dBFS" if heard.peak > INAUDIBLE else "silence"
            raise CommandError(
                f"{self.name} did not hear {other.hz:g} Hz from {other.name}: {instead}", Exit.MEDIA
            ) from None
        finally:
            listening.dispose()
        return heard

    async def quality(self) -> CallQualityStats:
        """The quality of the call, once the round trip is known. Raises CommandError when it never is."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    stats = await self.call.get_stats()
                    if stats is not None and stats.round_trip_time is not None:
                        return stats
                    await asyncio.sleep(0.1)  # the next RTCP report is what we wait for; it has no event
        except TimeoutError:
            raise CommandError(f"{self.name} got no RTCP report: the quality is unknown", Exit.MEDIA) from None


def run(screen: Screen) -> int:
    """Show it. Raises CommandError, or an error of jzrx, when anything did not hold."""
    return run_in_order(_bounded(screen))


async def _bounded(screen: Screen) -> int:
    try:
        async with asyncio.timeout(TIME_LIMIT):
            await _show(screen)
    except TimeoutError as error:
        raise CommandError(str(error) or f"it was not done after {TIME_LIMIT:g} s", Exit.NO_ANSWER) from error
    return Exit.OK


async def _show(screen: Screen) -> None:
    began = asyncio.get_running_loop().time()
    passwords = {name: secrets.token_urlsafe(12) for name in ("alice", "bob")}
    async with EmbeddedSbc(passwords) as sbc:
        screen.line(f"An SBC of our own on {sbc.url}: alice, who plays 440 Hz, calls bob, who plays 660 Hz.")
        screen.line()
        async with (
            Party(sbc, "alice", passwords["alice"], 440) as alice,
            Party(sbc, "bob", passwords["bob"], 660) as bob,
        ):
            _follow(screen, alice, bob)
            await asyncio.gather(alice.phone.connect(), bob.phone.connect())
            await _call(alice, bob)
            heard = await asyncio.gather(alice.hears(bob), bob.hears(alice))
            quality = await asyncio.gather(alice.quality(), bob.quality())
            await _hang_up(alice, bob)
        screen.line()
        for party, other, sound, stats in zip((alice, bob), (bob, alice), heard, quality, strict=True):
            _report(screen, party, other, sound, stats)
    screen.line()
    took = asyncio.get_running_loop().time() - began
    screen.line(f"{screen.paint('All of it held', 'bold', 'green')}, in {took:.1f} s.")


def _follow(screen: Screen, alice: Party, bob: Party) -> None:
    """A row for every change of a state."""
    table = Table(screen, (("seconds", 7), ("alice", 12), ("her call", 10), ("bob", 12), ("his call", 24)))
    began = asyncio.get_running_loop().time()
    shown = ["", "", "", ""]

    def show() -> None:
        now = [*alice.cells, *bob.cells]
        if now != shown:
            changed = [new != old for new, old in zip(now, shown, strict=True)]
            seconds = f"{asyncio.get_running_loop().time() - began:7.2f}"
            table.row([seconds, *now], [True, *changed])
            shown[:] = now

    table.head()
    for party in (alice, bob):
        party.on_change(show)


async def _call(alice: Party, bob: Party) -> None:
    answering = asyncio.create_task(_answer(bob))
    try:
        await alice.calls.make_call("bob", no_answer_timeout=5.0)
        caller = await answering
    finally:
        answering.cancel()
    if "alice" not in caller:
        raise CommandError(f"bob was called by {caller}, not by alice", Exit.REFUSED)


async def _answer(bob: Party) -> str:
    caller = await bob.calls.incoming_caller.wait(lambda who: who is not None)
    await bob.calls.answer_incoming()
    return caller or ""


async def _hang_up(alice: Party, bob: Party) -> None:
    """Alice hangs up; both calls are over, for the normal reason."""
    ends = asyncio.gather(alice.call.finished(), bob.call.finished())
    await alice.calls.hangup()
    for party, cause in zip((alice, bob), await ends, strict=True):
        if cause.code != 200:
            raise CommandError(f"{party.name}'s call ended with {cause.code} {cause.reason}, not 200", Exit.REFUSED)
        await party.calls.call.wait(None, timeout=2.0)
        if party.phone.state.value is not ClientState.REGISTERED:
            raise CommandError(f"{party.name} was no longer registered after the call", Exit.REGISTRATION)


def _report(screen: Screen, party: Party, other: Party, heard: Heard, stats: CallQualityStats) -> None:
    tick = screen.paint("heard", "green")
    screen.line(
        f"{party.name:<6} {tick} {other.name}: {heard.hz:.1f} Hz at {dbfs(heard.peak):.1f} dBFS "
        f"({other.hz:g} Hz at {dbfs(PEAK):.1f} dBFS were played)"
    )
    mos = "-" if stats.mos is None else f"{stats.mos:.1f}"
    screen.line(
        f"       {stats.codec}, round trip {stats.round_trip_time:.1f} ms, jitter {stats.jitter:.1f} ms, "
        f"loss {stats.packet_loss:.1%}, {stats.packets_received} packets, MOS {mos}"
    )
