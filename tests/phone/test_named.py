"""The documented events follow from the facts; what comes late has no name."""

from typing import Any

import pytest

from jzrx import events
from jzrx.events import Event
from jzrx.phone.named import CALL_EVENTS, CLIENT_EVENTS, named
from jzrx.store import ClientSnapshot, reduce
from jzrx.types import CallEndCause, MediaState

CAUSE = CallEndCause(486, "Busy Here")
CALL: dict[str, Any] = {"at": 1.0, "call_id": "1"}
DIALED = [events.CallCreated(**CALL, remote_identity="bob", remote_uri="sip:bob@x"), events.CallDialed(**CALL)]
RINGING = [*DIALED, events.CallProgressed(**CALL, code=180, reason="Ringing")]
UP = [*RINGING, events.CallAnswered(**CALL)]
OVER = [*UP, events.CallEnded(**CALL, cause=CAUSE)]


def names(*history: Event) -> list[list[str]]:
    """What each event of a history is called."""
    rows: list[list[str]] = []
    snapshot = ClientSnapshot()
    for event in history:
        after = reduce(snapshot, event)
        rows.append([happened.name for happened in named(event, snapshot, after)])
        snapshot = after
    return rows


def test_a_call_in_order() -> None:
    released = events.CallReleased(**CALL, cause=CAUSE, was_answered=True)
    assert names(*OVER, released) == [
        [],
        ["stateChanged"],
        ["stateChanged", "progress"],
        ["stateChanged", "accepted"],
        ["stateChanged"],
        ["ended"],
    ]


def test_a_call_that_was_never_up_has_failed() -> None:
    over = [events.CallEnded(**CALL, cause=CAUSE), events.CallReleased(**CALL, cause=CAUSE, was_answered=False)]
    assert names(*RINGING, *over)[-1] == ["failed"]


@pytest.mark.parametrize(
    "late",
    [
        events.CallAnswered(**CALL),
        events.CallProgressed(**CALL, code=183, reason="Session Progress"),
        events.HoldChanged(**CALL, held=True),
        events.RemoteHoldChanged(**CALL, held=True),
        events.MuteChanged(**CALL, muted=True),
        events.DtmfReceived(**CALL, tone="5", method="rtp"),
        events.MediaStateChanged(**CALL, media=MediaState.CONNECTED),
        events.CallEnded(**CALL, cause=CAUSE),
    ],
)
def test_after_the_end_nothing_is_told(late: Event) -> None:
    assert names(*OVER, late)[-1] == []
    released = events.CallReleased(**CALL, cause=CAUSE, was_answered=True)
    assert names(*OVER, released, late)[-1] == []
    assert names(*OVER, released, released)[-1] == []


def test_what_changes_nothing_is_not_told() -> None:
    held = events.HoldChanged(**CALL, held=True)
    assert names(*UP, held, held)[-2:] == [["stateChanged", "hold"], []]
    assert names(*UP, events.CallProgressed(**CALL, code=183, reason="late"))[-1] == []


def test_the_flow_is_told_at_each_opening_and_loss() -> None:
    history: list[Event] = [
        events.ConnectStarted(at=0.0, server="ws://x"),
        events.FlowOpened(at=0.1, will_register=True),
        events.Registered(at=0.2, expires=300, until=300.2),
        events.Registered(at=200.0, expires=300, until=500.0, refreshed=True),
        events.FlowLost(at=210.0, reason="gone"),
        events.FlowOpened(at=211.0, will_register=True),
        events.RegistrationFailed(at=212.0, message="503", code=503, final=False, will_retry=True),
        events.FlowClosed(at=212.0, reason="503"),
        events.Disconnected(at=220.0, was_open=False),
    ]
    assert names(*history) == [
        ["stateChanged"],
        ["stateChanged", "connected"],
        ["stateChanged", "registered"],
        [],
        ["stateChanged", "disconnected"],
        ["connected"],
        [],
        ["disconnected"],
        ["stateChanged"],
    ]


def test_every_name_is_documented() -> None:
    assert len(set(CLIENT_EVENTS)) == 9
    assert set(CALL_EVENTS) >= {"accepted", "progress", "ended", "failed", "stateChanged", "hold", "mute", "dtmf"}
