"""What a call puts into a device or takes out of it, and whose choice of devices it follows."""

import threading
from collections.abc import Callable
from weakref import WeakSet

from jzrx.media.devices.device import Kind, chosen
from jzrx.media.devices.ring import Ring
from jzrx.ports import AudioReader

__all__ = ["EVERYBODY", "DeviceChoice", "InputTap", "OutputTap", "Tap"]

_lock = threading.Lock()  # of all choices


class DeviceChoice:
    """The devices that one client's calls use; what it did not choose is chosen for everybody, else the default one."""

    def __init__(self, *, output: str | None = None) -> None:
        self._chosen: dict[Kind, str | None] = {} if output is None else {"audiooutput": chosen(output)}
        _choices.add(self)

    def of(self, kind: Kind) -> str | None:
        """The id of the device; None: the default one."""
        return self._chosen.get(kind, EVERYBODY._chosen.get(kind))

    def choose(self, kind: Kind, device_id: str | None) -> Callable[[], None]:
        """Use this device (None: the default one) from now on; everybody's choice replaces that of each.

        What is returned takes it back.
        """
        with _lock:
            before = {choice: choice._chosen.copy() for choice in _choices if self.covers(choice)}
            for choice in before:
                choice._chosen.pop(kind, None)
            self._chosen[kind] = device_id

        def undo() -> None:
            for choice, was in before.items():
                choice._chosen = was

        return undo

    def covers(self, other: "DeviceChoice") -> bool:
        """Whether what is chosen here goes for `other`."""
        return other is self or self is EVERYBODY


_choices: WeakSet[DeviceChoice] = WeakSet()
EVERYBODY = DeviceChoice()
"""The choice for all clients of the process."""


class Tap:
    """One call's end of a device. `device_id` is its own wish, which a later choice replaces.

    `is_default`: nobody asked for a device, so that nobody need be warned where there is none.
    """

    def __init__(
        self, kind: Kind, choice: DeviceChoice, device_id: str | None = None, *, is_default: bool = False
    ) -> None:
        self.kind: Kind = kind
        self.choice = choice
        self.device_id = device_id
        self.is_default = is_default
        self.is_over = False
        self.last = b""
        """The last 20 ms that passed."""

    @property
    def wanted(self) -> str | None:
        """The id of the device that it is to be at; None: the default one."""
        return self.device_id or self.choice.of(self.kind)


class InputTap(Tap):
    """Takes what a microphone hears."""

    def __init__(self, choice: DeviceChoice, device_id: str | None = None, *, is_default: bool = False) -> None:
        super().__init__("audioinput", choice, device_id, is_default=is_default)
        self.ring = Ring()

    def put(self, frame: bytes) -> None:
        """The microphone's next 20 ms; on PortAudio's thread."""
        self.last = frame
        self.ring.put(frame)


class OutputTap(Tap):
    """Gives what a speaker is to play: until `reader` ends, or for ever from a ring, which has gaps."""

    def __init__(self, choice: DeviceChoice, source: Ring | AudioReader, *, is_default: bool = False) -> None:
        super().__init__("audiooutput", choice, is_default=is_default)
        self._source = source

    def take(self) -> bytes | None:
        """The speaker's next 20 ms; on PortAudio's thread."""
        if isinstance(self._source, Ring):
            frame = self._source.take()
        else:
            frame = None if self.is_over else self._source.read()
            self.is_over = frame is None
        self.last = frame or b""
        return frame
