"""A call that is answered but gets no audio path is ended: nobody waits in a dead call."""

from collections.abc import Callable
from typing import Any

from reactivex.abc import DisposableBase, SchedulerBase

from jzrx.events import CallAnswered, CallCreated, CallReceived, CallReleased, Event, MediaStateChanged
from jzrx.types import MediaState

__all__ = ["MEDIA_TIMEOUT", "MediaDeadline"]

MEDIA_TIMEOUT = 10.0
"""Seconds after the answer in which ICE and DTLS must be up."""


class MediaDeadline:
    """Looks at the events of one line; `missed` is told which call has no media.

    Media that fails after it was up, or is silent, ends no call: `MediaRecovery` tries to bring it back, and then it is
    for whoever talks to decide.
    """

    def __init__(self, scheduler: SchedulerBase, missed: Callable[[str], None]) -> None:
        self._scheduler = scheduler
        self._missed = missed
        self._media: dict[str, MediaState] = {}
        self._running: dict[str, DisposableBase] = {}

    def watch(self, event: Event) -> None:
        """One more event."""
        match event:
            case CallAnswered(call_id=call_id):
                self._answered(call_id)
            case CallCreated(call_id=call_id) | CallReceived(call_id=call_id):
                self._media[call_id] = MediaState.NEW
            case MediaStateChanged(call_id=call_id, media=media) if call_id in self._media:  # else it has ended
                self._media[call_id] = media
                if media is MediaState.CONNECTED:
                    self._stop(call_id)
                elif media is MediaState.FAILED and call_id in self._running:
                    self._miss(call_id)
            case CallReleased(call_id=call_id):
                self._stop(call_id)
                self._media.pop(call_id, None)
            case _:
                pass

    def close(self) -> None:
        """Watch no more."""
        for call_id in list(self._running):
            self._stop(call_id)

    def _answered(self, call_id: str) -> None:
        media = self._media.get(call_id, MediaState.NEW)
        if media is MediaState.FAILED:
            self._missed(call_id)
        elif media is not MediaState.CONNECTED:

            def fire(_scheduler: SchedulerBase, _state: Any = None) -> None:
                self._miss(call_id)

            self._running[call_id] = self._scheduler.schedule_relative(MEDIA_TIMEOUT, fire)

    def _miss(self, call_id: str) -> None:
        self._stop(call_id)
        self._missed(call_id)

    def _stop(self, call_id: str) -> None:
        running = self._running.pop(call_id, None)
        if running is not None:
            running.dispose()
