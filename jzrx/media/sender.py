"""Our RTP stream: 20 ms of sound each tick, encoded, or of a tone; or the packets of another call, passed on as they
are."""

import secrets
from array import array
from collections import deque
from collections.abc import Callable

from jzrx.media.codecs import Encoder, make_encoder
from jzrx.media.dtmf import ToneSender
from jzrx.media.mixer import Mixer
from jzrx.media.resample import Framer
from jzrx.media.rtp import RtpPacket, pack_header, sequence_delta
from jzrx.media.sdp import Codec

__all__ = ["Sender"]

MAX_BURST = 3  # ticks that came late are made up for; more are left out, and the timestamps go on as the time did
MAX_RELAYED = 5  # frames of another call, to take up what two calls' ticks are apart


class Sender:
    """Numbers, encodes and counts what we send; `transmit` gets the packets.

    `sends`: packets flow at all. `silent`: they carry silence. What the mixer says goes by unheard meanwhile, as what
    is said into a microphone does. `tones` go out in place of all that, as `telephone_event`, if there is one.
    """

    def __init__(self, ssrc: int, codec: Codec, max_bitrate: int | None, transmit: Callable[[bytes], None]) -> None:
        self.ssrc = ssrc
        self.sends = False
        self.silent = False
        self.telephone_event: Codec | None = None
        self.tones = ToneSender()
        self.packets = 0
        self.octets = 0
        self._transmit = transmit
        self.use(codec, max_bitrate)
        self.mixer = Mixer(self._encoder.rate)
        # RFC 3550 section 5.1: the first sequence number and timestamp are random. Below 2**15, so that the roll-over
        # counter of SRTP (RFC 3711 section 3.3.1) is the same for a receiver that misses the first packets.
        self._sequence = secrets.randbits(15)
        self._timestamp = secrets.randbits(31)
        self._talking = False  # the last tick sent a packet
        self._sent = b""  # the sound of the last one, until its level is taken
        self._relayed: deque[tuple[bytes, int]] = deque(maxlen=MAX_RELAYED)
        self._passed: RtpPacket | None = None  # the last packet passed on, while we pass packets on
        self._offsets = 0, 0  # from its sequence number and timestamp to ours

    @property
    def takes_tones(self) -> bool:
        """Tones can be sent now."""
        return self.sends and self.telephone_event is not None

    @property
    def timestamp(self) -> int:
        """The RTP timestamp of now."""
        return self._timestamp & 0xFFFFFFFF

    def peak(self) -> float | None:
        """The peak (0.0 to 1.0) of the last 20 ms of sound that went out since this was asked.

        None: none went out, we are to be silent, or there is plain silence from what is no microphone: it means it.
        """
        sound, self._sent = self._sent, b""
        if not sound or self.silent:
            return None
        samples = array("h", sound)[::4]  # enough to tell speech from nothing
        peak = max(max(samples), -min(samples))
        return peak / 32768 if peak or self.mixer.is_live else None

    def use(self, codec: Codec, max_bitrate: int | None) -> None:
        """Send as `codec`, with the other side's payload type and parameters, from now on."""
        self.codec = codec
        self._encoder: Encoder = make_encoder(codec, max_bitrate=max_bitrate)
        self._framers: dict[int, Framer] = {}

    def tick(self, due: int) -> None:
        """Send what is due."""
        for _ in range(min(due, MAX_BURST)):
            self.mixer.muted = self.silent
            sound, rate = self.mixer.read(), self.mixer.rate
            if self._relayed:
                relayed = self._relayed.popleft()
                if not self.silent:
                    sound, rate = relayed
            if not self.sends:
                self._talking = False
            elif (self.tones.is_idle or not self._send_tone()) and (self._passed is None or self.silent):
                self._send(sound, rate)
            self._timestamp += self._encoder.timestamp_step
        if due > MAX_BURST:
            self._timestamp += (due - MAX_BURST) * self._encoder.timestamp_step

    def _send(self, sound: bytes, rate: int) -> None:
        if rate != self._encoder.rate:
            if rate not in self._framers:
                self._framers[rate] = Framer(rate, self._encoder.rate)
            sound = self._framers[rate].convert(sound)
        self._stop_passing()  # whoever passes packets on after this one numbers them anew
        self._sent = sound
        self._emit(self.codec, self._timestamp & 0xFFFFFFFF, self._encoder.encode(sound), not self._talking)

    def _send_tone(self) -> bool:
        if self.telephone_event is None:
            return False
        if self.tones.is_due:
            self._stop_passing()  # a tone that begins now takes its timestamp from us
        event = self.tones.tick(self.timestamp, self.telephone_event.clock_rate)
        if event is None:
            return False
        self._emit(self.telephone_event, event.timestamp, event.payload, event.marker)
        return True

    def _emit(self, codec: Codec, timestamp: int, payload: bytes, marker: bool, sequence: int | None = None) -> None:
        """Send a packet: of ours, the next one, or one that is passed on under `sequence`."""
        if sequence is None:
            sequence, self._sequence = self._sequence, (self._sequence + 1) & 0xFFFF
        # RFC 3551 section 4.1: the marker is set on the first packet of a talkspurt only.
        self._talking = True
        self.packets += 1
        self.octets += len(payload)
        self._transmit(pack_header(codec.payload_type, sequence, timestamp, self.ssrc, marker) + payload)

    # --- another call's audio in place of ours ---

    def relay_packet(self, packet: RtpPacket, codec: Codec) -> bool:
        """Pass a packet of another call on under our numbers; False: it is in another format, relay its sound."""
        if not codec.same_format(self.codec):
            return False
        if not self.sends or self.silent or self.tones.is_sounding:
            self._stop_passing()
            return True
        first = self._passed is None or self._passed.ssrc != packet.ssrc
        if first:
            self._stop_passing()
            self._offsets = self._sequence - packet.sequence, self._timestamp - packet.timestamp
        self._passed = packet
        self._pass(packet, self.codec, marker=first or packet.marker)
        return True

    def relay_event(self, packet: RtpPacket, event: Codec) -> bool:
        """Pass a packet of a tone on, if the sound around it is; False: send the tone anew."""
        passed, ours = self._passed, self.telephone_event
        if passed is None or passed.ssrc != packet.ssrc or ours is None or not event.same_format(ours):
            return False
        self._pass(packet, ours, marker=packet.marker)
        return True

    def _pass(self, packet: RtpPacket, codec: Codec, *, marker: bool) -> None:
        sequence = (packet.sequence + self._offsets[0]) & 0xFFFF
        timestamp = (packet.timestamp + self._offsets[1]) & 0xFFFFFFFF
        if sequence_delta(sequence, self._sequence) >= 0:  # one that was overtaken keeps its place
            self._sequence = (sequence + 1) & 0xFFFF
        self._emit(codec, timestamp, packet.payload, marker, sequence)

    def relay_sound(self, sound: bytes, rate: int) -> None:
        """Send 20 ms of another call, at `rate` Hz, in place of what the mixer says."""
        self._stop_passing()
        self._relayed.append((sound, rate))

    def stop_relaying(self) -> None:
        """Send what the mixer says again."""
        self._stop_passing()
        self._relayed.clear()

    def _stop_passing(self) -> None:
        if self._passed is not None:
            # Ours go on after the last one that was passed on, also when the other side's clock is faster.
            last = self._passed.timestamp + self._offsets[1]
            ahead = ((last - self._timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
            self._timestamp += max(0, ahead + self._encoder.timestamp_step)
        self._passed = None
