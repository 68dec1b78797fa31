"""Transfer of a call by the other side (RFC 3515, RFC 5589): REFER arrives, and we tell how the new call fares.

- Whoever owns the agent decides (`TransferRequested`): the new call is dialled in the place of this one, or it is
  refused. What is not decided at once is accepted as pending, since a REFER must not wait for a person.
- NOTIFY tells 100, each 18x, and the outcome, which ends the subscription. `Refer-Sub: false` (RFC 4488): none.
- After a success the other side ends this call, or else we do. A failure leaves it as it was.
- The new call is a call of its own: it goes on when this one ends meanwhile.
"""

from attrs import evolve

from jzrx.commands import RefuseTransfer, SendNotify
from jzrx.events import CallAnswered, CallEnded, CallProgressed, TransferRequested
from jzrx.sip.causes import NORMAL_CLEARING, headers_of
from jzrx.sip.dialog import Dialog
from jzrx.sip.drafts import in_dialog
from jzrx.sip.headers import NameAddr
from jzrx.sip.machine import CancelTimer, Notify, SetTimer
from jzrx.sip.message import Request
from jzrx.sip.session.referral import Followed, Referral, TargetReached
from jzrx.sip.session.state import Issue, Moment, Phase, Reply, Session, SessionOutput, Step, bye, end, settle
from jzrx.sip.status import reason_phrase

NOTIFY = "notify"
"""The tag of our NOTIFYs."""
SIPFRAG = "message/sipfrag"
"""Without its parameter: the version is 2.0 unless it says otherwise (RFC 3420), and jambonz takes no other text."""
PROMPT = 2.0
"""Seconds that a REFER waits for a decision before it is accepted as pending."""
LASTING = 180
"""Seconds that a subscription lasts, and a decision may take."""
LEAVING = 2.0
"""Seconds after our last NOTIFY in which the other side, whose call was transferred, may send its BYE."""


def refer(session: Session, request: Request, key: str, moment: Moment) -> Step:
    """REFER arrived in the dialog."""
    targets = request.headers.get_all("Refer-To")
    if len(targets) != 1:
        return session, [Reply(key, 400, "One Refer-To is wanted")]
    try:
        uri = NameAddr.parse(targets[0]).uri
        asked = {name.lower(): value for name, value in uri.headers}
    except ValueError:
        return session, [Reply(key, 400, "No address in Refer-To")]
    if uri.scheme not in ("sip", "sips", "tel"):
        return session, [Reply(key, 416)]
    if uri.opaque is None and (uri.params.get("method") or "INVITE") != "INVITE":
        return session, [Reply(key, 603, "Only INVITE can be referred to")]
    if session.phase is not Phase.CONFIRMED or session.referral is not None:
        return session, [Reply(key, 491)]  # no call yet, or one transfer after the other
    silent = (request.headers.get("Refer-Sub") or "").strip().lower() == "false"
    target = uri if uri.opaque is not None else uri.replace(params=uri.params.without("method"), headers=())
    event = TransferRequested(
        at=moment.at,
        call_id=session.id,
        target=str(target),
        referred_by=request.headers.get("Referred-By"),
        replaces=asked.get("replaces"),
        headers=headers_of(request),
    )
    session = evolve(session, referral=Referral(request.cseq.number, key, silent))
    return session, [SetTimer(session.timer("referral"), PROMPT), Notify(event)]


def follow(session: Session, given: Followed) -> Step:
    """The new call is about to be made."""
    referral = session.referral
    if referral is None:
        return session, []
    outputs = [CancelTimer(session.timer("referral")), *_accept(referral)]
    session = evolve(session, referral=evolve(referral, key=None, call=given.call))
    session, told = _tell(session, 100, reason_phrase(100))
    return session, outputs + told


def refuse(session: Session, command: RefuseTransfer, token: int | None) -> Step:
    """The transfer is not wanted, if it still waits; the call goes on."""
    referral = session.referral
    if referral is None or referral.call is not None:
        return session, settle(token)
    reason = command.reason or reason_phrase(command.code)
    outputs: list[SessionOutput] = [CancelTimer(session.timer("referral"))]
    if referral.key is not None:
        outputs.append(Reply(referral.key, command.code, command.reason))
    else:
        session, told = _tell(session, command.code, reason, final=True)
        outputs += told
    return evolve(session, referral=None), outputs + settle(token)


