"""G.722 (ITU-T, 64 kbit/s) by PyAV: 16 kHz of sound in as many bytes as G.711 has.

"Even though the actual sampling rate for G.722 audio is 16,000 Hz, the RTP clock rate for the G722 payload format is
8,000 Hz because that value was erroneously assigned" (RFC 3551 section 4.5.2).
"""

from typing import Literal

from av.audio.codeccontext import AudioCodecContext

from jzrx.media.concealment import Repetition
from jzrx.media.resample import decoded, encoded, from_frame

__all__ = ["G722Decoder", "G722Encoder"]

_RATE = 16000
_FRAME = 320


def _context(mode: Literal["r", "w"]) -> AudioCodecContext:
    context = AudioCodecContext.create("g722", mode)
    context.sample_rate = _RATE
    context.format = "s16"
    context.layout = "mono"
    return context


class G722Encoder:
    """FFmpeg's."""

    rate = _RATE
    timestamp_step = _FRAME // 2

    def __init__(self) -> None:
        self._codec = _context("w")
        self._time = 0

    def encode(self, pcm: bytes) -> bytes:
        """The 160 bytes of a 20 ms frame."""
        if len(pcm) != 2 * _FRAME:
            raise ValueError(f"A frame of 20 ms at 16000 Hz has {2 * _FRAME} bytes, not {len(pcm)}.")
        time, self._time = self._time, self._time + _FRAME
        return encoded(self._codec, pcm, _RATE, time)


class G722Decoder:
    """FFmpeg's; conceals by repetition."""

    rate = _RATE

    def __init__(self) -> None:
        self.errors = 0
        self._codec = _context("r")
        self._repetition = Repetition(_FRAME)

    def decode(self, payload: bytes) -> bytes:
        """The sound of a payload; of an empty one, concealment."""
        sound = b"".join(map(from_frame, decoded(self._codec, payload)))
        if not sound:
            self.errors += 1
            return self.conceal()
        return self._repetition.remember(sound)

    def conceal(self) -> bytes:
        """Sound in place of a lost payload."""
        return self._repetition.conceal()

    def decode_fec(self, next_payload: bytes) -> bytes:
        """G.722 carries no copies: concealment."""
        return self._repetition.conceal()
