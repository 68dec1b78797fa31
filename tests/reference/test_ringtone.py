"""ringtone.spec: tones that the phone itself plays; there by the platform adapter, here by the audio manager."""

import asyncio

import pytest

from jzrx import JambonzAudioManager, create_jambonz_client
from jzrx.media.devices.ring import RATE
from jzrx.media.measure import tone_level
from tests.pulseaudio import PulseAudio, at, plays


def test_66_tones_can_be_played() -> None:
    assert callable(JambonzAudioManager.play_tone)
    with pytest.raises(ValueError, match="there are ringback and ringtone"):
        JambonzAudioManager().play_tone("busy")


def test_67_tones_can_be_stopped_also_when_none_plays() -> None:
    audio = JambonzAudioManager()
    audio.stop_tone()
    assert not audio.is_playing


@pytest.mark.devices
async def test_68_ringback_is_440_and_480_hz_until_it_is_stopped(pulseaudio: PulseAudio) -> None:
    audio = JambonzAudioManager()
    audio.play_tone("ringback")
    assert audio.is_playing
    await plays(pulseaudio, "spk1", 440)
    sound = await asyncio.to_thread(pulseaudio.listen, "spk1", 0.3)
    assert tone_level(sound, RATE, 480) > 0.05
    audio.stop_tone()
    assert not audio.is_playing
    await at(pulseaudio)


@pytest.mark.devices
async def test_69_the_ringtone_follows_the_choice_of_the_speaker(pulseaudio: PulseAudio) -> None:
    client = create_jambonz_client(server="ws://localhost:1", username="alice", password="secret")
    audio = JambonzAudioManager(client)
    assert await audio.set_output_device("spk2")
    audio.play_tone("ringtone")
    await plays(pulseaudio, "spk2", 440)
    audio.stop_tone()
    await at(pulseaudio)


@pytest.mark.devices
async def test_70_one_tone_replaces_another_and_leaves_nothing_behind(pulseaudio: PulseAudio) -> None:
    audio = JambonzAudioManager()
    audio.play_tone("ringback")
    audio.play_tone("ringtone", loop=False)
    await plays(pulseaudio, "spk1", 440)
    assert pulseaudio.streams() == ["spk1"]
    audio.stop_tone()
    await at(pulseaudio)
    assert not audio.is_playing
