"""The text of a message for the log `jzrx.sip.trace`, without what must stay secret."""

import re

from jzrx.sip.message import Request, Response

__all__ = ["masked"]

# A digest response lets a password be guessed offline, and so does what the server proves to know it by (`rspauth`).
_HEADERS = re.compile(
    rb"(?im)^((?:(?:proxy-)?authorization|authentication-info|cookie)[ \t]*:[ \t]*)[^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*"
)
# Who knows these can answer for us in ICE, or read what SDES encrypts.
_DESCRIPTIONS = re.compile(rb"(?m)^(a=ice-pwd:|a=crypto:[^\r\n]*?\binline:)[^\r\n]*")


def masked(message: Request | Response) -> str:
    """The wire form with credentials, and the keys in a session description, replaced by `***`."""
    text = _HEADERS.sub(rb"\1***", bytes(message))
    return _DESCRIPTIONS.sub(rb"\1***", text).decode("utf-8", "replace")
