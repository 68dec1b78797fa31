"""The machine of one registration (RFC 3261 section 10.2).

- The granted expiry rules, not the one that we asked for: jambonz grants 30 s to a refresh that comes too early.
- A refresh keeps Call-ID and contact; it is due when 25 s remain (5 s where 30 s were granted), which is when jambonz
  renews for the full time; towards a server that names itself as another one, at 85 to 90 % of the time.
- 423 is answered with the interval that the server wants (section 10.2.8), a few times in a row.
- We register as RFC 5626 wants it: with our instance and the number of the flow, so that a server that knows these
  finds one phone where a reconnect would else leave two. It is told the same over the next flow. What it says of the
  way (Service-Route, Path) holds until it says something else, and a flow that it wants to hear of more often
  (Flow-Timer) is kept so. 439 means that a proxy before it cannot do this: then we register without.
- A refresh that fails is repeated while the binding lives. When its time is over it has lapsed.
- One at a time: "UAs MUST NOT send a new registration [...] until they have received a final response from the
  registrar for the previous one or the previous REGISTER request has timed out" (section 10.2).
"""

from collections.abc import Sequence
from typing import Literal

from attrs import evolve, frozen

from jzrx.sip.causes import words_of
from jzrx.sip.digest import DEFAULT_ALGORITHMS, challenges, choose
from jzrx.sip.drafts import Draft
from jzrx.sip.headers import NameAddr
from jzrx.sip.machine import CancelTimer, SetTimer, TimerKey
from jzrx.sip.message import Response
from jzrx.sip.readers import number
from jzrx.sip.status import reason_phrase
from jzrx.sip.uri import Uri
from jzrx.types import Headers

__all__ = [
    "REGISTRATION_TIMER",
    "Granted",
    "Lapsed",
    "Refused",
    "Registration",
    "Removed",
    "SendRegister",
    "answered",
    "begin",
    "forget",
    "remove",
    "timer_fired",
    "unanswered",
]

REGISTRATION_TIMER = "registration"
"""The first part of the timer keys."""
PATIENCE = 10.0
"""Seconds that a REGISTER may stay unanswered: less than a binding has left when its refresh is due."""
REG_ID = "1"
"""The number of our flow (RFC 5626 section 4.2): a client has one."""
MOST_RAISES = 5
"""How many 423s in a row are answered with a longer interval."""
FATAL = frozenset({401, 403, 404, 407})
"""Refusals that no repetition heals; a 401 or 407 that gets here came in spite of credentials."""


@frozen(kw_only=True)
class Registration:
    """`until`: when the live binding ends, None without one. `busy`: what is being asked of the server now, in the
    REGISTER of that `serial`; `queue`: what is to be asked then. `instance`: our URN, None to register without."""

    address: NameAddr
    registrar: Uri
    contact: Uri
    call_id: str
    expires: int
    headers: Headers = ()
    algorithms: Sequence[str] = DEFAULT_ALGORITHMS
    instance: str | None = None
    until: float | None = None
    busy: Literal["register", "refresh", "remove"] | None = None
    queue: tuple[Literal["register", "remove"], ...] = ()
    serial: int = 0
    failures: int = 0
    raises: int = 0

    def timer(self, name: str) -> TimerKey:
        return (REGISTRATION_TIMER, "", name)


@frozen
class SendRegister:
    """Send this REGISTER; its responses come back with the serial."""

    draft: Draft
    serial: int


@frozen
class Granted:
    """The binding lives for `expires` seconds.

    `service_route` leads to the server for requests outside a dialog (RFC 3608), `path` from it to us (RFC 3327).
    `flow_timer`: the longest silence, in seconds, that it allows the flow (RFC 5626 section 4.4).
    """

    expires: int
    until: float
    refreshed: bool
    service_route: tuple[NameAddr, ...] = ()
    path: tuple[NameAddr, ...] = ()
    flow_timer: int | None = None


@frozen
class Refused:
    """Refused, or not answered (`code` None). A refresh is repeated by this machine unless `fatal`; whoever repeats
    anything else waits for the seconds of `retry_after`, where the server names some."""

    code: int | None
    message: str
    fatal: bool
    refresh: bool
    removal: bool = False
    retry_after: float | None = None


@frozen
class Removed:
    """The server confirmed that the binding is gone."""


@frozen
class Lapsed:
    """The granted time is over without a refresh."""


RegistrationOutput = SendRegister | Granted | Refused | Removed | Lapsed | SetTimer | CancelTimer
Step = tuple[Registration, list[RegistrationOutput]]


def begin(registration: Registration) -> Step:
    """Register, or refresh what is registered."""
    if registration.busy is not None:
        return _wait(registration, "register"), []
    busy: Literal["register", "refresh"] = "register" if registration.until is None else "refresh"
    return _send(evolve(registration, busy=busy), registration.expires)


