"""What a PulseAudio or PipeWire server tells: the devices by name and direction, and which stream plays on which.

PortAudio's list of an ALSA system knows neither: "pulse, 32 in, 32 out" is all of them. So streams are opened there,
and moved here.
"""

import itertools
import logging
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

from jzrx.media.devices.device import AudioDevice, Kind, Plugged
from jzrx.media.devices.library import DeviceError, load_pulsectl

__all__ = ["PulseServer", "connect"]

NOTHING = "auto_null"  # the sink of a server that has none
APPEARS = 0.5  # s that a new stream may take to be seen

T = TypeVar("T")
_connections = itertools.count(1)
_log = logging.getLogger("jzrx.media")


def connect() -> "PulseServer | None":
    """The server, if one answers."""
    pulsectl = load_pulsectl()
    if pulsectl is None:
        return None
    pulse = pulsectl.Pulse("jzrx", connect=False)
    try:
        pulse.connect(autospawn=False)
    except pulsectl.PulseError:
        pulse.close()
        return None
    return PulseServer(pulse, pulsectl.PulseError)


class PulseServer:
    """A connection to the server, for one thread. DeviceError when it is lost."""

    def __init__(self, pulse: Any, error: type[Exception]) -> None:
        self._pulse = pulse
        self._number = next(_connections)
        self._error = error

    def devices(self, kind: Kind) -> list[Plugged]:
        """The devices, the default one first; without the monitors, which hear what a speaker plays."""
        found = self._ask(self._list, kind)
        default = self._ask(self._default, kind)
        return sorted(found, key=lambda each: each.id != default)

    def streams(self, kind: Kind) -> dict[int, int]:
        """The streams of this process, and the index of the device of each."""
        return self._ask(self._streams, kind)

    def place(self, kind: Kind, before: dict[int, int], device: Plugged) -> int | None:
        """Move the stream that was not there `before` to `device`; its index, if it is found."""
        deadline = time.monotonic() + APPEARS
        while not (new := self.streams(kind).keys() - before.keys()):
            if time.monotonic() > deadline:
                _log.debug("the sound server does not show our stream; it stays on the default device")
                return None
            time.sleep(0.01)
        stream = max(new)
        move = self._pulse.source_output_move if kind == "audioinput" else self._pulse.sink_input_move
        self._ask(move, stream, device.index)
        return stream

    def close(self) -> None:
        """Disconnect."""
        self._pulse.close()

    def _ask(self, question: Callable[..., T], *arguments: Any) -> T:
        try:
            return question(*arguments)
        except self._error as error:
            raise DeviceError(f"the sound server does not answer: {error!r}") from error

    def _list(self, kind: Kind) -> list[Plugged]:
        if kind == "audiooutput":
            listed = [each for each in self._pulse.sink_list() if each.name != NOTHING]
        else:
            listed = [each for each in self._pulse.source_list() if each.monitor_of_sink_name is None]
        return [Plugged(AudioDevice(each.name, _label(each, kind), kind), each.index, self._number) for each in listed]

    def _default(self, kind: Kind) -> str:
        server = self._pulse.server_info()
        return str(server.default_source_name if kind == "audioinput" else server.default_sink_name)

    def _streams(self, kind: Kind) -> dict[int, int]:
        listed = self._pulse.source_output_list() if kind == "audioinput" else self._pulse.sink_input_list()
        own = str(os.getpid())
        return {
            each.index: each.source if kind == "audioinput" else each.sink
            for each in listed
            if each.proplist.get("application.process.id") == own
        }


def _label(listed: Any, kind: Kind) -> str:
    """The description; as the reference has it, kind and id where there is none."""
    return listed.description or f"{kind} ({listed.name[:8]})"
