"""Who is registered, and where. As jambonz keeps it: one binding for each user, the last one wins.

Rules
- The realm stands in the Request-URI: an IPv4 address is refused at once, another realm with `X-Reason`.
- A refresh from the same address while more than 30 s remain is granted without a challenge, but for 30 s only, and
  these 30 s are then how long the user can be called: who goes by the time that was asked for goes deaf.
- More devices than the account may have are refused, and everybody where it is not active.
- An un-REGISTER is challenged too, and removes the user's binding whoever made it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from attrs import evolve, frozen

from jzrx.sip.message import Request
from jzrx.sip.uri import Uri
from jzrx.testing.sbc.account import Account
from jzrx.testing.sbc.auth import Refusal, authenticate
from jzrx.types import Headers

__all__ = ["EARLY_REFRESH", "Binding", "Granted", "Registrar"]

EARLY_REFRESH = 30
"""Seconds: what an early refresh is granted, and what must remain for it to be early."""

F = TypeVar("F")

_IPV4 = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
_EXPIRES = re.compile(r"expires=[0-9]+", re.IGNORECASE)


@frozen(kw_only=True)
class Binding(Generic[F]):
    """Where a user is. `expires_at`: the end of the registration; `reachable_until`: the end of the way to its socket.

    `transport` is what Via said, `ws` or `wss`; `source` the address of the socket.
    """

    user: str
    contact: Uri
    flow: F
    source: str
    transport: str
    expires_at: float
    reachable_until: float


@frozen
class Granted:
    """A 200. `expires` 0: the binding is removed."""

    user: str
    expires: int
    headers: Headers
    refreshed: bool = False


class Registrar(Generic[F]):
    """The bindings of one realm. `now` is a clock in seconds; `nonce` makes challenges."""

    def __init__(
        self,
        realm: str,
        users: Mapping[str, str],
        *,
        now: Callable[[], float],
        nonce: Callable[[], str],
        account: Account | None = None,
    ) -> None:
        self._realm = realm
        self._users = users
        self._now = now
        self._nonce = nonce
        self._account = account or Account()
        self._bindings: dict[str, Binding[F]] = {}

    def register(self, request: Request, flow: F, source: str) -> Granted | Refusal:
        """What to answer to a REGISTER that came over `flow` from the address `source`."""
        if _IPV4.fullmatch(request.uri.host):
            return Refusal(403)
        contact, asked = next(iter(request.contacts), None), _asked(request)
        if contact is None or asked is None:
            return Refusal(400)
        if request.to.uri.host.lower() != self._realm:
            return Refusal.because(403, "Unknown or invalid realm")
        user = request.to.uri.user or ""
        refusal = self._account.refuse_device(sum(binding.user != user for binding in self.bindings)) if asked else None
        if refusal is not None:
            return refusal
        known = self._bindings.get(user)
        if asked and known is not None and known.source == source and self._now() + EARLY_REFRESH < known.expires_at:
            self._bindings[user] = evolve(known, reachable_until=self._now() + EARLY_REFRESH)
            return Granted(user, EARLY_REFRESH, _granted(request, EARLY_REFRESH), refreshed=True)
        proven = authenticate(request, self._realm, self._users, self._nonce)
        if isinstance(proven, Refusal):
            return proven
        if not asked or contact.is_wildcard:
            self._bindings.pop(user, None)
            return Granted(user, 0, (("Contact", request.headers.get("Contact") or ""), ("Expires", "0")))
        until = self._now() + asked
        self._bindings[user] = Binding(
            user=user,
            contact=contact.uri,
            flow=flow,
            source=source,
            transport=request.via.transport.lower(),
            expires_at=until,
            reachable_until=until,
        )
        refreshed = known is not None and known.contact == contact.uri and known.source == source
        return Granted(user, asked, _granted(request, asked), refreshed)

    def find(self, user: str) -> Binding[F] | None:
        """The user's registration, if it lives. It may be unreachable all the same."""
        binding = self._bindings.get(user)
        return binding if binding is not None and self._now() < binding.expires_at else None

    def is_reachable(self, binding: Binding[F]) -> bool:
        """Whether there still is a way to the binding's socket."""
        return self._now() < binding.reachable_until

    def clear(self) -> None:
        """Forget everybody."""
        self._bindings.clear()

    @property
    def bindings(self) -> tuple[Binding[F], ...]:
        """All registrations that live."""
        return tuple(binding for user in self._bindings if (binding := self.find(user)) is not None)


def _asked(request: Request) -> int | None:
    """The seconds that are asked for: the Contact's, else the Expires header's; None if neither says."""
    for contact in request.contacts:
        value = "" if contact.is_wildcard else contact.params.get("expires") or ""
        if value.isascii() and value.isdigit():
            return min(int(value[:10]), 2**31)
    return request.expires


def _granted(request: Request, expires: int) -> Headers:
    contact = _EXPIRES.sub(f"expires={expires}", request.headers.get("Contact") or "")
    return (("Contact", contact), ("Expires", str(expires)))
