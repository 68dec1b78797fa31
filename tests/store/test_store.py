"""The store: events in their order, snapshots before events, and a call's observable that other calls do not touch."""

from itertools import pairwise
from typing import Any

import pytest
import reactivex
from hypothesis import given
from hypothesis import strategies as st

from jzrx.events import Event
from jzrx.store import CallSnapshot, ClientSnapshot, StateObservable, Store, replay, selectors
from tests.store.samples import (
    REGISTERED,
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
    store_after,
)

UP: tuple[Event, ...] = (created("a"), dialed("a"), answered("a"))


def collect(observable: reactivex.Observable[Any]) -> list[Any]:
    """What arrives from now on; the completion as "end"."""
    seen: list[Any] = []
    observable.subscribe(seen.append, None, lambda: seen.append("end"))
    return seen


def test_an_event_becomes_a_snapshot() -> None:
    store = Store()
    seen = collect(store.snapshot)
    for event in REGISTERED:
        store.dispatch(event)
    assert [snapshot.state for snapshot in seen] == ["disconnected", "connecting", "connected", "registered"]
    assert store.snapshot.value == after()


def test_an_event_that_changes_nothing_is_no_snapshot_but_an_event() -> None:
    store = store_after(*UP)
    snapshots, events = collect(store.snapshot), collect(store.events)
    store.dispatch(answered("a"))
    assert len(snapshots) == 1
    assert events == [answered("a")]


def test_events_are_hot_and_come_after_their_snapshots() -> None:
    store = store_after()
    log: list[object] = []
    store.events.subscribe(lambda event: log.append((event.at, store.snapshot.value.current_call_id)))
    store.select(selectors.current_call).subscribe(lambda call: log.append(call and call.id))
    assert log == [None]
    store.dispatch(created("a", at=1))
    store.dispatch(created("b", at=2))
    assert log == [None, "a", (1, "a"), "b", (2, "b")]
    assert not collect(store.events)


def test_what_is_dispatched_inside_a_subscriber_or_handler_comes_next() -> None:
    store = store_after(received("a"))
    log: list[object] = []

    def answer_then_mute(call: CallSnapshot) -> None:
        if call.state == "connecting":
            store.dispatch(answered("a"))
            store.dispatch(muted("a"))

    def hold_when_answered(event: Event) -> None:
        log.append(event)
        if event == answered("a"):
            store.dispatch(held("a"))

    store.select_call("a").subscribe(answer_then_mute)
    store.events.subscribe(hold_when_answered)
    store.snapshot.subscribe(lambda s: log.append((s.calls["a"].state, s.calls["a"].is_muted)))
    log.clear()
    store.dispatch(answering("a"))
    assert log == [
        *(("connecting", False), answering("a")),
        *(("connected", False), answered("a")),
        *(("connected", True), muted("a")),
        *(("held", True), held("a")),
    ]


def test_a_handler_of_events_that_raises_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    store = store_after()

    def raising(_: Event) -> None:
        raise ValueError("my own fault")

    store.events.subscribe(raising)
    seen = collect(store.events)
    store.dispatch(created("a"))
    store.dispatch(dialed("a"))
    assert seen == [created("a"), dialed("a")]
    assert [r.name for r in caplog.records] == ["jzrx.store"] * 2


def test_an_event_handler_can_be_disposed_inside_a_handler() -> None:
    store = store_after()
    subscriptions: list[Any] = []
    store.events.subscribe(lambda _: [s.dispose() for s in subscriptions])
    seen: list[Event] = []
    subscriptions.append(store.events.subscribe(seen.append))
    store.dispatch(created("a"))
    assert not seen


def test_an_event_that_the_reducer_cannot_take_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    store = store_after()
    before = store.snapshot.value
    store.dispatch("no event")  # type: ignore[arg-type]
    store.dispatch(created("a"))
    assert caplog.records[0].name == "jzrx.store"
    assert "no event" in caplog.text
    assert before.calls.put("a", store.snapshot.value.calls["a"]) == store.snapshot.value.calls


# --- one call -------------------------------------------------------------------------------------------------------


def test_a_call_is_observed_from_its_current_state_to_its_release() -> None:
    store = store_after(*UP)
    call = store.select_call("a")
    seen = collect(call.select(lambda call: (call.state.value, call.is_muted)))
    for event in (muted("a"), held("a"), ended("a"), released("a")):
        store.dispatch(event)
    assert seen == [("connected", False), ("connected", True), ("held", True), ("ended", True), "end"]
    assert call.value.state == "ended"
    assert collect(call) == [call.value, "end"]


