"""Options: frozen, and validated once, here. A bad value raises ValueError that names the field."""

import difflib
import importlib.util
import re
import ssl as tls
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar, cast
from urllib.parse import SplitResult, urlsplit

import attrs
from attrs import field, frozen, validators

from jzrx import checks
from jzrx.checks import Attribute
from jzrx.incoming import IncomingPolicy
from jzrx.ports import AudioSource, IceServer, MediaEngine
from jzrx.types import TransferRequest

__all__ = [
    "DEFAULT_USER_AGENT",
    "VERSION",
    "AnswerOptions",
    "Audio",
    "JambonzCallOptions",
    "JambonzClientOptions",
    "Reconnect",
    "resolve_options",
]

VERSION = "0.1.0"
"""The version of jzrx (SemVer)."""

DEFAULT_USER_AGENT = f"jambonz-webrtc-{VERSION}"
"""What the `User-Agent` header says unless `user_agent` is given."""

Audio = AudioSource | Callable[[], AudioSource]
"""What a call sends: a source, or a function of no arguments that makes one, called once per call."""

TransferPolicy = bool | Callable[[TransferRequest], bool | Awaitable[bool]]
"""Whether to accept a transfer by somebody else, or who decides that."""

GOOGLE_STUN = IceServer(("stun:stun.l.google.com:19302",))

_Options = TypeVar("_Options")


def resolve_options(
    kind: type[_Options], options: _Options | Mapping[str, Any] | None, fields: Mapping[str, Any]
) -> _Options:
    """Options given as an instance, a mapping or keywords; keywords override.

    Raises TypeError for a name that does not exist (and names the nearest that does), ValueError for a bad value.
    """
    names = [attribute.name for attribute in attrs.fields(cast(Any, kind))]
    given: dict[str, Any] = {}
    if isinstance(options, kind):
        given = {name: getattr(options, name) for name in names}
    elif isinstance(options, Mapping):
        given = dict(cast(Mapping[str, Any], options))
    elif options is not None:
        raise TypeError(f"options must be {kind.__name__} or a mapping, not of type {type(options).__name__}")
    given |= fields
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            raise TypeError(f"{kind.__name__} has no option {name!r}; {hint}")
    return kind(**given)


# --- the connection ---------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Reconnect:
    """How a client comes back after its connection dropped: exponential backoff with jitter.

    The first wait is at most `initial` seconds, each further one at most `factor` times the one before, up to
    `maximum`. Of each wait, the share `jitter` (0.0 to 1.0) is random, so that many clients do not come back at once.
    After `attempts` failures in a row it gives up (`None`: never; 0: does not reconnect at all).
    """

    initial: float = field(default=1.0, validator=checks.number(0.01, 3600, "seconds"))
    maximum: float = field(default=30.0, validator=checks.number(0.01, 86400, "seconds"))
    factor: float = field(default=2.0, validator=checks.number(1, 10, "times"))
    jitter: float = field(default=1.0, validator=checks.number(0, 1, "shares"))
    attempts: int | None = field(default=None, validator=checks.number(0, 1e9, "attempts", whole=True, optional=True))

    def delay(self, attempt: int, random: float) -> float:
        """Seconds to wait before `attempt` (from 1); `random` is a number from 0.0 up to 1.0."""
        longest = min(self.maximum, self.initial * self.factor ** min(attempt - 1, 64))
        return longest * (1 - self.jitter * random)

    def allows(self, attempt: int) -> bool:
        """Whether there is to be an `attempt` (from 1)."""
        return self.attempts is None or attempt <= self.attempts


def _reconnect(value: Any) -> Reconnect:
    if isinstance(value, Mapping):
        return resolve_options(Reconnect, cast(Mapping[str, Any], value), {})
    if not isinstance(value, Reconnect):
        raise checks.refusal("reconnect", value, "a jzrx.Reconnect, such as Reconnect(maximum=10)")
    return value


def _incoming(value: Any) -> IncomingPolicy:
    if isinstance(value, Mapping):
        return resolve_options(IncomingPolicy, cast(Mapping[str, Any], value), {})
    if not isinstance(value, IncomingPolicy):
        raise checks.refusal("incoming", value, "a jzrx.IncomingPolicy, such as IncomingPolicy(max_calls=1)")
    return value


