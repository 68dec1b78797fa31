"""REFER's values (RFC 3515): a transfer that we asked for, one that is asked of us, and what is heard of them."""

from attrs import frozen

__all__ = ["Followed", "Issued", "Referral", "TargetReached", "Transferring"]


@frozen
class Transferring:
    """A transfer of ours whose outcome is open. `accepted`: REFER got its 2xx; `heard`: a NOTIFY came, or may have been
    lost with the flow. `number`: the REFER's CSeq number, which names its subscription (section 2.4.6)."""

    tag: str
    token: int | None
    consultation: str | None
    number: int = 0
    accepted: bool = False
    heard: bool = False


@frozen
class Referral:
    """A transfer that the other side asks of us. `number`: the CSeq number of its REFER.

    `key`: the transaction that still waits for its answer. `silent`: it wants no NOTIFY (RFC 4488). `call`: the call
    that was made as it wished. `told`: the status that the last NOTIFY told.
    """

    number: int
    key: str | None
    silent: bool = False
    call: str | None = None
    told: int = 0


# --- inputs of a session -------------------------------------------------------------------------------------------


@frozen
class Issued:
    """The request that we issued under `tag` has this CSeq number; another one once it is repeated with credentials."""

    tag: str
    number: int


@frozen
class Followed:
    """The transfer that the other side asked for is carried out, by the call `call` of ours."""

    call: str


@frozen
class TargetReached:
    """How far `call` is, which was made as the other side asked. `final`: it is answered, or over."""

    call: str
    code: int
    reason: str
    final: bool
