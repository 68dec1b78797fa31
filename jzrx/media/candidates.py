"""ICE candidates: which of the other side's can be used, and how ours are learned and ranked.

Of aioice only public names are used here.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Iterable, Sequence
from ipaddress import ip_address
from typing import Any, Protocol

from aioice import Candidate, stun
from aioice.candidate import candidate_foundation, candidate_priority

from jzrx.media.ice_servers import Server

__all__ = ["in_time", "most_reachable", "prioritize", "reflexive", "usable"]

MAX_CANDIDATES = 32  # of the other side: each costs checks, and whoever writes the SDP chooses whom we send them to

_KINDS = ("relay", "srflx", "host")
"""Ours; one of the first kind can be reached from most places."""

logger = logging.getLogger("jzrx.media")


class Asker(Protocol):
    """A socket that sends STUN requests."""

    local_candidate: Candidate

    async def request(self, request: stun.Message, addr: tuple[str, int]) -> tuple[stun.Message, Any]:
        """The response, and where it came from."""
        ...


def usable(lines: tuple[str, ...]) -> list[Candidate]:
    """The candidates that we can pair: UDP, the first component. The others and the malformed are left out."""
    candidates: list[Candidate] = []
    for line in lines:
        try:
            candidate = Candidate.from_sdp(line)
        except ValueError:
            logger.info("ignored a malformed candidate: %r", line)
            continue
        if candidate.transport.lower() == "udp" and candidate.component == 1 and 0 < candidate.port < 65536:
            candidates.append(candidate)
    return candidates[:MAX_CANDIDATES]


def prioritize(candidates: Sequence[Candidate]) -> None:
    """Give each of ours a priority of its own; earlier ones of a kind are preferred."""
    # "If there are multiple candidates for a particular component for a particular data stream that have the same type,
    # the local preference MUST be unique for each one." (RFC 8445 section 5.1.2.1) aioice gives all the same.
    for kind in _KINDS:
        for index, candidate in enumerate(each for each in candidates if each.type == kind):
            candidate.priority = candidate_priority(candidate.component, kind, 65535 - index)


def most_reachable(candidates: Sequence[Candidate]) -> Candidate | None:
    """The one of ours that is likeliest to be reached without ICE (RFC 8839 section 4.2.1.2)."""

    def rank(candidate: Candidate) -> tuple[int, bool, int]:
        # Of several of a kind IPv4, which every server has.
        return _KINDS.index(candidate.type), ip_address(candidate.host).version == 6, -candidate.priority

    return min(candidates, key=rank, default=None)


async def in_time(servers: Sequence[Server], ask: Callable[[Server], Coroutine[Any, Any, None]], limit: float) -> None:
    """Ask all servers at once, for at most `limit` seconds; those that do not answer, or badly, are left out."""
    if not servers:
        return
    asked = [asyncio.ensure_future(ask(server)) for server in servers]
    try:
        await asyncio.wait(asked, timeout=limit)
    finally:
        for task in asked:
            task.cancel()
        # They close what they opened, and wait for nothing more.
        results = await asyncio.gather(*asked, return_exceptions=True)
    for server, result in zip(servers, results, strict=True):
        if result is not None:
            logger.info("no candidate from %s, port %d: %r", server.host, server.port, result)


async def reflexive(protocols: Iterable[Asker], host: str, port: int, found: list[Candidate]) -> None:
    """Ask a STUN server how it sees our sockets, and add that to `found`."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    addresses = {ip_address(info[4][0]).version: (str(info[4][0]), int(info[4][1])) for info in reversed(infos)}
    bases = [(protocol, ip_address(protocol.local_candidate.host)) for protocol in protocols]
    # From loopback no server can be reached: the question would go unanswered and cost the whole time.
    questions = [
        _reflexive(protocol, addresses[base.version], found)
        for protocol, base in bases
        if base.version in addresses and not base.is_loopback
    ]
    await asyncio.gather(*questions, return_exceptions=True)


async def _reflexive(protocol: Asker, server: tuple[str, int], found: list[Candidate]) -> None:
    # RFC 8489 section 14.2
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    response, _ = await protocol.request(request, server)
    host, port = response.attributes["XOR-MAPPED-ADDRESS"]
    base = protocol.local_candidate
    if (host, port) == (base.host, base.port):
        return  # RFC 8445 section 5.1.3: a candidate is redundant if and only if its address equals another's
    found.append(
        Candidate(
            foundation=candidate_foundation("srflx", "udp", base.host),
            component=base.component,
            transport="udp",
            priority=candidate_priority(base.component, "srflx"),
            host=host,
            port=port,
            type="srflx",
            related_address=base.host,
            related_port=base.port,
        )
    )
