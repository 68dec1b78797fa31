"""The tone that a caller hears while it rings, where the network sends none."""

from jzrx.media.devices.player import Player
from jzrx.store import CallSnapshot, StateObservable
from jzrx.types import CallState, MediaState

__all__ = ["ring_back"]


def ring_back(call: StateObservable[CallSnapshot], player: Player) -> None:
    """Play the tone while the call rings and the network sends nothing to hear; never over early media.

    A server may answer early (183) and then send nothing: once that is known (`CallSnapshot.warnings`) the tone plays
    until something comes. While media moves to another early dialog of the call, what was heard before decides.
    """
    is_heard = False

    def update(now: CallSnapshot) -> None:
        nonlocal is_heard
        if now.media is MediaState.CONNECTED:
            is_heard = "no-audio-received" not in now.warnings
        elif now.media is MediaState.FAILED:
            is_heard = False
        rings = now.state is CallState.RINGING and not is_heard
        if rings and not player.is_playing:
            player.play()
        elif not rings:
            player.stop()

    call.subscribe(update, on_completed=player.stop)
