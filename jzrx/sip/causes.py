"""Why a call ended, read from SIP messages (RFC 3261 section 21, RFC 3326)."""

from attrs import frozen

from jzrx.advice import hint
from jzrx.errors import CallError
from jzrx.sip.message import Request, Response
from jzrx.sip.params import Params, split_list
from jzrx.sip.redirects import targets_of
from jzrx.sip.status import reason_phrase
from jzrx.types import CallEndCause

__all__ = [
    "NORMAL_CLEARING",
    "cause_of_bye",
    "cause_of_cancel",
    "cause_of_response",
    "error_of",
    "headers_of",
    "transfer_error",
    "words_of",
]

NORMAL_CLEARING = CallEndCause(200, "Normal call clearing", "local")


@frozen
class _Reasons:
    """What a message's Reason headers say (RFC 3326 section 2: one value for each protocol)."""

    sip_code: int | None = None
    q850_cause: int | None = None
    text: str | None = None


def _reasons(message: Request | Response) -> _Reasons:
    sip_code = q850_cause = text = None
    for line in message.headers.get_all("Reason"):
        for value in split_list(line):
            protocol, _, rest = value.partition(";")
            try:
                params = Params.parse(";" + rest)
            except ValueError:
                continue
            cause = params.get("cause") or ""
            number = int(cause) if cause.isascii() and cause.isdigit() and len(cause) <= 3 else None
            if protocol.strip().upper() == "SIP" and number is not None and 100 <= number < 700:
                sip_code = number
            elif protocol.strip().upper() == "Q.850":
                q850_cause = number
            text = text or params.get("text")
    return _Reasons(sip_code, q850_cause, text)


def words_of(message: Request | Response) -> str | None:
    """The other side's own words: its X-Reason (jambonz), else the text of its Reason header."""
    return message.headers.get("X-Reason") or _reasons(message).text or None


def cause_of_response(response: Response) -> CallEndCause:
    """The cause of a refused INVITE: the final response. That of a 3xx says where it points, too."""
    reason = words_of(response) or response.reason or reason_phrase(response.status_code)
    if response.status_code < 400 and (targets := targets_of(response)):
        reason = f"{reason}: {', '.join(map(str, targets))}"
    return CallEndCause(response.status_code, reason, "remote", _reasons(response).q850_cause)


def cause_of_bye(request: Request) -> CallEndCause:
    """The cause of a call that the other side ended: the `cause` of `Reason: SIP`, or else 200."""
    reasons = _reasons(request)
    code = reasons.sip_code or 200
    fallback = NORMAL_CLEARING.reason if code == 200 else reason_phrase(code)
    return CallEndCause(code, words_of(request) or fallback, "remote", reasons.q850_cause)


def cause_of_cancel(request: Request) -> CallEndCause:
    """The cause of a call that was cancelled before it was answered here: 487, the response it gets."""
    return CallEndCause(487, words_of(request) or reason_phrase(487), "remote", _reasons(request).q850_cause)


def error_of(cause: CallEndCause, what: str) -> CallError:
    """The error that an action raises for `cause`. `what` begins the sentence: "call to bob failed"."""
    return CallError(f"{what}: {cause}", cause.code, cause.reason)


def transfer_error(code: int, reason: str) -> CallError:
    """The error of a transfer that did not come about."""
    return CallError(f"the transfer failed: {code} {reason}{hint('transfer', code, reason)}", code, reason)


def headers_of(message: Request | Response) -> tuple[tuple[str, str], ...]:
    """All header fields of a message, for `remote_headers`."""
    return tuple(message.headers.items())