def remove(registration: Registration) -> Step:
    """Remove our binding: "a zero expires" for our own contact only (section 10.2.2)."""
    if registration.busy is not None:
        return _wait(registration, "remove"), []
    return _send(evolve(registration, busy="remove"), 0)


def _wait(registration: Registration, wanted: Literal["register", "remove"]) -> Registration:
    last = registration.queue[-1] if registration.queue else registration.busy
    if (last == "remove") is (wanted == "remove"):
        return registration
    return evolve(registration, queue=(*registration.queue, wanted))


def _go_on(registration: Registration, outputs: list[RegistrationOutput]) -> Step:
    """What waited for the REGISTER that is answered now."""
    if not registration.queue:
        return registration, outputs
    wanted, *rest = registration.queue
    registration = evolve(registration, queue=tuple(rest))
    registration, more = begin(registration) if wanted == "register" else remove(registration)
    return registration, outputs + more


def forget(registration: Registration) -> Step:
    """The flow is gone, and the binding with it."""
    cancelled: list[RegistrationOutput] = [
        CancelTimer(registration.timer(name)) for name in ("refresh", "lapse", "patience")
    ]
    return evolve(registration, until=None, busy=None, queue=(), failures=0), cancelled


def _send(registration: Registration, expires: int) -> Step:
    registration = evolve(registration, serial=registration.serial + 1)
    contact, supported = NameAddr(registration.contact), "path"
    if registration.instance is not None:
        # The server matches bindings by these two, whatever the address (RFC 5626 section 6).
        contact = contact.with_param("reg-id", REG_ID).with_param("+sip.instance", f"<{registration.instance}>")
        supported = "outbound, path"
    contact = contact.with_param("expires", str(expires))
    draft = Draft(
        method="REGISTER",
        uri=registration.registrar,
        call_id=registration.call_id,
        from_=registration.address,
        to=NameAddr(registration.address.uri, registration.address.display_name),
        headers=(
            ("Contact", str(contact)),
            ("Expires", str(expires)),
            ("Supported", supported),
            *registration.headers,
        ),
    )
    return registration, [
        SendRegister(draft, registration.serial),
        SetTimer(registration.timer("patience"), PATIENCE),
    ]


def answered(registration: Registration, serial: int, response: Response, at: float, chance: float) -> Step:
    """A response to our REGISTER; challenges were answered before."""
    status = response.status_code
    busy = registration.busy
    if status < 200 or busy is None or serial != registration.serial:
        return registration, []
    outputs: list[RegistrationOutput] = [CancelTimer(registration.timer("patience"))]
    if status < 300:
        if busy == "remove":
            queue = registration.queue
            registration, forgotten = forget(registration)
            return _go_on(evolve(registration, queue=queue), [*outputs, *forgotten, Removed()])
        registration, granted = _granted(registration, response, at, chance)
        return _go_on(registration, outputs + granted)
    if status == 423 and busy != "remove" and registration.raises < MOST_RAISES:
        # "If a UA receives a 423 (Interval Too Brief) response, it MAY retry the registration after making the
        # expiration interval of all contact addresses [...] equal to or greater than [...] Min-Expires" (10.2.8).
        least = response.headers.get("Min-Expires") or ""
        if least.isascii() and least.isdigit() and registration.expires < int(least[:10]) <= 7 * 86400:
            raised = evolve(registration, expires=int(least), raises=registration.raises + 1)
            registration, sent = _send(raised, int(least))
            return registration, outputs + sent
    if status == 439 and registration.instance is not None:
        # First Hop Lacks Outbound Support (RFC 5626 section 11.6): the registrar would do it, the proxy cannot.
        expires = 0 if busy == "remove" else registration.expires
        registration, sent = _send(evolve(registration, instance=None), expires)
        return registration, outputs + sent
    words = words_of(response) or response.reason or reason_phrase(status)
    message = (
        f"the registration of {registration.address.uri} was refused: {status} {words}{_hint(registration, response)}"
    )
    registration, refused = _refused(registration, status, message, at, _retry_after(response))
    return _go_on(registration, outputs + refused)


def unanswered(registration: Registration, serial: int, at: float) -> Step:
    """No final response came."""
    if registration.busy is None or serial != registration.serial:
        return registration, []
    message = (
        f"no answer to the registration of {registration.address.uri}: "
        "check that the server speaks SIP over WebSocket and serves this realm"
    )
    registration, refused = _refused(registration, None, message, at, None)
    return _go_on(registration, [CancelTimer(registration.timer("patience")), *refused])


def timer_fired(registration: Registration, name: str, at: float) -> Step:
    """`refresh`: it is due; `patience`: the REGISTER is not answered; `lapse`: the granted time is over."""
    match name:
        case "refresh" if registration.busy is None:
            return begin(registration)
        case "patience":
            return unanswered(registration, registration.serial, at)
        case "lapse" if registration.until is not None and registration.busy != "remove":
            registration, forgotten = forget(registration)
            return registration, [*forgotten, Lapsed()]
        case _:
            return registration, []


