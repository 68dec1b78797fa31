"""What a call's audio costs, beside a native phone: baresip, with ICE and DTLS-SRTP as we have them.

    python benchmarks/media_native.py [calls]

The two talk to each other, so that each carries the same packets in the same seconds: jzrx in a process of its own,
which hands what it hears to a sink at the rate of the codec; baresip with WAV files of that rate. CPU is the whole
process's; the ratio is the median of the rounds. Exit status 1 when an aim is missed, 2 without baresip.
"""

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from parts.baresip import PROGRAM, baresip
from parts.endpoint import MEASURE, SETTLE
from parts.ends import End

ROUNDS = 3
CALLS = 50
AIMS = {"PCMU": 1.0, "opus": 1.4}


def cpu_per_call(codec: str, calls: int) -> tuple[float, float, float]:
    """The share of a core that a call costs jzrx, and baresip; and the fraction of frames that jzrx heard."""
    with baresip(codec) as native:
        ours = End("jzrx", codec, calls, "answer", "single", "sink")

        def answered(offer: str) -> str:
            ours.say([offer])
            return ours.hear()[0]

        try:
            for _ in range(calls):
                native.call(answered)
            assert ours.hear() == "up"
            ours.say("measure")
            native.serve(SETTLE)
            used, began = native.cpu(), time.monotonic()
            native.serve(MEASURE)
            theirs = (native.cpu() - used) / (time.monotonic() - began)
            result = ours.hear()
        finally:
            ours.end()
    return result["cpu"], theirs / calls, result["heard"]


def compare(codec: str, calls: int) -> bool:
    rounds = [cpu_per_call(codec, calls) for _ in range(ROUNDS)]
    ours, theirs, heard = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio, aim = statistics.median(mine / its for mine, its, _ in rounds), AIMS[codec]
    print(f"{codec} jzrx: {100 * ours:.2f} % of a core per call, {100 * heard:.1f} % heard")
    print(f"{codec} baresip: {100 * theirs:.2f} % of a core per call")
    print(f"{codec}: {ratio:.2f} of baresip's with {calls} calls (aim: {aim:.1f})")
    return ratio <= aim and heard > 0.98


def main() -> int:
    if not PROGRAM.exists():
        print("baresip is not installed: tests/interop/install.sh does that")
        return 2
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    met = [compare(codec, calls) for codec in AIMS]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
