"""What the machines of jzrx do, found by driving them: every input that can come, in every state that can be reached.

Timers fire only while they run, and responses come only to requests that are open, so what is found can happen. States
that differ only in counters and tokens count as one.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeVar

from attrs import evolve, field, frozen

from jzrx.commands import Answer, Dial, HangUp, Hold, Unhold
from jzrx.events import CallCreated, CallReleased, Disconnected, Event
from jzrx.options import Reconnect
from jzrx.sip import connection as connections
from jzrx.sip import registration as registrations
from jzrx.sip.connection.state import Ask, Connection, Happened, Quiet
from jzrx.sip.dialog import dialog_of_request
from jzrx.sip.headers import NameAddr
from jzrx.sip.machine import CancelTimer, Notify, SetTimer
from jzrx.sip.redirects import Redirects
from jzrx.sip.registration import Granted, Lapsed, Refused, Registration, Removed, SendRegister
from jzrx.sip.session import step as session_step
from jzrx.sip.session.callee import ring
from jzrx.sip.session.caller import INVITE
from jzrx.sip.session.reoffer import REINVITE
from jzrx.sip.session.state import (
    BYE,
    Answered,
    Asked,
    Cancelled,
    Described,
    FlowFailed,
    Issue,
    Moment,
    NotDescribed,
    PathFailed,
    Phase,
    Received,
    Session,
    SessionInput,
    TimerFired,
    Unanswered,
)
from jzrx.sip.uri import Uri
from jzrx.store import ClientSnapshot, reduce
from jzrx.testing.peer import grant, request, respond
from jzrx.types import CallDirection

NOW = Moment(10.0, 0.5)
ALICE, BOB = "<sip:alice@example.com>;tag=ours", "<sip:bob@example.com>;tag=peer"


@frozen
class Transition:
    """What was seen: from one state to another, by what."""

    before: str
    by: str
    after: str


World = TypeVar("World")


def walk(
    start: World, inputs: Callable[[World], Iterable[tuple[str, Callable[[], World]]]], key: Callable[[World], Hashable]
) -> Iterator[tuple[World, str, World]]:
    """Every step from every world that can be reached from `start`, one of each `key`."""
    known, waiting = {key(start)}, deque([start])
    while waiting:
        before = waiting.popleft()
        for by, go in inputs(before):
            after = go()
            yield before, by, after
            if key(after) not in known:
                known.add(key(after))
                waiting.append(after)


# --- a call: its session, and what the store makes of it -----------------------------------------------------------


@frozen
class Call:
    """A session, the snapshot, the timers that run, the requests that wait for an answer; `told`: the last events."""

    session: Session
    snapshot: ClientSnapshot
    timers: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()
    told: tuple[Event, ...] = field(default=(), eq=False)

    @property
    def state(self) -> str | None:
        call = self.snapshot.calls.get("1")
        return None if call is None else str(call.state)

    @property
    def key(self) -> Hashable:
        session = self.session
        return (
            *(session.phase, session.ended, session.answered, session.held, self.state, self.timers, self.open),
            *(session.making and session.making.purpose, session.offered is None, session.unacked is None),
            *(session.reoffer and session.reoffer.purpose, tuple(wish.purpose for wish in session.wishes)),
            *(session.path_failure is None, session.retrying, session.redirects and len(session.redirects.tried)),
        )

    def after(self, outputs: Iterable[Any], session: Session) -> "Call":
        timers, waiting, snapshot = set(self.timers), set(self.open), self.snapshot
        told: list[Event] = []
        for output in outputs:
            match output:
                case SetTimer():
                    timers.add(output.key[2])
                case CancelTimer():
                    timers.discard(output.key[2])
                case Issue():
                    waiting.add(output.tag)
                case Notify():
                    told.append(output.event)
                    # The end is what is shown; the release that follows takes the call out of the snapshot.
                    if not isinstance(output.event, CallReleased):
                        snapshot = reduce(snapshot, output.event)
                case _:
                    pass
        return Call(session, snapshot, frozenset(timers), frozenset(waiting), tuple(told))

    def given(self, given: SessionInput) -> "Call":
        session, outputs = session_step(self.session, given, NOW)
        return self.after(outputs, session)

    def without(self, *, timer: str = "", tag: str = "") -> "Call":
        return evolve(self, timers=self.timers - {timer}, open=self.open - {tag})


def outgoing() -> Call:
    created = CallCreated(at=10.0, call_id="1", remote_identity="bob", remote_uri="sip:bob@example.com")
    session = Session(
        id="1",
        direction=CallDirection.OUTBOUND,
        phase=Phase.OFFERING,
        call_id="out",
        local=NameAddr.parse(ALICE),
        remote=NameAddr.parse("<sip:bob@example.com>"),
        target=Uri.parse("sip:bob@example.com"),
        redirects=Redirects((Uri.parse("sip:bob@example.com"),)),
    )
    return Call(session, reduce(ClientSnapshot(), created))


THEIRS = request("INVITE", sdp="v=0 offer", headers=(("Expires", "60"),))


def incoming() -> Call:
    dialog = dialog_of_request(THEIRS, "ours")
    session = Session(
        id="1",
        direction=CallDirection.INBOUND,
        phase=Phase.RINGING,
        call_id=THEIRS.call_id,
        local=dialog.local,
        remote=dialog.remote,
        target=dialog.remote_target,
        invite=THEIRS,
        invite_key="invite",
        dialog=dialog,
    )
    session, outputs = ring(session, THEIRS, NOW, say_so=True)
    return Call(session, ClientSnapshot()).after(outputs, session)


def of_a_call(call: Call) -> Iterator[tuple[str, Callable[[], Call]]]:
    """Everything that can happen to this call now."""
    session = call.session
    if session.phase is Phase.CLOSED:
        return
    if session.phase is Phase.OFFERING and session.making is None and not session.ended:
        dial = Dial(call_id="1", target="sip:bob@example.com", no_answer_timeout=30)
        yield "Dial", lambda: call.given(Asked(dial, 1))
        return
    for command in (HangUp, Answer, Hold, Unhold):
        if command in (HangUp, Answer) or (session.answered and not session.wishes):
            yield command.__name__, lambda command=command: call.given(Asked(command(call_id="1"), None))
    if session.making is not None:
        ref = session.making.ref
        yield "SDP made", lambda: call.given(Described(ref, "v=0"))
        yield "no SDP", lambda: call.given(NotDescribed(ref, 488, "x"))
    ours = request("INVITE", to="<sip:bob@example.com>", from_=ALICE, call_id="out")
    again = request("INVITE", to=BOB, from_=ALICE, call_id=session.call_id)
    elsewhere = (("Contact", "<sip:carol@example.com>"),)
    for tag, asked, statuses in (
        (INVITE, ours, (100, 180, 200, 302, 486)),
        (REINVITE, again, (200, 488, 491)),
        (BYE, again, (200,)),
    ):
        if tag not in call.open:
            continue
        for status in statuses:
            sdp = "v=0 answer" if status == 200 else None
            response = respond(asked, status, sdp=sdp, headers=elsewhere if status == 302 else ())
            answered = call if status < 200 else call.without(tag=tag)
            what = f"{status}" if tag == INVITE else f"{status} to {'BYE' if tag == BYE else 're-INVITE'}"
            yield what, lambda on=answered, tag=tag, response=response: on.given(Answered(tag, response))
        silent = call.without(tag=tag)
        yield f"no answer to {tag.upper()}", lambda on=silent, tag=tag: on.given(Unanswered(tag, 408, "No Answer"))
    if session.dialog is not None:
        to, from_ = str(session.dialog.local), str(session.dialog.remote)
        number = (session.unacked.number if session.unacked else 1, 100 + session.ref)
        for method in ("ACK", "BYE", "INVITE"):
            if method == "ACK" and session.unacked is None:
                continue
            asked = request(
                method,
                to=to,
                from_=from_,
                call_id=session.call_id,
                number=number[method != "ACK"],
                sdp="v=0 offer" if method == "INVITE" else None,
            )
            name = "re-INVITE" if method == "INVITE" else method
            yield name, lambda asked=asked: call.given(Received(asked, f"k{session.ref}"))
    if session.phase in (Phase.RINGING, Phase.ANSWERING, Phase.ACCEPTED):
        yield "CANCEL", lambda: call.given(Cancelled(request("CANCEL")))
    for name in call.timers:
        yield f"timer: {name}", lambda name=name: call.without(timer=name).given(TimerFired(name))
    yield "no audio path", lambda: call.given(PathFailed("x"))
    yield "flow lost", lambda: call.given(FlowFailed())


# --- the connection: its machine, that of the registration, and what the store makes of them -----------------------


@frozen
class Line:
    """The connection, its registration, the snapshot, the timers that run; `told`: the last events."""

    connection: Connection
    registration: Registration
    snapshot: ClientSnapshot
    timers: frozenset[tuple[str, str]] = frozenset()
    told: tuple[Event, ...] = field(default=(), eq=False)

    @property
    def binding(self) -> str:
        """The state of the registration, as its machine keeps it."""
        match self.registration.busy:
            case None:
                return "none" if self.registration.until is None else "registered"
            case "register":
                return "registering"
            case "refresh":
                return "refreshing"
            case "remove":
                return "removing"

    @property
    def key(self) -> Hashable:
        connection, registration = self.connection, self.registration
        return (
            *(connection.phase, connection.registered, connection.registers, min(connection.attempt, 2)),
            *(connection.connect_token is None, bool(connection.registering), bool(connection.removing)),
            *(self.binding, registration.queue, self.snapshot.state, self.timers),
        )

    def given(self, given: Any) -> "Line":
        """The connection's machine does this; what it asks of the registration is done, too."""
        connection, outputs = connections.step(self.connection, given, NOW.at, NOW.chance)
        line = evolve(self, connection=connection)
        for output in outputs:
            match output:
                case SetTimer() | CancelTimer():
                    line = line.timed(output)
                case Notify():
                    told = (*line.told, output.event)
                    line = evolve(line, snapshot=reduce(line.snapshot, output.event), told=told)
                case connections.BeginRegistration():
                    line = line.registers(registrations.begin)
                case connections.RemoveRegistration():
                    line = line.registers(registrations.remove)
                case connections.Sever():
                    line = line.registers(registrations.forget)
                case _:
                    pass
        return line

    def timed(self, output: SetTimer | CancelTimer) -> "Line":
        key = (output.key[0], output.key[2])
        return evolve(self, timers=self.timers | {key} if isinstance(output, SetTimer) else self.timers - {key})

    def registers(self, step: Callable[[Registration], registrations.Step]) -> "Line":
        """The registration's machine does this; what it tells goes to that of the connection."""
        registration, outputs = step(self.registration)
        line = evolve(self, registration=registration)
        for output in outputs:
            match output:
                case SetTimer() | CancelTimer():
                    line = line.timed(output)
                case Granted() | Refused() | Removed() | Lapsed():
                    line = line.given(output)
                case SendRegister():
                    pass
        return line


