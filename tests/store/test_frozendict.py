"""A FrozenDict is a dict that nobody can change, and that json, pickle and copy take for what it is."""

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from jzrx.store.frozendict import FrozenDict


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.__setitem__("a", 2),
        lambda d: d.__delitem__("a"),
        lambda d: d.__ior__({"b": 2}),
        lambda d: d.clear(),
        lambda d: d.pop("a"),
        lambda d: d.popitem(),
        lambda d: d.setdefault("b", 2),
        lambda d: d.update(b=2),
    ],
)
def test_every_change_is_refused(change: Callable[[Any], object]) -> None:
    frozen = FrozenDict(a=1)
    with pytest.raises(TypeError, match="read-only"):
        change(frozen)
    assert frozen == {"a": 1}


def test_no_method_of_dict_that_changes_it_was_forgotten() -> None:
    harmless = {"copy", "fromkeys", "get", "items", "keys", "values"}
    named = {name for name in vars(dict) if not name.startswith("_")} - harmless
    assert all(getattr(FrozenDict, name) is not getattr(dict, name) for name in named)


def test_put_and_drop_make_copies_in_order() -> None:
    frozen = FrozenDict(a=1, b=2)
    assert list(frozen.put("a", 3).items()) == [("a", 3), ("b", 2)]
    assert list(frozen.put("c", 3)) == ["a", "b", "c"]
    assert list(frozen.drop("a")) == ["b"]
    assert frozen.drop("x") is frozen
    assert frozen == {"a": 1, "b": 2}
    assert isinstance(frozen.put("c", 3).drop("a"), FrozenDict)


def test_it_is_plain_data() -> None:
    frozen = FrozenDict(a=1)
    assert json.dumps(frozen) == '{"a": 1}'
    for again in (pickle.loads(pickle.dumps(frozen)), copy.copy(frozen), copy.deepcopy(frozen)):
        assert again == frozen
        assert type(again) is FrozenDict
    changed = dict(frozen)
    changed["b"] = 2
