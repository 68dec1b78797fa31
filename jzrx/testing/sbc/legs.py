"""One side of a call: what the server can do with it, and who hears what happens to it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, cast

from jzrx.commands import Answer, Command, Dial, HangUp, SendProgress
from jzrx.events import CallAnswered, CallEnded, CallEvent, CallProgressed, MediaStateChanged
from jzrx.headers import RemoteHeaders
from jzrx.media.session import MediaSession
from jzrx.sip.message import Request
from jzrx.types import Headers, MediaState

if TYPE_CHECKING:
    from jzrx.testing.sbc.flow import Flow

__all__ = ["Leg", "Robot"]


Robot = Callable[["Leg"], Coroutine[Any, Any, None]]
"""Serves one call."""


def _nobody(_event: CallEvent) -> None:
    pass


class Leg:
    """A call between the server and one client, on that client's flow.

    `other` is the leg that it is bridged to; or else `robot` serves it. `is_plain`: its client is offered plain RTP.
    `on_event` hears of signalling and media, after the leg itself.
    """

    def __init__(self, flow: "Flow", user: str, invite: Request | None = None) -> None:
        """`invite`: the client's, if it is the caller."""
        self.flow = flow
        self.id = flow.ids.token()
        self.user = user
        self.is_caller = invite is not None
        self.is_plain = False
        self.sip_call_id = "" if invite is None else invite.call_id
        self._has_offer = invite is not None and bool(invite.body)
        self._is_progressing = False
        self._answer_after: Headers | None = None
        self.is_answered = False
        self.holds = False
        """Its client has put the other side on hold."""
        self.media = MediaState.NEW
        self.was_heard = False
        """It had an audio path at some time."""
        self.other: Leg | None = None
        self.robot: Robot | None = None
        self.marks: Headers = ()
        """The headers of its 200."""
        self.arrival: Callable[[int], None] | None = None
        """While its call is being moved to a robot: who is told, in place of the client, what becomes of that."""
        self.on_event: Callable[[CallEvent], None] = _nobody
        self._digits = asyncio.Queue[str]()
        self._answered = asyncio.Event()
        self._ended = asyncio.Event()

    @property
    def session(self) -> MediaSession:
        """Its audio (or a `FakeSession`, which has what is asked of it here). RuntimeError when the call is over."""
        session = self.flow.media.session(self.id)
        if session is None:
            raise RuntimeError("the call is over")
        return cast(MediaSession, session)

    @property
    def is_over(self) -> bool:
        """Whether the call has ended."""
        return self._ended.is_set()

    async def up(self) -> None:
        """Return when the call is answered: by the client, or by us and the client has confirmed it."""
        await self._answered.wait()

    async def over(self) -> None:
        """Return when the call has ended."""
        await self._ended.wait()

    async def digit(self, timeout: float | None = None) -> str:
        """The next key that the client has pressed, by RTP or INFO; those pressed before it was asked for wait.

        `timeout` (s): TimeoutError after that long.
        """
        async with asyncio.timeout(timeout):
            return await self._digits.get()

    # --- what the server does ----------------------------------------------------------------------------------------

    def dial(self, target: str, from_: str, headers: Headers) -> None:
        """Call the client at its contact."""
        self._do(Dial(call_id=self.id, target=target, from_=from_, headers=headers))

    def progress(self) -> None:
        """183 with SDP: a caller hears something, and is never told 180."""
        if self.arrival is not None:
            self.arrival(183)
            return
        self._is_progressing = self._has_offer
        self._do(SendProgress(call_id=self.id, code=183, with_media=True))

    def answer(self, headers: Headers = ()) -> None:
        """200; after a 183 its SDP again. It does not overtake a 183 whose SDP is still being made."""
        if self.arrival is not None:
            self.arrival(200)
        elif self._is_progressing:
            self._answer_after = headers
        else:
            self._do(Answer(call_id=self.id, headers=(*self.marks, *headers)))

    def hang_up(self, code: int = 480, reason: str | None = None, headers: Headers = ()) -> None:
        """Refuse it with `code`, cancel it, or end it by BYE: whatever its state demands."""
        if self.arrival is not None:
            self.arrival(code)
            return
        self._do(HangUp(call_id=self.id, code=code, reason=reason, headers=headers))

    async def ask(self, command: Command) -> Any:
        """Do something that is answered: the value, or the JambonzError why not."""
        return await self.flow.ask(command)

    def _do(self, command: Command) -> None:
        self.flow.do(command)

    # --- what happens ------------------------------------------------------------------------------------------------

    def described(self) -> None:
        """The media made a description, and it was sent."""
        self._is_progressing = False
        if self._answer_after is not None:
            headers, self._answer_after = self._answer_after, None
            self.answer(headers)

    def pressed(self, key: str) -> None:
        """The client has pressed a key."""
        self._digits.put_nowait(key)

    def happened(self, event: CallEvent) -> None:
        """Something happened to this call."""
        match event:
            case CallProgressed() | CallAnswered():
                self.sip_call_id = self.sip_call_id or RemoteHeaders(event.headers).get("call-id", "")
                self.is_answered = isinstance(event, CallAnswered)
                if self.is_answered:
                    self._answered.set()
            case MediaStateChanged(media=media):
                self.media = media
                self.was_heard = self.was_heard or media is MediaState.CONNECTED
            case CallEnded():
                self._ended.set()
            case _:
                pass
        self.on_event(event)
