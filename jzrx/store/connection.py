"""The slice of the connection: `state`, `is_registered`, `registered_until` and `error` of a `ClientSnapshot`.

                   ConnectStarted            FlowOpened              Registered
    disconnected ─────────────────▶ connecting ────────▶ connected ─────────────▶ registered
    error        ─────────────────▶                          ▲  FlowLost │            │ ▲
                                                 FlowOpened, │           ▼   FlowLost │ │ Registered
                                          no registration    └──── reconnecting ◀─────┘ │
                                                                         └──────────────┘
    Unregistered: unregistered · ConnectFailed, RegistrationFailed(final): error · Disconnected: disconnected

`disconnected` is final: only ConnectStarted leads out of it. `error` is left by ConnectStarted and Disconnected only;
another failure replaces its message.
"""

from typing import assert_never

from jzrx.events import (
    ActionFailed,
    ConnectFailed,
    ConnectStarted,
    Disconnected,
    FlowLost,
    FlowOpened,
    Registered,
    RegistrationFailed,
    Unregistered,
)
from jzrx.store.evolve import evolver
from jzrx.store.snapshots import ClientSnapshot
from jzrx.types import ClientState

__all__ = ["ConnectionEvent", "initial", "reduce"]

ConnectionEvent = (
    ConnectStarted
    | FlowOpened
    | FlowLost
    | ConnectFailed
    | Registered
    | RegistrationFailed
    | Unregistered
    | Disconnected
    | ActionFailed
)
"""What this slice reduces."""

initial = ClientSnapshot()

_evolve = evolver(ClientSnapshot, by_identity=("calls",))


def reduce(snapshot: ClientSnapshot, event: ConnectionEvent) -> ClientSnapshot:
    """The snapshot after `event`; the same object when nothing changed."""
    match snapshot.state:
        case ClientState.DISCONNECTED:
            return _connecting(snapshot) if isinstance(event, ConnectStarted) else snapshot
        case ClientState.ERROR:
            return _reduce_error(snapshot, event)
        case (
            ClientState.CONNECTING
            | ClientState.CONNECTED
            | ClientState.REGISTERED
            | ClientState.RECONNECTING
            | ClientState.UNREGISTERED
        ):
            return _reduce_open(snapshot, event)
    assert_never(snapshot.state)


def _reduce_open(snapshot: ClientSnapshot, event: ConnectionEvent) -> ClientSnapshot:
    match event:
        case ConnectStarted():
            return _connecting(snapshot)
        case FlowOpened(will_register=will_register):
            if snapshot.state is ClientState.CONNECTING:
                return _evolve(snapshot, state=ClientState.CONNECTED)
            if snapshot.state is ClientState.RECONNECTING and not will_register:
                return _evolve(snapshot, state=ClientState.CONNECTED)
            return snapshot
        case FlowLost():
            return _unregistered(snapshot, ClientState.RECONNECTING, snapshot.error)
        case ConnectFailed(message=message):
            return _unregistered(snapshot, ClientState.ERROR, message)
        case Registered(until=until):
            return _evolve(snapshot, state=ClientState.REGISTERED, is_registered=True, registered_until=until)
        case RegistrationFailed(message=message, final=True):
            return _unregistered(snapshot, ClientState.ERROR, message)
        case RegistrationFailed(message=message, at=at):
            # A failed refresh keeps `registered` until the granted time is over.
            if snapshot.registered_until is not None and at >= snapshot.registered_until:
                return _unregistered(snapshot, ClientState.CONNECTED, message)
            return _evolve(snapshot, error=message)
        case Unregistered():
            return _unregistered(snapshot, ClientState.UNREGISTERED, snapshot.error)
        case Disconnected():
            return _unregistered(snapshot, ClientState.DISCONNECTED, snapshot.error)
        case ActionFailed(message=message):
            return _evolve(snapshot, error=message)
    assert_never(event)


def _reduce_error(snapshot: ClientSnapshot, event: ConnectionEvent) -> ClientSnapshot:
    match event:
        case ConnectStarted():
            return _connecting(snapshot)
        case Disconnected():
            return _evolve(snapshot, state=ClientState.DISCONNECTED)
        case ConnectFailed(message=message) | RegistrationFailed(message=message) | ActionFailed(message=message):
            return _evolve(snapshot, error=message)
        case FlowOpened() | FlowLost() | Registered() | Unregistered():
            return snapshot
    assert_never(event)


def _connecting(snapshot: ClientSnapshot) -> ClientSnapshot:
    return _unregistered(snapshot, ClientState.CONNECTING, None)


def _unregistered(snapshot: ClientSnapshot, state: ClientState, error: str | None) -> ClientSnapshot:
    return _evolve(snapshot, state=state, is_registered=False, registered_until=None, error=error)
