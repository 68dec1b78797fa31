"""REFER, as an application of jambonz with a referHook would carry it out, with the NOTIFYs that jambonz leaves out.

Blind: the target is called; when it answers, the other side is connected to it. Attended (`Replaces` in Refer-To): the
other side is connected to the party of the call that is named. A robot may be either, and ring or refuse as it does to
callers. Then whoever asked is told 200, and hangs up; it may do so before, once it has its 202. When it fails, whoever
asked is told why, and that call goes on. When the other side hangs up before the target has answered, all three calls
are over. Without the NOTIFYs, as jambonz is, it says nothing, and ends the call by BYE when it has succeeded.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from attrs import frozen

from jzrx.commands import SendNotify, Unhold
from jzrx.errors import JambonzError
from jzrx.events import CallAnswered, CallEnded, CallEvent, CallProgressed, MediaStateChanged
from jzrx.sip.headers import NameAddr
from jzrx.sip.message import Request
from jzrx.sip.status import reason_phrase
from jzrx.sip.uri import Uri
from jzrx.testing.sbc.auth import Refusal
from jzrx.testing.sbc.b2bua import RING_TIME, passed_on
from jzrx.testing.sbc.journal import SbcEvent
from jzrx.testing.sbc.legs import Leg
from jzrx.testing.sbc.robots import Robot
from jzrx.testing.sbc.routing import ToRobot, ToUser
from jzrx.types import MediaState

__all__ = ["Switchboard", "Transfers", "join", "take_over"]


class Switchboard(Protocol):
    """What a transfer needs of the server."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something on its own."""
        ...

    def note(self, event: SbcEvent) -> None:
        """Tell everybody who listens."""
        ...

    def route(self, target: Uri) -> ToUser | ToRobot | Refusal:
        """Where a call to `target` goes."""
        ...

    def leg_to(self, user: str) -> tuple[Leg, Uri] | None:
        """A leg to a registered user, and the contact to dial; None if the user cannot be reached."""
        ...

    def leg_of(self, sip_call_id: str) -> Leg | None:
        """The leg with this Call-ID."""
        ...

    def serve(self, leg: Leg, robot: Robot) -> asyncio.Task[None]:
        """Let a robot serve a leg."""
        ...


class Transfers:
    """All transfers of one server. `reports`: with NOTIFYs. `_moving` are the legs that one is about, one at a time."""

    def __init__(self, switchboard: Switchboard, *, reports: bool) -> None:
        self._switchboard = switchboard
        self._reports = reports
        self._moving: set[str] = set()

    def refer(self, leg: Leg, request: Request) -> None:
        """The client of `leg` sends REFER."""
        try:
            target = NameAddr.parse(request.headers.get("Refer-To") or "").uri
        except ValueError:
            leg.flow.reply(request, 400, "No address in Refer-To")
            return
        if request.headers.get("Referred-By") is None:
            leg.flow.reply(request, 501)  # jambonz parses it without asking whether it is there
        elif leg.other is None:
            leg.flow.reply(request, 603, "Nobody to transfer")
        elif self._moving & {leg.id, leg.other.id}:
            leg.flow.reply(request, 491)  # this side was faster before, or the other one is
        else:
            leg.flow.reply(request, 202)
            self._moving |= {leg.id, leg.other.id}
            self._switchboard.spawn(self._carry_out(_Asked(leg, leg.other, target, request.cseq.number)))

    async def _carry_out(self, asked: "_Asked") -> None:
        leg, referred, target = asked.leg, asked.referred, asked.target
        try:
            self._switchboard.note(SbcEvent("transferring", leg.user, f"{referred.user} to {target.user}"))
            self._report(asked, 100)
            replaces = dict(target.headers).get("Replaces")
            if replaces is None:
                code = await self._blind(asked)
            else:
                code = self._attended(leg, referred, replaces.partition(";")[0])
            self._switchboard.note(SbcEvent("transferred", leg.user, f"{code} {reason_phrase(code)}"))
            self._report(asked, code, final=True)
            if code == 200 and not self._reports:
                leg.hang_up()
        finally:
            self._moving -= {leg.id, referred.id}

    def _attended(self, leg: Leg, referred: Leg, sip_call_id: str) -> int:
        consultation = self._switchboard.leg_of(sip_call_id)
        if consultation is None or not consultation.is_answered or consultation is leg:
            return 481  # "no match is found" (RFC 3891 section 3)
        party, robot = consultation.other, consultation.robot
        if consultation.id in self._moving or (party is not None and party.id in self._moving):
            return 491
        if party is not None:
            _let_go(leg)
            _let_go(consultation)
            self._connect(referred, party)
        elif robot is not None:
            self._hand_over(leg, referred)
            self._switchboard.serve(referred, robot)
        else:
            return 481  # its other side has left
        return 200

    async def _blind(self, asked: "_Asked") -> int:
        leg, referred = asked.leg, asked.referred
        where = self._switchboard.route(asked.target)
        if isinstance(where, Refusal):
            return where.status
        if isinstance(where, ToRobot):
            return await self._to_robot(asked, where.robot)
        reached = self._switchboard.leg_to(where.user)
        if reached is None:
            return 480
        party, contact = reached
        outcome = _Outcome()
        party.on_event = _heard_by(outcome, lambda code: self._report(asked, code))
        before = leg.on_event, referred.on_event
        leg.on_event = self._heard_of(leg, lambda _: None)  # it may leave at once, and the transfer goes on

        def end_all(event: CallEnded) -> None:
            party.hang_up()
            self._report(asked, 487, final=True)  # before the BYE, which alone would be a success
            leg.hang_up(headers=passed_on(event.headers))

        referred.on_event = self._heard_of(referred, end_all)
        party.dial(str(contact), f"<sip:{referred.user}@localhost;transport=ws>", ())
        code = await outcome.within(RING_TIME)
        if code == 200 and not referred.is_over:
            _let_go(leg)
            self._connect(referred, party)
            return 200
        leg.on_event, referred.on_event = before
        if not party.is_over:
            party.hang_up()
        if leg.is_over:
            referred.hang_up()  # nobody is left for it to talk with
        return 487 if code == 200 else code

    async def _to_robot(self, asked: "_Asked", robot: Robot) -> int:
        """The robot is asked as if `referred` called it: it may ring, or refuse, and then all is as it was."""
        leg, referred = asked.leg, asked.referred
        outcome = _Outcome()

        def told(code: int) -> None:
            if code < 200:
                self._report(asked, code)
            else:
                outcome.settle(code)

        before = leg.on_event, referred.on_event
        leg.on_event = self._heard_of(leg, lambda _: None)  # it may leave at once, and the transfer goes on
        referred.arrival = told
        served = self._switchboard.serve(referred, robot)
        code = await outcome.within(RING_TIME)
        if code == 200 and not referred.is_over:
            referred.arrival = None
            self._hand_over(leg, referred)
            return 200
        served.cancel()
        await asyncio.wait([served])
        referred.arrival = referred.robot = None
        leg.on_event, referred.on_event = before
        if referred.is_over:
            self._report(asked, 487, final=True)  # before the BYE, which alone would be a success
            leg.hang_up()
            return 487
        if leg.is_over:
            referred.hang_up()  # nobody is left for it to talk with
        return code

    def _heard_of(self, leg: Leg, ended: Callable[[CallEnded], None]) -> Callable[[CallEvent], None]:
        """What is heard of a leg while its call is moved."""

        def happened(event: CallEvent) -> None:
            match event:
                case CallEnded():
                    self._switchboard.note(SbcEvent("ended", leg.user, f"{event.cause.code} {event.cause.reason}"))
                    ended(event)
                case MediaStateChanged(media=MediaState.FAILED):
                    leg.flow.media_failed(leg, event.reason or "No media path")
                case _:
                    pass

        return happened

    def _report(self, asked: "_Asked", code: int, *, final: bool = False) -> None:
        leg = asked.leg
        if self._reports and not leg.is_over:
            reason = reason_phrase(code)
            leg.flow.do(SendNotify(call_id=leg.id, code=code, reason=reason, final=final, refer=asked.number))

    def _hand_over(self, leg: Leg, referred: Leg) -> None:
        """`referred` is a robot's now, and no more that of `leg`."""
        _let_go(leg)
        referred.other = None
        self._switchboard.spawn(_resume(referred))

    def _connect(self, one: Leg, other: Leg) -> None:
        join(one, other)
        for leg in (one, other):
            self._switchboard.spawn(_resume(leg))


