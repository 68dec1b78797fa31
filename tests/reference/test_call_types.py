"""call-types.spec: the five ways to call, and what of them is on the wire."""

from typing import Any

import pytest

from jzrx import JambonzClient
from jzrx.sip.message import Request
from tests.bench import Bench


def test_14_there_is_call_user() -> None:
    assert callable(JambonzClient.call_user)


def test_15_there_is_call_queue() -> None:
    assert callable(JambonzClient.call_queue)


def test_16_there_is_call_conference() -> None:
    assert callable(JambonzClient.call_conference)


def test_17_there_is_call_application() -> None:
    assert callable(JambonzClient.call_application)


async def called(bench: Bench, verb: str, name: str, **options: Any) -> Request:
    """The INVITE of such a call, which is outbound and has an id."""
    call = getattr(bench.client, verb)(name, **options)
    assert (call.direction, isinstance(call.id, str), bool(call.id)) == ("outbound", True, True)
    assert bench.client.calls[call.id] is call
    await bench.pass_time(0.1)
    return bench.sent("INVITE")[-1]


async def test_18_a_user_is_called_by_name_in_the_realm(bench: Bench) -> None:
    invite = await called(bench, "call_user", "bob")
    assert str(invite.uri) == str(invite.to.uri) == "sip:bob@example.com"


async def test_19_a_queue_is_called_by_its_prefix(bench: Bench) -> None:
    assert str((await called(bench, "call_queue", "support")).uri) == "sip:queue-support@example.com"


async def test_20_a_conference_is_called_by_its_prefix(bench: Bench) -> None:
    assert str((await called(bench, "call_conference", "room-123")).uri) == "sip:conference-room-123@example.com"


async def test_21_an_application_is_called_by_prefix_and_header(bench: Bench) -> None:
    invite = await called(bench, "call_application", "abc-123-def", headers={"X-Application-Sid": "another"})
    assert str(invite.uri) == "sip:app-abc-123-def@example.com"
    assert invite.headers.get_all("X-Application-Sid") == ("abc-123-def",), "its own SID wins"


async def test_22_a_queue_with_headers_and_a_time_limit(bench: Bench) -> None:
    bench.peer.answers["INVITE"] = (100, 183)
    invite = await called(bench, "call_queue", "support", headers={"X-Ticket": "4711"}, no_answer_timeout=5)
    assert invite.headers.get("X-Ticket") == "4711"
    (call,) = bench.client.calls.values()
    await bench.pass_time(4.7)
    assert call.state == "ringing"
    await bench.pass_time(0.5)
    assert call.state == "ended"
    await bench.pass_time(0.1)
    assert len(bench.sent("CANCEL")) == 1


async def test_23_a_conference_with_headers(bench: Bench) -> None:
    invite = await called(bench, "call_conference", "room-123", headers={"X-Role": "moderator"})
    assert invite.headers.get("X-Role") == "moderator"


@pytest.mark.parametrize(
    ("target", "uri"),
    [("queue-support", "queue-support"), ("+1 (555) 0100", "+15550100"), ("sip:bob@example.com", "bob")],
)
async def test_18_call_itself_takes_names_numbers_and_uris(bench: Bench, target: str, uri: str) -> None:
    assert str((await called(bench, "call", target)).uri) == f"sip:{uri}@example.com"
