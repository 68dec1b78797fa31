"""What an SBC did, for its `events`, the trace of `jzrx sbc`, and tests that wait for something."""

from typing import Literal

from attrs import frozen

__all__ = ["SbcEvent", "What"]

What = Literal[
    "opened",
    "closed",
    "registered",
    "refreshed",
    "unregistered",
    "called",
    "progressed",
    "answered",
    "held",
    "resumed",
    "dtmf",
    "transferring",
    "transferred",
    "ended",
    "message",
    "refused",
    "scripted",
]


@frozen
class SbcEvent:
    """One thing that happened. `user` is who caused it, None where nobody was named yet; `detail` says more.

    `str()` is a line for people to read.
    """

    what: What
    user: str | None = None
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.what:<12} {self.user or '-':<12} {self.detail}".rstrip()
