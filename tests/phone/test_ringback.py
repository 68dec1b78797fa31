"""A caller hears it ring, unless the network sends a tone of its own."""

import threading

import pytest

from jzrx.events import CallEnded, Event, MediaStateChanged, WarningCleared, WarningRaised
from jzrx.media.devices.player import Player
from jzrx.media.devices.taps import DeviceChoice
from jzrx.phone.ringback import ring_back
from jzrx.store import Store
from jzrx.types import CallEndCause, CallWarning, MediaState
from tests.pulseaudio import PulseAudio, eventually
from tests.store.samples import created, dialed, progressed

pytestmark = pytest.mark.devices

EARLY_MEDIA = MediaStateChanged(at=13, call_id="a", media=MediaState.CONNECTED)
SILENT = CallWarning("no-audio-received", 5.0, 5.0)
ENDED = CallEnded(at=13, call_id="a", cause=CallEndCause(486, "Busy Here"))


@pytest.mark.parametrize("end", [EARLY_MEDIA, ENDED], ids=["early media", "the end"])
def test_it_rings_until(end: Event, pulseaudio: PulseAudio) -> None:
    store = Store()
    store.dispatch(created("a"))
    ring_back(store.select_call("a"), Player(DeviceChoice()))
    store.dispatch(dialed("a"))
    assert pulseaudio.streams() == []
    store.dispatch(progressed("a", 180))
    eventually(lambda: pulseaudio.streams() == ["spk1"])
    store.dispatch(end)
    eventually(lambda: pulseaudio.streams() == [])
    eventually(lambda: "jzrx-audio" not in [thread.name for thread in threading.enumerate()])


def test_it_does_not_ring_over_early_media(pulseaudio: PulseAudio) -> None:
    store = Store()
    store.dispatch(created("a"))
    ring_back(store.select_call("a"), Player(DeviceChoice()))
    for event in (dialed("a"), EARLY_MEDIA, progressed("a", 183)):
        store.dispatch(event)
    assert "jzrx-audio" not in [thread.name for thread in threading.enumerate()]


def test_it_rings_where_early_media_is_silent(pulseaudio: PulseAudio) -> None:
    """jambonz answers early with SDP, and what then comes is up to the application: nothing, maybe."""
    store = Store()
    store.dispatch(created("a"))
    ring_back(store.select_call("a"), Player(DeviceChoice()))
    for event in (dialed("a"), progressed("a", 183), EARLY_MEDIA):
        store.dispatch(event)
    eventually(lambda: pulseaudio.streams() == [])
    store.dispatch(WarningRaised(at=18, call_id="a", warning=SILENT))
    eventually(lambda: pulseaudio.streams() == ["spk1"])
    store.dispatch(WarningCleared(at=19, call_id="a", warning=SILENT))
    eventually(lambda: pulseaudio.streams() == [])
    store.dispatch(ENDED)
    eventually(lambda: "jzrx-audio" not in [thread.name for thread in threading.enumerate()])


def test_it_does_not_ring_while_media_moves_to_another_early_dialog(pulseaudio: PulseAudio) -> None:
    store = Store()
    store.dispatch(created("a"))
    ring_back(store.select_call("a"), Player(DeviceChoice()))
    for event in (dialed("a"), EARLY_MEDIA, progressed("a", 183)):
        store.dispatch(event)
    store.dispatch(MediaStateChanged(at=14, call_id="a", media=MediaState.CONNECTING))
    assert "jzrx-audio" not in [thread.name for thread in threading.enumerate()]
    store.dispatch(MediaStateChanged(at=15, call_id="a", media=MediaState.FAILED))
    eventually(lambda: pulseaudio.streams() == ["spk1"])
    store.dispatch(ENDED)
    eventually(lambda: "jzrx-audio" not in [thread.name for thread in threading.enumerate()])
