"""UPDATE of the other side, and every other request in the dialog whose offer is not a re-INVITE's (RFC 3311).

- It is taken in early dialogs and in confirmed ones, with an offer or without; either way it refreshes the target.
- While an offer of ours is open, another gets 491; while one of theirs is, 500 with Retry-After.
- Its offer is answered in its own 2xx, which is not acknowledged.
"""

from attrs import evolve

from jzrx.sip.bodies import SDP, sdp_of
from jzrx.sip.message import Request
from jzrx.sip.session import refresh, reliable
from jzrx.sip.session.parts import Offered
from jzrx.sip.session.state import Moment, Phase, Reply, Session, SessionOutput, Step, want
from jzrx.types import Headers


def received(session: Session, request: Request, key: str, moment: Moment) -> Step:
    """An UPDATE, or a PRACK that was for a response of ours."""
    offer, open_offer = sdp_of(request), session.offered
    if open_offer is not None and open_offer.request.method == request.method == "UPDATE":
        # "A UAS that receives an UPDATE before it has generated a final response to a previous UPDATE on the same
        # dialog MUST return a 500 response to the new UPDATE, and MUST include a Retry-After header field with a
        # randomly chosen value between 0 and 10 seconds" (section 5.2).
        return session, [Reply(key, 500, headers=retry_after(moment))]
    if offer is None:
        return accept(session, Offered(key, request), None, moment)
    if open_offer is not None or (session.phase in (Phase.RINGING, Phase.ANSWERING) and not _is_agreed(session)):
        # The same if "the UAS has received an offer (in an UPDATE, PRACK, or INVITE) to which it has not yet generated
        # an answer" (section 5.2).
        return session, [Reply(key, 500, headers=retry_after(moment))]
    if _is_offering(session, request.from_.tag or ""):
        # "If an UPDATE is received that contains an offer, and the UAS has generated an offer [...] to which it has not
        # yet received an answer, the UAS MUST reject the UPDATE with a 491 response" (section 5.2).
        return session, [Reply(key, 491)]
    return want(evolve(session, offered=Offered(key, request)), "reanswer", offer, session.held)


def _is_agreed(session: Session) -> bool:
    """Whether the offer of the other side's INVITE was answered for good, before its 2xx."""
    unpracked = session.unpracked
    return session.answered_early and (unpracked is None or not unpracked.holds_back)


def _is_offering(session: Session, tag: str) -> bool:
    """Whether an offer of ours waits for its answer from the side with this tag."""
    if session.dialog is None:
        early = reliable.early_of(session, tag)
        return early is None or early.answer is None or early.answer != session.answer
    return session.reoffer is not None or (session.unacked is not None and session.unacked.offered)


def accept(session: Session, offered: Offered, sdp: str | None, moment: Moment) -> Step:
    """Take an UPDATE or PRACK; `sdp` answers its offer."""
    request = offered.request
    tag = request.from_.tag or ""
    dialog = reliable.dialog_with(session, tag)
    headers: Headers = ()
    outputs: list[SessionOutput] = []
    if request.method == "UPDATE":
        if dialog is not None:
            session = reliable.with_dialog(session, dialog.refresh(request))
        session, headers, outputs = refresh.grant(session, request, moment)
    early = reliable.early_of(session, tag) if session.dialog is None else None
    if early is not None and sdp is not None:
        session = reliable.keep(session, evolve(early, moved_on=True))
    kind = None if sdp is None else SDP
    return session, [Reply(offered.key, 200, headers=headers, body=(sdp or "").encode(), content_type=kind), *outputs]


def retry_after(moment: Moment) -> Headers:
    """ "A randomly chosen value of between 0 and 10 seconds" (RFC 3261 section 14.2)."""
    return (("Retry-After", str(round(10 * moment.chance))),)
