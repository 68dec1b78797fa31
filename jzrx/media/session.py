"""The audio of one call, as its application sees it: the port `jzrx.ports.MediaSession`, and what an SBC needs beyond.

Everything here runs on the application's loop, and hands its work to the `MediaPeer` on the media thread; what happens
there comes back through the crossing.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable

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
from jzrx.media.audience import Sink
from jzrx.media.crossing import Crossing, FrameQueue
from jzrx.media.frames import AudioFrame
from jzrx.media.peer import MediaPeer
from jzrx.media.sources import claim
from jzrx.media.stream import NO_TONES
from jzrx.media.thread import MediaThread
from jzrx.ports import AudioSink, AudioSource, AudioWriter, MediaError
from jzrx.types import CallQualityStats, CallWarning, MediaState

__all__ = ["MediaSession"]

T = TypeVar("T")
logger = logging.getLogger("jzrx.media")


class MediaSession:
    """One ICE and DTLS transport and one RTP stream each way; made by `MediaEngine.session`."""

    def __init__(
        self,
        thread: MediaThread,
        peer: MediaPeer,
        application: asyncio.AbstractEventLoop,
        call_id: str,
        emit: Callable[[CallEvent], None],
        clock: Callable[[], float],
        source: AudioSource | None,
        sink: AudioSink | None,
    ) -> None:
        self._thread = thread
        self._peer = peer
        self._application = application
        self._closing: asyncio.Future[None] | None = None
        self._incoming = _Incoming(lambda listening: self._call(peer.listen, listening))
        writer = sink.open() if sink is not None else None
        self._outward = _Outward(call_id, emit, clock, self._incoming, writer)
        thread.call(self._enter)
        thread.call(peer.set_source, source)
        if writer is not None:
            thread.call(peer.add_sink, _into(writer))

    def _enter(self) -> None:
        self._outward.cross(self._thread.enter(self._peer, self._application))
        self._peer.enter(self._outward)

    # --- offers and answers ---

    async def create_offer(self, *, held: bool = False, restart: bool = False) -> str:
        """An SDP offer: the first, or a re-offer with the same ICE. `held`: `a=sendonly` (we hold).

        `restart`: a re-offer with new ICE, on new sockets. Media flows on as it does until that way is up.
        """
        return await self._run(self._peer.create_offer(held=held, restart=restart))

    async def create_answer(self, offer: str, *, held: bool = False) -> str:
        """Apply the remote offer and answer it; `held` keeps our own hold in the answer. Raises MediaError."""
        return await self._run(self._peer.create_answer(offer, held=held))

    async def set_answer(self, answer: str, *, provisional: bool = False) -> None:
        """Apply the answer to our offer; `provisional`: early media of a 18x. Raises MediaError.

        Another answer to the same offer (another branch of a fork) moves the media there.
        """
        await self._run(self._peer.set_answer(answer, provisional=provisional))

    async def rollback(self) -> None:
        """Our last offer was refused: everything is as before it (RFC 3261 section 14.1)."""
        await self._run(self._peer.rollback())

    async def ready(self) -> None:
        """Return when ICE and DTLS are up; raises MediaError when they failed or the session closed."""
        await self._run(self._peer.ready())

    # --- what is sent and heard ---

    def set_muted(self, muted: bool) -> None:
        """Send silence instead of everything, or stop doing so."""
        self._call(self._peer.set_muted, muted)

    def set_source(self, source: AudioSource | None) -> None:
        """Replace what is sent (None: silence). It starts when the call's audio does."""
        if source is not None:
            claim(source, self._application)
        self._call(self._peer.set_source, source)

    def play(self, source: AudioSource) -> "Playback":
        """Mix `source` over what is sent. It starts when the call's audio does."""
        claim(source, self._application)
        playback = Playback(lambda: self._call(self._peer.stop, playback))
        if self._closing is not None or self._peer.is_closed:
            playback.end()
        else:
            self._call(self._peer.play, playback, source)
        return playback

    @property
    def incoming(self) -> Observable[AudioFrame]:
        """What is heard: hot, a frame each 20 ms from the first media on, completing at the end."""
        return self._incoming

    async def stats(self) -> CallQualityStats | None:
        """The quality since the call began; None until media is up."""
        return None if self._closing is not None else await self._run(self._peer.stats())

    @property
    def can_send_dtmf(self) -> bool | None:
        """Whether tones can be sent by RTP now (telephone-event, RFC 4733); None: nothing was agreed yet."""
        agreed = self._peer.agreed
        return None if agreed is None else agreed.can_send_tones

    async def send_dtmf(self, tones: str, *, duration_ms: int = 100, gap_ms: int = 70) -> None:
        """Send tones (0-9, *, #, A-D; `,` is a pause of 2 s) by RTP, in place of the sound; muted or holding, too.

        `duration_ms` is 40 to 1300, `gap_ms` 40 to 5000. Sequences wait for each other, and the rest of one for the end
        of a hold by the other side. Emits DtmfSent for each tone; done when the last packet has left. Raises MediaError
        when the other side takes none, or holds the call already.
        """
        if self._closing is not None or self._peer.is_closed:
            raise MediaError("The call's media is closed.")
        if not self.can_send_dtmf:
            raise MediaError(NO_TONES)
        sending = _Sending(self._outward)
        self._call(self._peer.send_tones, tones, duration_ms, gap_ms, sending)
        error = await sending.outcome
        if error is not None:
            raise MediaError(error)

    # --- for servers and robots ---

    def add_sink(self, sink: Sink, rate: int = 48000) -> Callable[[], None]:
        """Call `sink` on the media thread (it must not block) with each 20 ms heard, at `rate` Hz.

        The codec's own rate (8000 for G.711, 16000 for G722, 48000 for Opus) spares the conversion. What is returned
        ends it.
        """
        self._call(self._peer.add_sink, sink, rate)
        return lambda: self._call(self._peer.remove_sink, sink, rate)

    def relay_to(self, other: "MediaSession | None") -> None:
        """Send what is heard here to `other` in place of what it would send itself; None: no more.

        Payloads are passed on unchanged, under the other session's numbers, where both speak the same codec; else they
        are decoded and encoded again. A session relayed to itself is an echo.
        """
        if other is not None and other._thread is not self._thread:
            raise ValueError("only sessions of one engine can be relayed to each other")
        self._call(self._peer.relay_to, other._peer if other is not None else None)

    # --- its life ---

    async def close(self) -> None:
        """Stop everything and leave nothing behind; a second call does nothing."""
        if self._closing is None:
            if self._peer.is_closed:
                return  # with the loop that it was made on
            self._closing = asyncio.wrap_future(self._thread.submit(self._peer.close()))
        await asyncio.shield(self._closing)
        await self._outward.completed.wait()
        await self._thread.join()

    async def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._closing is not None or self._peer.is_closed:
            work.close()
            raise MediaError("The call's media is closed.")
        return await asyncio.wrap_future(self._thread.submit(self._peer.run(work)))

    def _call(self, work: Callable[..., object], *arguments: Any) -> None:
        if self._closing is None and not self._peer.is_closed:
            self._thread.call(work, *arguments)


