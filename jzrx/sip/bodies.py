"""The bodies that a session understands."""

from jzrx.sip.message import Request, Response
from jzrx.sip.multipart import find_part

__all__ = ["SDP", "sdp_of"]

SDP = "application/sdp"


def sdp_of(message: Request | Response) -> str | None:
    """The session description that a message carries, alone or as a part of a multipart body (RFC 5621)."""
    part = find_part(message, SDP)
    return None if part is None or not part.body else part.body.decode("utf-8", "replace")
