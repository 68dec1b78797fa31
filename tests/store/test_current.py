"""Which call is current, which ring here, and who comes back when the current one ends."""

import attrs

from jzrx.events import CurrentCallChanged, Event
from jzrx.store import reduce
from tests.store.samples import after, answered, answering, created, dialed, ended, held, received, released


def current(*events: Event) -> str | None:
    return after(*events).current_call_id


def up(call_id: str) -> tuple[Event, ...]:
    return created(call_id), dialed(call_id), answered(call_id)


def over(call_id: str) -> tuple[Event, ...]:
    return ended(call_id), released(call_id)


def test_the_last_one_made_or_answered_is_current() -> None:
    assert current() is None
    assert current(created("a")) == "a"
    assert current(*up("a"), created("b")) == "b"
    assert current(*up("a"), received("b"), answering("b")) == "b"


def test_a_ringing_incoming_call_is_not_current() -> None:
    assert current(received("a")) is None
    assert current(*up("a"), received("b")) == "a"


def test_the_other_side_answering_does_not_bring_a_call_to_the_front() -> None:
    assert current(created("a"), dialed("a"), created("b"), dialed("b"), answered("a")) == "b"


def test_it_stays_current_until_it_is_released() -> None:
    assert current(*up("a"), ended("a")) == "a"
    assert current(*up("a"), *over("a")) is None


def test_the_most_recently_current_held_call_comes_back() -> None:
    events = (*up("a"), held("a"), *up("b"), held("b"), *up("c"), held("c"), *up("d"))
    assert current(*events, *over("d")) == "c"
    assert current(*events, *over("c"), *over("d")) == "b"
    # c was in front again after d: it is more recent than b, and a is older than both
    assert current(*events, *over("d"), *up("e"), *over("e")) == "c"


def test_a_held_call_goes_before_a_more_recent_one_that_is_not() -> None:
    assert current(*up("a"), held("a"), *up("b"), *up("c"), *over("c")) == "a"


def test_a_call_that_never_began_gives_its_place_back() -> None:
    events = (*up("a"), held("a"), *up("b"), created("c"), ended("c"))
    assert current(*events, attrs.evolve(released("c"), back_to="b")) == "b"
    assert current(*events, ended("b"), released("b"), attrs.evolve(released("c"), back_to="b")) == "a"


def test_without_a_held_one_the_most_recent_other_comes_back() -> None:
    assert current(*up("a"), *up("b"), *up("c"), *over("c")) == "b"
    assert current(*up("a"), received("b"), *over("a")) is None


def test_the_user_turns_to_another_call() -> None:
    events = (*up("a"), held("a"), *up("b"), received("c"))
    assert current(*events, CurrentCallChanged(at=20, call_id="a")) == "a"
    assert current(*events, CurrentCallChanged(at=20, call_id="a"), *over("a")) == "b"
    before = after(*events)
    for unchanged in ("b", "c", "x"):  # the current one, one that only rings, and none
        assert reduce(before, CurrentCallChanged(at=20, call_id=unchanged)) is before


def test_a_call_that_ended_behind_the_current_one_does_not_come_back() -> None:
    assert current(*up("a"), *up("b"), ended("a"), *over("b")) is None


def test_the_end_of_another_call_changes_nothing() -> None:
    assert current(*up("a"), held("a"), *up("b"), *over("a")) == "b"


def test_incoming_calls_are_those_that_ring_oldest_first() -> None:
    rings = (received("a"), received("b"), received("c"))
    assert after(*rings).incoming_call_ids == ("a", "b", "c")
    assert after(*rings, answering("a")).incoming_call_ids == ("b", "c")
    assert after(*rings, ended("b"), released("b")).incoming_call_ids == ("a", "c")
    assert after(*rings, answered("c")).incoming_call_ids == ("a", "b")
    assert after(created("x")).incoming_call_ids == ()


# --- a call that comes in the place of another ---------------------------------------------------------------------


def test_one_that_the_other_side_asked_for_is_in_front_while_it_rings() -> None:
    assert current(*up("a"), created("b", in_place_of="a")) == "b"
    assert current(*up("a"), created("b", in_place_of="a"), dialed("b"), answered("b"), *over("a")) == "b"


def test_and_behind_where_the_old_one_was() -> None:
    """We talk to somebody else meanwhile, who stays in front."""
    both = (*up("a"), held("a"), *up("c"), created("b", in_place_of="a"))
    assert current(*both) == "c"
    assert after(*both, dialed("b"), answered("b"), *over("a")).recent_call_ids == ("b", "c")


def test_when_it_fails_the_old_one_is_in_front_again() -> None:
    """Also before another one that is on hold."""
    calls = (*up("c"), held("c"), *up("a"), created("b", in_place_of="a"), ended("b"))
    assert current(*calls, attrs.evolve(released("b"), was_answered=False, back_to="a")) == "a"


def test_one_that_replaces_another_is_never_incoming() -> None:
    snapshot = after(*up("a"), received("b", in_place_of="a"))
    assert (snapshot.current_call_id, snapshot.incoming_call_ids) == ("a", ())
    assert snapshot.calls["b"].in_place_of == "a"


def test_it_is_in_front_when_it_is_answered() -> None:
    coming = (*up("a"), received("b", in_place_of="a"), answering("b"))
    assert current(*coming) == "a"
    assert current(*coming, answered("b")) == "b"
    assert current(*coming, answered("b"), ended("a")) == "b"


def test_or_when_the_other_one_has_left_before() -> None:
    """No moment without a call, and no other one in between."""
    coming = (*up("c"), held("c"), *up("a"), received("b", in_place_of="a"), answering("b"))
    assert [current(*coming, *more) for more in ((ended("a"),), over("a"), (*over("a"), answered("b")))] == [
        "a",
        "b",
        "b",
    ]


def test_the_place_of_one_that_is_not_in_front_is_kept_too() -> None:
    coming = (*up("a"), held("a"), *up("c"), received("b", in_place_of="a"), answering("b"))
    assert after(*coming, answered("b"), *over("a")).recent_call_ids == ("b", "c")
    assert after(*coming, *over("a")).recent_call_ids == ("b", "c")
