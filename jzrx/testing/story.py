"""A diagram of what happens, played to a whole client in virtual time; and what was seen of it.

The letters, one frame each or several at one moment in a group:

    C  we connect (if it is not the first letter: at the beginning, too)
    R  the server grants the registration, F refuses it; U we unregister
    L  the connection breaks; X the server is gone, O it is back
    D  we call somebody; B it rings there
    I  somebody calls: bob, then carol, dave, ...
    A  the call is answered: by us what rings here, else by whom we call
    H  we hold, h take it back; M we mute, m unmute; P the other side holds, p takes it back
    0-9*  the other side presses that key
    S  a text arrives
    E  the other side ends the current call, or gives up calling; e we hang up, or decline
    Z  we disconnect; | too, and are done
"""

import asyncio
import concurrent.futures
from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from reactivex import Observable

from jzrx.call import JambonzCall
from jzrx.client import JambonzClient
from jzrx.errors import CallError, JambonzError
from jzrx.options import JambonzClientOptions, Reconnect, resolve_options
from jzrx.phone.line import Parts
from jzrx.recording import DiagramError, EventRecording, Recording, Recordings, parse
from jzrx.recording.notation import COMPLETED, FAILED, Sign, seconds
from jzrx.store import ClientSnapshot
from jzrx.testing.fake_media import FakeMedia
from jzrx.testing.far_end import FarEnd
from jzrx.testing.handset import Handset
from jzrx.testing.virtual import CountedIds
from jzrx.testing.virtual_loop import INSTANT, VirtualLoop, VirtualTime

T = TypeVar("T")

__all__ = ["LETTERS", "CallRecordings", "Run", "Step", "VirtualHandset", "Watch", "tell"]


class VirtualHandset(Handset):
    """A phone in virtual time. `far` is its scripted far end, `media` are without sound, `scheduler` is the clock.

    Nothing is left to chance: it waits 1 s, 2 s, 4 s, up to 30 s to reconnect.
    """

    def __init__(self, scheduler: VirtualTime, options: Mapping[str, Any]) -> None:
        self.scheduler = scheduler
        self.far = FarEnd(scheduler)
        self.media = FakeMedia()
        given: dict[str, Any] = {
            "server": "ws://example.com",
            "username": "alice",
            "password": "secret",
            "media": self.media,
            "reconnect": Reconnect(jitter=0),
            **options,
        }
        parts = Parts(ids=CountedIds("alice"), scheduler=lambda _: scheduler, transport=lambda _: self.far.wire)
        super().__init__(JambonzClient(resolve_options(JambonzClientOptions, None, given), parts=parts))

    @property
    def call(self) -> JambonzCall:
        """The current call; CallError without one."""
        call = self.client.current_call
        if call is None:
            raise CallError("there is no call")
        return call

    @property
    def any_call(self) -> JambonzCall:
        """The current call, or without one the oldest that rings here; CallError if there is neither."""
        return self.client.current_call or self.client.incoming_call or self.call


Step = Callable[[VirtualHandset], object]
"""What a letter does; a coroutine runs on as a task."""
Watch = Callable[[VirtualHandset], "Observable[Any] | None"]
"""What is given the phone before anything happens; the observable that it may return is recorded."""


def _answer(phone: VirtualHandset) -> object:
    if phone.client.incoming_call is not None:
        return phone.calls.answer_incoming()
    phone.far.answer()
    return None


def _other(phone: VirtualHandset) -> str:
    return phone.any_call.remote_uri.removeprefix("sip:").partition("@")[0]


def _press(key: str) -> Step:
    return lambda phone: phone.media.sessions[phone.call.id].press(key)


