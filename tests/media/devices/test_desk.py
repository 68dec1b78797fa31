"""Taps at the devices of a real PulseAudio: they play, capture, follow a choice, fall back and return."""

import logging
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from jzrx.media.devices.desk import Desk
from jzrx.media.devices.library import DeviceError
from jzrx.media.devices.ring import RATE
from jzrx.media.devices.taps import EVERYBODY, DeviceChoice, InputTap, OutputTap, Tap
from jzrx.media.measure import tone_level
from jzrx.media.sources import tone
from tests.pulseaudio import MISSING, PulseAudio, eventually, is_installed

pytestmark = pytest.mark.devices


@pytest.fixture
def desk(pulseaudio: PulseAudio) -> Iterator[Desk]:
    """A desk; in the end nothing is left of it: no stream at the server, no thread."""
    desk = Desk()
    yield desk
    for tap in desk.taps(EVERYBODY, "audioinput") + desk.taps(EVERYBODY, "audiooutput"):
        desk.detach(tap)
    eventually(lambda: not pulseaudio.streams())
    eventually(lambda: "jzrx-audio" not in [thread.name for thread in threading.enumerate()])


@pytest.fixture
def choice() -> Iterator[DeviceChoice]:
    yield DeviceChoice()
    EVERYBODY.choose("audioinput", None)
    EVERYBODY.choose("audiooutput", None)


def player(choice: DeviceChoice, hz: float = 440) -> OutputTap:
    return OutputTap(choice, tone(hz).open(RATE))


