"""The policy for calls that come in, as a value."""

from typing import Any

import pytest

from jzrx import IncomingPolicy, JambonzClientOptions

FIELDS: dict[str, Any] = {"server": "ws://localhost", "username": "alice", "password": "secret"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("do_not_disturb", 1),
        ("do_not_disturb_code", 302),
        ("do_not_disturb_code", 200),
        ("do_not_disturb_code", True),
        ("max_calls", -1),
        ("max_calls", 1.5),
        ("auto_answer", "always"),
        ("auto_answer", None),
        ("auto_answer_delay", -1),
    ],
)
def test_a_bad_value_names_its_field(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        IncomingPolicy(**{field: value})


def test_at_first_every_call_rings() -> None:
    policy = JambonzClientOptions(**FIELDS).incoming
    assert policy == IncomingPolicy()
    assert (policy.do_not_disturb, policy.max_calls, policy.auto_answer) == (False, None, False)


def test_a_mapping_will_do() -> None:
    assert JambonzClientOptions(**FIELDS, incoming={"max_calls": 1}).incoming == IncomingPolicy(max_calls=1)
    with pytest.raises(TypeError, match="did you mean max_calls"):
        JambonzClientOptions(**FIELDS, incoming={"max_call": 1})
    with pytest.raises(ValueError, match="IncomingPolicy"):
        JambonzClientOptions(**FIELDS, incoming="busy")
