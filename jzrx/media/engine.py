"""The media engine: makes the sessions of calls, and the thread that they share."""

import asyncio
import threading
from collections.abc import Callable

from jzrx.events import CallEvent
from jzrx.media.ice_servers import servers
from jzrx.media.negotiation import choose_codecs
from jzrx.media.peer import MediaPeer
from jzrx.media.session import MediaSession
from jzrx.media.sources import claim
from jzrx.media.thread import MediaThread
from jzrx.media.transport import Certificate
from jzrx.ports import MediaConfig

__all__ = ["MediaEngine"]


class MediaEngine:
    """Makes sessions; keeps the port `jzrx.ports.MediaEngine`.

    Its thread ("jzrx-media") starts with the first session and ends with the close of the last one; nothing is left
    then. It is a daemon: an interpreter that exits with calls open does not wait for it. All sessions show the same
    certificate. Not fork-safe: used in a child process while sessions of the parent were open, it raises RuntimeError.

    `switch_interval` (s) is for applications that compute while calls are open: the interpreter lets a thread run for
    so long while others wait (`sys.setswitchinterval`), for the whole process and while the thread lives. With Python's
    5 ms the media waits for that many times the busy threads; 0.001 keeps nearly all frames in time. What computes all
    the time is better done in another process.
    """

    def __init__(self, *, switch_interval: float | None = None) -> None:
        if switch_interval is not None and not 0 < switch_interval <= 1:
            raise ValueError(f"switch_interval is {switch_interval}: give seconds, as 0.001.")
        self._switch_interval = switch_interval
        self._lock = threading.Lock()
        self._thread: MediaThread | None = None
        self._own_certificate: Certificate | None = None

    @staticmethod
    def shared() -> "MediaEngine":
        """The engine of this process."""
        return _shared

    def session(
        self, call_id: str, config: MediaConfig, emit: Callable[[CallEvent], None], clock: Callable[[], float]
    ) -> MediaSession:
        """A new session, whose events and frames come on the loop that runs this call. Close it in the end.

        Raises ValueError for a bad ICE server URI, an unknown codec or a source that was used up, and RuntimeError
        without a running loop.
        """
        application = asyncio.get_running_loop()
        asked = servers(config.ice_servers)
        choose_codecs(config.preferred_codecs)
        if config.source is not None:
            claim(config.source, application)
        with self._lock:
            if self._thread is None or not self._thread.acquire():
                self._thread = MediaThread(self._certificate, self._switch_interval)
                self._thread.acquire()
            thread = self._thread
        peer = MediaPeer(
            thread,
            servers=asked,
            loopback=config.loopback,
            preferred=config.preferred_codecs,
            srtp=config.srtp,
        )
        return MediaSession(thread, peer, application, call_id, emit, clock, config.source, config.sink)

    def _certificate(self) -> Certificate:
        if self._own_certificate is None or self._own_certificate.is_stale:
            self._own_certificate = Certificate.generateCertificate()
        return self._own_certificate


_shared = MediaEngine()
