"""The phone of a notebook without a notebook: what it keeps, what it hands over, and what it leaves behind."""

import threading
from collections.abc import AsyncIterator

import pytest

from jzrx.media import silence
from jzrx.notebook import Softphone
from jzrx.testing import EmbeddedSbc


@pytest.fixture
async def sbc() -> AsyncIterator[EmbeddedSbc]:
    async with EmbeddedSbc({"alice": "wonderland"}) as server:
        yield server


async def test_it_lives_on_a_thread_of_its_own_and_leaves_nothing(sbc: EmbeddedSbc) -> None:
    phone = Softphone(server=sbc.url, username="alice", password="wonderland", audio=silence, speaker=False)
    await phone.phone.state.wait("registered", timeout=5)
    assert repr(phone) == "<Softphone alice registered, 0 calls, 0 incoming>"
    assert "wonderland" not in str(phone.widget.get_state()) + repr(phone)
    thread = next(thread for thread in threading.enumerate() if thread.name == "jzrx-notebook")
    await phone.calls.make_call("echo")
    assert phone.widget.view["calls"][0]["status"] == "connected"
    client = phone.client
    assert client is not None
    phone.close()
    phone.close()
    await client.snapshot.wait(lambda now: now.state == "disconnected", timeout=5)
    thread.join(5)
    assert not thread.is_alive()


async def test_a_second_phone_of_an_account_takes_the_place_of_the_first(sbc: EmbeddedSbc) -> None:
    account = {"server": sbc.url, "username": "alice", "password": "wonderland"}
    first = Softphone(account, audio=silence, speaker=False)
    await first.phone.state.wait("registered", timeout=5)
    client = first.client
    assert client is not None
    with Softphone(account, audio=silence, speaker=False) as second:
        await second.phone.state.wait("registered", timeout=5)
        await client.snapshot.wait(lambda now: now.state == "disconnected", timeout=5)
        left = second.client
    assert left is not None
    await left.snapshot.wait(lambda now: now.state == "disconnected", timeout=5)


def test_what_is_pressed_is_done() -> None:
    with Softphone(server="ws://localhost:1", username="alice", password="x", connect=False) as phone:
        phone._press({"do": "call", "with": {"target": "bob"}})
        assert "not connected: connect first" in phone.widget.view["notice"]
        phone._press({"do": "sound", "with": {"on": True}})
        assert phone.widget.has_sound
        phone._press({"do": "sound", "with": {"on": False}})
        assert not phone.widget.has_sound
