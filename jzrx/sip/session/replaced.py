"""Whether a call may be replaced by a new INVITE (RFC 3891 section 3)."""

from jzrx.sip.replaces import Replaces
from jzrx.sip.session.state import Phase, Session

__all__ = ["replaceable"]


def replaceable(session: Session, replaces: Replaces) -> str | int:
    """The id of the call, whose Call-ID and tag of ours were asked for, or the status that refuses to replace it."""
    if session.dialog is None:
        # "If the Replaces header field matches an early dialog that was initiated by the UA, it accepts the new INVITE
        # [...] and shuts down the replaced dialog by sending a CANCEL."
        is_early = session.phase is Phase.PROCEEDING
        if not is_early or not any(replaces.fits(session.local.tag or "", tag) for tag in session.early_tags):
            return 481
    elif not replaces.fits(session.dialog.local_tag, session.dialog.remote_tag):
        return 481
    if session.ended:
        # "If the Replaces header field matches a dialog which has already terminated, the UA SHOULD decline the request
        # with a 603 Declined response."
        return 603
    if session.phase in (Phase.RINGING, Phase.ANSWERING):
        # "If the Replaces header field matches an early dialog that was not initiated by this UA, it returns a 481."
        return 481
    if session.dialog is not None and replaces.early_only:
        # "If the Replaces header field matches a confirmed dialog, it checks for the presence of the "early-only" flag
        # [...]. If the flag is present, the UA rejects the request with a 486 Busy response."
        return 486
    return session.id
