"""What a session consists of: each part is there while something is under way, or once something is agreed."""

from typing import Literal

from attrs import frozen

from jzrx.sip.message import Request


@frozen
class Making:
    """A description that the media is making for us, and what it is for."""

    purpose: Literal["invite", "progress", "answer", "reoffer", "reanswer"]
    ref: int


@frozen
class Unacked:
    """A 2xx of ours to an INVITE that waits for its ACK; repeated until then. `offered`: the ACK carries an answer."""

    key: str
    interval: float
    number: int
    offered: bool = False


@frozen
class Wish:
    """A re-INVITE of ours that waits for its turn, and what it is for; `tries` counts the 491s that it met."""

    purpose: Literal["hold", "unhold"]
    token: int | None
    tries: int = 0

    def held_after(self, held: bool) -> bool:
        """Whether the other side is on hold once this is done; `held`: whether it is before."""
        return self.purpose == "hold" if self.is_hold else held

    @property
    def is_hold(self) -> bool:
        """It changes the hold: it fails as one, and there is nothing to do where the hold is so already."""
        return self.purpose in ("hold", "unhold")


@frozen
class Tones:
    """A queued `send_dtmf`: what is still to be sent."""

    tones: str
    duration: float
    gap: float
    token: int | None


@frozen
class Transferring:
    """A transfer of ours whose outcome is open. `accepted`: REFER got its 2xx; `heard`: a NOTIFY came."""

    tag: str
    token: int | None
    consultation: str | None
    accepted: bool = False
    heard: bool = False


@frozen
class Offered:
    """A request of the other side whose offer is being answered: a re-INVITE, an UPDATE or a PRACK."""

    key: str
    request: Request
