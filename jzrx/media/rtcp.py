"""RTCP packets as plain values: sender and receiver reports, source descriptions, goodbyes (RFC 3550 section 6)."""

from collections.abc import Iterable
from struct import Struct

from attrs import frozen

from jzrx.media.rtp import RtpError

__all__ = [
    "Goodbye",
    "ReceiverReport",
    "ReportBlock",
    "RtcpPacket",
    "SenderReport",
    "SourceDescription",
    "pack_rtcp",
    "parse_rtcp",
]

_HEADER = Struct("!BBH")
_BLOCK = Struct("!IB3sIIII")
_SENDER = Struct("!IQIII")
_SR, _RR, _SDES, _BYE = 200, 201, 202, 203
_CNAME = 1


@frozen
class ReportBlock:
    """What one receiver got of the source `ssrc` (RFC 3550 section 6.4.1).

    `fraction_lost` is in 1/256 since the last report, `packets_lost` since the start (negative with duplicates),
    `highest_sequence` the extended sequence number, `jitter` in timestamp units; `last_sr` (the middle 32 bits of the
    last sender report's NTP time) and `delay` (since that report, in 1/65536 s) are 0 when none came.
    """

    ssrc: int
    fraction_lost: int = 0
    packets_lost: int = 0
    highest_sequence: int = 0
    jitter: int = 0
    last_sr: int = 0
    delay: int = 0

    def __bytes__(self) -> bytes:
        lost = min(max(self.packets_lost, -0x800000), 0x7FFFFF).to_bytes(3, "big", signed=True)
        return _BLOCK.pack(
            self.ssrc, self.fraction_lost, lost, self.highest_sequence, self.jitter, self.last_sr, self.delay
        )


@frozen
class SenderReport:
    """What a sender sent so far, and what it received. `ntp_time`: 64-bit NTP time (RFC 3550 section 4)."""

    ssrc: int
    ntp_time: int
    rtp_timestamp: int
    packet_count: int
    octet_count: int
    reports: tuple[ReportBlock, ...] = ()

    def __bytes__(self) -> bytes:
        body = _SENDER.pack(
            self.ssrc,
            self.ntp_time,
            self.rtp_timestamp,
            self.packet_count & 0xFFFFFFFF,
            self.octet_count & 0xFFFFFFFF,
        )
        return _packet(_SR, len(self.reports), body + b"".join(map(bytes, self.reports)))


@frozen
class ReceiverReport:
    """What a side that sends nothing received (RFC 3550 section 6.4.2)."""

    ssrc: int
    reports: tuple[ReportBlock, ...] = ()

    def __bytes__(self) -> bytes:
        body = self.ssrc.to_bytes(4, "big") + b"".join(map(bytes, self.reports))
        return _packet(_RR, len(self.reports), body)


@frozen
class SourceDescription:
    """The canonical name of a source (RFC 3550 section 6.5.1)."""

    ssrc: int
    cname: str

    def __bytes__(self) -> bytes:
        name = self.cname.encode()[:255]
        chunk = self.ssrc.to_bytes(4, "big") + bytes((_CNAME, len(name))) + name
        # "The list of items in each chunk MUST be terminated by one or more null octets." (section 6.5)
        return _packet(_SDES, 1, chunk + bytes(4 - len(chunk) % 4))


@frozen
class Goodbye:
    """Sources that send no more (RFC 3550 section 6.6)."""

    ssrcs: tuple[int, ...]
    reason: str = ""

    def __bytes__(self) -> bytes:
        body = b"".join(ssrc.to_bytes(4, "big") for ssrc in self.ssrcs)
        if self.reason:
            text = self.reason.encode()[:255]
            body += bytes((len(text),)) + text
        return _packet(_BYE, len(self.ssrcs), body + bytes(-len(body) % 4))


RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Goodbye


def pack_rtcp(packets: Iterable[RtcpPacket]) -> bytes:
    """One compound packet of `packets`; the first must be a report (RFC 3550 section 6.1)."""
    return b"".join(map(bytes, packets))


def parse_rtcp(data: bytes) -> tuple[RtcpPacket, ...]:
    """Parse a compound (or reduced-size, RFC 5506) RTCP packet; types not listed here are skipped.

    Raises `RtpError` when the lengths do not add up.
    """
    packets: list[RtcpPacket] = []
    offset = 0
    while offset < len(data):
        if len(data) < offset + 4:
            raise RtpError("The RTCP header is cut off.")
        first, kind, words = _HEADER.unpack_from(data, offset)
        end = offset + 4 + 4 * words
        if first >> 6 != 2 or end > len(data):
            raise RtpError("Not an RTCP packet, or one that is cut off.")
        body = data[offset + 4 : end]
        if first & 0x20 and body:
            body = body[: max(0, len(body) - body[-1])]
        packets.extend(_parse_one(kind, first & 0x1F, body))
        offset = end
    return tuple(packets)


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def _parse_one(kind: int, count: int, body: bytes) -> Iterable[RtcpPacket]:
    if kind == _SR:
        if len(body) < _SENDER.size:
            raise RtpError("The sender report is cut off.")
        ssrc, ntp_time, timestamp, packets, octets = _SENDER.unpack_from(body)
        yield SenderReport(ssrc, ntp_time, timestamp, packets, octets, _parse_blocks(body[_SENDER.size :], count))
    elif kind == _RR:
        if len(body) < 4:
            raise RtpError("The receiver report is cut off.")
        yield ReceiverReport(int.from_bytes(body[:4], "big"), _parse_blocks(body[4:], count))
    elif kind == _SDES:
        yield from _parse_chunks(body, count)
    elif kind == _BYE:
        if len(body) < 4 * count:
            raise RtpError("The goodbye is cut off.")
        sources = tuple(int.from_bytes(body[i : i + 4], "big") for i in range(0, 4 * count, 4))
        text = body[4 * count :]
        yield Goodbye(sources, text[1 : 1 + text[0]].decode(errors="replace") if text else "")


def _parse_blocks(data: bytes, count: int) -> tuple[ReportBlock, ...]:
    if len(data) < _BLOCK.size * count:
        raise RtpError("The report blocks are cut off.")
    blocks: list[ReportBlock] = []
    for offset in range(0, _BLOCK.size * count, _BLOCK.size):
        ssrc, fraction, lost, highest, jitter, last_sr, delay = _BLOCK.unpack_from(data, offset)
        lost = int.from_bytes(lost, "big", signed=True)
        blocks.append(ReportBlock(ssrc, fraction, lost, highest, jitter, last_sr, delay))
    return tuple(blocks)


def _parse_chunks(data: bytes, count: int) -> Iterable[SourceDescription]:
    offset = 0
    for _ in range(count):
        start = offset
        ssrc = int.from_bytes(data[offset : offset + 4], "big")
        offset += 4
        while offset < len(data) and data[offset] != 0:
            if offset + 2 > len(data) or offset + 2 + data[offset + 1] > len(data):
                raise RtpError("The source description is cut off.")
            item = data[offset + 2 : offset + 2 + data[offset + 1]]
            if data[offset] == _CNAME:
                yield SourceDescription(ssrc, item.decode(errors="replace"))
            offset += 2 + len(item)
        if start + 4 > len(data):
            raise RtpError("The source description is cut off.")
        offset += 4 - (offset - start) % 4
