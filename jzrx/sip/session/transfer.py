"""Transfer of a call by us (RFC 3515, RFC 5589): REFER, and how its outcome becomes known. By the other side it is
`referred.py`.

- It has succeeded at the first of: a NOTIFY whose sipfrag is a 2xx; a BYE of the other side after the 2xx to REFER;
  5 s after that 2xx when no NOTIFY came at all (jambonz sends none), and then it is flagged as unconfirmed.
- It has failed at a response or sipfrag of 300 or more, at a subscription that ends without a final sipfrag, without
  any response in 64*T1, and when 180 s bring no outcome.
- A success ends the call, and with it the consultation call of an attended transfer. A failure leaves all as it was.
- A NOTIFY of an earlier transfer, which names its REFER (`Event: refer;id=`), decides nothing. One that names none is
  taken for one of those, while they may still be reported on.
"""

from attrs import evolve

from jzrx.commands import Transfer
from jzrx.errors import CallError
from jzrx.events import TransferFailed, Transferred
from jzrx.sip.causes import NORMAL_CLEARING, transfer_error, words_of
from jzrx.sip.drafts import in_dialog
from jzrx.sip.machine import CancelTimer, Notify, SetTimer
from jzrx.sip.message import Request, Response
from jzrx.sip.multipart import find_part
from jzrx.sip.params import Params
from jzrx.sip.session.referral import Issued, Transferring
from jzrx.sip.session.referred import SIPFRAG
from jzrx.sip.session.state import (
    EndCall,
    Issue,
    Moment,
    Reply,
    Session,
    SessionOutput,
    Step,
    bye,
    end,
    settle,
)
from jzrx.sip.status import reason_phrase

REFER = "refer"
"""How the tags of our REFERs begin; each has its own, so that a late answer to an earlier one decides nothing."""
UNHEARD = 5.0
"""Seconds after the 2xx to REFER in which a first NOTIFY may come."""
UNDECIDED = 180.0
"""Seconds that the outcome may take once a NOTIFY came."""


def refer(session: Session, command: Transfer, token: int | None) -> Step:
    """The user transfers the call. A REFER has exactly one Refer-To (RFC 3515 section 2.4.1); jambonz wants a
    Referred-By (RFC 3892), too."""
    if session.dialog is None or session.transferring is not None:
        return session, settle(token, CallError("a transfer of this call is under way already; await its end"))
    headers = (
        ("Refer-To", command.refer_to),
        ("Referred-By", f"<{session.local.uri}>"),
        *command.headers,
    )
    tag = f"{REFER} {session.serial}"
    transferring = Transferring(tag, token, command.consultation)
    return evolve(session, serial=session.serial + 1, transferring=transferring), [
        Issue(tag, in_dialog(session.dialog, "REFER", headers=headers))
    ]


def issued(session: Session, given: Issued) -> Step:
    """Our REFER has its number."""
    transferring = session.transferring
    if transferring is None or transferring.tag != given.tag:
        return session, []
    return evolve(session, transferring=evolve(transferring, number=given.number)), []


def answered(session: Session, tag: str, response: Response, moment: Moment) -> Step:
    """A response to a REFER of ours. Any 2xx will do; a NOTIFY may have come before it."""
    status = response.status_code
    transferring = session.transferring
    if status < 200 or transferring is None or transferring.tag != tag:
        return session, []
    if status >= 300:
        words = words_of(response) or response.reason or reason_phrase(status)
        return failed(session, status, words, moment, reported=True)
    session = evolve(session, transferring=evolve(transferring, accepted=True))
    patience = UNDECIDED if transferring.heard else UNHEARD
    return session, [SetTimer(session.timer("transfer"), patience)]


