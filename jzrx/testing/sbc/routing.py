"""Where a call goes, in jambonz's order: `app-SID`, the device-calling application, `queue-`, `conference-`, a user.

Each but the second only for who may call such a thing directly; a conference is granted with the applications.

A number loses its leading `+`. What leads nowhere is 480 with `X-Reason: no configured application`; another realm than
ours 404.
"""

from collections.abc import Callable, Mapping

from attrs import frozen

from jzrx.sip.uri import Uri
from jzrx.testing.sbc.account import Grant
from jzrx.testing.sbc.auth import Refusal
from jzrx.testing.sbc.robots import Robot

__all__ = ["ToRobot", "ToUser", "route"]


@frozen
class ToUser:
    """Ring this user, who is registered."""

    user: str


@frozen
class ToRobot:
    """`name` is what was dialled."""

    name: str
    robot: Robot


def route(
    target: Uri,
    *,
    realm: str,
    may: Callable[[Grant], bool],
    is_registered: Callable[[str], bool],
    apps: Mapping[str, Robot],
    device_app: str | None,
    queue: Callable[[str], Robot],
    conference: Callable[[str], Robot],
    robots: Mapping[str, Robot],
) -> ToUser | ToRobot | Refusal:
    """Where an authenticated caller's INVITE to `target` goes. `robots` answer where no user of that name is."""
    if (target.host or "").lower() != realm:
        return Refusal(404)
    name = target.user or ""
    if name.startswith("+") and name[1:].isdigit():
        name = name[1:]
    kind, dash, rest = name.partition("-")
    if kind == "app" and dash and may("app"):
        return _application(apps, rest)
    if device_app is not None:
        # An account with a device-calling application gives it every call.
        return _application(apps, device_app)
    if kind == "queue" and rest and may("queue"):
        return ToRobot(name, queue(rest))
    if kind == "conference" and rest and may("app"):
        return ToRobot(name, conference(rest))
    if may("user") and is_registered(name):
        return ToUser(name)
    if name in robots:
        return ToRobot(name, robots[name])
    return _NOTHING


_NOTHING = Refusal.because(480, "no configured application")


def _application(apps: Mapping[str, Robot], sid: str) -> ToRobot | Refusal:
    return ToRobot(f"app-{sid}", apps[sid]) if sid in apps else _NOTHING
