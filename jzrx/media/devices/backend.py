"""The sound system of this machine: PortAudio, with a PulseAudio or PipeWire server's word where one answers.

Everything here blocks for some milliseconds, and belongs to the thread of the desk.
"""

import contextlib

from jzrx.media.devices import portaudio, pulse
from jzrx.media.devices.device import Kind, Plugged
from jzrx.media.devices.library import DeviceError, load_portaudio
from jzrx.media.devices.portaudio import Capture, PortAudioStream, Render

__all__ = ["SoundSystem"]

SERVER = ("pulse", "default")  # ALSA's names of the sound server, the better one first


class SoundSystem:
    """What devices there are, and streams to them."""

    def __init__(self) -> None:
        self._server: pulse.PulseServer | None = None

    def devices(self, kind: Kind) -> list[Plugged]:
        """The devices that are plugged in now, the default one first. DeviceError without the library."""
        load_portaudio()
        if self._server is None:
            self._server = pulse.connect()
        if self._server is not None:
            try:
                return self._server.devices(kind)
            except DeviceError:
                self.close()
        return [Plugged(device) for device in portaudio.devices(kind)]

    def open(
        self,
        kind: Kind,
        plugged: Plugged,
        *,
        capture: Capture | None = None,
        render: Render | None = None,
        others: bool,
    ) -> PortAudioStream:
        """A stream at this device; `others`: PortAudio has open streams. DeviceError if that cannot be."""
        if self._server is None:
            return portaudio.open_stream(kind, plugged.id, capture, render)
        known = [device.device_id for device in portaudio.devices(kind)]
        if not others and not set(known) & set(SERVER):  # the server came after PortAudio had looked
            portaudio.refresh()
            known = [device.device_id for device in portaudio.devices(kind)]
        name = next((name for name in SERVER if name in known), None)
        if name is None:
            raise DeviceError("ALSA has no way to the sound server: install libasound2-plugins or pipewire-alsa")
        before = self._server.streams(kind)
        stream = portaudio.open_stream(kind, name, capture, render)
        try:
            self._server.place(kind, before, plugged)
        except DeviceError:
            stream.close()
            raise
        return stream

    def close(self) -> None:
        """Leave the server."""
        if self._server is not None:
            with contextlib.suppress(Exception):
                self._server.close()
            self._server = None
