"""The tone that a caller hears while it rings, where the network sends none."""

from jzrx.media.devices.player import Player
from jzrx.media.devices.taps import DeviceChoice
from jzrx.store import CallSnapshot, StateObservable
from jzrx.types import CallState, MediaState

__all__ = ["ring_back"]


def ring_back(call: StateObservable[CallSnapshot], devices: DeviceChoice) -> None:
    """Play the tone while the call rings without early media: what the other side then sends is the tone to hear."""
    player = Player(devices)

    def update(now: CallSnapshot) -> None:
        rings = now.state is CallState.RINGING and now.media is not MediaState.CONNECTED
        if rings and not player.is_playing:
            player.play()
        elif not rings:
            player.stop()

    call.subscribe(update, on_completed=player.stop)
