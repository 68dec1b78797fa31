"""PCMU and PCMA: ITU-T G.711, 8 kHz, one byte a sample (RFC 3551 section 4.5.14)."""

import warnings

from jzrx.media.concealment import Repetition

with warnings.catch_warnings():
    # Deprecated, as it left the standard library with Python 3.13; from there on it is the package audioop-lts.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

__all__ = ["G711Decoder", "G711Encoder"]

_RATE = 8000
_FRAME = 160
_WIDTH = 2  # bytes in a sample
_ENCODE = {"PCMU": audioop.lin2ulaw, "PCMA": audioop.lin2alaw}
_DECODE = {"PCMU": audioop.ulaw2lin, "PCMA": audioop.alaw2lin}


class G711Encoder:
    """`law` is PCMU or PCMA."""

    rate = _RATE
    timestamp_step = _FRAME

    def __init__(self, law: str) -> None:
        self._encode = _ENCODE[law]

    def encode(self, pcm: bytes) -> bytes:
        """The 160 bytes of a 20 ms frame."""
        if len(pcm) != _WIDTH * _FRAME:
            raise ValueError(f"A frame of 20 ms at 8000 Hz has {_WIDTH * _FRAME} bytes, not {len(pcm)}.")
        return self._encode(pcm, _WIDTH)


class G711Decoder:
    """`law` is PCMU or PCMA. Any number of bytes is a payload, so there is no corrupt one."""

    rate = _RATE
    errors = 0

    def __init__(self, law: str) -> None:
        self._decode = _DECODE[law]
        self._repetition = Repetition(_FRAME)

    def decode(self, payload: bytes) -> bytes:
        """The sound of a payload of any length."""
        return self._repetition.remember(self._decode(payload, _WIDTH))

    def conceal(self) -> bytes:
        """Sound in place of a lost payload."""
        return self._repetition.conceal()

    def decode_fec(self, next_payload: bytes) -> bytes:
        """G.711 carries no copies: concealment."""
        return self._repetition.conceal()
