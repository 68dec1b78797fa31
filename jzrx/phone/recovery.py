"""A call whose audio path died is given another one. This alone decides when.

Rules
- While the signalling is down nothing is done here: the connection comes back first (`reconnect`).
- Where the signalling is good and the path has failed, ICE is restarted, three times at most; then whoever talks
  decides.
- When the signalling has come back, ICE is restarted in every call, once: what cost the connection may have been
  another network. It also tells the other side where we are now, and us whether it still knows the call.
- A path that comes back by itself is left alone, and so is one that never was: that call ends (`MediaDeadline`).
"""

import logging
from collections.abc import Callable
from typing import Any

from attrs import define
from reactivex.abc import DisposableBase, SchedulerBase

from jzrx.events import CallAnswered, CallReleased, Event, FlowLost, FlowOpened, MediaStateChanged, Registered
from jzrx.types import MediaState

__all__ = ["RETRY_AFTER", "MediaRecovery"]

RETRY_AFTER = (2.0, 4.0)
"""Seconds before the second and the third restart."""

_log = logging.getLogger("jzrx")


@define(eq=False)
class _Call:
    """An answered call. `was_up`: it had a path; `tries`: restarts since it failed."""

    was_up: bool = False
    is_failed: bool = False
    is_asking: bool = False
    tries: int = 0
    waiting: DisposableBase | None = None

    def stop(self) -> None:
        if self.waiting is not None:
            self.waiting.dispose()
            self.waiting = None


class MediaRecovery:
    """Looks at the events of one line; `restart` asks for an ICE restart of a call and tells if it was accepted."""

    def __init__(self, scheduler: SchedulerBase, restart: Callable[[str, Callable[[bool], None]], None]) -> None:
        self._scheduler = scheduler
        self._restart = restart
        self._calls: dict[str, _Call] = {}
        self._up: set[str] = set()  # calls with a path that were not answered yet
        self._is_down = False  # the signalling

    def watch(self, event: Event) -> None:
        """One more event."""
        match event:
            case CallAnswered(call_id=call_id):
                self._calls.setdefault(call_id, _Call(was_up=call_id in self._up))
            case CallReleased(call_id=call_id):
                self._up.discard(call_id)
                call = self._calls.pop(call_id, None)
                if call is not None:
                    call.stop()
            case MediaStateChanged(call_id=call_id, media=media):
                self._media_changed(call_id, media)
            case FlowLost():
                self._is_down = True
                for call in self._calls.values():
                    call.stop()
            case Registered() | FlowOpened(will_register=False) if self._is_down:
                self._is_down = False
                for call_id, call in list(self._calls.items()):
                    call.tries = 0
                    self._try(call_id, call)
            case _:
                pass

    def close(self) -> None:
        """Watch no more."""
        for call in self._calls.values():
            call.stop()
        self._calls.clear()

    def _media_changed(self, call_id: str, media: MediaState) -> None:
        if media is MediaState.CONNECTED:
            self._up.add(call_id)
        call = self._calls.get(call_id)
        if call is None:
            return
        if media is MediaState.CONNECTED:
            call.stop()
            call.was_up, call.is_failed, call.tries = True, False, 0
        elif media is MediaState.FAILED and call.was_up:
            call.is_failed = True
            self._next(call_id, call)

    def _next(self, call_id: str, call: _Call) -> None:
        """The path has failed, or its restart: try again, now or later."""
        if self._is_down or call.is_asking or call.waiting is not None:
            return
        if not call.tries:
            self._try(call_id, call)
        elif call.tries <= len(RETRY_AFTER):

            def fire(_scheduler: SchedulerBase, _state: Any = None) -> None:
                call.waiting = None
                self._try(call_id, call)

            call.waiting = self._scheduler.schedule_relative(RETRY_AFTER[call.tries - 1], fire)
        else:
            _log.warning("call %s: no audio path, also after %d ICE restarts", call_id, call.tries)

    def _try(self, call_id: str, call: _Call) -> None:
        call.stop()
        call.tries += 1
        call.is_asking = True

        def done(accepted: bool) -> None:
            call.is_asking = False
            if call.is_failed and not accepted and self._calls.get(call_id) is call:
                self._next(call_id, call)

        _log.info("call %s: ICE is restarted", call_id)
        self._restart(call_id, done)
