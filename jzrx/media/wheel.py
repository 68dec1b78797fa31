"""One timer for the 20 ms of all calls.

Rules
- Turn `n` is due at `start + n * 5 ms`, whatever happened before: nothing drifts. Members of one slot have the same
  turns modulo 4. A few share one slot, as what happens at once wakes the threads once; many are spread over all, so
  that they do not all work in the same millisecond.
- A turn that comes late hands each member the number of ticks that are due. What a member cannot use it must leave out:
  packets sent in a burst are no better than packets not sent.
- What has come is read before a turn, and what is sent in it leaves at its end (`Post`).
- A member that raises is dropped, and told so; the others never notice.
"""

import asyncio
from typing import Protocol

__all__ = ["Wheel"]

TICK = 0.02  # s
SLOTS = 4
FEW = 64  # members that share a slot before the next one is begun: their work fills most of its 5 ms


class Member(Protocol):
    """Something that works every 20 ms."""

    def tick(self, due: int) -> None:
        """`due` ticks have passed since the last call, one unless the loop was late."""
        ...

    def crashed(self, error: Exception) -> None:
        """`tick` raised, and is not called any more."""
        ...


class Post(Protocol):
    """What is read and sent in turns: `jzrx.media.datagrams.Datagrams`."""

    def read(self) -> object:
        """Hand out what has come."""
        ...

    def hold(self) -> None:
        """Keep what is sent from now on."""
        ...

    def release(self) -> None:
        """Send it."""
        ...


class Wheel:
    """Calls its members every 20 ms, on the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, post: Post) -> None:
        self._loop = loop
        self._post = post
        self._slots: tuple[list[Member], ...] = tuple([] for _ in range(SLOTS))
        self._timer: asyncio.TimerHandle | None = None
        self._start = 0.0
        self._turn = 0  # the next one

    def add(self, member: Member) -> None:
        """Call `member` from now on; one that is there already stays where it is."""
        if any(member in slot for slot in self._slots):
            return
        open_slots = [slot for slot in self._slots if len(slot) < FEW]
        (open_slots[0] if open_slots else min(self._slots, key=len)).append(member)
        if self._timer is None:
            self._start, self._turn = self._loop.time(), 0
            self._schedule()

    def remove(self, member: Member) -> None:
        """Stop calling `member`; nothing happens if it is not there."""
        for slot in self._slots:
            if member in slot:
                slot.remove(member)
        if not any(self._slots) and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        turn = next(turn for turn in range(self._turn, self._turn + SLOTS) if self._slots[turn % SLOTS])
        self._timer = self._loop.call_at(self._start + turn * TICK / SLOTS, self._on_time)

    def _on_time(self) -> None:
        fired = self._timer
        try:
            self._post.read()
            self._turn_on()
        finally:
            if self._timer is fired:  # else the last member left meanwhile, and perhaps a new one came
                self._schedule()

    def _turn_on(self) -> None:
        # A turn is due at its time, whatever of a microsecond the arithmetic has lost.
        end = int((self._loop.time() - self._start) / TICK * SLOTS + 1e-6) + 1
        first, self._turn = self._turn, end
        self._post.hold()
        try:
            for turn in range(first, min(first + SLOTS, end)):
                self._tick(self._slots[turn % SLOTS], (end - 1 - turn) // SLOTS + 1)
        finally:
            self._post.release()

    def _tick(self, members: list[Member], due: int) -> None:
        for member in tuple(members):
            try:
                member.tick(due)
            except Exception as error:
                self.remove(member)
                member.crashed(error)
