"""The state of one INVITE session, and what goes into its machine and comes out.

    outbound   OFFERING -> CALLING -> PROCEEDING -> CONFIRMED -> TERMINATING -> CLOSED
    inbound    RINGING -> ANSWERING -> ACCEPTED -> CONFIRMED -> TERMINATING -> CLOSED

`ended` is apart from the phase: the user's call is over the moment that it is hung up, while the protocol finishes
behind it. An ended session in CALLING waits for a provisional response to CANCEL, in PROCEEDING it has sent the CANCEL,
in ACCEPTED it waits for the ACK to send its BYE.
"""

from enum import Enum, auto
from typing import Literal

from attrs import evolve, frozen

from jzrx.commands import Command, HangUp
from jzrx.errors import JambonzError
from jzrx.events import CallEnded, CallReleased
from jzrx.sip.causes import error_of
from jzrx.sip.dialog import Dialog
from jzrx.sip.drafts import Draft, in_dialog
from jzrx.sip.headers import NameAddr
from jzrx.sip.machine import (
    AnswerReceived,
    AnswerWanted,
    CancelTimer,
    MediaReleased,
    Notify,
    OfferRefused,
    OfferWanted,
    SetTimer,
    Settle,
    TimerKey,
)
from jzrx.sip.message import Request, Response
from jzrx.sip.params import quote
from jzrx.sip.redirects import Redirects
from jzrx.sip.session.parts import Early, Expiry, Making, Offered, Provisional, Tones, Unacked, Unpracked, Wish
from jzrx.sip.session.referral import Followed, Issued, Referral, TargetReached, Transferring
from jzrx.sip.status import reason_phrase
from jzrx.sip.uri import Uri
from jzrx.types import CallDirection, CallEndCause, Headers

SESSION_TIMER = "call"
"""The first part of a session's timer keys."""

BYE = "bye"
"""The tag of our BYE."""
CANCEL = "cancel"
"""The tag of our CANCELs: what they are answered changes nothing."""

USER_TIMERS = (
    *("no answer", "expires", "retry", "tone", "tone timeout", "transfer", "referral", "leave"),
    *("provisional", "no PRACK", "refresh", "session", "offer"),
)
"""The timers that end with the user's call, as those of an INFO do. Those of the protocol may outlive it: "repeat" and
"acknowledge" of a 2xx or CANCEL, and "hang up", the longest that a hang-up may take."""


class Phase(Enum):
    """How far the INVITE is."""

    OFFERING = auto()
    CALLING = auto()
    PROCEEDING = auto()
    RINGING = auto()
    ANSWERING = auto()
    ACCEPTED = auto()
    CONFIRMED = auto()
    TERMINATING = auto()
    CLOSED = auto()


@frozen(kw_only=True)
class Session:
    """One call of ours. `held` is our own hold as confirmed; `wishes` are the re-INVITEs still to be sent.

    `in_place_of`: the call whose place it takes. `refers`: the numbers of our REFERs that failed;
    `lingering`: one of them may still be reported on.
    """

    id: str
    direction: CallDirection
    phase: Phase
    call_id: str
    local: NameAddr
    remote: NameAddr
    target: Uri
    headers: Headers = ()
    ended: bool = False
    answered: bool = False
    token: int | None = None
    hangup_tokens: tuple[int, ...] = ()
    # the INVITE
    offer: str | None = None
    redirects: Redirects | None = None
    invite: Request | None = None
    invite_key: str | None = None
    dialog: Dialog | None = None
    answer: str | None = None
    branches: tuple[tuple[str, str], ...] = ()
    progress: Provisional | None = None
    # provisional responses that are reliable (RFC 3262): of the other side, and ours
    early: tuple[Early, ...] = ()
    rseq: int = 0
    unpracked: Unpracked | None = None
    unsaid: tuple[Provisional, ...] = ()
    answered_early: bool = False
    # descriptions
    ref: int = 0
    making: Making | None = None
    unacked: Unacked | None = None
    # re-INVITEs
    held: bool = False
    wishes: tuple[Wish, ...] = ()
    reoffer: Wish | None = None
    retrying: bool = False
    offered: Offered | None = None
    path_failure: CallEndCause | None = None
    # session timer
    session_expires: int | None = None
    min_se: int = 0
    raises: int = 0
    declines_timers: bool = False
    expiry: Expiry | None = None
    # INFO
    serial: int = 0
    tones: tuple[Tones, ...] = ()
    tone_tag: str | None = None
    pausing: bool = False
    infos: tuple[tuple[str, int | None], ...] = ()
    # REFER and Replaces
    transferring: Transferring | None = None
    refers: tuple[int, ...] = ()
    lingering: bool = False
    referral: Referral | None = None
    in_place_of: str | None = None
    early_tags: tuple[str, ...] = ()

    def timer(self, name: str) -> TimerKey:
        return (SESSION_TIMER, self.id, name)


