"""Those who answer without a client: echo, a tone, one that rings for ever, one that is busy, queues, conferences.

A robot is a coroutine function that gets the caller's leg; it is cancelled when the call ends, and when it returns the
call is hung up.
"""

from collections.abc import Mapping

from jzrx.media.sources import tone
from jzrx.ports import AudioSource
from jzrx.testing.sbc.legs import Leg, Robot

__all__ = ["ROBOTS", "Robot", "busy", "echo", "never_answers", "player", "robot_of"]

QUEUE_TONE = 350
"""Hz of what a caller in a queue hears."""


async def echo(leg: Leg) -> None:
    """Sends back what it hears."""
    leg.session.relay_to(leg.session)
    leg.answer()
    await leg.over()


def player(source: AudioSource) -> Robot:
    """Plays `source` until the caller hangs up."""

    async def play(leg: Leg) -> None:
        leg.session.set_source(source)
        leg.answer()
        await leg.over()

    return play


async def never_answers(leg: Leg) -> None:
    """Rings for ever, which towards callers is a 183 with SDP."""
    leg.progress()
    await leg.over()


async def busy(leg: Leg) -> None:
    """486."""
    leg.hang_up(486)


def queue(name: str) -> Robot:
    """The queue `name`: nobody ever takes the caller out of it."""
    return player(tone(QUEUE_TONE))


ROBOTS: Mapping[str, Robot] = {
    "echo": echo,
    "tone": player(tone(440)),
    "noanswer": never_answers,
    "busy": busy,
}
"""Whom everybody can call by name, unless a user has that name."""


def robot_of(what: Robot | AudioSource | str, name: str) -> Robot:
    """The robot that an application is: a robot, the name of one of ours, or something to play.

    Raises ValueError that names the application for anything else.
    """
    if isinstance(what, str):
        if what not in ROBOTS:
            raise ValueError(f"apps: {name} is served by {what!r}, which is none of {', '.join(ROBOTS)}")
        return ROBOTS[what]
    if hasattr(what, "open"):
        return player(what)  # pyright: ignore[reportArgumentType]
    if callable(what):
        return what
    raise ValueError(f"apps: {name} must be a robot, the name of one ({', '.join(ROBOTS)}) or an audio source")
