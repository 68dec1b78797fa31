"""Session timers (RFC 4028): both sides find out when the other is gone, though no BYE came.

- We take what the other side asks for, and ask ourselves only where the user wants it (`session_expires`). Who asks
  without saying who refreshes, refreshes. A server in jambonz's manner (`declines_timers`) takes no such asking at all.
- Where it is on us, the session is refreshed at half its time: by UPDATE if the other side allows it, else by a
  re-INVITE that offers what is there. A refresh that fails is tried again in half of what is left; at once after 422,
  with the interval that it names; 408, 481 and silence end the call (RFC 3261 section 12.2.1.2).
- Each re-INVITE and UPDATE, whatever it is for, refreshes, and so carries the timer. A 2xx that does not speak of it
  leaves it as it was.
- A session that nobody refreshed is ended shortly before its time.
"""

from attrs import evolve, frozen

from jzrx.sip.causes import cause_of_response
from jzrx.sip.drafts import in_dialog
from jzrx.sip.machine import CancelTimer, SetTimer
from jzrx.sip.message import Request, Response
from jzrx.sip.params import Params
from jzrx.sip.readers import number
from jzrx.sip.session.parts import Expiry, Wish
from jzrx.sip.session.reliable import options
from jzrx.sip.session.state import Issue, Moment, Session, SessionOutput, Step, finish, give_up
from jzrx.types import CallEndCause, Headers

UPDATE = "update"
"""The tag of our UPDATEs."""
TIMER = "timer"
"""The option tag."""
MIN_SE = 90
"""The shortest interval that we take, in seconds, and the least that Min-SE may name (section 5)."""
MOST_RAISES = 5
"""How many 422s are answered with a longer interval."""
PATIENCE = 1.0
"""The shortest time in seconds after which a refresh is tried again."""

EXPIRED = CallEndCause(408, "Session timer expired", "system")


@frozen
class Wanted:
    """A Session-Expires: seconds, and who is to refresh."""

    interval: int
    refresher: str | None


def wanted_in(message: Request | Response) -> Wanted | None:
    """The Session-Expires of a message, if it has one that can be read."""
    value, semicolon, rest = (message.headers.get("Session-Expires") or "").partition(";")
    interval = number(value.strip())
    if interval is None:
        return None
    try:
        refresher = (Params.parse(semicolon + rest).get("refresher") or "").lower()
    except ValueError:
        refresher = ""
    return Wanted(interval, refresher if refresher in ("uac", "uas") else None)


def is_too_short(request: Request, *, declines_timers: bool) -> bool:
    """Whether a request asks for an interval that is to be refused with 422. One that would be declined anyway, or that
    would not understand the refusal, gets no timer instead."""
    wanted = wanted_in(request)
    if wanted is None or (declines_timers and wanted.refresher != "uac"):
        return False
    return wanted.interval < MIN_SE and TIMER in options(request, "Supported")


def _least(message: Request | Response) -> int:
    return max(MIN_SE, number(message.headers.get("Min-SE")) or 0)


# --- our requests --------------------------------------------------------------------------------------------------


def headers(session: Session) -> Headers:
    """What our INVITE, re-INVITE or UPDATE says of the timer."""
    # Min-SE is the largest that came in a 422 of this dialog (section 7.4).
    minimum = (("Min-SE", str(session.min_se)),) if session.min_se else ()
    if session.expiry is not None:
        refresher = "uac" if session.expiry.is_ours else "uas"
        return (("Session-Expires", f"{max(session.expiry.interval, session.min_se)};refresher={refresher}"), *minimum)
    interval = max(session.session_expires or 0, session.min_se)
    # jambonz declines a timer that it would have to refresh itself.
    return (("Session-Expires", f"{interval};refresher=uac"), *minimum) if interval else ()


def confirmed(session: Session, response: Response, moment: Moment) -> Step:
    """A 2xx to our INVITE, re-INVITE or UPDATE."""
    wanted = wanted_in(response)
    if wanted is not None:
        interval = max(wanted.interval, MIN_SE)
        return _begin(session, interval, is_ours=wanted.refresher != "uas", moment=moment)
    if session.expiry is not None:
        return _begin(session, session.expiry.interval, is_ours=session.expiry.is_ours, moment=moment)
    return session, []


def raised(session: Session, response: Response) -> Session | None:
    """The session that asks for what a 422 names; None if it names nothing that could help.

    The same request again, with the Min-SE of the 422 and an interval that is not shorter (section 7.3).
    """
    least = number(response.headers.get("Min-SE")) or 0
    asked = max(session.expiry.interval if session.expiry else session.session_expires or 0, session.min_se)
    if response.status_code != 422 or least <= asked or session.raises >= MOST_RAISES:
        return None
    return evolve(session, min_se=least, raises=session.raises + 1)


