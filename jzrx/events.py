"""THE vocabulary: one frozen class per fact, named in the past tense.

Every SIP and media fact is one of these; every snapshot is a reduction of them (`jzrx.store`), so a recorded list of
events replays to the same snapshots. `at` is the time in seconds of the injected clock. Nothing here holds a password,
a live object or anything else that cannot be written to a file. Those outside calls stand in
`connection_events.py`; all are imported from here.
"""

from attrs import field, frozen

from jzrx.connection_events import (
    ActionFailed,
    CallRefused,
    ClientEvent,
    ConnectFailed,
    ConnectStarted,
    Disconnected,
    FlowClosed,
    FlowLost,
    FlowOpened,
    IncomingPolicyChanged,
    MessageReceived,
    ReconnectScheduled,
    Registered,
    RegistrationFailed,
    Unregistered,
)
from jzrx.types import CallEndCause, CallQualityStats, CallWarning, Headers, MediaState

__all__ = [
    "ActionFailed",
    "AnswerStarted",
    "CallAnswered",
    "CallCreated",
    "CallDialed",
    "CallEnded",
    "CallEvent",
    "CallProgressed",
    "CallReceived",
    "CallRefused",
    "CallRedirected",
    "CallReleased",
    "ConnectFailed",
    "ConnectStarted",
    "CurrentCallChanged",
    "Disconnected",
    "DtmfReceived",
    "DtmfSent",
    "Event",
    "FlowClosed",
    "FlowLost",
    "FlowOpened",
    "HoldChanged",
    "HoldFailed",
    "IncomingPolicyChanged",
    "InfoReceived",
    "MediaStateChanged",
    "MessageReceived",
    "MuteChanged",
    "ReconnectScheduled",
    "Registered",
    "RegistrationFailed",
    "RemoteHoldChanged",
    "RemotePartyChanged",
    "StatsSampled",
    "TransferFailed",
    "TransferRequested",
    "Transferred",
    "Unregistered",
    "WarningCleared",
    "WarningRaised",
]


# --- calls ---------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class CallCreated:
    """An outbound call was made; nothing was sent yet. `remote_identity` is the target as dialled.

    `in_place_of`: the call whose other side asked for this one (REFER), and whose place it takes.
    """

    at: float
    call_id: str
    remote_identity: str
    remote_uri: str
    in_place_of: str | None = None


@frozen(kw_only=True)
class CallDialed:
    """An outbound call is being set up: its offer is being made and its INVITE goes out."""

    at: float
    call_id: str


@frozen(kw_only=True)
class CallReceived:
    """An INVITE arrived; the call rings here. `in_place_of`: or takes the place of that one (Replaces, RFC 3891)."""

    at: float
    call_id: str
    remote_uri: str
    remote_display_name: str | None = None
    headers: Headers = ()
    in_place_of: str | None = None


@frozen(kw_only=True)
class CallProgressed:
    """The other side answered an outbound INVITE with a provisional response above 100. `has_media`: it carried SDP."""

    at: float
    call_id: str
    code: int
    reason: str
    has_media: bool = False
    headers: Headers = ()


@frozen(kw_only=True)
class CallRedirected:
    """An outbound call goes to `target` now, as a 3xx (`code`) or the failure of the target before it (4xx, 5xx) said.

    `target` is a SIP URI. Only calls that follow redirects do so (`JambonzCallOptions.follow_redirects`).
    """

    at: float
    call_id: str
    target: str
    code: int
    reason: str


@frozen(kw_only=True)
class RemotePartyChanged:
    """The other side named itself, or another party took its place (RFC 3325, RFC 4916)."""

    at: float
    call_id: str
    remote_uri: str
    remote_display_name: str | None = None


@frozen(kw_only=True)
class AnswerStarted:
    """An inbound call is being answered here: its SDP answer is being made."""

    at: float
    call_id: str


@frozen(kw_only=True)
class CallAnswered:
    """The call is up. Outbound: the 2xx arrived. Inbound: the ACK arrived."""

    at: float
    call_id: str
    headers: Headers = ()


@frozen(kw_only=True)
class CallEnded:
    """The call is over for the user, whatever the protocol still has to finish. `headers`: of the BYE or refusal."""

    at: float
    call_id: str
    cause: CallEndCause
    headers: Headers = ()