# --- inputs --------------------------------------------------------------------------------------------------------


@frozen
class Asked:
    """The user asked for something."""

    command: Command
    token: int | None


@frozen
class Received:
    """A request arrived for this session, in the server transaction `key`. An ACK has no transaction of its own."""

    request: Request
    key: str


@frozen
class Cancelled:
    """A CANCEL arrived for our unanswered INVITE transaction."""

    request: Request


@frozen
class Answered:
    """A response to the request that we issued under `tag`."""

    tag: str
    response: Response


@frozen
class Unanswered:
    """The request that we issued under `tag` got no final response: 408 for a timeout, 503 for a lost flow."""

    tag: str
    code: int
    reason: str


@frozen
class Described:
    """The media made the description that we wanted under `ref`."""

    ref: int
    sdp: str


@frozen
class NotDescribed:
    """The media could not make or apply a description."""

    ref: int
    code: int
    message: str
    warning: str | None = None


@frozen
class TimerFired:
    """A timer of this session fired."""

    name: str


@frozen
class PathFailed:
    """ICE or DTLS failed."""

    reason: str


@frozen
class FlowFailed:
    """The flow is gone; what depended on it cannot finish."""


SessionInput = (
    Asked
    | Received
    | Cancelled
    | Answered
    | Unanswered
    | Described
    | NotDescribed
    | TimerFired
    | PathFailed
    | FlowFailed
    | Issued
    | Followed
    | TargetReached
)


@frozen
class Moment:
    """When a step happens, and the chance it may use (0.0 up to 1.0)."""

    at: float
    chance: float


# --- outputs beyond those of `jzrx.sip.machine` --------------------------------------------------------------------


@frozen
class Issue:
    """Send this request in a client transaction; its responses come back under `tag`."""

    tag: str
    draft: Draft


@frozen
class CancelInvite:
    """Send a CANCEL for the INVITE that was issued under `tag` (RFC 3261 section 9.1)."""

    tag: str


@frozen
class Acknowledge:
    """Send the ACK to a 2xx (RFC 3261 section 13.2.2.4): the CSeq number of its INVITE, its own branch."""

    dialog: Dialog
    number: int


@frozen
class Reply:
    """Respond in the server transaction `key`."""

    key: str
    status: int
    reason: str | None = None
    headers: Headers = ()
    body: bytes = b""
    content_type: str | None = None


@frozen
class EndCall:
    """Hang up another call of ours: the consultation, once its party has been connected to somebody else."""

    call: str


@frozen
class Repeat:
    """Send the last response in the server transaction `key` again."""

    key: str


SessionOutput = (
    Issue
    | CancelInvite
    | Acknowledge
    | Reply
    | EndCall
    | Repeat
    | SetTimer
    | CancelTimer
    | Notify
    | Settle
    | OfferWanted
    | AnswerWanted
    | AnswerReceived
    | OfferRefused
    | MediaReleased
)

Step = tuple[Session, list[SessionOutput]]


# --- what several parts of the machine do --------------------------------------------------------------------------


def settle(token: int | None, error: JambonzError | None = None) -> list[SessionOutput]:
    return [] if token is None else [Settle(token, None, error)]


def want(
    session: Session,
    purpose: Literal["invite", "progress", "answer", "reoffer", "reanswer"],
    offer: str | None,
    held: bool,
    *,
    restart: bool = False,
) -> Step:
    """Ask the media for an answer to `offer`, or for an offer when there is none; `restart`: with new ICE."""
    ref = session.ref + 1
    session = evolve(session, ref=ref, making=Making(purpose, ref))
    if offer is None:
        return session, [OfferWanted(session.id, ref, held, restart)]
    return session, [AnswerWanted(session.id, ref, offer, held)]


