"""What a session consists of: each part is there while something is under way, or once something is agreed."""

from typing import Literal

from attrs import frozen

from jzrx.sip.dialog import Dialog
from jzrx.sip.message import Request
from jzrx.types import Headers


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
    """A re-INVITE of ours that waits for its turn, and what it is for; `tries` counts the 491s that it met.

    `is_withdrawn`: it was cancelled, since nobody answered it.
    """

    purpose: Literal["hold", "unhold", "refresh", "restart"]
    token: int | None
    tries: int = 0
    is_withdrawn: bool = False

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


# --- early dialogs, offers and timers of the protocol ----------------------------------------------------------------


@frozen
class Early:
    """An early dialog of our INVITE that a reliable provisional response made, one for each branch of a fork.

    `rseq` is the last RSeq that we acknowledged; `answer` is the answer to our offer, once it came; `moved_on`: another
    offer and answer followed it.
    """

    dialog: Dialog
    rseq: int
    answer: str | None = None
    moved_on: bool = False


@frozen
class Provisional:
    """A provisional response of ours, or one that is to be sent."""

    status: int
    headers: Headers = ()
    sdp: str | None = None


@frozen
class Unpracked:
    """The last reliable provisional response of ours, repeated until its PRACK."""

    rseq: int
    interval: float
    has_sdp: bool
    is_acknowledged: bool = False

    @property
    def holds_back(self) -> bool:
        """No 2xx may be sent before its PRACK."""
        return self.has_sdp and not self.is_acknowledged


@frozen
class Offered:
    """A request of the other side whose offer is being answered: a re-INVITE, an UPDATE or a PRACK."""

    key: str
    request: Request


@frozen
class Expiry:
    """The session timer that was agreed (RFC 4028). `interval` is seconds; `is_ours`: we refresh; `at`: when the
    session is ended if nobody did."""

    interval: int
    is_ours: bool
    at: float
