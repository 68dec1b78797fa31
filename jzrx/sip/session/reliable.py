"""Provisional responses that are acknowledged, by PRACK, in both directions (RFC 3262).

Theirs, to our INVITE
- We take them (`Supported: 100rel`). Each makes or belongs to an early dialog, and is acknowledged there, in the order
  of RSeq; one that is repeated, or comes too early, is not looked at.
- The first description in them is the answer, and not taken back by a later response of the same dialog.

Ours, to an INVITE of the other side
- Only where that INVITE requires them, and then all: nobody waits for what jambonz does not use.
- One at a time, repeated until its PRACK; without one in 64*T1 the INVITE is refused with 504.
- An answer goes out once: no 2xx before the PRACK of a response that carried it, and none in the 2xx then.
"""

from attrs import evolve

from jzrx.sip.bodies import SDP, sdp_of
from jzrx.sip.dialog import Dialog, dialog_of_response
from jzrx.sip.drafts import in_dialog
from jzrx.sip.machine import T1, TIMEOUT, CancelTimer, SetTimer
from jzrx.sip.message import Request, Response
from jzrx.sip.readers import number
from jzrx.sip.session.parts import Early, Provisional, Unpracked
from jzrx.sip.session.state import Issue, Moment, Phase, Repeat, Reply, Session, Step

PRACK = "prack"
"""The tag of our PRACKs; what is answered to them changes nothing."""
RELIABLE = "100rel"
"""The option tag."""


def options(message: Request | Response, name: str) -> frozenset[str]:
    """The option tags in a header such as Require, in lower case."""
    return frozenset(tag.lower() for tag in message.headers.get_list(name))


# --- theirs --------------------------------------------------------------------------------------------------------


def acknowledge(session: Session, response: Response) -> Step | None:
    """A provisional response to our INVITE: the PRACK, if it wants one. None: it is not to be looked at."""
    rseq = number(response.headers.get("RSeq"))
    if RELIABLE not in options(response, "Require") or not rseq or response.to.tag is None:
        return session, []
    known = early_of(session, response.to.tag)
    if known is not None and rseq != known.rseq + 1:
        # "Retransmissions of that response MUST be discarded"; and "if the UAC receives another reliable provisional
        # response to the same request, and its RSeq value is not one higher than the value of the sequence number,
        # that response MUST NOT be acknowledged with a PRACK, and MUST NOT be processed further" (section 4).
        return None
    dialog = known.dialog if known is not None else dialog_of_response(response, session.target)
    answer = known.answer if known is not None and known.answer is not None else sdp_of(response)
    early = Early(dialog, rseq, answer, moved_on=known is not None and known.moved_on)
    rack = ("RAck", f"{rseq} {response.cseq.number} {response.cseq.method}")
    return keep(session, early), [Issue(PRACK, in_dialog(dialog, "PRACK", headers=(rack,)))]


def early_of(session: Session, tag: str) -> Early | None:
    """The early dialog with this tag of the other side."""
    return next((early for early in session.early if early.dialog.remote_tag == tag), None)


def keep(session: Session, early: Early) -> Session:
    """The session with this early dialog, in place of what it was before."""
    others = (other for other in session.early if other.dialog.remote_tag != early.dialog.remote_tag)
    return evolve(session, early=(*others, early))


def answer_in(session: Session, response: Response) -> str | None:
    """The answer to our offer that a response to the INVITE brings.

    "The UAC MUST treat the first session description it receives as the answer, and MUST ignore any session
    descriptions in subsequent responses to the initial INVITE" (RFC 3261 section 13.2.1), once one came reliably.
    """
    early = early_of(session, response.to.tag or "")
    return sdp_of(response) if early is None or early.answer is None else early.answer


def dialog_with(session: Session, tag: str) -> Dialog | None:
    """The dialog with this tag of the other side: the call's own or, until there is one, an early one."""
    if session.dialog is not None:
        return session.dialog if session.dialog.remote_tag == tag else None
    early = early_of(session, tag)
    return None if early is None else early.dialog


