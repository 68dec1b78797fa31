"""Which warnings hold for a call: `step(state, measured) -> (state, raised, cleared)`, once a second.

Rules
- A warning is raised when a measure was out of bounds often enough among the last samples, and cleared when it was
  within them for a while. One bad second tells nothing, and a warning does not flicker.
- While somebody holds there is nothing to measure: every warning is cleared, and what was seen before is forgotten.
- A measure that is not known is within its bounds.

The bounds of jitter, loss, round trip and MOS, and three of five samples, are those of Twilio's Voice SDK
(`statsMonitor.ts`), which have served many calls; but of its two bounds of loss the higher one: a single packet of a
second's fifty is 2 %, and is not heard.
"""

from collections.abc import Callable

from attrs import evolve, field, frozen

from jzrx.types import CallWarning, WarningName

__all__ = ["QUIETEST", "THRESHOLDS", "Measured", "Threshold", "Watched", "step"]

QUIETEST = -96.0
"""dBFS: what a sample of 16 bits can tell from silence, and what silence counts as."""


@frozen(kw_only=True)
class Measured:
    """One second of a call; None is not known.

    `jitter` and `round_trip_time` in ms; `packet_loss`, 0.0 to 1.0, and `mos` of this second; `input_level`: the peak
    of what we send, in dBFS; `unheard`: seconds since the last RTP packet; `undelivered`: for how many seconds nothing
    of what we send has arrived, as the other side reports it.
    """

    jitter: float | None = None
    packet_loss: float | None = None
    round_trip_time: float | None = None
    mos: float | None = None
    input_level: float | None = None
    unheard: float | None = None
    undelivered: float | None = None


@frozen(kw_only=True)
class Threshold:
    """The bound of one measure: an upper one, or with `is_minimum` a lower one.

    The warning is raised when the bound is reached in `raise_at` of the last `window` samples, and cleared when it was
    not in the last `clear_after`.
    """

    name: WarningName
    measure: Callable[[Measured], float | None] = field(repr=False)
    bound: float
    is_minimum: bool = False
    window: int = 5
    raise_at: int = 3
    clear_after: int = 5

    def is_reached(self, measured: Measured) -> bool:
        value = self.measure(measured)
        return value is not None and (value <= self.bound if self.is_minimum else value >= self.bound)


THRESHOLDS: tuple[Threshold, ...] = (
    Threshold(name="high-jitter", measure=lambda it: it.jitter, bound=30.0),
    Threshold(name="high-packet-loss", measure=lambda it: it.packet_loss, bound=0.03),
    Threshold(name="high-rtt", measure=lambda it: it.round_trip_time, bound=400.0),
    Threshold(name="low-mos", measure=lambda it: it.mos, bound=3.0, is_minimum=True),
    # Who listens says nothing, but a microphone that works hears something in ten seconds.
    Threshold(
        name="low-input-level",
        measure=lambda it: it.input_level,
        bound=-50.0,
        is_minimum=True,
        window=10,
        raise_at=10,
        clear_after=1,
    ),
    # These two have counted the seconds themselves. In its pauses Opus sends each 400 ms, if it sends discontinuously.
    Threshold(name="no-audio-received", measure=lambda it: it.unheard, bound=5.0, window=1, raise_at=1, clear_after=1),
    Threshold(
        name="no-audio-delivered", measure=lambda it: it.undelivered, bound=5.0, window=1, raise_at=1, clear_after=1
    ),
)
"""What is watched."""


@frozen
class Watched:
    """What was measured lately, oldest first, and the warnings that hold, each as it was raised."""

    recent: tuple[Measured, ...] = ()
    raised: tuple[CallWarning, ...] = ()


def step(
    state: Watched, measured: Measured | None, thresholds: tuple[Threshold, ...] = THRESHOLDS
) -> tuple[Watched, tuple[CallWarning, ...], tuple[CallWarning, ...]]:
    """The next second: the new state, and which warnings were raised and cleared. None: somebody holds."""
    if measured is None:
        return Watched(), (), state.raised
    keep = max(max(threshold.window, threshold.clear_after) for threshold in thresholds)
    recent = (*state.recent, measured)[-keep:]
    before = {warning.name: warning for warning in state.raised}
    raised: list[CallWarning] = []
    cleared: list[CallWarning] = []
    for threshold in thresholds:
        reached = [threshold.is_reached(sample) for sample in recent]
        value = threshold.measure(measured)
        warning = before.get(threshold.name)
        if warning is None:
            if value is not None and sum(reached[-threshold.window :]) >= threshold.raise_at:
                raised.append(CallWarning(threshold.name, value, threshold.bound))
        elif not any(reached[-threshold.clear_after :]):
            cleared.append(warning if value is None else evolve(warning, value=value))
    over = {warning.name for warning in cleared}
    holding = tuple(warning for warning in state.raised if warning.name not in over)
    return Watched(recent, (*holding, *raised)), tuple(raised), tuple(cleared)
