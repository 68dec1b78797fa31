"""No pattern makes a group possessive: CPython before 3.11.5, Debian 12's among them, matches such groups wrongly."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from re import _constants, _parser  # pyright: ignore[reportAttributeAccessIssue]
from typing import Any

import jzrx

ONE_CHARACTER = (_constants.IN, _constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY)


def patterns() -> Iterator[tuple[str, "re.Pattern[Any]"]]:
    for module in pkgutil.walk_packages(jzrx.__path__, "jzrx."):
        if not module.name.endswith("__main__"):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, re.Pattern):
                    yield f"{module.name}.{name}", value


def possessive_groups(tree: Any) -> Iterator[Any]:
    """The repeated parts of the parsed pattern that are more than one character, and possessive."""
    if isinstance(tree, tuple) and tree and tree[0] is _constants.POSSESSIVE_REPEAT:
        body = tree[1][2]
        if len(body) != 1 or body[0][0] not in ONE_CHARACTER:
            yield body
    if isinstance(tree, tuple | list | _parser.SubPattern):
        for part in tree:
            yield from possessive_groups(part)


def found_in(pattern: "re.Pattern[Any]") -> bool:
    flags = pattern.flags if isinstance(pattern.pattern, str) else pattern.flags & ~re.UNICODE
    return any(True for _ in possessive_groups(_parser.parse(pattern.pattern, flags)))


def test_no_group_is_possessive() -> None:
    """github.com/python/cpython issue 106052; `(?>(?:...)*)` is matched rightly everywhere."""
    assert [name for name, pattern in patterns() if found_in(pattern)] == []


def test_such_a_group_would_be_found() -> None:
    assert found_in(re.compile(r"a(b(?:;[a-z]++)*+)?"))
    assert not found_in(re.compile(r"a(?>(?:;[a-z]++)*)b*+"))