LETTERS: Mapping[str, Step] = MappingProxyType(
    {
        "C": lambda phone: phone.client.connect(),
        "R": lambda phone: phone.far.grant(),
        "F": lambda phone: phone.far.refuse(),
        "U": lambda phone: phone.client.unregister(),
        "Z": lambda phone: phone.client.disconnect(),
        "L": lambda phone: phone.far.drop(),
        "X": lambda phone: phone.far.go(),
        "O": lambda phone: phone.far.come_back(),
        "D": lambda phone: phone.calls.make_call(phone.far.next_name()),
        "B": lambda phone: phone.far.ring(),
        "I": lambda phone: phone.far.call(),
        "A": _answer,
        "H": lambda phone: phone.call.hold(),
        "h": lambda phone: phone.call.unhold(),
        "M": lambda phone: phone.call.mute(),
        "m": lambda phone: phone.call.unmute(),
        "P": lambda phone: phone.far.hold(_other(phone)),
        "p": lambda phone: phone.far.hold(_other(phone), held=False),
        "S": lambda phone: phone.far.message("hello"),
        "E": lambda phone: phone.far.end(_other(phone)),
        "e": lambda phone: phone.any_call.hangup(),
        **{key: _press(key) for key in "0123456789*"},
    }
)
"""What the letters of a diagram do, unless the legend says otherwise."""


class CallRecordings:
    """What the fields of `use_call` showed."""

    def __init__(self, record: "Callable[[Observable[Any], str], Recording[Any]]", phone: Handset) -> None:
        calls = phone.calls
        self.state = record(calls.state, "calls.state")
        self.is_muted = record(calls.is_muted, "calls.is_muted")
        self.is_held = record(calls.is_held, "calls.is_held")
        self.is_remotely_held = record(calls.is_remotely_held, "calls.is_remotely_held")
        self.is_active = record(calls.is_active, "calls.is_active")
        self.incoming_caller = record(calls.incoming_caller, "calls.incoming_caller")


class Run:
    """What was seen while a diagram was played: recordings, each to be compared with a diagram by `expect`.

    `state`, `is_registered`, `is_connecting` and `error` are those of the connection, `calls` has those of `use_call`.
    `snapshots` are the client's, `events` its events, `watched` is what `watch` returned. `phone` is the phone, which
    is disconnected by now. In a notebook it is shown as a picture.
    """

    def __init__(self, phone: VirtualHandset, diagram: str, frame: float, watch: Watch | None) -> None:
        self.phone = phone
        self.diagram = diagram
        self._frame = frame
        self._recordings: list[Recording[Any]] = []
        self.events = EventRecording(begin=0.0, clock=lambda: phone.scheduler.seconds, frame=frame).follow(
            phone.client.events
        )
        self.snapshots: Recording[ClientSnapshot] = self._record(phone.snapshot, "snapshots")
        self.state = self._record(phone.state, "state")
        self.is_registered = self._record(phone.is_registered, "is_registered")
        self.is_connecting = self._record(phone.is_connecting, "is_connecting")
        self.error = self._record(phone.error, "error")
        self.calls = CallRecordings(self._record, phone)
        watched = None if watch is None else watch(phone)
        self.watched: Recording[Any] | None = None if watched is None else self._record(watched, "watched")

    def select(self, selector: Callable[[ClientSnapshot], T], name: str = "the selection") -> Recording[T]:
        """What `selector(snapshot)` was, where equal values are one."""
        return self.snapshots.select(selector, name)

    def stop(self) -> None:
        """The end of the diagram: what comes after it is not seen."""
        for recording in (self.events, *self._recordings):
            recording.stop()

    def svg(self) -> str:
        """The events, the state of the connection and of the call, and what was watched, as one picture."""
        return self._shown().svg()

    def _record(self, source: Observable[T], name: str) -> Recording[T]:
        scheduler = self.phone.scheduler
        recording = Recording[T](name, clock=lambda: scheduler.seconds, frame=self._frame)
        self._recordings.append(recording)
        return recording.follow(source, scheduler)

    def _shown(self) -> Recordings:
        shown = (self.events, self.state, self.calls.state, self.watched)
        return Recordings(*(recording for recording in shown if recording is not None))

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        return self._shown()._repr_html_()  # pyright: ignore[reportPrivateUsage] - as Jupyter calls it

    def __repr__(self) -> str:
        return f"<Run of {self.diagram!r}: {self.events.marbles().splitlines()[0]}>"


