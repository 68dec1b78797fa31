"""The state of the connection, and what goes into its machine and comes out.

IDLE -> OPENING -> REGISTERING -> UP -> WAITING -> REOPENING -> REREGISTERING -> UP ...
                                   └-> LEAVING -> OVER
"""

from enum import Enum, auto
from typing import Literal

from attrs import frozen

from jzrx.options import Reconnect
from jzrx.sip.machine import CancelTimer, CloseFlow, Notify, OpenFlow, SetTimer, Settle, TimerKey
from jzrx.sip.registration import Granted, Lapsed, Refused, Removed

CONNECTION_TIMER = "connection"
"""The first part of the timer keys."""


class ConnectionPhase(Enum):
    """Where the connection is."""

    IDLE = auto()
    OPENING = auto()
    REGISTERING = auto()
    UP = auto()
    WAITING = auto()
    REOPENING = auto()
    REREGISTERING = auto()
    LEAVING = auto()
    OVER = auto()


@frozen(kw_only=True)
class Connection:
    """`registers`: a registration is wanted. `registered`: it is there. `attempt` counts since the drop. `keepalive`:
    seconds between two OPTIONS of ours; `flow_timer`: the longest silence that the server has asked for. The tokens of
    those who wait: for the connection, a registration, its removal, the end."""

    server: str
    registers: bool
    timeout: float
    reconnect: Reconnect
    keepalive: float
    phase: ConnectionPhase = ConnectionPhase.IDLE
    registered: bool = False
    attempt: int = 0
    pongs: bool = False
    flow_timer: int | None = None
    connect_token: int | None = None
    registering: tuple[int | None, ...] = ()
    removing: tuple[int | None, ...] = ()
    leave_token: int | None = None

    @property
    def interval(self) -> float:
        """Seconds to the next OPTIONS: 80 to 100 % of what the server has asked for (RFC 5626 section 4.4), or ours."""
        return self.keepalive if self.flow_timer is None else min(self.keepalive, 0.9 * self.flow_timer)

    def timer(self, name: str) -> TimerKey:
        return (CONNECTION_TIMER, "", name)


# --- inputs --------------------------------------------------------------------------------------------------------


@frozen
class Ask:
    """The user asked."""

    what: Literal["connect", "disconnect", "register", "unregister"]
    token: int | None


@frozen
class Happened:
    """The flow opened, could not be opened, or was lost; a timer fired; the OPTIONS was answered."""

    what: Literal["opened", "failed", "lost", "timer", "pong"]
    detail: str = ""


@frozen
class Quiet:
    """While leaving: no call and no request is left."""


ConnectionInput = Ask | Happened | Quiet | Granted | Refused | Removed | Lapsed


# --- outputs beyond those of `jzrx.sip.machine` --------------------------------------------------------------------


@frozen
class BeginRegistration:
    """Register."""


@frozen
class RemoveRegistration:
    """Un-REGISTER."""


@frozen
class Ping:
    """Send an OPTIONS to the registrar; any answer is a sign of life."""


@frozen
class Sever:
    """The flow is gone: the registration and what depends on the flow are over. `final`: so are all calls."""

    final: bool


ConnectionOutput = (
    Notify
    | OpenFlow
    | CloseFlow
    | SetTimer
    | CancelTimer
    | Settle
    | BeginRegistration
    | RemoveRegistration
    | Ping
    | Sever
)
Step = tuple[Connection, list[ConnectionOutput]]
