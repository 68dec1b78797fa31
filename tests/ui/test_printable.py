"""What others wrote is shown, and commands nothing."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jzrx.ui.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë Ünïcode 😀", "Zoë Ünïcode 😀"),
        ("two\r\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b]2;title\x07", "␛]2;title␇"),
        ("back\rfront", "back␍front"),
        ("\x9b31m", "\ufffd31m"),
        ("bob\u202egnp.exe", "bob\ufffdgnp.exe"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    left = {character for character in printable(text) if unicodedata.category(character) == "Cc"}
    assert left <= {"\t", "\n"}
    assert printable(printable(text)) == printable(text)
