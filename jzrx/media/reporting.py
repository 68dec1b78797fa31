"""What two sides tell each other by RTCP of how their streams arrive (RFC 3550 section 6). On the media thread."""

import logging
import random
import time
from collections.abc import Callable

from jzrx.media.quality import Measured
from jzrx.media.rtcp import Goodbye, ReceiverReport, SenderReport, SourceDescription, pack_rtcp, parse_rtcp
from jzrx.media.rtp import RtpError, RtpPacket
from jzrx.media.sender import Sender
from jzrx.media.stats import Delivery, ReceiveStatistics, Totals, mos, ntp_time, quality_stats, round_trip
from jzrx.types import CallQualityStats

__all__ = ["Reporting"]

FIRST_REPORT = 50  # ticks, so that both sides soon know the round trip
INTERVAL = 250  # ticks

logger = logging.getLogger("jzrx.media")


class Reporting:
    """Counts what arrives, reports it and what `sender` sent by `send`, and learns the round trip.

    `now` is a clock (s) that never jumps; the reports' NTP times run with it from the system's time at the start.
    """

    def __init__(self, sender: Sender, cname: str, send: Callable[[bytes], None], now: Callable[[], float]) -> None:
        self.is_allowed = True
        """Whether the other side takes RTCP: it multiplexes it with RTP."""
        self._sender = sender
        self._cname = cname
        self._send = send
        self._now = now
        self._offset = time.time() - now()
        self._received = ReceiveStatistics()
        self._delivery = Delivery(sender.ssrc)
        self._round_trip: float | None = None
        self._measured = Totals()
        self._due = FIRST_REPORT
        self._reported = 0  # packets that had been sent at the last report

    def rtp_received(self, packet: RtpPacket, clock_rate: int | None) -> None:
        """Count a packet; `clock_rate` as for `ReceiveStatistics.update`."""
        self._received.update(packet, self._now(), clock_rate)

    def pause(self) -> None:
        """A hold begins or ends (`ReceiveStatistics.pause`)."""
        self._received.pause()

    def rtcp_received(self, data: bytes) -> None:
        """Read a compound packet, or one of reduced size (RFC 5506)."""
        try:
            packets = parse_rtcp(data)
        except RtpError as error:
            logger.debug("dropped a report: %s", error)
            return
        for packet in packets:
            if isinstance(packet, SenderReport):
                self._received.on_sender_report(packet, self._now())
            if isinstance(packet, SenderReport | ReceiverReport):
                self._delivery.on_report(packet.reports, self._sender.packets, self._now())
                for block in packet.reports:
                    if block.ssrc == self._sender.ssrc:
                        self._round_trip = round_trip(block, self._ntp_now()) or self._round_trip

    def tick(self, due: int) -> None:
        """Report when it is time."""
        self._due -= due
        if self._due <= 0:
            # RFC 3550 section 6.2: the interval is varied randomly over the range [0.5,1.5] times the calculated one.
            self._due = int(INTERVAL * (0.5 + random.random()))
            self._report()

    def say_goodbye(self) -> None:
        """Tell the other side that nothing more will come, if anything ever came; then say no more."""
        if self._sender.packets:
            self._report(Goodbye((self._sender.ssrc,)))
        self.is_allowed = False

    def stats(self, checked: float | None, playout_delay: float) -> CallQualityStats:
        """The quality since the start; `checked` is the round trip of ICE's checks (s), for peers that send no RTCP."""
        return quality_stats(
            self._received,
            packets_sent=self._sender.packets,
            round_trip=self._round_trip if self._round_trip is not None else checked,
            codec=self._sender.codec.name,
            timestamp=time.time(),
            playout_delay=playout_delay,
        )

    def measure(self, checked: float | None, playout_delay: float) -> Measured:
        """The quality since this was asked last."""
        before, self._measured = self._measured, self._received.settled
        loss = self._measured.loss_since(before)
        trip = self._round_trip if self._round_trip is not None else checked
        heard = self._measured.received > before.received
        return Measured(
            jitter=1000 * self._received.jitter,
            packet_loss=loss,
            round_trip_time=None if trip is None else 1000 * trip,
            mos=mos(trip, loss, playout_delay) if heard and trip is not None else None,
            undelivered=self._delivery.undelivered,
        )

    def _report(self, *more: Goodbye) -> None:
        if not self.is_allowed:
            return
        sender = self._sender
        block = self._received.report_block(self._now())
        blocks = (block,) if block is not None else ()
        # RFC 3550 section 6.4: an SR if it sent data packets since the last report, an RR otherwise.
        report = (
            SenderReport(sender.ssrc, self._ntp_now(), sender.timestamp, sender.packets, sender.octets, blocks)
            if sender.packets > self._reported
            else ReceiverReport(sender.ssrc, blocks)
        )
        self._reported = sender.packets
        self._send(pack_rtcp((report, SourceDescription(sender.ssrc, self._cname), *more)))

    def _ntp_now(self) -> int:
        return ntp_time(self._now() + self._offset)
