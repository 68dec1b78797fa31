"""Bodies of several parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jzrx.sip import Headers, Request, Uri
from jzrx.sip.multipart import Part, build_multipart, find_part, split_multipart

BODY = (
    b"preamble\r\n--b1\r\nContent-Type: application/SDP;x=y\r\n\r\nv=0\r\ns=-\r\n\r\n"
    b"--b1 \t\r\nc: application/isup\r\nContent-Disposition: signal;\r\n handling=optional\r\n\r\n\x00\xff\r\n\r\n"
    b"--b1\r\n\r\nplain\r\n--b1--\r\nepilogue --b1\r\n"
)


def invite(body: bytes, content_type: str | None) -> Request:
    headers = Headers() if content_type is None else Headers([("Content-Type", content_type)])
    return Request("INVITE", Uri("sip", "a", "b"), headers, body)


def test_split() -> None:
    sdp, isup, plain = split_multipart(BODY, 'multipart/mixed; boundary="b1"')
    assert (sdp.content_type, sdp.body) == ("application/sdp", b"v=0\r\ns=-\r\n")
    assert (isup.content_type, isup.body) == ("application/isup", b"\x00\xff\r\n")
    assert isup.headers.get("Content-Disposition") == "signal; handling=optional"
    assert (plain.content_type, plain.body) == ("text/plain", b"plain")


def test_a_missing_last_delimiter_is_forgiven() -> None:
    assert split_multipart(b"--b\r\n\r\nx", "multipart/mixed;boundary=b") == (Part(Headers(), b"x"),)
    assert split_multipart(b"", "multipart/mixed;boundary=b") == ()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"--b\r\n\r\nx", "text/plain;boundary=b"),
        (b"--b\r\n\r\nx", "multipart/mixed"),
        (b"--b\r\n\r\nx", f"multipart/mixed;boundary={'b' * 71}"),
        (b"--bb\r\n\r\nx", "multipart/mixed;boundary=b"),
        (b"--b\r\nno colon\r\n\r\nx", "multipart/mixed;boundary=b"),
        (b"--b\r\nA: \n\r\n\r\nx", "multipart/mixed;boundary=b"),
    ],
)
def test_malformed(body: bytes, content_type: str) -> None:
    with pytest.raises(ValueError):
        split_multipart(body, content_type)
    assert find_part(invite(body, content_type), "application/sdp") is None


def test_find() -> None:
    found = find_part(invite(b"v=0", "Application/SDP"), "application/sdp")
    assert found is not None
    assert found.body == b"v=0"
    assert find_part(invite(b"v=0", None), "application/sdp") is None
    nested = b"--o\r\nContent-Type: multipart/alternative;boundary=b1\r\n\r\n" + BODY + b"\r\n--o--"
    inner = find_part(invite(nested, "multipart/mixed;boundary=o"), "application/sdp")
    assert inner is not None
    assert inner.body == b"v=0\r\ns=-\r\n"


def test_nesting_has_an_end() -> None:
    body, content_type = b"v=0", "application/sdp"
    for depth in range(6):
        body = f"--b{depth}\r\nContent-Type: {content_type}\r\n\r\n".encode() + body + f"\r\n--b{depth}--".encode()
        content_type = f"multipart/mixed;boundary=b{depth}"
    assert find_part(invite(body, content_type), "application/sdp") is None


def test_build_refuses_a_boundary_that_occurs() -> None:
    with pytest.raises(ValueError, match="b1"):
        build_multipart([Part(Headers(), b"x\r\n--b1")], "b1")


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_round_trip(bodies: list[bytes]) -> None:
    parts = tuple(Part(Headers([("Content-Type", "application/x")]), body) for body in bodies)
    content_type, body = build_multipart(parts, "the-boundary")
    assert split_multipart(body, content_type) == parts
