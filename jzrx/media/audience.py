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
        self._framers: dict[tuple[int, int], Framer] = {}  # from one rate to another

    def __bool__(self) -> bool:
        """Whether somebody listens."""
        return bool(self._sinks)

    def add(self, sink: Sink, rate: int) -> None:
        """Let `sink` hear everything from now on, at `rate` Hz."""
        self._sinks[rate] = [*self._sinks.get(rate, ()), sink]

    def remove(self, sink: Sink) -> None:
        """Let it hear nothing more; nothing happens if it is not there."""
        left = {rate: [other for other in sinks if other != sink] for rate, sinks in self._sinks.items()}
        self._sinks = {rate: sinks for rate, sinks in left.items() if sinks}

    def hear(self, sound: bytes, rate: int, concealed: bool) -> None:
        """Let everybody hear 20 ms, at `rate` Hz here. Who raises hears nothing more."""
        for wanted, sinks in self._sinks.items():
            heard = sound if wanted == rate else self._convert(sound, rate, wanted)
            for sink in sinks:
                try:
                    sink(heard, concealed)
                except Exception:
                    logger.exception("a sink raised, and gets nothing more")
                    self.remove(sink)

    def _convert(self, sound: bytes, rate: int, wanted: int) -> bytes:
        framer = self._framers.get((rate, wanted))
        if framer is None:
            # What the framers of another codec still hold is stale when it comes back.
            self._framers = {way: framer for way, framer in self._framers.items() if way[0] == rate}
            framer = self._framers[rate, wanted] = Framer(rate, wanted)
        return framer.convert(sound)
