"""Re-INVITE in both directions (RFC 3261 section 14): hold, refresh and ICE restart of ours, and what the other side
offers.

- One at a time: ours queue, in order. While one of ours is under way the other side's gets 491; while one of theirs is
  being answered the next gets 500 with Retry-After (section 14.2).
- 491 is tried again after the time of section 14.1. Any other refusal leaves the call as it was, but 481 and 408,
  which end it (section 12.2.1.2).
- One of ours that has only a 100 after 60 s is cancelled, and has failed; if even that brings nothing, the call ends.
- Our hold is `held` only after the 2xx.
"""

from attrs import evolve

from jzrx.errors import CallError
from jzrx.events import CallAnswered, HoldChanged, HoldFailed
from jzrx.sip.bodies import SDP, sdp_of
from jzrx.sip.causes import cause_of_response, words_of
from jzrx.sip.drafts import in_dialog
from jzrx.sip.machine import T1, T2, TIMEOUT, CancelTimer, Notify, OfferRefused, SetTimer
from jzrx.sip.message import Request, Response
from jzrx.sip.session import refresh, update
from jzrx.sip.session.parts import Offered, Unacked, Wish
from jzrx.sip.session.state import (
    Acknowledge,
    CancelInvite,
    Issue,
    Moment,
    Phase,
    Repeat,
    Reply,
    Session,
    SessionOutput,
    Step,
    apply_answer,
    finish,
    give_up,
    settle,
    want,
)
from jzrx.sip.status import reason_phrase
from jzrx.types import CallDirection, CallEndCause, Headers

REINVITE = "reinvite"
"""The tag of a re-INVITE of ours."""

PATIENCE = 60.0
"""Seconds that the other side may take to answer a re-INVITE: a server may ask a phone first, which has 64*T1."""
MOST_TRIES = 10
"""How many 491s in a row are borne before the hold fails."""


# --- ours ----------------------------------------------------------------------------------------------------------


def up(session: Session, headers: Headers, moment: Moment) -> list[SessionOutput]:
    """The call is answered; one that came in the place of a held one is on hold from the beginning."""
    outputs: list[SessionOutput] = [Notify(CallAnswered(at=moment.at, call_id=session.id, headers=headers))]
    if session.held:
        outputs.append(Notify(HoldChanged(at=moment.at, call_id=session.id, held=True)))
    return outputs


def ask(session: Session, wish: Wish) -> Step:
    """A re-INVITE is wanted, as for a hold; it waits for its turn, and for the call to be up."""
    return begin_next(evolve(session, wishes=(*session.wishes, wish)))


def wanted_hold(session: Session) -> bool:
    """Whether the other side is to be on hold once all that was asked for is done."""
    held = session.held
    for wish in (session.reoffer, *session.wishes):
        held = held if wish is None else wish.held_after(held)
    return held


def begin_next(session: Session) -> Step:
    """Begin the next re-INVITE, if nothing is under way; a hold that is there already is done at once."""
    outputs: list[SessionOutput] = []
    busy = session.reoffer or session.retrying or session.offered or session.unacked
    if session.phase is not Phase.CONFIRMED or session.ended or busy:
        return session, outputs
    while session.wishes:
        wish, *rest = session.wishes
        session = evolve(session, wishes=tuple(rest))
        held = wish.held_after(session.held)
        if not wish.is_hold or held != session.held:
            restart = wish.purpose == "restart"
            session, wanted = want(evolve(session, reoffer=wish), "reoffer", None, held, restart=restart)
            return session, outputs + wanted
        outputs += settle(wish.token)
    return session, outputs


def reinvite(session: Session, sdp: str) -> Step:
    """Our new offer is there: send the re-INVITE."""
    session = evolve(session, making=None)
    if session.dialog is None:
        return session, []
    draft = in_dialog(session.dialog, "INVITE", headers=refresh.headers(session), body=sdp.encode(), content_type=SDP)
    return session, [Issue(REINVITE, draft), SetTimer(session.timer("offer"), PATIENCE)]


def overdue(session: Session, moment: Moment) -> Step:
    """Our re-INVITE has no final response: withdraw it, or give up when it was withdrawn."""
    wish = session.reoffer
    if wish is None or session.making is not None:
        return session, []  # it was answered
    if wish.is_withdrawn:
        return give_up(session, CallEndCause(408, "No Answer", "system"), moment)
    session = evolve(session, reoffer=evolve(wish, is_withdrawn=True))
    # "If there is no final response for the original request in 64*T1 seconds [...], the client SHOULD then consider
    # the original transaction cancelled" (section 9.1).
    return session, [CancelInvite(REINVITE), SetTimer(session.timer("offer"), TIMEOUT)]


