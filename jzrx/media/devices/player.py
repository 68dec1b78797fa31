"""The tones of a telephone on its own speaker."""

from typing import Literal

from jzrx.media.devices.desk import desk
from jzrx.media.devices.ring import RATE
from jzrx.media.devices.taps import DeviceChoice, OutputTap

__all__ = ["Player", "Tone"]

Tone = Literal["ringback", "ringtone", "call_waiting"]
"""The tones by their names; the ringtone is the ringback tone."""


class Player:
    """Plays a tone to the speaker that `choice` says, mixed with what else is heard there. From any thread.

    `is_default`: nobody asked for a speaker, so that nobody is warned where there is none.
    """

    def __init__(self, choice: DeviceChoice, *, is_default: bool = False) -> None:
        self._choice = choice
        self._is_default = is_default
        self._tap: OutputTap | None = None

    @property
    def is_playing(self) -> bool:
        """Whether it plays, or would if there were a speaker."""
        return self._tap is not None and not self._tap.is_over

    def play(self, tone: Tone = "ringback", *, loop: bool = True) -> None:
        """Begin from the start, in place of the tone before."""
        from jzrx.media import tones  # late: it loads PyAV

        self.stop()
        source = tones.call_waiting() if tone == "call_waiting" else tones.ringback(loop)
        self._tap = OutputTap(self._choice, source.open(RATE), is_default=self._is_default)
        desk.attach(self._tap)

    def stop(self) -> None:
        """End it; without a tone nothing happens."""
        tap, self._tap = self._tap, None
        if tap is not None:
            desk.detach(tap)
