"""Requests and replies before they are addressed: what a machine wants said.

The agent completes them: Via, Max-Forwards, CSeq, Contact, User-Agent, credentials. So a request that is challenged
can be repeated without its machine knowing.
"""

from attrs import evolve, field, frozen

from jzrx.sip.dialog import Dialog
from jzrx.sip.headers import NameAddr
from jzrx.sip.uri import Uri
from jzrx.types import Headers

__all__ = ["Draft", "along", "in_dialog"]


@frozen(kw_only=True)
class Draft:
    """A request that is to be sent. `authenticate`: answer a challenge to it; off where any response will do."""

    method: str
    uri: Uri
    call_id: str
    from_: NameAddr
    to: NameAddr
    routes: tuple[NameAddr, ...] = ()
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)
    content_type: str | None = None
    authenticate: bool = True


def in_dialog(
    dialog: Dialog, method: str, *, headers: Headers = (), body: bytes = b"", content_type: str | None = None
) -> Draft:
    """A request inside a dialog (RFC 3261 section 12.2.1.1): to the remote target, along the route set."""
    draft = Draft(
        method=method,
        uri=dialog.remote_target,
        call_id=dialog.call_id,
        from_=dialog.local,
        to=dialog.remote,
        headers=headers,
        body=body,
        content_type=content_type,
    )
    return along(draft, dialog.route_set)


def along(draft: Draft, routes: tuple[NameAddr, ...]) -> Draft:
    """The request along these routes. A strict router, whose first route has no `lr`, takes the Request-URI, and the
    target goes last (RFC 3261 section 12.2.1.1)."""
    target = draft.uri
    if routes and "lr" not in routes[0].uri.params:
        target, routes = routes[0].uri, (*routes[1:], NameAddr(draft.uri))
    # "stripping any parameters that are not allowed in a Request-URI" (12.2.1.1), as headers are.
    return evolve(draft, uri=target if target.raw_headers is None else target.replace(headers=()), routes=routes)
