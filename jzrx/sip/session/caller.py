"""The caller's half of a session: an INVITE of ours until its dialog is confirmed (RFC 3261 section 13.2).

- An offer is made first; the INVITE leaves with it.
- CANCEL leaves only after a provisional response (section 9.1); a 2xx that crosses it is acknowledged and ended.
- A proxy may fork it: each branch has a dialog and an answer of its own. Media follows the latest early answer, and
  the 200 decides: its branch's answer counts, in the 200 or before it.
- Where another offer has followed ours in an early dialog (UPDATE), and another branch is the one that answers, the
  media is offered anew to that one as soon as it is confirmed.
- A 3xx ends it, or, if the call follows redirects, sends the same INVITE elsewhere; a failure there to the next target.
- Every 2xx is acknowledged, also one of another fork, which is then ended (section 13.2.2.4).
"""

from attrs import evolve

from jzrx.commands import HangUp
from jzrx.events import CallDialed, CallProgressed, CallRedirected, RemotePartyChanged
from jzrx.sip.bodies import SDP, sdp_of
from jzrx.sip.causes import cause_of_response, headers_of
from jzrx.sip.dialog import dialog_of_response, strip_parameters
from jzrx.sip.drafts import Draft, in_dialog
from jzrx.sip.headers import NameAddr
from jzrx.sip.machine import TIMEOUT, CancelTimer, Notify, SetTimer
from jzrx.sip.message import Response
from jzrx.sip.session import refresh, reliable
from jzrx.sip.session.parts import Wish
from jzrx.sip.session.reoffer import begin_next, up
from jzrx.sip.session.state import (
    Acknowledge,
    CancelInvite,
    Issue,
    Moment,
    Phase,
    Session,
    SessionOutput,
    Step,
    apply_answer,
    bye,
    end,
    finish,
    give_up,
    own_cause,
    settle,
    want,
)
from jzrx.sip.status import reason_phrase
from jzrx.types import CallEndCause

INVITE = "invite"
"""The tag of the INVITE that sets the session up."""

FORK_BYE = "bye fork"
"""The tag of the BYE to another fork than the one that answered first; its fate is not the call's."""

CANCELLED = CallEndCause(487, reason_phrase(487), "local")
NO_ANSWER_SDP = CallEndCause(488, "The answer has no session description", "system")
NO_ANSWER = CallEndCause(408, "No Answer", "system")


def dial(session: Session, no_answer_timeout: float | None, moment: Moment) -> Step:
    """The user dials."""
    outputs: list[SessionOutput] = [Notify(CallDialed(at=moment.at, call_id=session.id))]
    if no_answer_timeout is not None:
        outputs.append(SetTimer(session.timer("no answer"), no_answer_timeout))
    session, wanted = want(session, "invite", None, session.held)
    return session, outputs + wanted


def invite(session: Session, sdp: str) -> Step:
    """The offer is there: send the INVITE."""
    return _invite(evolve(session, offer=sdp, making=None), sdp)


def _invite(session: Session, sdp: str) -> Step:
    draft = Draft(
        method="INVITE",
        uri=session.target,
        call_id=session.call_id,
        from_=session.local,
        to=session.remote,
        headers=(*refresh.headers(session), *session.headers),
        body=sdp.encode(),
        content_type=SDP,
    )
    return evolve(session, phase=Phase.CALLING, early=(), early_tags=()), [Issue(INVITE, draft)]


def not_made(session: Session, code: int, message: str, moment: Moment) -> Step:
    """No offer could be made; nothing was sent."""
    return finish(session, CallEndCause(code, message, "system"), moment)


def hang_up(session: Session, command: HangUp, moment: Moment) -> Step:
    """The user gives up before the answer."""
    return _cancel(session, own_cause(command) or CANCELLED, moment)


def no_answer(session: Session, moment: Moment) -> Step:
    """The no-answer timer fired."""
    return _cancel(session, NO_ANSWER, moment)


