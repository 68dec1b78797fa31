"""Texts in the charset that their Content-Type names."""

import pytest

from jzrx.sip.bodies import CHARSETS, octets_of, text_of
from jzrx.sip.message import Request, parse_message


def message(body: bytes, content_type: str | None) -> Request:
    head = "MESSAGE sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/WS a;branch=z9hG4bK1\r\nFrom: <sip:b@c>;tag=1\r\n"
    head += "To: <sip:alice@example.com>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\n"
    kind = "" if content_type is None else f"Content-Type: {content_type}\r\n"
    made = parse_message(f"{head}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    assert isinstance(made, Request)
    return made


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        (None, "Grüße".encode(), "Grüße"),
        ("text/plain", "Grüße".encode(), "Grüße"),
        ("text/plain;charset=UTF-8", "Grüße".encode(), "Grüße"),
        ("text/plain; charset=ISO-8859-1", b"Gr\xfc\xdfe", "Grüße"),
        ('text/plain; format=flowed; charset="windows-1252"', b"10 \x80", "10 €"),
        ("text/plain;charset=utf-16", "Grüße".encode("utf-16"), "Grüße"),
        ("text/plain;charset=us-ascii", b"Gr\xfc\xdfe", "Gr\ufffd\ufffde"),
        ("text/plain", b"Gr\xfc\xdfe", "Gr\ufffd\ufffde"),
        ("text/plain;charset=klingon", b"Qapla'", "Qapla'"),
        ("text/plain;charset=", b"x", "x"),
        ("text/plain;charset=punycode", b"a-b", "a-b"),  # a codec of Python's, but no charset, and slow to read
    ],
)
def test_what_arrives(content_type: str | None, body: bytes, text: str) -> None:
    assert text_of(message(body, content_type)) == text


def test_what_is_sent_is_what_it_says() -> None:
    assert octets_of("Grüße", "text/plain") == "Grüße".encode()
    assert octets_of("Grüße", "text/plain;charset=iso-8859-1") == b"Gr\xfc\xdfe"


@pytest.mark.parametrize(
    ("text", "content_type", "why"),
    [
        ("10 €", "text/plain;charset=iso-8859-1", "body has characters that iso-8859-1 cannot write"),
        ("\ud800", "text/plain", "body has characters that utf-8 cannot write"),
        ("€" * 20481, "text/plain", "body has 61443 octets; send 61440 at most"),
        ("x", "text/plain;charset=klingon", "content_type names the charset 'klingon', which is not known"),
    ],
)
def test_what_cannot_be_sent(text: str, content_type: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        octets_of(text, content_type)


@pytest.mark.parametrize("charset", sorted(CHARSETS))
def test_every_charset_is_one(charset: str) -> None:
    assert (
        text_of(message(octets_of("hello", f"text/plain;charset={charset}"), f"text/plain;charset={charset}"))
        == "hello"
    )
