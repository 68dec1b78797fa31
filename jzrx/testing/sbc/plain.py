"""The offer that a stock jambonz makes to a client that registered over plain ws: RTP/AVP, no ICE, no DTLS."""

from jzrx.media.negotiation import LocalMedia, make_offer
from jzrx.media.sdp import build

__all__ = ["plain_offer"]

_DISCARD = 9
"""The discard port: the offer is here to be refused (488), no audio waits behind it."""


def plain_offer() -> str:
    """It is the same for everybody."""
    local = LocalMedia(session_id=1, ssrc=1, cname="sbc", address="127.0.0.1", port=_DISCARD)
    return build(make_offer(local))