def _cancel(session: Session, cause: CallEndCause, moment: Moment) -> Step:
    if session.phase is Phase.OFFERING:
        return finish(session, cause, moment)
    session, outputs = end(session, cause, moment)
    if session.phase is Phase.PROCEEDING:
        return session, outputs + _send_cancel(session)
    # "If no provisional response has been received, the CANCEL request MUST NOT be sent; rather, the client MUST wait
    # for the arrival of a provisional response before sending the request" (section 9.1).
    return session, outputs


def _send_cancel(session: Session) -> list[SessionOutput]:
    # "If there is no final response for the original request in 64*T1 seconds [...], the client SHOULD then consider
    # the original transaction cancelled" (section 9.1).
    return [CancelInvite(INVITE), SetTimer(session.timer("acknowledge"), TIMEOUT)]


def answered(session: Session, response: Response, moment: Moment) -> Step:
    """A response to the INVITE."""
    if response.status_code < 200:
        return _provisional(session, response, moment)
    if response.status_code < 300:
        return _accepted(session, response, moment)
    higher = None if session.ended or session.offer is None else refresh.raised(session, response)
    if higher is not None:
        return _invite(evolve(higher, branches=()), higher.offer or "")
    return _failed(session, response, cause_of_response(response), moment)


def unanswered(session: Session, code: int, reason: str, moment: Moment) -> Step:
    """Nobody answered the INVITE in 64*T1, or the flow is gone."""
    cause = CallEndCause(code, reason, "system")
    return _failed(session, None, cause, moment) if code == 408 else finish(session, cause, moment)


def _failed(session: Session, response: Response | None, cause: CallEndCause, moment: Moment) -> Step:
    """This target failed: on to the next one of a call that follows redirects; else the call has failed."""
    offer = None if _has_moved_on(session) else session.offer
    if session.redirects is not None and offer is not None and not session.ended:
        redirects, target = session.redirects.after(response)
        if target is not None:
            # "It is RECOMMENDED that the UAC reuse the same To, From, and Call-ID used in the original redirected
            # request" (section 8.1.3.4).
            event = CallRedirected(
                at=moment.at, call_id=session.id, target=str(target), code=cause.code, reason=cause.reason
            )
            session = evolve(session, target=target, redirects=redirects, branches=(), path_failure=None)
            session, outputs = _invite(session, offer)
            return session, [Notify(event), *outputs]
    return finish(session, cause, moment, () if response is None else headers_of(response))


def _provisional(session: Session, response: Response, moment: Moment) -> Step:
    waiting = session.phase is Phase.CALLING
    session = evolve(session, phase=Phase.PROCEEDING)
    if response.status_code == 100:
        return session, _send_cancel(session) if waiting and session.ended else []
    step = reliable.acknowledge(session, response)
    if step is None:
        return session, []
    session, outputs = step
    if session.ended:
        return session, outputs + (_send_cancel(session) if waiting else [])
    tag = response.to.tag or ""
    if response.status_code == 199:
        session, more = _branch_ended(session, tag)
        return session, outputs + more
    if tag and tag not in session.early_tags:
        session = evolve(session, early_tags=(*session.early_tags, tag))
    sdp = reliable.answer_in(session, response)
    outputs += _name(session, response, moment)
    outputs.append(
        Notify(
            CallProgressed(
                at=moment.at,
                call_id=session.id,
                code=response.status_code,
                reason=response.reason or reason_phrase(response.status_code),
                has_media=sdp_of(response) is not None,
                headers=headers_of(response),
            )
        )
    )
    if sdp is not None:
        session, wanted = _early_answer(session, response.to.tag or "", sdp)
        outputs += wanted
    return session, outputs


def _early_answer(session: Session, branch: str, sdp: str) -> Step:
    """Media follows what is new; what a branch says again, as in the 180s that it repeats, changes nothing."""
    if dict(session.branches).get(branch) == sdp:
        return session, []
    others = tuple(known for known in session.branches if known[0] != branch)
    return _listen_to(evolve(session, branches=(*others, (branch, sdp))))


