"""The jitter buffer: packets in as they arrive, one decision out per packet time, in the order of sequence numbers.

Rules
- Packets lie under their extended sequence number until their turn. Playout starts when `depth` of them are there.
- A hole with later packets behind it is a loss: FEC if the next packet is there (it may carry a copy), else CONCEAL.
- Nothing there at all is late or lost, nobody knows: CONCEAL without moving on. If it was late, the delay has grown by
  what it was late, and so does the depth; if it was lost, its concealment has been played already; if its marker says
  that a talkspurt begins, nothing was late.
- After PAUSE of those the sender is taken to have paused: SILENCE, and what comes next starts playout anew.
- A packet that comes after its turn was concealed too early: the depth grows by one, up to `max_depth`.
- In calm times the depth shrinks to what the arrivals show to be enough: as many packets as the number of those that
  wait goes up and down by, and one. What waits beyond the depth all the time is left out, a packet at a time: so a
  sender whose clock is faster than ours adds no delay, and one whose clock is slower is waited for once in a while.
- Another source, or a jump in the sequence, counts when two packets in order say so (RFC 3550 appendix A.1).
No clock: one `pop()` is one packet time.
"""

from collections.abc import Container
from enum import Enum
from typing import NamedTuple

from attrs import define

from jzrx.media.rtp import RtpPacket, sequence_delta

__all__ = ["Decision", "JitterBuffer", "JitterCounters", "Kind"]

PAUSE = 5
"""So many packet times with nothing to play are concealed; then the sender is taken to have paused."""
MAX_JUMP = 100
"""A sequence number this far from the newest one needs a second packet to be believed."""
WINDOW = 100
"""Packet times that must all have had a packet too many before one is left out."""
CALM = 500
"""Packet times without a late packet before the depth may shrink by one."""


class Kind(Enum):
    """What to do for one packet time."""

    PLAY = "play"
    FEC = "fec"
    CONCEAL = "conceal"
    SILENCE = "silence"


class Decision(NamedTuple):
    """What to do; `packet` is the one to play, or for FEC the one after the lost one."""

    kind: Kind
    packet: RtpPacket | None = None


_CONCEAL = Decision(Kind.CONCEAL)
_SILENCE = Decision(Kind.SILENCE)


@define
class JitterCounters:
    """What happened to packets (the first six) and to packet times (the rest) since the start.

    A received packet is played, or was a duplicate, late, or dropped, or still waits. `fec` counts the losses
    whose next packet was there; `restarts` are new sources and jumps.
    """

    received: int = 0
    played: int = 0
    reordered: int = 0
    duplicates: int = 0
    late: int = 0
    dropped: int = 0
    fec: int = 0
    concealed: int = 0
    silent: int = 0
    restarts: int = 0


