"""RTCP packets on the wire: every field there and back, compound, and nothing but RtpError for what is none."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jzrx.media.rtcp import (
    Goodbye,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    pack_rtcp,
    parse_rtcp,
)
from jzrx.media.rtp import RtpError, classify

words = st.integers(0, 0xFFFFFFFF)
blocks = st.builds(
    ReportBlock, words, st.integers(0, 255), st.integers(-0x800000, 0x7FFFFF), words, words, words, words
)
reports = st.lists(blocks, max_size=31).map(tuple)
packets = st.one_of(
    st.builds(SenderReport, words, st.integers(0, 2**64 - 1), words, words, words, reports),
    st.builds(ReceiverReport, words, reports),
    st.builds(SourceDescription, words, st.text("abcdefghé", max_size=60)),
    st.builds(Goodbye, st.lists(words, max_size=31).map(tuple), st.text("abcdefghé", max_size=60)),
)


@given(st.lists(packets, max_size=5).map(tuple))
def test_every_compound_packet_round_trips(compound: tuple[RtcpPacket, ...]):
    data = pack_rtcp(compound)
    assert len(data) % 4 == 0
    assert parse_rtcp(data) == compound
    assert not data or classify(data) == "rtcp"


def test_a_receiver_report_by_hand():
    data = bytes.fromhex("81c90007 00000001 00000002 40fffffe 00010003 00000004 00000005 00000006")
    report = ReceiverReport(1, (ReportBlock(2, 0x40, -2, 0x10003, 4, 5, 6),))
    assert parse_rtcp(data) == (report,)
    assert bytes(report) == data


def test_a_loss_that_does_not_fit_is_clamped():
    assert parse_rtcp(bytes(ReceiverReport(1, (ReportBlock(2, packets_lost=10**9),)))) == (
        ReceiverReport(1, (ReportBlock(2, packets_lost=0x7FFFFF),)),
    )


def test_unknown_types_padding_and_other_items_are_passed_over():
    feedback = bytes.fromhex("8fce0002 00000001 00000002")  # payload-specific feedback
    described = bytes.fromhex("81ca0005 00000007 0203") + b"bob" + bytes.fromhex("0105") + b"alice" + bytes(4)
    padded = bytes.fromhex("a0cb0001 00000004")
    assert parse_rtcp(feedback + described + padded) == (SourceDescription(7, "alice"), Goodbye(()))


@pytest.mark.parametrize(
    "data",
    [
        "80",
        "80c9",
        "80c90001",
        "40c90001 00000001",
        "81c90001 00000001",
        "80c80001 00000001",
        "82cb0001 00000001",
        "81ca0001 00000001 ff",
        "81ca0002 00000001 01ff6161",
        "81ca0000",
    ],
)
def test_what_is_cut_off_is_an_rtp_error(data: str):
    with pytest.raises(RtpError):
        parse_rtcp(bytes.fromhex(data))


@given(
    st.binary(max_size=100)
    | st.builds(lambda kind, rest: bytes([0x81, kind]) + rest, st.integers(200, 207), st.binary())
)
def test_whatever_comes_parses_or_is_an_rtp_error(data: bytes):
    with suppress(RtpError):
        parse_rtcp(data)


def test_a_packet_of_reduced_size_is_a_report_alone():
    """RFC 5506: no source description beside it."""
    block = ReportBlock(7, 12, 34, 56, 78, 90, 11)
    assert parse_rtcp(bytes(ReceiverReport(5, (block,)))) == (ReceiverReport(5, (block,)),)
    assert parse_rtcp(bytes(Goodbye((5,)))) == (Goodbye((5,)),)
