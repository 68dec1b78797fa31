"""Two legs made into one call, each with its own dialog and its own media on the server, as jambonz does it.

    caller ──INVITE──> server ──INVITE──> callee        From sip:caller@localhost, X-Call-Sid, ..., X- headers
           <──183 SDP──        <──180────               the server's own SDP: media is anchored; never 180 to a caller
           <──200──────        <──200────               X-Call-Sid, X-Application-Sid

A BYE or a refusal is passed on with its headers; what happens while the call is up is `incall.py`.
"""

import asyncio
import uuid
from collections.abc import Callable
from typing import Self

from attrs import frozen

from jzrx.events import CallAnswered, CallEnded, CallEvent, CallProgressed, MediaStateChanged
from jzrx.headers import checked_headers
from jzrx.sip.headers import NameAddr
from jzrx.sip.message import Request
from jzrx.sip.uri import Uri
from jzrx.testing.sbc.journal import SbcEvent
from jzrx.testing.sbc.legs import Leg
from jzrx.types import Headers, MediaState

__all__ = ["RING_TIME", "Bridge", "CallSids", "caller_id", "passed_on", "x_headers"]

RING_TIME = 60.0
"""Seconds that jambonz's dial lets the callee ring."""

_REPLACED = {"x-application-sid", "x-authenticated-user", "x-account-sid", "x-call-sid", "x-cid", "x-trace-id"}
_OF_THE_HOP = {"server", "date", "user-agent"}

Note = Callable[[SbcEvent], None]


@frozen
class CallSids:
    """What jambonz calls a call in its X- headers."""

    account: str
    application: str
    call: str

    @classmethod
    def of_new_call(cls, account: str, application: str) -> Self:
        """With an id of its own."""
        return cls(account, application, str(uuid.uuid4()))

    def to_caller(self) -> Headers:
        """In the 200."""
        return (("X-Call-Sid", self.call), ("X-Application-Sid", self.application))

    def to_callee(self, cid: str) -> Headers:
        """In the INVITE; `cid` is the Call-ID of the caller's leg."""
        return (
            ("X-Account-Sid", self.account),
            ("X-Call-Sid", self.call),
            ("X-Application-Sid", self.application),
            ("X-CID", cid),
        )


def x_headers(request: Request) -> Headers:
    """The caller's X- headers that go on to the callee: all but those which only the server sets."""
    return tuple(
        (name, value)
        for name, value in request.headers
        if name.lower().startswith("x-") and name.lower() not in _REPLACED
    )


def caller_id(request: Request) -> str:
    """The From that the callee sees: the host is `localhost`, whatever the realm is."""
    caller = request.from_
    uri = Uri.parse(f"sip:{caller.uri.raw_user or 'anonymous'}@localhost;transport=ws")
    return str(NameAddr(uri, caller.display_name))


def passed_on(headers: Headers) -> Headers:
    """The headers of a BYE or refusal that mean something to the other side too."""
    return tuple(pair for pair in headers if pair[0].lower() not in _OF_THE_HOP and _is_free(pair))


def _is_free(pair: tuple[str, str]) -> bool:
    try:
        checked_headers(dict([pair]))
    except ValueError:
        return False
    return True


class Bridge:
    """The call of two legs. `strict`: a callee's refusal is 603 to the caller."""

    def __init__(self, caller: Leg, callee: Leg, sids: CallSids, note: Note, *, strict: bool) -> None:
        caller.other, callee.other = callee, caller
        caller.on_event, callee.on_event = self._of_caller, self._of_callee
        caller.marks = sids.to_caller()
        self._caller = caller
        self._callee = callee
        self._sids = sids
        self._note = note
        self._strict = strict
        self._ringing = asyncio.get_running_loop().call_later(RING_TIME, self._rang_long_enough)
        self._has_progressed = False

    def begin(self, contact: Uri, request: Request) -> None:
        """Call the callee at its contact; another user part, if the call wants it, changes nothing of the way."""
        self._caller.session.relay_to(self._callee.session)
        self._callee.session.relay_to(self._caller.session)
        headers = (*self._sids.to_callee(request.call_id), *x_headers(request))
        user = request.headers.get("X-Override-To")
        target = contact if user is None else contact.replace(user=user)
        self._callee.dial(str(target), caller_id(request), headers)

    def _of_caller(self, event: CallEvent) -> None:
        match event:
            case CallEnded():
                self._ringing.cancel()
                self._note(SbcEvent("ended", self._caller.user, f"{event.cause.code} {event.cause.reason}"))
                self._callee.hang_up(headers=passed_on(event.headers))
            case MediaStateChanged(media=MediaState.FAILED):
                self._caller.flow.media_failed(self._caller, event.reason or "No media path")
            case _:
                pass

    def _of_callee(self, event: CallEvent) -> None:
        match event:
            case CallProgressed() if not self._has_progressed and not self._caller.is_over:
                self._has_progressed = True
                self._note(SbcEvent("progressed", self._callee.user, f"{event.code} {event.reason}"))
                self._caller.progress()
            case CallAnswered() if not self._caller.is_over:
                self._ringing.cancel()
                self._note(SbcEvent("answered", self._callee.user, f"the call of {self._caller.user}"))
                self._caller.answer()
            case CallEnded() if not self._caller.is_over:
                self._ringing.cancel()
                self._note(SbcEvent("ended", self._callee.user, f"{event.cause.code} {event.cause.reason}"))
                self._end_caller(event)
            case MediaStateChanged(media=MediaState.FAILED):
                self._callee.flow.media_failed(self._callee, event.reason or "No media path")
            case _:
                pass

    def _end_caller(self, ended: CallEnded) -> None:
        code, headers = ended.cause.code, passed_on(ended.headers)
        if self._strict or not 400 <= code < 700 or code in (401, 407):
            # The dial fails, and an application that ends without an answer is 603.
            self._caller.hang_up(603, headers=headers)
        else:
            self._caller.hang_up(code, ended.cause.reason, headers)

    def _rang_long_enough(self) -> None:
        self._caller.hang_up(603)
