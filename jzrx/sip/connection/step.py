"""`step(connection, input, at, chance) -> (connection, outputs)`: when to open the flow, to register, to come back.

The first connect makes one attempt and fails at once; after a success every drop is retried with backoff, which starts
anew only after a registration (a server that accepts and closes is not pressed). 401, 403 and 404 end it for good.
"""

from collections.abc import Iterable

from attrs import evolve

from jzrx.errors import ConnectionError, JambonzError, RegistrationError
from jzrx.events import (
    ConnectFailed,
    ConnectStarted,
    Disconnected,
    Event,
    FlowClosed,
    FlowLost,
    FlowOpened,
    ReconnectScheduled,
    Registered,
    RegistrationFailed,
    Unregistered,
)
from jzrx.sip.connection.state import (
    Ask,
    BeginRegistration,
    Connection,
    ConnectionInput,
    ConnectionOutput,
    ConnectionPhase,
    Happened,
    Ping,
    Quiet,
    RemoveRegistration,
    Sever,
    Step,
)
from jzrx.sip.machine import CancelTimer, CloseFlow, Notify, OpenFlow, SetTimer, Settle
from jzrx.sip.registration import Granted, Lapsed, Refused, Removed

__all__ = ["step"]

LEAVE_PATIENCE = 2.0
"""Seconds that a disconnect waits for the server."""
MOST_HEEDED = 300.0
"""Seconds of a Retry-After that we wait at most: a client that does not come back is of no use to its user."""
PONG_PATIENCE = 10.0
"""Seconds that an OPTIONS may stay unanswered, once one was answered."""

_GONE = {ConnectionPhase.LEAVING, ConnectionPhase.OVER}
_OPEN = {ConnectionPhase.REGISTERING, ConnectionPhase.UP, ConnectionPhase.REREGISTERING}


def step(connection: Connection, given: ConnectionInput, at: float, chance: float) -> Step:
    """One step of the connection."""
    match given:
        case Ask():
            return _asked(connection, given, at)
        case Happened(what="opened"):
            return _opened(connection, at)
        case Happened(what="failed"):
            return _failed(connection, given.detail, at, chance)
        case Happened(what="lost"):
            return _lost(connection, given.detail, at, chance)
        case Happened(what="pong"):
            return _ponged(connection)
        case Happened():
            return _timer_fired(connection, given.detail, at, chance)
        case Granted():
            return _granted(connection, given, at)
        case Refused():
            return _refused(connection, given, at, chance)
        case Removed():
            return _removed(connection, at)
        case Lapsed() if connection.phase is not ConnectionPhase.UP:
            return connection, []
        case Lapsed():
            return _drop(connection, "the registration lapsed", at, chance)
        case Quiet():
            return _leave(connection)


# --- what the user asks --------------------------------------------------------------------------------------------


def _asked(connection: Connection, ask: Ask, at: float) -> Step:
    token = ask.token
    match ask.what:
        case "connect" if connection.phase not in (ConnectionPhase.IDLE, ConnectionPhase.OVER):
            return connection, _refusal(token, "Already connected. Call disconnect() first, or make another client.")
        case "connect":
            connection = evolve(connection, phase=ConnectionPhase.OPENING, connect_token=token)
            return connection, [
                Notify(ConnectStarted(at=at, server=connection.server)),
                SetTimer(connection.timer("connect"), connection.timeout),
                OpenFlow(),
            ]
        case "disconnect":
            return _disconnect(connection, token, at)
        case "register":
            if connection.phase is not ConnectionPhase.UP:
                return connection, _refusal(token, "Not connected: call connect() first.")
            connection = evolve(connection, registers=True, registering=(*connection.registering, token))
            return connection, [BeginRegistration()]
        case "unregister":
            if connection.phase is not ConnectionPhase.UP:
                return connection, _refusal(token, "Not connected: call connect() first.")
            if not connection.registered and not connection.registering:
                return connection, _settle([token], None)
            connection = evolve(connection, registers=False, removing=(*connection.removing, token))
            return connection, [RemoveRegistration()]


def _disconnect(connection: Connection, token: int | None, at: float) -> Step:
    if connection.phase in _GONE:
        return connection, _settle([token], None)
    was_open = connection.phase in _OPEN
    outputs: list[ConnectionOutput] = [Notify(Disconnected(at=at, was_open=was_open))]
    outputs += _cancel_all(connection)
    connection, told = _tell_all(connection, ConnectionError("disconnected before it was done"))
    outputs += told
    connection = evolve(connection, phase=ConnectionPhase.LEAVING, leave_token=token)
    if not was_open:
        connection, more = _leave(connection)
        return connection, outputs + more
    outputs.append(SetTimer(connection.timer("leave"), LEAVE_PATIENCE))
    if connection.registered or connection.registers:
        outputs.append(RemoveRegistration())
    return connection, outputs


