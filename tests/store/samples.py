"""Events of a plausible client, for the tests of the store."""

from jzrx.events import (
    AnswerStarted,
    CallAnswered,
    CallCreated,
    CallDialed,
    CallEnded,
    CallProgressed,
    CallReceived,
    CallReleased,
    ConnectStarted,
    Event,
    FlowOpened,
    HoldChanged,
    MuteChanged,
    Registered,
    StatsSampled,
)
from jzrx.store import ClientSnapshot, Store, replay
from jzrx.types import CallEndCause, CallQualityStats

BYE = CallEndCause(200, "Normal call clearing")
STATS = CallQualityStats(
    round_trip_time=20.0,
    jitter=1.0,
    packet_loss=0.0,
    packets_sent=100,
    packets_received=100,
    packets_lost=0,
    codec="opus",
    timestamp=1.0,
)
REGISTERED: tuple[Event, ...] = (
    ConnectStarted(at=0, server="ws://localhost"),
    FlowOpened(at=1, will_register=True),
    Registered(at=2, expires=300, until=302),
)


def received(call_id: str, at: float = 10, name: str | None = None, in_place_of: str | None = None) -> CallReceived:
    uri = f"sip:{call_id}@localhost"
    return CallReceived(at=at, call_id=call_id, remote_uri=uri, remote_display_name=name, in_place_of=in_place_of)


def created(call_id: str, at: float = 10, in_place_of: str | None = None) -> CallCreated:
    uri = f"sip:{call_id}@localhost"
    return CallCreated(at=at, call_id=call_id, remote_identity=call_id, remote_uri=uri, in_place_of=in_place_of)


def dialed(call_id: str, at: float = 11) -> CallDialed:
    return CallDialed(at=at, call_id=call_id)


def progressed(call_id: str, code: int = 183, at: float = 12) -> CallProgressed:
    return CallProgressed(at=at, call_id=call_id, code=code, reason="")


def answering(call_id: str, at: float = 12) -> AnswerStarted:
    return AnswerStarted(at=at, call_id=call_id)


def answered(call_id: str, at: float = 13) -> CallAnswered:
    return CallAnswered(at=at, call_id=call_id)


def held(call_id: str, is_held: bool = True) -> HoldChanged:
    return HoldChanged(at=14, call_id=call_id, held=is_held)


def muted(call_id: str, is_muted: bool = True) -> MuteChanged:
    return MuteChanged(at=14, call_id=call_id, muted=is_muted)


def sampled(call_id: str, stats: CallQualityStats = STATS) -> StatsSampled:
    return StatsSampled(at=15, call_id=call_id, stats=stats)


def ended(call_id: str, at: float = 20) -> CallEnded:
    return CallEnded(at=at, call_id=call_id, cause=BYE)


def released(call_id: str, at: float = 20) -> CallReleased:
    return CallReleased(at=at, call_id=call_id, cause=BYE, was_answered=True)


def after(*events: Event) -> ClientSnapshot:
    """The snapshot of a registered client after `events`."""
    return replay((*REGISTERED, *events))


def store_after(*events: Event) -> Store:
    """The store of a registered client after `events`."""
    return Store(after(*events))
