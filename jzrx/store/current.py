"""The slice of the call in front: which call is current, and which calls ring here.

`recent` holds the ids of the calls that were ever current, the current one last. A call becomes current when it is made
or answered by us, or when the user turns to it again. When the current one is released, the most recently current held
call comes back, else the most recently current other one. (A call that rings here was never current, so it never comes
back that way.)

A call that comes in the place of another, by somebody else's transfer, takes just that: it is in front if that one was.
An outbound one does so when it is made, so that its user sees it ring; an inbound one when it is answered, or when the
other ends before.

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
        case CallCreated(call_id=call_id, in_place_of=old) if old in recent:
            return _behind(recent, old, call_id)
        case AnswerStarted(call_id=call_id) if calls[call_id].in_place_of in recent:
            return recent
        case CallCreated(call_id=call_id) | AnswerStarted(call_id=call_id):
            return (*_without(recent, call_id), call_id)
        case CurrentCallChanged(call_id=call_id):
            return (*_without(recent, call_id), call_id) if call_id in recent else recent
        case CallAnswered(call_id=call_id):
            # An outbound call was current since it was made; one that is answered late does not come to the front.
            return recent if call_id in recent else _behind(recent, calls[call_id].in_place_of, call_id)
        case CallEnded(call_id=call_id):
            return recent if recent[-1:] == (call_id,) else _leave(recent, call_id, calls)
        case CallReleased(call_id=call_id, back_to=back_to) if recent[-1:] == (call_id,):
            rest = _leave(recent, call_id, calls)
            if len(rest) >= len(recent):
                return rest  # another one has its place
            return (*_without(rest, back_to), back_to) if back_to in rest else _promote(rest, calls)
        case CallReleased(call_id=call_id):
            return _leave(recent, call_id, calls)
        case _:
            return recent


def reduce_incoming(incoming: Ids, event: CallEvent) -> Ids:
    """The calls that ring here after `event`."""
    match event:
        case CallReceived(call_id=call_id, in_place_of=None):
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


def _behind(recent: Ids, old: str | None, *new: str) -> Ids:
    """The new calls just in front of the old one; without that, of all."""
    place = recent.index(old) + 1 if old in recent else len(recent)
    return (*recent[:place], *new, *recent[place:])


def _leave(recent: Ids, call_id: str, calls: Calls) -> Ids:
    """Without this call, for those that are being answered in its place."""
    if call_id not in recent:
        return recent
    heirs = [call.id for call in calls.values() if call.in_place_of == call_id and call.state is CallState.CONNECTING]
    return _without(_behind(recent, call_id, *(heir for heir in heirs if heir not in recent)), call_id)


def _without(ids: Ids, call_id: str) -> Ids:
    return tuple(other for other in ids if other != call_id) if call_id in ids else ids