def _leave(connection: Connection) -> Step:
    if connection.phase is not ConnectionPhase.LEAVING:
        return connection, []
    outputs: list[ConnectionOutput] = [
        CancelTimer(connection.timer("leave")),
        Sever(final=True),
        CloseFlow("disconnected"),
        *_settle([connection.leave_token], None),
    ]
    return evolve(connection, phase=ConnectionPhase.OVER, leave_token=None, registered=False), outputs


# --- the flow ------------------------------------------------------------------------------------------------------


def _opened(connection: Connection, at: float) -> Step:
    if connection.phase not in (ConnectionPhase.OPENING, ConnectionPhase.REOPENING):
        return connection, []
    first = connection.phase is ConnectionPhase.OPENING
    outputs: list[ConnectionOutput] = [Notify(FlowOpened(at=at, will_register=connection.registers))]
    if connection.registers:
        phase = ConnectionPhase.REGISTERING if first else ConnectionPhase.REREGISTERING
        return evolve(connection, phase=phase, pongs=False), [*outputs, BeginRegistration()]
    connection, more = _up(evolve(connection, pongs=False))
    return connection, outputs + more


def _up(connection: Connection) -> Step:
    outputs: list[ConnectionOutput] = [
        CancelTimer(connection.timer("connect")),
        SetTimer(connection.timer("keepalive"), connection.interval),
        *_settle([connection.connect_token], None),
    ]
    return evolve(connection, phase=ConnectionPhase.UP, connect_token=None), outputs


def _failed(connection: Connection, message: str, at: float, chance: float) -> Step:
    if connection.phase is ConnectionPhase.OPENING:
        return _give_up(connection, ConnectionError(message), ConnectFailed(at=at, message=message))
    if connection.phase is ConnectionPhase.REOPENING:
        return _schedule(connection, at, chance)
    return connection, []


def _lost(connection: Connection, reason: str, at: float, chance: float) -> Step:
    match connection.phase:
        case ConnectionPhase.REGISTERING:
            message = f"the server closed the connection before it answered the registration: {reason}"
            closed = FlowClosed(at=at, reason=reason)
            return _give_up(connection, ConnectionError(message), closed, ConnectFailed(at=at, message=message))
        case ConnectionPhase.UP:
            return _drop(connection, reason, at, chance)
        case ConnectionPhase.REREGISTERING:
            connection, outputs = _schedule(connection, at, chance)
            return connection, [Notify(FlowClosed(at=at, reason=reason)), *outputs]
        case ConnectionPhase.LEAVING:
            return _leave(connection)
        case _:
            return connection, []


def _drop(connection: Connection, reason: str, at: float, chance: float) -> Step:
    """The flow was up and is lost, or of no use any more: come back."""
    outputs: list[ConnectionOutput] = [Notify(FlowLost(at=at, reason=reason))]
    connection, told = _tell_all(connection, ConnectionError(f"the connection was lost: {reason}"))
    connection, more = _schedule(evolve(connection, registered=False), at, chance)
    return connection, outputs + told + more


def _schedule(connection: Connection, at: float, chance: float, retry_after: float | None = None) -> Step:
    attempt = connection.attempt + 1
    outputs: list[ConnectionOutput] = [*_cancel_all(connection), CloseFlow("reconnecting")]
    if not connection.reconnect.allows(attempt):
        lost = f"the connection to {connection.server} was lost"
        message = f"{lost}, and {attempt - 1} attempts to reconnect failed; call connect() again"
        connection, more = _give_up(connection, None, ConnectFailed(at=at, message=message))
        return connection, outputs + more
    # 503: "The server MAY indicate when the client should retry the request in a Retry-After header field" (RFC 3261
    # section 21.5.4).
    delay = max(connection.reconnect.delay(attempt, chance), min(retry_after or 0.0, MOST_HEEDED))
    outputs += [
        Sever(final=False),
        Notify(ReconnectScheduled(at=at, attempt=attempt, delay=delay)),
        SetTimer(connection.timer("reconnect"), delay),
    ]
    return evolve(connection, phase=ConnectionPhase.WAITING, attempt=attempt), outputs


