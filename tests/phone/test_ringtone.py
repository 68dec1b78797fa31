"""A call that comes in is heard: as a ringtone, or as a beep in a call; and nobody else hears it."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from jzrx import JambonzClient, JambonzClientOptions, create_jambonz_client
from jzrx.events import CallEnded, Event
from jzrx.media import silence, tone
from jzrx.media.devices.endpoints import microphone
from jzrx.media.devices.player import Player
from jzrx.media.devices.ring import RATE
from jzrx.media.devices.taps import DeviceChoice
from jzrx.media.measure import tone_level
from jzrx.phone.audio_order import has_speaker
from jzrx.phone.ringtone import alert, ring
from jzrx.store import Store
from jzrx.testing import EmbeddedSbc, FakeMedia
from jzrx.types import CallEndCause
from tests.pulseaudio import PulseAudio, eventually
from tests.store.samples import after, answered, answering, created, dialed, ended, held, received, store_after

UP: tuple[Event, ...] = (created("a"), dialed("a"), answered("a"))
DECLINED = CallEnded(at=13, call_id="b", cause=CallEndCause(486, "Busy Here", "local"))
CANCELLED = CallEnded(at=13, call_id="b", cause=CallEndCause(487, "Request Terminated"))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), None),
        (UP, None),
        ((received("b"),), "ringtone"),
        ((received("b"), received("c")), "ringtone"),
        ((*UP, received("b")), "call_waiting"),
        ((*UP, held("a"), received("b")), "call_waiting"),
        ((*UP, ended("a"), received("b")), "ringtone"),
        ((created("a"), received("b")), "call_waiting"),
        ((received("b"), received("c"), answering("b")), "call_waiting"),
        ((received("b"), answering("b")), None),
    ],
)
def test_what_is_heard_when(events: tuple[Event, ...], expected: str | None) -> None:
    assert alert(after(*events)) == expected


ACCOUNT = {"server": "ws://localhost", "username": "alice", "password": "secret"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"audio": microphone()}, True),
        ({"audio": silence()}, False),
        ({"audio": silence(), "speaker": True}, True),
        ({"speaker": False}, False),
        ({"media": FakeMedia()}, False),
        ({"audio": lambda: pytest.fail("it is asked once for each call")}, False),
    ],
)
def test_it_rings_where_calls_are_heard(options: dict[str, object], expected: bool) -> None:
    assert has_speaker(JambonzClientOptions(**ACCOUNT, **options)) is expected  # type: ignore[arg-type]


def test_nothing_rings_for_a_call_that_is_answered_at_once() -> None:
    store, later = Store(), list[Callable[[], None]]()
    ring(store.snapshot, Player(DeviceChoice()), later.append)
    store.dispatch(received("b"))
    store.dispatch(answering("b"))
    (begin,) = later
    begin()
    assert "jzrx-audio" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.devices
@pytest.mark.parametrize("end", [answering("b"), DECLINED, CANCELLED], ids=["answered", "declined", "cancelled"])
def test_it_rings_until(end: Event, pulseaudio: PulseAudio) -> None:
    store = store_after()
    ring(store.snapshot, Player(DeviceChoice()), lambda step: step())
    store.dispatch(received("b"))
    eventually(lambda: pulseaudio.streams() == ["spk1"])
    store.dispatch(end)
    eventually(lambda: pulseaudio.streams() == [])
    eventually(lambda: "jzrx-audio" not in [thread.name for thread in threading.enumerate()])


def phone(sbc: EmbeddedSbc, name: str, **options: object) -> JambonzClient:
    return create_jambonz_client(server=sbc.url, username=name, password="secret", **options)


async def plays(pulseaudio: PulseAudio, *tones: float) -> None:
    """Return when the speaker plays all of them at once."""

    def is_heard() -> bool:
        sound = pulseaudio.listen("spk1", 0.1)
        return all(tone_level(sound, RATE, hz) > 0.03 for hz in tones)

    await asyncio.to_thread(eventually, is_heard)


@pytest.mark.devices
async def test_it_rings_then_beeps_and_the_other_side_hears_none_of_it(pulseaudio: PulseAudio) -> None:
    users = {"alice": "secret", "bob": "secret", "carol": "secret"}
    async with (
        EmbeddedSbc(users) as sbc,
        phone(sbc, "alice") as alice,
        phone(sbc, "bob", audio=tone(900), speaker=False) as bob,
        phone(sbc, "carol", audio=silence(), speaker=False) as carol,
    ):
        call = bob.call("alice")
        await plays(pulseaudio, 440, 480)
        await alice.answer_incoming()
        await call.media_ready()
        heard = bytearray()
        with call.audio.incoming.subscribe(lambda frame: heard.extend(frame.data)):
            carol.call("alice")
            await plays(pulseaudio, 440, 900)  # the beep, and bob
            assert tone_level(pulseaudio.listen("spk1", 0.1), RATE, 480) < 0.03
            alice.decline_incoming()
            frames = len(heard) // 1920
            assert frames > 5
        assert max(tone_level(bytes(heard[i : i + 9600]), RATE, 440) for i in range(0, len(heard) - 9600, 1920)) < 0.01
        await call.hangup()
    await asyncio.to_thread(eventually, lambda: not pulseaudio.streams())
    await asyncio.to_thread(eventually, lambda: "jzrx-audio" not in [each.name for each in threading.enumerate()])
