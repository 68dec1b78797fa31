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
from typing import TYPE_CHECKING, Any

from reactivex.abc import DisposableBase, SchedulerBase

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

PATIENCE = 180.0
"""Seconds that a decision may take. Whoever waits for it is told that it was refused, and not left in the dark."""

_log = logging.getLogger("jzrx")


class Transfers:
    """Looks at the events of one client, and does what follows from them."""

    def __init__(self, phone: "Phone") -> None:
        self._phone = phone
        self._deciding: dict[str, tuple[asyncio.Task[bool], DisposableBase]] = {}

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
            case CallReleased(call_id=call_id):
                self._take_back(call_id)
            case _:
                pass

    def _decide(self, call_id: str, request: TransferRequest, then: Callable[[bool], None]) -> None:
        policy, line = self._phone.options.accept_transfers, self._phone.any_line()
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

        self._take_back(call_id)  # what was asked before took too long: that transfer was refused, and this is another

        def give_up(_scheduler: SchedulerBase, _state: Any = None) -> None:
            self._take_back(call_id)
            _log.warning("accept_transfers did not decide within %g s; the transfer is refused", PATIENCE)
            then(False)

        question = asyncio.ensure_future(_outcome_of(answer))
        self._deciding[call_id] = question, line.scheduler.schedule_relative(PATIENCE, give_up)
        question.add_done_callback(partial(self._answered, call_id, then))

    def _answered(self, call_id: str, then: Callable[[bool], None], question: "asyncio.Task[bool]") -> None:
        if call_id in self._deciding and self._deciding[call_id][0] is question:  # else it was taken back
            _, limit = self._deciding.pop(call_id)
            limit.dispose()
            then(not question.cancelled() and question.result())

    def _take_back(self, call_id: str) -> None:
        if call_id in self._deciding:
            question, limit = self._deciding.pop(call_id)
            limit.dispose()
            question.cancel()

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
        if line is None or call is None or call.state is not CallState.RINGING:
            return  # the caller, or our user, did not wait for the decision
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


async def _outcome_of(answer: Awaitable[bool]) -> bool:
    try:
        return await answer is True
    except Exception:
        _log.exception("accept_transfers raised; the transfer is refused")
        return False


def _nobody_waits(_value: object, _error: object) -> None:
    pass