def _granted(registration: Registration, response: Response, at: float, chance: float) -> Step:
    expires = _granted_expiry(registration, response)
    refreshed = registration.busy == "refresh"
    if expires <= 0:
        message = (
            f"the registrar answered {response.status_code} but granted no time to {registration.contact}; "
            "raise register_expires"
        )
        return _refused(registration, response.status_code, message, at, None)
    registration = evolve(registration, until=at + expires, busy=None, failures=0, raises=0)
    delay = _refresh_delay(expires, _is_jambonz(response), chance)
    return registration, [
        SetTimer(registration.timer("refresh"), delay),
        SetTimer(registration.timer("lapse"), float(expires)),
        Granted(
            expires,
            at + expires,
            refreshed,
            service_route=_addresses(response, "Service-Route"),
            path=_addresses(response, "Path"),
            flow_timer=number(response.headers.get("Flow-Timer")) or None,
        ),
    ]


def _addresses(response: Response, name: str) -> tuple[NameAddr, ...]:
    """All addresses of that header; none of them if one is malformed, since a route with a gap leads astray."""
    try:
        return tuple(map(NameAddr.parse, response.headers.get_list(name)))
    except ValueError:
        return ()


def _granted_expiry(registration: Registration, response: Response) -> int:
    """What the server granted: our contact's `expires`, else the Expires header, else what we asked for (10.2.4)."""
    for contact in sorted(_own(registration, response), key=lambda own: own.uri.user != registration.contact.user):
        value = contact.params.get("expires") or ""
        if value.isascii() and value.isdigit():
            return min(int(value[:10]), 2**31)
    return registration.expires if response.expires is None else min(response.expires, 2**31)


def _own(registration: Registration, response: Response) -> list[NameAddr]:
    """Our binding among those that the server lists: by its address, which is ours alone, or else, where a server
    writes another address for us, by instance and flow. An older flow of ours may be listed under these, too."""
    instance = None if registration.instance is None else f"<{registration.instance}>"
    return [
        contact
        for contact in response.contacts
        if not contact.is_wildcard
        and (
            contact.uri.user == registration.contact.user
            or (
                instance is not None
                and (contact.params.get("+sip.instance") or "").lower() == instance
                and contact.params.get("reg-id") == REG_ID
            )
        )
    ]


def _is_jambonz(response: Response) -> bool:
    server = (response.headers.get("Server") or "").lower()
    return not server or "jambonz" in server or "drachtio" in server


def _refresh_delay(expires: int, jambonz: bool, chance: float) -> float:
    if not jambonz:
        return expires * (0.85 + 0.05 * chance)
    if expires <= 30:
        return expires * 5 / 6
    return max(expires / 2, expires - 25.0)


def _refused(registration: Registration, code: int | None, message: str, at: float, retry_after: float | None) -> Step:
    busy = registration.busy
    fatal = code in FATAL
    refused = Refused(code, message, fatal, busy == "refresh", busy == "remove", retry_after)
    outputs: list[RegistrationOutput] = [refused]
    registration = evolve(registration, busy=None, failures=registration.failures + 1, raises=0)
    if not fatal and registration.until is not None:
        # Still registered. Keep half of what is left for a further try, but do not press a server that is in trouble.
        remaining = registration.until - at
        wanted = retry_after if retry_after is not None else 2.0 * registration.failures
        outputs.append(SetTimer(registration.timer("refresh"), max(1.0, min(wanted, remaining / 2))))
    return registration, outputs


def _retry_after(response: Response) -> float | None:
    value = (response.headers.get("Retry-After") or "").partition(";")[0].partition("(")[0].strip()
    return float(value) if value.isascii() and value.isdigit() and len(value) < 8 else None


def _hint(registration: Registration, response: Response) -> str:
    """What the user can do about it."""
    host, status = registration.registrar.host, response.status_code
    offered = challenges(response)
    if status == 403 and host.replace(".", "").isdigit():
        return f"; the realm is the address {host}, which jambonz refuses: give realm= as your account's SIP realm"
    if offered and choose(offered, registration.algorithms) is None:
        names = ", ".join(challenge.algorithm or "MD5" for challenge in offered)
        return f"; the server offers the digest algorithms {names} only, which digest_algorithms= does not allow"
    if status in (401, 407):
        return "; check username and password"
    if status == 403 and "inactive" in (words_of(response) or ""):
        return "; activate the account on the server"
    if status in (403, 404):
        return f"; check username, password and realm= (now {host})"
    if status == 503 and "Max Devices" in response.reason:
        return "; disconnect another device of the account, or raise its limit"
    return ""
