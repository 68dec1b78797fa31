"""What an audio device is."""

from typing import Literal

from attrs import frozen

__all__ = ["AudioDevice", "Kind", "Plugged", "chosen"]

Kind = Literal["audioinput", "audiooutput"]


@frozen
class AudioDevice:
    """A microphone or a speaker; mirrors the documented `MediaDeviceInfo`.

    `device_id` names it to `JambonzAudioManager`, `microphone()` and the options; `label` is for people.
    """

    device_id: str
    label: str
    kind: Kind


@frozen
class Plugged:
    """A device that is there now. One that was unplugged and came back has another `index`, or `connection`."""

    device: AudioDevice
    index: int = 0
    connection: int = 0  # to the sound server, which may have been started anew

    @property
    def id(self) -> str:
        """The device's id."""
        return self.device.device_id


def chosen(device_id: str | None) -> str | None:
    """The id of a device, or None for the default one, which browsers call "default" or ""."""
    return None if device_id in ("", "default") else device_id
