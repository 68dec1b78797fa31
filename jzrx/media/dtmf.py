"""DTMF as RTP events (RFC 4733): what to send each 20 ms, and which tones arrive. No clock: one `tick` is 20 ms.

Rules of sending
- A tone is a packet each 20 ms, all with the timestamp of its start; the first has the marker, the last the E bit.
- The last one is sent three times, so that its loss costs nothing. Until then audio yields; then it goes on.
- Sequences wait for each other, tones for the gap behind the one before.

Rules of receiving
- A tone is known by its timestamp. It has begun with the first of its packets that comes, be it its last.
- It has ended with an E bit, with the beginning of another one, or when nothing more comes of it. What comes then is a
  repetition.
- A long one goes on in segments: under a new timestamp within the time that it has lasted, without a marker.
"""

from collections import deque
from struct import Struct
from typing import NamedTuple, Protocol

from attrs import define

from jzrx.media.rtp import RtpPacket

__all__ = ["Heard", "ToneListener", "ToneReceiver", "ToneSender"]

TONES = "0123456789*#ABCD"
"""By event code (RFC 4733 section 3.2)."""
PAUSE = 2000
"""Milliseconds that a `,` lasts."""
VOLUME = 10
"""How far below 0 dBm0 our tones are, in dB."""

_TICK = 20  # ms
# "The final packet for each event and for each segment SHOULD be sent a total of three times at the interval used by
# the source for updates." (RFC 4733 section 2.5.1.4)
_REPETITIONS = 2
_END = 0x80
_MOST = 0xFFFF
_EVENT = Struct("!BBH")  # the code, E bit and volume, the duration in timestamp units (section 2.3)
_FORGET = 5000  # ms: a timestamp so much older than the last is that of a clock that was set anew
_GONE = 10  # ticks without a packet of a tone


class ToneListener(Protocol):
    """Who is told of a sequence of tones."""

    def sent(self, tone: str) -> None:
        """The last packet of this tone has left."""
        ...

    def ended(self, error: str | None) -> None:
        """All of them were sent; or not, and why."""
        ...


@define
class _Sequence:
    tones: str
    duration: int  # ms
    gap: int  # ms
    listener: ToneListener | None


class Event(NamedTuple):
    """A packet of a tone, but for its numbers."""

    payload: bytes
    timestamp: int
    marker: bool


