"""What others wrote, made safe to show: a name, a reason or a message must not command the terminal it is shown on."""

from typing import Final

__all__ = ["printable"]

_VISIBLE: Final = {
    **{code: 0x2400 + code for code in range(32) if code not in b"\t\n"},  # the pictures of control characters
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),  # C1: to some terminals, U+009B begins a command as ESC [ does
    # What turns the direction of writing shows a text as another (Unicode TR 36, section 2.5).
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD),
}


def printable(text: str) -> str:
    """The text with its control characters made visible, but for tabs and line ends."""
    return text.replace("\r\n", "\n").translate(_VISIBLE)
