"""Snapshots are plain values: frozen, and fit for attrs.asdict, JSON, pickle and copy."""

import copy
import json
import pickle

import attrs
import pytest

from jzrx.store import ClientSnapshot
from jzrx.types import CallState
from tests.store.samples import after, answered, answering, ended, received, sampled

SNAPSHOT = after(received("a", name="Alice"), answering("a"), answered("a"), sampled("a"), received("b"), ended("b"))


def test_the_fields_are_those_of_the_contract() -> None:
    client = {"state", "is_registered", "error", "registered_until", "calls", "current_call_id"}
    call = {
        *("id", "direction", "state", "remote_identity", "is_muted", "is_held", "is_remotely_held", "media"),
        *("created_at", "answered_at", "ended_at", "end_cause", "quality", "warnings"),
    }
    assert client <= set(attrs.asdict(SNAPSHOT))
    assert call <= set(attrs.asdict(SNAPSHOT.calls["a"]))


def test_asdict_and_json_go_all_the_way_down() -> None:
    data = json.loads(json.dumps(attrs.asdict(SNAPSHOT)))
    assert data["state"] == "registered"
    assert data["calls"]["a"]["quality"]["codec"] == "opus"
    assert data["calls"]["b"]["end_cause"]["code"] == 200


def test_pickle_and_copy_give_equal_snapshots() -> None:
    for again in (pickle.loads(pickle.dumps(SNAPSHOT)), copy.copy(SNAPSHOT), copy.deepcopy(SNAPSHOT)):
        assert again == SNAPSHOT


def test_nothing_in_it_can_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        SNAPSHOT.error = "x"  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        SNAPSHOT.calls["a"].state = CallState.IDLE  # type: ignore[misc]
    with pytest.raises(TypeError, match="read-only"):
        SNAPSHOT.calls["c"] = SNAPSHOT.calls["a"]


def test_the_mapping_given_to_it_is_copied() -> None:
    calls = dict(SNAPSHOT.calls)
    snapshot = ClientSnapshot(calls=calls)
    calls.clear()
    assert list(snapshot.calls) == ["a", "b"]
