"""The Replaces header (RFC 3891): what parses, what does not, and which dialog it fits."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jzrx.sip.dialog import Dialog
from jzrx.sip.headers import NameAddr
from jzrx.sip.replaces import Replaces
from jzrx.sip.uri import Uri

TOKENS = st.text("abcXYZ019-.!%*_+`'~", min_size=1)


@given(st.builds(Replaces, TOKENS, TOKENS, TOKENS, st.booleans()))
def test_round_trip(replaces: Replaces) -> None:
    assert Replaces.parse(str(replaces)) == replaces


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # As in the examples of RFC 3891 section 6.1.
        (
            "98732@sip.example.com;from-tag=r33;to-tag=ff87ff",
            Replaces("98732@sip.example.com", "ff87ff", "r33"),
        ),
        ("12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only", Replaces("12adf2f34456gs5", "12345", "54321", True)),
        ("87134@171.161.34.23;to-tag=24796;from-tag=0", Replaces("87134@171.161.34.23", "24796", "0")),
        (" a ; To-Tag=1 ; x=y ; FROM-TAG=2 ; Early-Only ", Replaces("a", "1", "2", True)),
    ],
)
def test_parse(text: str, expected: Replaces) -> None:
    assert Replaces.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a;to-tag=1",
        "a;from-tag=1",
        "a;to-tag;from-tag=1",
        "a;to-tag=1;from-tag=2;to-tag=3",
        "a;to-tag=1;from-tag=2;From-Tag=2",
        ";to-tag=1;from-tag=2",
        "a b;to-tag=1;from-tag=2",
        "a;to-tag=1;from-tag=2, b;to-tag=1;from-tag=2",
        "a;;to-tag=1;from-tag=2",
    ],
)
def test_malformed(text: str) -> None:
    with pytest.raises(ValueError, match="Replaces|malformed"):
        Replaces.parse(text)


@given(st.text())
def test_any_text_parses_or_is_a_value_error(text: str) -> None:
    with suppress(ValueError):
        Replaces.parse(text)


def test_of_dialog_is_how_the_other_side_sees_it() -> None:
    uri = Uri.parse("sip:x@example.com")
    dialog = Dialog("c", NameAddr(uri).with_param("tag", "mine"), NameAddr(uri).with_param("tag", "theirs"), uri)
    replaces = Replaces.of_dialog(dialog)
    assert str(replaces) == "c;to-tag=theirs;from-tag=mine"
    assert replaces.fits("theirs", "mine")
    assert not replaces.fits("mine", "theirs")


@pytest.mark.parametrize(("tag", "fits"), [("", True), ("0", True), ("1", False)])
def test_a_tag_of_zero_is_that_of_an_old_peer_too(tag: str, fits: bool) -> None:
    """ "A tag of zero matches both tags of zero and null" (RFC 3891 section 3)."""
    assert Replaces("c", "mine", "0").fits("mine", tag) is fits
