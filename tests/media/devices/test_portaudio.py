"""PortAudio by itself: without a word from the sound server, and with devices that take but one rate and layout."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pytest

from jzrx.media.devices import library
from jzrx.media.devices.library import DeviceError
from jzrx.media.devices.portaudio import Reshaper
from jzrx.media.devices.ring import RATE
from jzrx.media.measure import tone_level
from jzrx.media.sources import tone
from tests.pulseaudio import PulseAudio

WITHOUT_PULSECTL = """
import sys
sys.modules["pulsectl"] = None
from jzrx.media.devices.desk import Desk
from jzrx.media.devices.taps import DeviceChoice, OutputTap
from jzrx.media.sources import tone

desk, choice = Desk(), DeviceChoice()
print(*(device.device_id for device in desk.devices("audiooutput").result(10)), flush=True)
desk.attach(OutputTap(choice, tone(440).open(48000)))
print(desk.choose(choice, "audiooutput", "nowhere").result(10), flush=True)
print(desk.choose(choice, "audiooutput", "spk2").result(10), flush=True)
sys.stdin.read()
"""


@pytest.mark.devices
def test_portaudio_alone_knows_devices_and_plays(pulseaudio: PulseAudio, tmp_path: Path) -> None:
    names = ("spk1", "spk2")
    (tmp_path / ".asoundrc").write_text(
        "pcm.!default { type pulse }\nctl.!default { type pulse }\n"
        + "".join(f'pcm.{n} {{ type pulse device "{n}" hint {{ show on description "{n}" }} }}\n' for n in names)
    )
    env = {**os.environ, "HOME": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", WITHOUT_PULSECTL], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        found = child.stdout.readline().split()
        assert found[0] == "default"
        assert {"spk1", "spk2"} <= {*found}
        assert [child.stdout.readline().strip() for _ in range(2)] == ["False", "True"]
        assert tone_level(pulseaudio.listen("spk2"), RATE, 440) > 0.2
        child.kill()


def sounded(rate: int, channels: int) -> Iterable[bytes]:
    reader = tone(440).open(rate)
    while frame := reader.read():
        yield b"".join(frame[i : i + 2] * channels for i in range(0, len(frame), 2))


@pytest.mark.parametrize(("rate", "channels"), [(48000, 1), (48000, 2), (44100, 1), (44100, 2), (16000, 2)])
def test_what_a_device_takes_becomes_what_calls_take(rate: int, channels: int) -> None:
    take = Reshaper(rate, RATE, channels, 1, 960)
    frames = [made for sound in islice(sounded(rate, channels), 50) for made in take.convert(sound)]
    assert {len(frame) for frame in frames} == {1920}
    assert 48 <= len(frames) <= 50
    assert tone_level(b"".join(frames[2:]), RATE, 440) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(("rate", "channels"), [(48000, 1), (48000, 2), (44100, 1), (44100, 2), (16000, 2)])
def test_what_calls_give_becomes_what_a_device_takes(rate: int, channels: int) -> None:
    give = Reshaper(RATE, rate, 1, channels, rate // 50)
    frames = [made for sound in islice(sounded(RATE, 1), 50) for made in give.convert(sound)]
    assert {len(frame) for frame in frames} == {rate // 50 * 2 * channels}
    left = b"".join(frames[2:])
    left = b"".join(left[i : i + 2] for i in range(0, len(left), 2 * channels))
    assert tone_level(left, rate, 440) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ImportError("no"), r"pip install 'jzrx\[audio\]'"),
        (OSError("PortAudio library not found"), "apt install libportaudio2"),
        (RuntimeError("broken"), "PortAudio does not start"),
    ],
)
def test_what_is_missing_is_named(error: Exception, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise error

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(DeviceError, match=message):
        library.load_portaudio()