def apply_answer(session: Session, answer: str, *, provisional: bool = False) -> Step:
    """Hand the other side's answer to the media."""
    ref = session.ref + 1
    return evolve(session, ref=ref), [AnswerReceived(session.id, ref, answer, provisional)]


def end(session: Session, cause: CallEndCause, moment: Moment, headers: Headers = ()) -> Step:
    """The call is over for the user: the two events, the media, and every action that still waits.

    The protocol may go on; the caller of this sets the phase. An ended call does not end again.
    """
    if session.ended:
        return session, []
    what = "the call ended" if session.answered else f"the call with {session.remote.uri} failed"
    error = error_of(cause, what)
    back_to = None if session.answered else session.in_place_of
    released = CallReleased(
        at=moment.at, call_id=session.id, cause=cause, was_answered=session.answered, back_to=back_to
    )
    outputs: list[SessionOutput] = [
        Notify(CallEnded(at=moment.at, call_id=session.id, cause=cause, headers=headers)),
        Notify(released),
        MediaReleased(session.id),
        *(CancelTimer(session.timer(name)) for name in USER_TIMERS),
        *(CancelTimer(session.timer(tag)) for tag, _ in session.infos),
    ]
    waiting = [session.token, *(wish.token for wish in session.wishes), *(tones.token for tones in session.tones)]
    waiting += [session.reoffer.token] if session.reoffer else []
    waiting += [token for _, token in session.infos]
    waiting += [session.transferring.token] if session.transferring else []
    for token in waiting:
        outputs += settle(token, error)
    session = evolve(session, ended=True, token=None, making=None, wishes=(), reoffer=None, transferring=None)
    if session.referral is not None and session.referral.key is not None:
        outputs.append(Reply(session.referral.key, 487))
    session = evolve(session, tones=(), tone_tag=None, infos=(), referral=None)
    return session, outputs


def own_cause(command: HangUp) -> CallEndCause | None:
    """The cause that the command names, if it does."""
    if command.cause_code is None:
        return None
    reason = command.cause_reason or reason_phrase(command.cause_code)
    return CallEndCause(command.cause_code, reason, "system" if command.by_system else "local")


def bye(session: Session, headers: Headers = ()) -> Step:
    """Send our BYE (section 15.1.1). An offer of the other side that we have not answered gets 487 first; one whose
    ACK is still to come does not matter any more."""
    outputs: list[SessionOutput] = [CancelTimer(session.timer("repeat")), CancelTimer(session.timer("acknowledge"))]
    if session.offered is not None:
        outputs.append(Reply(session.offered.key, 487))
    if session.dialog is not None:
        outputs.append(Issue(BYE, in_dialog(session.dialog, "BYE", headers=headers)))
    return evolve(session, phase=Phase.TERMINATING, offered=None, unacked=None), outputs


def give_up(session: Session, cause: CallEndCause, moment: Moment) -> Step:
    """End the call though nobody hung up: by a BYE that says why (RFC 3326)."""
    session, outputs = end(session, cause, moment)
    session, ending = bye(session, (("Reason", f"SIP;cause={cause.code};text={quote(cause.reason)}"),))
    return session, outputs + ending


def finish(session: Session, cause: CallEndCause, moment: Moment, headers: Headers = ()) -> Step:
    """The call is over for the user and for the protocol."""
    session, outputs = end(session, cause, moment, headers)
    session, closing = close(session)
    return session, outputs + closing


def close(session: Session) -> Step:
    """The protocol has finished; whoever awaits the hang-up is told."""
    outputs: list[SessionOutput] = [CancelTimer(session.timer("repeat")), CancelTimer(session.timer("acknowledge"))]
    if session.offered is not None:
        outputs.append(Reply(session.offered.key, 487))
    session, told = tell_hung_up(session)
    return evolve(session, phase=Phase.CLOSED, unacked=None, offered=None), outputs + told


def tell_hung_up(session: Session) -> Step:
    """Whoever awaits the hang-up is told, and need not wait any longer."""
    outputs: list[SessionOutput] = [CancelTimer(session.timer("hang up"))]
    for token in session.hangup_tokens:
        outputs += settle(token)
    return evolve(session, hangup_tokens=()), outputs
