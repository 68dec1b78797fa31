"""One client's parts: the store, the line that is connected now, and the calls. Commands go down, events come up.

commands ──> line (signalling, media) ──> events, an Rx stream ──> store.dispatch ──> snapshots ──> named events
"""

import asyncio
import concurrent.futures
import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reactivex import Observable, operators
from reactivex.subject import Subject

from jzrx import errors
from jzrx.action import Action, Deferred
from jzrx.commands import Command
from jzrx.errors import CallError, JambonzError
from jzrx.events import ActionFailed, CallAnswered, CallEnded, CallProgressed, CallReceived, CallReleased, Event
from jzrx.headers import RemoteHeaders
from jzrx.media.devices.player import Player
from jzrx.media.devices.taps import DeviceChoice
from jzrx.options import JambonzClientOptions
from jzrx.phone.audio_order import has_speaker
from jzrx.phone.background import is_running_here, loop_for_client
from jzrx.phone.control import CallControl
from jzrx.phone.emitter import Emitter
from jzrx.phone.incoming import Reception
from jzrx.phone.line import Line, Parts
from jzrx.phone.named import CLIENT_EVENTS, named
from jzrx.phone.ringtone import ring
from jzrx.phone.transfers import Transfers
from jzrx.sip.engine import make_instance
from jzrx.store import CallSnapshot, ClientSnapshot, StateObservable, Store
from jzrx.store.lock import LOCK
from jzrx.store.selectors import is_open
from jzrx.types import CallState

if TYPE_CHECKING:
    from jzrx.call import JambonzCall

__all__ = ["Phone", "already_connected"]

_log = logging.getLogger("jzrx")


