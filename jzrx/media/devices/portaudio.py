"""Streams of PortAudio: 20 ms of s16le mono sound at 48000 Hz, whatever the device takes."""

import time
from array import array
from collections.abc import Callable
from typing import Any

from jzrx.media.devices.device import AudioDevice, Kind
from jzrx.media.devices.library import DeviceError, load_portaudio
from jzrx.media.devices.ring import FRAME, RATE

__all__ = ["PortAudioStream", "devices", "open_stream", "refresh"]

STALLED = 3.0  # s without a call from PortAudio
LATENCY = 0.06  # s; with less, a busy machine is heard

Capture = Callable[[bytes], None]
Render = Callable[[], bytes]


class PortAudioStream:
    """A stream that runs. PortAudio calls `capture` or `render` on a thread of its own."""

    def __init__(self, stream: Any, started: list[float]) -> None:
        self._stream = stream
        self._called = started

    @property
    def is_alive(self) -> bool:
        """Whether the device still takes or gives sound."""
        return bool(self._stream.active) and time.monotonic() - self._called[0] < STALLED

    def close(self) -> None:
        """Stop, when what was rendered has been played. (PortAudio's own stop() waits for ever on a dead server.)"""
        if self.is_alive:
            time.sleep(LATENCY)
        self._stream.close()


def devices(kind: Kind) -> list[AudioDevice]:
    """The devices of PortAudio's default host API, the default one first. DeviceError without the library."""
    sounddevice = load_portaudio()
    found = [
        AudioDevice(str(each["name"]), str(each["name"]), kind)
        for each in sounddevice.query_devices()
        if each[_channels(kind)] > 0 and each["hostapi"] == sounddevice.default.hostapi
    ]
    default = sounddevice.default.device[0 if kind == "audioinput" else 1]
    name = sounddevice.query_devices(default)["name"] if default >= 0 else None
    return sorted({each.device_id: each for each in found}.values(), key=lambda each: each.device_id != name)


def refresh() -> None:
    """Have PortAudio look for devices again. Only while it has no stream: it would lose them."""
    sounddevice = load_portaudio()
    sounddevice._terminate()
    sounddevice._initialize()


def open_stream(kind: Kind, name: str, capture: Capture | None = None, render: Render | None = None) -> PortAudioStream:
    """Open the device and start. DeviceError, which says why, if that cannot be."""
    sounddevice = load_portaudio()
    index = next(
        (
            i
            for i, each in enumerate(sounddevice.query_devices())
            if each["name"] == name and each[_channels(kind)] > 0 and each["hostapi"] == sounddevice.default.hostapi
        ),
        None,
    )
    if index is None:
        raise DeviceError(f"PortAudio has no device {name!r}")
    errors: list[str] = []
    own = int(sounddevice.query_devices(index)["default_samplerate"])
    for rate in dict.fromkeys((RATE, own)):
        for channels in (1, 2):  # hardware without a sound server may take only what it is made for
            try:
                return _open(sounddevice, kind, index, rate, channels, capture, render)
            except (sounddevice.PortAudioError, ValueError) as error:
                errors.append(str(error))
    raise DeviceError(f"the device {name!r} cannot be opened: {errors[0]}")


def _channels(kind: Kind) -> str:
    return "max_input_channels" if kind == "audioinput" else "max_output_channels"


def _open(
    sounddevice: Any,
    kind: Kind,
    index: int,
    rate: int,
    channels: int,
    capture: Capture | None,
    render: Render | None,
) -> PortAudioStream:
    called = [time.monotonic()]
    settings = {
        "device": index,
        "samplerate": rate,
        "channels": channels,
        "dtype": "int16",
        "blocksize": rate // 50,
        "latency": LATENCY,
    }
    # The callbacks must not raise, log or wait: they run on a thread that is not Python's.
    if kind == "audioinput":
        assert capture is not None
        take = Reshaper(rate, RATE, channels, 1, FRAME)

        def captured(data: Any, *_: object) -> None:
            called[0] = time.monotonic()
            for frame in take.convert(bytes(data)):
                capture(frame)

        stream = sounddevice.RawInputStream(callback=captured, **settings)
    else:
        assert render is not None
        give = Reshaper(RATE, rate, 1, channels, rate // 50)
        ready: list[bytes] = []

        def rendered(data: Any, *_: object) -> None:
            called[0] = time.monotonic()
            while not ready:
                ready.extend(give.convert(render()))
            data[:] = ready.pop(0)

        stream = sounddevice.RawOutputStream(callback=rendered, **settings)
    try:
        stream.start()
    except Exception:
        stream.close()
        raise
    return PortAudioStream(stream, called)


class Reshaper:
    """Turns sound of one rate and number of channels into frames of `size` samples of another."""

    def __init__(self, rate: int, to_rate: int, channels: int, to_channels: int, size: int) -> None:
        self._channels, self._to_channels = channels, to_channels
        self._size = size * to_channels * 2
        self._rest = b""
        self._resampler: Any = None
        if rate != to_rate:
            from jzrx.media.resample import Resampler  # late: it loads PyAV

            self._resampler = Resampler(rate, to_rate)

    def convert(self, sound: bytes) -> list[bytes]:
        """The frames that are complete now: mostly one."""
        if self._channels == 2:
            samples = array("h", sound)
            sound = array("h", [(a + b) >> 1 for a, b in zip(samples[::2], samples[1::2], strict=True)]).tobytes()
        if self._resampler is not None:
            sound = self._resampler.convert(sound)
        if self._to_channels == 2:
            one, both = array("h", sound), array("h", bytes(2 * len(sound)))
            both[::2] = both[1::2] = one
            sound = both.tobytes()
        sound = self._rest + sound
        whole = len(sound) // self._size * self._size
        self._rest = sound[whole:]
        return [sound[start : start + self._size] for start in range(0, whole, self._size)]