def answered(session: Session, response: Response, moment: Moment) -> Step:
    """A response to our re-INVITE."""
    status = response.status_code
    if status < 200:
        return session, []
    if status < 300:
        return _accepted(session, response, moment)
    if session.ended:
        return session, []
    if status == 487 and session.reoffer is not None and session.reoffer.is_withdrawn:
        return refused(session, 408, "No Answer", moment)
    if status == 491 and session.reoffer is not None and session.reoffer.tries < MOST_TRIES:
        return _try_later(session, session.reoffer, moment)
    if status in (408, 481):
        # "If the response for a request within a dialog is a 481 or a 408, the UAC SHOULD terminate the dialog."
        cause = cause_of_response(response)
        if status == 481:
            return finish(session, cause, moment)
        return give_up(session, cause, moment)
    higher = refresh.raised(session, response) if session.reoffer is not None else None
    if higher is not None and session.reoffer is not None:
        session, more = begin_next(evolve(higher, reoffer=None, wishes=(session.reoffer, *session.wishes)))
        return session, [OfferRefused(session.id), *more]
    return refused(session, status, words_of(response) or response.reason or reason_phrase(status), moment)


def unanswered(session: Session, code: int, reason: str, moment: Moment) -> Step:
    """No response in 64*T1 ends the call; a lost flow does not, it only fails the hold."""
    if code == 408:
        return give_up(session, CallEndCause(408, reason, "system"), moment)
    return refused(session, code, reason, moment)


def refused(session: Session, code: int, reason: str, moment: Moment) -> Step:
    """Our offer was refused, or could not be made: call, media and state stay as they were."""
    wish = session.reoffer
    session = evolve(session, reoffer=None, making=None)
    outputs: list[SessionOutput] = [OfferRefused(session.id)]
    if wish is not None:
        if wish.is_hold:
            wanted = wish.purpose == "hold"
            outputs.append(
                Notify(HoldFailed(at=moment.at, call_id=session.id, wanted=wanted, code=code, reason=reason))
            )
        outputs += settle(wish.token, CallError(f"{wish.purpose} was refused: {code} {reason}", code, reason))
        if wish.purpose == "refresh":
            session, again = refresh.failed(session, moment)
            outputs += again
    session, more = begin_next(session)
    return session, outputs + more


def _accepted(session: Session, response: Response, moment: Moment) -> Step:
    if session.dialog is None:
        return session, []
    dialog = session.dialog.refresh(response)
    outputs: list[SessionOutput] = [Acknowledge(dialog, response.cseq.number)]
    wish = session.reoffer
    if wish is None:
        return session, outputs  # repeated, or the call has ended here
    sdp = sdp_of(response)
    session, timer = refresh.confirmed(evolve(session, dialog=dialog, reoffer=None), response, moment)
    outputs += timer
    if sdp is None:
        session, more = refused(evolve(session, reoffer=wish), 488, "The answer has no session description", moment)
        return session, outputs + more
    session, applied = apply_answer(evolve(session, held=wish.held_after(session.held)), sdp)
    outputs += applied
    if wish.is_hold:
        outputs.append(Notify(HoldChanged(at=moment.at, call_id=session.id, held=session.held)))
    outputs += settle(wish.token)
    session, more = begin_next(session)
    return session, outputs + more


def _try_later(session: Session, wish: Wish, moment: Moment) -> Step:
    # "If the UAC is the owner of the Call-ID of the dialog ID, T has a randomly chosen value between 2.1 and 4 seconds
    # in units of 10 ms. If [it] is not the owner [...], between 0 and 2 seconds in units of 10 ms" (section 14.1).
    owner = session.direction is CallDirection.OUTBOUND
    delay = 2.1 + round(1.9 * moment.chance, 2) if owner else round(2.0 * moment.chance, 2)
    again = evolve(wish, tries=wish.tries + 1, is_withdrawn=False)
    session = evolve(session, reoffer=None, retrying=True, wishes=(again, *session.wishes))
    return session, [OfferRefused(session.id), SetTimer(session.timer("retry"), delay)]


def retry(session: Session) -> Step:
    """The time after a 491 is over."""
    return begin_next(evolve(session, retrying=False))


# --- theirs --------------------------------------------------------------------------------------------------------