def _server(_: Any, __: Attribute, value: str) -> None:
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError as error:
        raise ValueError(f"server is no valid URL ({error}): {value!r}") from None
    if "@" in url.netloc or (not url.netloc and "@" in value):  # before any message that shows the value
        raise ValueError("server must not contain credentials; give username and password")
    if url.scheme not in ("ws", "wss"):
        rest = value.partition("://")[2] or value
        raise ValueError(f"server must start with wss:// or ws://, as in 'wss://{rest}', not {value!r}")
    if not url.hostname or re.search(r"\s", value):
        raise ValueError(f"server must name a host, as in wss://sbc.example.com:8443, not {value!r}")
    if url.fragment:
        raise ValueError(f"server must not have a fragment (RFC 6455 section 3): {value!r}")
    if port == 0:
        raise ValueError(f"server must name a port from 1 to 65535: {value!r}")


def _username(_: Any, __: Attribute, value: str) -> None:
    if "@" in value or value.lower().startswith(("sip:", "sips:")):
        raise ValueError(f"username must be the user name alone, not {value!r}; give its host as realm")


def _realm(options: "JambonzClientOptions", __: Attribute, value: str | None) -> None:
    name = options.host if value is None else value
    if (re.fullmatch(r"[A-Za-z0-9_.\-]+", name) or checks.is_ipv6(name)) and "%" not in name:
        return
    if value is None:
        raise ValueError(f"realm is missing: {name!r}, the host of server, cannot stand in a SIP URI; give realm=")
    raise ValueError(f"realm must be a host name such as acme.sip.example.com, without port, not {value!r}")


def _ssl(options: "JambonzClientOptions", _: Attribute, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, tls.SSLContext):
        raise checks.refusal("ssl", value, "an ssl.SSLContext, as ssl.create_default_context(cafile=...) makes")
    if not options.is_secure:
        raise ValueError(f"ssl is given, but server is {options.server!r}; use wss://, or leave ssl out")


def _speaker(_: Any, __: Attribute, value: Any) -> None:
    if value is not None and not isinstance(value, bool | str):
        raise checks.refusal("speaker", value, "None, True, False or a device id")
    if value not in (None, False) and importlib.util.find_spec("sounddevice") is None:
        raise ValueError("speaker needs the extra: pip install 'jzrx[audio]'")


def _media(_: Any, __: Attribute, value: Any) -> None:
    if value is not None and not callable(getattr(value, "session", None)):
        raise checks.refusal("media", value, "a media engine, such as jzrx.testing.FakeMedia()")


