"""The fake media keeps the contract of the real one, as far as a GUI can see."""

from collections.abc import Callable
from typing import Any

import pytest

from jzrx.events import MediaStateChanged, RemoteHoldChanged
from jzrx.media import tone
from jzrx.ports import MediaConfig, MediaEngine, MediaError, MediaSession
from jzrx.testing import FakeMedia
from jzrx.testing.fake_media import FakeSession


@pytest.fixture
def events() -> list[Any]:
    return []


@pytest.fixture
def make(events: list[Any]) -> Callable[..., FakeSession]:
    def session(call_id: str = "1", **options: Any) -> FakeSession:
        return FakeMedia(**options).session(call_id, MediaConfig(), events.append, lambda: 2.0)

    return session


def test_it_is_a_media_engine() -> None:
    engine: MediaEngine = FakeMedia()  # the type checkers look at this line
    session: MediaSession = engine.session("1", MediaConfig(), lambda _: None, lambda: 0.0)
    assert session


async def test_two_of_them_connect(make: Callable[..., FakeSession], events: list[Any]) -> None:
    caller, callee = make("1"), make("2")
    await caller.set_answer(await callee.create_answer(await caller.create_offer()))
    await caller.ready()
    assert [(event.call_id, event.media, event.at) for event in events] == [
        ("2", "connected", 2.0),
        ("1", "connected", 2.0),
    ]


async def test_hold_is_mirrored(make: Callable[..., FakeSession], events: list[Any]) -> None:
    caller, callee = make("1", connects=False), make("2", connects=False)
    answer = await callee.create_answer(await caller.create_offer(held=True))
    assert "a=recvonly" in answer
    await caller.set_answer(answer)
    assert events == [RemoteHoldChanged(at=2.0, call_id="2", held=True)]
    assert "a=inactive" in await callee.create_answer(await caller.create_offer(held=True), held=True)
    assert "a=sendrecv" in await callee.create_answer(await caller.create_offer())
    assert events[1:] == [RemoteHoldChanged(at=2.0, call_id="2", held=False)]


async def test_without_audio_there_is_no_answer(make: Callable[..., FakeSession]) -> None:
    with pytest.raises(MediaError) as caught:
        await make().create_answer("v=0\r\nm=video 9 RTP/AVP 96\r\n")
    assert caught.value.code == 488


async def test_the_end_ends_everything(make: Callable[..., FakeSession]) -> None:
    session = make()
    heard: list[str] = []
    session.incoming.subscribe(on_completed=lambda: heard.append("over"))
    playback = session.play(tone())
    await session.close()
    await session.close()
    await playback.wait()
    assert heard == ["over"]
    with pytest.raises(MediaError):
        await session.ready()


async def test_a_failure_is_told(make: Callable[..., FakeSession], events: list[Any]) -> None:
    session = make()
    session.fail("no route")
    assert isinstance(events[0], MediaStateChanged)
    assert (events[0].media, events[0].reason) == ("failed", "no route")
