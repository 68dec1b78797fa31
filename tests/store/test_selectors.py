"""What follows from a snapshot."""

import attrs
import pytest

from jzrx.events import Event, FlowLost, Unregistered
from jzrx.store import ClientSnapshot, selectors
from jzrx.types import ClientState
from tests.store.samples import (
    after,
    answered,
    answering,
    created,
    dialed,
    ended,
    held,
    muted,
    received,
    released,
)

UP: tuple[Event, ...] = (created("a"), dialed("a"), answered("a", at=13))
LOST = FlowLost(at=50, reason="closed")


def allowed(snapshot: ClientSnapshot) -> set[str]:
    return {name for name, is_allowed in attrs.asdict(selectors.can(snapshot)).items() if is_allowed}


@pytest.mark.parametrize("state", ClientState)
def test_connecting_is_connecting_or_reconnecting(state: ClientState) -> None:
    expected = state in ("connecting", "reconnecting")
    assert selectors.is_connecting(ClientSnapshot(state=state)) == expected


def test_registered_and_count() -> None:
    assert selectors.is_registered(after())
    assert not selectors.is_registered(after(LOST))
    assert selectors.call_count(after(*UP, received("b"))) == 2


def test_current_and_incoming_call() -> None:
    assert selectors.current_call(after(received("a"))) is None
    assert selectors.incoming_call(after()) is None
    snapshot = after(*UP, received("b"), received("c"))
    assert selectors.current_call(snapshot) is snapshot.calls["a"]
    assert selectors.incoming_call(snapshot) is snapshot.calls["b"]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), False),
        ((created("a"),), False),
        ((created("a"), dialed("a")), True),
        (UP, True),
        ((*UP, held("a")), True),
        ((*UP, ended("a")), False),
        ((*UP, ended("a"), released("a")), False),
    ],
)
def test_active_is_neither_idle_nor_ended(events: tuple[Event, ...], expected: bool) -> None:
    assert selectors.is_active(selectors.current_call(after(*events))) is expected


def test_duration_runs_from_the_answer_to_the_end_in_whole_seconds() -> None:
    assert selectors.duration(after(created("a")).calls["a"], now=100) == 0
    assert selectors.duration(after(*UP).calls["a"], now=13.99) == 0
    assert selectors.duration(after(*UP).calls["a"], now=15.99) == 2
    assert selectors.duration(after(*UP, ended("a", at=20)).calls["a"], now=1000) == 7
    assert selectors.duration(after(*UP).calls["a"], now=12) == 0


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (ClientSnapshot(), {"connect"}),
        (ClientSnapshot(state=ClientState.ERROR), {"connect"}),
        (ClientSnapshot(state=ClientState.CONNECTING), {"disconnect"}),
        (after(LOST), {"disconnect"}),
        (after(), {"disconnect", "register", "unregister", "call", "send_message"}),
        (after(Unregistered(at=5)), {"disconnect", "register", "call", "send_message"}),
    ],
)
def test_what_is_allowed_without_a_call(snapshot: ClientSnapshot, expected: set[str]) -> None:
    assert allowed(snapshot) == expected


IDLE = allowed(after())


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((received("a"),), {"answer", "decline"}),
        ((received("a"), answering("a")), {"hangup", "mute"}),
        ((created("a"),), {"hangup", "mute"}),
        (UP, {"hangup", "mute", "hold", "send_dtmf", "transfer"}),
        ((*UP, muted("a")), {"hangup", "unmute", "hold", "send_dtmf", "transfer"}),
        ((*UP, held("a")), {"hangup", "mute", "unhold", "send_dtmf", "transfer"}),
        ((*UP, ended("a")), set[str]()),
        (
            (*UP, received("b")),
            {"answer", "end_and_answer", "decline", "hangup", "mute", "hold", "send_dtmf", "transfer"},
        ),
        (
            (*UP, held("a"), created("b"), answered("b")),
            {"hangup", "mute", "hold", "send_dtmf", "transfer", "attended_transfer", "swap"},
        ),
        (
            (*UP, held("a"), created("b")),
            {"hangup", "mute"},
        ),
    ],
)
def test_what_is_allowed_in_a_call(events: tuple[Event, ...], expected: set[str]) -> None:
    assert allowed(after(*events)) - IDLE == expected
    # without a connection nothing can be asked of the other side, but a call can be ended here
    assert allowed(after(*events, LOST)) - IDLE == expected & {"decline", "hangup", "mute", "unmute"}


def allowed_in(call_id: str, *events: Event) -> set[str]:
    actions = selectors.can_in_call(after(*events), call_id)
    return {name for name, is_allowed in attrs.asdict(actions).items() if is_allowed}


TALKING = {"hangup", "mute", "send_dtmf", "transfer", "send_info", "restart_ice"}


@pytest.mark.parametrize(
    ("call_id", "events", "expected"),
    [
        ("a", (), set[str]()),
        ("a", (*UP, ended("a")), set[str]()),
        ("a", (received("a"),), {"answer", "decline", "hangup", "mute"}),
        ("b", (*UP, received("b")), {"answer", "decline", "hangup", "mute"}),
        ("a", UP, TALKING | {"hold"}),
        ("a", (*UP, held("a")), TALKING | {"unhold", "switch_to"}),
        ("a", (*UP, held("a"), created("b"), answered("b")), TALKING | {"unhold", "attended_transfer", "switch_to"}),
        ("b", (*UP, held("a"), created("b"), answered("b")), TALKING | {"hold", "attended_transfer"}),
        ("a", (*UP, held("a"), created("b")), TALKING | {"unhold"}),  # b rings out: it cannot be put on hold yet
    ],
)
def test_what_is_allowed_in_one_call(call_id: str, events: tuple[Event, ...], expected: set[str]) -> None:
    assert allowed_in(call_id, *events) == expected
    assert allowed_in(call_id, *events, LOST) == expected & {"decline", "hangup", "mute", "unmute"}