def test_a_call_that_nobody_watches_keeps_its_last_snapshot() -> None:
    store = store_after(*UP)
    call = store.select_call("a")
    state = call.select(lambda call: call.state)
    for event in (ended("a"), released("a")):
        store.dispatch(event)
    assert (call.value.state, state.value, call.value.end_cause) == ("ended", "ended", ended("a").cause)


def test_an_unknown_call_cannot_be_selected() -> None:
    with pytest.raises(KeyError):
        store_after().select_call("a")


def test_a_call_number_used_again_is_another_call() -> None:
    store = store_after(*UP)
    first = store.select_call("a")
    for event in (ended("a"), released("a"), received("a")):
        store.dispatch(event)
    assert (first.value.state, store.select_call("a").value.state) == ("ended", "ringing")


def test_an_event_of_one_call_runs_nothing_of_the_others() -> None:
    store = store_after(*(received(str(n)) for n in range(1000)))
    runs: list[str] = []

    def state(call: CallSnapshot) -> str:
        runs.append(call.id)
        return call.state

    for n in range(1000):
        store.select_call(str(n)).select(state).subscribe()
    runs.clear()
    store.dispatch(answering("7"))
    assert runs == ["7"]


def test_the_call_and_the_client_show_one_moment() -> None:
    store = store_after(*UP)
    call, snapshot = store.select_call("a"), store.snapshot
    worlds: list[bool] = []

    def look(_: object) -> None:
        worlds.append(call.value is snapshot.value.calls["a"])

    call.subscribe(look)
    snapshot.subscribe(look)
    store.dispatch(muted("a"))
    assert worlds == [True] * 4


# --- the end, and the public face -----------------------------------------------------------------------------------


def test_dispose_completes_everything_and_keeps_the_values() -> None:
    store = store_after(*UP)
    observables = [store.snapshot, store.select_call("a"), store.select(selectors.current_call), store.events]
    seen = [collect(observable) for observable in observables]
    store.dispose()
    store.dispose()
    store.dispatch(muted("a"))
    assert [values[-1] for values in seen] == ["end"] * 4
    assert [len(values) for values in seen] == [2, 2, 2, 1]
    assert store.snapshot.value == after(*UP)
    assert collect(store.events) == ["end"]


def test_the_view_reads_only() -> None:
    store = store_after(*UP)
    view = store.view
    assert view.snapshot is store.snapshot
    assert view.select(selectors.call_count).value == 1
    assert view.select_call("a").value.id == "a"
    events = collect(view.events)
    store.dispatch(muted("a"))
    assert events == [muted("a")]
    assert {name for name in dir(view) if not name.startswith("_")} == {"snapshot", "events", "select", "select_call"}


# --- any history ----------------------------------------------------------------------------------------------------

STEPS = st.sampled_from(
    [
        step(call_id)
        for call_id in "abc"
        for step in (received, answering, answered, held, muted, ended, released, created)
    ]
)


@given(st.lists(STEPS, max_size=30), st.data())
def test_every_subscriber_sees_one_moment_whatever_happens(history: list[Event], data: st.DataObject) -> None:
    """Selections, calls and followers, watched and not, with dispatches from inside: all agree, and nothing is lost."""
    store = store_after()
    current = store.select(lambda s: s.current_call_id)

    def describe(s: ClientSnapshot) -> str | None:
        call = selectors.current_call(s)
        return call and f"{call.state} {call.is_muted}"

    described = store.select(describe)
    states: StateObservable[str | None] = current.follow(
        lambda call_id: store.select(lambda s: s.calls[call_id].state if call_id in s.calls else None)
    )
    count = store.select(lambda s: len(s.calls))
    unwatched = count.select(lambda n: n + 1)
    queue = list(history)
    delivered: list[ClientSnapshot] = []

    def look(_: object) -> None:
        s = store.snapshot.value
        assert current.value == s.current_call_id
        assert described.value == describe(s)
        call = selectors.current_call(s)
        assert states.value == (call and call.state)
        assert (count.value, unwatched.value) == (len(s.calls), len(s.calls) + 1)
        for call_id in s.calls:
            assert store.select_call(call_id).value is s.calls[call_id]

    def look_and_dispatch(value: object) -> None:
        look(value)
        if queue and data.draw(st.booleans()):
            store.dispatch(queue.pop(0))

    failures: list[BaseException] = []

    def guarded(check: Any) -> Any:
        def run(value: object) -> None:
            try:
                check(value)
            except AssertionError as error:  # the store would only log it
                failures.append(error)

        return run

    for observable in (current, described, states, count, store.events):
        observable.subscribe(guarded(look_and_dispatch))
    store.snapshot.subscribe(delivered.append)
    store.snapshot.subscribe(guarded(look))
    while queue:
        store.dispatch(queue.pop(0))
    assert not failures
    assert store.snapshot.value == replay(history, after())
    assert all(a != b for a, b in pairwise(delivered))