def _branch_ended(session: Session, branch: str) -> Step:
    """199: "an early dialog has been terminated" (RFC 6228 section 1), and there may be another that is heard then."""
    session = evolve(session, early_tags=tuple(tag for tag in session.early_tags if tag != branch))
    return _listen_to(evolve(session, branches=tuple(known for known in session.branches if known[0] != branch)))


def _listen_to(session: Session) -> Step:
    """Be where the latest early answer is."""
    latest = session.branches[-1][1] if session.branches else session.answer
    if latest is None or latest == session.answer or _has_moved_on(session):
        return session, []
    # What failed with another answer says nothing of this one.
    return apply_answer(evolve(session, answer=latest, path_failure=None), latest, provisional=True)


def _accepted(session: Session, response: Response, moment: Moment) -> Step:
    dialog = dialog_of_response(response, session.target)
    acknowledge = Acknowledge(dialog, response.cseq.number)
    if session.dialog is not None:
        if session.dialog.remote_tag == dialog.remote_tag:
            return session, [acknowledge]  # repeated, because our ACK was late
        # Another fork: each 2xx is acknowledged, and a dialog that is not wanted is ended by a BYE (section 13.2.2.4).
        return session, [acknowledge, Issue(FORK_BYE, in_dialog(dialog, "BYE"))]
    early = reliable.early_of(session, dialog.remote_tag)
    if early is not None:
        # Of the early dialog's state only the route set, and with Contact the remote target, is made anew; the sequence
        # numbers go on (section 13.2.2.4).
        dialog = evolve(dialog, remote_seq=early.dialog.remote_seq, allow=dialog.allow or early.dialog.allow)
    session = evolve(session, dialog=dialog)
    if session.ended:
        # It crossed our CANCEL, which came too late then; what is established now is ended by a BYE (section 15).
        session, ending = bye(session)
        return session, [acknowledge, *ending]
    # A 200 without an answer relies on the one of its own branch, if it had any.
    sdp = reliable.answer_in(session, response) or dict(session.branches).get(dialog.remote_tag, session.answer)
    # What failed with the early answer may succeed with another one.
    failure = session.path_failure if sdp == session.answer else None
    if sdp is None or failure is not None:
        session, outputs = give_up(session, failure or NO_ANSWER_SDP, moment)
        return session, [acknowledge, *outputs]
    outputs = [acknowledge, CancelTimer(session.timer("no answer")), *_name(session, response, moment)]
    session, timer = refresh.confirmed(session, response, moment)
    outputs += timer
    if early is not None and early.moved_on:
        pass  # what was agreed there last holds
    elif _has_moved_on(session):
        session = evolve(session, wishes=(Wish("restart", None), *session.wishes))
    else:
        session, wanted = apply_answer(evolve(session, answer=sdp, branches=()), sdp)
        outputs += wanted
    outputs += up(session, headers_of(response), moment)
    outputs += settle(session.token)
    session, more = begin_next(evolve(session, phase=Phase.CONFIRMED, answered=True, token=None))
    return session, outputs + more


def _has_moved_on(session: Session) -> bool:
    """Another offer has followed ours in an early dialog: the media is not to be had by ours any more."""
    return any(early.moved_on for early in session.early)


def _name(session: Session, response: Response, moment: Moment) -> list[SessionOutput]:
    """The other side names itself by P-Asserted-Identity (RFC 3325 section 9.1)."""
    asserted = response.headers.get_list("P-Asserted-Identity")
    if not asserted:
        return []
    try:
        party = NameAddr.parse(asserted[0])
    except ValueError:
        return []
    return [
        Notify(
            RemotePartyChanged(
                at=moment.at,
                call_id=session.id,
                remote_uri=strip_parameters(party),
                remote_display_name=party.display_name or None,
            )
        )
    ]
