"""sip-message.spec: texts by SIP MESSAGE."""

import pytest

import jzrx
from jzrx import CallError, JambonzClient, SipMessage, create_jambonz_client
from jzrx.testing.peer import request
from tests.bench import Bench
from tests.reference.conftest import Phone


def test_78_there_is_send_message() -> None:
    assert callable(JambonzClient.send_message)


async def test_79_a_text_is_sent_and_its_fate_is_known(bench: Bench) -> None:
    assert await bench.finish(bench.client.send_message("bob", "Grüße")) == 200
    (message,) = bench.sent("MESSAGE")
    assert str(message.uri) == str(message.to.uri) == "sip:bob@example.com"
    assert message.headers.get("Content-Type") == "text/plain"
    assert message.body.decode() == "Grüße"
    bench.peer.answers["MESSAGE"] = 503
    with pytest.raises(CallError) as refused:
        await bench.finish(bench.client.send_message("bob", "hello"))
    assert refused.value.code == 503


async def test_80_a_text_may_be_of_another_type(bench: Bench) -> None:
    await bench.finish(bench.client.send_message("bob", '{"a": 1}', "application/json"))
    assert bench.sent("MESSAGE")[0].headers.get("Content-Type") == "application/json"
    with pytest.raises(ValueError, match="content_type"):
        bench.client.send_message("bob", "hello", "json")


def test_81_a_text_before_connect_is_refused() -> None:
    client = create_jambonz_client(server="ws://localhost:1", username="alice", password="secret")
    with pytest.raises(jzrx.ConnectionError, match="Not connected"):
        client.send_message("bob", "hello")


async def test_82_a_text_that_comes_is_told_and_answered_until_off(bench: Bench) -> None:
    heard: list[SipMessage] = []
    bench.client.on("message", heard.append)

    async def arrive(body: str, number: int) -> None:
        text = body.encode()
        bench.peer.say(request("MESSAGE", call_id=f"text{number}", body=text, content_type="text/plain"))
        await bench.pass_time(0.1)
        assert bench.peer.last_response(200).call_id == f"text{number}"

    await arrive("hello", 1)
    assert [(text.body, text.content_type) for text in heard] == [("hello", "text/plain")]
    assert "bob@example.com" in heard[0].from_
    bench.client.off("message", heard.append)
    await arrive("are you there?", 2)
    assert len(heard) == 1


async def test_82_two_phones_write_to_each_other(phone: Phone) -> None:
    alice, bob = await phone("alice"), await phone("bob")
    heard: list[SipMessage] = []
    bob.on("message", heard.append)
    assert await alice.send_message("bob", "hello") in (200, 202)
    assert [text.body for text in heard] == ["hello"]
