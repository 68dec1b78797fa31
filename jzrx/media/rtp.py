"""RTP and RTCP packets as plain values (RFC 3550), and telling them from what else shares their port (RFC 7983).

Nothing here keeps state or knows the time. Whatever arrives from the network either parses or raises `RtpError`.
"""

from struct import Struct
from typing import Literal, NamedTuple

__all__ = ["RtpError", "RtpPacket", "classify", "pack_header", "parse_rtp", "sequence_delta"]

_HEADER = Struct("!BBHII")
_EXTENSION = Struct("!HH")


class RtpError(ValueError):
    """A datagram that is not the RTP or RTCP packet it should be."""


class RtpPacket(NamedTuple):
    """One RTP packet. (A named tuple: one is made per packet, and a frozen class costs four times as much.)

    `timestamp` counts in the codec's RTP clock; `extension` is the header extension's profile and data, if any.
    """

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrc: tuple[int, ...] = ()
    extension: tuple[int, bytes] | None = None

    def __bytes__(self) -> bytes:
        """The packet on the wire, without padding."""
        first = 0x80 | len(self.csrc) | (0x10 if self.extension is not None else 0)
        second = (0x80 if self.marker else 0) | self.payload_type
        data = _HEADER.pack(first, second, self.sequence, self.timestamp, self.ssrc)
        data += b"".join(source.to_bytes(4, "big") for source in self.csrc)
        if self.extension is not None:
            profile, content = self.extension
            content += bytes(-len(content) % 4)
            data += _EXTENSION.pack(profile, len(content) // 4) + content
        return data + self.payload


def pack_header(payload_type: int, sequence: int, timestamp: int, ssrc: int, marker: bool = False) -> bytes:
    """The twelve bytes of a fixed RTP header (RFC 3550 section 5.1); the payload follows them."""
    return _HEADER.pack(0x80, payload_type | 0x80 if marker else payload_type, sequence, timestamp, ssrc)


def parse_rtp(data: bytes) -> RtpPacket:
    """Parse one RTP packet (RFC 3550 section 5.1), padding removed. Raises `RtpError`."""
    if len(data) < 12:
        raise RtpError(f"An RTP packet has at least 12 bytes, not {len(data)}.")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first == 0x80:  # the ordinary packet: no padding, no extension, no contributing sources
        return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, data[12:], second >= 0x80)
    if first >> 6 != 2:
        raise RtpError(f"RTP version {first >> 6} instead of 2.")
    offset = 12 + 4 * (first & 0x0F)
    end = len(data)
    csrc = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(12, offset, 4))
    extension = None
    if first & 0x10:
        if end < offset + 4:
            raise RtpError("The RTP header extension is cut off.")
        profile, words = _EXTENSION.unpack_from(data, offset)
        offset += 4 + 4 * words
        extension = (profile, data[offset - 4 * words : offset])
    if first & 0x20:
        # "The last octet of the padding contains a count of how many padding octets should be ignored, including
        # itself." (section 5.1)
        padding = data[-1]
        if not padding:
            raise RtpError("An RTP packet with zero bytes of padding.")
        end -= padding
    if end < offset:
        raise RtpError("An RTP packet shorter than its header says.")
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, data[offset:end], second >= 0x80, csrc, extension)


def classify(data: bytes) -> Literal["stun", "dtls", "rtp", "rtcp"] | None:
    """What a datagram on a multiplexed port is: by its first byte (RFC 7983), RTCP by its second (RFC 5761)."""
    if len(data) < 2:
        return None
    first = data[0]
    if 127 < first < 192:
        # "RTP payload types in the range 64-95 MUST NOT be used" beside RTCP packet types 192-223. (RFC 5761 section 4)
        return "rtcp" if 192 <= data[1] <= 223 else "rtp"
    if first < 4:
        return "stun"
    return "dtls" if 19 < first < 64 else None


def sequence_delta(newer: int, older: int) -> int:
    """How far `newer` is ahead of `older` in 16-bit sequence numbers: -32768 to 32767."""
    return ((newer - older + 0x8000) & 0xFFFF) - 0x8000
