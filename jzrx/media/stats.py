"""How well a call goes: what RTCP reports, and the sample that the user sees.

Loss and jitter as in RFC 3550 (appendix A.3 and A.8), the round trip from the other side's reports (section 6.4.1), the
mean opinion score by a simplified E-model. No clock: times are handed in, in seconds.
"""

from typing import NamedTuple

from jzrx.media.rtcp import ReportBlock, SenderReport
from jzrx.media.rtp import RtpPacket, sequence_delta
from jzrx.types import CallQualityStats

__all__ = ["Delivery", "ReceiveStatistics", "Totals", "mos", "ntp_time", "quality_stats", "round_trip"]

_NTP_EPOCH = 2_208_988_800  # 1970 in NTP's seconds since 1900
_MAX_JUMP = 3000  # MAX_DROPOUT of appendix A.1
_LATE = (1 << 64) - 1  # of the last 64 packets, those that are missing may yet come
_SOON = 100  # packets that the other side may have had no time for when it reported


class Totals(NamedTuple):
    """Packets since the call began."""

    expected: int = 0
    received: int = 0

    @property
    def lost(self) -> int:
        """What did not come; duplicates can hide losses, but never make it negative."""
        return max(0, self.expected - self.received)

    def loss_since(self, before: "Totals") -> float:
        """The fraction lost of what was expected since `before`, 0.0 to 1.0."""
        expected = self.expected - before.expected
        lost = expected - (self.received - before.received)
        return min(1.0, max(0.0, lost / expected)) if expected > 0 else 0.0


class ReceiveStatistics:
    """Counts what arrives in a call; a new source, or a jump, begins a new count within the totals."""

    def __init__(self) -> None:
        self._before = Totals()  # of earlier sources
        self._ssrc: int | None = None
        self._base = self._highest = self._received = 0
        self._came = _LATE  # a bit for each of the last packets, the newest lowest
        self._is_pausing = False
        self._transit: float | None = None
        self._jitter = 0.0  # in timestamp units
        self._clock_rate = 8000
        self._reported = Totals()
        self._last_report: tuple[int, float] | None = None

    def update(self, packet: RtpPacket, arrival: float, clock_rate: int | None) -> None:
        """Count a packet that came at `arrival` (s); `clock_rate` is its codec's.

        None: its timestamp does not say when it was sent (RFC 4733: that of a tone's start), so it has no jitter.
        """
        delta = sequence_delta(packet.sequence, self._highest & 0xFFFF)
        if packet.ssrc != self._ssrc or abs(delta) > _MAX_JUMP:
            self._begin(packet)
        else:
            if delta > 0:
                self._highest += delta
                self._came = (self._came << delta | 1) & _LATE
                if self._is_pausing:  # what was not meant for us is as if it had come
                    self._is_pausing = False
                    self._base += delta - 1
                    self._came |= (1 << delta) - 1 & _LATE
            else:
                self._came |= 1 << -delta & _LATE
        self._received += 1
        if clock_rate is None:
            return
        # D(i,j) = (Rj - Ri) - (Sj - Si); J(i) = J(i-1) + (|D(i-1,i)| - J(i-1)) / 16 (RFC 3550 section 6.4.1)
        transit = arrival * clock_rate - packet.timestamp
        if self._transit is not None and clock_rate == self._clock_rate:
            difference = abs(transit - self._transit)
            if difference > 0x80000000:  # the timestamp began at 0 again
                difference = abs(0x100000000 - difference)
            # A step of seconds is a timestamp that started anew, not a late packet.
            if difference < 2 * clock_rate:
                self._jitter += (difference - self._jitter) / 16
        self._transit = transit
        if clock_rate != self._clock_rate:  # another codec
            self._jitter *= clock_rate / self._clock_rate
            self._clock_rate = clock_rate

    def pause(self) -> None:
        """A hold begins or ends: what is missing up to the next packet was not meant for us, and is not lost.

        A media server stops passing packets on before their sender hears of the hold, and keeps their numbers.
        """
        self._is_pausing = True

    @property
    def totals(self) -> Totals:
        """Since the call began, over all sources."""
        if self._ssrc is None:
            return self._before
        expected = self._highest - self._base + 1
        return Totals(self._before.expected + expected, self._before.received + self._received)

    @property
    def jitter(self) -> float:
        """Interarrival jitter in seconds."""
        return self._jitter / self._clock_rate

    @property
    def settled(self) -> Totals:
        """The totals without what may only be late: of the last packets none is lost yet."""
        totals = self.totals
        return Totals(totals.expected, totals.received + (_LATE ^ self._came).bit_count())

    def on_sender_report(self, report: SenderReport, now: float) -> None:
        """Note a sender report of the other side, for its round trip."""
        # "The middle 32 bits out of 64 in the NTP timestamp" (RFC 3550 section 6.4.1)
        self._last_report = (report.ntp_time >> 16 & 0xFFFFFFFF, now)

    def report_block(self, now: float) -> ReportBlock | None:
        """What to report of the source, once per RTCP interval; None when nothing has come yet."""
        if self._ssrc is None:
            return None
        totals, before = self.totals, self._reported
        self._reported = totals
        last_sr, since = self._last_report or (0, now)
        return ReportBlock(
            self._ssrc,
            fraction_lost=min(255, int(totals.loss_since(before) * 256)),
            packets_lost=self._highest - self._base + 1 - self._received,
            highest_sequence=self._highest & 0xFFFFFFFF,
            jitter=int(self._jitter) & 0xFFFFFFFF,
            last_sr=last_sr,
            delay=int((now - since) * 65536) & 0xFFFFFFFF,
        )

    def _begin(self, packet: RtpPacket) -> None:
        self._before = self.totals
        self._ssrc = packet.ssrc
        self._base = self._highest = packet.sequence
        self._received = 0
        self._came = _LATE
        self._is_pausing = False
        self._transit = None


