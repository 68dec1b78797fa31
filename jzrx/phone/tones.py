"""DTMF: each call sends one sequence after the other, by RTP where the other side takes that, else by INFO."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import frozen

from jzrx import errors
from jzrx.action import Action, Deferred
from jzrx.commands import SendDtmfInfo
from jzrx.errors import CallError
from jzrx.phone.line import Line, Settled
from jzrx.ports import MediaError, MediaSession

if TYPE_CHECKING:
    from jzrx.phone.phone import Phone

__all__ = ["Sequence", "ToneQueues"]

NO_EVENTS = (
    "send_dtmf(): the other side takes no tones by RTP: it did not agree to telephone-event (RFC 4733) at the codec's "
    "clock rate, or it holds the call; use method='info', or none"
)


@frozen(kw_only=True)
class Sequence:
    """Tones to be sent in a call; `method` None: by RTP if that is possible, when it is their turn."""

    call_id: str
    tones: str
    duration_ms: int
    gap_ms: int
    method: str | None


class ToneQueues:
    """The tones of all calls of one client that wait for their turn."""

    def __init__(self, phone: "Phone") -> None:
        self._phone = phone
        self._waiting: dict[str, deque[Callable[[], None]]] = {}

    def send(self, sequence: Sequence) -> Action[None]:
        """Send tones after those that wait already; done with the last end packet, or the response to the last INFO."""
        line = self._phone.any_line()
        session = line.media.session(sequence.call_id)
        if sequence.method == "info" or session is None or session.can_send_dtmf is False:
            if sequence.method == "rtp":
                raise CallError(NO_EVENTS)
            line = self._phone.open_line()
        done = Deferred[None](loop=line.loop)
        settled = self._phone.settling(done, "send_dtmf", sequence.call_id)

        def finished(value: object, error: errors.JambonzError | None) -> None:
            settled(value, error)
            self._next(sequence.call_id)

        line.run(lambda: self._add(sequence.call_id, lambda: self._begin(line, sequence, finished)))
        return done.action

    def _add(self, call_id: str, begin: Callable[[], None]) -> None:
        queue = self._waiting.setdefault(call_id, deque())
        queue.append(begin)
        if len(queue) == 1:
            begin()

    def _next(self, call_id: str) -> None:
        queue = self._waiting[call_id]
        queue.popleft()
        if queue:
            queue[0]()
        else:
            del self._waiting[call_id]

    def _begin(self, line: Line, sequence: Sequence, finished: Settled) -> None:
        session = line.media.session(sequence.call_id)
        if sequence.method == "info" or session is None:
            _send_info(line, sequence, finished)
        else:
            line.media.spawn(self._choose(line, session, sequence, finished))

    async def _choose(self, line: Line, session: MediaSession, sequence: Sequence, finished: Settled) -> None:
        error: errors.JambonzError | None = None
        try:
            if session.can_send_dtmf is None:  # answered just now
                await session.ready()
            if session.can_send_dtmf or sequence.method == "rtp":
                await session.send_dtmf(sequence.tones, duration_ms=sequence.duration_ms, gap_ms=sequence.gap_ms)
            else:
                _send_info(line, sequence, finished)
                return
        except MediaError as failure:
            error = CallError(f"DTMF was not sent: {failure.message}")
        except asyncio.CancelledError:
            finished(None, errors.ConnectionError("disconnected before it was done"))
            raise
        finished(None, error)


def _send_info(line: Line, sequence: Sequence, finished: Settled) -> None:
    command = SendDtmfInfo(
        call_id=sequence.call_id,
        tones=sequence.tones,
        duration_ms=sequence.duration_ms,
        gap_ms=sequence.gap_ms,
    )
    line.ask(command, finished)
