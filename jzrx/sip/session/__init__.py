"""One call: the INVITE session of RFC 3261 sections 13 to 15 as a machine."""

from jzrx.sip.session.step import step

__all__ = ["step"]
