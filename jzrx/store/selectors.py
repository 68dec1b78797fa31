"""What follows from a snapshot: pure functions, each of constant cost however many calls there are."""

from attrs import frozen

from jzrx.store.snapshots import CallSnapshot, ClientSnapshot
from jzrx.types import CallState, ClientState

__all__ = [
    "AllowedActions",
    "call_count",
    "can",
    "current_call",
    "duration",
    "incoming_call",
    "is_active",
    "is_connecting",
    "is_open",
    "is_registered",
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


def is_active(call: CallSnapshot | None) -> bool:
    """Whether there is a call that is neither idle nor ended."""
    return call is not None and call.state not in (CallState.IDLE, CallState.ENDED)


def duration(call: CallSnapshot, now: float) -> int:
    """Whole seconds since the answer, 0 before it, frozen at the end; `now` is the injected clock's."""
    if call.answered_at is None:
        return 0
    return max(0, int((now if call.ended_at is None else call.ended_at) - call.answered_at))


@frozen(kw_only=True)
class AllowedActions:
    """Which actions are allowed now, for greying buttons.

    `answer` and `decline` are about the incoming call, `hold` to `attended_transfer` about the current one.
    """

    connect: bool = False
    disconnect: bool = False
    register: bool = False
    unregister: bool = False
    call: bool = False
    send_message: bool = False
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


def can(snapshot: ClientSnapshot) -> AllowedActions:
    """Which actions are allowed in this snapshot."""
    is_up = is_open(snapshot)
    is_ringing = bool(snapshot.incoming_call_ids)
    call = current_call(snapshot)
    is_live = call is not None and call.state is not CallState.ENDED
    is_answered = call is not None and call.state in (CallState.CONNECTED, CallState.HELD)
    return AllowedActions(
        connect=snapshot.state in (ClientState.DISCONNECTED, ClientState.ERROR),
        disconnect=is_up or is_connecting(snapshot),
        register=is_up,
        unregister=is_up and snapshot.is_registered,
        call=is_up,
        send_message=is_up,
        answer=is_up and is_ringing,
        decline=is_ringing,
        hangup=is_live,
        hold=is_up and call is not None and call.state is CallState.CONNECTED,
        unhold=is_up and call is not None and call.state is CallState.HELD,
        mute=call is not None and is_live and not call.is_muted,
        unmute=call is not None and is_live and call.is_muted,
        send_dtmf=is_up and is_answered,
        transfer=is_up and is_answered,
        attended_transfer=is_up and is_answered and _is_another_answered(snapshot),
    )


def _is_another_answered(snapshot: ClientSnapshot) -> bool:
    return any(snapshot.calls[call_id].answered_at is not None for call_id in snapshot.recent_call_ids[:-1])
