"""What becomes of calls that come in, where nobody is asked: as values. `jzrx.phone.incoming` decides by them."""

from collections.abc import Callable
from typing import Any, Literal

from attrs import field, frozen

from jzrx import checks
from jzrx.checks import Attribute
from jzrx.headers import RemoteHeaders

__all__ = ["AutoAnswer", "IncomingCall", "IncomingPolicy"]


@frozen(kw_only=True)
class IncomingCall:
    """A call that comes in, before it rings. `headers` are those of its INVITE, read-only, found in any case."""

    remote_uri: str
    remote_display_name: str | None = None
    headers: RemoteHeaders = field(factory=RemoteHeaders)


AutoAnswer = bool | Literal["requested"] | Callable[[IncomingCall], bool]
"""Which calls are answered by themselves: all, none, those that ask for it, or those for which the function is true."""


def _auto_answer(_: Any, __: Attribute, value: Any) -> None:
    if not (isinstance(value, bool) or value == "requested" or callable(value)):
        raise checks.refusal("auto_answer", value, 'True, False, "requested" or a function of an IncomingCall')


@frozen(kw_only=True)
class IncomingPolicy:
    """What becomes of calls that come in: they ring, are answered by themselves, or are refused and never ring.

    `do_not_disturb` refuses all of them with `do_not_disturb_code` (400 to 699; 486 is "busy", 480 "not available",
    603 "declined"). `max_calls`: with that many calls, in whatever state, further ones are busy (486); 1 is a phone
    without call waiting, 0 one that takes no calls, None has no limit. Calls that are made here are not limited.

    `auto_answer` answers calls after `auto_answer_delay` seconds, until when they ring and can be declined: True all of
    them, a function of an `IncomingCall` those for which it returns true, "requested" those that ask for it by
    `Answer-Mode: Auto` (RFC 5373), `answer-after=SECONDS` in Call-Info or Alert-Info (which then is the delay), or
    `info=alert-autoanswer` in Alert-Info. While there is another call they ring as ever: nobody is cut off or listened
    in on. Whoever may call then hears the microphone, unasked: choose well, or let `audio` be something else.
    """

    do_not_disturb: bool = field(default=False, validator=checks.flag)
    do_not_disturb_code: int = field(default=486, validator=checks.number(400, 699, "a SIP status", whole=True))
    max_calls: int | None = field(
        default=None, validator=checks.number(0, 1_000_000, "calls", whole=True, optional=True)
    )
    auto_answer: AutoAnswer = field(default=False, validator=_auto_answer)
    auto_answer_delay: float = field(default=0.0, validator=checks.number(0, 3600, "seconds"))
