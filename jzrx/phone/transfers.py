"""Transfers that somebody else makes of our calls: decided by `accept_transfers`, and carried out.

- REFER: the other side wants us to call somebody else. That call is made in the place of the old one, which ends when
  the new one is answered, and goes on when it is not.
- INVITE with Replaces: somebody else takes the other side's place. The new call is answered at once, and the old ends.

The new call is as silent to its other side as the old one was: muted, or on hold.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from jzrx import commands, targets
from jzrx.events import CallReceived, CallReleased, Event, TransferRequested
from jzrx.headers import RemoteHeaders
from jzrx.options import AnswerOptions, JambonzCallOptions
from jzrx.phone.named import request_of
from jzrx.store import CallSnapshot
from jzrx.types import CallState, TransferRequest

if TYPE_CHECKING:
    from jzrx.phone.phone import Phone

__all__ = ["Transfers"]

_log = logging.getLogger("jzrx")


class Transfers:
    """Looks at the events of one client, and does what follows from them."""

    def __init__(self, phone: "Phone") -> None:
        self._phone = phone
        self._deciding: dict[str, asyncio.Task[None]] = {}

    def happened(self, event: Event) -> None:
        """One more event, after everybody has heard of it. On the client's loop."""
        match event:
            case TransferRequested(call_id=call_id):
                self._decide(call_id, request_of(event), lambda wanted: self._referred(event, wanted))
            case CallReceived(call_id=call_id, in_place_of=str(old)):
                headers = RemoteHeaders(event.headers)
                request = TransferRequest(
                    "replaces",
                    old,
                    event.remote_uri,
                    headers.get("referred-by"),
                    headers.get("replaces"),
                    event.headers,
                )
                self._decide(call_id, request, lambda wanted: self._replaced(call_id, old, wanted))
            case CallReleased(call_id=call_id) if call_id in self._deciding:
                self._deciding.pop(call_id).cancel()
            case _:
                pass

    def _decide(self, call_id: str, request: TransferRequest, then: Callable[[bool], None]) -> None:
        policy = self._phone.options.accept_transfers
        if isinstance(policy, bool):
            then(policy)
            return
        try:
            answer = policy(request)
        except Exception:
            _log.exception("accept_transfers raised; the transfer is refused")
            answer = False
        if not inspect.isawaitable(answer):
            then(answer is True)
            return

        earlier = self._deciding.pop(call_id, None)
        if earlier is not None:
            earlier.cancel()  # it took too long: the transfer was refused, and this is another one
        task = asyncio.ensure_future(_wait_for(answer, then))
        self._deciding[call_id] = task
        task.add_done_callback(partial(self._decided, call_id))

    def _decided(self, call_id: str, task: "asyncio.Task[None]") -> None:
        if self._deciding.get(call_id) is task:
            del self._deciding[call_id]

    def _referred(self, event: TransferRequested, wanted: bool) -> None:
        line, call = self._phone.line, self._live(event.call_id)
        if line is None or call is None:
            return
        if not wanted:
            line.ask(commands.RefuseTransfer(call_id=call.id), _nobody_waits)
            return
        given = (("Referred-By", event.referred_by), ("Replaces", event.replaces))
        headers = {name: value for name, value in given if value is not None}
        try:
            target = targets.call(event.target, self._phone.options.domain)
            self._phone.control.dial(
                target, target, JambonzCallOptions(), headers, hold_current=False, in_place_of=call
            )
        except Exception as error:  # as a target that is none, or the user's own function for the audio
            _log.warning("the transfer to %s failed: %s", event.target, error)
            line.ask(commands.RefuseTransfer(call_id=call.id, code=500), _nobody_waits)

    def _replaced(self, call_id: str, old_id: str, wanted: bool) -> None:
        line, call, old = self._phone.line, self._live(call_id), self._live(old_id)
        if line is None or call is None:
            return
        if not wanted or old is None:
            line.ask(commands.HangUp(call_id=call_id, code=603), _nobody_waits)
            return
        try:
            line.media.open(call_id, self._phone.control.config(AnswerOptions()))
        except Exception:  # this may run in the middle of the signalling: it must go on
            _log.exception("the media of call %s could not be made", call_id)
            line.ask(commands.HangUp(call_id=call_id, code=500), _nobody_waits)
            return
        if old.is_muted:
            self._phone.control.mute(call, True)
        line.ask(commands.Answer(call_id=call_id, held=old.is_held), _nobody_waits)

    def _live(self, call_id: str) -> CallSnapshot | None:
        call = self._phone.snapshot.calls.get(call_id)
        return None if call is None or call.state is CallState.ENDED else call


async def _wait_for(answer: Awaitable[bool], then: Callable[[bool], None]) -> None:
    try:
        wanted = await answer
    except Exception:
        _log.exception("accept_transfers raised; the transfer is refused")
        wanted = False
    then(wanted is True)


def _nobody_waits(_value: object, _error: object) -> None:
    pass