class Delivery:
    """What the other side's reports say of whether our packets arrive."""

    def __init__(self, ssrc: int) -> None:
        self.undelivered: float | None = None
        """For how many seconds nothing new has arrived there, as of its last report; None: that cannot be told."""
        self._ssrc = ssrc
        self._highest: int | None = None
        self._sent = 0  # packets, up to the last report
        self._since = 0.0  # the last report that told of something new, or came when we sent nothing

    def on_report(self, blocks: tuple[ReportBlock, ...], sent: int, now: float) -> None:
        """A report came at `now` (s), when we had sent so many packets."""
        ours = next((block for block in blocks if block.ssrc == self._ssrc), None)
        if ours is None and blocks:
            return  # a relay between us that numbers the sources anew tells nothing of ours
        before, self._sent = self._sent, sent
        # No block at all: "A reception report block [is] included for each of the synchronization sources from which
        # RTP data packets have been received since the last report" (RFC 3550 section 6.4).
        if ours is not None and ours.highest_sequence != self._highest:
            self._highest, self._since, self.undelivered = ours.highest_sequence, now, 0.0
        elif sent - before < _SOON or not before:
            self._since, self.undelivered = now, None  # it may be on its way yet
        else:
            self.undelivered = now - self._since


def ntp_time(unix: float) -> int:
    """A Unix time as NTP's 64 bits (RFC 3550 section 4)."""
    return int((unix + _NTP_EPOCH) * 2**32) & 0xFFFFFFFFFFFFFFFF


def round_trip(block: ReportBlock, now: int) -> float | None:
    """The round trip in seconds that a report about us shows at NTP time `now`; None if it answers no report."""
    if not block.last_sr:
        return None
    # "A - LSR - DLSR" in units of 1/65536 s (RFC 3550 section 6.4.1)
    units = ((now >> 16) - block.last_sr - block.delay) & 0xFFFFFFFF
    return units / 65536 if units < 0x80000000 else 0.0


def mos(round_trip: float, loss: float, playout_delay: float = 0.06) -> float:
    """The mean opinion score, 1.0 to 4.5, of a call with this round trip (s), loss (0.0 to 1.0) and playout delay (s).

    ITU-T G.107 with its defaults, R = 93.2 - Id - Ie,eff, where Id is R. G. Cole and J. H. Rosenbluth's line through
    the delay impairment ("Voice over IP performance monitoring", 2001), and Ie,eff = (95 - Ie) * Ppl / (Ppl + Bpl) with
    ITU-T G.113's Ie = 0 and Bpl = 25.1: G.711 with concealment. G.113 has no values for Opus, so it gets the same.
    """
    delay = 1000 * (round_trip / 2 + playout_delay) + 20
    delay_impairment = 0.024 * delay + 0.11 * max(0.0, delay - 177.3)
    percent = 100 * loss
    rating = 93.2 - delay_impairment - 95 * percent / (percent + 25.1)
    if rating <= 0:
        return 1.0
    rating = min(rating, 100.0)
    return min(4.5, max(1.0, 1 + 0.035 * rating + 7e-6 * rating * (rating - 60) * (100 - rating)))


def quality_stats(
    receive: ReceiveStatistics,
    *,
    packets_sent: int,
    round_trip: float | None,
    codec: str,
    timestamp: float,
    since: Totals | None = None,
    playout_delay: float = 0.06,
) -> CallQualityStats:
    """The sample that the user sees. `round_trip` in s; `since`: the totals at the last sample (None: the start)."""
    totals = receive.totals
    loss = totals.loss_since(since or Totals())
    return CallQualityStats(
        round_trip_time=None if round_trip is None else 1000 * round_trip,
        jitter=1000 * receive.jitter,
        packet_loss=loss,
        packets_sent=packets_sent,
        packets_received=totals.received,
        packets_lost=totals.lost,
        codec=codec,
        timestamp=timestamp,
        mos=None if round_trip is None or not totals.received else mos(round_trip, loss, playout_delay),
    )
