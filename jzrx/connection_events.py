"""What happens outside calls: to the connection and the registration. A part of `jzrx.events`, which names it all."""

from attrs import frozen

from jzrx.types import Headers

__all__ = [
    "ActionFailed",
    "ConnectFailed",
    "ConnectStarted",
    "CallRefused",
    "ClientEvent",
    "Disconnected",
    "FlowClosed",
    "FlowLost",
    "FlowOpened",
    "IncomingPolicyChanged",
    "MessageReceived",
    "ReconnectScheduled",
    "Registered",
    "RegistrationFailed",
    "Unregistered",
]


@frozen(kw_only=True)
class ConnectStarted:
    """`connect()` began: one attempt to open the WebSocket to `server`."""

    at: float
    server: str


@frozen(kw_only=True)
class FlowOpened:
    """The WebSocket is open (a flow, in RFC 5626's words). `will_register`: a REGISTER follows at once."""

    at: float
    will_register: bool


@frozen(kw_only=True)
class FlowLost:
    """The WebSocket was open and is gone, and not because we asked. The client tries again."""

    at: float
    reason: str


@frozen(kw_only=True)
class FlowClosed:
    """We closed the WebSocket because registering over it failed. It changes no state by itself."""

    at: float
    reason: str


@frozen(kw_only=True)
class ReconnectScheduled:
    """The next attempt to reconnect begins in `delay` seconds; `attempt` counts from 1 since the drop."""

    at: float
    attempt: int
    delay: float


@frozen(kw_only=True)
class ConnectFailed:
    """`connect()`, or reconnecting for good, failed; nothing runs on. `message` says what failed and what to do."""

    at: float
    message: str


@frozen(kw_only=True)
class Registered:
    """A REGISTER was granted for `expires` seconds, until `until`. `refreshed`: it only renewed a live binding.

    `service_route` is the way to the server that requests outside a call take from now on (RFC 3608), `path` the way
    from it to us (RFC 3327), as the server names them: few do.
    """

    at: float
    expires: int
    until: float
    refreshed: bool = False
    service_route: tuple[str, ...] = ()
    path: tuple[str, ...] = ()


@frozen(kw_only=True)
class RegistrationFailed:
    """A REGISTER was refused or not answered. `final`: the client gives up and its state becomes `error`.

    Not final: a refresh, or a registration after a reconnect, that is going to be retried, or one asked for by
    `register()` (`asked`), after which the connection stays. `code` is the response's status, None when none came.
    """

    at: float
    message: str
    code: int | None = None
    final: bool = True
    will_retry: bool = False
    asked: bool = False


@frozen(kw_only=True)
class Unregistered:
    """`unregister()` was confirmed by the server."""

    at: float


@frozen(kw_only=True)
class Disconnected:
    """`disconnect()` was asked for. `was_open`: there was a WebSocket to close."""

    at: float
    was_open: bool


@frozen(kw_only=True)
class MessageReceived:
    """A SIP MESSAGE arrived outside a call (RFC 3428). `from_` is the sender's URI without parameters."""

    at: float
    from_: str
    body: str
    content_type: str = "text/plain"
    headers: Headers = ()


@frozen(kw_only=True)
class ActionFailed:
    """Something that the user asked for failed. `action` is the method's name; `call_id` names the call, if any."""

    at: float
    action: str
    message: str
    code: int | None = None
    reason: str | None = None
    call_id: str | None = None


@frozen(kw_only=True)
class IncomingPolicyChanged:
    """The user changed what becomes of calls that come in. `at` is 0.0 before the first `connect()`.

    `auto_answer`: some of them, or all, are answered by themselves.
    """

    at: float
    do_not_disturb: bool
    auto_answer: bool


@frozen(kw_only=True)
class CallRefused:
    """An INVITE was refused with `code` by policy: do not disturb, or too many calls. It never rang."""

    at: float
    remote_uri: str
    remote_display_name: str | None = None
    code: int
    headers: Headers = ()


ClientEvent = (
    ConnectStarted
    | FlowOpened
    | FlowLost
    | FlowClosed
    | ReconnectScheduled
    | ConnectFailed
    | Registered
    | RegistrationFailed
    | Unregistered
    | Disconnected
    | MessageReceived
    | ActionFailed
    | IncomingPolicyChanged
    | CallRefused
)
"""What happens outside calls."""
