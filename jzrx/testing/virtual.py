"""Phones in virtual time: whole calls, hours of refreshes and 32 s timers in milliseconds, the same on every run.

A `Phone` is the real signalling (`jzrx.sip.engine`) with counted ids, a `TestScheduler` for a clock and descriptions
made of text; only its WebSocket is not real. The far end is a scripted `Peer`, or another phone (`link`). `play` runs a
script and yields what happened as `(time, sent, event)`:

    phone, peer = Phone.with_peer(auto_register=False)
    log = play(phone, {0: Connect(), 1: Dial(call_id="1", target="sip:bob@example.com")}, until=60)
    assert brief(log)[0] == (0.0, None, "ConnectStarted")

All times are seconds since the beginning.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from reactivex.testing import TestScheduler

from jzrx.commands import Command
from jzrx.events import Event
from jzrx.recording.facts import fact
from jzrx.sip.config import AgentConfig, make_contact
from jzrx.sip.engine import Engine, MediaOutput, make_instance
from jzrx.sip.machine import AnswerWanted, OfferWanted, Settle
from jzrx.sip.message import MessageError, Request, Response, parse_message
from jzrx.testing.peer import Peer
from jzrx.testing.wire import Wire

__all__ = ["CountedIds", "Entry", "Log", "Phone", "Script", "brief", "link", "play"]

Sent = Request | Response | str
"""What was sent: a message, or its text where a refusal repeats the malformed headers of what it refuses."""
Entry = tuple[float, Sent | None, Event | None]
"""What happened at a time: something was sent, or an event."""
Log = list[Entry]
Step = Command | Request | Response | str | bytes | Callable[[], object]
"""A command that the user gives, a message or a raw frame that arrives, or anything else that is done."""
Script = Mapping[float, Step | Sequence[Step]]
"""What is done when."""


class CountedIds:
    """Ids that count: "alice1", "alice2", ... `chance` is what every draw gives, 0.0 up to 1.0."""

    def __init__(self, name: str = "id", chance: float = 0.5) -> None:
        self._name = name
        self._count = 0
        self.chance = chance

    def token(self, length: int = 10) -> str:
        self._count += 1
        return f"{self._name}{self._count}"

    def random(self) -> float:
        return self.chance


class Phone:
    """A phone's signalling in virtual time, and everything that it did.

    `log` is what it sent and what happened; `media` is what it asked of the media; `settled` holds for each token of
    `ask` what came of it. `describe` stands for the media: it takes an `OfferWanted` or `AnswerWanted` and gives the
    SDP (by default text that names its author), (code, message) for a failure, or None for one that is still to come.
    """

    def __init__(
        self, scheduler: TestScheduler, wire: Wire, *, name: str = "alice", chance: float = 0.5, **config: Any
    ) -> None:
        self.scheduler = scheduler
        self.wire = wire
        self.name = name
        self.ids = CountedIds(name, chance)
        self.log: Log = []
        self.media: list[tuple[float, MediaOutput]] = []
        self.settled: dict[int, list[Settle]] = {}
        self.describe: Callable[[OfferWanted | AnswerWanted], str | tuple[int, str] | None] = self._describe
        contact, instance = make_contact(self.ids), make_instance(self.ids)
        known: dict[str, Any] = {"realm": "example.com", "username": name, "password": "secret", "instance": instance}
        fields: dict[str, Any] = {**known, **config}
        self.engine = Engine(
            AgentConfig(contact=contact, **fields),
            server="ws://example.com",
            transport=wire,
            scheduler=scheduler,
            ids=self.ids,
            perform_media=self._perform_media,
            settle=lambda settle: self.settled[settle.token].append(settle),
        )
        self.engine.events.subscribe(lambda event: self.log.append((self.now, None, event)))
        wire.on_sent = lambda frame: self.log.append((self.now, _parsed(frame), None))

    @classmethod
    def with_peer(cls, **config: Any) -> "tuple[Phone, Peer]":
        """A phone and the scripted far end of its flow."""
        peer = Peer(TestScheduler())
        return cls(peer.wire.scheduler, peer.wire, **config), peer

    @property
    def now(self) -> float:
        """The time in whole milliseconds, as it stands in the log."""
        return round(self.engine.now, 3)

    def ask(self, command: Command) -> int:
        """Give a command; what comes of it is in `settled` under the returned token, which counts from 1."""
        token = len(self.settled) + 1
        self.settled[token] = []
        self.engine.ask(command, token)
        return token

    def sent(self, what: str | int) -> list[Any]:
        """All requests of that method, or all responses with that status, that were sent."""
        return [message for _, message, _ in self.log if message and what == _kind(message)]

    def events(self, kind: type[Any]) -> list[Any]:
        """All events of that class."""
        return [event for _, _, event in self.log if isinstance(event, kind)]

    def _perform_media(self, output: MediaOutput) -> None:
        self.media.append((self.now, output))
        if not isinstance(output, OfferWanted | AnswerWanted):
            return
        made = self.describe(output)
        if isinstance(made, str):
            self.engine.description_made(output.call_id, output.ref, made)
        elif made is not None:
            self.engine.description_failed(output.call_id, output.ref, *made)

    def _describe(self, wanted: OfferWanted | AnswerWanted) -> str:
        kind = "offer" if isinstance(wanted, OfferWanted) else "answer"
        return f"v=0 {self.name} {kind}{' held' if wanted.held else ''}\r\n"


def link(*, delay: float = 0.01, **config: Any) -> tuple[Phone, Phone]:
    """Two phones, alice and bob, each at the far end of the other's flow, `delay` s away. They do not register."""
    scheduler = TestScheduler()
    here, there = Wire(scheduler, delay), Wire(scheduler, delay)
    here.far, there.far = there.deliver, here.deliver
    fields: dict[str, Any] = {"auto_register": False, **config}
    return Phone(scheduler, here, name="alice", **fields), Phone(scheduler, there, name="bob", **fields)


