"""The callee's half of a session: an INVITE of the other side until its ACK (RFC 3261 section 13.3).

- It rings at once; the answer's SDP is made when the user answers, or earlier for early media, and then kept.
- The 2xx waits for the PRACK of a reliable response that carried the answer, and for the answer to an offer that came
  meanwhile.
- The call is up at the ACK. The 2xx is repeated until then; without an ACK in 64*T1 the call ends by BYE.
- A hang-up after our 2xx shows at once; its BYE waits for the ACK, or for the end of that time (section 15).
"""

from attrs import evolve

from jzrx.commands import Answer, HangUp, SendProgress
from jzrx.events import AnswerStarted, CallReceived
from jzrx.sip.bodies import sdp_of
from jzrx.sip.causes import cause_of_bye, cause_of_cancel, headers_of
from jzrx.sip.dialog import strip_parameters
from jzrx.sip.machine import CancelTimer, Notify, SetTimer
from jzrx.sip.message import Request
from jzrx.sip.session import reliable, reoffer, update
from jzrx.sip.session.parts import Provisional
from jzrx.sip.session.state import (
    EndCall,
    Moment,
    Phase,
    Reply,
    Session,
    SessionOutput,
    Step,
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


def ring(session: Session, request: Request, moment: Moment, *, say_so: bool) -> Step:
    """An INVITE arrived. `say_so`: tell the caller by a 180."""
    party = request.from_
    outputs: list[SessionOutput] = [
        Notify(
            CallReceived(
                at=moment.at,
                call_id=session.id,
                remote_uri=strip_parameters(party),
                remote_display_name=party.display_name or None,
                headers=headers_of(request),
                in_place_of=session.in_place_of,
            )
        )
    ]
    if say_so:
        session, said = reliable.say(session, Provisional(180), moment)
        outputs += said
    if request.expires:
        # "If the request is an INVITE that contains an Expires header field, the UAS core sets a timer for the number
        # of seconds indicated in the header field value. [...] If the invitation expires before the UAS has generated
        # a final response, a 487 (Request Terminated) response SHOULD be generated" (section 13.3.1).
        outputs.append(SetTimer(session.timer("expires"), float(request.expires)))
    return session, outputs


def progress(session: Session, command: SendProgress, moment: Moment) -> Step:
    """Tell the caller how far its call is, with early media if that is wanted and an offer is there."""
    offer = _offer(session)
    provisional = Provisional(command.code, command.headers)
    if not command.with_media or offer is None or session.answered_early:
        return reliable.say(session, provisional, moment)
    if session.answer is not None:
        return reliable.say(session, evolve(provisional, sdp=session.answer), moment)
    session = evolve(session, progress=provisional)
    return (session, []) if session.making else want(session, "progress", offer, held=False)


def answer(session: Session, command: Answer, token: int | None, moment: Moment) -> Step:
    """The user answers."""
    session = evolve(session, phase=Phase.ANSWERING, token=token, headers=command.headers, held=command.held)
    outputs: list[SessionOutput] = [
        CancelTimer(session.timer("expires")),
        Notify(AnswerStarted(at=moment.at, call_id=session.id)),
    ]
    if session.answer is None and session.making is None:
        session, more = want(session, "answer", _offer(session), session.held)
    else:
        session, more = go_on(session, moment)  # the description for early media serves for the answer too
    return session, outputs + more


def go_on(session: Session, moment: Moment) -> Step:
    """Send the 2xx, if the user has answered and nothing has to come before it."""
    held_back = session.unpracked is not None and session.unpracked.holds_back
    if session.phase is not Phase.ANSWERING or session.making is not None or session.answer is None or held_back:
        return session, []
    if session.invite is None or session.invite_key is None:
        return session, []
    invite, key = session.invite, session.invite_key
    session, outputs = reliable.stop(session)
    sdp = None if session.answered_early else session.answer
    session, accepted = reoffer.accept(session, key, invite, sdp, moment, session.headers)
    return evolve(session, phase=Phase.ACCEPTED), outputs + accepted


def pracked(session: Session, request: Request, key: str, moment: Moment) -> Step:
    """A PRACK. "If a PRACK request is received by the UA core that does not match any unacknowledged reliable
    provisional response, the UAS MUST respond to the PRACK with a 481 response" (RFC 3262 section 3)."""
    if not reliable.is_acknowledged_by(session, request):
        return session, [Reply(key, 481)]
    session, outputs = reliable.acknowledged(session, moment)
    session, taken = update.received(session, request, key, moment)
    session, more = go_on(session, moment)
    return session, [*taken, *outputs, *more]


def never_pracked(session: Session, moment: Moment) -> Step:
    """ "If a reliable provisional response is retransmitted for 64*T1 seconds without reception of a corresponding
    PRACK, the UAS SHOULD reject the original request with a 5xx response" (RFC 3262 section 3)."""
    return _refuse(session, CallEndCause(504, "No PRACK arrived", "system"), 504, (), moment)


def described(session: Session, sdp: str, moment: Moment) -> Step:
    """Our description is there: the early media's, or the answer. A caller that was to hear of its progress hears of
    it also when the answer follows at once."""
    session = evolve(session, making=None, answer=sdp)
    outputs: list[SessionOutput] = []
    if session.progress is not None:
        session, outputs = reliable.say(evolve(session, progress=None), evolve(session.progress, sdp=sdp), moment)
    session, more = go_on(session, moment)
    return session, outputs + more


def not_described(session: Session, code: int, message: str, warning: str | None, moment: Moment) -> Step:
    """The offer cannot be answered."""
    return _refuse(session, CallEndCause(code, message, "system"), code, reoffer.warning_headers(warning), moment)


def hang_up(session: Session, command: HangUp, moment: Moment) -> Step:
    """The user declines, or hangs up while the call is being answered."""
    if session.phase is Phase.ACCEPTED:
        # "The callee's UA MUST NOT send a BYE on a confirmed dialog until it has received an ACK for its 2xx response
        # or until the server transaction times out" (section 15).
        return end(session, own_cause(command) or CallEndCause(487, reason_phrase(487), "local"), moment)
    reason = command.reason or reason_phrase(command.code)
    cause = own_cause(command) or CallEndCause(command.code, reason, "local")
    return _refuse(session, cause, command.code, command.headers, moment, command.reason)


def expired(session: Session, moment: Moment) -> Step:
    """The invitation's own time is over."""
    return _refuse(session, CallEndCause(487, "The invitation expired", "system"), 487, (), moment)


def cancelled(session: Session, request: Request, moment: Moment) -> Step:
    """The caller gave up (section 9.2). After our 2xx a CANCEL has no effect."""
    if session.phase not in (Phase.RINGING, Phase.ANSWERING):
        return session, []
    return _refuse(session, cause_of_cancel(request), 487, (), moment)


def ended_early(session: Session, request: Request, key: str, moment: Moment) -> Step:
    """The caller sends BYE on the early dialog (section 15): its INVITE gets 487."""
    session, outputs = _refuse(session, cause_of_bye(request), 487, (), moment)
    return session, [Reply(key, 200), *outputs]


def flow_failed(session: Session, moment: Moment) -> Step:
    """A response goes back over the connection of its request (section 18.2.2), and that is gone: a call that rings is
    lost. One that is up lives on; only a re-INVITE that was under way is forgotten."""
    if session.phase in (Phase.RINGING, Phase.ANSWERING):
        return finish(session, CallEndCause(503, "The connection was lost", "system"), moment)
    if session.phase is not Phase.CONFIRMED or (session.offered is None and session.unacked is None):
        return session, []
    making = None if session.making and session.making.purpose == "reanswer" else session.making
    timers: list[SessionOutput] = [CancelTimer(session.timer("repeat")), CancelTimer(session.timer("acknowledge"))]
    session, more = reoffer.begin_next(evolve(session, offered=None, unacked=None, making=making))
    return session, timers + more


def acknowledged(session: Session, request: Request, moment: Moment) -> Step:
    """The ACK: the call is up, or ends now if it was hung up in between."""
    if session.unacked is None or request.cseq.number != session.unacked.number:
        return session, []
    missing = session.unacked.offered and sdp_of(request) is None
    session, outputs = reoffer.acknowledged(session, request)
    if session.ended:
        session, ending = bye(session)
        return session, outputs + ending
    if missing or session.path_failure is not None:
        missed = CallEndCause(488, "The ACK has no session description", "system")
        session, failed = give_up(session, session.path_failure or missed, moment)
        return session, outputs + failed
    outputs += reoffer.up(session, headers_of(request), moment)
    if session.in_place_of is not None:
        # "Otherwise, it accepts the new INVITE by sending a 200-class response, and shuts down the replaced dialog by
        # sending a BYE", or a CANCEL (RFC 3891 section 3). Now, so that a new call that fails costs nothing.
        outputs.append(EndCall(session.in_place_of))
    outputs += settle(session.token)
    session, more = reoffer.begin_next(evolve(session, phase=Phase.CONFIRMED, answered=True, token=None))
    return session, outputs + more


def _refuse(
    session: Session,
    cause: CallEndCause,
    status: int,
    headers: tuple[tuple[str, str], ...],
    moment: Moment,
    reason: str | None = None,
) -> Step:
    refusal = Reply(session.invite_key or "", status, reason, headers)
    session, outputs = finish(session, cause, moment)
    return session, [refusal, *outputs]


def _offer(session: Session) -> str | None:
    return None if session.invite is None else sdp_of(session.invite)
