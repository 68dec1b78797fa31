"""The audio of one call while it flows: RTP and RTCP in and out, one tick each 20 ms. On the media thread."""

import logging
import random
import time
from collections.abc import Callable

from jzrx.media.dtmf import Heard, ToneListener, ToneReceiver
from jzrx.media.frames import AudioFrame
from jzrx.media.negotiation import Agreement
from jzrx.media.playout import Playout
from jzrx.media.rtcp import ReceiverReport, SenderReport, SourceDescription, pack_rtcp, parse_rtcp
from jzrx.media.rtp import RtpError, RtpPacket, parse_rtp
from jzrx.media.sdp import Codec
from jzrx.media.sender import MAX_BURST, Sender
from jzrx.media.stats import ReceiveStatistics, ntp_time, quality_stats, round_trip
from jzrx.ports import AudioReader, AudioSource
from jzrx.types import CallQualityStats

__all__ = ["NO_TONES", "Sink", "Stream"]

RATE = 48000  # Hz, of all that is heard
TICK = 0.02  # s
SILENCE = bytes(RATE // 50 * 2)
NO_TONES = "The other side takes no tones by RTP: it holds the call, or does not speak telephone-event (RFC 4733)."
FIRST_REPORT = 50  # ticks, so that both sides soon know the round trip
REPORT_INTERVAL = 250  # ticks

Sink = Callable[[bytes, bool], None]
"""Gets each 20 ms that are heard (s16le mono, 48000 Hz), and whether they were concealed."""

logger = logging.getLogger("jzrx.media")


class Stream:
    """Sends what the mixer says and plays out what arrives, in the formats and directions that were agreed.

    `send_rtp` and `send_rtcp` take plain packets; `on_tone` gets each tone that arrives,
    when it begins; `now` is the loop's clock (s).
    """

    def __init__(
        self,
        agreement: Agreement,
        *,
        ssrc: int,
        cname: str,
        send_rtp: Callable[[bytes], None],
        send_rtcp: Callable[[bytes], None],
        on_tone: Callable[[str], None],
        now: Callable[[], float],
    ) -> None:
        self.sender = Sender(ssrc, agreement.codec, agreement.max_bitrate, send_rtp)
        self._sending = agreement.codec, agreement.max_bitrate
        self.sinks: list[Sink] = []
        self.listener: Callable[[AudioFrame], None] | None = None
        self._relay: Stream | None = None
        self._cname = cname
        self._send_rtcp = send_rtcp
        self._on_tone = on_tone
        self._now = now
        self._playout = Playout(_sounds(agreement), rate=RATE)
        self._tones = ToneReceiver()
        self._tone_is_passed = False  # the relay got the packets of the last tone as they are
        self._received = ReceiveStatistics()
        self._formats: dict[int, Codec] = {}
        self._receives = False
        self._mux = True
        self._transcodes = False  # the relay wants another format
        self._heard: int | None = None  # frames since the first packet, once it came
        self._round_trip: float | None = None
        self._report_due = FIRST_REPORT
        self._reported = 0  # packets that had been sent at the last report

    def agree(self, agreement: Agreement, *, silent: bool) -> None:
        """Go on with what was agreed now; `silent`: send silence, as we hold or are muted."""
        if (agreement.codec, agreement.max_bitrate) != self._sending:
            self._sending = agreement.codec, agreement.max_bitrate
            self.sender.use(*self._sending)
        self.sender.silent = silent
        self.sender.sends = agreement.direction.sends
        self.sender.telephone_event = agreement.telephone_event
        if not agreement.can_send_tones:
            self.sender.tones.clear(NO_TONES)
        self._mux = agreement.rtcp_mux
        self._formats = {codec.payload_type: codec for codec in agreement.receivable}
        self._playout.set_codecs(_sounds(agreement))
        if self._receives != agreement.direction.receives:
            self._receives = agreement.direction.receives
            self._playout.reset()

    def restart(self) -> None:
        """The packets come from elsewhere now: what waits is stale."""
        self._playout.reset()

    # --- what arrives ---

    def rtp_received(self, data: bytes) -> None:
        try:
            packet = parse_rtp(data)
        except RtpError as error:
            logger.debug("dropped a packet: %s", error)
            return
        codec = self._formats.get(packet.payload_type)
        is_event = codec is not None and codec.is_event
        self._received.update(packet, self._now(), None if is_event else (codec or self.sender.codec).clock_rate)
        if not self._receives:
            return
        if self._heard is None:
            self._heard = 0
        self._playout.push(packet)  # an event's, too: it has a place among the others
        if codec is None:
            return
        if codec.is_event:
            self._event_received(packet, codec)
        elif self._relay is not None:
            self._transcodes = not self._relay.sender.relay_packet(packet, codec)

    def _event_received(self, packet: RtpPacket, codec: Codec) -> None:
        heard = self._tones.push(packet, codec.clock_rate)
        passed = self._relay is not None and self._relay.sender.relay_event(packet, codec)
        self._take(heard)
        if any(tone.duration is None for tone in heard):
            self._tone_is_passed = passed

    def _take(self, heard: list[Heard]) -> None:
        for tone, duration in heard:
            if duration is None:
                self._on_tone(tone)
            elif self._relay is not None and not self._tone_is_passed:
                self._relay.sender.tones.queue(tone, min(max(duration, 40), 1300), 40)

    def rtcp_received(self, data: bytes) -> None:
        try:
            packets = parse_rtcp(data)
        except RtpError as error:
            logger.debug("dropped a report: %s", error)
            return
        for packet in packets:
            if isinstance(packet, SenderReport):
                self._received.on_sender_report(packet, self._now())
            if isinstance(packet, SenderReport | ReceiverReport):
                for block in packet.reports:
                    if block.ssrc == self.sender.ssrc:
                        self._round_trip = round_trip(block, ntp_time(time.time())) or self._round_trip

    # --- what passes in 20 ms ---

    def tick(self, due: int) -> None:
        """Let `due` times 20 ms pass: one, unless the thread was held up."""
        self.sender.tick(due)
        self._take(self._tones.tick(due))
        for number in range(due if self._heard is not None else 0):
            self._hear(late=number >= MAX_BURST)
        self._report_due -= due
        if self._report_due <= 0 and self._mux:
            # RFC 3550 section 6.2: the interval is varied randomly over the range [0.5,1.5] times the calculated one.
            self._report_due = int(REPORT_INTERVAL * (0.5 + random.random()))
            self._report()

    def _hear(self, *, late: bool) -> None:
        assert self._heard is not None
        self._heard += 1
        if not (self.sinks or self.listener or self._transcodes):
            self._playout.skip()
            return
        if late or not self._receives:
            self._playout.skip()
            sound, concealed = SILENCE, True
        else:
            sound, concealed = self._playout.read()
        if self._transcodes and self._relay is not None:
            self._relay.sender.relay_sound(sound)
        if self.listener is not None:
            self.listener(AudioFrame(sound, RATE, (self._heard - 1) * TICK, concealed))
        for sink in tuple(self.sinks):
            try:
                sink(sound, concealed)
            except Exception:
                logger.exception("a sink raised, and gets nothing more")
                self.remove_sink(sink)

    def remove_sink(self, sink: Sink) -> None:
        """Call it no more; nothing happens if it is not there."""
        if sink in self.sinks:
            self.sinks.remove(sink)

    # --- how it is ---

    def _report(self) -> None:
        sender, now = self.sender, self._now()
        block = self._received.report_block(now)
        reports = (block,) if block is not None else ()
        # RFC 3550 section 6.4: an SR if it sent data packets since the last report, an RR otherwise.
        report = (
            SenderReport(sender.ssrc, ntp_time(time.time()), sender.timestamp, sender.packets, sender.octets, reports)
            if sender.packets > self._reported
            else ReceiverReport(sender.ssrc, reports)
        )
        self._reported = sender.packets
        self._send_rtcp(pack_rtcp((report, SourceDescription(sender.ssrc, self._cname))))

    def stats(self, checked: float | None) -> CallQualityStats:
        """The quality since the start; `checked` is the round trip of ICE's checks (s), for peers that send no RTCP."""
        return quality_stats(
            self._received,
            packets_sent=self.sender.packets,
            round_trip=self._round_trip if self._round_trip is not None else checked,
            codec=self.sender.codec.name,
            timestamp=time.time(),
        )

    # --- what is sent ---

    def set_source(self, source: AudioSource | None) -> None:
        """Send this from now on; one that cannot be opened is silence."""
        self.sender.mixer.set_source(self._opened(source) if source is not None else None)

    def play(self, source: AudioSource, ended: Callable[[], None]) -> Callable[[], None] | None:
        """Mix this over what is sent, and call `ended` at its end. Returned is what ends it now; None: it has."""
        reader = self._opened(source)
        if reader is None:
            ended()
            return None
        mixer = self.sender.mixer
        handle = mixer.play(reader, ended)
        return lambda: mixer.stop(handle)

    def _opened(self, source: AudioSource) -> AudioReader | None:
        try:
            return source.open(self.sender.mixer.rate)
        except Exception as error:  # a file that is gone, a single-use source: the call goes on
            logger.error("cannot open the audio source %r: %s", source, error)
            return None

    def send_tones(self, tones: str, duration_ms: int, gap_ms: int, listener: ToneListener) -> None:
        """Send tones as events in place of the sound, after those that wait already (`ToneSender.queue`)."""
        if not self.sender.sends or self.sender.telephone_event is None:
            listener.ended(NO_TONES)
        else:
            self.sender.tones.queue(tones, duration_ms, gap_ms, listener)

    def relay_to(self, other: "Stream | None") -> None:
        """Send what arrives on to `other`: as it is in the same format, else as sound."""
        if self._relay is not None:
            self._relay.sender.stop_relaying()
        self._relay = other
        self._transcodes = False

    def close(self) -> None:
        """Send and relay nothing more."""
        self.relay_to(None)
        self.sender.sends = False
        self.sender.tones.clear("The call's media is closed.")
        self.sender.mixer.close()


def _sounds(agreement: Agreement) -> tuple[Codec, ...]:
    return tuple(codec for codec in agreement.receivable if not codec.is_event)
