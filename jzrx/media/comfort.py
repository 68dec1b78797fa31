"""Comfort noise (RFC 3389): what a pause of the other side sounds like, as loud as its packet says."""

from array import array
from functools import lru_cache
from hashlib import shake_128

__all__ = ["ComfortNoise"]

PAYLOAD_TYPE = 13  # static (RFC 3551 section 6)
_LOOP = 25  # frames of 20 ms


class ComfortNoise:
    """White noise at `rate` Hz of the level that `payload` names; its spectrum, if it names one, is left out."""

    def __init__(self, payload: bytes, rate: int) -> None:
        # RFC 3389 section 3.1: "The magnitude of the noise level is packed into the least significant bits of the
        # noise-level byte with the most significant bit unused and always set to 0", in -dBov.
        self._noise = _noise(payload[0] & 0x7F if payload else 0x7F, rate)
        self._place = 0

    def read(self, size: int) -> bytes:
        """The next `size` bytes (s16le mono)."""
        sound = b""
        while len(sound) < size:
            piece = self._noise[self._place : self._place + size - len(sound)]
            self._place = (self._place + len(piece)) % len(self._noise)
            sound += piece
        return sound


@lru_cache(maxsize=16)
def _noise(level: int, rate: int) -> bytes:
    """Half a second of noise, `level` dB below the overload point; uniform, so 4.8 dB below its peak."""
    # RFC 3389 section 3.1: 0 dBov is the power of a square wave of full scale.
    factor = min(1.0, 3**0.5 * 10 ** (-level / 20))
    random = array("h", shake_128(b"comfort").digest(_LOOP * (rate // 50) * 2))
    return array("h", [int(sample * factor) for sample in random]).tobytes()