class JitterBuffer:
    """Reorders the packets of one stream and says what to play; see the rules at the top of the file.

    `depth`, to begin with, and `max_depth` count packets. Never raises for what comes from the network.
    """

    def __init__(self, depth: int = 3, max_depth: int = 8) -> None:
        self.counters = JitterCounters()
        self._slots: dict[int, RtpPacket] = {}
        self._missing: set[int] = set()  # what was concealed though it may still come
        self._calm = 0  # packet times since the last late packet
        self.set_depth(depth, max_depth)
        self.reset()

    @property
    def depth(self) -> int:
        """The packets that playout now waits for."""
        return self._depth

    @property
    def waiting(self) -> int:
        """The packets that wait for their turn."""
        return len(self._slots)

    def find(self, payload_types: Container[int]) -> RtpPacket | None:
        """The next packet with one of these payload types that waits."""
        found = (number for number, packet in self._slots.items() if packet.payload_type in payload_types)
        first = min(found, default=None)
        return None if first is None else self._slots[first]

    def set_depth(self, depth: int, max_depth: int) -> None:
        """Begin with `depth` packets, and never wait for more than `max_depth` of them."""
        self._base = depth
        self._max = max(depth, max_depth)
        self._depth = depth

    def reset(self) -> None:
        """Forget the stream (after a hold, a new remote); the counters stay."""
        self._depth = self._base
        self._ssrc: int | None = None
        self._suspect: RtpPacket | None = None
        self._begin(0)

    def push(self, packet: RtpPacket) -> None:
        """Take a packet as it arrives."""
        self.counters.received += 1
        if self._ssrc is None:
            self._ssrc = packet.ssrc
            self._begin(packet.sequence, packet.sequence - self._max)
        delta = sequence_delta(packet.sequence, self._newest & 0xFFFF)
        if packet.ssrc != self._ssrc or abs(delta) > MAX_JUMP:
            self._suspected(packet)
        else:
            self._insert(self._newest + delta, packet)

    def pop(self) -> Decision:
        """What to do for the next packet time."""
        if not self._playing and not self._start():
            return self._silence()
        self._calm += 1
        if self._calm >= CALM:
            self._shrink()
        if self._insertions:
            self._insertions -= 1
            return self._conceal()
        if not self._slots:
            if self._starved >= PAUSE:
                self._begin(self._newest + 1)
                return self._silence()
            self._starved += 1
            return self._conceal()
        return self._take()

    def _begin(self, sequence: int, floor: int | None = None) -> None:
        """Wait for `depth` packets from `sequence` on; packets before `floor` are not welcome any more."""
        self.counters.dropped += len(self._slots)
        self._slots.clear()
        self._missing.clear()
        self._next = sequence  # the extended sequence number whose turn it is
        self._newest = sequence - 1
        self._floor = sequence if floor is None else floor
        self._playing = False
        self._waited = 0
        self._starved = 0  # packet times in a row with nothing to play
        self._insertions = 0  # packet times to conceal to reach a greater depth
        self._watched = 0
        self._surplus = 2 * self._max
        self._least, self._most = 2 * self._max, 0  # packets that waited, in calm times

    def _suspected(self, packet: RtpPacket) -> None:
        """A packet that does not go on from the last ones; with a second one it is the new stream."""
        first, self._suspect = self._suspect, packet
        if first is None:
            return
        if packet.ssrc != first.ssrc or sequence_delta(packet.sequence, first.sequence) != 1:
            self.counters.dropped += 1
            return
        self.counters.restarts += 1
        self._suspect = None
        self._ssrc = packet.ssrc
        self._begin(first.sequence)
        self._insert(first.sequence, first)
        self._insert(first.sequence + 1, packet)

    def _insert(self, sequence: int, packet: RtpPacket) -> None:
        if sequence in self._missing:
            self._missing.discard(sequence)
            self.counters.late += 1
            self._insertions += self._depth < self._max
            self._deepen(1)
        elif sequence in self._slots or (self._playing and sequence < self._next):
            self.counters.duplicates += 1
        elif sequence < self._floor:
            self.counters.late += 1
        else:
            self.counters.reordered += sequence < self._newest
            if not self._playing:
                self._next = min(self._next, sequence) if self._slots else sequence
            self._newest = max(self._newest, sequence)
            self._slots[sequence] = packet
            if self._newest - self._next >= 2 * self._max:
                self._skip_to(self._newest - self._depth + 1)

    def _start(self) -> bool:
        """Whether enough is there, or has been for long enough, to begin."""
        if not self._slots:
            return False
        self._waited += 1
        self._playing = self._newest - self._next + 1 >= self._depth or self._waited > self._depth
        return self._playing

    def _take(self) -> Decision:
        while self._starved and self._next not in self._slots:
            # This one was lost, and concealed when it was not known yet whether it was.
            self._starved -= 1
            self._lose()
        if self._starved:
            # RFC 3551 section 4.1: the marker is set on the first packet after a silence period during which packets
            # were not transmitted contiguously.
            if not self._slots[self._next].marker:
                self._deepen(self._starved)
            self._starved = 0
        packet = self._slots.pop(self._next, None)
        if packet is None:
            self._lose()
            following = self._slots.get(self._next)
            self._watch()
            if following is None:
                return self._conceal()
            self.counters.fec += 1
            return Decision(Kind.FEC, following)
        self._next += 1
        self._watch()
        self.counters.played += 1
        return Decision(Kind.PLAY, packet)

    def _lose(self) -> None:
        """The packet whose turn it is was concealed; if it comes yet, it is late."""
        self._missing.add(self._next)
        self._missing.discard(self._next - MAX_JUMP)
        self._next += 1

    def _deepen(self, packets: int) -> None:
        self._depth = min(self._max, self._depth + packets)
        self._forget_calm()

    def _shrink(self) -> None:
        if self._most - self._least + 1 < self._depth:
            self._depth -= 1
        self._forget_calm()

    def _forget_calm(self) -> None:
        self._calm = 0
        self._least, self._most = 2 * self._max, 0

    def _watch(self) -> None:
        """Leave a packet out when for a whole window one more was there than the depth asks for."""
        waiting = self._newest - self._next + 2  # with the one that was just taken
        if waiting < self._least:
            self._least = waiting
        if waiting > self._most:
            self._most = waiting
        if waiting - self._depth < self._surplus:
            self._surplus = waiting - self._depth
        self._watched += 1
        if self._watched >= WINDOW:
            if self._surplus > 0:
                self._skip_to(self._next + 1)
            self._watched = 0
            self._surplus = 2 * self._max

    def _skip_to(self, sequence: int) -> None:
        for skipped in range(self._next, sequence):
            self.counters.dropped += self._slots.pop(skipped, None) is not None
        self._next = self._floor = sequence

    def _conceal(self) -> Decision:
        self.counters.concealed += 1
        return _CONCEAL

    def _silence(self) -> Decision:
        self.counters.silent += 1
        return _SILENCE
