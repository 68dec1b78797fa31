"""The wheel: nothing drifts, a late turn is made up for by counting, and no member can hurt another."""

from collections.abc import Iterator

import pytest

from jzrx.media.wheel import FEW, SLOTS, TICK, Wheel
from jzrx.testing.virtual_loop import VirtualLoop, VirtualTime


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def loop(time: VirtualTime) -> Iterator[VirtualLoop]:
    loop = VirtualLoop(time)
    yield loop
    loop.close()


class Member:
    def __init__(self, time: VirtualTime) -> None:
        self.time = time
        self.times: list[float] = []
        self.due: list[int] = []
        self.error: Exception | None = None

    def tick(self, due: int) -> None:
        self.times.append(self.time.seconds)
        self.due.append(due)

    def crashed(self, error: Exception) -> None:
        self.error = error


class Post:
    """The datagrams of the turns, as the wheel sees them."""

    def __init__(self) -> None:
        self.doings: list[str] = []

    def read(self) -> None:
        self.doings.append("read")

    def hold(self) -> None:
        self.doings.append("hold")

    def release(self) -> None:
        self.doings.append("release")


class Bad(Member):
    def tick(self, due: int) -> None:
        super().tick(due)
        raise ZeroDivisionError


class Leaves(Member):
    """Makes room for another, who comes twice, at its first tick."""

    def __init__(self, time: VirtualTime, wheel: Wheel, successor: Member) -> None:
        super().__init__(time)
        self.wheel = wheel
        self.successor = successor

    def tick(self, due: int) -> None:
        super().tick(due)
        self.wheel.remove(self)
        self.wheel.add(self.successor)
        self.wheel.add(self.successor)


def test_ticks_every_20_ms_without_drift(loop: VirtualLoop, time: VirtualTime) -> None:
    wheel, member = Wheel(loop, Post()), Member(time)
    wheel.add(member)
    loop.advance_to(999.5 * TICK)
    assert member.times == pytest.approx([number * TICK for number in range(1000)])
    assert member.due == [1] * 1000


def test_a_late_turn_counts_what_is_due_and_calls_once(loop: VirtualLoop, time: VirtualTime) -> None:
    wheel, member = Wheel(loop, Post()), Member(time)
    wheel.add(member)
    loop.advance_to(1.5 * TICK)
    time.rest(6.25 * TICK)  # somebody blocks the loop
    loop.advance_to(8.5 * TICK)
    assert member.due == [1, 1, 5, 1, 1]
    assert member.times == pytest.approx([number * TICK for number in (0, 1, 6.25, 7, 8)])


def test_a_few_members_share_a_slot_and_many_are_spread(loop: VirtualLoop, time: VirtualTime) -> None:
    wheel, members = Wheel(loop, Post()), [Member(time) for _ in range((FEW + 2) * SLOTS)]
    for member in members[: FEW + 1]:
        wheel.add(member)
    assert [len(slot) for slot in wheel._slots] == [FEW, 1, 0, 0]
    for member in members:
        wheel.add(member)
    assert [len(slot) for slot in wheel._slots] == [FEW + 2] * SLOTS
    for member in members:
        wheel.remove(member)


def test_a_member_that_raises_is_dropped_and_told(loop: VirtualLoop, time: VirtualTime) -> None:
    wheel, good, bad = Wheel(loop, Post()), Member(time), Bad(time)
    wheel.add(bad)
    wheel.add(good)
    loop.advance_to(4.5 * TICK)
    assert good.due == [1] * 5
    assert bad.due == [1]
    assert isinstance(bad.error, ZeroDivisionError)


def test_a_member_may_leave_and_another_come_within_a_turn(loop: VirtualLoop, time: VirtualTime) -> None:
    wheel, second = Wheel(loop, Post()), Member(time)
    first = Leaves(time, wheel, second)
    wheel.add(first)
    loop.advance_to(2.5 * TICK)
    assert first.due == [1]
    assert second.due == [1] * 3


def test_an_empty_wheel_leaves_no_timer(loop: VirtualLoop, time: VirtualTime) -> None:
    wheel, member, later = Wheel(loop, Post()), Member(time), Member(time)
    wheel.add(member)
    wheel.remove(member)
    wheel.remove(member)
    assert wheel._timer is None
    wheel.add(later)
    loop.advance_to(1.5 * TICK)
    wheel.remove(later)
    assert wheel._timer is None
    assert not member.times
    assert later.due == [1, 1]


def test_what_came_is_read_before_a_turn_and_what_is_sent_leaves_after_it(loop: VirtualLoop, time: VirtualTime) -> None:
    post = Post()
    wheel = Wheel(loop, post)

    class Sends(Bad):
        def tick(self, due: int) -> None:
            post.doings.append("tick")
            super().tick(due)

    wheel.add(Sends(time))
    loop.advance_to(1.5 * TICK)
    assert post.doings == ["read", "hold", "tick", "release"]


def test_whatever_raises_it_turns_on(loop: VirtualLoop, time: VirtualTime) -> None:
    class Fails(Post):
        def release(self) -> None:
            super().release()
            if len(self.doings) < 4:
                raise ZeroDivisionError

    wheel, member, told = Wheel(loop, Fails()), Member(time), list[object]()
    loop.set_exception_handler(lambda loop, context: told.append(context["exception"]))
    wheel.add(member)
    loop.advance_to(2.5 * TICK)
    assert member.due == [1] * 3
    assert len(told) == 1


def test_who_comes_as_the_last_one_leaves_in_a_late_turn_owes_nothing(loop: VirtualLoop, time: VirtualTime) -> None:
    wheel, second = Wheel(loop, Post()), Member(time)
    others = [Member(time) for _ in range(FEW)]
    for member in (*others, Leaves(time, wheel, second)):  # the last one is alone in its slot
        wheel.add(member)
    for member in others:
        wheel.remove(member)
    loop.advance_to(0.1 * TICK)
    time.rest(1.5 * TICK)  # somebody blocks the loop
    loop.advance_to(4.5 * TICK)
    assert set(second.due) == {1}
