"""What a test wants the server to do instead of the usual: the next reply, no reply, a delay, a dropped socket.

    sbc.script.reply("INVITE", 503, "Maximum Calls In Progress", user="alice")
    sbc.script.ignore("INFO")
    sbc.script.delay("REGISTER", 2.0)
    sbc.script.drop("BYE")

Each is good for one request, or for `times` of them, in the order in which they were written. ValueError for a time, a
number or a status that cannot be.
"""

from collections.abc import Mapping

from attrs import field, frozen
from attrs.validators import ge

from jzrx.sip.message import Request
from jzrx.types import Headers

__all__ = ["Action", "Delay", "Drop", "Ignore", "Reply", "Script"]


@frozen
class Reply:
    """Answer so, and look no further at the request. `after` seconds."""

    status: int
    reason: str | None = None
    headers: Headers = ()
    body: bytes = b""
    after: float = field(default=0.0, validator=ge(0))


@frozen
class Ignore:
    """Never answer."""


@frozen
class Delay:
    """Treat the request as usual, but `seconds` later."""

    seconds: float = field(validator=ge(0))


@frozen
class Drop:
    """Drop the WebSocket that the request came over, without a closing handshake."""


Action = Reply | Ignore | Delay | Drop


@frozen
class _Rule:
    method: str
    user: str | None
    action: Action

    def fits(self, request: Request) -> bool:
        return self.method in (request.method, "*") and self.user in (request.from_.uri.user, None)


@frozen
class Script:
    """The exceptions that are still to be made. `user` is the one in From: who sends the request.

    `method` is a SIP method, or `*` for any. A challenged request comes twice: without credentials, then with them.
    """

    _rules: list[_Rule] = field(factory=list[_Rule], init=False)

    def reply(
        self,
        method: str,
        status: int,
        reason: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        user: str | None = None,
        times: int = 1,
        after: float = 0.0,
    ) -> None:
        """Answer with this response. Raises ValueError for a status outside 100 to 699."""
        if not isinstance(status, int) or not 100 <= status <= 699:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"status must be 100 to 699, not {status!r}")
        self._add(method, user, times, Reply(status, reason, tuple((headers or {}).items()), body, after))

    def ignore(self, method: str, *, user: str | None = None, times: int = 1) -> None:
        """Never answer."""
        self._add(method, user, times, Ignore())

    def delay(self, method: str, seconds: float, *, user: str | None = None, times: int = 1) -> None:
        """Do the usual, `seconds` later."""
        self._add(method, user, times, Delay(seconds))

    def drop(self, method: str, *, user: str | None = None, times: int = 1) -> None:
        """Drop the WebSocket when the request comes."""
        self._add(method, user, times, Drop())

    def clear(self) -> None:
        """Back to the usual."""
        self._rules.clear()

    def take(self, request: Request) -> Action | None:
        """What is to be done with this request; it is then used up. None: the usual."""
        for rule in self._rules:
            if request.method != "ACK" and rule.fits(request):
                self._rules.remove(rule)
                return rule.action
        return None

    def _add(self, method: str, user: str | None, times: int, action: Action) -> None:
        if not isinstance(method, str) or not method:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"method must be a SIP method such as 'INVITE', or '*', not {method!r}")
        if not isinstance(times, int) or times < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"times must be 1 or more, not {times!r}")
        self._rules.extend([_Rule(method.upper(), user, action)] * times)