def _timer_fired(connection: Connection, name: str, at: float, chance: float) -> Step:
    match name, connection.phase:
        case "connect", ConnectionPhase.OPENING:
            message = (
                f"no connection to {connection.server} in {connection.timeout:g} s: "
                "check the address, the port and whether a firewall is between"
            )
            return _give_up(connection, ConnectionError(message), ConnectFailed(at=at, message=message))
        case "connect", ConnectionPhase.REGISTERING:
            message = (
                f"{connection.server} did not answer the registration in {connection.timeout:g} s: "
                "check that it speaks SIP over WebSocket"
            )
            return _refused(connection, Refused(408, message, True, False), at, chance)
        case "connect", ConnectionPhase.REOPENING:
            return _schedule(connection, at, chance)
        case "connect", ConnectionPhase.REREGISTERING:
            connection, outputs = _schedule(connection, at, chance)
            return connection, [Notify(FlowClosed(at=at, reason="no answer to the registration")), *outputs]
        case "reconnect", ConnectionPhase.WAITING:
            timer = SetTimer(connection.timer("connect"), connection.timeout)
            return evolve(connection, phase=ConnectionPhase.REOPENING), [timer, OpenFlow()]
        case "leave", ConnectionPhase.LEAVING:
            return _leave(connection)
        case "keepalive", ConnectionPhase.UP:
            # Only a server that has answered an OPTIONS before is taken for dead when it stops.
            patience: list[ConnectionOutput] = (
                [SetTimer(connection.timer("pong"), PONG_PATIENCE)] if connection.pongs else []
            )
            # It stayed: without a registration this is what makes the next drop a new one.
            connection = evolve(connection, attempt=0)
            return connection, [Ping(), SetTimer(connection.timer("keepalive"), connection.interval), *patience]
        case "pong", ConnectionPhase.UP:
            return _drop(connection, f"no answer to OPTIONS in {PONG_PATIENCE:g} s", at, chance)
        case _:
            return connection, []


def _ponged(connection: Connection) -> Step:
    return evolve(connection, pongs=True), [CancelTimer(connection.timer("pong"))]


# --- the registration ----------------------------------------------------------------------------------------------


def _granted(connection: Connection, granted: Granted, at: float) -> Step:
    if connection.phase in _GONE:
        return connection, []
    event = Registered(
        at=at,
        expires=granted.expires,
        until=granted.until,
        refreshed=granted.refreshed,
        service_route=tuple(map(str, granted.service_route)),
        path=tuple(map(str, granted.path)),
    )
    outputs: list[ConnectionOutput] = [Notify(event)]
    first = connection.phase in (ConnectionPhase.REGISTERING, ConnectionPhase.REREGISTERING)
    tokens = connection.registering
    connection = evolve(connection, registered=True, registering=(), attempt=0, flow_timer=granted.flow_timer)
    if first:
        connection, more = _up(connection)
        outputs += more
    return connection, [*outputs, *_settle(tokens, None)]


def _refused(connection: Connection, refused: Refused, at: float, chance: float) -> Step:
    code = 408 if refused.code is None else refused.code
    error = RegistrationError(refused.message, code)
    closed = FlowClosed(at=at, reason=refused.message)
    if connection.phase in _GONE:
        return connection, []
    if connection.phase is ConnectionPhase.REREGISTERING and not refused.fatal:
        event = RegistrationFailed(at=at, message=refused.message, code=code, final=False, will_retry=True)
        connection, outputs = _schedule(connection, at, chance, refused.retry_after)
        return connection, [Notify(event), Notify(closed), *outputs]
    if connection.phase in (ConnectionPhase.REGISTERING, ConnectionPhase.REREGISTERING) or (
        refused.refresh and refused.fatal
    ):
        event = RegistrationFailed(at=at, message=refused.message, code=code)
        return _give_up(connection, error, event, closed)
    if refused.removal:
        # We are still registered.
        return evolve(connection, registers=True, removing=()), _settle(connection.removing, error)
    event = RegistrationFailed(
        at=at,
        message=refused.message,
        code=code,
        final=False,
        will_retry=refused.refresh and not refused.fatal,
        asked=bool(connection.registering),
    )
    outputs = _settle(connection.registering, error)
    return evolve(connection, registering=()), [Notify(event), *outputs]


def _removed(connection: Connection, at: float) -> Step:
    connection, tokens = evolve(connection, registered=False, removing=()), connection.removing
    if connection.phase in _GONE:
        return connection, []
    return connection, [Notify(Unregistered(at=at)), *_settle(tokens, None)]


# --- helpers -------------------------------------------------------------------------------------------------------


def _give_up(connection: Connection, error: JambonzError | None, *events: Event) -> Step:
    """Nothing runs on: the calls end, then the state of the client becomes `error`."""
    connection, told = _tell_all(connection, error)
    outputs: list[ConnectionOutput] = [
        Sever(final=True),
        *(Notify(event) for event in events),
        *_cancel_all(connection),
        CloseFlow("failed"),
        *told,
    ]
    return evolve(connection, phase=ConnectionPhase.OVER, registered=False), outputs


def _cancel_all(connection: Connection) -> list[ConnectionOutput]:
    return [CancelTimer(connection.timer(name)) for name in ("connect", "reconnect", "keepalive", "pong")]


def _tell_all(connection: Connection, error: JambonzError | None) -> Step:
    """Nobody needs to wait any longer."""
    tokens = (connection.connect_token, *connection.registering, *connection.removing)
    return evolve(connection, connect_token=None, registering=(), removing=()), _settle(tokens, error)


def _settle(tokens: Iterable[int | None], error: JambonzError | None) -> list[ConnectionOutput]:
    return [Settle(token, None, error) for token in tokens if token is not None]


def _refusal(token: int | None, message: str) -> list[ConnectionOutput]:
    return _settle([token], ConnectionError(message))
