"""How many calls one process carries with no frame late, and what an application that computes costs them.

    python benchmarks/media_capacity.py

A frame is late when it is played more than 40 ms after the one before: 20 ms after it was due, when the next one
should be. That is measured in each call, on the media thread, where frames are sent in the same moment. Both ends are
processes of their own; calls are added until one frame in 1000 is late, twice in a row. How many that are depends on
the machine, so it is only told, beside what was aimed at; the two ends share its cores.

Then 10 calls, while a thread of the application computes in pure Python: with Python's own switch interval, and with
`MediaEngine(switch_interval=0.001)`. And while the application's own loop is blocked for 200 ms at a time, which must
make no more frames late than an idle application does, medians of rounds in turn: exit status 1 if it does.
"""

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from parts.ends import measured

AIMS = {"PCMU": 300, "opus": 70}
STEPS = {"PCMU": 50, "opus": 15}
LATE = 0.001  # of the frames
MORE = 0.005  # of the frames: what two rounds may differ by on a busy machine
ROUNDS = 3


def late(codec: str, calls: int, *load: str) -> float:
    """The fraction of frames that were late at the end that answers, which has the load."""
    return measured("jzrx", codec, calls, "watch", *load)[1]["late"]


def fill(codec: str) -> None:
    calls = step = STEPS[codec]
    while (found := min(late(codec, calls) for _ in range(2))) <= LATE:
        print(f"{codec}: {calls} calls in one process, {100 * found:.2f} % of the frames late", flush=True)
        calls += step
    print(
        f"{codec}: with {calls} calls {100 * found:.2f} % are late: {calls - step} fit (aim: {AIMS[codec]})", flush=True
    )


def main() -> int:
    for codec in AIMS:
        fill(codec)
    for load, words in (
        (("compute",), "a thread of the application computes all the time"),
        (("compute", "switch"), "the same with switch_interval=0.001"),
    ):
        print(f"10 calls, {words}: {100 * late('PCMU', 10, *load):.1f} % of the frames late", flush=True)
    rounds = [(late("PCMU", 10), late("PCMU", 10, "block")) for _ in range(ROUNDS)]
    free, blocked = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"10 calls, the application's loop is blocked for 200 ms at a time: {100 * blocked:.2f} % of the frames late")
    print(f"10 calls, the application does nothing: {100 * free:.2f} % (aim: {100 * MORE:.1f} % less, at most)")
    return 0 if blocked - free <= MORE else 1


if __name__ == "__main__":
    sys.exit(main())
