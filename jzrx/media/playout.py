"""What is heard: packets in, 20 ms of sound out, whatever the network does."""

from collections.abc import Iterable

from jzrx.media.codecs import Decoder
from jzrx.media.jitter import JitterBuffer
from jzrx.media.rtp import RtpPacket
from jzrx.media.sdp import Codec

__all__ = ["Playout"]


class Playout:
    """A jitter buffer, the decoders behind it and a resampler to `rate` (Hz); packets of any duration.

    `read()` each 20 ms; or `skip()` when nobody listens, which decodes nothing.
    """

    def __init__(self, codecs: Iterable[Codec], *, rate: int = 48000, depth: int = 3) -> None:
        self.jitter = JitterBuffer(depth)
        self.rate = rate
        self._codecs: dict[int, Codec] = {}
        self._decoders: dict[int, Decoder] = {}
        self.set_codecs(codecs)

    def set_codecs(self, codecs: Iterable[Codec]) -> None:
        """What may arrive (`Agreement.receivable`); decoders of formats that stay keep their state."""

    def push(self, packet: RtpPacket) -> None:
        """Take a packet as it arrives; one of an unknown payload type only holds its place."""

    def read(self) -> tuple[bytes, bool]:
        """The next 20 ms (s16le mono at `rate`), and whether it was concealed or silent for want of packets."""
        raise NotImplementedError

    def skip(self) -> None:
        """Let 20 ms pass unheard."""

    def reset(self) -> None:
        """Forget what waits (after a hold, a new remote); the counters stay."""