def heard(pulseaudio: PulseAudio, speaker: str, hz: float) -> float:
    """The peak of a tone in the best tenth of a second: on a busy machine others have gaps."""
    sound = pulseaudio.listen(speaker)
    return max(tone_level(sound[start : start + RATE // 5], RATE, hz) for start in range(0, len(sound), RATE // 5))


def test_the_devices_are_those_that_people_know(desk: Desk) -> None:
    found = desk.devices("audioinput", "audiooutput").result(10)
    assert [(each.device_id, each.kind) for each in found if "-room" not in each.device_id] == [
        ("mic1", "audioinput"),
        ("mic2", "audioinput"),
        ("spk1", "audiooutput"),
        ("spk2", "audiooutput"),
    ]
    assert found[-1].label
    assert {each.label for each in found if each.device_id == "spk1"} == {"Spk1"}


def test_a_speaker_plays(desk: Desk, choice: DeviceChoice, pulseaudio: PulseAudio) -> None:
    desk.attach(player(choice))
    eventually(lambda: pulseaudio.streams() == ["spk1"])
    assert heard(pulseaudio, "spk1", 440) == pytest.approx(0.25, abs=0.02)
    assert desk.level(choice, "audiooutput") == pytest.approx(0.25 / 2**0.5, abs=0.01)


def test_all_that_plays_to_one_speaker_is_mixed(desk: Desk, choice: DeviceChoice, pulseaudio: PulseAudio) -> None:
    desk.attach(player(choice, 440))
    desk.attach(player(DeviceChoice(), 1000))
    eventually(lambda: len(desk.taps(EVERYBODY, "audiooutput")) == 2)
    eventually(lambda: min(heard(pulseaudio, "spk1", hz) for hz in (440, 1000)) > 0.2)
    assert pulseaudio.streams() == ["spk1"]


def test_a_microphone_hears(desk: Desk, choice: DeviceChoice, pulseaudio: PulseAudio) -> None:
    first, second = InputTap(choice), InputTap(choice, "mic2")
    desk.attach(first)
    desk.attach(second)
    with pulseaudio.speak("mic1", 440), pulseaudio.speak("mic2", 1000):
        eventually(lambda: desk.level(choice, "audioinput") > 0.1)
        eventually(lambda: tone_level(first.last, RATE, 440) > 0.2 and tone_level(second.last, RATE, 1000) > 0.2)
        eventually(lambda: len(first.ring.take() or b"") == 1920)
    assert pulseaudio.streams() == ["mic1", "mic2"]


def test_a_choice_moves_what_plays_and_holds_for_what_comes(
    desk: Desk, choice: DeviceChoice, pulseaudio: PulseAudio
) -> None:
    desk.attach(player(choice))
    desk.attach(player(DeviceChoice()))
    eventually(lambda: pulseaudio.streams() == ["spk1"])
    assert desk.choose(choice, "audiooutput", "spk2").result(10)
    assert pulseaudio.streams() == ["spk1", "spk2"]
    assert heard(pulseaudio, "spk2", 440) > 0.2
    desk.attach(player(choice, 1000))
    eventually(lambda: heard(pulseaudio, "spk2", 1000) > 0.2)
    assert desk.choose(EVERYBODY, "audiooutput", "spk2").result(10)
    assert pulseaudio.streams() == ["spk2"]
    assert desk.choose(choice, "audiooutput", None).result(10)
    assert pulseaudio.streams() == ["spk1", "spk2"]
    assert desk.choose(EVERYBODY, "audiooutput", None).result(10)
    assert pulseaudio.streams() == ["spk1"]


def test_an_unknown_device_changes_nothing(desk: Desk, choice: DeviceChoice, pulseaudio: PulseAudio) -> None:
    desk.attach(player(choice))
    eventually(lambda: pulseaudio.streams() == ["spk1"])
    assert not desk.choose(choice, "audiooutput", "spk9").result(10)
    assert not desk.choose(choice, "audiooutput", "mic1").result(10)
    assert (pulseaudio.streams(), choice.of("audiooutput")) == (["spk1"], None)


def _plugged_out_and_in(pulseaudio: PulseAudio, name: str, plug: Callable[[str], None], other: str) -> None:
    eventually(lambda: pulseaudio.streams() == [name])
    pulseaudio.unplug(name)
    eventually(lambda: pulseaudio.streams() == [other])
    plug(name)
    eventually(lambda: pulseaudio.streams() == [name])


def test_an_unplugged_speaker_falls_back_and_returns(desk: Desk, choice: DeviceChoice, pulseaudio: PulseAudio) -> None:
    choice.choose("audiooutput", "spk2")
    desk.attach(player(choice))
    _plugged_out_and_in(pulseaudio, "spk2", pulseaudio.plug_speaker, "spk1")
    eventually(lambda: heard(pulseaudio, "spk2", 440) > 0.2)


def test_an_unplugged_microphone_falls_back_and_returns(
    desk: Desk, choice: DeviceChoice, pulseaudio: PulseAudio
) -> None:
    tap = InputTap(choice, "mic2")
    desk.attach(tap)
    _plugged_out_and_in(pulseaudio, "mic2", pulseaudio.plug_microphone, "mic1")
    with pulseaudio.speak("mic2", 1000):
        eventually(lambda: tone_level(tap.last, RATE, 1000) > 0.2)


def test_a_device_that_comes_back_at_once_is_found(desk: Desk, choice: DeviceChoice, pulseaudio: PulseAudio) -> None:
    choice.choose("audiooutput", "spk2")
    desk.attach(player(choice))
    eventually(lambda: pulseaudio.streams() == ["spk2"])
    pulseaudio.unplug("spk2")
    pulseaudio.plug_speaker("spk2")
    eventually(lambda: pulseaudio.streams() == ["spk2"] and heard(pulseaudio, "spk2", 440) > 0.2)


def test_without_any_device_there_is_one_warning_and_silence(
    desk: Desk, choice: DeviceChoice, pulseaudio: PulseAudio, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("mic1", "mic2"):
        pulseaudio.unplug(name)
    tap = InputTap(choice)
    with caplog.at_level(logging.INFO, "jzrx.media"):
        desk.attach(tap)
        desk.attach(InputTap(choice, is_default=True))
        assert not desk.choose(choice, "audioinput", "mic1").result(10)
        assert [record.getMessage() for record in caplog.records] == ["audio: there is no microphone: silence is sent"]
    assert tap.ring.take() is None
    pulseaudio.plug_microphone("mic1")
    with pulseaudio.speak("mic1", 440):
        eventually(lambda: tone_level(tap.last, RATE, 440) > 0.2)


def test_what_has_ended_leaves_the_device(desk: Desk, choice: DeviceChoice, pulseaudio: PulseAudio) -> None:
    class Once:
        def __init__(self) -> None:
            self.frames = [b"\1\1" * 960] * 5

        def read(self) -> bytes | None:
            return self.frames.pop() if self.frames else None

        def close(self) -> None: ...

    tap: Tap = OutputTap(choice, Once())
    desk.attach(tap)
    eventually(lambda: tap.is_over and not pulseaudio.streams())


def test_without_the_library_the_reason_is_told_once(
    desk: Desk, choice: DeviceChoice, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    desk.attach(InputTap(choice))
    desk.attach(InputTap(choice))
    with pytest.raises(DeviceError, match=r"pip install 'jzrx\[audio\]'"):
        desk.devices("audioinput").result(10)
    with pytest.raises(DeviceError):
        desk.choose(choice, "audioinput", "mic1").result(10)
    assert len(caplog.records) == 1
    assert "pip install" in caplog.text


def test_a_sound_server_that_dies_and_comes_back(
    choice: DeviceChoice, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_installed():
        pytest.skip(MISSING)
    folder = tmp_path_factory.mktemp("dies")
    server = PulseAudio(folder)
    monkeypatch.setenv("PULSE_SERVER", server.address)
    desk = Desk()
    tap = player(choice)
    desk.attach(tap)
    try:
        eventually(lambda: server.streams() == ["spk1"])
        server.stop()
        eventually(lambda: "spk1" not in [each.device_id for each in desk.devices("audiooutput").result(10)])
        server = PulseAudio(folder)
        eventually(lambda: server.streams() == ["spk1"] and heard(server, "spk1", 440) > 0.2)
    finally:
        desk.detach(tap)
        server.stop()
