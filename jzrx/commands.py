"""What a user may ask of the signalling; each is plain data, checked where the user gave it.

The facade turns its methods into these and hands them to the SIP agent together with the action that waits for the
outcome. Targets are SIP URIs already, headers are checked already (`jzrx.options`).
"""

from attrs import frozen

from jzrx.types import Headers

__all__ = [
    "Answer",
    "Command",
    "Connect",
    "Dial",
    "Disconnect",
    "HangUp",
    "Hold",
    "RefuseTransfer",
    "Register",
    "RestartIce",
    "SendDtmfInfo",
    "SendInfo",
    "SendMessage",
    "SendNotify",
    "SendProgress",
    "ToggleHold",
    "Transfer",
    "Unhold",
    "Unregister",
]


@frozen(kw_only=True)
class Connect:
    """Open the flow and, with `auto_register`, register."""


@frozen(kw_only=True)
class Disconnect:
    """End all calls, unregister, close the flow."""


@frozen(kw_only=True)
class Register:
    """Register now (RFC 3261 section 10.2)."""


@frozen(kw_only=True)
class Unregister:
    """Remove our binding."""


@frozen(kw_only=True)
class Dial:
    """Call `target`, a SIP URI. `no_answer_timeout` (s): give up after that long without an answer.
    `follow_redirects`: a 3xx sends the call where it points.

    `from_` replaces our own name and address, as a server does that passes a call on. `in_place_of`: the call whose
    other side asked for this one by REFER (`TransferRequested`), which is thereby accepted. `held`: it begins on hold.
    """

    call_id: str
    target: str
    headers: Headers = ()
    no_answer_timeout: float | None = None
    follow_redirects: bool = False
    from_: str | None = None
    in_place_of: str | None = None
    held: bool = False


@frozen(kw_only=True)
class SendProgress:
    """Tell the caller of a ringing inbound call how far it is; `with_media`: with an SDP answer (early media)."""

    call_id: str
    code: int = 180
    with_media: bool = False
    headers: Headers = ()


@frozen(kw_only=True)
class Answer:
    """Answer an inbound call. `held`: with its other side on hold."""

    call_id: str
    headers: Headers = ()
    held: bool = False


@frozen(kw_only=True)
class HangUp:
    """End a call in any state: CANCEL, a refusal with `code`, or BYE.

    `cause_code` and `cause_reason` replace the cause that the call shows ("No Answer", "No media path");
    `headers` go out on the BYE or the refusal.
    """

    call_id: str
    code: int = 486
    reason: str | None = None
    headers: Headers = ()
    cause_code: int | None = None
    cause_reason: str | None = None
    by_system: bool = False


@frozen(kw_only=True)
class Hold:
    """Put the other side on hold by a re-INVITE."""

    call_id: str


@frozen(kw_only=True)
class Unhold:
    """Take our hold back by a re-INVITE."""

    call_id: str


@frozen(kw_only=True)
class ToggleHold:
    """Hold, or take the hold back: the opposite of what was last asked for, be it confirmed yet or not."""

    call_id: str


@frozen(kw_only=True)
class RestartIce:
    """Make the audio path anew by a re-INVITE with new ICE credentials (RFC 8839 section 4.4.1.1.1)."""

    call_id: str


@frozen(kw_only=True)
class SendDtmfInfo:
    """Send DTMF tones, each by INFO `application/dtmf-relay`; `,` is a pause of 2 s. Times are milliseconds."""

    call_id: str
    tones: str
    duration_ms: int = 100
    gap_ms: int = 70


@frozen(kw_only=True)
class SendInfo:
    """Send an INFO in a call (RFC 6086)."""

    call_id: str
    content_type: str
    body: bytes
    headers: Headers = ()


@frozen(kw_only=True)
class SendNotify:
    """Tell the other side, which sent REFER, how far its transfer is (RFC 3515 section 2.4.4). `final`: that is all.

    `refer`: the CSeq number of that REFER. For a server that carries REFERs out itself.
    """

    call_id: str
    code: int
    reason: str
    final: bool = False
    refer: int | None = None


@frozen(kw_only=True)
class RefuseTransfer:
    """Refuse the transfer that the other side asks for (`TransferRequested`)."""

    call_id: str
    code: int = 603
    reason: str | None = None


@frozen(kw_only=True)
class Transfer:
    """Transfer a call by REFER (RFC 3515). `refer_to` is the value of Refer-To: an address in angle brackets.

    `consultation` names the call whose place the transferred one takes (attended transfer): its dialog goes into the
    address as Replaces (RFC 3891), and it ends when the transfer has succeeded.
    """

    call_id: str
    refer_to: str = ""
    consultation: str | None = None
    headers: Headers = ()


@frozen(kw_only=True)
class SendMessage:
    """Send a MESSAGE outside a call (RFC 3428) to `target`, a SIP URI.

    `from_`: in whose name (a From value without tag); for servers, a phone sends in its own.
    """

    target: str
    body: bytes
    content_type: str = "text/plain"
    headers: Headers = ()
    from_: str | None = None


Command = (
    Connect
    | Disconnect
    | Register
    | Unregister
    | Dial
    | SendProgress
    | Answer
    | HangUp
    | Hold
    | Unhold
    | ToggleHold
    | RestartIce
    | SendDtmfInfo
    | SendInfo
    | SendNotify
    | RefuseTransfer
    | Transfer
    | SendMessage
)
"""Everything that can be asked of the SIP agent."""