@frozen(kw_only=True)
class CallReleased:
    """The ended call left the list of calls. It follows `CallEnded` at once and carries the same cause.

    `back_to`: the call in whose place it came, and which is in front again, as this one was never answered.
    """

    at: float
    call_id: str
    cause: CallEndCause
    was_answered: bool
    back_to: str | None = None


@frozen(kw_only=True)
class CurrentCallChanged:
    """The user turned to this call, among several that were made or answered: it is the current one now."""

    at: float
    call_id: str


@frozen(kw_only=True)
class HoldChanged:
    """Our own hold was confirmed (`held`) or taken back by a 2xx to our re-INVITE."""

    at: float
    call_id: str
    held: bool


@frozen(kw_only=True)
class HoldFailed:
    """Our re-INVITE to hold (`wanted` True) or unhold was refused; the call is as it was."""

    at: float
    call_id: str
    wanted: bool
    code: int
    reason: str


@frozen(kw_only=True)
class RemoteHoldChanged:
    """The other side held us, or took its hold back (the direction in its SDP, RFC 3264 section 8.4)."""

    at: float
    call_id: str
    held: bool


@frozen(kw_only=True)
class MuteChanged:
    """Everything that this call sends became silence (`muted`), or sound again."""

    at: float
    call_id: str
    muted: bool


@frozen(kw_only=True)
class MediaStateChanged:
    """The audio path of the call came up or failed. `reason` says why it failed."""

    at: float
    call_id: str
    media: MediaState
    reason: str | None = None


@frozen(kw_only=True)
class WarningRaised:
    """Something is wrong with the audio, as its loss, or that none arrives. The call goes on."""

    at: float
    call_id: str
    warning: CallWarning


@frozen(kw_only=True)
class WarningCleared:
    """What was wrong with the audio is over, or cannot be told while somebody holds."""

    at: float
    call_id: str
    warning: CallWarning


@frozen(kw_only=True)
class DtmfSent:
    """A tone was sent: confirmed by the response to its INFO, or its last RTP end packet left."""

    at: float
    call_id: str
    tone: str
    method: str


@frozen(kw_only=True)
class DtmfReceived:
    """The other side pressed a key (RFC 4733 event, or SIP INFO)."""

    at: float
    call_id: str
    tone: str
    method: str


@frozen(kw_only=True)
class InfoReceived:
    """An INFO that is not DTMF arrived in the call (RFC 6086)."""

    at: float
    call_id: str
    content_type: str
    body: bytes = field(default=b"")
    headers: Headers = ()


@frozen(kw_only=True)
class Transferred:
    """A transfer that we asked for succeeded. `confirmed`: the other side said so, by NOTIFY or by ending the call."""

    at: float
    call_id: str
    confirmed: bool = True


@frozen(kw_only=True)
class TransferFailed:
    """A transfer that we asked for failed; the call is as it was."""

    at: float
    call_id: str
    code: int
    reason: str


@frozen(kw_only=True)
class TransferRequested:
    """The other side asks us to call `target`, a URI, instead (REFER, RFC 3515).

    `referred_by`: who asks, by its own word (RFC 3892). `replaces`: what the new call is to replace at the target.
    """

    at: float
    call_id: str
    target: str
    referred_by: str | None = None
    replaces: str | None = None
    headers: Headers = ()


@frozen(kw_only=True)
class StatsSampled:
    """A sample of the call's quality was taken."""

    at: float
    call_id: str
    stats: CallQualityStats


CallEvent = (
    CallCreated
    | CallDialed
    | CallReceived
    | CallProgressed
    | CallRedirected
    | RemotePartyChanged
    | AnswerStarted
    | CallAnswered
    | CallEnded
    | CallReleased
    | CurrentCallChanged
    | HoldChanged
    | HoldFailed
    | RemoteHoldChanged
    | MuteChanged
    | MediaStateChanged
    | WarningRaised
    | WarningCleared
    | DtmfSent
    | DtmfReceived
    | InfoReceived
    | Transferred
    | TransferFailed
    | TransferRequested
    | StatsSampled
)
"""What happens in one call; each has a `call_id`."""

Event = ClientEvent | CallEvent
"""Every fact of signalling and media."""