class ToneSender:
    """The tones of one call, in order, each as long as it was asked for."""

    def __init__(self) -> None:
        self._queue: deque[_Sequence] = deque()
        self._tone: str | None = None  # that is being sent
        self._start = 0  # its timestamp
        self._ticks = 0  # since its start
        self._wait = 0  # ms before the next one

    @property
    def is_idle(self) -> bool:
        """Nothing is to be sent, and no gap is to be kept."""
        return not self._queue and self._wait <= 0

    @property
    def is_sounding(self) -> bool:
        """A tone has begun, and not all of its packets have left."""
        return self._tone is not None

    @property
    def is_due(self) -> bool:
        """The next tick may have a packet."""
        return self._tone is not None or (self._wait <= 0 and bool(self._queue))

    def queue(self, tones: str, duration_ms: int, gap_ms: int, listener: ToneListener | None = None) -> None:
        """Send `tones` (0-9, *, #, A-D, and `,` for a pause) after those that are queued already.

        `duration_ms` is at most 1300: at 48000 Hz more does not fit into one event. `gap_ms` is 40 at least, in which
        the repetitions of the last packet leave.
        """
        self._queue.append(_Sequence(tones.upper(), duration_ms, gap_ms, listener))

    def tick(self, timestamp: int, clock_rate: int) -> Event | None:
        """The packet of these 20 ms, whose sound would have this timestamp; None: there may be sound."""
        if self._tone is None:
            self._begin(timestamp)
            if self._tone is None:
                self._wait -= _TICK if self._wait > 0 else 0
                return None
        sequence = self._queue[0]
        self._ticks += 1
        duration = min(self._ticks * _TICK, sequence.duration)
        flags = VOLUME | (_END if duration == sequence.duration else 0)
        payload = _EVENT.pack(TONES.index(self._tone), flags, duration * clock_rate // 1000)
        event = Event(payload, self._start, self._ticks == 1)
        if self._ticks == -(-sequence.duration // _TICK) + _REPETITIONS:
            self._end(sequence, self._tone)
        return event

    def clear(self, error: str) -> None:
        """Send nothing more, and tell those who wait why."""
        queue, self._queue, self._tone, self._wait = self._queue, deque(), None, 0
        for sequence in queue:
            if sequence.listener is not None:
                sequence.listener.ended(error)

    def _begin(self, timestamp: int) -> None:
        while self._wait <= 0 and self._queue:
            sequence = self._queue[0]
            if not sequence.tones:
                self._finish()
                continue
            tone, sequence.tones = sequence.tones[0], sequence.tones[1:]
            if tone != ",":
                self._tone, self._start, self._ticks = tone, timestamp, 0
                return
            self._wait += PAUSE

    def _end(self, sequence: _Sequence, tone: str) -> None:
        self._wait = sequence.duration + sequence.gap - self._ticks * _TICK
        self._tone = None
        if sequence.listener is not None:
            sequence.listener.sent(tone)
        if not sequence.tones:
            self._finish()

    def _finish(self) -> None:
        sequence = self._queue.popleft()
        if sequence.listener is not None:
            sequence.listener.ended(None)


class Heard(NamedTuple):
    """A tone that begins (`duration` None), or has ended after `duration` ms."""

    tone: str
    duration: int | None = None


@define
class _Tone:
    code: int
    ssrc: int
    clock_rate: int
    begun: int  # the timestamp of its start
    segment: int  # and that of its last segment
    duration: int = 0  # of that segment, as far as is known
    is_over: bool = False  # that was told
    is_final: bool = False  # its E bit was seen
    quiet: int = 0  # ticks since its last packet

    @property
    def heard(self) -> Heard:
        lasted = (self.segment - self.begun & 0xFFFFFFFF) + self.duration
        return Heard(TONES[self.code], 1000 * lasted // self.clock_rate)


class ToneReceiver:
    """The tones in the events of one stream: each begins once and ends once, whatever is lost, late or repeated."""

    def __init__(self) -> None:
        self._last: _Tone | None = None

    def push(self, packet: RtpPacket, clock_rate: int) -> list[Heard]:
        """What a packet of telephone-event at `clock_rate` says that is new."""
        if len(packet.payload) < _EVENT.size:
            return []
        code, flags, duration = _EVENT.unpack_from(packet.payload)
        # "The receiver SHOULD ignore an event report with zero duration if the event is not a state." (section 2.3.5)
        if code >= len(TONES) or not duration:
            return []
        heard: list[Heard] = []
        tone = self._last
        if tone is None or self._is_another(tone, packet, code):
            heard += self._over()
            tone = self._last = _Tone(code, packet.ssrc, clock_rate, packet.timestamp, packet.timestamp)
            heard.append(Heard(TONES[code]))
        elif code != tone.code or _ahead(packet.timestamp, tone.segment) < 0:
            return []
        if packet.timestamp != tone.segment:
            tone.segment, tone.duration = packet.timestamp, 0
        tone.duration = max(tone.duration, duration)
        tone.quiet = 0
        if flags & _END:
            tone.is_final = True
            heard += self._over()
        return heard

    def tick(self, ticks: int = 1) -> list[Heard]:
        """Let `ticks` times 20 ms pass: a tone whose last packets were lost ends, too."""
        if self._last is None or self._last.is_over:
            return []
        self._last.quiet += ticks
        return self._over() if self._last.quiet >= _GONE else []

    def _over(self) -> list[Heard]:
        if self._last is None or self._last.is_over:
            return []
        self._last.is_over = True
        return [self._last.heard]

    def _is_another(self, tone: _Tone, packet: RtpPacket, code: int) -> bool:
        if packet.ssrc != tone.ssrc:
            return True
        ahead = _ahead(packet.timestamp, tone.segment)
        if ahead <= 0:
            return ahead < -_FORGET * tone.clock_rate // 1000
        # A segment begins when the one before ends, and never with the M bit (section 2.5.1.3); a new tone begins after
        # the last one and a gap.
        goes_on = code == tone.code and not tone.is_final and not packet.marker
        return not (goes_on and (ahead <= tone.duration or ahead == _MOST))


def _ahead(newer: int, older: int) -> int:
    return ((newer - older + 0x80000000) & 0xFFFFFFFF) - 0x80000000
