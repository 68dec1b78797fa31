"""`step(session, input, moment) -> (session, outputs)`: the machine of one call. Its parts decide; this routes."""

from typing import assert_never

from attrs import evolve

from jzrx.commands import (
    Answer,
    Dial,
    HangUp,
    Hold,
    RefuseTransfer,
    RestartIce,
    SendDtmfInfo,
    SendInfo,
    SendNotify,
    SendProgress,
    ToggleHold,
    Transfer,
    Unhold,
)
from jzrx.errors import CallError
from jzrx.sip.machine import TIMEOUT, SetTimer
from jzrx.sip.message import Request, Response
from jzrx.sip.session import callee, caller, established, referred, refresh, reliable, reoffer, transfer, update
from jzrx.sip.session.parts import Wish
from jzrx.sip.session.referral import Followed, Issued, TargetReached
from jzrx.sip.session.state import (
    BYE,
    CANCEL,
    Answered,
    Asked,
    Cancelled,
    Described,
    FlowFailed,
    Moment,
    NotDescribed,
    PathFailed,
    Phase,
    Received,
    Reply,
    Session,
    SessionInput,
    SessionOutput,
    Step,
    TimerFired,
    Unanswered,
    close,
    give_up,
    settle,
    tell_hung_up,
)
from jzrx.types import CallEndCause

__all__ = ["step"]

UNHEEDED = (CANCEL, caller.FORK_BYE, referred.NOTIFY, reliable.PRACK)
"""The tags of requests whose answers change nothing."""
NO_MEDIA_PATH = CallEndCause(408, "No media path", "system")


def step(session: Session, given: SessionInput, moment: Moment) -> Step:
    """One step of a call. A closed session takes no more input but a late 2xx, which it acknowledges."""
    match given:
        case Asked():
            return _asked(session, given, moment)
        case Received():
            return _received(session, given.request, given.key, moment)
        case Cancelled():
            if session.offered is not None and session.phase is Phase.CONFIRMED:
                return reoffer.withdrawn(session)
            return callee.cancelled(session, given.request, moment)
        case Answered():
            return _answered(session, given.tag, given.response, moment)
        case Unanswered():
            return _unanswered(session, given, moment)
        case Described():
            return _described(session, given, moment)
        case NotDescribed():
            return _not_described(session, given, moment)
        case TimerFired():
            return _timer_fired(session, given.name, moment)
        case PathFailed():
            return _path_failed(session, NO_MEDIA_PATH, moment)
        case FlowFailed():
            session, outputs = transfer.flow_failed(session)
            session, more = callee.flow_failed(session, moment)
            return session, outputs + more
        case Issued():
            return transfer.issued(session, given)
        case Followed():
            return referred.follow(session, given)
        case TargetReached():
            return referred.target_reached(session, given)
        case _:
            assert_never(given)


def _asked(session: Session, asked: Asked, moment: Moment) -> Step:
    command, token = asked.command, asked.token
    if isinstance(command, HangUp):
        return _hang_up(session, command, token, moment)
    if session.ended:
        return session, settle(token, CallError("the call has ended", 481, "The call has ended"))
    match command:
        case Dial():
            return caller.dial(evolve(session, token=token), command.no_answer_timeout, moment)
        case SendProgress() if session.phase is Phase.RINGING:
            session, outputs = callee.progress(session, command, moment)
            return session, outputs + settle(token)
        case Answer() if session.phase is Phase.RINGING:
            return callee.answer(session, command, token, moment)
        case Hold():
            return reoffer.ask(session, Wish("hold", token))
        case Unhold():
            return reoffer.ask(session, Wish("unhold", token))
        case RestartIce():
            return reoffer.ask(session, Wish("restart", token))
        case ToggleHold():
            return reoffer.ask(session, Wish("unhold" if reoffer.wanted_hold(session) else "hold", token))
        case SendInfo() if session.phase is Phase.CONFIRMED:
            return established.send_info(session, command, token)
        case SendDtmfInfo() if session.phase is Phase.CONFIRMED:
            return established.send_tones(session, command, token)
        case Transfer() if session.phase is Phase.CONFIRMED:
            return transfer.refer(session, command, token)
        case SendNotify() if session.phase is Phase.CONFIRMED:
            return referred.notify(session, command, token)
        case RefuseTransfer():
            return referred.refuse(session, command, token)
        case _:
            what = type(command).__name__
            return session, settle(
                token, CallError(f"{what} is not possible in this state of the call; wait until it is answered")
            )


