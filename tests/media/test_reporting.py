"""Two streams over a network whose faults are known: what each reports of it, in the user's units; in virtual time."""

from collections.abc import Callable

import pytest
from attrs import define, evolve, field

from jzrx.media.negotiation import Agreement, apply_answer, make_answer, make_offer
from jzrx.media.rtcp import Goodbye, ReceiverReport, RtcpPacket, SenderReport, SourceDescription, parse_rtcp
from jzrx.media.sdp import Direction
from jzrx.media.sources import tone
from jzrx.media.stats import mos
from jzrx.media.stream import Stream
from jzrx.media.watch import QualityWatch
from jzrx.phone.quality import since
from jzrx.testing import Impairment
from jzrx.testing.impair import BadPath
from tests.media.descriptions import local
from tests.media.lines import VirtualTime

TICK = 0.02


@define
class Side:
    """One end: its stream, the RTCP that it met, and its warnings: +raised, -cleared."""

    stream: Stream
    path: BadPath
    rtcp: list[tuple[RtcpPacket, ...]] = field(factory=list[tuple[RtcpPacket, ...]])
    warnings: list[str] = field(factory=list[str])
    watch: QualityWatch = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.watch = QualityWatch(
            lambda warning: self.warnings.append(f"+{warning.name}"),
            lambda warning: self.warnings.append(f"-{warning.name}"),
        )

    def tick(self) -> None:
        self.stream.tick(1)
        self.watch.tick(1, self.stream, None)


class Pair:
    """Two ends in virtual time, a tick each 20 ms; `there` and `back` are what the two ways do to packets."""

    def __init__(self, there: Impairment, back: Impairment | None = None, *, codec: str = "PCMU") -> None:
        self.time = VirtualTime()
        offer = make_offer(local(1, codec))
        answer = make_answer(offer, local(2, codec))
        agreed = apply_answer(offer, answer.local)
        self.one = self._side(agreed, 1, there, lambda: self.two)
        self.two = self._side(answer, 2, back or there, lambda: self.one)
        self.answer = answer  # what was agreed, seen from `two`
        self._tick()

    def _side(self, agreement: Agreement, ssrc: int, impairment: Impairment, other: Callable[[], Side]) -> Side:
        def arrive(data: bytes) -> None:
            if 192 <= data[1] <= 223:
                other().rtcp.append(parse_rtcp(data))
                other().stream.rtcp_received(data)
            else:
                other().stream.rtp_received(data)

        path = BadPath(impairment, arrive, now=self.time.time, call_later=self.time.call_later)
        stream = Stream(
            agreement,
            ssrc=ssrc,
            cname=f"party-{ssrc}",
            send_rtp=path.send,
            send_rtcp=path.send,
            on_tone=lambda tone: None,
            now=self.time.time,
        )
        stream.agree(agreement, silent=False)
        stream.set_source(tone())
        stream.audience.add(lambda sound, concealed: None, 48000)
        return Side(stream, path)

    def _tick(self) -> None:
        self.one.tick()
        self.two.tick()
        self.time.call_later(TICK, self._tick)

    def run(self, seconds: float) -> None:
        self.time.run_until(self.time.now + seconds)


def test_the_round_trip_comes_from_rtcp() -> None:
    pair = Pair(Impairment(delay=0.05), Impairment(delay=0.03))
    pair.run(12)
    for side in (pair.one, pair.two):
        stats = side.stream.stats(checked=0.5)
        assert stats.round_trip_time == pytest.approx(80, abs=1)


def test_what_was_on_its_way_when_a_relay_was_held_is_no_loss_to_whom_it_was_for() -> None:
    pair = Pair(Impairment(delay=0.03))
    two = pair.two.stream
    two.relay_to(two)
    pair.run(1)
    two.agree(evolve(pair.answer, direction=Direction.SENDONLY), silent=False)
    pair.run(0.1)  # `one` goes on sending
    two.agree(pair.answer, silent=False)
    pair.run(1)
    stats = pair.one.stream.stats(None)
    assert stats.packets_received > 90
    assert stats.packets_lost == 0


