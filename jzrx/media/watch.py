"""Looks at a call's audio once a second, and tells which warnings hold. On the media thread.

Every call is watched; a look costs some 50 microseconds.
"""

from collections.abc import Callable
from typing import Protocol

from jzrx.media.quality import Measured, Watched, step
from jzrx.types import CallWarning

__all__ = ["QualityWatch"]

LOOK = 50  # ticks
LISTEN = 10  # ticks between two frames of ours whose level is taken


class Watchable(Protocol):
    """What is watched: a `Stream`."""

    def input_peak(self) -> float | None: ...
    def measure(self, checked: float | None, input_peak: float | None) -> Measured | None: ...


class QualityWatch:
    """The warnings of one call; `raised` and `cleared` are told each change."""

    def __init__(self, raised: Callable[[CallWarning], None], cleared: Callable[[CallWarning], None]) -> None:
        self._raised = raised
        self._cleared = cleared
        self._state = Watched()
        self._until_look = LOOK
        self._until_listen = LISTEN
        self._peak: float | None = None

    def tick(self, due: int, stream: Watchable, checked: float | None) -> None:
        """Let `due` times 20 ms pass; `checked` is the round trip of ICE's checks (s)."""
        self._until_listen -= due
        if self._until_listen <= 0:
            self._until_listen = LISTEN
            peak = stream.input_peak()
            if peak is not None:
                self._peak = peak if self._peak is None else max(peak, self._peak)
        self._until_look -= due
        if self._until_look <= 0:
            self._until_look = LOOK
            peak, self._peak = self._peak, None
            self._state, raised, cleared = step(self._state, stream.measure(checked, peak))
            for warning in cleared:
                self._cleared(warning)
            for warning in raised:
                self._raised(warning)