# --- their requests ------------------------------------------------------------------------------------------------


def grant(session: Session, request: Request, moment: Moment) -> tuple[Session, Headers, list[SessionOutput]]:
    """What our 2xx to an INVITE, re-INVITE or UPDATE says of the timer, and the timer from now on."""
    understands = TIMER in options(request, "Supported")
    wanted, expiry = wanted_in(request), session.expiry
    if wanted is not None and session.declines_timers and wanted.refresher != "uac":
        wanted = None
    if wanted is not None and wanted.interval >= MIN_SE:
        # "The UAS MAY reduce its value but MUST NOT set it to a duration lower than the value in the Min-SE header
        # field"; "The UAS MUST NOT increase the value" (section 9).
        interval = wanted.interval
        if session.session_expires is not None:
            interval = min(interval, max(session.session_expires, _least(request)))
        refresher = wanted.refresher or ("uas" if expiry is not None and expiry.is_ours else "uac")
    elif understands and (expiry is not None or session.session_expires is not None):
        interval = max(expiry.interval if expiry is not None else session.session_expires or 0, _least(request))
        refresher = "uac" if expiry is not None and not expiry.is_ours else "uas"
    else:
        stopped: list[SessionOutput] = [CancelTimer(session.timer("refresh")), CancelTimer(session.timer("session"))]
        return evolve(session, expiry=None), (), stopped if expiry is not None else []
    # Table 2 of section 9: who does not know the timer cannot refresh.
    refresher = refresher if understands else "uas"
    # "If the refresher parameter is set to 'uac', the UAS MUST place a Require header field into the response with the
    # value 'timer'"; with 'uas', it SHOULD (section 9).
    require = (("Require", TIMER),) if understands else ()
    session, outputs = _begin(session, interval, is_ours=refresher == "uas", moment=moment)
    return session, (*require, ("Session-Expires", f"{interval};refresher={refresher}")), outputs


# --- the timer -----------------------------------------------------------------------------------------------------


def _begin(session: Session, interval: int, *, is_ours: bool, moment: Moment) -> Step:
    if session.ended:
        return session, []
    # "It SHOULD send a BYE to terminate the session, slightly before the session expiration. The minimum of 32 seconds
    # and one third of the session interval is RECOMMENDED" (section 10).
    lasts = interval - min(32, interval / 3)
    session = evolve(session, expiry=Expiry(interval, is_ours, moment.at + lasts), raises=0)
    # "It is RECOMMENDED that this refresh be sent once half the session interval has elapsed" (section 7.2).
    half: SessionOutput = CancelTimer(session.timer("refresh"))
    if is_ours:
        half = SetTimer(session.timer("refresh"), interval / 2)
    return session, [half, SetTimer(session.timer("session"), lasts)]


def due(session: Session) -> Step:
    """It is time to refresh. A re-INVITE takes its turn among the others."""
    if session.dialog is None or session.expiry is None or not session.expiry.is_ours:
        return session, []
    if not session.dialog.allows("UPDATE"):
        return evolve(session, wishes=(*session.wishes, Wish("refresh", None))), []
    return session, [Issue(UPDATE, in_dialog(session.dialog, "UPDATE", headers=headers(session)))]


def expired(session: Session, moment: Moment) -> Step:
    """Nobody refreshed the session."""
    return give_up(session, EXPIRED, moment)


def failed(session: Session, moment: Moment) -> Step:
    """A refresh failed: once more, in half of what is left."""
    if session.expiry is None or not session.expiry.is_ours:
        return session, []
    delay = max((session.expiry.at - moment.at) / 2, PATIENCE)
    return session, [SetTimer(session.timer("refresh"), delay)]


def answered(session: Session, response: Response, moment: Moment) -> Step:
    """A response to our UPDATE."""
    status = response.status_code
    if status < 200 or session.dialog is None or session.ended:
        return session, []
    if status < 300:
        return confirmed(evolve(session, dialog=session.dialog.refresh(response)), response, moment)
    if status == 481:
        return finish(session, cause_of_response(response), moment)
    if status == 408:
        return give_up(session, cause_of_response(response), moment)
    higher = raised(session, response)
    if higher is not None:
        return due(higher)
    if status in (405, 501) and session.dialog.allow is not None:
        # It does not take UPDATE, whatever it said.
        allow = session.dialog.allow - {"UPDATE"}
        return due(evolve(session, dialog=evolve(session.dialog, allow=allow)))
    return failed(session, moment)


def unanswered(session: Session, code: int, reason: str, moment: Moment) -> Step:
    """Our UPDATE got no response in 64*T1, which ends the call; or the flow is gone, which does not."""
    if code == 408:
        return give_up(session, CallEndCause(408, reason, "system"), moment)
    return failed(session, moment)
