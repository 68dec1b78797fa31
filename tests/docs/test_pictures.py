"""The pictures of docs/how-it-works.md show what the code does: all of it, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from docs.pictures import MACHINES, explore
from docs.pictures.draw import svg
from docs.pictures.explore import Transition
from docs.pictures.ladder import a_call, ladder
from jzrx.sip.session.state import Phase
from jzrx.types import CallDirection, CallState, ClientState


def states(transitions: set[Transition]) -> set[str]:
    return {state for one in transitions for state in (one.before, one.after)}


def test_the_states_of_a_call_are_those_that_are_documented() -> None:
    outbound, inbound = (explore.call_states(direction) for direction in reversed(CallDirection))
    assert states(outbound) == set(CallState)
    assert {(one.before, one.after) for one in inbound} == {
        ("ringing", "connecting"),
        ("connecting", "connected"),
        ("connected", "held"),
        ("held", "connected"),
        *((state, "ended") for state in ("ringing", "connecting", "connected", "held")),
    }
    assert Transition("ringing", "CallAnswered", "connected") in outbound
    assert not [one for one in outbound | inbound if one.before == "ended"]


def test_every_state_of_a_client_is_reached_and_can_be_left() -> None:
    found = explore.client_states()
    assert {one.before for one in found} == {one.after for one in found} == set(ClientState)
    assert {one.by for one in found if one.after == "reconnecting"} == {"FlowLost"}
    assert {one.after for one in found if one.before == "disconnected"} == {"connecting"}


def test_every_phase_of_an_invite_is_reached_and_closed_is_final() -> None:
    outbound, inbound = (explore.session_phases(direction) for direction in CallDirection)
    assert states(outbound | inbound) == {phase.name for phase in Phase}
    assert not [one for one in outbound | inbound if one.before == "CLOSED"]


@pytest.mark.parametrize("name", MACHINES)
def test_a_picture_has_every_transition(name: str) -> None:
    title, find, layout = MACHINES[name]
    found = find()
    picture = svg(title, layout, found)
    assert picture.count("marker-end") == len({(one.before, one.after) for one in found})
    assert all(f">{state}</text>" in picture for state in layout.places)


def test_a_state_that_has_no_place_is_told() -> None:
    title, find, layout = MACHINES["client"]
    with pytest.raises(ValueError, match="give the states their places"):
        svg(title, layout, find() | {Transition("registered", "Moved", "elsewhere")})


def test_what_cannot_happen_is_not_explored() -> None:
    def inputs(now: int) -> list[tuple[str, Callable[[], Any]]]:
        return [("up", lambda: now + 1)] if now < 3 else []

    assert list(explore.walk(0, inputs, lambda now: now)) == [(0, "up", 1), (1, "up", 2), (2, "up", 3)]


def test_the_ladder_shows_a_whole_call() -> None:
    rungs = [rung.what for rung in a_call()]
    order = ["Connect", "REGISTER", "Dial", "INVITE", "180 Ringing", "ACK", "Hold", "HangUp", "BYE"]
    assert [what for what in dict.fromkeys(rungs) if what in order] == order
    assert ladder("a call", a_call()).count("marker-end") == len(rungs)
