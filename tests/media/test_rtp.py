"""RTP packets on the wire: every field there and back, and nothing but RtpError for what is none."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jzrx.media.rtp import RtpError, RtpPacket, classify, pack_header, parse_rtp, sequence_delta

packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=200),
    marker=st.booleans(),
    csrc=st.lists(st.integers(0, 0xFFFFFFFF), max_size=15).map(tuple),
    extension=st.none()
    | st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40).filter(lambda data: len(data) % 4 == 0)),
)


def test_a_packet_by_hand():
    data = bytes.fromhex("80 ef 1234 00000bb8 deadbeef") + b"sound"
    packet = RtpPacket(111, 0x1234, 3000, 0xDEADBEEF, b"sound", marker=True)
    assert parse_rtp(data) == packet
    assert bytes(packet) == data == pack_header(111, 0x1234, 3000, 0xDEADBEEF, marker=True) + b"sound"
    assert pack_header(0, 1, 2, 3) == bytes.fromhex("80 00 0001 00000002 00000003")


@given(packets)
def test_every_packet_round_trips(packet: RtpPacket):
    assert parse_rtp(bytes(packet)) == packet


@given(packets.filter(lambda packet: not packet.csrc), st.integers(1, 255))
def test_padding_is_taken_off(packet: RtpPacket, padding: int):
    data = bytearray(bytes(packet) + bytes(padding - 1) + bytes([padding]))
    data[0] |= 0x20
    assert parse_rtp(bytes(data)) == packet


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80" * 11,
        bytes.fromhex("40 00 0001 00000002 00000003"),  # version 1
        bytes.fromhex("8f 00 0001 00000002 00000003"),  # 15 sources, none there
        bytes.fromhex("90 00 0001 00000002 00000003"),  # an extension, none there
        bytes.fromhex("90 00 0001 00000002 00000003 bede 0001"),  # one cut off
        bytes.fromhex("a0 00 0001 00000002 00000003 00"),  # zero bytes of padding
        bytes.fromhex("a0 00 0001 00000002 00000003 09"),  # more padding than payload
    ],
)
def test_what_is_no_packet_is_an_rtp_error(data: bytes):
    with pytest.raises(RtpError):
        parse_rtp(data)


@given(st.binary(max_size=100) | st.binary(max_size=60).map(lambda rest: b"\xbf\x00" + rest))
def test_whatever_comes_parses_or_is_an_rtp_error(data: bytes):
    with suppress(RtpError):
        parse_rtp(data)


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        ("0001", "stun"),
        ("0101", "stun"),
        ("16fe", "dtls"),
        ("14fe", "dtls"),
        ("8000", "rtp"),
        ("80ef", "rtp"),
        ("b06f", "rtp"),
        ("80c8", "rtcp"),
        ("81c9", "rtcp"),
        ("80cf", "rtcp"),
        ("4000", None),  # TURN channel data
        ("ff00", None),
        ("00", None),
        ("", None),
    ],
)
def test_what_shares_the_port_is_told_apart(start: str, kind: str | None):
    assert classify(bytes.fromhex(start)) == kind


@given(st.integers(0, 0xFFFF), st.integers(-32768, 32767))
def test_sequence_numbers_wrap(start: int, step: int):
    assert sequence_delta((start + step) & 0xFFFF, start) == step
