"""The types of named events: each name has one, and what is typed is what is told."""

import re
from collections.abc import Callable
from typing import Any, get_args, get_overloads, get_type_hints

import pytest

import jzrx
from jzrx.phone import subscribing
from jzrx.phone.named import CALL_EVENTS, CLIENT_EVENTS
from tests.bench import Bench, outbound


def typed(method: Callable[..., Any]) -> dict[str, Any]:
    """Each name that has an overload, and the arguments that its handler gets."""
    found: dict[str, Any] = {}
    for overload in get_overloads(method):
        hints = get_type_hints(overload, localns={"JambonzCall": jzrx.JambonzCall})
        given, _ = get_args(hints["handler"])
        found |= dict.fromkeys(get_args(hints["event"]), given)
    return found


def snake(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)


@pytest.mark.parametrize(
    ("kind", "names"), [(subscribing.ClientEvents, CLIENT_EVENTS), (subscribing.CallEvents, CALL_EVENTS)]
)
def test_each_name_has_a_type_in_both_spellings(kind: Any, names: tuple[str, ...]) -> None:
    known = typed(kind.on)
    assert known.keys() == {*names, *map(snake, names)}
    assert all(known[name] == known[snake(name)] for name in names)
    assert typed(kind.once) == known


async def test_what_is_told_is_of_that_type() -> None:
    bench = Bench()
    seen: list[tuple[Any, tuple[Any, ...]]] = []

    def watch(what: Any, types: dict[str, Any]) -> None:
        for name, kinds in types.items():
            what.on(name, lambda *payload, kinds=kinds: seen.append((kinds, payload)))

    watch(bench.client, typed(subscribing.ClientEvents.on))
    await bench.connected()
    call = await outbound(bench)
    watch(call, typed(subscribing.CallEvents.on))
    await bench.finish(call.hold())
    call.mute()
    call.hangup()
    bench.invite()
    await bench.pass_time(0.1)
    await bench.close()
    assert len(seen) > 10
    for kinds, payload in seen:
        assert len(kinds) == len(payload)
        assert all(map(isinstance, payload, kinds))
