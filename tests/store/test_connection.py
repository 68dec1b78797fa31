"""How the connection's state follows from the events: every transition of the table, and what must not move it."""

import pytest

from jzrx.events import (
    ActionFailed,
    ConnectFailed,
    ConnectStarted,
    Disconnected,
    Event,
    FlowClosed,
    FlowLost,
    FlowOpened,
    MessageReceived,
    ReconnectScheduled,
    Registered,
    RegistrationFailed,
    Unregistered,
)
from jzrx.store import ClientSnapshot, reduce, replay
from jzrx.types import ClientState

START = ConnectStarted(at=0, server="ws://localhost")
OPEN = FlowOpened(at=1, will_register=True)
OPEN_ONLY = FlowOpened(at=1, will_register=False)
GRANTED = Registered(at=2, expires=300, until=302)
REFRESHED = Registered(at=250, expires=300, until=550, refreshed=True)
LOST = FlowLost(at=3, reason="closed")
FAILED = ConnectFailed(at=4, message="refused")
REFUSED = RegistrationFailed(at=5, message="403 Forbidden", code=403)
RETRIED = RegistrationFailed(at=260, message="503", code=503, final=False, will_retry=True)
UNREGISTERED = Unregistered(at=6)
GONE = Disconnected(at=7, was_open=True)
COMPLAINT = ActionFailed(at=8, action="send_message", message="408")
EVERY = (START, OPEN, OPEN_ONLY, GRANTED, REFRESHED, LOST, FAILED, REFUSED, RETRIED, UNREGISTERED, GONE, COMPLAINT)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((), "disconnected"),
        ((START,), "connecting"),
        ((START, OPEN), "connected"),
        ((START, OPEN_ONLY), "connected"),
        ((START, OPEN, GRANTED), "registered"),
        ((START, OPEN, GRANTED, REFRESHED), "registered"),
        ((START, OPEN, GRANTED, LOST), "reconnecting"),
        ((START, OPEN, GRANTED, LOST, OPEN), "reconnecting"),
        ((START, OPEN, GRANTED, LOST, OPEN, GRANTED), "registered"),
        ((START, OPEN_ONLY, LOST, OPEN_ONLY), "connected"),
        ((START, FAILED), "error"),
        ((START, OPEN, REFUSED), "error"),
        ((START, OPEN, GRANTED, LOST, OPEN, REFUSED), "error"),
        ((START, OPEN, GRANTED, UNREGISTERED), "unregistered"),
        ((START, OPEN, GRANTED, UNREGISTERED, GRANTED), "registered"),
        ((START, OPEN, GRANTED, RETRIED), "registered"),
        ((START, OPEN_ONLY, RETRIED), "connected"),
        ((START, OPEN, GRANTED, GONE), "disconnected"),
        ((START, FAILED, GONE), "disconnected"),
        ((START, FAILED, START), "connecting"),
        ((START, GONE, START, OPEN), "connected"),
    ],
)
def test_transitions(events: tuple[Event, ...], state: str) -> None:
    snapshot = replay(events)
    assert snapshot.state == state
    assert snapshot.is_registered == (state == "registered")
    assert (snapshot.registered_until is not None) == snapshot.is_registered


@pytest.mark.parametrize("event", EVERY[1:])
def test_disconnected_is_left_by_connect_only(event: Event) -> None:
    snapshot = replay((START, OPEN, GRANTED, GONE))
    assert reduce(snapshot, event) is snapshot


@pytest.mark.parametrize("event", EVERY)
def test_error_is_left_by_connect_and_disconnect_only(event: Event) -> None:
    state = reduce(replay((START, FAILED)), event).state
    assert state == {START: "connecting", GONE: "disconnected"}.get(event, "error")


def test_a_failed_refresh_keeps_registered_until_the_granted_time_is_over() -> None:
    registered = replay((START, OPEN, GRANTED))
    early = reduce(registered, RETRIED)
    assert (early.state, early.error, early.registered_until) == ("registered", "503", 302)
    late = reduce(early, RegistrationFailed(at=302, message="503", final=False, will_retry=True))
    assert (late.state, late.is_registered, late.registered_until) == ("connected", False, None)


@pytest.mark.parametrize("event", [FAILED, REFUSED, RETRIED, COMPLAINT])
def test_error_is_the_last_message_until_the_next_connect(event: Event) -> None:
    assert replay((START, OPEN, COMPLAINT, event)).error == getattr(event, "message", None)
    assert replay((START, OPEN, event, GRANTED)).error == (
        getattr(event, "message", None) if event in (RETRIED, COMPLAINT) else replay((START, OPEN, event)).error
    )
    assert replay((START, OPEN, event, GONE)).error is not None
    assert replay((START, OPEN, event, GONE, START)).error is None


@pytest.mark.parametrize(
    "event",
    [
        FlowClosed(at=1, reason="403"),
        ReconnectScheduled(at=1, attempt=1, delay=1.0),
        MessageReceived(at=1, from_="sip:a@b", body="hi"),
    ],
)
def test_events_without_state_change_nothing(event: Event) -> None:
    for state in ClientState:
        snapshot = ClientSnapshot(state=state)
        assert reduce(snapshot, event) is snapshot


def test_the_same_again_is_the_same_object() -> None:
    for events in ((START,), (START, OPEN, GRANTED), (START, OPEN, GRANTED, LOST), (START, FAILED), (START, COMPLAINT)):
        snapshot = replay(events)
        assert reduce(snapshot, events[-1]) is snapshot