def line(*, registers: bool) -> Line:
    connection = Connection(
        server="wss://sbc.example.com",
        registers=registers,
        timeout=10.0,
        reconnect=Reconnect(attempts=2),
        keepalive=30.0,
    )
    registration = Registration(
        address=NameAddr.parse(ALICE),
        registrar=Uri.parse("sip:example.com"),
        contact=Uri.parse("sip:c@x.invalid;transport=ws"),
        call_id="r",
        expires=300,
    )
    return Line(connection, registration, ClientSnapshot())


def of_a_line(now: Line) -> Iterator[tuple[str, Callable[[], Line]]]:
    """Everything that can happen to this connection now."""
    now = evolve(now, told=())
    phase, phases = now.connection.phase, connections.ConnectionPhase
    for what in ("connect", "disconnect", "register", "unregister"):
        if what in ("register", "unregister") and now.registration.queue:
            continue  # one that waits shows all that more of them would
        yield f"{what}()", lambda what=what: now.given(Ask(what, None))
    if phase is phases.OVER:
        # After a failure there is no connection to leave: jzrx/phone/line.py tells the end itself.
        left = Disconnected(at=NOW.at, was_open=False)
        yield "disconnect()", lambda: evolve(now, snapshot=reduce(now.snapshot, left), told=(left,))
    if phase in (phases.OPENING, phases.REOPENING):
        yield "WebSocket open", lambda: now.given(Happened("opened"))
        yield "no WebSocket", lambda: now.given(Happened("failed", "x"))
    if phase in (phases.REGISTERING, phases.REREGISTERING, phases.UP, phases.LEAVING):
        yield "WebSocket lost", lambda: now.given(Happened("lost", "x"))
    if phase is phases.LEAVING:
        yield "all calls are over", lambda: now.given(Quiet())
    if now.registration.busy is not None:
        serial = now.registration.serial
        register = request("REGISTER", headers=(("Contact", str(now.registration.contact)), ("Expires", "300")))
        removing = now.registration.busy == "remove"
        answers = {
            "200": grant(register, 0 if removing else None),
            "403": respond(register, 403),
            "503": respond(register, 503),
        }
        for what, response in answers.items():
            answered = lambda response=response: now.registers(  # noqa: E731
                lambda held: registrations.answered(held, serial, response, NOW.at, NOW.chance)
            )
            yield what, answered
    for kind, name in now.timers:
        fired = evolve(now, timers=now.timers - {(kind, name)})
        if kind == registrations.REGISTRATION_TIMER:
            yield (
                f"timer: {name}",
                lambda on=fired, name=name: on.registers(lambda held: registrations.timer_fired(held, name, NOW.at)),
            )
        else:
            yield f"timer: {name}", lambda on=fired, name=name: on.given(Happened("timer", name))