def test_until_then_and_without_rtcp_it_comes_from_the_checks_of_ice() -> None:
    pair = Pair(Impairment(delay=0.05))
    pair.run(0.5)
    assert pair.one.stream.stats(checked=0.101).round_trip_time == pytest.approx(101)
    assert pair.one.stream.stats(checked=None).round_trip_time is None
    assert pair.one.stream.stats(checked=None).mos is None


@pytest.mark.parametrize("codec", ["PCMU", "opus"])
def test_jitter_in_milliseconds(codec: str) -> None:
    """Evenly distributed between 0 and 40 ms: two packets differ by a third of that on average."""
    pair = Pair(Impairment(jitter=0.04, seed=2), codec=codec)
    samples: list[float] = []
    for _ in range(60):
        pair.run(1)
        samples.append(pair.two.stream.stats(None).jitter)
    assert sum(samples[10:]) / 50 == pytest.approx(40 / 3, rel=0.1)
    assert pair.two.stream.stats(None).codec == codec


def test_loss_as_a_fraction_of_what_was_expected_since_the_sample_before() -> None:
    pair = Pair(Impairment(loss=0.1, delay=0.02, seed=3), Impairment(delay=0.02))
    pair.run(60)
    first = pair.two.stream.stats(None)
    assert first.packet_loss == pytest.approx(0.1, abs=0.015)
    assert first.packets_sent == 3000
    assert first.packets_lost == pytest.approx(300, abs=45)
    assert first.packets_received + first.packets_lost == pytest.approx(3000, abs=3)
    assert pair.one.stream.stats(None).packet_loss == 0

    pair.run(60)
    second = pair.two.stream.stats(None)
    lost, received = (getattr(second, n) - getattr(first, n) for n in ("packets_lost", "packets_received"))
    assert since(first, second).packet_loss == pytest.approx(lost / (lost + received))


def test_the_score_falls_as_the_e_model_says() -> None:
    # ITU-T G.107 and G.113 by hand, PCMU with concealment. Delay: 40 ms each way, 20 ms of a packet, 40 ms or less of
    # playout: Id = 0.024 * 100 = 2.4 at most. Loss: 95 * 10 / (10 + 25.1) = 27. So R = 93.2 - 2.4 = 90.8 without and
    # 63.8 with it, and the scores (annex B) 4.36 and 3.29.
    good, bad = (Pair(Impairment(delay=0.04, loss=loss, seed=3), Impairment(delay=0.04)) for loss in (0.0, 0.1))
    for pair, score in ((good, 4.36), (bad, 3.29)):
        pair.run(60)
        assert pair.two.stream.stats(None).mos == pytest.approx(score, abs=0.12)
    far = Pair(Impairment(delay=0.3))
    far.run(30)
    # Id = 0.024 * 340 + 0.11 * (340 - 177.3) = 26.1: R = 67.1.
    assert far.one.stream.stats(None).mos == pytest.approx(3.46, abs=0.1)
    assert mos(0.6, 0.0, 0.02) == pytest.approx(3.46, abs=0.02)


def test_sender_reports_with_a_name_and_a_goodbye_at_the_end() -> None:
    pair = Pair(Impairment(delay=0.01))
    pair.run(30)
    pair.one.stream.close()
    pair.run(1)
    *reports, last = pair.two.rtcp
    assert 3 <= len(reports) <= 12
    for compound in reports:
        report, name = compound
        assert isinstance(report, SenderReport)
        assert report.ssrc == 1
        assert name == SourceDescription(1, "party-1")
    # "the BYE packet SHOULD be the last packet sent with a given SSRC" (RFC 3550 section 6.1), behind a report.
    assert [type(packet) for packet in last] == [SenderReport, SourceDescription, Goodbye]
    assert last[-1] == Goodbye((1,))
    before = [report.packet_count for report, _ in reports if isinstance(report, SenderReport)]
    assert before == sorted(before)
    reported = [block for report, *_ in reports if isinstance(report, SenderReport) for block in report.reports]
    assert {block.ssrc for block in reported} == {2}


def test_who_sends_nothing_reports_as_a_receiver() -> None:
    pair = Pair(Impairment(delay=0.01))
    pair.run(2)
    pair.one.stream.sender.sends = False
    pair.run(30)
    assert isinstance(pair.two.rtcp[-1][0], ReceiverReport)
