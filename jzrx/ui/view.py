"""What a phone shows, in words: a pure function of the hooks' snapshots. Plain data, for a terminal or a web page."""

from collections.abc import Mapping

from attrs import field, frozen

from jzrx import (
    AllowedActions,
    AllowedCallActions,
    CallDirection,
    CallQualityStats,
    CallSnapshot,
    CallState,
    ClientState,
    UseCallsSnapshot,
    UseJambonzClientSnapshot,
)
from jzrx.ui.printable import printable

__all__ = ["WARNINGS", "CallView", "Message", "PhoneView", "clock", "quality_line", "view_of"]

WARNINGS: Mapping[str, str] = {
    "high-jitter": "the packets of the other side come unevenly",
    "high-packet-loss": "packets of the other side are lost",
    "high-rtt": "the way to the other side takes long",
    "low-mos": "the call sounds bad",
    "low-input-level": "the microphone is silent",
    "no-audio-received": "nothing arrives from the other side",
    "no-audio-delivered": "the other side does not hear us",
}
"""What each name of `CallSnapshot.warnings` means to a person."""


@frozen(kw_only=True)
class Message:
    """A text that came from `peer`, or that we sent there."""

    peer: str = field(converter=printable)
    body: str = field(converter=printable)
    is_ours: bool = False


@frozen(kw_only=True)
class CallView:
    """One line of the phone. `seconds`: how long the call was up when the view was made; None before the answer."""

    id: str
    who: str = field(converter=printable)
    uri: str = field(converter=printable)
    status: str = field(converter=printable)
    state: CallState
    is_incoming: bool
    is_current: bool
    is_muted: bool
    is_held: bool
    is_remotely_held: bool
    seconds: int | None
    quality: str
    warnings: tuple[str, ...]
    can: AllowedCallActions


@frozen(kw_only=True)
class PhoneView:
    """The whole phone. `notice` is what went wrong last, in one sentence, or empty. `messages` are the latest of the
    `message_count` that there were."""

    account: str
    state: ClientState
    status: str
    notice: str = field(converter=printable)
    do_not_disturb: bool
    calls: tuple[CallView, ...]
    incoming: tuple[CallView, ...]
    can: AllowedActions
    messages: tuple[Message, ...]
    message_count: int


def view_of(
    account: str,
    phone: UseJambonzClientSnapshot,
    calls: UseCallsSnapshot,
    notice: str = "",
    messages: tuple[Message, ...] = (),
    message_count: int = 0,
) -> PhoneView:
    """What is shown at one moment. `calls` in `PhoneView` leaves out those that ring here: they are `incoming`."""
    current = None if calls.current is None else calls.current.id
    views = {
        call.id: _call_view(calls.call_snapshots[call.id], call.duration, call.can, is_current=call.id == current)
        for call in calls.calls
    }
    ringing = [call.id for call in calls.incoming]
    return PhoneView(
        account=account,
        state=phone.state,
        status=_STATUSES[phone.state] + (", do not disturb" if calls.do_not_disturb else ""),
        notice=notice or phone.error or "",
        do_not_disturb=calls.do_not_disturb,
        calls=tuple(view for call_id, view in views.items() if call_id not in ringing),
        incoming=tuple(views[call_id] for call_id in ringing),
        can=calls.can,
        messages=messages,
        message_count=message_count,
    )


_STATUSES = {
    ClientState.DISCONNECTED: "not connected",
    ClientState.CONNECTING: "connecting",
    ClientState.CONNECTED: "connected",
    ClientState.REGISTERED: "registered",
    ClientState.RECONNECTING: "connection lost, trying again",
    ClientState.UNREGISTERED: "not registered",
    ClientState.ERROR: "failed",
}


def _call_view(call: CallSnapshot, seconds: int, can: AllowedCallActions, *, is_current: bool) -> CallView:
    return CallView(
        id=call.id,
        who=call.remote_identity,
        uri=call.remote_uri,
        status=_status(call),
        state=call.state,
        is_incoming=call.direction is CallDirection.INBOUND,
        is_current=is_current,
        is_muted=call.is_muted,
        is_held=call.is_held,
        is_remotely_held=call.is_remotely_held,
        seconds=None if call.answered_at is None else seconds,
        quality="" if call.quality is None else quality_line(call.quality),
        warnings=tuple(WARNINGS[name] for name in call.warnings),
        can=can,
    )


def _status(call: CallSnapshot) -> str:
    match call.state, call.direction:
        case CallState.RINGING, CallDirection.INBOUND:
            return "calls you"
        case CallState.RINGING, _:
            return "ringing"
        case CallState.CONNECTING, CallDirection.INBOUND:
            return "answering"
        case CallState.IDLE | CallState.CONNECTING, _:
            return "calling"
        case CallState.ENDED, _:
            return "ended" if call.end_cause is None else f"ended: {call.end_cause.reason}"
        case CallState.HELD, _:
            return "on hold, on both sides" if call.is_remotely_held else "on hold"
        case _:
            return "on hold by the other side" if call.is_remotely_held else "connected"


def clock(seconds: int) -> str:
    """A duration as people read it: 0:07, 12:30, 1:00:00."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def quality_line(stats: CallQualityStats) -> str:
    """A sample of a call's quality in one line; what is not known yet is left out."""
    parts = [stats.codec]
    if stats.mos is not None:
        parts.append(f"MOS {stats.mos:.1f}")
    if stats.round_trip_time is not None:
        parts.append(f"round trip {stats.round_trip_time:.0f} ms")
    parts += [f"jitter {stats.jitter:.0f} ms", f"loss {stats.packet_loss:.1%}"]
    return ", ".join(parts)
