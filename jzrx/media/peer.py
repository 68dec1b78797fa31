"""One call's media on the media thread: what was agreed, and the way to the other side.

Rules
- An offer of ours stays open until its final answer, until it is rolled back, or until an offer comes from there.
- What an answer says takes effect at once, a provisional one too. A description that is refused changes nothing.
- Closing cancels whatever goes on; who waits for that gets a MediaError.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from jzrx.media.audience import Sink
from jzrx.media.dtmf import ToneListener
from jzrx.media.frames import AudioFrame
from jzrx.media.ice_servers import Server
from jzrx.media.negotiation import (
    Agreement,
    LocalMedia,
    apply_answer,
    make_answer,
    make_offer,
    same_association,
    same_transport,
)
from jzrx.media.observer import Observer
from jzrx.media.sdp import SessionDescription, build, parse
from jzrx.media.stream import Stream
from jzrx.media.thread import MediaThread
from jzrx.media.transport import IceDtls
from jzrx.media.watch import QualityWatch
from jzrx.media.ways import Ways
from jzrx.ports import AudioSource, MediaError
from jzrx.types import CallQualityStats, MediaState

__all__ = ["MediaPeer"]

T = TypeVar("T")
logger = logging.getLogger("jzrx.media")

CLOSED = "The call's media is closed."
PLAIN = "This session offers plain RTP, and carries none."
CANCEL_INTERVAL = 0.02  # s
LOOK = 10  # ticks between two looks at how the call is
RATE = 48000  # Hz, of what the application hears


class MediaPeer:
    """Everything here is called on the media thread; coroutines, which raise MediaError, by way of `run`."""

    def __init__(
        self,
        thread: MediaThread,
        *,
        servers: tuple[Server, ...],
        loopback: bool,
        preferred: tuple[str, ...],
        srtp: bool = True,
    ) -> None:
        self._thread = thread
        self._preferred = preferred
        self._srtp = srtp
        self._session_id = secrets.randbits(62)
        self._ssrc = secrets.randbits(32)
        self._cname = secrets.token_urlsafe(12)
        self._observer: Observer | None = None
        self._tasks: set[asyncio.Task[Any]] = set()  # what close() has to end
        self._ways = Ways(
            thread,
            servers=servers,
            loopback=loopback,
            on_rtp=self._rtp_received,
            on_rtcp=self._rtcp_received,
            changed=self._way_changed,
            crashed=self.crashed,
            tasks=self._tasks,
        )
        self._offer: SessionDescription | None = None  # ours, while it is open
        self._offered_hold = False
        self._before: Agreement | None = None  # what was agreed when the open offer was made
        self._agreed: Agreement | None = None
        self._held = False
        self._muted = False
        self._media = MediaState.NEW
        self._reason: str | None = None
        self._changed = asyncio.Event()
        self._stream: Stream | None = None
        self._waiting: list[Callable[[Stream], object]] = []
        self._plays: dict[object, Callable[[], None] | None] = {}
        self._relay: MediaPeer | None = None
        self._closed = False
        self._since_look = 0

    def enter(self, observer: Observer) -> None:
        """Begin to live here; `observer` is told everything."""
        self._observer = observer
        self._watch = QualityWatch(observer.warning_raised, observer.warning_cleared)

    def _tell(self) -> Observer:
        assert self._observer is not None
        return self._observer

    # --- offers and answers ---

    async def create_offer(self, *, held: bool, restart: bool = False) -> str:
        if not self._srtp:
            local = self._plain()
        elif restart and self._agreed is not None:
            local = self._local(await self._ways.renewed())
        else:
            self._ways.withdraw()
            local = self._local(await self._ways.gathered(controlling=True))
        self._offer = make_offer(local, self._agreed, held=held)
        self._offered_hold, self._before = held, self._agreed
        return build(self._offer)

    async def set_answer(self, text: str, *, provisional: bool) -> None:
        if not self._srtp:
            raise MediaError(PLAIN)
        if self._offer is None:
            raise MediaError("There is no open offer that this could answer.")
        agreement = apply_answer(self._offer, parse(text), self._before)
        moves = self._moves(agreement)
        # In the first exchange it is another branch of the fork that answered, and so another peer.
        same_peer = self._before is not None and self._same_peer(agreement)
        if self._ways.is_restarting:
            self._ways.restart(same_peer=same_peer, heeded=moves)
            moves = True
            if not same_peer:
                self._forget_sound()
        elif moves:
            self._succeed(restart=False, same_peer=same_peer)
        self._adopt(agreement, held=self._offered_hold, moves=moves)
        if not provisional:
            self._offer = None

    async def create_answer(self, text: str, *, held: bool) -> str:
        if not self._srtp:
            raise MediaError(PLAIN)
        offer = parse(text)
        # What cannot be answered raises here, before anything was touched.
        agreement = make_answer(offer, self._local(self._ways.current), self._agreed, held=held)
        way = await self._ways.gathered(controlling=False)
        self._ways.withdraw()
        moves = self._moves(agreement)
        if moves:
            way = self._succeed(restart=True, same_peer=self._same_peer(agreement))
        agreement = make_answer(offer, self._local(way), self._agreed, held=held)
        self._offer = None
        self._adopt(agreement, held=held, moves=moves)
        return build(agreement.local)

    async def rollback(self) -> None:
        self._ways.withdraw()
        if self._offer is not None and self._before is not None:
            self._agreed = self._before
            self._flow()
        self._offer = None

    def _local(self, way: IceDtls) -> LocalMedia:
        address, port = way.default_address or ("0.0.0.0", 9)
        return LocalMedia(
            session_id=self._session_id,
            ssrc=self._ssrc,
            cname=self._cname,
            preferred=self._preferred,
            address=address,
            port=port,
            ice_ufrag=way.ufrag,
            ice_pwd=way.pwd,
            candidates=way.candidates,
            fingerprints=way.fingerprints,
        )

    def _plain(self) -> LocalMedia:
        """Plain RTP, for a server that shows its clients what they refuse; it could carry nothing."""
        return LocalMedia(session_id=self._session_id, ssrc=self._ssrc, cname=self._cname, address="127.0.0.1")

    def _moves(self, agreement: Agreement) -> bool:
        return self._agreed is not None and not same_transport(self._agreed.remote_audio, agreement.remote_audio)

    def _same_peer(self, agreement: Agreement) -> bool:
        return self._agreed is not None and same_association(self._agreed, agreement.remote, agreement.remote_audio)

    def _adopt(self, agreement: Agreement, *, held: bool, moves: bool) -> None:
        connect = self._agreed is None or moves
        was_held = self._agreed is not None and self._agreed.remotely_held
        self._agreed, self._held = agreement, held
        if self._stream is None:
            self._stream = self._make_stream(agreement)
            for action in self._waiting:
                action(self._stream)
            self._waiting.clear()
        self._flow()
        if connect:
            self._ways.connect(agreement.remote_audio, active=agreement.setup == "active")
        if agreement.remotely_held != was_held:
            self._tell().remote_hold_changed(agreement.remotely_held)

    # --- the way to the other side ---

    def _succeed(self, *, restart: bool, same_peer: bool) -> IceDtls:
        if not same_peer:
            self._forget_sound()
        return self._ways.succeed(restart=restart, same_peer=same_peer)

    def _forget_sound(self) -> None:
        if self._stream is not None:
            self._stream.restart()

    def _way_changed(self, media: MediaState, reason: str | None) -> None:
        if media is MediaState.CONNECTED and not self._closed:
            self._thread.wheel.add(self)
        self._set_media(media, reason)

    def _set_media(self, media: MediaState, reason: str | None = None) -> None:
        if self._closed or media is self._media:
            return
        self._media, self._reason = media, reason
        self._changed.set()
        self._changed = asyncio.Event()
        self._tell().media_changed(media, reason)

    async def ready(self) -> None:
        while self._media is not MediaState.CONNECTED:
            if self._media is MediaState.FAILED:
                raise MediaError(self._reason or "No media path.")
            await self._changed.wait()

    # --- what is sent and heard ---

    def _make_stream(self, agreement: Agreement) -> Stream:
        return Stream(
            agreement,
            ssrc=self._ssrc,
            cname=self._cname,
            send_rtp=self._ways.send_rtp,
            send_rtcp=self._ways.send_rtcp,
            on_tone=self._tell().tone_received,
            now=self._thread.loop.datagrams.now,
        )

    def _rtp_received(self, packet: bytes) -> None:
        if self._stream is not None:
            self._stream.rtp_received(packet)

    def _rtcp_received(self, packet: bytes) -> None:
        if self._stream is not None:
            self._stream.rtcp_received(packet)

    def _flow(self) -> None:
        if self._stream is not None and self._agreed is not None:
            self._stream.agree(self._agreed, silent=self._muted or self._held)

    def set_muted(self, muted: bool) -> None:
        self._muted = muted
        self._flow()

    def set_source(self, source: AudioSource | None) -> None:
        """Replace what is sent, now or as soon as it is agreed in what format."""
        self._with_stream(lambda stream: stream.set_source(source))

    def play(self, token: object, source: AudioSource) -> None:
        """Mix `source` over what is sent; the observer hears of `token` at its end, whatever ends it."""
        self._plays[token] = None

        def start(stream: Stream) -> None:
            if token in self._plays and (stop := stream.play(source, lambda: self.stop(token))):
                self._plays[token] = stop

        self._with_stream(start)

    def stop(self, token: object) -> None:
        """End that play."""
        if token in self._plays:
            playing = self._plays.pop(token)
            if playing is not None:
                playing()
            self._tell().playback_ended(token)

    def send_tones(self, tones: str, duration_ms: int, gap_ms: int, listener: ToneListener) -> None:
        """Send tones by RTP, when something was agreed; `listener` hears how it goes, here."""
        self._with_stream(lambda stream: stream.send_tones(tones, duration_ms, gap_ms, listener))

    def listen(self, listening: bool) -> None:
        """Tell the observer each frame, or no more."""
        if listening:
            self.add_sink(self._frame_heard)
        else:
            self.remove_sink(self._frame_heard)

    def _frame_heard(self, sound: bytes, concealed: bool) -> None:
        if self._stream is not None:
            self._tell().frame_heard(AudioFrame(sound, RATE, self._stream.time, concealed))

    def add_sink(self, sink: Sink, rate: int = RATE) -> None:
        """Call `sink` with each frame at `rate` Hz, here on the media thread."""
        self._with_stream(lambda stream: stream.audience.add(sink, rate))

    def remove_sink(self, sink: Sink, rate: int = RATE) -> None:
        """Call it no more at that rate."""
        self._with_stream(lambda stream: stream.audience.remove(sink, rate))

    def relay_to(self, other: "MediaPeer | None") -> None:
        """Send what arrives here on to `other` in place of what it would send itself."""
        self._relay = other
        if other is None:
            self._with_stream(lambda mine: mine.relay_to(None))
            return

        def join(mine: Stream, theirs: Stream) -> None:
            if self._relay is other:
                mine.relay_to(theirs)

        self._with_stream(lambda mine: other._with_stream(lambda theirs: join(mine, theirs)))

    async def stats(self) -> CallQualityStats | None:
        if self._stream is None or self._media is MediaState.NEW or self._media is MediaState.CONNECTING:
            return None
        return self._stream.stats(self._ways.round_trip_time)

    def _with_stream(self, action: Callable[[Stream], object]) -> None:
        if self._stream is not None:
            action(self._stream)
        elif not self._closed:
            self._waiting.append(action)

    def tick(self, due: int) -> None:
        """The wheel's."""
        if self._stream is None:
            return
        self._stream.tick(due)
        self._since_look += due
        if self._since_look >= LOOK:
            passed, self._since_look = self._since_look, 0
            self._watch.tick(passed, self._stream, self._ways.round_trip_time)
            self._ways.tick(passed)

    def crashed(self, error: Exception) -> None:
        """Something raised that never should; the wheel's, when `tick` did."""
        logger.error("the media of a call failed", exc_info=error)
        self._set_media(MediaState.FAILED, f"Internal error: {error!r}")

    # --- its life ---

    @property
    def agreed(self) -> Agreement | None:
        """What holds now. From any thread."""
        return self._agreed

    @property
    def is_closed(self) -> bool:
        """It is closed, or about to be."""
        return self._closed

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Await one of the coroutines above; closing ends it with a MediaError."""
        task = asyncio.current_task()
        if self._closed or task is None:
            work.close()
            raise MediaError(CLOSED)
        self._tasks.add(task)
        task.add_done_callback(_retrieve)
        try:
            return await work
        except asyncio.CancelledError:
            if self._closed:
                raise MediaError(CLOSED) from None
            raise
        finally:
            self._tasks.discard(task)

    async def close(self) -> None:
        """End everything; the thread, too, if this was its last peer. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self._thread.wheel.remove(self)
            for token in list(self._plays):
                self.stop(token)
            if self._stream is not None:
                self._stream.close()
            while self._tasks:
                # Again and again: asyncio.wait_for, in a DTLS handshake, may swallow one (Python 3.11).
                for task in self._tasks:
                    task.cancel()
                await asyncio.wait(self._tasks, timeout=CANCEL_INTERVAL)
            await self._ways.close()
        finally:
            self._tell().closed()
            self._thread.leave(self)


def _retrieve(task: "asyncio.Task[Any]") -> None:
    """An application that stopped waiting, as for a call that ended, does not ask for the error: asyncio would warn."""
    if not task.cancelled():
        task.exception()
