"""The slice of the call in front: which call is current, and which calls ring here.

`recent` holds the ids of the calls that were ever current, the current one last. A call becomes current when it is made
or answered by us, or when the user turns to it again. When the current one is released, the most recently current held
call comes back, else the most recently current other one. (A call that rings here was never current, so it never comes
back that way.)

`incoming` holds the ids of the calls that ring here, oldest first.
"""

from jzrx.events import (
    AnswerStarted,
    CallAnswered,
    CallCreated,
    CallEnded,
    CallEvent,
    CallReceived,
    CallReleased,
    CurrentCallChanged,
)
from jzrx.store.calls import Calls
from jzrx.types import CallState

__all__ = ["Ids", "initial", "reduce_incoming", "reduce_recent"]

Ids = tuple[str, ...]

initial: Ids = ()


def reduce_recent(recent: Ids, event: CallEvent, calls: Calls) -> Ids:
    """The recent calls after `event`, which has changed the calls to `calls`."""
    match event:
        case CallCreated(call_id=call_id) | AnswerStarted(call_id=call_id):
            return (*_without(recent, call_id), call_id)
        case CurrentCallChanged(call_id=call_id):
            return (*_without(recent, call_id), call_id) if call_id in recent else recent
        case CallAnswered(call_id=call_id):
            # An outbound call was current since it was made; one that is answered late does not come to the front.
            return recent if call_id in recent else (*recent, call_id)
        case CallEnded(call_id=call_id):
            return recent if recent[-1:] == (call_id,) else _without(recent, call_id)
        case CallReleased(call_id=call_id, back_to=back_to) if recent[-1:] == (call_id,):
            recent = recent[:-1]
            return (*_without(recent, back_to), back_to) if back_to in recent else _promote(recent, calls)
        case CallReleased(call_id=call_id):
            return _without(recent, call_id)
        case _:
            return recent


def reduce_incoming(incoming: Ids, event: CallEvent) -> Ids:
    """The calls that ring here after `event`."""
    match event:
        case CallReceived(call_id=call_id):
            return (*incoming, call_id)
        case (
            AnswerStarted(call_id=call_id)
            | CallAnswered(call_id=call_id)
            | CallEnded(call_id=call_id)
            | CallReleased(call_id=call_id)
        ):
            return _without(incoming, call_id)
        case _:
            return incoming


def _promote(recent: Ids, calls: Calls) -> Ids:
    held = next((call_id for call_id in reversed(recent) if calls[call_id].state is CallState.HELD), None)
    return recent if held is None else (*_without(recent, held), held)


def _without(ids: Ids, call_id: str) -> Ids:
    return tuple(other for other in ids if other != call_id) if call_id in ids else ids
