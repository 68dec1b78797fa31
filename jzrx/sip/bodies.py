"""The bodies that a session understands."""

from jzrx.sip.headers import media_type
from jzrx.sip.message import Request, Response
from jzrx.sip.multipart import find_part

__all__ = ["SDP", "octets_of", "sdp_of", "text_of"]

MAX_BODY = 60 * 1024
"""Octets. jambonz takes messages of 64 KiB with their headers, and ends the connection at a larger one."""

SDP = "application/sdp"
UTF_8 = "utf-8"
CHARSETS = frozenset(
    (
        *(UTF_8, "us-ascii", "utf-16", "utf-16le", "utf-16be", "koi8-r", "koi8-u"),
        *(f"iso-8859-{part}" for part in (*range(1, 12), *range(13, 17))),
        *(f"windows-{page}" for page in range(1250, 1259)),
        *("gb2312", "gbk", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr", "iso-2022-jp"),
    )
)
"""IANA's names of what people write in; Python has more codecs, which whoever sends us a text is not to choose from."""


def sdp_of(message: Request | Response) -> str | None:
    """The session description that a message carries, alone or as a part of a multipart body (RFC 5621)."""
    part = find_part(message, SDP)
    return None if part is None or not part.body else part.body.decode("utf-8", "replace")


def text_of(message: Request | Response) -> str:
    """The body as text; what is none becomes U+FFFD. It is in UTF-8 unless the Content-Type names another charset (RFC
    3261 section 7.4.1), and one that is known."""
    charset = _charset(message.headers.get("Content-Type") or "")
    return message.body.decode(charset if charset in CHARSETS else UTF_8, "replace")


def octets_of(body: str | bytes, content_type: str) -> bytes:
    """A body of this type. ValueError where it is too large, or its charset is not known or cannot write the text."""
    octets = body if isinstance(body, bytes) else _encoded(body, content_type)
    if len(octets) > MAX_BODY:
        raise ValueError(f"body has {len(octets)} octets; send {MAX_BODY} at most, in several messages if need be")
    return octets


def _encoded(text: str, content_type: str) -> bytes:
    charset = _charset(content_type)
    if charset not in CHARSETS:
        raise ValueError(f"content_type names the charset {charset!r}, which is not known: leave it out, for UTF-8")
    try:
        return text.encode(charset)
    except UnicodeEncodeError:
        raise ValueError(f"body has characters that {charset} cannot write") from None


def _charset(content_type: str) -> str:
    return (media_type(content_type)[1].get("charset") or UTF_8).lower()
