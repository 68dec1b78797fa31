"""The tones of a telephone on its own speaker."""

from jzrx.media.devices.desk import desk
from jzrx.media.devices.ring import RATE
from jzrx.media.devices.taps import DeviceChoice, OutputTap

__all__ = ["Player"]


class Player:
    """Plays the ringback tone, which is the ringtone too, to the speaker that `choice` says. From any thread."""

    def __init__(self, choice: DeviceChoice) -> None:
        self._choice = choice
        self._tap: OutputTap | None = None

    @property
    def is_playing(self) -> bool:
        """Whether it plays, or would if there were a speaker."""
        return self._tap is not None and not self._tap.is_over

    def play(self, *, loop: bool = True) -> None:
        """Begin from the start."""
        from jzrx.media.tones import ringback  # late: it loads PyAV

        self.stop()
        self._tap = OutputTap(self._choice, ringback(loop).open(RATE))
        desk.attach(self._tap)

    def stop(self) -> None:
        """End it; without a tone nothing happens."""
        tap, self._tap = self._tap, None
        if tap is not None:
            desk.detach(tap)
