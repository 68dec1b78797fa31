"""A step of a preflight: what was tried, how it went, and what to do."""

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import Final, Literal

from attrs import frozen

from jzrx.errors import JambonzError

__all__ = ["Finding", "Outcome", "PreflightStep", "StepError", "take"]

_ADVICE: Final = {
    "dns": "check the name, and that this machine has a network and a resolver",
    "tcp": "check the address and the port, and that no firewall is in the way",
    "tls": "check that the port speaks TLS (of jambonz: 8443), and that no firewall is in the way",
    "websocket": "check that the port and the path are those of SIP over WebSocket (of jambonz: port 8443, no path)",
    "sip": "check that the URL is that of the SBC's SIP over WebSocket (of jambonz: port 8443), not of its portal",
    "registration": "check username, password and realm, and what the server logs",
    "stun": "check its address, and that no firewall is in the way",
    "turn": "check its address and credentials, and that no firewall is in the way",
    "call": "call something that answers and echoes, and look at what the server logs",
}
"""What to do where a step failed, and nothing closer to the point is known."""

Outcome = Literal["ok", "warning", "failed", "skipped"]


@frozen
class PreflightStep:
    """One step, done. `name` is one of `dns`, `tcp`, `tls`, `websocket`, `sip`, `registration`, `stun`, `turn`, `call`.

    `detail` says what was found, or why it failed or was skipped; `advice` what to do about it: after a failure always,
    after a warning where there is something to do. `seconds` is how long it took.
    """

    name: str
    outcome: Outcome
    detail: str
    seconds: float = 0.0
    advice: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing stands in the way of a call here."""
        return self.outcome != "failed"


@frozen
class Finding:
    """What a step that did not fail has found."""

    detail: str
    advice: str | None = None
    outcome: Outcome = "ok"


class StepError(Exception):
    """A step failed: why, and what to do."""

    def __init__(self, detail: str, advice: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.advice = advice

    @classmethod
    def explained(cls, message: str) -> "StepError":
        """From one of our messages: what failed stands before the first semicolon, what to do behind it."""
        detail, _, advice = message.partition("; ")
        return cls(detail, advice or None)


async def take(name: str, step: Awaitable[Finding], patience: float) -> PreflightStep:
    """Take a step, for `patience` seconds at most; whatever it raises that the network decided is its outcome."""
    began = monotonic()
    try:
        async with asyncio.timeout(patience):
            found = await step
    except TimeoutError as error:
        found = Finding(str(error) or f"no answer in {patience:g} s", None, "failed")
    except StepError as error:
        found = Finding(error.detail, error.advice, "failed")
    except JambonzError as error:
        failure = StepError.explained(error.message)
        found = Finding(failure.detail, failure.advice, "failed")
    advice = found.advice or (_ADVICE[name] if found.outcome == "failed" else None)
    return PreflightStep(name, found.outcome, found.detail, monotonic() - began, advice)
