"""Media without audio: for testing a GUI or a bot's logic, with neither network nor devices.

    media = FakeMedia()
    client = create_jambonz_client(server=..., username=..., password=..., media=media)
    ...
    assert media.sessions[call.id].is_muted

The session descriptions are what a peer expects to see; ICE "connects" as soon as both are known. The other side must
not mean it either: a server with real media refuses a call without ICE and DTLS (488). The embedded SBC can have the
same: `EmbeddedSbc(users, media=media)`; then nobody hears anything, and robots play to nobody.
"""

import asyncio
import itertools
import re
from collections.abc import Callable

from reactivex import Observable
from reactivex.subject import Subject

from jzrx.action import Deferred
from jzrx.events import (
    CallEvent,
    DtmfReceived,
    DtmfSent,
    MediaStateChanged,
    RemoteHoldChanged,
    WarningCleared,
    WarningRaised,
)
from jzrx.media.frames import AudioFrame
from jzrx.ports import AudioSource, MediaConfig, MediaError
from jzrx.types import CallQualityStats, CallWarning, MediaState

__all__ = ["FakeMedia", "FakePlayback", "FakeSession"]

_DIRECTION = re.compile(r"^a=(sendrecv|sendonly|recvonly|inactive)\s*$", re.MULTILINE)


class FakePlayback:
    """A source that seems to play: until `finish`, `stop` or the call's end."""

    def __init__(self, source: AudioSource) -> None:
        self.source = source
        self._ended = Deferred[None]()

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._ended.action.done

    def finish(self) -> None:
        """The source has come to its end."""
        self._ended.resolve(None)

    def stop(self) -> None:
        """End it now."""
        self._ended.resolve(None)

    async def wait(self) -> None:
        """Return when it has ended."""
        await self._ended.action


