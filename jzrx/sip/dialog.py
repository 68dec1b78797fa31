"""The dialog of RFC 3261 section 12, as a value.

It knows whom the next request goes to and along which route. Sequence numbers that we send are the agent's (one
counter for each of our tags, so that a request which is repeated with credentials takes the next); the highest one
that we received is here.
"""

from attrs import evolve, frozen

from jzrx.sip.headers import NameAddr
from jzrx.sip.message import Request, Response
from jzrx.sip.params import Params
from jzrx.sip.uri import Uri

__all__ = ["Dialog", "contact_target", "dialog_of_request", "dialog_of_response", "strip_parameters"]


@frozen
class Dialog:
    """A peer-to-peer relationship between two user agents. `local` and `remote` carry their tags; `allow` are the
    methods that the other side takes, None if it did not say."""

    call_id: str
    local: NameAddr
    remote: NameAddr
    remote_target: Uri
    route_set: tuple[NameAddr, ...] = ()
    remote_seq: int | None = None
    allow: frozenset[str] | None = None

    @property
    def local_tag(self) -> str:
        return self.local.tag or ""

    @property
    def remote_tag(self) -> str:
        return self.remote.tag or ""

    def accept(self, request: Request) -> "Dialog | None":
        """The dialog after `request`, or None when it is out of order.

        "If the remote sequence number is not empty, but the sequence number of the request is lower than the remote
        sequence number, the request is out of order and MUST be rejected with a 500" (section 12.2.2).
        """
        number = request.cseq.number
        if self.remote_seq is not None and number < self.remote_seq:
            return None
        return evolve(self, remote_seq=number)

    def refresh(self, message: Request | Response) -> "Dialog":
        """The dialog after a target refresh (section 12.2): its remote target is the message's Contact. What the other
        side allows is what it said last (section 20.5)."""
        target = contact_target(message) or self.remote_target
        return evolve(self, remote_target=target, allow=methods_allowed(message) or self.allow)

    def allows(self, method: str) -> bool:
        """Whether the other side said that it takes this method."""
        return self.allow is not None and method in self.allow


def contact_target(message: Request | Response) -> Uri | None:
    """The URI in the message's Contact, if there is one."""
    contacts = message.contacts
    return contacts[0].uri if contacts and not contacts[0].is_wildcard else None


def methods_allowed(message: Request | Response) -> frozenset[str] | None:
    """The methods in the message's Allow; None without one."""
    return frozenset(message.headers.get_list("Allow")) or None


def dialog_of_response(response: Response, target: Uri) -> Dialog:
    """The caller's dialog, made by a response with a To tag (section 12.1.2): the route set is the response's
    Record-Route in reverse order. `target` is the Request-URI, for a response without Contact."""
    return Dialog(
        call_id=response.call_id,
        local=response.from_,
        remote=response.to,
        remote_target=contact_target(response) or target,
        route_set=tuple(reversed(response.record_routes)),
        allow=methods_allowed(response),
    )


def dialog_of_request(request: Request, local_tag: str) -> Dialog:
    """The callee's dialog, made by our response to `request` (section 12.1.1): the route set is the request's
    Record-Route in order."""
    return Dialog(
        call_id=request.call_id,
        local=request.to if request.to.tag else request.to.with_param("tag", local_tag),
        remote=request.from_,
        remote_target=contact_target(request) or request.from_.uri,
        route_set=request.record_routes,
        remote_seq=request.cseq.number,
        allow=methods_allowed(request),
    )


def strip_parameters(address: NameAddr) -> str:
    """`sip:user@host` (or whatever the scheme) of an address, without parameters and headers: who it is."""
    uri = address.uri
    if uri.opaque is not None:
        return str(uri).partition(";")[0]  # as those of a tel: URI (RFC 3966 section 3)
    return str(uri.replace(params=Params(), headers=()))
