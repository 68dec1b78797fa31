"""The audio of one call while it flows: RTP and RTCP in and out, one tick each 20 ms. On the media thread."""

import logging
from collections.abc import Callable

from attrs import evolve

from jzrx.media.audience import Audience
from jzrx.media.dtmf import Heard, ToneListener, ToneReceiver
from jzrx.media.feeds import readable
from jzrx.media.measure import dbfs
from jzrx.media.negotiation import Agreement
from jzrx.media.playout import Playout
from jzrx.media.quality import QUIETEST, Measured
from jzrx.media.reporting import Reporting
from jzrx.media.rtp import RtpError, RtpPacket, parse_rtp
from jzrx.media.sdp import Codec
from jzrx.media.sender import MAX_BURST, Sender
from jzrx.ports import AudioReader, AudioSource
from jzrx.types import CallQualityStats

__all__ = ["NO_TONES", "Stream"]

TICK = 0.02  # s
LOOK = 10  # ticks
NO_TONES = "The other side takes no tones by RTP: it holds the call, or does not speak telephone-event (RFC 4733)."

logger = logging.getLogger("jzrx.media")


class Stream:
    """Sends what the mixer says and plays out what arrives, in the formats and directions that were agreed.

    `send_rtp` and `send_rtcp` take plain packets; `now` is the loop's clock (s). `on_tone` gets each tone that arrives,
    when it begins.
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
        self.audience = Audience()
        self._relay: Stream | None = None
        self._on_tone = on_tone
        self._playout = Playout(_sounds(agreement))
        self._tones: ToneReceiver | None = None  # from the first one on
        self._tone_is_passed = False  # the relay got the packets of the last tone as they are
        self._reporting = Reporting(self.sender, cname, send_rtcp, now)
        self._formats: dict[int, Codec] = {}  # of sound, by payload type
        self._events: dict[int, Codec] = {}
        self._receives = False
        self._expects = False  # RTP
        self._unheard = 0  # ticks since the last of it
        self._measures = False  # and did so at the last look
        self._transcodes = False  # the relay wants another format
        self._since_report = 0  # ticks since it was looked whether one is due
        self._heard: int | None = None  # frames since the first packet, once it came

    def agree(self, agreement: Agreement, *, silent: bool) -> None:
        """Go on with what was agreed now; `silent`: send silence, as we hold or are muted."""
        if (agreement.codec, agreement.max_bitrate) != self._sending:
            self._sending = agreement.codec, agreement.max_bitrate
            self.sender.use(*self._sending)
        self.sender.silent = silent
        self.sender.sends = agreement.direction.sends
        self.sender.telephone_event = agreement.telephone_event
        if agreement.telephone_event is None:
            self.sender.tones.clear(NO_TONES)  # while the other side holds us they wait
        self._reporting.is_allowed = agreement.rtcp_mux
        self._formats = {codec.payload_type: codec for codec in _sounds(agreement)}
        self._events = {codec.payload_type: codec for codec in agreement.receivable if codec.is_event}
        self._playout.set_codecs(_sounds(agreement))
        self._expects = agreement.direction.receives and not agreement.remotely_held
        self._unheard = 0
        if self._receives != agreement.direction.receives:
            self._receives = agreement.direction.receives
            self._playout.reset()
            self._reporting.pause()
            if self._relay is not None:
                # What is on its way now goes nowhere: it must not leave a hole in the numbers there.
                self._relay.sender.stop_relaying()

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
        event = self._events.get(packet.payload_type) if codec is None else None
        self._reporting.rtp_received(packet, None if event else (codec or self.sender.codec).clock_rate)
        if not self._receives:
            return
        self._unheard = 0
        if self._heard is None:
            self._heard = 0
        self._playout.push(packet)  # an event's, too: it has a place among the others
        if event is not None:
            self._event_received(packet, event)
        elif self._relay is not None and codec is not None:
            self._transcodes = not self._relay.sender.relay_packet(packet, codec)

    def _event_received(self, packet: RtpPacket, codec: Codec) -> None:
        if self._tones is None:
            self._tones = ToneReceiver()
        heard = self._tones.push(packet, codec.clock_rate)
        begins = any(tone.duration is None for tone in heard)
        # The end of one whose beginning the relay did not take would be a tone of its own there.
        relay = self._relay if begins or self._tone_is_passed else None
        passed = relay is not None and relay.sender.relay_event(packet, codec)
        self._take(heard)
        if begins:
            self._tone_is_passed = passed

    def _take(self, heard: list[Heard]) -> None:
        for tone, duration in heard:
            if duration is None:
                self._on_tone(tone)
            elif self._relay is not None and self._relay.sender.takes_tones and not self._tone_is_passed:
                self._relay.sender.tones.queue(tone, min(max(duration, 40), 1300), 40)

    def rtcp_received(self, data: bytes) -> None:
        self._reporting.rtcp_received(data)

    # --- what passes in 20 ms ---

    def tick(self, due: int) -> None:
        """Let `due` times 20 ms pass: one, unless the thread was held up."""
        self.sender.tick(due)
        if self._tones is not None and (ended := self._tones.tick(due)):
            self._take(ended)
        if self._heard is not None:
            for number in range(due):
                self._hear(late=number >= MAX_BURST)
                self._heard += 1
        self._unheard += due
        self._since_report += due
        if self._since_report >= LOOK:
            self._reporting.tick(self._since_report)
            self._since_report = 0

    @property
    def time(self) -> float:
        """Of what is heard now: seconds since the first frame."""
        return (self._heard or 0) * TICK

    def _hear(self, *, late: bool) -> None:
        playout = self._playout
        if not self.audience and not self._transcodes:
            playout.skip()
            return
        if late or not self._receives:
            playout.skip()
            sound, concealed = bytes(playout.rate // 25), True
        else:
            sound, concealed = playout.read()
        if self._transcodes and self._relay is not None:
            self._relay.sender.relay_sound(sound, playout.rate)
        self.audience.hear(sound, playout.rate, concealed)

    # --- how it is ---

    def stats(self, checked: float | None) -> CallQualityStats:
        """The quality since the start; `checked` is the round trip of ICE's checks (s), for peers that send no RTCP."""
        return self._reporting.stats(checked, self._playout.delay / 1000)

    def measure(self, checked: float | None, input_peak: float | None) -> Measured | None:
        """The time since this was asked last. None: somebody holds, or did for a part of it."""
        measured = self._reporting.measure(checked, self._playout.delay / 1000)
        before, self._measures = self._measures, self._expects
        if not (before and self._measures):
            return None
        level = None if input_peak is None else max(QUIETEST, dbfs(input_peak))
        return evolve(measured, input_level=level, unheard=self._unheard * TICK)

    def input_peak(self) -> float | None:
        """The peak of the last 20 ms that we sent (`Sender.peak`)."""
        return self.sender.peak()

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
            return readable(source).open(self.sender.mixer.rate)
        except Exception as error:  # a file that is gone, a single-use source: the call goes on
            logger.error("cannot open the audio source %r: %s", source, error)
            return None

    def send_tones(self, tones: str, duration_ms: int, gap_ms: int, listener: ToneListener) -> None:
        """Send tones as events in place of the sound, after those that wait already (`ToneSender.queue`)."""
        if self.sender.takes_tones:
            self.sender.tones.queue(tones, duration_ms, gap_ms, listener)
        else:
            listener.ended(NO_TONES)

    def relay_to(self, other: "Stream | None") -> None:
        """Send what arrives on to `other`: as it is in the same format, else as sound."""
        if self._relay is not None:
            self._relay.sender.stop_relaying()
        self._relay = other
        self._transcodes = False

    def close(self) -> None:
        """Send and relay nothing more."""
        self.relay_to(None)
        self._reporting.say_goodbye()
        self.sender.sends = False
        self.sender.tones.clear("The call's media is closed.")
        self.sender.mixer.close()


def _sounds(agreement: Agreement) -> tuple[Codec, ...]:
    return tuple(codec for codec in agreement.receivable if not codec.is_event)