def _into(writer: AudioWriter) -> Sink:
    def write(sound: bytes, concealed: bool) -> None:
        writer.write(sound)

    return write


class Playback:
    """A source that plays over what a call sends; keeps the port `jzrx.ports.Playback`."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._ended = Deferred[None]()  # to be awaited on any loop, not the client's alone

    def stop(self) -> None:
        """End it now; done already: nothing happens."""
        if not self._ended.action.done:
            self._stop()

    async def wait(self) -> None:
        """Return at the source's end, at `stop()` and at the call's end."""
        await self._ended.action

    def end(self) -> None:
        """It has ended."""
        self._ended.resolve(None)

    def __repr__(self) -> str:
        return f"<Playback {'over' if self._ended.action.done else 'playing'}>"


class _Sending:
    """A sequence of tones on its way (`jzrx.media.dtmf.ToneListener`): told on the media thread, awaited outside."""

    def __init__(self, outward: "_Outward") -> None:
        self.outcome: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._outward = outward

    def sent(self, tone: str) -> None:
        self._outward.tone_sent(tone)

    def ended(self, error: str | None) -> None:
        self._outward.settle(self.outcome, error)


class _Incoming(Observable[AudioFrame]):
    """Hot: whoever subscribes gets the frames from then on. `listen` is told whether anybody does."""

    def __init__(self, listen: Callable[[bool], None]) -> None:
        super().__init__()
        self._listen = listen
        self._observers: list[abc.ObserverBase[AudioFrame]] = []
        self._completed = False

    def _subscribe_core(
        self, observer: abc.ObserverBase[AudioFrame], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        if self._completed:
            observer.on_completed()
            return Disposable()
        self._observers.append(observer)
        if len(self._observers) == 1:
            self._listen(True)
        return Disposable(lambda: self._leave(observer))

    def _leave(self, observer: abc.ObserverBase[AudioFrame]) -> None:
        if observer in self._observers:
            self._observers.remove(observer)
            if not self._observers:
                self._listen(False)

    def next(self, frame: AudioFrame) -> None:
        """Hand a frame to everybody; one that raises loses its subscription, and the others nothing."""
        for observer in tuple(self._observers):
            try:
                observer.on_next(frame)
            except Exception:
                logger.exception("a subscriber to incoming audio raised")
                self._leave(observer)

    def complete(self) -> None:
        """The call is over."""
        self._completed = True
        observers, self._observers = self._observers, []
        for observer in observers:
            try:
                observer.on_completed()
            except Exception:
                logger.exception("a subscriber to incoming audio raised")


class _Outward:
    """The peer's observer: everything it is told on the media thread crosses to the application's loop."""

    def __init__(
        self,
        call_id: str,
        emit: Callable[[CallEvent], None],
        clock: Callable[[], float],
        incoming: _Incoming,
        writer: AudioWriter | None,
    ) -> None:
        self.completed = asyncio.Event()
        self._call_id = call_id
        self._emit = emit
        self._clock = clock
        self._incoming = incoming
        self._writer = writer
        self._crossing: Crossing | None = None
        self._frames: FrameQueue | None = None

    def cross(self, crossing: Crossing) -> None:
        """Cross there."""
        self._crossing = crossing
        self._frames = FrameQueue(crossing, self._incoming.next, self._call_id)

    def _post(self, deliver: Callable[[], None]) -> None:
        assert self._crossing is not None
        self._crossing.post(deliver)

    def media_changed(self, media: MediaState, reason: str | None) -> None:
        def deliver() -> None:
            self._emit(MediaStateChanged(at=self._clock(), call_id=self._call_id, media=media, reason=reason))

        self._post(deliver)

    def remote_hold_changed(self, held: bool) -> None:
        self._post(lambda: self._emit(RemoteHoldChanged(at=self._clock(), call_id=self._call_id, held=held)))

    def warning_raised(self, warning: CallWarning) -> None:
        self._post(lambda: self._emit(WarningRaised(at=self._clock(), call_id=self._call_id, warning=warning)))

    def warning_cleared(self, warning: CallWarning) -> None:
        self._post(lambda: self._emit(WarningCleared(at=self._clock(), call_id=self._call_id, warning=warning)))

    def frame_heard(self, frame: AudioFrame) -> None:
        assert self._frames is not None
        self._frames.put(frame)

    def playback_ended(self, token: object) -> None:
        def deliver() -> None:
            if isinstance(token, Playback):
                token.end()

        self._post(deliver)

    def tone_received(self, tone: str) -> None:
        self._post(lambda: self._emit(DtmfReceived(at=self._clock(), call_id=self._call_id, tone=tone, method="rtp")))

    def tone_sent(self, tone: str) -> None:
        self._post(lambda: self._emit(DtmfSent(at=self._clock(), call_id=self._call_id, tone=tone, method="rtp")))

    def settle(self, outcome: "asyncio.Future[str | None]", error: str | None) -> None:
        """Set a result where it is awaited."""

        def deliver() -> None:
            if not outcome.done():
                outcome.set_result(error)

        self._post(deliver)

    def closed(self) -> None:
        def deliver() -> None:
            self.completed.set()
            self._incoming.complete()

        if self._writer is not None:
            self._writer.close()
        self._post(deliver)
