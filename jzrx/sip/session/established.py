"""What happens inside a confirmed dialog, but re-INVITE: BYE, INFO and DTMF by INFO, MESSAGE, OPTIONS.

A 481 to any of our requests ends the call. No answer, or a 408, fails only the action: jambonz leaves some requests
unanswered, and a key press must not cost the call (against RFC 3261 section 12.2.1.2, on purpose).
"""

from attrs import evolve

from jzrx.advice import hint
from jzrx.commands import HangUp, SendDtmfInfo, SendInfo
from jzrx.errors import CallError
from jzrx.events import DtmfReceived, DtmfSent, InfoReceived, MessageReceived
from jzrx.sip.bodies import text_of
from jzrx.sip.causes import (
    NORMAL_CLEARING,
    cause_of_bye,
    cause_of_response,
    headers_of,
    words_of,
)
from jzrx.sip.dialog import strip_parameters
from jzrx.sip.drafts import in_dialog
from jzrx.sip.machine import CancelTimer, Notify, SetTimer, Settle
from jzrx.sip.message import Request, Response
from jzrx.sip.session.parts import Tones
from jzrx.sip.session.state import (
    Issue,
    Moment,
    Phase,
    Reply,
    Session,
    SessionOutput,
    Step,
    bye,
    end,
    finish,
    own_cause,
    settle,
)
from jzrx.sip.session.transfer import reported
from jzrx.sip.status import reason_phrase

DTMF_RELAY = "application/dtmf-relay"
INFO_PATIENCE = 5.0
"""Seconds that an INFO may stay unanswered."""
PAUSE = 2.0
"""Seconds that a `,` among the tones takes."""


# --- the end -------------------------------------------------------------------------------------------------------


def hang_up(session: Session, command: HangUp, moment: Moment) -> Step:
    """The user hangs up: the call ends now, the BYE follows."""
    session, outputs = end(session, own_cause(command) or NORMAL_CLEARING, moment)
    session, ending = bye(session, command.headers)
    return session, outputs + ending


def ended(session: Session, request: Request, key: str, moment: Moment) -> Step:
    """The other side's BYE. What waits for an answer in this dialog still gets one, best a 487 (section 15.1.2)."""
    outputs: list[SessionOutput] = [Reply(key, 200)]
    if session.offered is not None:
        outputs.append(Reply(session.offered.key, 487))
    session = evolve(session, offered=None)
    if session.transferring is not None and session.transferring.accepted:
        session, told = reported(session, moment)  # the other side has left us for whom we named
        outputs += told
    session, ending = end(session, cause_of_bye(request), moment, headers_of(request))
    if session.phase is Phase.TERMINATING:
        return session, outputs + ending  # our own BYE is on its way, and is going to be answered
    session, closing = finish(session, cause_of_bye(request), moment)
    return session, outputs + ending + closing


# --- requests of the other side ------------------------------------------------------------------------------------


def requested(session: Session, request: Request, key: str, moment: Moment) -> Step:
    """INFO, MESSAGE or OPTIONS; the agent has refused every other method before."""
    match request.method:
        case "INFO":
            return session, _informed(session, request, key, moment)
        case "MESSAGE":
            event = MessageReceived(
                at=moment.at,
                from_=strip_parameters(request.from_),
                body=text_of(request),
                content_type=request.content_type or "text/plain",
                headers=headers_of(request),
            )
            return session, [Reply(key, 200), Notify(event)]
        case "OPTIONS":
            return session, [Reply(key, 200)]
        case _:
            return session, [Reply(key, 501)]


def _informed(session: Session, request: Request, key: str, moment: Moment) -> list[SessionOutput]:
    kind = request.content_type or ""
    if request.headers.get("Info-Package") is not None:
        # "If a UA receives an INFO request associated with an Info Package that the UA has not indicated willingness to
        # receive, the UA MUST send a 469 (Bad Info Package) response", with Recv-Info (RFC 6086 section 4.2.2).
        return [Reply(key, 469, headers=(("Recv-Info", ""),))]
    if kind in (DTMF_RELAY, "application/dtmf"):
        tone = tone_of(request.body)
        if tone is None:
            return [Reply(key, 400, "No Signal in the body")]
        return [
            Reply(key, 200),
            Notify(DtmfReceived(at=moment.at, call_id=session.id, tone=tone, method="info")),
        ]
    event = InfoReceived(
        at=moment.at, call_id=session.id, content_type=kind, body=request.body, headers=headers_of(request)
    )
    return [Reply(key, 200), Notify(event)]


def tone_of(body: bytes) -> str | None:
    """The tone in a body of `application/dtmf-relay` ("Signal=5") or `application/dtmf` ("5")."""
    text = body.decode("ascii", "replace")
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip().lower() == "signal":
            text = value
            break
    tone = text.strip().upper()
    return tone if len(tone) == 1 and tone in "0123456789*#ABCD" else None