class Phone:
    """What a `JambonzClient` and its calls have in common. `make_call` makes the object for a call's id."""

    def __init__(
        self,
        options: JambonzClientOptions,
        parts: Parts,
        make_call: "Callable[[Phone, str, StateObservable[CallSnapshot]], JambonzCall]",
    ) -> None:
        self.options = options
        self.parts = parts
        policy = options.incoming
        self.store = Store(
            ClientSnapshot(do_not_disturb=policy.do_not_disturb, auto_answer=policy.auto_answer is not False)
        )
        self.emitter = Emitter("the client", CLIENT_EVENTS)
        self.devices = DeviceChoice(output=options.speaker if isinstance(options.speaker, str) else None)
        self._line: Line | None = None
        self._previous: Line | None = None
        self._make_call = make_call
        self._calls: dict[str, JambonzCall] = {}
        self.control = CallControl(self)
        self.reception = Reception(self, options.incoming)
        self._transfers = Transfers(self)
        self._headers: dict[str, RemoteHeaders] = {}
        self._before = self.snapshot
        self._pid = os.getpid()
        self._instance = options.instance_id or make_instance(parts.ids)
        # Only the line that is connected now is heard: what an old one still says concerns nobody.
        self._lines = Subject[Observable[Event]]()
        self._lines.pipe(operators.switch_latest()).subscribe(self._take)
        self._is_silent = False
        self.store.events.subscribe(self._announce)
        if options.ringtone and has_speaker(options):
            ring(self.store.snapshot, self.player(), lambda step: self.any_line().loop.call_soon(step))

    @property
    def line(self) -> Line | None:
        """The connection that there is, or was last."""
        if self._line is not None and self._line.is_stranded:
            self._line.bury(list(self.snapshot.calls.values()))
        return self._line

    @property
    def snapshot(self) -> ClientSnapshot:
        """The client and all its calls now."""
        return self.store.snapshot.value

    # --- the connection ---------------------------------------------------------------------------------------------

    def connect(
        self,
        *,
        background: bool,
        after: Action[None] | None,
        claim: Callable[[], None] | None = None,
        started: Callable[[], None] | None = None,
    ) -> Action[None]:
        """Open a new line. `after`: the end of one that must be over before this one registers."""
        self.refuse_second_line()
        before = self._line
        loop, release = loop_for_client(in_background=background)

        begun: list[Line] = []

        def cancel() -> None:
            if self.line in begun:
                self.disconnect()

        action = Deferred[None](on_cancel=cancel, loop=loop)
        if after is None and self.line is not None and self.line.is_leaving:
            after = self.line.left

        def settled(_: Any, error: JambonzError | None) -> None:
            if error is None:
                action.resolve(None)
            else:
                _log.warning("connect() failed: %s", error)
                action.reject(error)

        def start() -> None:
            if claim is not None:
                claim()
            line = Line(
                self.options, self.parts, loop, self._instance, release, self._fall_silent, self.reception.refusal_of
            )
            with LOCK:
                if self._line is not before:  # another thread was faster
                    raise already_connected()
                self._line = line
            if self._previous is None or not self._previous.is_telling:
                self._previous = before
            self._is_silent = False
            begun.append(line)

            def begin() -> None:
                self._lines.on_next(line.events)
                line.connect(after, settled)

            self._behind_previous(begin)
            if started is not None:
                started()

        try:
            _run_and_wait(loop, start)
        except BaseException:
            release()
            raise
        return action.action

    def refuse_second_line(self) -> None:
        """One connection at a time."""
        self.refuse_fork()
        if self.line is not None and not self.line.is_ending:
            raise already_connected()

    def disconnect(self) -> Action[None]:
        """Leave the line that there is."""
        line = self.line
        if line is None:
            return Deferred[None].resolved(None)

        def leave() -> None:
            self.control.drop_undialed()
            line.is_leaving = True
            self._behind_previous(line.leave)

        line.run(leave)
        return line.left

    def _behind_previous(self, step: Callable[[], None]) -> None:
        """The line before may have to tell its end yet, if a handler of its own has begun this one."""
        if self._previous is None:
            step()
        else:
            self._previous.after(step)

    def open_line(self) -> Line:
        """The line, if requests can be sent; raises ConnectionError otherwise."""
        self.refuse_fork()
        line, snapshot = self.line, self.snapshot
        if line is None or not is_open(snapshot):
            advice = "call connect() first" if line is None or line.is_ending else "wait for the state registered"
            raise errors.ConnectionError(f"Not connected (the state is {snapshot.state}): {advice}.")
        return line

    def any_line(self) -> Line:
        """The line that has the calls, in whatever state it is."""
        if self.line is None:
            raise errors.ConnectionError("Not connected: call connect() first.")
        return self.line

    def refuse_fork(self) -> None:
        """Threads and sockets do not survive a fork."""
        if os.getpid() != self._pid:
            raise JambonzError("this client was made before a fork: make another one in the child process")

    # --- actions ----------------------------------------------------------------------------------------------------

    def ask(self, name: str, command: Command, *, call_id: str | None = None, shown: bool = True) -> Action[Any]:
        """Hand a command to the line; the action is done when the other side has confirmed it."""
        line = self.open_line()
        action = Deferred[Any](loop=line.loop)
        line.run(lambda: line.ask(command, self.settling(action, name, call_id, shown=shown)))
        return action.action

    def settling(
        self, action: Deferred[Any], name: str, call_id: str | None = None, *, shown: bool = True
    ) -> Callable[[Any, JambonzError | None], None]:
        """What settles `action`. A failure is logged, and shown by ActionFailed unless another event shows it."""

        def settled(value: Any, error: JambonzError | None) -> None:
            if error is None:
                action.resolve(value)
                return
            _log.log(logging.WARNING if shown else logging.INFO, "%s() failed: %s", name, error)
            # What failed because the call is over is shown by its end.
            call = None if call_id is None else self.snapshot.calls.get(call_id)
            over = call_id is not None and (call is None or call.state is CallState.ENDED)
            if shown and not over and self.line is not None and not self.line.is_leaving:
                code, reason = (error.code, error.reason) if isinstance(error, CallError) else (None, None)
                self.line.emit(
                    ActionFailed(
                        at=self.line.now, action=name, message=str(error), code=code, reason=reason, call_id=call_id
                    )
                )
            action.reject(error)

        return settled

    # --- the calls --------------------------------------------------------------------------------------------------

    def call(self, call_id: str, initial: CallSnapshot | None = None) -> "JambonzCall":
        """The object of a call: the same one each time, until the call is over. KeyError if there is no such call.

        `initial` is the state of a call that is only about to begin.
        """
        with LOCK:
            known = self._calls.get(call_id)
            if known is None:
                known = self._calls[call_id] = self._make_call(self, call_id, self.store.select_call(call_id, initial))
            return known

    def calls(self) -> "dict[str, JambonzCall]":
        """All calls that there are now, by id; from any thread."""
        with LOCK:  # none of them ends meanwhile
            return {call_id: self.call(call_id) for call_id in self.snapshot.calls}

    def find(self, call: CallSnapshot | None) -> "JambonzCall | None":
        """The object of a call that a snapshot has shown, unless the call is over by now; from any thread."""
        with LOCK:
            return self.call(call.id) if call is not None and call.id in self.snapshot.calls else None

    def player(self) -> Player:
        """A player of tones for this client's user."""
        return Player(self.devices, is_default=self.options.speaker is None)

    def remote_headers(self, call_id: str) -> RemoteHeaders:
        """What the other side of a call has sent so far, and will send."""
        return self._headers.setdefault(call_id, RemoteHeaders())

    # --- what happens -----------------------------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        """Every event of signalling and media, on its way to the store."""
        if isinstance(event, CallReceived | CallProgressed | CallAnswered | CallEnded) and event.headers:
            self.remote_headers(event.call_id).receive(event.headers)
        self.store.dispatch(event)

    def _announce(self, event: Event) -> None:
        """The named events that follow from one event, after everybody has its snapshot."""
        before, self._before = self._before, self.snapshot
        for happened in () if self._is_silent else named(event, before, self._before):
            payload = happened.payload
            if happened.name in ("incoming", "replacement"):
                payload = (self.call(*payload),)
            if happened.call_id is None:
                self.emitter.emit(happened.name, *payload)
            elif happened.call_id in self._calls:  # else nobody can have a handler
                self._calls[happened.call_id].emitter.emit(happened.name, *payload)
        if not self._is_silent:
            self.reception.received(event, before)
            self.control.switchboard.happened(event)
            self._transfers.happened(event)
        if isinstance(event, CallReleased):
            self._calls.pop(event.call_id, None)
            self._headers.pop(event.call_id, None)

    def _fall_silent(self) -> None:
        """The loop ends: a handler must not begin anything on it any more."""
        self._is_silent = True


def already_connected() -> errors.ConnectionError:
    """A second connection of one client."""
    return errors.ConnectionError("Already connected. Call disconnect() first, or make another client.")


def _run_and_wait(loop: asyncio.AbstractEventLoop, step: Callable[[], None]) -> None:
    """Run `step` on `loop`: now where it is the running one, else in its thread, and wait for that."""
    if is_running_here(loop):
        step()
        return
    done = concurrent.futures.Future[None]()

    def run() -> None:
        try:
            step()
            done.set_result(None)
        except BaseException as error:
            done.set_exception(error)

    loop.call_soon_threadsafe(run)
    done.result()
