"""What to do about a refusal, where its code and words tell: the end of an error's message.

The words are those of jambonz, whose meaning the codes alone do not show.
"""

from typing import Final, Literal

__all__ = ["What", "advice", "hint"]

What = Literal["call", "transfer", "message", "tones", "info"]
"""What was refused."""

_ADVICE: Final[tuple[tuple[What, tuple[int, ...], str, str], ...]] = (
    ("call", (401, 407), "", "check username and password"),
    ("call", (403,), "credentials", "check username and password"),
    ("call", (404,), "", "check the name, and that its host is the realm of the account"),
    ("call", (408,), "No media path", "where UDP is blocked, give a TURN server in pc_config"),
    ("call", (480,), "no configured", "nobody of that name is registered, and the account has no application"),
    ("call", (488, 606), "Not Acceptable", "try other preferred_codecs, and wss:// instead of ws://"),
    ("call", (503,), "inactive", "activate the account on the server"),
    ("call", (503,), "Max", "the account has no call left: wait until one ends, or raise its limit"),
    ("transfer", (501,), "", "jambonz transfers for applications that have a referHook"),
    ("tones", (500,), "", "jambonz takes no A to D"),
    ("info", (415, 469), "", "the other side takes no such content_type"),
    ("message", (413,), "", "send less at once"),
    ("message", (503,), "", "a stock jambonz takes no message outside a call: use send_info() in one"),
)
"""What was refused, with which codes, and with what in the words; and the advice."""


def advice(what: What, code: int, reason: str) -> str:
    """What to do; nothing where only the other side knows."""
    for about, codes, words, text in _ADVICE:
        if about == what and code in codes and words in reason:
            return text
    return ""


def hint(what: What, code: int, reason: str) -> str:
    """The advice after a semicolon, for the end of a message; nothing without one."""
    text = advice(what, code, reason)
    return f"; {text}" if text else ""
