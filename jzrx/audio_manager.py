"""Microphones and speakers, as the documented `JambonzAudioManager` shows them."""

import asyncio
import logging
from concurrent.futures import Future
from typing import TypeVar

from jzrx.client import JambonzClient
from jzrx.media.devices.desk import desk
from jzrx.media.devices.device import AudioDevice, Kind, chosen
from jzrx.media.devices.library import DeviceError
from jzrx.media.devices.player import Player
from jzrx.media.devices.taps import EVERYBODY

__all__ = ["JambonzAudioManager"]

T = TypeVar("T")
_log = logging.getLogger("jzrx.media")
_told: set[str] = set()

TONES = ("ringback", "ringtone")


class JambonzAudioManager:
    """The audio devices of this machine, and which of them the calls use; mirrors the documented `JambonzAudioManager`.

    It acts on the calls of `client`, those that there are and those that come; without a client, on those of all
    clients of the process. It needs the extra `[audio]`: without it, or without PortAudio, there are no devices,
    nothing can be set, and the log says so once.
    """

    def __init__(self, client: JambonzClient | None = None) -> None:
        self._choice = EVERYBODY if client is None else client.devices
        self._player = Player(self._choice)

    # --- which there are --------------------------------------------------------------------------------------------

    async def enumerate_devices(self) -> list[AudioDevice]:
        """All microphones, then all speakers; the default one of each first."""
        return await _asked(desk.devices("audioinput", "audiooutput"), [])

    async def get_microphones(self) -> list[AudioDevice]:
        """The microphones (`kind` is `audioinput`), the default one first."""
        return await _asked(desk.devices("audioinput"), [])

    async def get_speakers(self) -> list[AudioDevice]:
        """The speakers (`kind` is `audiooutput`), the default one first."""
        return await _asked(desk.devices("audiooutput"), [])

    # --- which are used ---------------------------------------------------------------------------------------------

    async def set_output_device(self, device_id: str | None) -> bool:
        """Play calls there, at once and from now on; None or "default": to the default speaker.

        False, and nothing changes, if there is no such speaker, it cannot be opened, or there is no library. Calls that
        play to no speaker (`speaker=False`, or a source other than the microphone) still do not. A device that is
        unplugged is used again when it is back; until then it is the default one.
        """
        return await self._use("audiooutput", device_id)

    async def set_input_device(self, device_id: str | None) -> bool:
        """Let calls listen there; like `set_output_device`. Calls that send something else still do."""
        return await self._use("audioinput", device_id)

    async def _use(self, kind: Kind, device_id: str | None) -> bool:
        return await _asked(desk.choose(self._choice, kind, chosen(device_id)), False)

    # --- how loud it is ---------------------------------------------------------------------------------------------

    @property
    def input_level(self) -> float:
        """What the microphones of the calls hear now, 0.0 to 1.0 (RMS of 20 ms); 0.0 without a call that listens."""
        return desk.level(self._choice, "audioinput")

    @property
    def output_level(self) -> float:
        """What the calls play to their speakers now; like `input_level`."""
        return desk.level(self._choice, "audiooutput")

    # --- tones ------------------------------------------------------------------------------------------------------

    def play_tone(self, name: str, loop: bool = True) -> None:
        """Play "ringback" or "ringtone" to the speaker, in place of the tone before; for ever, or once (2 s).

        440 and 480 Hz, 2 s on and 4 s off, as the reference SDK's `playTone`. ValueError for another name.
        """
        if name not in TONES:
            raise ValueError(f"play_tone: there is no tone {name!r}; there are {' and '.join(TONES)}")
        self._player.play(loop=loop)

    def stop_tone(self) -> None:
        """End the tone; without one nothing happens."""
        self._player.stop()

    @property
    def is_playing(self) -> bool:
        """Whether a tone plays."""
        return self._player.is_playing


async def _asked(answer: "Future[T]", otherwise: T) -> T:
    try:
        return await asyncio.wrap_future(answer)
    except DeviceError as error:
        if str(error) not in _told:
            _told.add(str(error))
            _log.warning("audio: %s", error)
        return otherwise
