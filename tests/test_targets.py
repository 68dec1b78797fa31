"""What a user writes becomes the SIP URI that jambonz routes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jzrx import targets
from jzrx.sip.uri import Uri

REALM = "acme.example.com"


@pytest.mark.parametrize(
    ("target", "uri"),
    [
        ("+15551230123", "sip:+15551230123@acme.example.com"),
        (" +1 (555) 123-01.23", "sip:+15551230123@acme.example.com"),
        ("*98#", "sip:*98%23@acme.example.com"),
        ("bob", "sip:bob@acme.example.com"),
        ("anna-lena.b", "sip:anna-lena.b@acme.example.com"),
        ("50%off", "sip:50%25off@acme.example.com"),
        ("jürgen müller", "sip:j%C3%BCrgen%20m%C3%BCller@acme.example.com"),
        ("bob@other.example", "sip:bob@other.example"),
        ("bob@other.example:5080", "sip:bob@other.example:5080"),
        ("bob@[::1]:5080", "sip:bob@[::1]:5080"),
        ("a@b@other.example", "sip:a%40b@other.example"),
        ("sip:bob@other.example;transport=ws", "sip:bob@other.example;transport=ws"),
        ("SIPS:bob@other.example", "SIPS:bob@other.example"),
        ("tel:+1-555-123", "sip:+1555123@acme.example.com;user=phone"),
        ("tel:123;phone-context=acme", "sip:123;phone-context=acme@acme.example.com;user=phone"),
    ],
)
def test_call(target: str, uri: str) -> None:
    assert targets.call(target, REALM) == uri


@pytest.mark.parametrize(
    ("verb", "name", "uri"),
    [
        (targets.user, "bob", "sip:bob@acme.example.com"),
        (targets.user, "bob@ACME.example.com", "sip:bob@acme.example.com"),
        (targets.user, "sip:bob@acme.example.com", "sip:bob@acme.example.com"),
        (targets.queue, "support", "sip:queue-support@acme.example.com"),
        (targets.conference, "room-123", "sip:conference-room-123@acme.example.com"),
        (targets.conference, "12-34", "sip:conference-12-34@acme.example.com"),
        (targets.application, "abc-123-def", "sip:app-abc-123-def@acme.example.com"),
    ],
)
def test_the_four_other_verbs(verb: "targets.Verb", name: str, uri: str) -> None:
    assert verb(name, REALM) == uri


@pytest.mark.parametrize("verb", [targets.user, targets.queue, targets.conference, targets.application])
def test_no_verb_but_call_leaves_the_realm(verb: "targets.Verb") -> None:
    for name in ("bob@other.example", "sip:bob@other.example", "@acme.example.com"):
        with pytest.raises(ValueError, match=r"not in the realm acme\.example\.com"):
            verb(name, REALM)


@pytest.mark.parametrize(
    "target", ["", "  ", "a\r\nb", "a\0b", "\tbob", "\ud800", "tel:bob", "tel:", "mailto:b@x", "sip:", "@x"]
)
def test_what_cannot_be_called_is_refused(target: str) -> None:
    with pytest.raises(ValueError):
        targets.call(target, REALM)


def test_a_target_that_fits_into_no_message_is_refused() -> None:
    targets.call("é" * 1024, REALM)
    with pytest.raises(ValueError, match="not be longer than 2048 octets; this one has 2050"):
        targets.call("é" * 1025, REALM)


def test_a_malformed_uri_comes_with_advice() -> None:
    with pytest.raises(ValueError, match=r"cannot call 'sip:@x'.*write sip:user@host"):
        targets.call("sip:@x", REALM)


@pytest.mark.parametrize("target", [None, 123, b"bob"])
def test_a_target_is_text(target: str) -> None:
    with pytest.raises(ValueError, match="must be a str"):
        targets.call(target, REALM)


def test_a_uri_with_headers_is_refused() -> None:
    with pytest.raises(ValueError, match="headers="):
        targets.call("sip:bob@x?Replaces=1", REALM)


@given(st.text())
def test_any_text_is_a_uri_or_one_clear_error(text: str) -> None:
    for verb in (targets.call, targets.user, targets.queue, targets.conference, targets.application):
        try:
            uri = verb(text, REALM)
        except ValueError as error:
            assert str(error)  # noqa: PT017
        else:
            assert str(Uri.parse(uri)) == uri
            assert uri.isascii() or verb is targets.call
