"""The generated evolve does what attrs.evolve does, and returns the same object when nothing changes."""

import attrs
import pytest
from attrs import frozen

from jzrx.store.evolve import evolver


@frozen
class Point:
    x: int
    y: int = 0
    tags: tuple[str, ...] = ()


evolve = evolver(Point)


def test_it_agrees_with_attrs() -> None:
    point = Point(1, 2, ("a",))
    for changes in ({"x": 3}, {"y": 4, "tags": ()}, {"x": 5, "y": 6, "tags": ("b",)}):
        assert evolve(point, **changes) == attrs.evolve(point, **changes)
    assert point == Point(1, 2, ("a",))


def test_what_it_makes_is_whole() -> None:
    evolved = evolve(Point(1), x=2)
    assert hash(evolved) == hash(Point(2))
    assert repr(evolved) == repr(Point(2))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        evolved.x = 3


def test_nothing_changed_is_the_same_object() -> None:
    point = Point(1, 2, ("a", "b"))
    assert evolve(point) is point
    assert evolve(point, x=1, tags=tuple("ab")) is point


def test_by_identity_an_equal_object_is_a_change() -> None:
    tags = tuple("ab")
    point = Point(1, 2, tuple("ab"))
    assert evolver(Point, by_identity=("tags",))(point, tags=tags).tags is tags


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(TypeError, match="z"):
        evolve(Point(1), z=1)