class FakeSession:
    """The media of one call, as a test looks at it and acts on it."""

    def __init__(
        self,
        call_id: str,
        config: MediaConfig,
        emit: Callable[[CallEvent], None],
        clock: Callable[[], float],
        *,
        connects: bool,
    ) -> None:
        self.call_id = call_id
        self.config = config
        self.connects = connects
        self.is_muted = False
        self.is_held = False
        self.is_closed = False
        self.restarts = 0
        """How often its ICE was begun anew."""
        self.source = config.source
        self.played: list[FakePlayback] = []
        self.tones: list[str] = []
        """The sequences that were sent by RTP."""
        self.remote_descriptions: list[str] = []
        self.quality: CallQualityStats | None = None
        self._emit = emit
        self._clock = clock
        self._incoming = Subject[AudioFrame]()
        self._version = itertools.count(1)
        self._remotely_held = False
        self._is_restarting = False
        self._media = MediaState.NEW
        self._settled = asyncio.Event()

    # --- what a test does -------------------------------------------------------------------------------------------

    def hear(self, frame: AudioFrame) -> None:
        """A frame arrives from the other side."""
        self._incoming.on_next(frame)

    def press(self, tone: str) -> None:
        """The other side presses a key."""
        self._emit(DtmfReceived(at=self._clock(), call_id=self.call_id, tone=tone, method="rtp"))

    def connect(self) -> None:
        """The audio path comes up, as it does by itself unless `connects` is False."""
        self._change(MediaState.CONNECTED)

    def fail(self, reason: str = "ICE failed") -> None:
        """The audio path fails."""
        self._change(MediaState.FAILED, reason)

    def warn(self, warning: CallWarning) -> None:
        """Something is wrong with the audio, until `clear`."""
        self._emit(WarningRaised(at=self._clock(), call_id=self.call_id, warning=warning))

    def clear(self, warning: CallWarning) -> None:
        """It is over."""
        self._emit(WarningCleared(at=self._clock(), call_id=self.call_id, warning=warning))

    # --- what the client does (`jzrx.ports.MediaSession`) -----------------------------------------------------------

    async def create_offer(self, *, held: bool = False, restart: bool = False) -> str:
        self.is_held = held
        self.restarts += restart
        self._is_restarting = restart
        return self._describe("sendonly" if held else "sendrecv", "actpass")

    async def create_answer(self, offer: str, *, held: bool = False) -> str:
        self._apply(offer)
        self.is_held = held
        mirrored = {"sendonly": "recvonly", "inactive": "inactive"}.get(_direction(offer), "sendrecv")
        ours = {"sendrecv": "sendonly", "recvonly": "inactive"}.get(mirrored, mirrored) if held else mirrored
        return self._describe(ours, "active")

    async def set_answer(self, answer: str, *, provisional: bool = False) -> None:
        restarting, self._is_restarting = self._is_restarting, False
        self._apply(answer)
        if restarting:
            self._change(MediaState.CONNECTED if self.connects else MediaState.CONNECTING)

    async def rollback(self) -> None:
        self.is_held = self._is_restarting = False

    async def ready(self) -> None:
        await self._settled.wait()
        if self._media is not MediaState.CONNECTED:
            raise MediaError("the media is closed, or failed", 408)

    def set_muted(self, muted: bool) -> None:
        self.is_muted = muted

    def set_source(self, source: AudioSource | None) -> None:
        self.source = source

    def play(self, source: AudioSource) -> FakePlayback:
        playback = FakePlayback(source)
        self.played.append(playback)
        return playback

    @property
    def incoming(self) -> Observable[AudioFrame]:
        """The frames that `hear` was given."""
        return self._incoming

    @property
    def can_send_dtmf(self) -> bool | None:
        """Whether the other side's last description has telephone-event, and does not hold us."""
        if not self.remote_descriptions:
            return None
        return "telephone-event/" in self.remote_descriptions[-1] and not self._remotely_held

    async def send_dtmf(self, tones: str, *, duration_ms: int = 100, gap_ms: int = 70) -> None:
        if self.is_closed or not self.can_send_dtmf:
            raise MediaError("the other side takes no tones by RTP, or the media is closed")
        self.tones.append(tones)
        for tone in tones.replace(",", "").upper():
            self._emit(DtmfSent(at=self._clock(), call_id=self.call_id, tone=tone, method="rtp"))

    async def stats(self) -> CallQualityStats | None:
        return self.quality

    # --- what the embedded SBC does with its side of a call -----------------------------------------------------------

    def add_sink(self, sink: Callable[[bytes, bool], None]) -> Callable[[], None]:
        """Nothing is heard."""
        return lambda: None

    def relay_to(self, other: "FakeSession | None") -> None:
        """There is nothing to pass on."""

    async def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._settled.set()
            for playback in self.played:
                playback.stop()
            self._incoming.on_completed()

    def _describe(self, direction: str, setup: str) -> str:
        lines = (
            "v=0",
            f"o=- 1 {next(self._version)} IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 110 101",
            "c=IN IP4 0.0.0.0",
            "a=rtpmap:111 opus/48000/2",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:110 telephone-event/48000",
            "a=rtpmap:101 telephone-event/8000",
            f"a=setup:{setup}",
            "a=mid:0",
            f"a={direction}",
            "a=rtcp-mux",
        )
        return "".join(f"{line}\r\n" for line in lines)

    def _apply(self, description: str) -> None:
        if "m=audio" not in description:
            raise MediaError("no audio was offered", 488, '304 jzrx "Media type not available: audio"')
        self.remote_descriptions.append(description)
        # RFC 3264 section 8.4: who is put on hold is offered sendonly or inactive. An answer that only receives,
        # because we hold, holds nobody; one that is inactive does.
        held = _direction(description) in ("sendonly", "inactive")
        if held != self._remotely_held:
            self._remotely_held = held
            self._emit(RemoteHoldChanged(at=self._clock(), call_id=self.call_id, held=held))
        if self.connects and self._media is MediaState.NEW:
            self._change(MediaState.CONNECTED)

    def _change(self, media: MediaState, reason: str | None = None) -> None:
        self._media = media
        self._settled.set()
        self._emit(MediaStateChanged(at=self._clock(), call_id=self.call_id, media=media, reason=reason))


def _direction(description: str) -> str:
    found = _DIRECTION.search(description)
    return found[1] if found else "sendrecv"


class FakeMedia:
    """A media engine that makes `FakeSession`s. `connects=False`: their ICE never comes up."""

    def __init__(self, *, connects: bool = True) -> None:
        self.connects = connects
        self.sessions: dict[str, FakeSession] = {}

    def session(
        self, call_id: str, config: MediaConfig, emit: Callable[[CallEvent], None], clock: Callable[[], float]
    ) -> FakeSession:
        """A new session; it stays in `sessions` when it is closed."""
        made = FakeSession(call_id, config, emit, clock, connects=self.connects)
        self.sessions[call_id] = made
        return made
