"""What follows from a snapshot: pure functions, each of constant cost however many calls there are."""

from attrs import frozen

from jzrx.store.snapshots import CallSnapshot, ClientSnapshot
from jzrx.types import CallDirection, CallState, ClientState

__all__ = [
    "AllowedActions",
    "AllowedCallActions",
    "call_count",
    "can",
    "can_in_call",
    "current_call",
    "duration",
    "incoming_call",
    "is_active",
    "is_answered",
    "is_connecting",
    "is_open",
    "is_registered",
    "is_unanswered",
    "other_call",
]


def is_registered(snapshot: ClientSnapshot) -> bool:
    """Whether the server holds our registration, as far as we know."""
    return snapshot.is_registered


def is_connecting(snapshot: ClientSnapshot) -> bool:
    """Whether the client is connecting or reconnecting."""
    return snapshot.state in (ClientState.CONNECTING, ClientState.RECONNECTING)


def is_open(snapshot: ClientSnapshot) -> bool:
    """Whether requests can be sent: calls may be made, messages sent."""
    return snapshot.state in (ClientState.CONNECTED, ClientState.REGISTERED, ClientState.UNREGISTERED)


def call_count(snapshot: ClientSnapshot) -> int:
    """How many calls there are, in any state."""
    return len(snapshot.calls)


def current_call(snapshot: ClientSnapshot) -> CallSnapshot | None:
    """The call that was last made or answered; never one that only rings here."""
    return snapshot.calls[snapshot.current_call_id] if snapshot.current_call_id is not None else None


def incoming_call(snapshot: ClientSnapshot) -> CallSnapshot | None:
    """The oldest call that still rings here."""
    return snapshot.calls[snapshot.incoming_call_ids[0]] if snapshot.incoming_call_ids else None


def other_call(snapshot: ClientSnapshot) -> CallSnapshot | None:
    """The call to swap the current one with: of the other ones that are up, the one that was current last."""
    for call_id in reversed(snapshot.recent_call_ids[:-1]):
        if is_answered(snapshot.calls[call_id]):
            return snapshot.calls[call_id]
    return None


def is_answered(call: CallSnapshot) -> bool:
    """Whether the call is up: answered and not ended, held or not."""
    return call.state in (CallState.CONNECTED, CallState.HELD)


def is_active(call: CallSnapshot | None) -> bool:
    """Whether there is a call that is neither idle nor ended."""
    return call is not None and call.state not in (CallState.IDLE, CallState.ENDED)


def duration(call: CallSnapshot, now: float) -> int:
    """Whole seconds since the answer, 0 before it, frozen at the end; `now` is the injected clock's."""
    if call.answered_at is None:
        return 0
    return max(0, int((now if call.ended_at is None else call.ended_at) - call.answered_at))


@frozen(kw_only=True)
class AllowedCallActions:
    """Which actions are allowed in one call now, for greying its buttons.

    `switch_to`: it may be made the one that is talked in, the current one then being put on hold.
    """

    answer: bool = False
    decline: bool = False
    hangup: bool = False
    hold: bool = False
    unhold: bool = False
    mute: bool = False
    unmute: bool = False
    send_dtmf: bool = False
    transfer: bool = False
    attended_transfer: bool = False
    switch_to: bool = False
    send_info: bool = False
    restart_ice: bool = False


@frozen(kw_only=True)
class AllowedActions:
    """Which actions are allowed now, for greying buttons.

    `answer`, `decline` and `end_and_answer` are about the incoming call, `hold` to `attended_transfer` about the
    current one, `swap` about that and another one. `JambonzCall.can` says it of any one call.
    """

    connect: bool = False
    disconnect: bool = False
    register: bool = False
    unregister: bool = False
    call: bool = False
    send_message: bool = False
    answer: bool = False
    end_and_answer: bool = False
    decline: bool = False
    hangup: bool = False
    hold: bool = False
    unhold: bool = False
    mute: bool = False
    unmute: bool = False
    send_dtmf: bool = False
    transfer: bool = False
    attended_transfer: bool = False
    swap: bool = False


def can_in_call(snapshot: ClientSnapshot, call_id: str | None) -> AllowedCallActions:
    """Which actions are allowed in a call in this snapshot; none if it is not there, or over."""
    call = None if call_id is None else snapshot.calls.get(call_id)
    if call is None or call.state is CallState.ENDED:
        return AllowedCallActions()
    is_up = is_open(snapshot)
    is_ringing = call_id in snapshot.incoming_call_ids
    is_talking = is_up and is_answered(call)
    is_current = call_id == snapshot.current_call_id
    return AllowedCallActions(
        answer=is_up and is_ringing,
        decline=is_ringing,
        hangup=True,
        hold=is_talking and call.state is CallState.CONNECTED,
        unhold=is_talking and call.state is CallState.HELD,
        mute=not call.is_muted,
        unmute=call.is_muted,
        send_dtmf=is_talking,
        transfer=is_talking,
        attended_transfer=is_talking and _is_another_answered(snapshot, call.id),
        switch_to=is_talking and not (is_current and call.state is CallState.CONNECTED) and _is_free(snapshot, call),
        send_info=is_talking,
        restart_ice=is_talking,
    )


def can(snapshot: ClientSnapshot) -> AllowedActions:
    """Which actions are allowed in this snapshot."""
    is_up = is_open(snapshot)
    is_ringing = bool(snapshot.incoming_call_ids)
    here = can_in_call(snapshot, snapshot.current_call_id)
    other = other_call(snapshot)
    return AllowedActions(
        connect=snapshot.state in (ClientState.DISCONNECTED, ClientState.ERROR),
        disconnect=is_up or is_connecting(snapshot),
        register=is_up,
        unregister=is_up and snapshot.is_registered,
        call=is_up,
        send_message=is_up,
        answer=is_up and is_ringing,
        end_and_answer=is_up and is_ringing and here.hangup,
        decline=is_ringing,
        hangup=here.hangup,
        hold=here.hold,
        unhold=here.unhold,
        mute=here.mute,
        unmute=here.unmute,
        send_dtmf=here.send_dtmf,
        transfer=here.transfer,
        attended_transfer=here.attended_transfer,
        swap=other is not None and can_in_call(snapshot, other.id).switch_to,
    )


def is_unanswered(call: CallSnapshot | None) -> bool:
    """Whether the call was made here, and the other side has still to answer it."""
    unanswered = (CallState.IDLE, CallState.CONNECTING, CallState.RINGING)
    return call is not None and call.direction is CallDirection.OUTBOUND and call.state in unanswered


def _is_free(snapshot: ClientSnapshot, call: CallSnapshot) -> bool:
    """Whether the current call can be left for `call`; one that is not answered cannot be put on hold."""
    return snapshot.current_call_id == call.id or not is_unanswered(current_call(snapshot))


def _is_another_answered(snapshot: ClientSnapshot, call_id: str) -> bool:
    return any(is_answered(snapshot.calls[other]) for other in snapshot.recent_call_ids if other != call_id)
