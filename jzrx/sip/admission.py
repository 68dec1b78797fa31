"""What we refuse before looking further (RFC 3261 section 8.2): the right status for each thing that we do not do."""

from jzrx.sip.bodies import SDP, sdp_of
from jzrx.sip.exchanges import ALLOW, SUPPORTED
from jzrx.sip.message import Request
from jzrx.sip.session.refresh import MIN_SE, is_too_short
from jzrx.sip.session.state import Reply
from jzrx.sip.status import METHODS

__all__ = ["refusal_of"]

_ALLOWED = frozenset(ALLOW.split(", "))
_SUPPORTED = frozenset(SUPPORTED.split(", "))


def refusal_of(request: Request, key: str, *, delegate: bool, in_dialog: bool) -> Reply | None:
    """The refusal of a request, or None when it may be looked at. `delegate`: a server decides on methods itself."""
    method = request.method
    if method not in _ALLOWED and (in_dialog or not delegate):
        # "If the UAS recognizes but does not support the method of a request, it MUST generate a 405" (8.2.1);
        # "501 [...] when a UAS does not recognize the request method" (21.5.2).
        return Reply(key, 405 if method in METHODS else 501)
    if not in_dialog and method in ("INFO", "BYE", "NOTIFY", "PRACK", "UPDATE"):
        return Reply(key, 481)  # they live in a dialog, for a NOTIFY the one of our REFER
    if not in_dialog and method == "REFER" and not delegate:
        return Reply(key, 603)  # whoever is in no call with us has none to transfer
    if method != "INVITE" and "Replaces" in request.headers:
        # "[...] or if a Replaces header field is present in a request other than INVITE, the UAS MUST reject the
        # request with a 400 Bad Request response" (RFC 3891 section 3).
        return Reply(key, 400, "Replaces is for INVITE")
    if request.uri.scheme not in ("sip", "sips", "tel"):
        return Reply(key, 416)
    foreign = [tag for tag in request.headers.get_list("Require") if tag.lower() not in _SUPPORTED]
    if foreign and not delegate:
        # "If a UAS does not understand an option-tag listed in a Require header field, it MUST respond [...] 420 [...]
        # and MUST add an Unsupported header field" (8.2.2.3).
        return Reply(key, 420, headers=(("Unsupported", ", ".join(foreign)),))
    if method in ("INVITE", "UPDATE") and is_too_short(request, declines_timers=delegate):
        # An interval that is too short may be refused with 422 (Session Interval Too Small), whose Min-SE says what is
        # long enough (RFC 4028 section 9).
        return Reply(key, 422, headers=(("Min-SE", str(MIN_SE)),))
    if method == "INVITE" and request.body and sdp_of(request) is None and not _is_optional(request):
        return Reply(key, 415, headers=(("Accept", SDP),))
    encoding = request.headers.get("Content-Encoding")
    if encoding is not None and encoding.strip().lower() != "identity":
        return Reply(key, 415, headers=(("Accept-Encoding", "identity"),))
    return None


def _is_optional(request: Request) -> bool:
    disposition = request.headers.get("Content-Disposition") or ""
    return "handling=optional" in disposition.replace(" ", "").lower()