def play(phone: Phone, script: Script, *, until: float) -> Log:
    """Run a script to the time `until`; what the phone sent and what happened meanwhile.

    Commands are the phone's user's, messages and frames arrive at the phone. Times count from the beginning, also in a
    second script; one that is over already raises ValueError.
    """
    if late := [time for time in (*script, until) if time < phone.now]:
        raise ValueError(f"it is {phone.now:g} s already; these times are over: {late}")
    begin = len(phone.log)
    for time, steps in script.items():
        phone.scheduler.schedule_absolute(float(time), partial(_do, phone, steps))
    phone.scheduler.advance_to(float(until))
    return phone.log[begin:]


def _do(phone: Phone, steps: Step | Sequence[Step], *_: Any) -> None:
    if isinstance(steps, str | bytes | Request | Response):
        phone.wire.deliver(steps if isinstance(steps, str | bytes) else bytes(steps))
    elif isinstance(steps, Command):
        phone.ask(steps)
    elif callable(steps):
        steps()
    else:
        for step in steps:
            _do(phone, step)


def brief(log: Iterable[Entry]) -> list[tuple[float, str | None, str | None]]:
    """A log to be read and compared: "INVITE", "200 INVITE", "CallEnded 487 Request Terminated local".

    An event shows its name and what it says, but times, call ids and headers; of a bool its name, if it is true.
    """
    return [(time, _line(sent) if sent else None, fact(event) if event else None) for time, sent, event in log]


def _parsed(frame: str) -> Sent:
    try:
        return parse_message(frame)
    except MessageError:
        return frame


def _kind(sent: Sent) -> str | int | None:
    match sent:
        case Request():
            return sent.method
        case Response():
            return sent.status_code
        case _:
            return None


def _line(sent: Sent) -> str:
    match sent:
        case Request():
            return sent.method
        case Response():
            return f"{sent.status_code} {sent.cseq.method}"
        case _:
            return sent.partition("\r\n")[0]
