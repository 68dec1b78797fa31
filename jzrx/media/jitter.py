"""The jitter buffer: packets in by arrival, one decision out per packet time, in order (RFC 3550 numbering).

Rules
- Packets lie under their extended sequence number until their turn. Playout starts when `depth` packets' time is there.
- A hole with later packets behind it is a loss: `FEC` if the next packet is there (it may carry a copy), else `CONCEAL`.
- Nothing there at all may be late or lost: `CONCEAL` without moving on, which makes the delay longer by one packet if it
  was late, and is the loss's concealment if it was lost. After `PAUSE` of that, `SILENCE`: the sender paused; what comes
  next starts playout anew.
- A packet that comes after its turn is late: the depth grows (up to `max_depth`), and shrinks again in quiet times by
  leaving out a packet.
- Another source, or a jump in the sequence, counts when two packets in order say so (RFC 3550 appendix A.1).
No clock: one `pop()` is one packet time.
"""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from attrs import define, field

from jzrx.media.rtp import RtpPacket, sequence_delta

__all__ = ["Decision", "JitterBuffer", "JitterCounters", "Kind"]

PAUSE = 5
"""So many packet times with nothing to play are concealed; then the sender is taken to have paused."""
MAX_JUMP = 100
"""A sequence number so far from the expected one needs a second packet to be believed."""
SHRINK_AFTER = 250
"""So many packet times of surplus without a late packet, and one packet is left out."""


class Kind(Enum):
    """What to do for one packet time."""

    PLAY = "play"
    FEC = "fec"
    CONCEAL = "conceal"
    SILENCE = "silence"


class Decision(NamedTuple):
    """`payload`: PLAY, the packet's own; FEC, the one of the packet after the lost one; else empty."""

    kind: Kind
    payload: bytes = b""
    payload_type: int = 0


@define
class JitterCounters:
    """What happened to packets and packet times since the start."""

    received: int = 0
    played: int = 0
    concealed: int = 0
    silent: int = 0
    reordered: int = 0
    duplicates: int = 0
    late: int = 0
    dropped: int = 0
    restarts: int = 0


class JitterBuffer:
    """Reorders the packets of one stream and says what to play; see the rules at the top of the file.

    `depth` and `max_depth` count packets. Never raises for what comes from the network.
    """

    def __init__(self, depth: int = 3, max_depth: int = 8) -> None:
        self.counters = JitterCounters()
        self._base = depth
        self._max = max_depth
        self._target = depth
        self._slots: dict[int, RtpPacket] = {}
        self._next = 0  # the extended sequence number whose turn it is
        self._ssrc: int | None = None
        self._suspect: RtpPacket | None = None

    @property
    def depth(self) -> int:
        """The number of packets that playout now waits for."""
        return self._target

    def push(self, packet: RtpPacket) -> None:
        """Take a packet as it arrives. An empty payload holds its place without sound (comfort noise)."""

    def pop(self) -> Decision:
        """What to do for the next packet time."""
        return Decision(Kind.SILENCE)

    def reset(self) -> None:
        """Forget the stream (after a hold, a new remote); the counters stay."""
