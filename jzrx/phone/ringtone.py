"""What the user hears when a call comes in: a ringtone, or, in a call, a beep that the other side does not hear."""

from collections.abc import Callable

from jzrx.media.devices.player import Player, Tone
from jzrx.store import ClientSnapshot, StateObservable
from jzrx.types import CallState

__all__ = ["alert", "ring"]


def alert(snapshot: ClientSnapshot) -> Tone | None:
    """The tone that says that somebody calls; None: nobody does."""
    ringing = snapshot.incoming_call_ids
    if not ringing:
        return None
    is_busy = any(call.id not in ringing and call.state is not CallState.ENDED for call in snapshot.calls.values())
    return "call_waiting" if is_busy else "ringtone"


def ring(
    snapshot: StateObservable[ClientSnapshot], player: Player, soon: Callable[[Callable[[], None]], object]
) -> None:
    """Ring from a call's arrival until it is answered, declined or given up.

    It begins on the loop's next turn (`soon`): not for a call that is answered or refused at once.
    """
    wanted = snapshot.select(alert)
    heard: list[Tone] = []

    def begin() -> None:
        tone = wanted.value
        if tone is not None and heard != [tone]:
            heard[:] = [tone]
            player.play(tone)

    def update(tone: Tone | None) -> None:
        if tone is None:
            heard.clear()
            player.stop()
        else:
            soon(begin)

    wanted.subscribe(update)
