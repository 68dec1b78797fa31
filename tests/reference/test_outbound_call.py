"""outbound-call.spec: a call that we make."""

import pytest

import jzrx
from jzrx import CallEndCause, create_jambonz_client
from tests.bench import Bench, outbound, told


async def test_53_a_call_has_id_state_and_direction(bench: Bench) -> None:
    call, other = bench.client.call("bob"), bench.client.call("bob")
    assert call.id
    assert call.id != other.id
    assert (type(call.id), call.state, call.direction) == (str, "idle", "outbound")


async def test_54_its_properties_can_be_read_at_once(bench: Bench) -> None:
    call = bench.client.call("bob")
    assert (call.direction, call.is_muted, call.is_held, call.duration) == ("outbound", False, False, 0)
    assert (call.remote_identity, call.remote_uri) == ("bob", "sip:bob@example.com")
    assert dict(call.remote_headers) == {}


async def test_55_an_end_has_code_and_reason(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    await bench.pass_time(2)
    call.hangup()
    assert heard[-1] == ("ended", CallEndCause(200, "Normal call clearing", "local"))
    assert await call.finished() == heard[-1][1]


async def test_56_no_answer_in_time_cancels_and_says_so(bench: Bench) -> None:
    bench.peer.answers["INVITE"] = (100, 180)
    call = bench.client.call("bob", no_answer_timeout=5)
    heard = told(call)
    await bench.pass_time(4.9)
    assert call.state == "ringing"
    await bench.pass_time(0.3)
    assert heard[-1] == ("failed", CallEndCause(408, "No Answer", "system"))
    assert len(bench.sent("CANCEL")) == 1
    with pytest.raises(jzrx.CallError, match="408 No Answer"):
        await call.answered()


async def test_57_a_call_before_connect_says_what_to_do(bench: Bench) -> None:
    client = create_jambonz_client(server="ws://localhost:1", username="alice", password="secret")
    with pytest.raises(jzrx.ConnectionError, match=r"Not connected.*connect\(\)"):
        client.call("bob")
    assert client.call_count == 0
    await bench.finish(bench.client.disconnect())
    with pytest.raises(ConnectionError, match="Not connected"):
        bench.client.call("bob")