@frozen(kw_only=True)
class JambonzClientOptions:
    """What a client is made with; mirrors the documented `JambonzClientOptions`.

    `server` (`wss://sbc.example.com:8443`), `username` and `password` are required. `realm` is the account's SIP realm;
    without it, the server's host name. `register_expires` and `connect_timeout` are seconds; the latter bounds DNS,
    TCP, TLS, WebSocket and REGISTER together. `register_headers` go out on each REGISTER.

    `instance_id` is the UUID under which the client registers (RFC 5626), so that a server which knows such takes it
    for the same phone after a reconnect, and not for a second one. Without it every client makes its own, and keeps it
    as long as it exists; an application that wants to be known again after its own restart keeps one and gives it.

    `ssl` replaces the default context, which verifies certificates. `reconnect` is the backoff policy after a drop.
    `pc_config` (`{"iceServers": [...]}`) replaces Google's STUN server. `digest_algorithms` are those that may answer a
    challenge (RFC 8760). `session_expires` (s, 90 or more) asks for session timers (RFC 4028), by which a call ends
    when the other side is gone without a word; None takes them only where the other side asks. `audio` is what every
    call sends unless the call says otherwise; `speaker` is where calls are heard (`None`: the default output when the
    microphone is used; `False`: nowhere; `True` or a device id: there). `ringtone`: a call that comes in rings there,
    or beeps while there is another one.
    `follow_redirects`: a call that a server answers with 3xx goes where that points; else it fails with that code.
    `incoming` is what becomes of calls that come in, where nobody is asked (`IncomingPolicy`, or a mapping).
    `media` replaces the media engine, as with `jzrx.testing.FakeMedia`. `background`: `connect()` uses a daemon
    thread with a loop of its own, and needs no running event loop.

    `accept_transfers`: whether the other side of a call may have it go on with somebody else (REFER in the call, or an
    INVITE that replaces it): True, False (603), or a function, also `async`, that decides on a `TransferRequest`, and
    has 180 s for it. What is accepted is called in our name, as `call` would; only who is in a call with us can ask for
    it.
    """

    # The required ones have a default only so that a missing one is a ValueError like any other bad value.
    server: str = field(default="", validator=[checks.text("a URL such as wss://sbc.example.com:8443"), _server])
    username: str = field(default="", validator=[checks.text("the SIP user name"), _username])
    password: str = field(default="", repr=False, validator=checks.text("the SIP password", secret=True))
    display_name: str | None = field(default=None, validator=checks.text("a name", optional=True))
    realm: str | None = field(default=None, validator=[checks.text("a host name", optional=True), _realm])
    auto_register: bool = field(default=True, validator=checks.flag)
    register_expires: int = field(default=300, validator=checks.number(1, 2**32 - 1, "seconds", whole=True))
    user_agent: str = field(default=DEFAULT_USER_AGENT, validator=checks.text("a product name"))
    register_headers: Mapping[str, str] | None = field(default=None, converter=checks.register_headers)
    instance_id: str | None = field(default=None, converter=checks.instance_id)
    connect_timeout: float = field(default=10.0, validator=checks.number(0.01, 3600, "seconds"))
    ssl: tls.SSLContext | None = field(default=None, validator=_ssl)
    reconnect: Reconnect = field(factory=Reconnect, converter=_reconnect)
    pc_config: Mapping[str, Any] | None = field(default=None, repr=False, converter=checks.pc_config)
    digest_algorithms: Sequence[str] = field(default=checks.DIGEST_ALGORITHMS, converter=checks.digest_algorithms)
    session_expires: int | None = field(
        default=None, validator=checks.number(90, 86400, "seconds", whole=True, optional=True)
    )
    audio: Audio | None = field(default=None, validator=checks.source)
    speaker: bool | str | None = field(default=None, validator=_speaker)
    ringtone: bool = field(default=True, validator=checks.flag)
    follow_redirects: bool = field(default=False, validator=checks.flag)
    media: MediaEngine | None = field(default=None, validator=_media)
    incoming: IncomingPolicy = field(factory=IncomingPolicy, converter=_incoming)
    accept_transfers: TransferPolicy = field(default=True, validator=checks.policy)
    background: bool = field(default=False, validator=checks.flag)

    @property
    def is_secure(self) -> bool:
        """Whether the server is reached over TLS."""
        return self._url.scheme == "wss"

    @property
    def host(self) -> str:
        """The server's host; an IPv6 address without brackets."""
        return self._url.hostname or ""

    @property
    def domain(self) -> str:
        """The SIP realm as it stands in a URI: `realm`, else the server's host; an IPv6 address in brackets."""
        name = self.realm or self.host
        return f"[{name}]" if checks.is_ipv6(name) and not name.startswith("[") else name

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        return checks.is_loopback(self.host)

    @property
    def ice_servers(self) -> tuple[IceServer, ...]:
        """Whom a call asks for its addresses; towards a server on this machine nobody, unless told to."""
        given = checks.ice_servers(self.pc_config)
        if given is not None:
            return given
        return () if self.is_loopback else (GOOGLE_STUN,)

    @property
    def _url(self) -> SplitResult:
        return urlsplit(self.server)


# --- calls ------------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class AnswerOptions:
    """How an incoming call is answered: `headers` go out on the 200, the rest is as in `JambonzCallOptions`."""

    headers: Mapping[str, str] | None = field(default=None, converter=checks.headers)
    pc_config: Mapping[str, Any] | None = field(default=None, repr=False, converter=checks.pc_config)
    preferred_codecs: Sequence[str] = field(default=(), converter=checks.preferred_codecs)
    audio: Audio | None = field(default=None, validator=checks.source)

    @property
    def ice_servers(self) -> tuple[IceServer, ...] | None:
        """The ICE servers of `pc_config`; None: those of the client."""
        return checks.ice_servers(self.pc_config)


@frozen(kw_only=True)
class JambonzCallOptions(AnswerOptions):
    """How a call is made; mirrors the documented `JambonzCallOptions`.

    `headers` go out on the INVITE. `no_answer_timeout` (s): give up after that long, and end as `failed` with 408.
    `preferred_codecs` are moved to the front of the offer, the others stay behind them. `record` asks the application
    to record the call (`X-Record-Call: true`). `audio` is what the call sends from the start (None: the client's),
    `pc_config` and `follow_redirects` replace the client's. `media_constraints` is `{"audio": True | False |
    {"deviceId": ...}}`.
    """

    media_constraints: Mapping[str, Any] = field(factory=lambda: {"audio": True}, converter=checks.media_constraints)
    no_answer_timeout: float | None = field(
        default=None, validator=checks.number(0.01, 86400, "seconds", optional=True)
    )
    record: bool = field(default=False, validator=checks.flag)
    follow_redirects: bool | None = field(default=None, validator=validators.optional(checks.flag))