# --- our INFO ------------------------------------------------------------------------------------------------------


def send_info(session: Session, command: SendInfo, token: int | None) -> Step:
    """Send an INFO of the user's."""
    if session.dialog is None:
        return session, []
    tag = f"info {session.serial}"
    draft = in_dialog(
        session.dialog, "INFO", headers=command.headers, body=command.body, content_type=command.content_type
    )
    session = evolve(session, serial=session.serial + 1, infos=(*session.infos, (tag, token)))
    return session, [Issue(tag, draft), SetTimer(session.timer(tag), INFO_PATIENCE)]


def send_tones(session: Session, command: SendDtmfInfo, token: int | None) -> Step:
    """Queue DTMF tones."""
    tones = Tones(command.tones.upper(), command.duration_ms / 1000, command.gap_ms / 1000, token)
    return next_tone(evolve(session, tones=(*session.tones, tones)))


def next_tone(session: Session) -> Step:
    """Send the next tone, unless one is under way."""
    if session.tone_tag is not None or session.pausing or session.dialog is None:
        return session, []
    outputs: list[SessionOutput] = []
    while session.tones and not session.tones[0].tones:
        outputs += settle(session.tones[0].token)
        session = evolve(session, tones=session.tones[1:])
    if not session.tones:
        return session, outputs
    job = session.tones[0]
    tone, rest = job.tones[0], job.tones[1:]
    session = evolve(session, tones=(evolve(job, tones=rest), *session.tones[1:]))
    if tone == ",":
        outputs.append(SetTimer(session.timer("tone"), PAUSE))
        return evolve(session, pausing=True), outputs
    tag = f"tone {tone} {session.serial}"
    body = f"Signal={tone}\r\nDuration={round(job.duration * 1000)}\r\n".encode()
    draft = in_dialog(session.dialog, "INFO", body=body, content_type=DTMF_RELAY) if session.dialog else None
    session = evolve(session, serial=session.serial + 1, tone_tag=tag)
    if draft is not None:
        outputs += [Issue(tag, draft), SetTimer(session.timer("tone timeout"), INFO_PATIENCE)]
    return session, outputs


def pause_over(session: Session) -> Step:
    """The time of a tone and its gap, or of a `,`, is over."""
    return next_tone(evolve(session, pausing=False))


def _tone_sent(session: Session, tag: str, moment: Moment) -> Step:
    job = session.tones[0]
    event = DtmfSent(at=moment.at, call_id=session.id, tone=tag.split(" ")[1], method="info")
    outputs: list[SessionOutput] = [
        CancelTimer(session.timer("tone timeout")),
        Notify(event),
        SetTimer(session.timer("tone"), job.duration + job.gap),
    ]
    if not job.tones:
        outputs += settle(job.token)
        job = evolve(job, token=None)
    return evolve(session, tone_tag=None, pausing=True, tones=(job, *session.tones[1:])), outputs


def tone_failed(session: Session, code: int, reason: str) -> Step:
    """A tone was refused or not answered: the rest of its sequence is not sent, the next sequence is."""
    if not session.tones:
        return session, []
    job, *rest = session.tones
    error = CallError(f"DTMF was not accepted: {code} {reason}{hint('tones', code, reason)}", code, reason)
    outputs: list[SessionOutput] = [CancelTimer(session.timer("tone timeout")), *settle(job.token, error)]
    session, more = next_tone(evolve(session, tone_tag=None, tones=tuple(rest)))
    return session, outputs + more


# --- the fate of our requests --------------------------------------------------------------------------------------


def answered(session: Session, tag: str, response: Response, moment: Moment) -> Step:
    """A final response to one of our requests in the dialog, but INVITE and BYE."""
    status = response.status_code
    if status < 200:
        return session, []
    if status == 481:
        return finish(session, cause_of_response(response), moment, headers_of(response))
    if status >= 300:
        return failed(session, tag, status, words_of(response) or response.reason or reason_phrase(status))
    if tag == session.tone_tag:
        return _tone_sent(session, tag, moment)
    return _info_done(session, tag, None)


def failed(session: Session, tag: str, code: int, reason: str) -> Step:
    """One of our requests in the dialog was refused, or got no answer."""
    if tag == session.tone_tag:
        return tone_failed(session, code, reason)
    error = CallError(f"INFO was not accepted: {code} {reason}{hint('info', code, reason)}", code, reason)
    return _info_done(session, tag, error)


def _info_done(session: Session, tag: str, error: CallError | None) -> Step:
    outputs: list[SessionOutput] = [CancelTimer(session.timer(tag))]
    outputs += [Settle(token, None, error) for name, token in session.infos if name == tag and token is not None]
    return evolve(session, infos=tuple(info for info in session.infos if info[0] != tag)), outputs