def undecided(session: Session) -> Step:
    """Nobody has decided yet: a person may take longer than a transaction lasts (section 2.4.2)."""
    referral = session.referral
    if referral is None or referral.call is not None:
        return session, []
    if referral.key is None:
        return refuse(session, RefuseTransfer(call_id=session.id), None)
    session = evolve(session, referral=evolve(referral, key=None))
    session, told = _tell(session, 100, reason_phrase(100), state="pending")
    return session, [*_accept(referral), *told, SetTimer(session.timer("referral"), LASTING)]


def target_reached(session: Session, given: TargetReached) -> Step:
    """The new call rings, is answered or has failed."""
    referral = session.referral
    if referral is None or referral.call != given.call or (given.code == referral.told and not given.final):
        return session, []
    session, outputs = _tell(session, given.code, given.reason, final=given.final)
    if not given.final:
        return session, outputs
    session = evolve(session, referral=None)
    if given.code < 300:
        outputs.append(SetTimer(session.timer("leave"), LEAVING))
    return session, outputs


def leave(session: Session, moment: Moment) -> Step:
    """The other side, whose part in the call is over, has not hung up: we do."""
    session, outputs = end(session, NORMAL_CLEARING, moment)
    session, ending = bye(session)
    return session, outputs + ending


def notify(session: Session, command: SendNotify, token: int | None) -> Step:
    """A server, which has carried out the other side's REFER itself, reports."""
    if session.dialog is None:
        return session, []
    state = _TERMINATED if command.final else f"active;expires={LASTING}"
    report = _report(session.dialog, command.refer, command.code, command.reason, state)
    return session, [report, *settle(token)]


def reached(event: CallProgressed | CallAnswered | CallEnded) -> TargetReached:
    """What an event of the new call tells the one in whose place it comes."""
    match event:
        case CallProgressed(call_id=call, code=code, reason=reason):
            return TargetReached(call, code, reason, final=False)
        case CallAnswered(call_id=call):
            return TargetReached(call, 200, reason_phrase(200), final=True)
        case CallEnded(call_id=call, cause=cause):
            # A call that was never answered may still have ended by a BYE, which says 200.
            code, reason = (cause.code, cause.reason) if cause.code >= 300 else (487, reason_phrase(487))
            return TargetReached(call, code, reason, final=True)


_TERMINATED = "terminated;reason=noresource"


def _accept(referral: Referral) -> list[SessionOutput]:
    if referral.key is None:
        return []  # it was accepted before the decision
    # "Refer-Sub: false" in the 2xx says that there will be no NOTIFY (RFC 4488 section 4).
    return [Reply(referral.key, 202, headers=(("Refer-Sub", "false"),) if referral.silent else ())]


def _tell(session: Session, code: int, reason: str, *, final: bool = False, state: str = "active") -> Step:
    referral = session.referral
    if referral is None or session.dialog is None:
        return session, []
    outputs: list[SessionOutput] = []
    if not referral.silent:
        state = _TERMINATED if final else f"{state};expires={LASTING}"
        outputs.append(_report(session.dialog, referral.number, code, reason, state))
    return evolve(session, referral=evolve(referral, told=code)), outputs


def _report(dialog: Dialog, number: int | None, code: int, reason: str, state: str) -> Issue:
    """The NOTIFY. What it is answered changes nothing: not even a 481 ends the call."""
    # The id must be there for the second and later REFERs of a dialog, and may be for the first (section 2.4.6).
    event = "refer" if number is None else f"refer;id={number}"
    headers = (("Event", event), ("Subscription-State", state))
    body = f"SIP/2.0 {code} {reason}\r\n".encode()
    return Issue(NOTIFY, in_dialog(dialog, "NOTIFY", headers=headers, body=body, content_type=SIPFRAG))
