"""What goes into a SIP machine and what comes out: the alphabet of `step(state, input) -> (state, outputs)`.

A machine touches no socket, clock or random number. The shell (`engine.py`) performs outputs in order and feeds
inputs back, so with the clock, the scheduler and the ids handed in the whole phone is deterministic.
"""

from typing import Any, Protocol

from attrs import frozen

from jzrx.errors import JambonzError
from jzrx.events import Event
from jzrx.sip.message import Request, Response

T1 = 0.5
"""RTT estimate in seconds (RFC 3261 section 17.1.1.1)."""
T2 = 4.0
"""The longest interval between retransmissions in seconds (RFC 3261 table 4)."""
TIMEOUT = 64 * T1
"""Timers B, F, H, L and M, in seconds."""


class Ids(Protocol):
    """Where identifiers and chance come from; handed in, so that tests repeat."""

    def token(self, length: int = 10) -> str:
        """A fresh random token of letters and digits."""
        ...

    def random(self) -> float:
        """A number from 0.0 up to 1.0."""
        ...


TimerKey = tuple[str, str, str]
"""(kind of machine, which one, name of the timer)."""


# --- outputs, performed by the shell -------------------------------------------------------------------------------


@frozen
class Send:
    """Write this message to the flow."""

    message: Request | Response


@frozen
class SetTimer:
    """Feed `TimerFired(key)` back after `delay` seconds; a timer with the same key is replaced."""

    key: TimerKey
    delay: float


@frozen
class CancelTimer:
    """Forget the timer, if it runs."""

    key: TimerKey


@frozen
class Notify:
    """A fact for the store."""

    event: Event


@frozen
class OpenFlow:
    """Open the WebSocket; feed back `flow_opened`, `flow_failed` or later `flow_lost`."""


@frozen
class CloseFlow:
    """Close the WebSocket."""

    reason: str


@frozen
class Settle:
    """The action that waits under `token` is done: with `value`, or with `error`."""

    token: int
    value: Any = None
    error: JambonzError | None = None


@frozen
class OfferWanted:
    """Make an SDP offer for the call; feed back `description_made(call_id, ref, sdp)` or `description_failed`.

    `restart`: with new ICE credentials.
    """

    call_id: str
    ref: int
    held: bool
    restart: bool = False


@frozen
class AnswerWanted:
    """Apply this offer and make the SDP answer; feed back `description_made` or `description_failed`."""

    call_id: str
    ref: int
    offer: str
    held: bool


@frozen
class AnswerReceived:
    """Apply the answer to our offer; on failure feed back `description_failed(call_id, ref, ...)`."""

    call_id: str
    ref: int
    answer: str
    provisional: bool


@frozen
class OfferRefused:
    """Our offer was refused: the media goes back to what it was before it."""

    call_id: str


@frozen
class MediaReleased:
    """The call is over: close its media."""

    call_id: str


@frozen
class RequestReceived:
    """A request outside any dialog, for the server that owns this agent to answer (`Agent.respond`, `Agent.admit`).

    Only agents made with `delegate` put this out; a phone's agent answers by itself.
    """

    key: str
    request: Request


Output = (
    Send
    | SetTimer
    | CancelTimer
    | Notify
    | OpenFlow
    | CloseFlow
    | Settle
    | OfferWanted
    | AnswerWanted
    | AnswerReceived
    | OfferRefused
    | MediaReleased
    | RequestReceived
)
"""Everything that the shell may be asked to do."""
