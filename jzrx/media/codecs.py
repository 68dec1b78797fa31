"""Encoders and decoders between s16le mono sound and RTP payloads: Opus (RFC 7587), G722, PCMU and PCMA (RFC 3551).

Whatever arrives, a decoder returns sound: what it cannot decode it conceals, and counts in `errors`.
"""

from typing import Protocol

from jzrx.media.g711 import G711Decoder, G711Encoder
from jzrx.media.g722 import G722Decoder, G722Encoder
from jzrx.media.opus import OpusSettings, make_opus_decoder, make_opus_encoder
from jzrx.media.sdp import Codec

__all__ = ["Decoder", "Encoder", "make_decoder", "make_encoder"]


class Encoder(Protocol):
    """Turns 20 ms of sound into a payload."""

    @property
    def rate(self) -> int:
        """The sound's sampling rate in Hz; 20 ms of it are `rate // 50` samples."""
        ...

    @property
    def timestamp_step(self) -> int:
        """How far 20 ms move the RTP timestamp."""
        ...

    def encode(self, pcm: bytes) -> bytes:
        """The payload of one 20 ms frame. Raises ValueError if `pcm` is not 20 ms long."""
        ...


class Decoder(Protocol):
    """Turns payloads into sound; keeps the state that concealment needs."""

    @property
    def rate(self) -> int:
        """The sound's sampling rate in Hz."""
        ...

    @property
    def errors(self) -> int:
        """How many payloads were corrupt."""
        ...

    def decode(self, payload: bytes) -> bytes:
        """The sound of a payload of any length; of a corrupt one, concealment."""
        ...

    def conceal(self) -> bytes:
        """Sound in place of a lost payload, as long as the last one."""
        ...

    def decode_fec(self, next_payload: bytes) -> bytes:
        """The lost payload before `next_payload`, from the copy in it (RFC 6716 section 2.1.7), else concealment."""
        ...


def make_encoder(codec: Codec, *, max_bitrate: int | None = None) -> Encoder:
    """An encoder for what the other side wants: `codec` as in its description. ValueError for an unknown one.

    `max_bitrate` (bit/s) is the limit of its `b=` line.
    """
    match codec.name.upper():
        case "OPUS":
            return make_opus_encoder(OpusSettings.wanted(codec.parameters, max_bitrate))
        case "PCMU" | "PCMA" as law:
            return G711Encoder(law)
        case "G722":
            return G722Encoder()
        case _:
            raise ValueError(f"No encoder for {codec.name}.")


def make_decoder(codec: Codec) -> Decoder:
    """A decoder for what arrives as `codec`. ValueError for an unknown one."""
    match codec.name.upper():
        case "OPUS":
            return make_opus_decoder()
        case "PCMU" | "PCMA" as law:
            return G711Decoder(law)
        case "G722":
            return G722Decoder()
        case _:
            raise ValueError(f"No decoder for {codec.name}.")
