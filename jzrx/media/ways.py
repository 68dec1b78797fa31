"""The ways of one call to the other side: the one that was agreed, the one before it, and one that is on offer.

Rules
- A way stays as long as the other side's ICE and fingerprint do. Where they change (another branch of a fork, an ICE
  restart of theirs, media that moved to another server), a successor goes there from the same sockets.
- An ICE restart of ours has sockets of its own, as it may be our addresses that changed.
- In a restart, theirs or ours, what was before carries the media on until the new way is up: "during the restart, data
  can continue to be sent using existing data sessions" (RFC 8445 section 9). It stays a second longer, for what is
  under way to it.
- Where the other side kept its credentials in a restart of ours, against RFC 8839, and the new way does not come up, we
  go back: it may never have left.
- Who offers a restart controls it, as browsers have it, though RFC 8445 section 9 would leave the roles as they were;
  where the other side thinks so, the conflict of roles is repaired (section 7.3.1.1).
- A way by which nothing comes any more, no media and no answer to our checks, is lost. It may come back by itself.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from jzrx.media.ice_servers import Server
from jzrx.media.sdp import AudioDescription
from jzrx.media.thread import MediaThread
from jzrx.media.transport import IceDtls
from jzrx.ports import MediaError
from jzrx.types import MediaState

__all__ = ["Ways"]

LOOK = 50  # ticks between two looks at whether anything came
LOST_AFTER = 13  # looks without: two checks of consent, 4 to 6 s apart, have failed (RFC 7675 section 5.1)
LOST = "Nothing comes from the other side any more, and it answers no checks."


class Ways:
    """On the media thread. `changed` is told how far the way is, `crashed` of what never should happen; `tasks` is
    where tasks are kept for the owner to end."""

    def __init__(
        self,
        thread: MediaThread,
        *,
        servers: tuple[Server, ...],
        loopback: bool,
        on_rtp: Callable[[bytes], None],
        on_rtcp: Callable[[bytes], None],
        changed: Callable[[MediaState, str | None], None],
        crashed: Callable[[Exception], None],
        tasks: set["asyncio.Task[Any]"],
    ) -> None:
        self._thread = thread
        self._servers = servers
        self._loopback = loopback
        self._on_rtp = on_rtp
        self._on_rtcp = on_rtcp
        self._changed = changed
        self._crashed = crashed
        self._tasks = tasks
        self._current: IceDtls | None = None
        self._former: IceDtls | None = None  # carries the media until the current one is up
        self._shares = False  # and has no sockets but the current one's
        self._offered: IceDtls | None = None
        self._is_unheeded = False  # the other side has not restarted
        self._gathering = asyncio.Lock()
        self._connecting: asyncio.Task[None] | None = None
        self._disposals: set[asyncio.Task[None]] = set()
        self._until_look = LOOK
        self._signs = 0
        self._still = 0  # looks since the last sign of life

    @property
    def current(self) -> IceDtls:
        """What was agreed, or is going to be."""
        if self._current is None:
            self._current = self._made()
        return self._current

    @property
    def is_restarting(self) -> bool:
        """A way of our own is on offer."""
        return self._offered is not None

    @property
    def round_trip_time(self) -> float | None:
        """Of the last check, in seconds."""
        return self._current.round_trip_time if self._current is not None else None

    def _made(self) -> IceDtls:
        way = IceDtls(
            self._thread.certificate(),
            servers=self._servers,
            loopback=self._loopback,
            on_rtp=self._on_rtp,
            on_rtcp=self._on_rtcp,
            on_lost=lambda: self._lost(way),
        )
        return way

    def _lost(self, way: IceDtls) -> None:
        """Consent ran out."""
        if way is self._current:
            self._changed(MediaState.FAILED, LOST)

    # --- before there is a way ---

    async def gathered(self, *, controlling: bool) -> IceDtls:
        """The current way with its candidates."""
        async with self._gathering:  # else one that comes while another is being cancelled goes on with its remains
            way = self.current
            try:
                await way.gather(controlling=controlling)
            except BaseException:
                self._current = None
                self._dispose(way)
                raise
            return way

    async def renewed(self) -> IceDtls:
        """A way for an ICE restart of ours, with its candidates."""
        self.withdraw()
        way = self._offered = self._made()
        try:
            await way.gather(controlling=True)
        except BaseException:
            self.withdraw()
            raise
        return way

    def withdraw(self) -> None:
        """The restart that was on offer does not come about."""
        if self._offered is not None:
            self._dispose(self._offered)
            self._offered = None

    # --- from one way to another ---

    def succeed(self, *, restart: bool, same_peer: bool) -> IceDtls:
        """Go elsewhere from the same sockets (`IceDtls.successor`)."""
        self._stop_connecting()
        before = self.current
        way = before.successor(restart=restart, same_peer=same_peer, on_lost=lambda: self._lost(way))
        self._current, self._is_unheeded = way, False
        if same_peer and before.is_up:
            self._dispose_former()
            self._former, self._shares = before, True
        else:
            self._dispose(before)  # if it never came up, what was before that carries on
            if not same_peer:
                self._dispose_former()
        return way

    def restart(self, *, same_peer: bool, heeded: bool) -> None:
        """Our restart was accepted: go the way that was on offer.

        `same_peer`: the keys go on; `heeded`: the other side has new credentials, too.
        """
        assert self._offered is not None
        self._is_unheeded = not heeded
        self._stop_connecting()
        before, self._current, self._offered = self.current, self._offered, None
        if same_peer:
            self._current.take_keys(before)
        if self._former is not None and not before.is_up and not self._shares:
            self._dispose(before)  # a restart that never came up: what was before that carries on
        else:
            self._dispose_former()
            self._former, self._shares = before, False

    def connect(self, remote: AudioDescription, *, active: bool) -> None:
        """Begin to go there."""
        self._connecting = self._thread.loop.create_task(self._connect(self.current, remote, active=active))
        self._tasks.add(self._connecting)
        self._connecting.add_done_callback(self._tasks.discard)

    async def _connect(self, way: IceDtls, remote: AudioDescription, *, active: bool) -> None:
        self._changed(MediaState.CONNECTING, None)
        try:
            with self._thread.loop.datagrams.at_once():
                await way.connect(remote, active=active)
        except MediaError as error:
            if way is not self._current:
                return
            if self._is_unheeded and self._former is not None and self._former.is_up:
                self._current, self._former = self._former, None
                self._dispose(way)
                self._changed(MediaState.CONNECTED, None)
            else:
                self._changed(MediaState.FAILED, error.message)
        except Exception as error:  # of a library: the call must not wait for ever
            self._crashed(error)
        else:
            if way is self._current:
                self._until_look = LOOK  # what was before stays so long
                self._still = 0
                self._changed(MediaState.CONNECTED, None)

    def _stop_connecting(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()

    # --- while there is a way ---

    def send_rtp(self, packet: bytes) -> None:
        """By the way that is up."""
        way = self._current if self._former is None else self._up()
        if way is not None:
            way.send_rtp(packet)

    def send_rtcp(self, packet: bytes) -> None:
        """Likewise."""
        if (way := self._up()) is not None:
            way.send_rtcp(packet)

    def _up(self) -> IceDtls | None:
        if self._former is not None and self._current is not None and not self._current.is_up:
            return self._former
        return self._current

    def tick(self, due: int) -> None:
        """Look now and then whether anything comes."""
        self._until_look -= due
        if self._until_look > 0 or self._current is None or not self._current.is_up:
            return
        self._until_look = LOOK
        self._dispose_former()
        signs = self._current.signs_of_life
        if signs == self._signs:
            self._still += 1
            if self._still == LOST_AFTER:
                self._changed(MediaState.FAILED, LOST)
            return
        if self._still >= LOST_AFTER:
            self._changed(MediaState.CONNECTED, None)
        self._signs, self._still = signs, 0

    # --- the end ---

    def _dispose_former(self) -> None:
        if self._former is not None:
            self._dispose(self._former)
            self._former = None

    def _dispose(self, way: IceDtls) -> None:
        task = self._thread.loop.create_task(way.close())
        self._disposals.add(task)
        task.add_done_callback(self._disposals.discard)

    async def close(self) -> None:
        """Close all of them, and return when nothing is left."""
        self.withdraw()
        self._dispose_former()
        if self._current is not None:
            self._dispose(self._current)
        while self._disposals:
            await asyncio.wait(self._disposals)
