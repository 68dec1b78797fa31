"""What a call on a network with known faults warns of, and when that is over; in virtual time."""

import pytest

from jzrx.media.rtcp import ReportBlock
from jzrx.media.sources import silence, tone
from jzrx.media.stats import Delivery
from jzrx.ports import AudioReader, AudioSource
from jzrx.testing import Impairment
from tests.media.test_reporting import Pair

GOOD = Impairment(delay=0.02)


def test_a_good_call_warns_of_nothing() -> None:
    pair = Pair(Impairment(delay=0.05, jitter=0.01, loss=0.001, seed=1))
    pair.run(120)
    assert pair.one.warnings == pair.two.warnings == []


@pytest.mark.parametrize(
    ("impairment", "warnings"),
    [
        (Impairment(loss=0.05, delay=0.02, seed=1), {"high-packet-loss"}),
        (Impairment(jitter=0.12, seed=1), {"high-jitter"}),
        (Impairment(delay=0.25), {"high-rtt"}),
        (Impairment(delay=0.02, loss=0.3, seed=1), {"high-packet-loss", "low-mos"}),
    ],
)
def test_a_bad_network_is_told_of_and_so_is_that_it_is_good_again(impairment: Impairment, warnings: set[str]) -> None:
    pair = Pair(GOOD)
    pair.run(10)
    for side in (pair.one, pair.two):
        side.path.impairment = impairment
    pair.run(20)
    for side in (pair.one, pair.two):
        assert set(side.warnings) == {f"+{name}" for name in warnings}
        side.path.impairment = GOOD
    pair.run(20)
    for side in (pair.one, pair.two):
        assert sorted(side.warnings) == sorted(f"{sign}{name}" for sign in "+-" for name in warnings)


def test_no_rtp_for_5_s_is_told_and_so_is_its_end() -> None:
    pair = Pair(Impairment(blackouts=((3, 13), (20, 24))), Impairment())
    pair.run(7.9)
    assert pair.two.warnings == []
    pair.run(1.1)
    assert pair.two.warnings == ["+no-audio-received"]
    pair.run(3.9)
    assert pair.two.warnings == ["+no-audio-received"]
    pair.run(1.1)
    assert pair.two.warnings == ["+no-audio-received", "-no-audio-received"]
    pair.run(20)
    assert pair.two.warnings == ["+no-audio-received", "-no-audio-received"]


def test_what_never_came_is_told_at_both_ends() -> None:
    """One-way audio: who hears nothing knows at once, who is not heard by the other side's reports."""
    pair = Pair(Impairment(loss=1.0), Impairment())
    pair.run(7)
    assert pair.two.warnings == ["+no-audio-received"]
    pair.run(13)
    assert pair.one.warnings == ["+no-audio-delivered"]
    pair.one.path.impairment = Impairment()
    pair.run(15)
    assert pair.one.warnings == ["+no-audio-delivered", "-no-audio-delivered"]
    assert pair.two.warnings == ["+no-audio-received", "-no-audio-received"]


def test_what_arrives_no_more_in_the_middle_of_a_call_is_told_at_both_ends() -> None:
    pair = Pair(GOOD)
    pair.run(30)
    pair.one.path.impairment = Impairment(loss=1.0)
    pair.run(25)
    assert pair.two.warnings == ["+no-audio-received"]
    assert "+no-audio-delivered" in pair.one.warnings


def test_reports_are_believed_only_of_what_had_its_time_to_arrive() -> None:
    delivery = Delivery(1)
    delivery.on_report((), 60, 1.2)
    assert delivery.undelivered is None
    delivery.on_report((), 300, 6.0)
    assert delivery.undelivered == pytest.approx(4.8)
    delivery.on_report((ReportBlock(1, highest_sequence=7),), 500, 10.0)
    assert delivery.undelivered == 0
    delivery.on_report((ReportBlock(1, highest_sequence=7),), 500, 15.0)  # we hold still
    assert delivery.undelivered is None
    delivery.on_report((ReportBlock(1, highest_sequence=7),), 1000, 20.0)
    assert delivery.undelivered == pytest.approx(5)
    delivery.on_report((ReportBlock(99, highest_sequence=8),), 1500, 25.0)  # of somebody else
    assert delivery.undelivered == pytest.approx(5)


class Microphone:
    """A source that is live, and as loud as `level`."""

    is_immediate = True

    def __init__(self, level: float) -> None:
        self.level = level

    def open(self, rate: int) -> AudioReader:
        reader = (tone(440, self.level) if self.level else silence()).open(rate)
        return LiveReader(reader)


class LiveReader:
    is_live = True

    def __init__(self, reader: AudioReader) -> None:
        self._reader = reader

    def read(self) -> bytes | None:
        return self._reader.read()

    def close(self) -> None:
        self._reader.close()


@pytest.mark.parametrize(
    ("source", "warns"),
    [
        (Microphone(0.0), True),
        (Microphone(0.002), True),
        (Microphone(0.1), False),
        (tone(440, 0.002), True),
        (tone(440, 0.1), False),
        (silence(), False),
        (None, False),
    ],
)
def test_a_microphone_that_hears_nothing_and_sound_that_nobody_can_hear(
    source: AudioSource | None, warns: bool
) -> None:
    pair = Pair(GOOD)
    pair.one.stream.set_source(source)
    pair.run(15)
    assert pair.one.warnings == (["+low-input-level"] if warns else [])
    pair.one.stream.set_source(tone())
    pair.run(2)
    assert pair.one.warnings == (["+low-input-level", "-low-input-level"] if warns else [])


def test_who_is_muted_is_not_told_that_nothing_is_heard() -> None:
    pair = Pair(GOOD)
    pair.one.stream.set_source(Microphone(0.1))
    pair.one.stream.sender.silent = True
    pair.run(30)
    assert pair.one.warnings == []
