"""What is heard: packets in, 20 ms of sound out, whatever the network does."""

from collections.abc import Iterable
from math import ceil

from jzrx.media.codecs import Decoder, make_decoder
from jzrx.media.comfort import PAYLOAD_TYPE as COMFORT_NOISE
from jzrx.media.comfort import ComfortNoise
from jzrx.media.jitter import Decision, JitterBuffer, Kind
from jzrx.media.rtp import RtpPacket, sequence_delta
from jzrx.media.sdp import Codec

__all__ = ["Playout"]

_MAX_DEPTH = 160  # ms
_SHORTEST, _LONGEST = 2.5, 120.0  # ms in a packet


class Playout:
    """A jitter buffer and the decoders behind it; packets of any duration.

    Call `read()` each 20 ms, or `skip()` when nobody listens, which decodes nothing. `depth` is what playout waits for
    at first, in ms. While the sender pauses, as its packets said, comfort noise is heard, which is nothing lost.
    Pure but for the codecs: no clock, no thread.
    """

    def __init__(self, codecs: Iterable[Codec], *, depth: float = 40) -> None:
        self.rate = 8000
        """Of what was read last (Hz): that of the codec which arrives, at first of the preferred one."""
        self.jitter = JitterBuffer()
        self.errors = 0
        """Payloads that were corrupt."""
        self._codecs: dict[int, Codec] = {}
        self._depth = depth
        self._decoder: Decoder | None = None
        self._payload_type: int | None = None  # that the decoder is for
        self._sound = b""  # decoded, not yet read
        self._mended = False  # whether the end of it was made up
        self._skipped = 0.0  # ms
        self._comfort: ComfortNoise | None = None  # while the sender pauses, after a packet of RFC 3389
        self._discontinuous = False  # an Opus sender that transmits nothing in its pauses (RFC 7587 section 3.1.3)
        self._is_opus = False
        self._played: RtpPacket | None = None
        self._passed = 0.0  # ms since then
        self._last: RtpPacket | None = None
        self._step = 0  # between the last two packets' timestamps
        self._usual_step: int | None = None  # the one that the duration was learnt from
        self._duration = 0.0
        self._set_duration(20.0)
        self.set_codecs(codecs)

    def set_codecs(self, codecs: Iterable[Codec]) -> None:
        """What may arrive (`Agreement.receivable`); the decoder of a format that stays keeps its state."""
        before = self.codec
        self._codecs = {codec.payload_type: codec for codec in codecs}
        if self._decoder is None and self._codecs:
            self.rate = next(iter(self._codecs.values())).sampling_rate
        if before != self.codec:
            self._payload_type = None

    @property
    def codec(self) -> Codec | None:
        """What is arriving."""
        return self._codecs.get(self._payload_type) if self._payload_type is not None else None

    @property
    def delay(self) -> float:
        """How long a packet that comes in time waits here, in ms."""
        return self.jitter.depth * self._duration

    def push(self, packet: RtpPacket) -> None:
        """Take a packet as it arrives; one of an unknown payload type only holds its place."""
        last, self._last = self._last, packet
        if (
            last is None
            or packet.timestamp - last.timestamp != self._usual_step
            or packet.payload_type != last.payload_type
        ):
            self._learn_duration(packet, last)
        self.jitter.push(packet)

    def read(self) -> tuple[bytes, bool]:
        """The next 20 ms (s16le mono at `rate`), and whether any of it was concealed or silent for want of packets."""
        sound, concealed, rate = self._sound, bool(self._sound) and self._mended, self.rate
        while len(sound) < rate // 25:
            more, self._mended = self._render(self.jitter.pop())
            concealed |= self._mended
            if rate != self.rate:  # another codec: what is left of the one before is let go
                sound, rate = b"", self.rate
            sound = sound + more if sound else more
        size = rate // 25
        if len(sound) == size:  # as it is with packets of 20 ms
            self._sound = b""
            return sound, concealed
        self._sound = sound[size:]
        return sound[:size], concealed

    def skip(self) -> None:
        """Let 20 ms pass unheard."""
        self._sound = b""
        self._skipped += 20.0
        while self._skipped >= self._duration:
            self._skipped -= self._duration
            self.jitter.pop()

    def reset(self) -> None:
        """Forget what waits (after a hold, a new remote); the counters stay."""
        self.jitter.reset()
        self._sound = b""
        self._last = None
        self._comfort, self._discontinuous, self._played = None, False, None

    def _render(self, decision: Decision) -> tuple[bytes, bool]:
        """The sound of one packet time, at `rate`, and whether it is made up."""
        kind, packet = decision
        self._passed += self._duration
        if kind is Kind.PLAY and packet is not None:
            return self._play(packet)
        match kind:
            case Kind.FEC if self._decoder and packet is not None and packet.payload_type == self._payload_type:
                return self._decoder.decode_fec(packet.payload), True
            case _ if self._comfort:
                return self._comfort.read(self._size), False
            case Kind.SILENCE if self._discontinuous and self._decoder:
                return self._decoder.conceal(), False
            case Kind.CONCEAL | Kind.FEC if self._decoder:
                return self._decoder.conceal(), True
            case _:
                return bytes(self._size), True

    def _play(self, packet: RtpPacket) -> tuple[bytes, bool]:
        self._comfort = None
        if decoder := self._decoder_of(packet):
            if self._is_opus and self._is_after_pause(packet):
                self._discontinuous = True
            self._played, self._passed = packet, 0.0
            errors = decoder.errors
            sound = decoder.decode(packet.payload)
            if decoder.errors == errors:
                return sound, False
            self.errors += decoder.errors - errors
            return sound, True
        if packet.payload_type == COMFORT_NOISE:
            self._comfort = ComfortNoise(packet.payload, self.rate)
            return self._comfort.read(self._size), False
        # Nothing for us, as of a tone (RFC 4733). Browsers send its last packet three times at once, which must
        # not delay the sound after it.
        if self._is_sound_due():
            self._passed -= self._duration
            return b"", False
        return bytes(self._size), False

    def _is_sound_due(self) -> bool:
        """Whether the next packet with sound is to be heard now, by its timestamp."""
        last, following = self._played, self.jitter.find(self._codecs.keys())
        if last is None or following is None or following.payload_type != last.payload_type:
            return False
        after = 1000 * (following.timestamp - last.timestamp & 0xFFFFFFFF) / self._codecs[last.payload_type].clock_rate
        return following.ssrc == last.ssrc and after < self._passed + self._duration / 2

    def _is_after_pause(self, packet: RtpPacket) -> bool:
        """Whether nothing was transmitted for a while before this packet, as an Opus sender may in its pauses."""
        last = self._played
        if last is None or packet.ssrc != last.ssrc or sequence_delta(packet.sequence, last.sequence) != 1:
            return False
        after = 1000 * (packet.timestamp - last.timestamp & 0xFFFFFFFF) / 48000
        # One of more than there was time for is no pause: the timestamps start anew.
        return 2 * self._duration < after < self._passed + _MAX_DEPTH

    @property
    def _size(self) -> int:
        """Bytes of one packet time."""
        return int(self._duration * self.rate / 1000) * 2

    def _decoder_of(self, packet: RtpPacket) -> Decoder | None:
        if packet.payload_type != self._payload_type:
            codec = self._codecs.get(packet.payload_type)
            if codec is None:
                return None
            self._payload_type = packet.payload_type
            self._decoder = make_decoder(codec)
            self._is_opus = codec.name.upper() == "OPUS"
            self.rate = self._decoder.rate
        return self._decoder

    def _learn_duration(self, packet: RtpPacket, last: RtpPacket | None) -> None:
        """How long the packets are, from the timestamps of three in a row: it says how many `depth` ms are."""
        if last is None or packet.payload_type != last.payload_type:
            self._usual_step = None
            return
        codec = self._codecs.get(packet.payload_type)
        if codec is None:
            return
        if sequence_delta(packet.sequence, last.sequence) != 1 or packet.ssrc != last.ssrc:
            return
        step, self._step = self._step, packet.timestamp - last.timestamp & 0xFFFFFFFF
        duration = 1000 * step / codec.clock_rate
        if step == self._step and _SHORTEST <= duration <= _LONGEST:
            self._usual_step = step
            if duration != self._duration:
                self._set_duration(duration)

    def _set_duration(self, duration: float) -> None:
        self._duration = duration
        self.jitter.set_depth(ceil(self._depth / duration), ceil(_MAX_DEPTH / duration))
