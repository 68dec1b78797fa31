"""What the client asks of its media collaborator, as protocols: `jzrx.media` keeps them, and so does the fake in
`jzrx.testing` that lets a GUI be tested without audio.

The signalling sees only finished SDP text. Everything here is called on the application's loop; events come back
through `emit`, on that loop too.
"""

from collections.abc import Callable
from typing import Any, Protocol

from attrs import field, frozen
from reactivex import Observable

from jzrx.events import CallEvent
from jzrx.types import CallQualityStats

__all__ = [
    "AudioReader",
    "AudioSink",
    "AudioSource",
    "AudioWriter",
    "IceServer",
    "MediaConfig",
    "MediaEngine",
    "MediaError",
    "MediaSession",
    "Playback",
]


class MediaError(Exception):
    """A session description that cannot be used, or an audio path that cannot be made.

    `code` is the SIP status that refuses it (488, RFC 3261 section 21.4.26), `warning` the value of a Warning header
    (RFC 3261 section 20.43) where one helps, as in `304 jzrx "Media type not available: ..."`.
    """

    def __init__(self, message: str, code: int = 488, warning: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.warning = warning


class AudioReader(Protocol):
    """One use of a source."""

    def read(self) -> bytes | None:
        """The next 20 ms at the rate it was opened with (s16le, mono), or None at the end."""
        ...

    def close(self) -> None:
        """Release what the reader holds."""
        ...


class AudioSource(Protocol):
    """A recipe for audio: each `open` starts from the beginning (an iterator's is single-use).

    One of your own is opened, read and closed on a worker thread, 100 ms ahead of what is sent; when it does not keep
    up, silence is sent.
    """

    def open(self, rate: int) -> AudioReader:
        """A reader of 20 ms frames at `rate` Hz: 48000, 16000 or 8000, the codec's own."""
        ...


class AudioWriter(Protocol):
    """One use of a sink, written by the media thread."""

    def write(self, frame: bytes) -> None:
        """Take the next 20 ms that are heard (48000 Hz, s16le, mono). Never blocks."""
        ...

    def close(self) -> None:
        """Release what the writer holds."""
        ...


class AudioSink(Protocol):
    """Where to put what a call hears."""

    def open(self) -> AudioWriter:
        """A writer of 20 ms frames."""
        ...


class Playback(Protocol):
    """A source that plays over what a call sends."""

    def stop(self) -> None:
        """End it now; done already: nothing happens."""
        ...

    async def wait(self) -> None:
        """Return at the source's end, at `stop()` and at the call's end."""
        ...


@frozen
class IceServer:
    """A STUN or TURN server (W3C RTCIceServer)."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class MediaConfig:
    """How one call's media is to be made. `loopback`: offer loopback candidates (the server is on this machine)."""

    ice_servers: tuple[IceServer, ...] = ()
    preferred_codecs: tuple[str, ...] = ()
    loopback: bool = False
    source: AudioSource | None = None
    sink: AudioSink | None = None
    srtp: bool = True


class MediaSession(Protocol):
    """The audio of one call: one ICE and DTLS transport, one RTP stream each way."""

    async def create_offer(self, *, held: bool = False, restart: bool = False) -> str:
        """An SDP offer: the first, or a re-offer; with the same ICE, or by `restart` new. `held`: `a=sendonly`."""
        ...

    async def create_answer(self, offer: str, *, held: bool = False) -> str:
        """Apply the remote offer and answer it; `held` keeps our own hold in the answer. Raises MediaError."""
        ...

    async def set_answer(self, answer: str, *, provisional: bool = False) -> None:
        """Apply the answer to our offer; `provisional`: early media of a 18x. Raises MediaError."""
        ...

    async def rollback(self) -> None:
        """Our last offer was refused: everything is as before it (RFC 3261 section 14.1)."""
        ...

    async def ready(self) -> None:
        """Return when ICE and DTLS are up; raises MediaError when they failed or the session closed."""
        ...

    def set_muted(self, muted: bool) -> None:
        """Send silence instead of everything, or stop doing so."""
        ...

    def set_source(self, source: AudioSource | None) -> None:
        """Replace what is sent (None: silence)."""
        ...

    def play(self, source: AudioSource) -> Playback:
        """Mix `source` over what is sent."""
        ...

    @property
    def incoming(self) -> "Observable[Any]":
        """What is heard, each an `AudioFrame`: hot, one every 20 ms, completing at the end."""
        ...

    @property
    def can_send_dtmf(self) -> bool | None:
        """Whether tones can be sent by RTP now (telephone-event, RFC 4733); None: nothing was agreed yet."""
        ...

    async def send_dtmf(self, tones: str, *, duration_ms: int = 100, gap_ms: int = 70) -> None:
        """Send tones by RTP, after those that wait already; done when the last packet has left.

        Emits DtmfSent for each. Raises MediaError when the other side takes none, or holds the call.
        """
        ...

    async def stats(self) -> CallQualityStats | None:
        """The quality since the call began; None until media is up."""
        ...

    async def close(self) -> None:
        """Stop everything and leave nothing behind; a second call does nothing."""
        ...


class MediaEngine(Protocol):
    """Makes the sessions of many calls."""

    def session(
        self, call_id: str, config: MediaConfig, emit: Callable[[CallEvent], None], clock: Callable[[], float]
    ) -> MediaSession:
        """A new session. It emits MediaStateChanged, RemoteHoldChanged, DtmfReceived, ... for `call_id`, stamped by
        `clock`, on the loop that runs this call."""
        ...
