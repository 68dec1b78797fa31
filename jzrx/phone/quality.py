"""Samples of the quality of a call, in time."""

import asyncio
from collections.abc import Awaitable, Callable

import attrs
import reactivex
from reactivex.abc import DisposableBase, SchedulerBase

from jzrx.types import CallQualityStats

__all__ = ["QualityMonitor", "since"]


def since(previous: CallQualityStats | None, sample: CallQualityStats) -> CallQualityStats:
    """`sample` with the loss since `previous`: lost of expected (RFC 3550 section 6.4.1), never negative."""
    if previous is None:
        return sample
    lost = max(0, sample.packets_lost - previous.packets_lost)
    received = max(0, sample.packets_received - previous.packets_received)
    return attrs.evolve(sample, packet_loss=lost / (lost + received) if lost else 0.0)


class QualityMonitor:
    """Takes a sample now and after each interval, as soon as there is something to measure."""

    def __init__(
        self,
        measure: Callable[[], Awaitable[CallQualityStats | None]],
        report: Callable[[CallQualityStats], None],
        interval: float,
        scheduler: SchedulerBase,
    ) -> None:
        self._measure = measure
        self._report = report
        self._previous: CallQualityStats | None = None
        self._task: asyncio.Task[None] | None = None
        self._ticks: DisposableBase = reactivex.timer(0.0, interval, scheduler).subscribe(lambda _: self._begin())

    def stop(self) -> None:
        """Take no more samples."""
        self._ticks.dispose()
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._sample())

    async def _sample(self) -> None:
        sample = await self._measure()
        if sample is not None:
            self._report(since(self._previous, sample))
            self._previous = sample