def notified(session: Session, request: Request, key: str, moment: Moment) -> Step:
    """A NOTIFY of the subscription that our REFER made (RFC 3515 section 2.4.4)."""
    event, number = _subscription_of(request)
    if session.transferring is None or event != "refer" or number in session.refers:
        return session, [Reply(key, 481)]  # no such subscription (RFC 6665 section 4.1.3)
    outputs: list[SessionOutput] = [Reply(key, 200)]
    status, reason = fragment_of(request)
    state = (request.headers.get("Subscription-State") or "").partition(";")[0].strip().lower()
    session = evolve(session, transferring=evolve(session.transferring, heard=True))
    if number is None and session.lingering:
        # Without an id it is of the first REFER (RFC 3515 section 2.4.6), if the other side keeps to that. So silence
        # is no success any more, and this is no failure.
        decide: Step = session, [SetTimer(session.timer("transfer"), UNDECIDED)]
    elif status >= 200:
        over = state == "terminated"
        decide = succeeded(session, moment) if status < 300 else failed(session, status, reason, moment, reported=over)
    elif state == "terminated":
        decide = failed(session, 408, "The other side stopped reporting", moment, reported=True)
    else:
        decide = session, [SetTimer(session.timer("transfer"), UNDECIDED)]
    session, more = decide
    return session, outputs + more


def _subscription_of(request: Request) -> tuple[str, int | None]:
    """The event package of a NOTIFY, and the number of the REFER that it names."""
    package, _, rest = (request.headers.get("Event") or "").partition(";")
    try:
        number = Params.parse(f";{rest}").get("id") if rest else None
    except ValueError:
        number = None
    is_number = number is not None and number.isascii() and number.isdigit() and len(number) <= 10
    return package.strip().lower(), int(number) if number is not None and is_number else None


def fragment_of(request: Request) -> tuple[int, str]:
    """The status and phrase in a sipfrag (RFC 3420); 100 when there is none to be read."""
    part = find_part(request, SIPFRAG)
    line = "" if part is None else part.body.decode("utf-8", "replace").partition("\r\n")[0].partition("\n")[0]
    version, _, rest = line.strip().partition(" ")
    code, _, phrase = rest.partition(" ")
    if version.upper() != "SIP/2.0" or not (len(code) == 3 and code.isascii() and code.isdigit()):
        return 100, ""
    return int(code), phrase or reason_phrase(int(code))


def unanswered(session: Session, tag: str, code: int, reason: str, moment: Moment) -> Step:
    """A REFER of ours got no answer."""
    if session.transferring is None or session.transferring.tag != tag:
        return session, []
    return failed(session, code, reason, moment)


def timed_out(session: Session, moment: Moment) -> Step:
    """No NOTIFY at all counts as a success that nobody confirmed; one without an outcome does not."""
    if session.transferring is None:
        return session, []
    if session.transferring.heard:
        return failed(session, 408, "The outcome of the transfer is not known", moment)
    return succeeded(session, moment, confirmed=False)


def succeeded(session: Session, moment: Moment, *, confirmed: bool = True) -> Step:
    """The call is somebody else's now: we leave it."""
    session, outputs = reported(session, moment, confirmed=confirmed)
    session, ending = end(session, NORMAL_CLEARING, moment)
    session, leaving = bye(session)
    return session, outputs + ending + leaving


def reported(session: Session, moment: Moment, *, confirmed: bool = True) -> Step:
    """Say that the transfer succeeded, and end the consultation; the call itself is for the caller of this to end."""
    transferring = session.transferring
    if transferring is None or session.ended:
        return session, []
    outputs: list[SessionOutput] = [
        CancelTimer(session.timer("transfer")),
        Notify(Transferred(at=moment.at, call_id=session.id, confirmed=confirmed)),
        *settle(transferring.token),
    ]
    if transferring.consultation is not None:
        outputs.append(EndCall(transferring.consultation))
    return evolve(session, transferring=None), outputs


def flow_failed(session: Session) -> Step:
    """The flow is gone, and a NOTIFY or BYE may have gone with it: silence is no success any more."""
    transferring = session.transferring
    if transferring is None or not transferring.accepted or transferring.heard:
        return session, []
    session = evolve(session, transferring=evolve(transferring, heard=True))
    return session, [SetTimer(session.timer("transfer"), UNDECIDED)]


def failed(session: Session, code: int, reason: str, moment: Moment, *, reported: bool = False) -> Step:
    """The transfer did not come about; the call is as it was. `reported`: no NOTIFY can follow."""
    transferring = session.transferring
    if transferring is None:
        return session, []
    error = transfer_error(code, reason)
    refers, lingering = (*session.refers, transferring.number), session.lingering or not reported
    return evolve(session, transferring=None, refers=refers, lingering=lingering), [
        CancelTimer(session.timer("transfer")),
        Notify(TransferFailed(at=moment.at, call_id=session.id, code=code, reason=reason)),
        *settle(transferring.token, error),
    ]
