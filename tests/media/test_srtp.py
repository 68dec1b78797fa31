"""SRTP beside pylibsrtp's own sessions, and what the network may send in its place."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Policy, Session

from jzrx.media.srtp import Error, Srtp

KEY = bytes(range(30))
SSRC = 0x1234

POLICIES: Any = Policy  # its constants have no types


def session(kind: int = POLICIES.SSRC_ANY_OUTBOUND) -> Session:
    return Session(Policy(key=KEY, ssrc_type=kind))


def receiver() -> Srtp:
    return Srtp(session(POLICIES.SSRC_ANY_INBOUND))


def rtp(sequence: int, payload: bytes = b"\xff" * 160) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, sequence, 160 * sequence, SSRC) + payload


RTCP = struct.pack("!BBHI", 0x80, 201, 1, SSRC)


def test_encrypts_as_pylibsrtp_does() -> None:
    ours, theirs = Srtp(session()), session()
    for sequence in range(1, 4):
        assert ours.protect(rtp(sequence)) == theirs.protect(rtp(sequence))
        assert ours.protect_rtcp(RTCP) == theirs.protect_rtcp(RTCP)


@given(st.lists(st.binary(max_size=1200), min_size=1, max_size=5))
def test_what_was_encrypted_comes_out_again(payloads: list[bytes]) -> None:
    one, other = Srtp(session()), receiver()
    for sequence, payload in enumerate(payloads, 1):
        assert other.unprotect(one.protect(rtp(sequence, payload))) == rtp(sequence, payload)
        assert other.unprotect_rtcp(one.protect_rtcp(RTCP)) == RTCP


def test_what_was_changed_or_repeated_is_refused() -> None:
    one, other = Srtp(session()), receiver()
    packet = one.protect(rtp(1))
    with pytest.raises(Error, match="authentication failure"):
        other.unprotect(packet[:-1] + bytes([packet[-1] ^ 1]))
    other.unprotect(packet)
    with pytest.raises(Error, match="replay"):
        other.unprotect(packet)


@pytest.mark.parametrize("size", [1901, 2048, 65507])
def test_a_packet_that_is_too_long_is_refused(size: int) -> None:
    for process in (Srtp(session()).protect, Srtp(session()).protect_rtcp, receiver().unprotect):
        with pytest.raises(Error, match="too long"):
            process(rtp(1, bytes(size - 12)))


@given(st.binary(max_size=2100))
def test_garbage_is_refused(data: bytes) -> None:
    other = receiver()
    for process in (other.unprotect, other.unprotect_rtcp):
        with pytest.raises(Error):
            process(data)
