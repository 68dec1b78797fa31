"""What shares a socket, told apart (RFC 7983): media, which bypasses aioice; DTLS and STUN, which aioice takes.

Of aioice only public names are used here.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Literal, Protocol, cast

from aioice import stun
from aioice.ice import StunProtocol

from jzrx.media.datagrams import Datagrams
from jzrx.media.rtp import classify

__all__ = ["Receiver", "demultiplex"]

logger = logging.getLogger("jzrx.media")


class Receiver(Protocol):
    """Who gets what comes on a socket."""

    on_media: Callable[[bytes, Literal["rtp", "rtcp"]], None]
    round_trip_time: float | None
    """Of the last check that was answered (s)."""
    answers: int
    """To checks of ours, so far."""

    def handshake_received(self, protocol: StunProtocol, address: tuple[str, int]) -> bool:
        """Whether a datagram of DTLS from there is welcome."""
        ...


def demultiplex(protocol: StunProtocol) -> None:
    """Part the datagrams of `protocol` before aioice tries each as STUN, and time its checks."""
    below, ask = protocol.datagram_received, protocol.request
    loop = asyncio.get_running_loop()
    datagrams = getattr(loop, "datagrams", None)
    now = datagrams.now if isinstance(datagrams, Datagrams) else loop.time
    came = 0.0  # the last datagram of STUN

    def datagram_received(data: Any, addr: tuple[Any, ...]) -> None:
        nonlocal came
        kind = classify(data)
        if kind == "rtp" or kind == "rtcp":
            cast("Any", protocol.receiver).on_media(data, kind)
        elif kind is not None:
            if kind == "stun":
                came = now()
            elif not cast("Receiver", protocol.receiver).handshake_received(protocol, addr[:2]):
                return
            try:
                below(data, addr)
            except Exception as error:  # whatever the network sends: aioice lets some malformed attributes through
                logger.debug("dropped a datagram from %s: %r", addr[0], error)

    async def request(*args: Any, **kwargs: Any) -> Any:
        started = loop.time()
        answer = await ask(*args, **kwargs)
        receiver = cast("Receiver", protocol.receiver)
        receiver.answers += 1
        # Karn: once it was repeated (0.5 s), nobody knows which one was answered.
        if (elapsed := max(0.0, came - started)) < stun.RETRY_RTO:
            receiver.round_trip_time = elapsed
        return answer

    protocol.datagram_received = datagram_received  # type: ignore[method-assign]
    protocol.request = request  # type: ignore[method-assign]