def received(session: Session, request: Request, key: str, moment: Moment) -> Step:
    """A re-INVITE arrived in the confirmed dialog."""
    if session.reoffer is not None:
        # "A UAS that receives an INVITE on a dialog while an INVITE it had sent on that dialog is in progress MUST
        # return a 491 (Request Pending) response" (section 14.2).
        return session, [Reply(key, 491)]
    if session.offered is not None or session.unacked is not None:
        # "... MUST return a 500 (Server Internal Error) response to the second INVITE and MUST include a Retry-After
        # header field with a randomly chosen value of between 0 and 10 seconds" (section 14.2).
        return session, [Reply(key, 500, headers=update.retry_after(moment))]
    session = evolve(session, offered=Offered(key, request))
    return want(session, "reanswer", sdp_of(request), session.held)


def answer(session: Session, sdp: str, moment: Moment) -> Step:
    """Our description is there: accept the other side's re-INVITE or UPDATE."""
    offered = session.offered
    session = evolve(session, making=None, offered=None)
    if offered is None:
        return session, []
    if offered.request.method != "INVITE":
        session, outputs = update.accept(session, offered, sdp, moment)
        session, more = begin_next(session)
        return session, outputs + more
    if session.dialog is not None:
        session = evolve(session, dialog=session.dialog.refresh(offered.request))
    return accept(session, offered.key, offered.request, sdp, moment)


def accept(
    session: Session, key: str, request: Request, sdp: str | None, moment: Moment, headers: Headers = ()
) -> Step:
    """Send a 2xx to an INVITE and repeat it until its ACK.

    "The 2xx response is passed to the transport with an interval that starts at T1 seconds and doubles for each
    retransmission until it reaches T2 seconds" (section 13.3.1.4); on a reliable transport, too, as others may follow.
    """
    unacked = Unacked(key, T1, request.cseq.number, offered=sdp_of(request) is None)
    session, timer_headers, timer = refresh.grant(session, request, moment)
    reply = Reply(
        key,
        200,
        headers=(*timer_headers, *headers),
        body=(sdp or "").encode(),
        content_type=None if sdp is None else SDP,
    )
    timers: list[SessionOutput] = [
        SetTimer(session.timer("repeat"), T1),
        SetTimer(session.timer("acknowledge"), TIMEOUT),
        *timer,
    ]
    return evolve(session, unacked=unacked), [reply, *timers]


def repeat(session: Session) -> Step:
    """No ACK yet: the 2xx once more."""
    if session.unacked is None:
        return session, []
    unacked = session.unacked
    interval = min(unacked.interval * 2, T2)
    return evolve(session, unacked=evolve(unacked, interval=interval)), [
        Repeat(unacked.key),
        SetTimer(session.timer("repeat"), interval),
    ]


def acknowledged(session: Session, request: Request) -> Step:
    """The ACK to our 2xx arrived. The answer is in it when the offer was ours."""
    unacked = session.unacked
    if unacked is None or request.cseq.number != unacked.number:
        return session, []
    session = evolve(session, unacked=None)
    outputs: list[SessionOutput] = [
        CancelTimer(session.timer("repeat")),
        CancelTimer(session.timer("acknowledge")),
    ]
    if not unacked.offered or session.ended:
        return session, outputs
    sdp = sdp_of(request)
    if sdp is None:
        return session, [*outputs, OfferRefused(session.id)]
    session, applied = apply_answer(session, sdp)
    return session, outputs + applied


def never_acknowledged(session: Session, moment: Moment) -> Step:
    """ "If the server retransmits the 2xx response for 64*T1 seconds without receiving an ACK, the dialog is confirmed,
    but the session SHOULD be terminated. This is accomplished with a BYE" (section 13.3.1.4)."""
    return give_up(evolve(session, unacked=None), CallEndCause(408, "No ACK arrived", "system"), moment)


def not_answerable(session: Session, code: int, warning: str | None) -> Step:
    """The other side's new offer cannot be accepted: refuse it, the call goes on as it was (section 14.2)."""
    key = session.offered.key if session.offered is not None else ""
    session = evolve(session, making=None, offered=None)
    outputs: list[SessionOutput] = [Reply(key, code, headers=warning_headers(warning))]
    session, more = begin_next(session)
    return session, outputs + more


def withdrawn(session: Session) -> Step:
    """The other side cancelled its re-INVITE before our answer."""
    key = session.offered.key if session.offered is not None else ""
    session = evolve(session, making=None, offered=None)
    outputs: list[SessionOutput] = [Reply(key, 487), OfferRefused(session.id)]
    session, more = begin_next(session)
    return session, outputs + more


def warning_headers(warning: str | None) -> Headers:
    """A Warning header, if there is something to warn of (section 20.43)."""
    return () if warning is None else (("Warning", warning),)
