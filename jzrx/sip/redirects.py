"""Where a 3xx points, and the order in which a call follows it (RFC 3261 section 8.1.3.4).

- The best target first, by `q`; of equals the first listed.
- Each target is tried once, and a call tries a few only: "a client [...] MUST NOT add any given URI to the target set
  more than once".
- 305 (Use Proxy) and 380 (Alternative Service) name no other place for the call, and are not followed.
"""

from attrs import evolve, frozen

from jzrx.sip.headers import NameAddr
from jzrx.sip.message import Response
from jzrx.sip.uri import Uri

__all__ = ["MOST_TARGETS", "Redirects", "targets_of"]

MOST_TARGETS = 5
"""How many places a call may be sent to, beyond the one that was dialled."""

_NOT_FOLLOWED = frozenset({305, 380})


@frozen
class Redirects:
    """A call that follows 3xx: the targets that it has tried, and those that it may try yet, best first."""

    tried: tuple[Uri, ...]
    untried: tuple[Uri, ...] = ()

    def after(self, response: Response | None) -> "tuple[Redirects, Uri | None]":
        """The next target after this final response, or after none came; None: there is none, the call has failed."""
        untried = self.untried
        if response is not None and 300 <= response.status_code < 400 and response.status_code not in _NOT_FOLLOWED:
            known = (*self.tried, *untried)
            new = [target for target in targets_of(response) if not any(map(target.equivalent, known))]
            untried = (*new, *untried)  # nearer to the one who is called than what was left over before
        elif response is not None and response.status_code >= 600:
            untried = ()  # "a server has definitive information about a particular user" (section 21.6)
        if not untried or len(self.tried) > MOST_TARGETS:
            return evolve(self, untried=()), None
        target, *rest = untried
        return Redirects((*self.tried, target), tuple(rest)), target


def targets_of(response: Response) -> list[Uri]:
    """The addresses in Contact that can be called, best first, each once; without the headers that they may carry."""
    contacts = [contact for contact in response.contacts if contact.uri.scheme in ("sip", "sips")]
    targets = [_plain(contact.uri) for contact in sorted(contacts, key=_preference, reverse=True)]
    return list(dict.fromkeys(targets))


def _plain(uri: Uri) -> Uri:
    # Header fields that a URI of somebody else brings are not to be trusted (section 19.1.5), and
    # "method" is none of a Request-URI's parameters (section 19.1.1, table 1).
    return uri.replace(headers=(), params=uri.params.without("method"))


def _preference(contact: NameAddr) -> float:
    value = contact.params.get("q")
    if value is None:
        return 1.0
    try:
        return max(0.0, min(float(value), 1.0)) if len(value) <= 5 and value[:1].isdigit() else 0.0
    except ValueError:
        return 0.0