def _hang_up(session: Session, command: HangUp, token: int | None, moment: Moment) -> Step:
    if session.phase is Phase.CLOSED:
        return session, settle(token)
    patience: list[SessionOutput] = []
    if token is not None:
        if not session.hangup_tokens:
            patience.append(SetTimer(session.timer("hang up"), TIMEOUT))
        session = evolve(session, hangup_tokens=(*session.hangup_tokens, token))
    if session.ended:
        return session, patience
    match session.phase:
        case Phase.OFFERING | Phase.CALLING | Phase.PROCEEDING:
            session, outputs = caller.hang_up(session, command, moment)
        case Phase.RINGING | Phase.ANSWERING | Phase.ACCEPTED:
            session, outputs = callee.hang_up(session, command, moment)
        case _:
            session, outputs = established.hang_up(session, command, moment)
    return session, patience + outputs


def _received(session: Session, request: Request, key: str, moment: Moment) -> Step:
    if request.method == "ACK":
        if session.phase is Phase.ACCEPTED:
            return callee.acknowledged(session, request, moment)
        session, outputs = reoffer.acknowledged(session, request)
        session, more = reoffer.begin_next(session)
        return session, outputs + more
    dialog = reliable.dialog_with(session, request.from_.tag or "")
    if dialog is None:
        return session, [Reply(key, 481)]  # no dialog that this request could be in: another fork's, or none yet
    dialog = dialog.accept(request)
    if dialog is None:
        return session, [Reply(key, 500)]  # out of order (RFC 3261 section 12.2.2)
    session = reliable.with_dialog(session, dialog)
    if request.method == "BYE":
        if session.phase in (Phase.RINGING, Phase.ANSWERING):
            return callee.ended_early(session, request, key, moment)
        if session.dialog is None:
            # "The callee's UA [...] MUST NOT send a BYE on early dialogs" (section 15).
            return session, [Reply(key, 481)]
        return established.ended(session, request, key, moment)
    if session.phase is Phase.CLOSED or session.ended:
        return session, [Reply(key, 481)]
    match request.method:
        case "INVITE" if session.phase is Phase.CONFIRMED:
            return reoffer.received(session, request, key, moment)
        case "INVITE":
            # Our INVITE is under way, or the one of the other side (section 14.2).
            ours = session.dialog is None
            return session, [Reply(key, 491) if ours else Reply(key, 500, headers=update.retry_after(moment))]
        case "UPDATE":
            return update.received(session, request, key, moment)
        case "PRACK":
            return callee.pracked(session, request, key, moment)
        case "NOTIFY":
            return transfer.notified(session, request, key, moment)
        case "REFER":
            return referred.refer(session, request, key, moment)
        case _:
            return established.requested(session, request, key, moment)


def _answered(session: Session, tag: str, response: Response, moment: Moment) -> Step:
    if tag == caller.INVITE:
        return caller.answered(session, response, moment)
    if tag == reoffer.REINVITE:
        return reoffer.answered(session, response, moment)
    if tag == BYE:
        return close(session) if response.status_code >= 200 else (session, [])
    if session.ended or tag in UNHEEDED:
        return session, []
    if tag == refresh.UPDATE:
        session, outputs = refresh.answered(session, response, moment)
        session, more = reoffer.begin_next(session)
        return session, outputs + more
    if tag.startswith(transfer.REFER) and response.status_code != 481:
        return transfer.answered(session, tag, response, moment)
    return established.answered(session, tag, response, moment)


