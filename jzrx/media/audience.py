"""Who hears a call: sinks, each at the sampling rate that it asks for. On the media thread."""

import logging
from collections.abc import Callable

from jzrx.media.resample import Framer

__all__ = ["Audience", "Sink"]

Sink = Callable[[bytes, bool], None]
"""Gets each 20 ms that are heard (s16le mono), and whether they were concealed."""

logger = logging.getLogger("jzrx.media")


class Audience:
    """Converts what is heard once for each rate that somebody wants; nobody there, nothing is done."""

    def __init__(self) -> None:
        self._sinks: dict[int, list[Sink]] = {}  # by rate
        self._rate = 0  # at which it is heard here
        self._framers: dict[int, Framer] = {}  # from that to another one, while somebody wants it

    def __bool__(self) -> bool:
        """Whether somebody listens."""
        return bool(self._sinks)

    def add(self, sink: Sink, rate: int) -> None:
        """Let `sink` hear everything from now on, at `rate` Hz."""
        # Made anew here and below, as a sink may come or go while all hear.
        self._sinks = {**self._sinks, rate: [*self._sinks.get(rate, ()), sink]}

    def remove(self, sink: Sink, rate: int) -> None:
        """Let it hear nothing more at that rate; added twice, it hears once. Nothing happens if it is not there."""
        if sink not in (left := list(self._sinks.get(rate, ()))):
            return
        left.remove(sink)
        self._sinks = {each: sinks for each, sinks in {**self._sinks, rate: left}.items() if sinks}
        if not left:
            self._framers.pop(rate, None)

    def hear(self, sound: bytes, rate: int, concealed: bool) -> None:
        """Let everybody hear 20 ms, at `rate` Hz here. Who raises hears nothing more."""
        if rate != self._rate:  # another codec: what is left of the one before would be stale when that comes back
            self._rate, self._framers = rate, {}
        for wanted, sinks in self._sinks.items():
            if wanted not in self._sinks:  # a sink before took the last one at this rate away
                continue
            heard = sound if wanted == rate else self._convert(sound, wanted)
            for sink in sinks:
                try:
                    sink(heard, concealed)
                except Exception:
                    logger.exception("a sink raised, and gets nothing more")
                    self.remove(sink, wanted)

    def _convert(self, sound: bytes, wanted: int) -> bytes:
        framer = self._framers.get(wanted)
        if framer is None:
            framer = self._framers[wanted] = Framer(self._rate, wanted)
        return framer.convert(sound)
