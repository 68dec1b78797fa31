"""The state of a client and of its calls, as immutable values.

Plain data: `attrs.asdict` and `json`, `pickle` and `copy` work on them, and they hold nothing live. All times are
seconds of the injected clock.
"""

from collections.abc import Mapping

from attrs import field, frozen

from jzrx.store.frozendict import FrozenDict
from jzrx.store.html import call_html, client_html
from jzrx.types import CallDirection, CallEndCause, CallQualityStats, CallState, ClientState, MediaState, WarningName

__all__ = ["CallSnapshot", "ClientSnapshot"]


@frozen(kw_only=True)
class CallSnapshot:
    """One call at one moment.

    `remote_identity` is for people: the other side's display name if it has one, else its URI; of an outbound call the
    target as dialled until the other side names itself. `is_held` is our own hold, confirmed by a 2xx;
    `is_remotely_held` the other side's, which does not change `state`. `media` is the audio path's own state.
    `answered_at` is None before the answer, `ended_at` and `end_cause` before the end. `quality` is the latest sample,
    `warnings` names what is wrong with the audio now, the oldest first (`CallWarning` has the names). `in_place_of` is
    the id of the call whose place it takes, by a transfer that somebody else has made.
    """

    id: str
    direction: CallDirection
    state: CallState
    remote_identity: str
    remote_uri: str
    remote_display_name: str | None = None
    is_muted: bool = False
    is_held: bool = False
    is_remotely_held: bool = False
    media: MediaState = MediaState.NEW
    created_at: float
    answered_at: float | None = None
    ended_at: float | None = None
    end_cause: CallEndCause | None = None
    quality: CallQualityStats | None = None
    warnings: tuple[WarningName, ...] = ()
    in_place_of: str | None = None

    def _repr_html_(self) -> str:
        return call_html(self)


def _frozen_calls(calls: Mapping[str, CallSnapshot]) -> FrozenDict[str, CallSnapshot]:
    return FrozenDict(calls)


@frozen(kw_only=True)
class ClientSnapshot:
    """A client and all its calls at one moment.

    `error` is the last error's message, until the next `connect()`. `registered_until` is the end of what the server
    granted, None when not registered. `calls` (read-only, oldest first) holds every call until just after its end.
    `recent_call_ids` are the calls that were ever current, the current one last: from it follows which call comes back
    when the current one ends. `incoming_call_ids` are the calls that ring here, oldest first. `do_not_disturb` and
    `auto_answer` are what `JambonzClient.incoming_policy` says: whether calls are refused, or answered by themselves.
    """

    state: ClientState = ClientState.DISCONNECTED
    is_registered: bool = False
    error: str | None = None
    registered_until: float | None = None
    calls: FrozenDict[str, CallSnapshot] = field(
        factory=lambda: FrozenDict[str, CallSnapshot](), converter=_frozen_calls
    )
    current_call_id: str | None = None
    recent_call_ids: tuple[str, ...] = ()
    incoming_call_ids: tuple[str, ...] = ()
    do_not_disturb: bool = False
    auto_answer: bool = False

    def _repr_html_(self) -> str:
        return client_html(self)