@frozen
class _Asked:
    """A REFER: `leg` wants `referred` to talk with `target`. `number`: of its CSeq."""

    leg: Leg
    referred: Leg
    target: Uri
    number: int


def join(one: Leg, other: Leg) -> None:
    """Make one call of two answered legs: they hear each other, and when one ends so does the other."""
    one.other, other.other = other, one
    one.robot = other.robot = None
    one.on_event, other.on_event = _joined(one, other), _joined(other, one)
    if one.is_over or other.is_over:  # it has hung up while this was under way
        one.hang_up()
        other.hang_up()
        return
    one.session.relay_to(other.session)
    other.session.relay_to(one.session)


def take_over(leg: Leg, replaced: Leg, serve: Callable[[Leg, Robot], object]) -> None:
    """An INVITE with Replaces (RFC 3891): `leg` is in the call in the place of `replaced`, which is ended by BYE."""
    party, robot = replaced.other, replaced.robot
    if party is not None:
        leg.answer()
        _let_go(replaced)
        join(leg, party)
    elif robot is not None:
        serve(leg, robot)
    replaced.hang_up()


def _joined(leg: Leg, other: Leg) -> Callable[[CallEvent], None]:
    def happened(event: CallEvent) -> None:
        match event:
            case CallEnded():
                other.hang_up(headers=passed_on(event.headers))
            case MediaStateChanged(media=MediaState.FAILED):
                leg.flow.media_failed(leg, event.reason or "No media path")
            case _:
                pass

    return happened


class _Outcome:
    """What becomes of a call to the target: the first final status that is told."""

    def __init__(self) -> None:
        self._future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def is_settled(self) -> bool:
        return self._future.done()

    def settle(self, code: int) -> None:
        if not self._future.done():
            self._future.set_result(code)

    async def within(self, seconds: float) -> int:
        """The status; 480 if there is none in time."""
        try:
            async with asyncio.timeout(seconds):
                return await self._future
        except TimeoutError:
            return 480


def _heard_by(outcome: _Outcome, progressed: Callable[[int], None]) -> Callable[[CallEvent], None]:
    def happened(event: CallEvent) -> None:
        if outcome.is_settled:
            return
        match event:
            case CallProgressed(code=code):
                progressed(code)
            case CallAnswered():
                outcome.settle(200)
            case CallEnded(cause=cause):
                outcome.settle(cause.code if cause.code >= 300 else 480)
            case _:
                pass

    return happened


def _let_go(leg: Leg) -> None:
    """The leg is nobody's other side any more; its client hangs up when it has been told."""
    leg.other = None
    leg.on_event = lambda _event: None
    if not leg.is_over:
        leg.session.relay_to(None)


async def _resume(leg: Leg) -> None:
    """Whoever was on hold is so no more."""
    with contextlib.suppress(JambonzError):  # it has hung up meanwhile, or wants to stay as it is
        await leg.ask(Unhold(call_id=leg.id))
