"""A bad network in the process: losses, bursts of them, delay, jitter, reordering, duplicates and blackouts.

`ImpairedMedia` gives a client media that suffers it, to hear what an application does then:

    JambonzClient(..., media=ImpairedMedia(Impairment(loss=0.05, jitter=0.04)))

Only RTP and RTCP suffer: ICE and DTLS set the call up undisturbed. The same seed brings the same fate to the same
packets.
"""
# pyright: reportPrivateUsage=false

import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakSet

from attrs import field, frozen, validators

from jzrx.events import CallEvent
from jzrx.ports import MediaConfig

if TYPE_CHECKING:
    from jzrx.media.session import MediaSession

__all__ = ["BadPath", "ImpairedMedia", "Impairment"]

Deliver = Callable[[bytes], None]
_fraction = [validators.ge(0.0), validators.le(1.0)]


@frozen(kw_only=True)
class Impairment:
    """What happens to datagrams on one way. Fractions are 0.0 to 1.0, times seconds.

    `loss`: of all datagrams; `burst`: how many in a row are lost on average (the Gilbert model; 1 is independent);
    `delay`: of each; `jitter`: on top, up to so much, evenly distributed, so that they overtake each other if it is
    longer than what is between them; `reorder`: the fraction that comes `late_by` later than the others; `duplicate`:
    the fraction that comes twice; `blackouts`: from and until when nothing comes, since the first datagram.
    """

    loss: float = field(default=0.0, validator=_fraction)
    burst: float = field(default=1.0, validator=validators.ge(1.0))
    delay: float = field(default=0.0, validator=validators.ge(0.0))
    jitter: float = field(default=0.0, validator=validators.ge(0.0))
    reorder: float = field(default=0.0, validator=_fraction)
    late_by: float = field(default=0.03, validator=validators.ge(0.0))
    duplicate: float = field(default=0.0, validator=_fraction)
    blackouts: tuple[tuple[float, float], ...] = ()
    seed: int = 0


class BadPath:
    """One way: what is given to `send` comes to `deliver` late, twice, or not at all.

    `now` is a clock in seconds and `call_later(delay, function)` a timer on it: a loop's, or that of virtual time.
    """

    def __init__(
        self,
        impairment: Impairment,
        deliver: Deliver,
        *,
        now: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self.sent = 0
        self.lost = 0
        self.impairment = impairment
        """May be replaced: the network gets better, or worse."""
        self._deliver = deliver
        self._now = now
        self._call_later = call_later
        self._chance = random.Random(impairment.seed)
        self._start: float | None = None
        self._losing = False

    def send(self, datagram: bytes) -> None:
        """Send it on its way."""
        self.sent += 1
        if self._is_lost():
            self.lost += 1
            return
        for _ in range(1 + (self._chance.random() < self.impairment.duplicate)):
            late = self.impairment.late_by if self._chance.random() < self.impairment.reorder else 0.0
            delay = self.impairment.delay + self._chance.uniform(0, self.impairment.jitter) + late
            if delay:
                self._call_later(delay, partial(self._deliver, datagram))
            else:
                self._deliver(datagram)

    def _is_lost(self) -> bool:
        now = self._now()
        if self._start is None:
            self._start = now
        loss, burst = self.impairment.loss, self.impairment.burst
        # The Gilbert model: a run of losses ends with probability 1/burst, and begins so often that the whole is right.
        chance = 1 - 1 / burst if self._losing else loss / burst / (1 - loss) if loss < 1 else 1.0
        if burst == 1.0:
            chance = loss
        self._losing = self._chance.random() < chance
        return self._losing or any(begin <= now - self._start < end for begin, end in self.impairment.blackouts)


class ImpairedMedia:
    """The media engine of `jzrx.media` on a bad network: `sent` is what our packets suffer, `received` theirs."""

    def __init__(self, sent: Impairment, received: Impairment | None = None) -> None:
        self._sent = sent
        self._received = received or sent
        self._outward = WeakSet[BadPath]()
        self._inward = WeakSet[BadPath]()

    def change(self, sent: Impairment, received: Impairment | None = None) -> None:
        """The network is like this from now on, for the calls that there are, too."""
        self._sent, self._received = sent, received or sent
        for paths, impairment in ((self._outward, self._sent), (self._inward, self._received)):
            for path in paths:
                path.impairment = impairment

    def session(
        self, call_id: str, config: MediaConfig, emit: Callable[[CallEvent], None], clock: Callable[[], float]
    ) -> "MediaSession":
        """As `jzrx.ports.MediaEngine` wants it."""
        from jzrx.media.engine import MediaEngine  # late: aiortc takes a while to load

        session = MediaEngine.shared().session(call_id, config, emit, clock)
        ways, loop = session._peer._ways, session._thread.loop

        def outward(deliver: Deliver) -> Deliver:
            path = BadPath(self._sent, deliver, now=loop.time, call_later=loop.call_later)
            self._outward.add(path)
            return path.send

        def inward(deliver: Deliver) -> Deliver:
            path = BadPath(self._received, deliver, now=loop.time, call_later=loop.call_later)
            self._inward.add(path)
            return path.send

        # Nothing has happened in the session yet: its transport and its stream will take these for its own.
        ways.send_rtp = outward(ways.send_rtp)  # type: ignore[method-assign, assignment]
        ways.send_rtcp = outward(ways.send_rtcp)  # type: ignore[method-assign, assignment]
        ways._on_rtp = inward(ways._on_rtp)
        ways._on_rtcp = inward(ways._on_rtcp)
        return session
