"""Our requests: drafts are completed here, numbered, and given credentials.

A nonce is used again with the next count (RFC 7616 section 3.4), so that a request after the first needs one round
trip, not two; a challenge is answered once, and once more when it says that the nonce was stale.
"""

from attrs import frozen

from jzrx.sip.config import AgentConfig
from jzrx.sip.digest import Challenge, authorization, challenges, choose
from jzrx.sip.drafts import Draft
from jzrx.sip.headers import NameAddr
from jzrx.sip.machine import Ids
from jzrx.sip.message import Headers, Request, Response

__all__ = ["ACCEPT", "ALLOW", "SUPPORTED", "Exchange", "Exchanges", "Owner", "cancel_of"]

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE, NOTIFY, PRACK, UPDATE, REFER"
"""The methods that we take (RFC 3261 section 20.5)."""

ACCEPT = "application/sdp, application/dtmf-relay, application/dtmf, message/sipfrag, text/plain, */*;q=0.1"
"""The bodies that we read, and the others, which the application gets (MESSAGE, INFO)."""

SUPPORTED = "100rel, timer, replaces, norefersub"
"""The extensions that a call may use (RFC 3261 section 20.37)."""

Owner = tuple[str, str, str]
"""Who hears of the responses: (kind, which one, tag)."""

MOST_CHALLENGES = 3
"""How often one request is repeated with new credentials."""


@frozen
class Exchange:
    """A request of ours and who waits for its responses. `challenge`: the one that its credentials answer."""

    draft: Draft
    owner: Owner
    request: Request
    challenge: Challenge | None = None
    attempts: int = 1


class Exchanges:
    """Completes drafts. Keeps one sequence for each of our tags, and the challenges that were answered."""

    def __init__(self, config: AgentConfig, ids: Ids) -> None:
        self._config = config
        self._ids = ids
        self._numbers: dict[tuple[str, str], int] = {}
        self._known: dict[bool, Challenge] = {}
        self._counts: dict[str, int] = {}

    def begin(self, draft: Draft, owner: Owner) -> Exchange:
        """The exchange for a draft; with credentials if the nonce of an earlier challenge can serve again."""
        # Requests in a dialog are not challenged by jambonz, and a peer behind it has no business with our hash.
        known = self._known.get(draft.method == "REGISTER") if draft.to.tag is None else None
        return self._exchange(draft, owner, known, 0)

    def again(self, exchange: Exchange, response: Response) -> Exchange | None:
        """The exchange that answers a 401 or 407, or None when our credentials were refused or none will do."""
        if not exchange.draft.authenticate or exchange.attempts > MOST_CHALLENGES or not self._config.password:
            return None
        challenge = choose(challenges(response), self._config.digest_algorithms)
        if challenge is None:
            return None
        used = exchange.challenge
        # "A Digest client receiving a 401 with stale=true may retry with a new nonce without asking for a new
        # password" (RFC 7616 section 3.3); without it, credentials made for a fresh challenge were wrong.
        if used is not None and not challenge.stale and (exchange.attempts > 1 or used.nonce == challenge.nonce):
            return None
        if exchange.draft.to.tag is None:
            self._known[exchange.draft.method == "REGISTER"] = challenge
        return self._exchange(exchange.draft, exchange.owner, challenge, exchange.attempts)

    def _exchange(self, draft: Draft, owner: Owner, challenge: Challenge | None, attempts: int) -> Exchange:
        request = self.complete(draft)
        if challenge is not None:
            request = request.with_headers(request.headers.add(*self._credentials(request, challenge)))
        return Exchange(draft, owner, request, challenge, attempts + 1)

    def _credentials(self, request: Request, challenge: Challenge) -> tuple[str, str]:
        count = self._counts.get(challenge.nonce, 0) + 1
        live = {known.nonce for known in self._known.values()}
        self._counts = {nonce: n for nonce, n in self._counts.items() if nonce in live} | {challenge.nonce: count}
        return authorization(
            challenge,
            username=self._config.username,
            password=self._config.password,
            method=request.method,
            uri=str(request.uri),
            nc=count,
            cnonce=self._ids.token(16),
            body=request.body,
        )

    def complete(self, draft: Draft, *, number: int | None = None, branch: str | None = None) -> Request:
        """The request to send: Via, CSeq and the rest. `number`: an ACK's CSeq number is its INVITE's."""
        config = self._config
        key = (draft.call_id, draft.from_.tag or "")
        if number is None:
            number = self._numbers.get(key, 0) + 1
            self._numbers[key] = number
        pairs = [
            ("Via", f"SIP/2.0/{config.transport} {config.contact.host};branch={branch or self.branch()}"),
            ("Max-Forwards", "70"),
            *(("Route", str(route)) for route in draft.routes),
            ("From", str(draft.from_)),
            ("To", str(draft.to)),
            ("Call-ID", draft.call_id),
            ("CSeq", f"{number} {draft.method}"),
        ]
        if draft.method in ("INVITE", "NOTIFY", "REFER", "UPDATE"):
            pairs.append(("Contact", str(NameAddr(config.dialog_contact))))
        pairs += draft.headers
        if draft.method in ("INVITE", "REGISTER", "OPTIONS", "UPDATE"):
            pairs.append(("Allow", ALLOW))
        if draft.method not in ("ACK", "REGISTER"):
            # Who supports session timers says so in each request but ACK (RFC 4028 section 7.1).
            pairs.append(("Supported", SUPPORTED))
        if config.user_agent is not None:
            pairs.append(("User-Agent", config.user_agent))
        request = Request(draft.method, draft.uri, Headers(pairs))
        return request.with_body(draft.body, draft.content_type)

    def branch(self) -> str:
        """A fresh branch with the magic cookie (RFC 3261 section 8.1.1.7)."""
        return f"z9hG4bK{self._ids.token(16)}"

    def forget(self, call_id: str) -> None:
        """A dialog is over; its numbers are not needed any more."""
        self._numbers = {key: number for key, number in self._numbers.items() if key[0] != call_id}


def cancel_of(invite: Request) -> Request:
    """The CANCEL of an INVITE (RFC 3261 section 9.1): the same Request-URI, Via, Route, From, To, Call-ID and CSeq
    number."""
    copied = invite.headers.select("Via", "Max-Forwards", "Route", "From", "To", "Call-ID")
    return Request("CANCEL", invite.uri, copied.add("CSeq", f"{invite.cseq.number} CANCEL"))
