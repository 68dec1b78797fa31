"""How a call follows from its events: the two paths, every fact in its field, and late events that change nothing."""

import json

import attrs
import pytest

from jzrx.events import (
    CallProgressed,
    DtmfReceived,
    DtmfSent,
    Event,
    HoldFailed,
    InfoReceived,
    MediaStateChanged,
    RemoteHoldChanged,
    RemotePartyChanged,
    TransferFailed,
    Transferred,
    WarningCleared,
    WarningRaised,
)
from jzrx.store import CallSnapshot, reduce
from jzrx.types import CallDirection, CallState, CallWarning, MediaState
from tests.store.samples import (
    BYE,
    STATS,
    after,
    answered,
    answering,
    created,
    dialed,
    ended,
    held,
    muted,
    progressed,
    received,
    released,
    sampled,
)

SILENT = CallWarning("no-audio-received", 5.0, 5.0)
UP: tuple[Event, ...] = (created("a"), dialed("a"), answered("a", at=13))


def call_after(*events: Event) -> CallSnapshot:
    return after(*events).calls["a"]


def states(*events: Event) -> list[str]:
    return [call_after(*events[: index + 1]).state.value for index in range(len(events))]


def test_the_outbound_path() -> None:
    path = (created("a"), dialed("a"), progressed("a"), answered("a"), held("a"), held("a", False), ended("a"))
    assert states(*path) == ["idle", "connecting", "ringing", "connected", "held", "connected", "ended"]
    assert call_after(*path).direction is CallDirection.OUTBOUND


def test_the_inbound_path() -> None:
    path = (received("a"), answering("a"), answered("a"), ended("a"))
    assert states(*path) == ["ringing", "connecting", "connected", "ended"]
    assert call_after(*path).direction is CallDirection.INBOUND


def test_a_100_does_not_ring() -> None:
    assert states(created("a"), dialed("a"), progressed("a", 100), progressed("a", 180))[-2:] == [
        "connecting",
        "ringing",
    ]


def test_times_and_cause() -> None:
    call = call_after(created("a", at=10), dialed("a"), answered("a", at=13), ended("a", at=20))
    assert (call.created_at, call.answered_at, call.ended_at, call.end_cause) == (10, 13, 20, BYE)
    declined = call_after(received("a"), ended("a"))
    assert declined.answered_at is None


def test_remote_hold_is_another_fact_than_ours() -> None:
    call = call_after(*UP, RemoteHoldChanged(at=14, call_id="a", held=True))
    assert (call.state, call.is_held, call.is_remotely_held) == ("connected", False, True)
    both = reduce(after(*UP, held("a")), RemoteHoldChanged(at=14, call_id="a", held=True)).calls["a"]
    assert (both.state, both.is_held, both.is_remotely_held) == ("held", True, True)


def test_mute_media_and_quality() -> None:
    call = call_after(*UP, muted("a"), MediaStateChanged(at=14, call_id="a", media=MediaState.CONNECTED), sampled("a"))
    assert (call.is_muted, call.media, call.quality, call.state) == (True, "connected", STATS, "connected")


def test_who_is_at_the_other_side() -> None:
    assert call_after(received("a", name="Alice")).remote_identity == "Alice"
    assert call_after(received("a", name="")).remote_identity == "sip:a@localhost"
    assert call_after(created("a")).remote_identity == "a"
    named = RemotePartyChanged(at=14, call_id="a", remote_uri="sip:b@localhost", remote_display_name="Bob")
    call = call_after(created("a"), named)
    assert (call.remote_identity, call.remote_uri, call.remote_display_name) == ("Bob", "sip:b@localhost", "Bob")


def test_a_released_call_is_gone() -> None:
    assert not after(*UP, ended("a"), released("a")).calls


@pytest.mark.parametrize(
    "event",
    [dialed("a"), progressed("a"), answering("a"), answered("a"), created("a"), received("a"), sampled("b")],
)
def test_out_of_its_time_it_changes_nothing(event: Event) -> None:
    snapshot = after(*UP)
    assert reduce(snapshot, event) is snapshot


@pytest.mark.parametrize(
    "event",
    [
        *(dialed("a"), progressed("a"), answering("a"), answered("a"), held("a"), muted("a"), sampled("a")),
        ended("a", at=99),
        MediaStateChanged(at=14, call_id="a", media=MediaState.FAILED),
        RemoteHoldChanged(at=14, call_id="a", held=True),
        WarningRaised(at=14, call_id="a", warning=SILENT),
        WarningCleared(at=14, call_id="a", warning=SILENT),
    ],
)
def test_ended_is_final_and_unknown_calls_stay_unknown(event: Event) -> None:
    for snapshot in (after(*UP, ended("a")), after(*UP, ended("a"), released("a")), after()):
        assert reduce(snapshot, event) is snapshot


def test_a_warning_stands_until_it_is_cleared() -> None:
    lossy = CallWarning("high-packet-loss", 0.05, 0.03)
    raised = [WarningRaised(at=at, call_id="a", warning=each) for at, each in ((20, SILENT), (21, lossy), (22, SILENT))]
    warned = call_after(*UP, *raised)
    assert warned.warnings == ("no-audio-received", "high-packet-loss")
    assert warned.state is CallState.CONNECTED
    over = call_after(*UP, *raised, WarningCleared(at=30, call_id="a", warning=SILENT))
    assert over.warnings == ("high-packet-loss",)
    json.dumps(attrs.asdict(warned))


def test_media_that_fails_after_it_was_up_ends_no_call() -> None:
    failed = MediaStateChanged(at=20, call_id="a", media=MediaState.FAILED, reason="consent ran out")
    assert call_after(*UP, failed).state is CallState.CONNECTED


def test_hold_before_the_answer_is_no_state() -> None:
    snapshot = after(created("a"), dialed("a"))
    assert reduce(snapshot, held("a")) is snapshot


@pytest.mark.parametrize(
    "event",
    [
        HoldFailed(at=14, call_id="a", wanted=True, code=488, reason=""),
        DtmfSent(at=14, call_id="a", tone="1", method="info"),
        DtmfReceived(at=14, call_id="a", tone="1", method="rtp"),
        InfoReceived(at=14, call_id="a", content_type="text/plain"),
        Transferred(at=14, call_id="a"),
        TransferFailed(at=14, call_id="a", code=603, reason=""),
        CallProgressed(at=14, call_id="b", code=180, reason=""),
    ],
)
def test_events_without_state_change_nothing(event: Event) -> None:
    snapshot = after(*UP, held("a"))
    assert reduce(snapshot, event) is snapshot


def test_no_other_call_is_touched() -> None:
    before = after(*UP, received("b"))
    assert reduce(before, muted("a")).calls["b"] is before.calls["b"]
