"""Requests inside an answered call, answered as jambonz answers them.

- re-INVITE: a hold is passed on end to end; the client's offer is accepted when the other side accepted ours, and
  refused as that one was.
- INFO with DTMF: taken, and sent on as an RTP event (RFC 4733), as all tones are that the server sends. A to D: 500
  towards a caller, never answered towards a callee.
- Any other INFO: answered as the other side answers it. `application/x-jambonz+json` is a silent 200.
- MESSAGE: passed on. UPDATE: accepted, not passed on. REFER: `transfers.py`, or 501: no application with a referHook.
"""

import logging
import re
from collections.abc import Callable, Coroutine
from typing import Any

from jzrx.commands import Hold, SendInfo, Unhold
from jzrx.errors import CallError
from jzrx.media.sdp import Direction, parse
from jzrx.ports import MediaError
from jzrx.sip.machine import AnswerWanted
from jzrx.sip.message import Request
from jzrx.testing.sbc.b2bua import x_headers
from jzrx.testing.sbc.journal import SbcEvent
from jzrx.testing.sbc.legs import Leg

__all__ = ["InCall"]

log = logging.getLogger("jzrx.testing")

_DTMF = ("application/dtmf-relay", "application/dtmf")
_SIGNAL = re.compile(r"Signal=([0-9#*])")
_DURATION = re.compile(r"Duration=([0-9]{1,5})")
_DEFAULT_DURATION = 250  # ms
_JAMBONZ = "application/x-jambonz+json"


class InCall:
    """`spawn` runs a coroutine on its own; `pass_on` sends a MESSAGE on to a user, and gives the status it got; `refer`
    carries a REFER out, None: nobody does."""

    def __init__(
        self,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        note: Callable[[SbcEvent], None],
        pass_on: Callable[[str, Request], Coroutine[Any, Any, int]],
        refer: Callable[[Leg, Request], None] | None,
    ) -> None:
        self._spawn = spawn
        self._note = note
        self._pass_on = pass_on
        self._refer = refer
        self._offering: set[str] = set()

    def request(self, leg: Leg, request: Request) -> bool:
        """See to a request; False: it is for the SIP engine."""
        match request.method:
            case "INFO" if request.content_type in _DTMF:
                self._dtmf(leg, request)
            case "INFO" if leg.other is not None and request.content_type != _JAMBONZ:
                self._spawn(self._relay_info(leg, leg.other, request))
            case "MESSAGE" if leg.other is not None:
                self._spawn(self._relay_message(leg, leg.other, request))
            case "INFO" | "MESSAGE":
                leg.flow.reply(request, 200)
            case "REFER" if self._refer is not None:
                self._refer(leg, request)
            case "REFER":
                leg.flow.reply(request, 501)
            case _:
                return False
        return True

    def _dtmf(self, leg: Leg, request: Request) -> None:
        body = request.body.decode("ascii", "replace")
        found = _SIGNAL.search(body)
        if found is None:
            if leg.is_caller:
                leg.flow.reply(request, 500)
            return
        leg.flow.reply(request, 200)
        leg.pressed(found[1])
        self._note(SbcEvent("dtmf", leg.user, found[1]))
        if leg.other is not None:
            lasts = _DURATION.search(body)
            self._spawn(_press(leg.other, found[1], int(lasts[1]) if lasts is not None else _DEFAULT_DURATION))

    async def _send_info(self, leg: Leg, request: Request) -> int:
        info = SendInfo(
            call_id=leg.id,
            content_type=request.content_type or "",
            body=request.body,
            headers=x_headers(request),
        )
        try:
            await leg.ask(info)
        except CallError as error:
            return error.code or 500
        return 200

    async def _relay_info(self, leg: Leg, other: Leg, request: Request) -> None:
        leg.flow.reply(request, await self._send_info(other, request))

    async def _relay_message(self, leg: Leg, other: Leg, request: Request) -> None:
        leg.flow.reply(request, await self._pass_on(other.user, request))

    # --- re-INVITE ---------------------------------------------------------------------------------------------------

    def offer(self, leg: Leg, wanted: AnswerWanted, answer: Callable[[], None]) -> None:
        """The client offers anew: `answer` at once, or when the other side has agreed to a change of hold."""
        try:
            audio = parse(wanted.offer).audio
        except MediaError:
            answer()  # which refuses it
            return
        held = audio is not None and audio.direction in (Direction.SENDONLY, Direction.INACTIVE)
        if held == leg.holds or leg.other is None:
            answer()
        elif leg.other.id in self._offering:
            leg.flow.description_failed(leg.id, wanted.ref, 491, "both sides at once, each waits for the other")
        else:
            self._offering.add(leg.id)  # now: the other side's offer may be here before the task has begun
            self._spawn(self._relay_hold(leg, leg.other, held, wanted, answer))

    async def _relay_hold(
        self, leg: Leg, other: Leg, held: bool, wanted: AnswerWanted, answer: Callable[[], None]
    ) -> None:
        try:
            await other.ask(Hold(call_id=other.id) if held else Unhold(call_id=other.id))
        except CallError as error:
            leg.flow.description_failed(leg.id, wanted.ref, error.code or 500, str(error))
            return
        finally:
            self._offering.discard(leg.id)
        leg.holds = held
        self._note(SbcEvent("held" if held else "resumed", leg.user, f"by {leg.user}"))
        answer()


async def _press(leg: Leg, tone: str, duration: int) -> None:
    try:
        await leg.session.send_dtmf(tone, duration_ms=min(max(duration, 40), 1300))
    except MediaError as error:  # the client that pressed the key has its answer already
        log.info("the tone %s is lost on %s: %s", tone, leg.user, error.message)