def _unanswered(session: Session, given: Unanswered, moment: Moment) -> Step:
    if given.tag == caller.INVITE:
        if session.dialog is not None:
            return session, []
        return caller.unanswered(session, given.code, given.reason, moment)
    if given.tag == BYE:
        return close(session)
    if session.ended or given.tag in UNHEEDED:
        return session, []
    if given.tag == refresh.UPDATE:
        return refresh.unanswered(session, given.code, given.reason, moment)
    if given.tag == reoffer.REINVITE:
        return reoffer.unanswered(session, given.code, given.reason, moment)
    if given.tag.startswith(transfer.REFER):
        return transfer.unanswered(session, given.tag, given.code, given.reason, moment)
    return established.failed(session, given.tag, given.code, given.reason)


def _described(session: Session, given: Described, moment: Moment) -> Step:
    making = session.making
    if making is None or making.ref != given.ref:
        return session, []  # the call ended, or the plan changed, while it was being made
    match making.purpose:
        case "invite":
            return caller.invite(session, given.sdp)
        case "progress" | "answer":
            return callee.described(session, given.sdp, moment)
        case "reoffer":
            return reoffer.reinvite(session, given.sdp)
        case "reanswer":
            session, outputs = reoffer.answer(session, given.sdp, moment)
            session, more = callee.go_on(session, moment)
            return session, outputs + more


def _not_described(session: Session, given: NotDescribed, moment: Moment) -> Step:
    if session.ended:
        return session, []
    making = session.making
    if making is None or making.ref != given.ref:
        if given.ref != session.ref and not session.answered:
            return session, []  # an early answer in whose place there is another one by now
        return _path_failed(session, CallEndCause(given.code, given.message, "system"), moment)  # an answer is no use
    match making.purpose:
        case "invite":
            return caller.not_made(session, given.code, given.message, moment)
        case "progress" | "answer":
            return callee.not_described(session, given.code, given.message, given.warning, moment)
        case "reoffer":
            return reoffer.refused(session, given.code, given.message, moment)
        case "reanswer":
            session, outputs = reoffer.not_answerable(session, given.code, given.warning)
            session, more = callee.go_on(session, moment)
            return session, outputs + more


def _timer_fired(session: Session, name: str, moment: Moment) -> Step:
    match name:
        case "no answer" if not session.ended:
            return caller.no_answer(session, moment)
        case "expires" if session.phase is Phase.RINGING:
            return callee.expired(session, moment)
        case "provisional" if not session.ended:
            return reliable.repeat(session)
        case "no PRACK" if session.phase in (Phase.RINGING, Phase.ANSWERING):
            return callee.never_pracked(session, moment)
        case "refresh" if not session.ended:
            session, outputs = refresh.due(session)
            session, more = reoffer.begin_next(session)
            return session, outputs + more
        case "session" if not session.ended:
            return refresh.expired(session, moment)
        case "repeat":
            return reoffer.repeat(session)
        case "hang up":
            return tell_hung_up(session)
        case "acknowledge":
            if session.unacked is not None:
                return reoffer.never_acknowledged(session, moment)
            return close(session)  # a CANCEL whose INVITE never got its final response
        case "offer" if not session.ended:
            return reoffer.overdue(session, moment)
        case "retry" if not session.ended:
            return reoffer.retry(session)
        case "transfer" if not session.ended:
            return transfer.timed_out(session, moment)
        case "referral" if not session.ended:
            return referred.undecided(session)
        case "leave" if not session.ended:
            return referred.leave(session, moment)
        case "tone" if not session.ended:
            return established.pause_over(session)
        case "tone timeout" if not session.ended:
            return established.tone_failed(session, 408, "No Answer")
        case _ if name.startswith("info") and not session.ended:
            return established.failed(session, name, 408, "No Answer")
        case _:
            return session, []


def _path_failed(session: Session, cause: CallEndCause, moment: Moment) -> Step:
    """The audio path cannot be made. Before the answer this only waits: the answer may bring another path."""
    if session.ended:
        return session, []
    if session.phase is Phase.CONFIRMED:
        return give_up(session, cause, moment)
    return evolve(session, path_failure=cause), []
