"""Frames on their way between two clocks: that of a sound card and that of the media thread.

Rules
- Reading begins when `DEPTH` frames wait, and again after the ring ran dry.
- Where each reading of a whole second found more than `DEPTH` frames, the writer's clock is the faster one (or the
  writer was held up): two frames become one, faded into each other. A slower clock lets the ring run dry now and then.
- More than `LIMIT` frames are a burst after a stop: the oldest are dropped.

One thread writes and one reads; a deque needs no lock for that.
"""

from array import array
from collections import deque

__all__ = ["FRAME", "RATE", "Ring"]

RATE = 48000
"""Hz, of all that passes between devices and calls."""

FRAME = RATE // 50
"""Samples in 20 ms."""

DEPTH = 2
LIMIT = 8
WATCH = 50  # frames, one second


class Ring:
    """20 ms of s16le mono sound at a time, in and out."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque(maxlen=LIMIT)
        self._flowing = False
        self._least = LIMIT
        self._watched = 0

    def put(self, frame: bytes) -> None:
        """Add a frame; the oldest goes when there are too many."""
        self._frames.append(frame)

    def take(self) -> bytes | None:
        """The next frame; None while there is none."""
        waiting = len(self._frames)
        if not self._flowing and waiting < DEPTH:
            return None
        self._flowing = waiting > 0
        if not self._flowing:
            return None
        frame = self._frames.popleft()
        self._least = min(self._least, waiting)
        self._watched += 1
        if self._watched >= WATCH:
            if self._least > DEPTH:
                frame = _faded(frame, self._frames.popleft())
            self._least, self._watched = LIMIT, 0
        return frame


def _faded(one: bytes, other: bytes) -> bytes:
    """`one` that turns into `other`."""
    first, second = array("h", one), array("h", other)
    count = len(first)
    return array(
        "h", ((a * (count - i) + b * i) // count for i, (a, b) in enumerate(zip(first, second, strict=True)))
    ).tobytes()
