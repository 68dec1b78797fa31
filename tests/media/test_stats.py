"""Statistics: loss and jitter as RFC 3550 counts them, the round trip, and the sample that the user sees."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from jzrx.media.rtcp import ReportBlock, SenderReport
from jzrx.media.rtp import RtpPacket
from jzrx.media.stats import ReceiveStatistics, Totals, mos, ntp_time, quality_stats, round_trip


def packet(number: int, ssrc: int = 1, base: int = 0) -> RtpPacket:
    return RtpPacket(0, (base + number) & 0xFFFF, (160 * number) & 0xFFFFFFFF, ssrc, b"")


def receive(numbers: list[int], stats: ReceiveStatistics | None = None, *, ssrc: int = 1, base: int = 0):
    stats = stats or ReceiveStatistics()
    for number in numbers:
        stats.update(packet(number, ssrc, base), 0.02 * number, 8000)
    return stats


def test_nothing_received_is_nothing_lost():
    stats = ReceiveStatistics()
    assert stats.totals == Totals(0, 0)
    assert stats.report_block(1.0) is None


def test_an_even_stream_has_neither_loss_nor_jitter():
    stats = receive(list(range(100)))
    assert (stats.totals, stats.totals.lost) == (Totals(100, 100), 0)
    assert stats.jitter == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("base", [0, 65500])
def test_losses_are_counted_over_the_wrap(base: int):
    stats = receive([n for n in range(200) if n % 10 != 5], base=base)
    assert stats.totals == Totals(200, 180)
    assert stats.totals.loss_since(Totals()) == pytest.approx(0.1)


@given(st.permutations(range(30)), st.lists(st.integers(0, 29), max_size=20))
def test_order_hides_no_loss_and_duplicates_make_none_negative(order: list[int], again: list[int]):
    stats = receive([0, *order, *again])
    assert stats.totals.expected == 30
    assert stats.totals.lost == 0
    assert 0 <= stats.totals.loss_since(Totals()) <= 1


def test_the_fraction_is_that_of_the_interval():
    stats = receive(list(range(100)))
    block = stats.report_block(2.0)
    assert block
    assert (block.ssrc, block.fraction_lost, block.packets_lost, block.highest_sequence) == (1, 0, 0, 99)
    receive([n for n in range(100, 200) if n % 4], stats)
    block = stats.report_block(4.0)
    assert block
    assert (block.fraction_lost, block.packets_lost) == (64, 25)
    receive(list(range(200, 300)), stats)
    block = stats.report_block(6.0)
    assert block
    assert (block.fraction_lost, block.packets_lost) == (0, 25)


def test_jitter_as_appendix_a8_computes_it():
    stats = ReceiveStatistics()
    jitter, before = 0.0, None
    for number in range(50):
        arrival = 0.02 * number + (0.01 if number % 2 else 0)
        stats.update(packet(number), arrival, 8000)
        transit = arrival * 8000 - 160 * number
        if before is not None:
            jitter += (abs(transit - before) - jitter) / 16
        before = transit
    assert stats.jitter == pytest.approx(jitter / 8000)
    assert 0.009 < stats.jitter < 0.0101
    block = stats.report_block(1.0)
    assert block
    assert block.jitter == int(jitter), "in timestamp units"


def test_a_timestamp_that_wraps_or_starts_anew_is_no_jitter():
    stats = ReceiveStatistics()
    for number in range(20):
        timestamp = (2**32 - 1600 + 160 * number) & 0xFFFFFFFF
        stats.update(RtpPacket(0, number, timestamp, 1, b""), 0.02 * number, 8000)
    assert stats.jitter == pytest.approx(0, abs=1e-4)
    stats.update(RtpPacket(0, 20, 0x12345678, 1, b""), 0.4, 8000)
    assert stats.jitter == pytest.approx(0, abs=1e-4)


def test_the_packets_of_a_tone_count_but_are_no_jitter():
    stats = receive(list(range(50)))
    for number in range(50, 57):
        stats.update(packet(number)._replace(timestamp=50 * 160), 0.02 * number, None)
    receive(list(range(57, 60)), stats)
    assert stats.totals == Totals(60, 60)
    assert stats.jitter == pytest.approx(0, abs=1e-9)


def test_another_codec_in_the_call_changes_no_jitter():
    """Its unit is the timestamps', and they run with the codec's clock."""
    stats = ReceiveStatistics()
    for number in range(200):
        stats.update(packet(number)._replace(timestamp=960 * number), 0.02 * number + 0.01 * (number % 2), 48000)
    before = stats.jitter
    assert before == pytest.approx(0.01, abs=0.0002)
    for number in range(200, 220):
        stats.update(packet(number), 0.02 * number + 0.01 * (number % 2), 8000)
        assert stats.jitter == pytest.approx(before, abs=0.0002)


def test_what_is_not_passed_on_during_a_hold_is_not_lost():
    stats = receive([n for n in range(65450, 65500) if n != 65470])
    stats.pause()  # 65500 to 65502 were under way when the hold began
    receive([65503], stats)
    stats.pause()  # and the sender went on, or did not stop at once
    receive([n for n in range(65560, 65600) if n != 65580], stats)
    assert stats.totals.lost == stats.settled.lost + 1 == 2
    block = stats.report_block(2.0)
    assert block
    assert (block.packets_lost, block.highest_sequence) == (2, 65599)


def test_another_source_ends_the_pause():
    stats = ReceiveStatistics()
    stats.pause()  # as a call does before its first packet
    receive([0, 2, 3], stats)
    assert stats.totals == Totals(4, 3)
    stats.pause()
    receive([0, 2, 3], stats, ssrc=2)
    assert stats.totals == Totals(8, 6)


def test_another_source_goes_on_counting():
    stats = receive(list(range(100)))
    receive([n for n in range(100) if n != 50], stats, ssrc=2, base=30000)
    assert stats.totals == Totals(200, 199)
    receive(list(range(100, 110)), stats, ssrc=2, base=50000)  # a jump
    assert stats.totals == Totals(210, 209)


def test_the_round_trip_from_both_ends():
    # We send a report at 1000.0; they get it at once by their own clock and report 0.3 s later; it arrives at 1000.45.
    theirs = receive([0])
    theirs.on_sender_report(SenderReport(5, ntp_time(1000.0), 0, 0, 0), 77.0)
    block = theirs.report_block(77.3)
    assert block
    assert round_trip(block, ntp_time(1000.45)) == pytest.approx(0.15, abs=0.001)


def test_no_round_trip_without_a_report_and_none_below_zero():
    assert round_trip(ReportBlock(1), ntp_time(1000.0)) is None
    assert round_trip(ReportBlock(1, last_sr=ntp_time(1000.0) >> 16 & 0xFFFFFFFF, delay=65536), ntp_time(1000.5)) == 0


def test_ntp_time_counts_from_1900():
    assert ntp_time(0) == 2208988800 << 32
    assert ntp_time(0.5) & 0xFFFFFFFF == 1 << 31


def test_the_score_falls_with_loss_and_delay_within_its_bounds():
    good = mos(0.02, 0)
    assert 4.2 < good < 4.5
    assert good > mos(0.02, 0.01) > mos(0.02, 0.05) > mos(0.02, 0.2) > mos(0.02, 1.0) >= 1
    assert good > mos(0.4, 0) > mos(1.0, 0) > mos(5.0, 0) >= 1


@pytest.mark.parametrize(
    ("round_trip", "loss", "playout_delay", "rating"),
    [
        (0.0, 0.0, 0.0, 93.2 - 0.024 * 20),
        (0.1, 0.0, 0.06, 93.2 - 0.024 * 130),
        (0.4, 0.0, 0.06, 93.2 - 0.024 * 280 - 0.11 * (280 - 177.3)),
        (0.1, 0.01, 0.06, 93.2 - 0.024 * 130 - 95 * 1 / 26.1),
        (0.1, 0.2, 0.06, 93.2 - 0.024 * 130 - 95 * 20 / 45.1),
    ],
)
def test_the_score_by_hand(round_trip: float, loss: float, playout_delay: float, rating: float):
    """R = 93.2 - Id - Ie,eff, and from R to the score (ITU-T G.107 annex B); packets of 20 ms."""
    score = 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6
    assert mos(round_trip, loss, playout_delay) == pytest.approx(score, abs=1e-9)


@given(st.floats(0, 100), st.floats(0, 1))
def test_the_score_is_a_score(rtt: float, loss: float):
    assert 1 <= mos(rtt, loss) <= 4.5


def test_the_sample_has_the_users_units():
    stats = receive([n for n in range(100) if n % 10])
    sample = quality_stats(stats, packets_sent=7, round_trip=0.03, codec="opus", timestamp=1e9)
    assert (sample.round_trip_time, sample.packets_sent, sample.codec, sample.timestamp) == (30.0, 7, "opus", 1e9)
    assert (sample.packets_received, sample.packets_lost) == (90, 9)
    assert sample.packet_loss == pytest.approx(9 / 99)
    assert sample.mos
    later = quality_stats(
        receive(list(range(100, 150)), stats),
        packets_sent=7,
        round_trip=None,
        codec="opus",
        timestamp=1e9,
        since=stats.totals,
    )
    assert (later.packet_loss, later.round_trip_time, later.mos) == (0.0, None, None)
    assert evolve(later, mos=1.0) != later
