"""The ring between two clocks: it never waits, and neither runs over nor grows late."""

from array import array
from itertools import pairwise

from jzrx.media.devices.ring import DEPTH, FRAME, LIMIT, Ring


def frame(value: int) -> bytes:
    return array("h", [value] * FRAME).tobytes()


def test_it_begins_when_two_frames_wait_and_again_after_it_ran_dry() -> None:
    ring = Ring()
    ring.put(frame(1))
    assert ring.take() is None
    ring.put(frame(2))
    assert [ring.take(), ring.take(), ring.take()] == [frame(1), frame(2), None]
    ring.put(frame(3))
    assert ring.take() is None
    ring.put(frame(4))
    assert ring.take() == frame(3)


def test_a_burst_drops_the_oldest() -> None:
    ring = Ring()
    for value in range(100):
        ring.put(frame(value))
    assert [ring.take() for _ in range(LIMIT + 1)] == [frame(100 - LIMIT + i) for i in range(LIMIT)] + [None]


def test_what_is_too_much_for_a_second_goes_without_a_click() -> None:
    ring = Ring()
    for _ in range(DEPTH + 2):
        ring.put(frame(1000))
    taken = []
    for value in range(200):
        ring.put(frame(1000 + 10 * value))
        taken.append(ring.take())
    assert all(taken)
    waiting = 0
    while ring.take():
        waiting += 1
    assert waiting == DEPTH - 1
    sound = array("h", b"".join(filter(None, taken)))
    assert max(abs(a - b) for a, b in pairwise(sound)) <= 20


def test_a_faster_writer_makes_nothing_late() -> None:
    ring = Ring()
    for tick in range(50 * 60):
        ring.put(frame(0))
        if tick % 500 == 0:  # 0.2 % faster
            ring.put(frame(0))
        ring.take()
    waiting = 0
    while ring.take():
        waiting += 1
    assert waiting <= DEPTH
