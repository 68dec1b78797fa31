"""Who is told what happens in the media of a call."""

from typing import Protocol

from jzrx.media.frames import AudioFrame
from jzrx.types import CallWarning, MediaState

__all__ = ["Observer"]


class Observer(Protocol):
    """Who is told what happens; on the media thread."""

    def media_changed(self, media: MediaState, reason: str | None) -> None:
        """The way to the other side is being made, is there, or failed for `reason`."""
        ...

    def remote_hold_changed(self, held: bool) -> None:
        """The other side held us, or took that back."""
        ...

    def warning_raised(self, warning: CallWarning) -> None:
        """Something is wrong with the audio."""
        ...

    def warning_cleared(self, warning: CallWarning) -> None:
        """That is over."""
        ...

    def frame_heard(self, frame: AudioFrame) -> None:
        """The next 20 ms, if somebody listens."""
        ...

    def playback_ended(self, token: object) -> None:
        """What `play` was given as `token` has ended."""
        ...

    def tone_received(self, tone: str) -> None:
        """The other side sends a tone."""
        ...

    def closed(self) -> None:
        """Nothing more will happen."""
        ...