def tell(
    diagram: str,
    letters: Mapping[str, Step],
    *,
    frame: float = 1.0,
    options: Mapping[str, Any] | None = None,
    watch: Watch | None = None,
) -> Run:
    """Play a diagram to a new phone. `letters` go before those of LETTERS, `options` are the client's.

    Without R or F in it the phone does not register. DiagramError for a letter that means nothing, or cannot happen
    where it stands. It may be called anywhere: where an event loop runs, this one runs in a thread.
    """
    for letter, step in letters.items():
        if not callable(step):
            raise TypeError(f"{letter} must be a function of the phone, not {step!r}")
    meanings = {**LETTERS, **letters}
    read = parse(diagram, frame=frame)
    for sign in read.signs:
        if sign.letter == FAILED:
            raise DiagramError(diagram, sign.column, "the state of a phone never fails; # means nothing here")
        if sign.letter != COMPLETED and sign.letter not in meanings:
            raise DiagramError(diagram, sign.column, f"{sign.letter} means nothing; there are {' '.join(meanings)}")
    said = {sign.letter for sign in read.signs}
    given = {"auto_register": bool(said & {"R", "F"}), **(options or {})}

    def run() -> Run:
        scheduler = VirtualTime()
        phone = VirtualHandset(scheduler, given)
        told = Run(phone, diagram, frame, watch)
        loop = VirtualLoop(scheduler)
        player = _Player(loop, phone, told, meanings)
        try:
            if not read.signs or read.signs[0].letter != "C":
                player.perform(LETTERS["C"], Sign(0, "C", 1))
            for sign in read.signs:
                player.play(sign)
            loop.advance_to(seconds(read.length) - INSTANT)
            scheduler.rest(seconds(read.length))
            told.stop()
        finally:
            player.leave()
            loop.close()
        player.raise_failure()
        return told

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run()
    with concurrent.futures.ThreadPoolExecutor(1, "jzrx-marbles") as apart:
        return apart.submit(run).result()


class _Player:
    """Does what the signs say, each after everything that is due by then."""

    def __init__(self, loop: VirtualLoop, phone: VirtualHandset, run: Run, meanings: Mapping[str, Step]) -> None:
        self._loop = loop
        self._phone = phone
        self._run = run
        self._meanings = meanings
        self._failed: list[BaseException] = []
        self._tasks: set[asyncio.Task[object]] = set()  # the loop itself keeps only weak references
        loop.set_exception_handler(self._caught)

    def play(self, sign: Sign) -> None:
        self._loop.advance_to(seconds(sign.at))
        self.perform(self._leave_for_good if sign.letter == COMPLETED else self._meanings[sign.letter], sign)

    def perform(self, step: Step, sign: Sign) -> None:
        """One step, and everything that follows from it at once."""

        async def act() -> None:
            outcome = step(self._phone)
            if asyncio.iscoroutine(outcome):
                self._spawn(outcome)

        try:
            self._loop.run_until_complete(act())
        except JambonzError as error:
            raise DiagramError(self._run.diagram, sign.column, f"{sign.letter} cannot happen here: {error}") from error
        self._loop.advance_to(seconds(sign.at))
        self.raise_failure()

    def raise_failure(self) -> None:
        """Raise what a task, or a callback of the loop, has raised."""
        if self._failed:
            raise self._failed[0]

    def leave(self) -> None:
        """Disconnect, and let nothing run on."""
        self._loop.run_until_complete(self._end())
        self._phone.dispose()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[object]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed.append(error)

    def _caught(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "exception" in context:
            self._failed.append(context["exception"])
        else:
            loop.default_exception_handler(context)

    async def _leave_for_good(self, phone: VirtualHandset) -> None:
        await phone.client.disconnect()
        phone.dispose()

    async def _end(self) -> None:
        await self._phone.client.disconnect()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
