"""The reducer of the whole client, composed of its slices."""

import functools
from collections.abc import Iterable

from jzrx.events import (
    ActionFailed,
    CallEvent,
    CallRefused,
    ConnectFailed,
    ConnectStarted,
    CurrentCallChanged,
    Disconnected,
    Event,
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
from jzrx.store import calls, connection, current
from jzrx.store.evolve import evolver
from jzrx.store.snapshots import ClientSnapshot

__all__ = ["initial", "reduce", "replay"]

initial = connection.initial

_evolve = evolver(ClientSnapshot, by_identity=("calls",))


def reduce(snapshot: ClientSnapshot, event: Event) -> ClientSnapshot:
    """The snapshot after `event`: pure, and the same object when nothing changed."""
    match event:
        case (
            ConnectStarted()
            | FlowOpened()
            | FlowLost()
            | ConnectFailed()
            | Registered()
            | RegistrationFailed()
            | Unregistered()
            | Disconnected()
            | ActionFailed()
        ):
            return connection.reduce(snapshot, event)
        case IncomingPolicyChanged(do_not_disturb=do_not_disturb, auto_answer=auto_answer):
            return _evolve(snapshot, do_not_disturb=do_not_disturb, auto_answer=auto_answer)
        case FlowClosed() | ReconnectScheduled() | MessageReceived() | CallRefused():
            return snapshot
        case _:
            return _reduce_call(snapshot, event)


def replay(events: Iterable[Event], snapshot: ClientSnapshot = initial) -> ClientSnapshot:
    """The snapshot after all of `events`, in order: a recorded list gives the same snapshot again."""
    return functools.reduce(reduce, events, snapshot)


def _reduce_call(snapshot: ClientSnapshot, event: CallEvent) -> ClientSnapshot:
    changed = calls.reduce(snapshot.calls, event)
    if changed is snapshot.calls and not isinstance(event, CurrentCallChanged):
        return snapshot
    recent = current.reduce_recent(snapshot.recent_call_ids, event, changed)
    return _evolve(
        snapshot,
        calls=changed,
        current_call_id=recent[-1] if recent else None,
        recent_call_ids=recent,
        incoming_call_ids=current.reduce_incoming(snapshot.incoming_call_ids, event),
    )