def lines() -> Iterator[tuple[Line, str, Line]]:
    """What happens to a client that registers by itself, and to one that does not."""
    for registers in (True, False):
        yield from walk(line(registers=registers), of_a_line, lambda now: now.key)


# --- what there is to draw -----------------------------------------------------------------------------------------


def call_states(direction: CallDirection) -> set[Transition]:
    """The states of a call as the user sees them, by the events that change them."""
    found: set[Transition] = set()
    start = outgoing() if direction is CallDirection.OUTBOUND else incoming()
    for before, _, after in walk(start, of_a_call, lambda call: call.key):
        found.update(_by_events(before.snapshot, after.told, lambda snapshot: str(snapshot.calls["1"].state)))
    return found


def client_states() -> set[Transition]:
    """The states of a client as the user sees them, by the events that change them."""
    found: set[Transition] = set()
    for before, _, after in lines():
        found.update(_by_events(before.snapshot, after.told, lambda snapshot: str(snapshot.state)))
    return found


def _by_events(
    snapshot: ClientSnapshot, told: Iterable[Event], state: Callable[[ClientSnapshot], str]
) -> Iterator[Transition]:
    for event in told:
        if isinstance(event, CallReleased):
            continue
        after = reduce(snapshot, event)
        if state(snapshot) != state(after):
            yield Transition(state(snapshot), type(event).__name__, state(after))
        snapshot = after


def session_phases(direction: CallDirection) -> set[Transition]:
    """The phases of an INVITE session, by what comes in."""
    start = outgoing() if direction is CallDirection.OUTBOUND else incoming()
    return {
        Transition(before.session.phase.name, by, after.session.phase.name)
        for before, by, after in walk(start, of_a_call, lambda call: call.key)
        if before.session.phase is not after.session.phase
    }


def registration_states() -> set[Transition]:
    """The states of a registration, by what comes in."""
    return {
        Transition(before.binding, by, after.binding)
        for before, by, after in lines()
        if before.binding != after.binding
    }
