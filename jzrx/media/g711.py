"""PCMU and PCMA: ITU-T G.711, 8 kHz, one byte a sample (RFC 3551 section 4.5.14).

Both laws are tables: of the byte for each of 65536 samples, and of the sample for each of 256 bytes.
"""

from operator import itemgetter
from struct import Struct

from jzrx.media.concealment import Repetition

__all__ = ["G711Decoder", "G711Encoder"]

_RATE = 8000
_FRAME = 160
_UNPACK = Struct(f"<{_FRAME}H").unpack


def _mu_law_sample(code: int) -> int:
    code = ~code & 0xFF
    exponent, mantissa = code >> 4 & 7, code & 15
    magnitude = ((mantissa << 3) + 132 << exponent) - 132
    return -magnitude if code & 0x80 else magnitude


def _a_law_sample(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    magnitude = (mantissa << 4) + 8 if exponent == 0 else (mantissa << 4) + 264 << exponent - 1
    return magnitude if code & 0x80 else -magnitude


def _mu_law_codes() -> bytes:
    """The code of each sample, as an unsigned 16-bit number."""
    positive, negative = bytearray(), bytearray()
    for exponent in range(8):
        for mantissa in range(16):
            # A magnitude plus 132 lies between 16 + mantissa and 17 + mantissa, shifted by the exponent and 3.
            run = ((17 + mantissa) << exponent + 3) - 132 - len(positive)
            positive += bytes((~(exponent << 4 | mantissa) & 0xFF,)) * run
            negative += bytes((~(0x80 | exponent << 4 | mantissa) & 0xFF,)) * run
    positive += b"\x80" * (32768 - len(positive))  # what is louder than the loudest code
    negative += b"\x00" * (32769 - len(negative))
    return bytes(positive + negative[:0:-1])  # -32768 to -1 follow 32767


def _a_law_codes() -> bytes:
    positive, negative = bytearray(), bytearray()
    for exponent in range(8):
        for mantissa in range(16):
            run = 16 if exponent == 0 else 8 << exponent
            positive += bytes(((exponent << 4 | mantissa) ^ 0xD5,)) * run
            negative += bytes(((exponent << 4 | mantissa) ^ 0x55,)) * run
    return bytes(positive + negative[::-1])


def _samples(law: str) -> tuple[bytes, bytes]:
    """The low and the high byte of each code's sample: two translations make a decoder."""
    sample = _mu_law_sample if law == "PCMU" else _a_law_sample
    pairs = [sample(code).to_bytes(2, "little", signed=True) for code in range(256)]
    return bytes(pair[0] for pair in pairs), bytes(pair[1] for pair in pairs)


_CODES = {"PCMU": _mu_law_codes(), "PCMA": _a_law_codes()}
_SAMPLES = {law: _samples(law) for law in _CODES}


class G711Encoder:
    """`law` is PCMU or PCMA."""

    rate = _RATE
    timestamp_step = _FRAME

    def __init__(self, law: str) -> None:
        self._codes = _CODES[law]

    def encode(self, pcm: bytes) -> bytes:
        """The 160 bytes of a 20 ms frame."""
        if len(pcm) != 2 * _FRAME:
            raise ValueError(f"A frame of 20 ms at 8000 Hz has {2 * _FRAME} bytes, not {len(pcm)}.")
        return bytes(itemgetter(*_UNPACK(pcm))(self._codes))


class G711Decoder:
    """`law` is PCMU or PCMA. Any number of bytes is a payload, so there is no corrupt one."""

    rate = _RATE
    errors = 0

    def __init__(self, law: str) -> None:
        self._low, self._high = _SAMPLES[law]
        self._repetition = Repetition(_FRAME)

    def decode(self, payload: bytes) -> bytes:
        """The sound of a payload of any length."""
        pcm = bytearray(2 * len(payload))
        pcm[::2] = payload.translate(self._low)
        pcm[1::2] = payload.translate(self._high)
        return self._repetition.remember(bytes(pcm))

    def conceal(self) -> bytes:
        """Sound in place of a lost payload."""
        return self._repetition.conceal()

    def decode_fec(self, next_payload: bytes) -> bytes:
        """G.711 carries no copies: concealment."""
        return self._repetition.conceal()
