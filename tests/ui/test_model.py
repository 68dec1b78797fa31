"""The phone behind the user interfaces: what it shows, and what its buttons do, with real calls on the embedded SBC."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import get_args

import pytest
from reactivex import operators

from jzrx import CallQualityStats, JambonzClient, create_jambonz_client, use_jambonz_client
from jzrx.media import silence, tone
from jzrx.testing import EmbeddedSbc
from jzrx.types import WarningName
from jzrx.ui.model import PhoneModel
from jzrx.ui.view import WARNINGS, PhoneView, clock, quality_line

USERS = {"alice": "wonderland", "bob": "builder", "carol": "singer"}


@pytest.fixture
async def sbc() -> AsyncIterator[EmbeddedSbc]:
    async with EmbeddedSbc(USERS) as server:
        yield server


@pytest.fixture
async def phone(sbc: EmbeddedSbc) -> AsyncIterator[PhoneModel]:
    hook = use_jambonz_client(server=sbc.url, username="alice", password="wonderland", audio=silence, speaker=False)
    model = PhoneModel(hook, "alice")
    model.do("connect")
    await until(model, lambda now: now.state == "registered")
    yield model
    await hook.disconnect()
    model.dispose()


@pytest.fixture
async def bob(sbc: EmbeddedSbc) -> AsyncIterator[JambonzClient]:
    async with create_jambonz_client(server=sbc.url, username="bob", password="builder", audio=tone) as client:
        yield client


async def until(model: PhoneModel, holds: Callable[[PhoneView], bool]) -> PhoneView:
    """The first view of which this holds."""
    async with asyncio.timeout(10):
        return await model.view.pipe(operators.first(holds))


async def test_a_call_is_made_held_muted_and_ended_by_its_buttons(phone: PhoneModel, bob: JambonzClient) -> None:
    bob.on("incoming", lambda call: call.answer())
    phone.do("call", target="bob")
    view = await until(phone, lambda now: any(call.status == "connected" for call in now.calls))
    (call,) = view.calls
    assert (call.who, call.is_current, call.is_incoming, call.seconds) == ("bob", True, False, 0)
    assert call.can.hold
    assert call.can.hangup
    phone.do("hold", call.id)
    await until(phone, lambda now: now.calls[0].status == "on hold")
    phone.do("unhold", call.id)
    await until(phone, lambda now: now.calls[0].status == "connected")
    phone.do("toggle_mute", call.id)
    assert phone.now.calls[0].is_muted
    await until(phone, lambda now: "opus" in now.calls[0].quality)
    phone.do("hangup", call.id)
    view = await until(phone, lambda now: not now.calls)
    assert view.notice == ""


async def test_the_other_side_is_metered(phone: PhoneModel, bob: JambonzClient) -> None:
    bob.on("incoming", lambda call: call.answer())
    phone.do("call", target="bob")
    await until(phone, lambda now: any(call.status == "connected" for call in now.calls))
    current = phone.calls.current.value
    assert current is not None
    async with asyncio.timeout(10):
        await current.audio.incoming.pipe(operators.filter(lambda _: phone.levels[1] > 0.16), operators.first())
    assert phone.levels == (0.0, pytest.approx(0.25 / 2**0.5, rel=0.1))
    phone.do("hangup", current.id)
    await until(phone, lambda now: not now.calls)
    assert phone.levels == (0.0, 0.0)


async def test_a_caller_rings_apart_from_the_calls_and_a_second_one_waits(
    phone: PhoneModel, bob: JambonzClient
) -> None:
    first = bob.call("alice")
    view = await until(phone, lambda now: len(now.incoming) == 1)
    assert (view.incoming[0].status, view.calls) == ("calls you", ())
    phone.do("answer", view.incoming[0].id)
    await until(phone, lambda now: any(call.status == "connected" for call in now.calls))
    second = bob.call("alice")
    view = await until(phone, lambda now: len(now.incoming) == 1)
    phone.do("answer", view.incoming[0].id)
    view = await until(phone, lambda now: [call.status for call in now.calls] == ["on hold", "connected"])
    assert [call.is_current for call in view.calls] == [False, True]
    phone.do("swap")
    await until(phone, lambda now: [call.status for call in now.calls] == ["connected", "on hold"])
    await first.hangup()
    await second.hangup()
    await until(phone, lambda now: not now.calls)


@pytest.mark.parametrize(
    ("target", "notice"),
    [("busy", "busy: 486 Busy Here"), ("carol", "carol: 480"), ("", "empty"), ("a@b@c", "a@b@c")],
)
async def test_what_went_wrong_is_the_notice(phone: PhoneModel, target: str, notice: str) -> None:
    phone.do("call", target=target)
    view = await until(phone, lambda now: now.notice != "")
    assert notice in view.notice
    phone.do("swap")
    assert "other call" in phone.now.notice, "the next button replaces it"


async def test_a_missed_call_is_told(phone: PhoneModel, bob: JambonzClient) -> None:
    call = bob.call("alice")
    await until(phone, lambda now: len(now.incoming) == 1)
    await call.hangup()
    view = await until(phone, lambda now: not now.incoming)
    assert view.notice == "missed a call from sip:bob@localhost"


async def test_messages_come_and_go(phone: PhoneModel, bob: JambonzClient) -> None:
    bob.on("message", lambda message: bob.send_message("alice", message.body.upper()))
    phone.do("send_message", target="bob", body="hello")
    view = await until(phone, lambda now: len(now.messages) == 2)
    assert [(message.body, message.is_ours) for message in view.messages] == [("hello", True), ("HELLO", False)]


async def test_a_button_of_a_call_that_is_over_does_nothing(phone: PhoneModel) -> None:
    phone.do("hold", "gone")
    assert phone.now.notice == ""


def test_every_warning_has_its_words() -> None:
    assert set(WARNINGS) == set(get_args(WarningName))


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (67, "1:07"), (3600, "1:00:00"), (36061, "10:01:01")])
def test_a_clock(seconds: int, shown: str) -> None:
    assert clock(seconds) == shown


def test_a_quality_line_leaves_out_what_is_not_known() -> None:
    stats = CallQualityStats(None, 2.4, 0.0123, 100, 100, 1, "opus", 0.0)
    assert quality_line(stats) == "opus, jitter 2 ms, loss 1.2%"