def with_dialog(session: Session, dialog: Dialog) -> Session:
    """The session with a new state of a dialog that `dialog_with` found."""
    if session.dialog is not None:
        return evolve(session, dialog=dialog)
    early = early_of(session, dialog.remote_tag)
    return session if early is None else keep(session, evolve(early, dialog=dialog))


# --- ours ----------------------------------------------------------------------------------------------------------


def are_required(session: Session) -> bool:
    """Whether the other side's INVITE requires our provisional responses to be reliable."""
    return session.invite is not None and RELIABLE in options(session.invite, "Require")


def say(session: Session, provisional: Provisional, moment: Moment) -> Step:
    """Send a provisional response, now or when the one before it is acknowledged."""
    if not are_required(session):
        return session, [_reply(session, provisional)]
    if session.invite is None or sdp_of(session.invite) is None:
        # The first reliable response would have to carry an offer (section 5), for whose answer no call of ours waits;
        # a provisional response is nobody's right.
        return session, []
    if session.unpracked is not None and not session.unpracked.is_acknowledged:
        # "The UAS MUST NOT send a second reliable provisional response until the first is acknowledged" (section 3).
        return evolve(session, unsaid=(*session.unsaid, provisional)), []
    # The first RSeq is best chosen uniformly from 1 to 2**31 - 1; each further one "MUST be greater by exactly one"
    # (section 3).
    rseq = session.rseq + 1 if session.rseq else 1 + int(moment.chance * (2**31 - 2))
    if session.answered_early:
        provisional = evolve(provisional, sdp=None)  # the answer was given
    has_sdp = provisional.sdp is not None
    session = evolve(
        session,
        rseq=rseq,
        unpracked=Unpracked(rseq, T1, has_sdp),
        answered_early=session.answered_early or has_sdp,
    )
    headers = (("Require", RELIABLE), ("RSeq", str(rseq)), *provisional.headers)
    return session, [
        _reply(session, evolve(provisional, headers=headers)),
        SetTimer(session.timer("provisional"), T1),
        SetTimer(session.timer("no PRACK"), TIMEOUT),
    ]


def _reply(session: Session, provisional: Provisional) -> Reply:
    return Reply(
        session.invite_key or "",
        provisional.status,
        headers=provisional.headers,
        body=(provisional.sdp or "").encode(),
        content_type=None if provisional.sdp is None else SDP,
    )


def repeat(session: Session) -> Step:
    """No PRACK yet: "the provisional response is passed to the transaction layer periodically with an interval that
    starts at T1 seconds and doubles for each retransmission" (section 3)."""
    unpracked = session.unpracked
    if unpracked is None or session.invite_key is None:
        return session, []
    interval = unpracked.interval * 2
    return evolve(session, unpracked=evolve(unpracked, interval=interval)), [
        Repeat(session.invite_key),
        SetTimer(session.timer("provisional"), interval),
    ]


def stop(session: Session) -> Step:
    """A final response goes out: no reliable one is repeated or begun any more. "It MUST be prepared to process PRACK
    requests for those outstanding responses" (section 3)."""
    return evolve(session, unsaid=()), [
        CancelTimer(session.timer("provisional")),
        CancelTimer(session.timer("no PRACK")),
    ]


def is_acknowledged_by(session: Session, request: Request) -> bool:
    """Whether a PRACK is for our last reliable response, and the first that is."""
    unpracked, invite = session.unpracked, session.invite
    if unpracked is None or invite is None or unpracked.is_acknowledged:
        return False
    rack = (request.headers.get("RAck") or "").split()
    return rack == [str(unpracked.rseq), str(invite.cseq.number), "INVITE"]


def acknowledged(session: Session, moment: Moment) -> Step:
    """The PRACK came: what waited for it may be said, unless the 2xx follows now."""
    if session.unpracked is not None:
        session = evolve(session, unpracked=evolve(session.unpracked, is_acknowledged=True))
    unsaid = session.unsaid
    session, outputs = stop(session)
    if unsaid and session.phase is Phase.RINGING:
        session, said = say(evolve(session, unsaid=unsaid[1:]), unsaid[0], moment)
        outputs += said
    return session, outputs
