"""The one place where what happens on the media thread crosses to an application's loop.

Whatever one turn of the wheel brings, for however many calls, wakes a loop once at most. A loop that is blocked finds
everything that happened meanwhile when it comes back: all events, and of each call's frames the last two seconds. That
a loop was closed is told by `flush`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from jzrx.media.frames import AudioFrame

__all__ = ["Crossing", "FrameQueue"]

MAX_FRAMES = 100  # of 20 ms

logger = logging.getLogger("jzrx.media")


class Crossing:
    """The way to one application loop. `post` and `flush` belong to the media thread.

    `flush_soon` is called with the first of what is posted, and has to see to it that `flush` is called.
    """

    def __init__(self, application: asyncio.AbstractEventLoop, flush_soon: Callable[[], object]) -> None:
        self.application = application
        self._flush_soon = flush_soon
        self._posted: deque[Callable[[], None]] = deque()
        self._woken = False  # a drain is on its way

    def post(self, deliver: Callable[[], None]) -> None:
        """Call `deliver` on the application's loop after the next flush, in order."""
        if not self._posted:
            self._flush_soon()
        self._posted.append(deliver)

    def flush(self) -> bool:
        """Wake the loop if there is something for it. False: it is closed, and nothing will ever be delivered."""
        if not self._posted or self._woken:
            return not self.application.is_closed()
        self._woken = True
        try:
            self.application.call_soon_threadsafe(self._drain)
        except RuntimeError:
            return False
        return True

    def _drain(self) -> None:
        self._woken = False  # first: what is posted from here on asks for a new drain, needed or not
        while self._posted:
            deliver = self._posted.popleft()
            try:
                deliver()
            except Exception:
                logger.exception("a subscriber or handler of media raised")


class FrameQueue:
    """The frames of one call on their way to the application, never more than two seconds of them."""

    def __init__(self, crossing: Crossing, deliver: Callable[[AudioFrame], None], name: str) -> None:
        self._crossing = crossing
        self._deliver = deliver
        self._name = name
        self._frames: deque[AudioFrame] = deque(maxlen=MAX_FRAMES)
        self._told = False

    def put(self, frame: AudioFrame) -> None:
        """On the media thread: queue a frame, and drop the oldest if the application is too far behind."""
        behind = len(self._frames) == MAX_FRAMES
        self._frames.append(frame)
        if not behind:
            self._crossing.post(self._drain)
        elif not self._told:
            self._told = True
            logger.warning("call %s: the application is over 2 s behind with the audio; frames are dropped", self._name)

    def _drain(self) -> None:
        while self._frames:
            self._deliver(self._frames.popleft())
