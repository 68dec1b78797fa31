"""audio-output.spec: the devices of this machine, on a PulseAudio of the tests' own."""

import inspect

import pytest

from jzrx import AudioDevice, JambonzAudioManager
from jzrx.media.devices.backend import SoundSystem
from jzrx.media.devices.library import DeviceError
from tests.pulseaudio import PulseAudio


def test_01_the_output_can_be_set() -> None:
    assert inspect.iscoroutinefunction(JambonzAudioManager().set_output_device)


@pytest.mark.devices
async def test_02_the_default_output_is_there_and_an_unknown_one_is_not(pulseaudio: PulseAudio) -> None:
    audio = JambonzAudioManager()
    assert await audio.set_output_device("spk2") is True
    assert await audio.set_output_device("default") is True
    assert await audio.set_output_device("nowhere") is False
    assert await audio.set_output_device("mic1") is False


async def test_02_without_a_library_nothing_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise DeviceError("no library")

    monkeypatch.setattr(SoundSystem, "devices", missing)
    audio = JambonzAudioManager()
    assert await audio.set_output_device("default") is False
    assert await audio.enumerate_devices() == []


async def listed(kind: str) -> list[AudioDevice]:
    """The devices of one kind, which the manager finds among all."""
    audio = JambonzAudioManager()
    found = await (audio.get_speakers() if kind == "audiooutput" else audio.get_microphones())
    assert found == [device for device in await audio.enumerate_devices() if device.kind == kind]
    assert all(device.device_id and device.label for device in found)
    return found


@pytest.mark.devices
async def test_03_the_speakers_are_those_of_the_mixed_list(pulseaudio: PulseAudio) -> None:
    speakers = await listed("audiooutput")
    assert speakers[0] == AudioDevice("spk1", "Spk1", "audiooutput"), "the default one first"
    assert {"spk1", "spk2"} <= {device.device_id for device in speakers}
    assert not {"mic1", "mic2"} & {device.device_id for device in speakers}


@pytest.mark.devices
async def test_04_the_microphones_are_those_of_the_mixed_list(pulseaudio: PulseAudio) -> None:
    microphones = await listed("audioinput")
    assert {"mic1", "mic2"} <= {device.device_id for device in microphones}
    assert not {"spk1", "spk2"} & {device.device_id for device in microphones}
