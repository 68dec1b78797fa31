"""The connection: one flow to the server, opened, registered over, and brought back, as a machine."""

from jzrx.sip.connection.state import (
    CONNECTION_TIMER,
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
)
from jzrx.sip.connection.step import step

__all__ = [
    "CONNECTION_TIMER",
    "Ask",
    "BeginRegistration",
    "Connection",
    "ConnectionInput",
    "ConnectionOutput",
    "ConnectionPhase",
    "Happened",
    "Ping",
    "Quiet",
    "RemoveRegistration",
    "Sever",
    "step",
]
