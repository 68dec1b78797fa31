"""Which documented, named events follow from an event of the vocabulary. Pure.

`client.on` and `call.on` know the names; `jzrx.events` has the facts behind them.
"""

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from jzrx import errors
from jzrx.errors import CallError, JambonzError, RegistrationError
from jzrx.events import (
    ActionFailed,
    CallAnswered,
    CallCreated,
    CallEnded,
    CallEvent,
    CallProgressed,
    CallReceived,
    CallReleased,
    ConnectFailed,
    Disconnected,
    DtmfReceived,
    Event,
    FlowClosed,
    FlowLost,
    FlowOpened,
    HoldChanged,
    InfoReceived,
    MessageReceived,
    MuteChanged,
    Registered,
    RegistrationFailed,
    RemoteHoldChanged,
    StatsSampled,
    TransferFailed,
    Transferred,
    TransferRequested,
    Unregistered,
    WarningCleared,
    WarningRaised,
)
from jzrx.sip.causes import transfer_error
from jzrx.store.snapshots import CallSnapshot, ClientSnapshot
from jzrx.types import CallState, SipInfo, SipMessage, TransferRequest

__all__ = ["CALL_EVENTS", "CLIENT_EVENTS", "Named", "named", "request_of"]

CLIENT_EVENTS = (
    *("registered", "unregistered", "registrationFailed", "incoming", "stateChanged", "connected", "disconnected"),
    *("message", "error"),
)
"""The names that `client.on` knows."""

CALL_EVENTS = (
    *("accepted", "progress", "ended", "failed", "stateChanged", "hold", "mute", "dtmf", "remoteHold"),
    *("transferred", "transferFailed", "transferRequested", "replacement", "qualityStats", "info"),
    *("warning", "warningCleared"),
)
"""The names that `call.on` knows."""


@frozen
class Named:
    """The event `name` of the call `call_id`, or of the client, with its `payload` (empty or one value)."""

    name: str
    payload: tuple[Any, ...] = ()
    call_id: str | None = None


def named(event: Event, before: ClientSnapshot, after: ClientSnapshot) -> Iterator[Named]:
    """What the change from `before` to `after` by `event` is called, in order.

    `incoming` and `replacement` carry a call's id.
    """
    if before.state != after.state:
        yield Named("stateChanged", (after.state,))
    match event:
        case FlowOpened():
            yield Named("connected")
        case FlowLost() | FlowClosed() | Disconnected(was_open=True):
            yield Named("disconnected")
        case Registered(refreshed=False):
            yield Named("registered")
        case Unregistered():
            yield Named("unregistered")
        case RegistrationFailed(message=message, code=code) if event.final or event.asked or not event.will_retry:
            yield Named("registrationFailed", (RegistrationError(message, code),))
        case ConnectFailed(message=message):
            yield Named("error", (errors.ConnectionError(message),))
        case ActionFailed(message=message, code=code, reason=reason):
            yield Named("error", (JambonzError(message) if code is None else CallError(message, code, reason),))
        case MessageReceived(from_=sender, body=body, content_type=content_type):
            yield Named("message", (SipMessage(sender, body, content_type),))
        case CallCreated(call_id=call_id, in_place_of=str(old)) | CallReceived(call_id=call_id, in_place_of=str(old)):
            yield Named("replacement", (call_id,), old)
        case CallReceived(call_id=call_id):
            yield Named("incoming", (call_id,))
        case _ if isinstance(event, CallEvent):
            call = before.calls.get(event.call_id)
            if call is not None:
                yield from _named_of_call(event, call, after.calls.get(event.call_id))
        case _:
            pass


def _named_of_call(event: CallEvent, before: CallSnapshot, after: CallSnapshot | None) -> Iterator[Named]:
    call_id = before.id
    if after is None:
        if isinstance(event, CallReleased):
            yield Named("ended" if event.was_answered else "failed", (event.cause,), call_id)
        return
    if before.state != after.state:
        yield Named("stateChanged", (after.state,), call_id)
    if before.state is CallState.ENDED or isinstance(event, CallEnded):
        return  # what crossed the end is late
    match event:
        case CallAnswered() if before.answered_at is None:
            yield Named("accepted", (), call_id)
        case CallProgressed() if before.answered_at is None:
            yield Named("progress", (), call_id)
        case HoldChanged(held=held) if before.is_held != after.is_held:
            yield Named("hold", (held,), call_id)
        case RemoteHoldChanged(held=held) if before.is_remotely_held != after.is_remotely_held:
            yield Named("remoteHold", (held,), call_id)
        case MuteChanged(muted=muted) if before.is_muted != after.is_muted:
            yield Named("mute", (muted,), call_id)
        case DtmfReceived(tone=tone):
            yield Named("dtmf", (tone,), call_id)
        case InfoReceived(content_type=content_type, body=body):
            yield Named("info", (SipInfo(content_type, body),), call_id)
        case StatsSampled(stats=stats):
            yield Named("qualityStats", (stats,), call_id)
        case WarningRaised(warning=warning):
            yield Named("warning", (warning,), call_id)
        case WarningCleared(warning=warning):
            yield Named("warningCleared", (warning,), call_id)
        case TransferRequested():
            yield Named("transferRequested", (request_of(event),), call_id)
        case Transferred():
            yield Named("transferred", (), call_id)
        case TransferFailed(code=code, reason=reason):
            yield Named("transferFailed", (transfer_error(code, reason),), call_id)
        case _:
            pass


def request_of(event: TransferRequested) -> TransferRequest:
    """What the other side asks for, as the user sees it."""
    return TransferRequest("refer", event.call_id, event.target, event.referred_by, event.replaces, event.headers)
