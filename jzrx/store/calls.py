"""The slice of the calls: a read-only mapping of id to `CallSnapshot`.

    outbound: idle ── CallDialed ──▶ connecting ── CallProgressed ──▶ ringing ─┐ CallAnswered     HoldChanged
    inbound:  ringing ── AnswerStarted ──▶ connecting ─────────────────────────┴──▶ connected ◀──────────────▶ held

CallEnded leads from each of them to ended, which is final; CallReleased removes the call. An event for a call that is
not there, or that has ended, changes nothing: such events cross each other on the network.
"""

from typing import assert_never

from jzrx.events import (
    AnswerStarted,
    CallAnswered,
    CallCreated,
    CallDialed,
    CallEnded,
    CallEvent,
    CallProgressed,
    CallReceived,
    CallRedirected,
    CallReleased,
    CurrentCallChanged,
    DtmfReceived,
    DtmfSent,
    HoldChanged,
    HoldFailed,
    InfoReceived,
    MediaStateChanged,
    MuteChanged,
    RemoteHoldChanged,
    RemotePartyChanged,
    StatsSampled,
    TransferFailed,
    Transferred,
    TransferRequested,
    WarningCleared,
    WarningRaised,
)
from jzrx.store.evolve import evolver
from jzrx.store.frozendict import FrozenDict
from jzrx.store.snapshots import CallSnapshot
from jzrx.types import CallDirection, CallState

__all__ = ["Calls", "initial", "reduce"]

Calls = FrozenDict[str, CallSnapshot]

initial: Calls = FrozenDict()

_evolve = evolver(CallSnapshot)


def reduce(calls: Calls, event: CallEvent) -> Calls:
    """The calls after `event`; the same object when nothing changed. No call but `event.call_id` is touched."""
    call = calls.get(event.call_id)
    if call is None:
        created = _create(event)
        return calls if created is None else calls.put(created.id, created)
    if isinstance(event, CallReleased):
        return calls.drop(call.id)
    changed = _reduce_call(call, event)
    return calls if changed is call else calls.put(call.id, changed)


def _create(event: CallEvent) -> CallSnapshot | None:
    match event:
        case CallCreated():
            return CallSnapshot(
                id=event.call_id,
                direction=CallDirection.OUTBOUND,
                state=CallState.IDLE,
                remote_identity=event.remote_identity,
                remote_uri=event.remote_uri,
                created_at=event.at,
                in_place_of=event.in_place_of,
            )
        case CallReceived():
            return CallSnapshot(
                id=event.call_id,
                direction=CallDirection.INBOUND,
                state=CallState.RINGING,
                remote_identity=event.remote_display_name or event.remote_uri,
                remote_uri=event.remote_uri,
                remote_display_name=event.remote_display_name,
                created_at=event.at,
                in_place_of=event.in_place_of,
            )
        case _:
            return None


def _reduce_call(call: CallSnapshot, event: CallEvent) -> CallSnapshot:
    match call.state:
        case CallState.ENDED:
            return call
        case CallState.IDLE | CallState.CONNECTING | CallState.RINGING:
            is_answered = False
        case CallState.CONNECTED | CallState.HELD:
            is_answered = True
    match event:
        case CallDialed() if call.state is CallState.IDLE:
            return _evolve(call, state=CallState.CONNECTING)
        case CallProgressed(code=code) if code > 100 and call.state in (CallState.IDLE, CallState.CONNECTING):
            return _evolve(call, state=CallState.RINGING) if call.direction is CallDirection.OUTBOUND else call
        case CallRedirected() if call.state is CallState.RINGING and call.direction is CallDirection.OUTBOUND:
            return _evolve(call, state=CallState.CONNECTING)  # whoever rang does not any more
        case AnswerStarted() if call.direction is CallDirection.INBOUND and call.state is CallState.RINGING:
            return _evolve(call, state=CallState.CONNECTING)
        case CallAnswered(at=at) if not is_answered:
            return _evolve(call, state=CallState.CONNECTED, answered_at=at)
        case HoldChanged(held=held) if is_answered:
            return _evolve(call, state=CallState.HELD if held else CallState.CONNECTED, is_held=held)
        case RemoteHoldChanged(held=held):
            return _evolve(call, is_remotely_held=held)
        case MuteChanged(muted=muted):
            return _evolve(call, is_muted=muted)
        case MediaStateChanged(media=media):
            return _evolve(call, media=media)
        case WarningRaised(warning=warning) if warning.name not in call.warnings:
            return _evolve(call, warnings=(*call.warnings, warning.name))
        case WarningCleared(warning=warning):
            return _evolve(call, warnings=tuple(name for name in call.warnings if name != warning.name))
        case StatsSampled(stats=stats):
            return _evolve(call, quality=stats)
        case RemotePartyChanged(remote_uri=uri, remote_display_name=name):
            return _evolve(call, remote_identity=name or uri, remote_uri=uri, remote_display_name=name)
        case CallEnded(at=at, cause=cause):
            return _evolve(call, state=CallState.ENDED, ended_at=at, end_cause=cause)
        case CallDialed() | CallProgressed() | CallRedirected() | AnswerStarted() | CallAnswered():
            return call  # out of its time
        case HoldChanged() | WarningRaised():
            return call  # out of its time
        case CallCreated() | CallReceived() | CallReleased():
            return call  # decided by `reduce`
        case CurrentCallChanged():
            return call  # which call is current is no state of a call
        case HoldFailed() | DtmfSent() | DtmfReceived() | InfoReceived():
            return call
        case Transferred() | TransferFailed() | TransferRequested():
            return call
    assert_never(event)
