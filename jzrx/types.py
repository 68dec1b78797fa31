"""Enums and value types that every room shares; plain immutable values, safe to keep, compare and send elsewhere."""

from enum import StrEnum
from typing import Literal

from attrs import field, frozen

from jzrx.advice import advice

__all__ = [
    "CallDirection",
    "CallEndCause",
    "CallQualityStats",
    "CallState",
    "CallWarning",
    "ClientState",
    "Headers",
    "MediaState",
    "Originator",
    "SipInfo",
    "SipMessage",
    "TransferRequest",
    "WarningName",
]


Headers = tuple[tuple[str, str], ...]
"""SIP header fields as (name, value) pairs in the order of the message."""

Originator = Literal["local", "remote", "system"]
"""Who ended a call: this user, the other side, or neither (a timer, a lost path)."""


class ClientState(StrEnum):
    """The state of a client's connection; mirrors the documented `ClientState`."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    REGISTERED = "registered"
    RECONNECTING = "reconnecting"
    UNREGISTERED = "unregistered"
    ERROR = "error"


class CallState(StrEnum):
    """The state of a call; mirrors the documented `CallState`.

    Outbound: idle, connecting, ringing, connected or held, ended.
    Inbound: ringing, connecting, connected or held, ended.
    """

    IDLE = "idle"
    RINGING = "ringing"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    HELD = "held"
    ENDED = "ended"


class CallDirection(StrEnum):
    """Who started the call; mirrors the documented `CallDirection`."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class MediaState(StrEnum):
    """The state of a call's audio path (ICE and DTLS), independent of the call's own state."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"


@frozen
class CallEndCause:
    """Why a call ended; mirrors the documented payload of `ended` and `failed`.

    `code` is always a SIP status code: the final response, the `cause` of a BYE's `Reason: SIP` (RFC 3326), or else
    200; 487 for a call cancelled before its answer, 408 for a timeout. `reason` is the server's X-Reason, else the text
    of the Reason header, else the phrase of the code. `q850_cause` is the ISDN cause where the other side named one.
    """

    code: int
    reason: str
    originator: Originator = "remote"
    q850_cause: int | None = None

    @property
    def advice(self) -> str:
        """What to do about it, in a few words; empty where only the other side knows, or where it is our own doing."""
        return "" if self.originator == "local" else advice("call", self.code, self.reason)

    def __str__(self) -> str:
        return f"{self.code} {self.reason}" + (f"; {self.advice}" if self.advice else "")


@frozen
class CallQualityStats:
    """One sample of a call's quality; mirrors the documented `CallQualityStats`.

    `round_trip_time` and `jitter` are milliseconds (`None` until measured), `packet_loss` is the fraction (0.0 to 1.0)
    lost of what was expected since the previous sample, the packet counters run since the call began, `codec` is the
    name in SDP (`opus`, `PCMU`), `timestamp` is Unix time in seconds. Ours beyond: `mos`, the mean opinion score
    (1.0 to 4.5) estimated by the E-model (ITU-T G.107, simplified), `None` until it can be told.
    """

    round_trip_time: float | None
    jitter: float
    packet_loss: float
    packets_sent: int
    packets_received: int
    packets_lost: int
    codec: str
    timestamp: float
    mos: float | None = None


WarningName = Literal[
    "high-jitter",
    "high-packet-loss",
    "high-rtt",
    "low-mos",
    "low-input-level",
    "no-audio-received",
    "no-audio-delivered",
]
"""What can be wrong with a call's audio; `CallWarning` says what each means."""


@frozen
class CallWarning:
    """Something is wrong with a call's audio; the payload of `warning` and `warningCleared`, ours beyond the documented
    API. Every call is watched, once a second; none while either side holds.

    `value` is what was measured when the warning was raised or cleared, `threshold` the bound that it reached:

    - `high-jitter` (ms, from 30), `high-packet-loss` (fraction, from 0.03), `high-rtt` (ms, from 400) and `low-mos`
      (down to 3.0): in 3 of 5 seconds; cleared after 5 good ones.
    - `low-input-level` (peak in dBFS, down to -50; silence is -96): what we send was too quiet for 10 s. The sound of a
      microphone; of other sources only where it is not plain silence, which they may well mean. Not while muted.
    - `no-audio-received` (s, from 5): no RTP arrives.
    - `no-audio-delivered` (s, from 5): the other side's RTCP says that nothing of what we send arrives there.
    """

    name: WarningName
    value: float
    threshold: float


@frozen
class SipMessage:
    """A text that arrived by SIP MESSAGE (RFC 3428); mirrors the documented payload of `message`.

    `content_type` is the type alone, such as `text/plain`: its charset was used to read `body`, and any other parameter
    is in the headers of the event `MessageReceived`.
    """

    from_: str
    body: str
    content_type: str = field(default="text/plain")


@frozen
class SipInfo:
    """What arrived by SIP INFO in a call (RFC 6086); the payload of `info`, which is ours beyond the documented API."""

    content_type: str
    body: bytes

    @property
    def text(self) -> str:
        """The body as text (UTF-8; what is none becomes U+FFFD)."""
        return self.body.decode("utf-8", "replace")


@frozen
class TransferRequest:
    """Somebody asks for a call of ours to go on with somebody else; what `accept_transfers` decides on.

    `kind` "refer": the other side of the call `call_id` asks us to call `target` instead (REFER); `replaces` is what
    our call is to replace there. "replaces": `target` wants to take the place of that other side (INVITE with
    Replaces); `replaces` names the dialog. `referred_by` is who asks for it, by its own word (RFC 3892); `headers` are
    those of the request. None of it is proven by more than the server that passed it on.
    """

    kind: Literal["refer", "replaces"]
    call_id: str
    target: str
    referred_by: str | None = None
    replaces: str | None = None
    headers: Headers = ()
