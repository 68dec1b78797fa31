"""Changing over between the calls of one client: one is talked in, the others are on hold.

- One change at a time: one that is asked for meanwhile begins when the one before is done, and looks at the calls then.
- The call that is left is put on hold first, and what comes next waits until that is confirmed. If it is refused,
  nothing else happens.
- A change that fails after that takes the hold back: the calls are as they were.
- A call that was made here and rings there cannot be put on hold: it is left, and is on hold as soon as it is answered.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import evolve

from jzrx import commands, errors
from jzrx.action import Action, Deferred
from jzrx.errors import CallError, JambonzError
from jzrx.events import CallAnswered, CallReleased, CurrentCallChanged, Event
from jzrx.phone.line import Line
from jzrx.store import CallSnapshot, ClientSnapshot
from jzrx.store.selectors import current_call, is_unanswered
from jzrx.store.turns import take_turn
from jzrx.types import CallState

if TYPE_CHECKING:
    from jzrx.phone.phone import Phone

__all__ = ["Switchboard"]

Find = Callable[[ClientSnapshot], CallSnapshot]
"""Which call to turn to; raises CallError where there is none."""


class Switchboard:
    """Who is talked to among the calls of one client. All but `switch` is called on its loop."""

    def __init__(self, phone: "Phone") -> None:
        self._phone = phone
        self._changes = deque[Callable[[Callable[[], None]], None]]()
        self._waiting = set[str]()  # the calls for which room is still to be made
        self._left = set[str]()  # the calls that rang there when they were left

    def in_turn(self, change: Callable[[Callable[[], None]], None]) -> None:
        """Begin `change` when no other one is under way; it calls what it is given when it is done."""
        self._changes.append(change)
        if len(self._changes) == 1:
            self._begin_next()

    def happened(self, event: Event) -> None:
        """One more event, after everybody has heard of it."""
        match event:
            case CallAnswered(call_id=call_id) if call_id in self._left:
                self._left.discard(call_id)
                if self._phone.snapshot.current_call_id != call_id and self._phone.line is not None:
                    self._phone.line.ask(commands.Hold(call_id=call_id), _ignore)
            case CallReleased(call_id=call_id):
                self._left.discard(call_id)
            case _:
                pass

    def make_room(
        self, line: Line, call_id: str, proceed: Callable[[], bool], refuse: Callable[[JambonzError], None]
    ) -> None:
        """Hold the call that is talked in, and `proceed` with the call `call_id`; or `refuse` if the hold is refused.

        `proceed` returns whether it could; if not, the hold is taken back.
        """

        def change(done: Callable[[], None]) -> None:
            self._waiting.discard(call_id)
            left = self.left_for(call_id)

            def held(error: JambonzError | None) -> None:
                if error is not None:
                    refuse(error)
                    done()
                    return
                self._bring_to_front(line, call_id)  # a change that was before it may have turned to another one
                is_under_way = proceed()
                if is_under_way and left is not None and is_unanswered(left):
                    self._left.add(left.id)
                elif not is_under_way and left is not None and left.state is CallState.CONNECTED:
                    line.ask(commands.Unhold(call_id=left.id), _ignore)
                done()

            self._hold(line, left, held)

        self._waiting.add(call_id)
        self.in_turn(change)

    def left_for(self, call_id: str) -> CallSnapshot | None:
        """The call that is left for the call `call_id`: of the others that had their turn, the one that was current
        last."""
        now = self._so_far
        others = (other for other in reversed(now.recent_call_ids) if other != call_id)
        return next((now.calls[other] for other in others), None)

    @property
    def _so_far(self) -> ClientSnapshot:
        """The client without the calls that wait for their turn, as if they were not made yet."""
        now = self._phone.snapshot
        recent = tuple(call_id for call_id in now.recent_call_ids if call_id not in self._waiting)
        return evolve(now, recent_call_ids=recent, current_call_id=recent[-1] if recent else None)

    def switch(self, name: str, find: Find) -> Action[None]:
        """Hold the call that is talked in, and unhold the one that `find` names, now and again when its turn comes."""
        _found(self._phone.snapshot, find)
        line = self._phone.open_line()
        action = Deferred[None](loop=line.loop)
        settled = self._phone.settling(action, name)

        def change(done: Callable[[], None]) -> None:
            def finish(error: JambonzError | None = None) -> None:
                settled(None, error)
                done()

            try:
                wanted = _found(self._so_far, find).id
            except CallError as error:
                finish(error)
                return
            left = self.left_for(wanted)

            def held(error: JambonzError | None) -> None:
                if error is not None:
                    finish(error)
                else:
                    self._unhold(line, wanted, left, finish)

            self._hold(line, left, held)

        line.run(lambda: self.in_turn(change))
        return action.action

    def _hold(self, line: Line, call: CallSnapshot | None, held: Callable[[JambonzError | None], None]) -> None:
        """`held` hears when it is confirmed, at once if it is so already; or that it is refused. A call that is over
        meanwhile is in nobody's way."""

        def settled(_: Any, error: JambonzError | None) -> None:
            held(error if call is not None and self._is_live(call.id) else None)

        if line.is_ending:
            held(errors.ConnectionError("disconnected before it was done"))
        elif call is None or is_unanswered(call) or call.state is CallState.ENDED:
            held(None)
        else:
            # Also if it is on hold now: an unhold may be under way, and what needs a re-INVITE queues per call. One
            # that is being answered is up at the ACK, and its hold waits for that.
            line.ask(commands.Hold(call_id=call.id), settled)

    def _unhold(
        self, line: Line, wanted: str, left: CallSnapshot | None, finish: Callable[[JambonzError | None], None]
    ) -> None:
        self._bring_to_front(line, wanted)

        def settled(_: Any, error: JambonzError | None) -> None:
            if error is None or left is None or left.state is not CallState.CONNECTED or not self._is_live(left.id):
                finish(error)
            else:
                self._bring_to_front(line, left.id)
                line.ask(commands.Unhold(call_id=left.id), lambda _value, _error: finish(error))

        line.ask(commands.Unhold(call_id=wanted), settled)

    def _bring_to_front(self, line: Line, call_id: str) -> None:
        now = self._phone.snapshot
        if call_id in now.recent_call_ids and now.current_call_id != call_id:
            line.emit(CurrentCallChanged(at=line.now, call_id=call_id))

    def _is_live(self, call_id: str) -> bool:
        call = self._phone.snapshot.calls.get(call_id)
        return call is not None and call.state is not CallState.ENDED

    def _done(self) -> None:
        self._changes.popleft()
        if self._changes:
            self._begin_next()

    def _begin_next(self) -> None:
        """It looks at a snapshot in which everything shows that happened before: inside a subscriber that is later."""
        step, line = partial(take_turn, self._changes[0], self._done), self._phone.line
        if line is None:
            step()
        else:
            line.after(step)


def _found(snapshot: ClientSnapshot, find: Find) -> CallSnapshot:
    call, current = find(snapshot), current_call(snapshot)
    if current is not None and current.id != call.id and is_unanswered(current):
        raise CallError(f"{current.remote_identity} has not answered yet: wait for that, or hang up that call first")
    return call


def _ignore(_value: Any, _error: JambonzError | None) -> None:
    """Nobody waits for it; a failure shows in the state."""
