"""Devices as a call uses them: a microphone is a source, a speaker a sink."""

from attrs import evolve, field, frozen

from jzrx.media.devices.desk import desk
from jzrx.media.devices.device import chosen
from jzrx.media.devices.ring import FRAME, RATE, Ring
from jzrx.media.devices.taps import EVERYBODY, DeviceChoice, InputTap, OutputTap
from jzrx.ports import AudioReader, AudioSource, AudioWriter

__all__ = ["Microphone", "Speaker", "bound", "microphone"]


def microphone(device_id: str | None = None) -> AudioSource:
    """What a microphone hears (extra `[audio]`); None: the one that `JambonzAudioManager` chose, else the default one.

    Where the device or the library is missing, the call sends silence, and the log says why.
    """
    if device_id is not None and not isinstance(device_id, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"microphone: device_id={device_id!r} is no device id; get_microphones() lists them.")
    return Microphone(device_id)


def bound(source: AudioSource, choice: DeviceChoice) -> AudioSource:
    """`source`, which follows the choice of its client if it is a microphone."""
    return evolve(source, choice=choice) if isinstance(source, Microphone) and source.choice is EVERYBODY else source


@frozen
class Microphone:
    """A microphone as a source. `is_default`: nobody asked for one, so that nobody is warned where there is none."""

    is_immediate = True

    device_id: str | None = field(default=None, converter=chosen)
    choice: DeviceChoice = field(default=EVERYBODY, repr=False)
    is_default: bool = False

    def open(self, rate: int) -> AudioReader:
        """Begin to listen; it does not wait for the device."""
        return _MicrophoneReader(InputTap(self.choice, self.device_id, is_default=self.is_default), rate)


class _MicrophoneReader:
    is_live = True

    def __init__(self, tap: InputTap, rate: int) -> None:
        from jzrx.media.resample import Framer  # late: it loads PyAV

        self._tap = tap
        self._silence = bytes(FRAME * 2)
        self._framer = None if rate == RATE else Framer(RATE, rate)
        desk.attach(tap)

    def read(self) -> bytes:
        frame = self._tap.ring.take() or self._silence
        return frame if self._framer is None else self._framer.convert(frame)

    def close(self) -> None:
        desk.detach(self._tap)


@frozen
class Speaker:
    """A speaker as a sink: the one that `choice` says."""

    choice: DeviceChoice = field(default=EVERYBODY, repr=False)
    is_default: bool = False

    def open(self) -> AudioWriter:
        """Begin to play; it does not wait for the device."""
        return _SpeakerWriter(self)


class _SpeakerWriter:
    def __init__(self, speaker: Speaker) -> None:
        self._ring = Ring()
        self._tap = OutputTap(speaker.choice, self._ring, is_default=speaker.is_default)
        desk.attach(self._tap)

    def write(self, frame: bytes) -> None:
        self._ring.put(frame)

    def close(self) -> None:
        desk.detach(self._tap)
