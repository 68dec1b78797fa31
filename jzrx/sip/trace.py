"""The text of a message for the log `jzrx.sip.trace`, without what must stay secret."""

import re

from jzrx.sip.message import Request, Response

__all__ = ["masked"]

_SECRETS = re.compile(rb"(?im)^((?:proxy-)?authorization[ \t]*:[ \t]*)[^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*")


def masked(message: Request | Response) -> str:
    """The wire form with credentials replaced by `***`: a digest response lets a password be guessed offline."""
    return _SECRETS.sub(rb"\1***", bytes(message)).decode("utf-8", "replace")
