"""The bad network: each fault is as often and as large as it says; and a client's media may be put on it."""

import asyncio
import itertools

import pytest

from jzrx.events import CallEvent, MediaStateChanged
from jzrx.media import tone
from jzrx.media.engine import MediaEngine
from jzrx.media.measure import dominant_tone
from jzrx.ports import MediaConfig
from jzrx.testing import ImpairedMedia, Impairment
from jzrx.testing.impair import BadPath
from tests.media.lines import VirtualTime

COUNT = 5000


def arrivals(impairment: Impairment) -> list[tuple[int, float]]:
    """Which of the packets, sent each 20 ms, arrived, and how long they took."""
    time = VirtualTime()
    arrived: list[tuple[int, float]] = []

    def arrive(data: bytes) -> None:
        number = int.from_bytes(data, "big")
        arrived.append((number, time.now - number * 0.02))

    path = BadPath(impairment, arrive, now=time.time, call_later=time.call_later)
    for number in range(COUNT):
        time.run_until(number * 0.02)
        path.send(number.to_bytes(4, "big"))
    time.run_until(COUNT * 0.02 + 10)
    assert path.sent == COUNT
    return arrived


def runs_of_losses(arrived: list[tuple[int, float]]) -> list[int]:
    numbers = [number for number, _ in arrived]
    return [late - early - 1 for early, late in itertools.pairwise(numbers) if late - early > 1]


@pytest.mark.parametrize("loss", [0.0, 0.01, 0.05, 0.2, 1.0])
def test_loss(loss: float) -> None:
    assert 1 - len(arrivals(Impairment(loss=loss))) / COUNT == pytest.approx(loss, abs=0.012)


def test_bursts() -> None:
    arrived = arrivals(Impairment(loss=0.1, burst=4))
    assert 1 - len(arrived) / COUNT == pytest.approx(0.1, abs=0.025)
    runs = runs_of_losses(arrived)
    assert sum(runs) / len(runs) == pytest.approx(4, rel=0.15)


def test_delay_jitter_order_and_duplicates() -> None:
    arrived = arrivals(Impairment(delay=0.05, jitter=0.04, duplicate=0.1))
    assert min(took for _, took in arrived) == pytest.approx(0.05, abs=0.001)
    assert max(took for _, took in arrived) == pytest.approx(0.09, abs=0.001)
    assert len(arrived) == pytest.approx(1.1 * COUNT, rel=0.02)
    assert arrived != sorted(arrived)
    late = [took for _, took in arrivals(Impairment(reorder=0.2, late_by=0.03))]
    assert sum(took > 0.02 for took in late) == pytest.approx(0.2 * COUNT, rel=0.1)


def test_a_blackout() -> None:
    numbers = [number for number, _ in arrivals(Impairment(blackouts=((10, 20),)))]
    assert numbers == [*range(500), *range(1000, COUNT)]


def test_the_same_seed_brings_the_same_fate() -> None:
    impairment = Impairment(loss=0.1, jitter=0.04, seed=5)
    assert arrivals(impairment) == arrivals(impairment)
    assert arrivals(impairment) != arrivals(Impairment(loss=0.1, jitter=0.04, seed=6))


@pytest.mark.parametrize("wrong", [{"loss": 1.1}, {"loss": -0.1}, {"burst": 0.5}, {"delay": -1.0}])
def test_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Impairment(**wrong)  # type: ignore[arg-type]


async def test_real_media_on_a_bad_network() -> None:
    """Both ways suffer, the call comes up all the same, and the tone is heard."""
    events: list[CallEvent] = []
    loop = asyncio.get_running_loop()
    bad, good = ImpairedMedia(Impairment(loss=0.1, jitter=0.01, seed=1)), MediaEngine.shared()
    one = bad.session("one", MediaConfig(loopback=True, source=tone(440)), events.append, loop.time)
    two = good.session("two", MediaConfig(loopback=True, source=tone(660)), events.append, loop.time)
    heard: dict[str, bytes] = {"one": b"", "two": b""}
    enough = asyncio.Event()

    def hear(name: str, data: bytes) -> None:
        heard[name] += data
        if min(map(len, heard.values())) > 2 * 48000 * 2:
            enough.set()

    try:
        one.incoming.subscribe(lambda frame: hear("one", frame.data))
        two.incoming.subscribe(lambda frame: hear("two", frame.data))
        await one.set_answer(await two.create_answer(await one.create_offer()))
        async with asyncio.timeout(10):
            await asyncio.gather(one.ready(), two.ready(), enough.wait())
        for session, name, hz in ((one, "one", 660), (two, "two", 440)):
            found, _ = dominant_tone(heard[name][-96000:], 48000)
            assert found == pytest.approx(hz, rel=0.02)
            stats = await session.stats()
            assert stats is not None
            assert stats.packets_lost > 0
        assert sum(isinstance(event, MediaStateChanged) for event in events) == 4
    finally:
        await asyncio.gather(one.close(), two.close())
