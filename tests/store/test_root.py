"""The reducer as a whole, for any list of events, sane or not."""

from functools import reduce as fold
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from jzrx import events
from jzrx.events import CallReleased, ConnectStarted, Event
from jzrx.store import ClientSnapshot, reduce, replay, selectors
from jzrx.types import CallDirection, CallEndCause, CallState, CallWarning, ClientState, MediaState
from tests.store.samples import STATS

TIMES = st.floats(0, 1000, allow_nan=False)
BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "at": TIMES,
    "until": TIMES,
    "delay": TIMES,
    "call_id": st.sampled_from("abc"),
    "in_place_of": st.sampled_from([None, "a", "b"]),
    "back_to": st.sampled_from([None, "a", "b"]),
    "cause": st.builds(CallEndCause, st.integers(200, 699), st.text(max_size=3)),
    "stats": st.builds(lambda loss: attrs.evolve(STATS, packet_loss=loss), st.floats(0, 1)),
    "media": st.sampled_from(MediaState),
    "warning": st.builds(CallWarning, st.sampled_from(["high-rtt", "low-mos"]), TIMES, TIMES),
    "code": st.integers(100, 699),
    "headers": st.just(()),
    "body": st.just(""),
}
BY_TYPE: dict[object, st.SearchStrategy[Any]] = {
    str: st.sampled_from(["", "x", "y"]),
    bool: st.booleans(),
    int: st.integers(0, 10),
    float: TIMES,
    str | None: st.sampled_from([None, "", "x"]),
    int | None: st.none(),
    tuple[str, ...]: st.just(()),
}
KINDS: tuple[type, ...] = Event.__args__


def any_of(kind: Any) -> st.SearchStrategy[Any]:
    fields = {f.name: BY_NAME[f.name] if f.name in BY_NAME else BY_TYPE[f.type] for f in attrs.fields(kind)}
    return st.builds(kind, **fields)


EVENTS = st.one_of([any_of(kind) for kind in KINDS])
HISTORIES = st.lists(EVENTS, max_size=40)


def test_the_union_has_every_event_of_the_vocabulary() -> None:
    classes = {
        thing for thing in vars(events).values() if isinstance(thing, type) and thing.__module__.endswith("events")
    }
    assert classes == set(KINDS)


@given(HISTORIES)
def test_a_history_replays_to_equal_snapshots(history: list[Event]) -> None:
    assert replay(history) == replay(history) == fold(reduce, history, ClientSnapshot())


@given(HISTORIES, EVENTS)
def test_a_new_object_is_a_changed_one(history: list[Event], event: Event) -> None:
    before = replay(history)
    after = reduce(before, event)
    assert after is before or after != before
    if after.calls is not before.calls:
        assert after.calls != before.calls
    touched = getattr(event, "call_id", None)
    for call_id, call in after.calls.items():
        assert call_id == touched or call is before.calls[call_id]


@given(HISTORIES, EVENTS)
def test_ended_is_final(history: list[Event], event: Event) -> None:
    before = replay(history)
    after = reduce(before, event)
    for call_id, call in before.calls.items():
        if call.state is CallState.ENDED:
            is_released = isinstance(event, CallReleased) and event.call_id == call_id
            assert after.calls.get(call_id) is (None if is_released else call)
    if before.state is ClientState.DISCONNECTED and not isinstance(event, ConnectStarted):
        assert after.state is ClientState.DISCONNECTED


@given(HISTORIES)
def test_every_snapshot_makes_sense(history: list[Event]) -> None:
    snapshot = replay(history)
    ringing = [
        call_id
        for call_id, c in snapshot.calls.items()
        if c.state is CallState.RINGING and c.direction is CallDirection.INBOUND
    ]
    assert list(snapshot.incoming_call_ids) == [call for call in ringing if snapshot.calls[call].in_place_of is None]
    assert set(snapshot.recent_call_ids).isdisjoint(ringing)
    assert len(set(snapshot.recent_call_ids)) == len(snapshot.recent_call_ids)
    assert snapshot.current_call_id == (snapshot.recent_call_ids[-1] if snapshot.recent_call_ids else None)
    live = {call_id for call_id, c in snapshot.calls.items() if c.state is not CallState.ENDED} - set(ringing)
    live -= {c.id for c in snapshot.calls.values() if c.in_place_of in snapshot.recent_call_ids and not c.answered_at}
    assert live <= set(snapshot.recent_call_ids) <= set(snapshot.calls)
    assert snapshot.is_registered == (snapshot.state is ClientState.REGISTERED)
    for call in snapshot.calls.values():
        assert call.is_held == (call.state is CallState.HELD) or call.state is CallState.ENDED
        assert (call.ended_at is None) == (call.end_cause is None) == (call.state is not CallState.ENDED)
        assert selectors.duration(call, 2000) >= 0
    selectors.can(snapshot)
