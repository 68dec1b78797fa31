"""What a call's audio costs, beside stock aiortc; how soon it is heard; and what is left of 200 calls.

    python benchmarks/media.py [calls]

Both ends of the calls are processes of their own, both send speech and consume what they hear. CPU is getrusage's, of
one end, per call; jzrx and aiortc take turns, and the ratio is the median of the rounds' ratios. Ratios are held to
their aims; how much a call costs on this machine is only told. A busy machine costs jzrx more, whose work is short and
begins anew each 20 ms: measure on a quiet one. Exit status 1 when an aim is missed.
"""

import asyncio
import gc
import statistics
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from parts.ends import measured

from jzrx.events import CallEvent
from jzrx.media import tone
from jzrx.media.engine import MediaEngine
from jzrx.media.session import MediaSession
from jzrx.ports import MediaConfig

ROUNDS = 5
CALLS = 10
CPU_AIMS = {"PCMU": 1 / 6, "opus": 1 / 3}
FIRST_SOUND_AIM = 0.080  # s
OPENED = 200
GROWTH_AIM = 4_000_000  # bytes, for the second half of the calls opened


def cpu_per_call(kind: str, codec: str, calls: int) -> tuple[float, float]:
    """The share of a core that one end of a call costs, and the fraction of frames that were heard."""
    results = measured(kind, codec, calls)
    return statistics.mean(r["cpu"] for r in results), statistics.mean(r["heard"] for r in results)


def compare(codec: str, calls: int) -> bool:
    rounds: dict[str, list[tuple[float, float]]] = {"jzrx": [], "aiortc": []}
    for _ in range(ROUNDS):
        for kind, results in rounds.items():
            results.append(cpu_per_call(kind, codec, calls))
    cost = {kind: statistics.median(cpu for cpu, _ in results) for kind, results in rounds.items()}
    pairs = zip(rounds["jzrx"], rounds["aiortc"], strict=True)
    heard = {kind: statistics.median(heard for _, heard in results) for kind, results in rounds.items()}
    ratio, aim = statistics.median(ours / theirs for (ours, _), (theirs, _) in pairs), CPU_AIMS[codec]
    for kind in rounds:
        print(f"{codec} {kind}: {100 * cost[kind]:.2f} % of a core per call, {100 * heard[kind]:.1f} % heard")
    print(f"{codec}: {ratio:.3f} of aiortc's, {1 / cost['jzrx']:.0f} calls would fill a core (aim: {aim:.3f})")
    return ratio <= aim and heard["jzrx"] > 0.98


def session(engine: MediaEngine, codec: str = "PCMU") -> MediaSession:
    config = MediaConfig(loopback=True, preferred_codecs=(codec,), source=tone())
    events: list[CallEvent] = []
    return engine.session("call", config, events.append, time.monotonic)


async def first_sound(codec: str) -> bool:
    """From the answer until the first decoded sound is there, at the one who offered."""
    engine = MediaEngine()
    taken: list[float] = []
    for _ in range(15):
        one, other = session(engine, codec), session(engine, codec)
        heard = asyncio.Event()
        one.incoming.subscribe(lambda frame, heard=heard: None if frame.concealed else heard.set())
        answer = await other.create_answer(await one.create_offer())
        began = time.perf_counter()
        await one.set_answer(answer)
        await asyncio.wait_for(heard.wait(), 5)
        taken.append(time.perf_counter() - began)
        await asyncio.gather(one.close(), other.close())
    median = statistics.median(taken)
    print(f"{codec}: first sound {1000 * median:.0f} ms after the answer (aim: {1000 * FIRST_SOUND_AIM:.0f})")
    return median <= FIRST_SOUND_AIM


def resident() -> int:
    """Bytes of memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def held() -> tuple[int, int, int]:
    """Files, threads and tasks."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), len(asyncio.all_tasks())


async def open_and_close(calls: int) -> bool:
    engine = MediaEngine()
    before, grown = held(), 0
    for number in range(calls):
        if number == calls // 2:
            gc.collect()
            grown = -resident()
        one, other = session(engine), session(engine)
        await one.set_answer(await other.create_answer(await one.create_offer()))
        await asyncio.gather(one.ready(), other.ready())
        await asyncio.gather(one.close(), other.close())
    after = held()
    grown += resident()
    print(f"{calls} calls: files, threads, tasks {before} before, {after} after; {grown / 1e6:.1f} MB more in the end")
    return after == before and grown < GROWTH_AIM


def main() -> int:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    met = [compare(codec, calls) for codec in CPU_AIMS]
    met += [asyncio.run(first_sound(codec)) for codec in CPU_AIMS]
    met.append(asyncio.run(open_and_close(OPENED)))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
