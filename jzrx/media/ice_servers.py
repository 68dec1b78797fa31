"""STUN and TURN URIs (RFC 7064, RFC 7065) as the W3C's `iceServers` give them."""

import re
from collections.abc import Iterable, Iterator

from attrs import field, frozen

from jzrx.ports import IceServer

__all__ = ["Server", "servers"]

# RFC 7064 section 3.1: stunURI = scheme ":" host [ ":" port ]; RFC 7065 section 3.1 adds [ "?transport=" transport ].
_URI = re.compile(
    r"(?P<scheme>stuns?|turns?):(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:?/@\s]+)(:(?P<port>\d{1,5}))?(\?transport=(?P<transport>udp|tcp))?",
    re.IGNORECASE,
)


@frozen
class Server:
    """One server to ask while gathering. `relay`: TURN, else STUN."""

    host: str
    port: int
    relay: bool = False
    transport: str = "udp"
    tls: bool = False
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


def servers(configured: Iterable[IceServer]) -> tuple[Server, ...]:
    """Each URI of `configured`, in order. Raises ValueError for one that is no STUN or TURN URI.

    `stuns:` is left out: STUN over TLS learns no UDP address.
    """
    return tuple(server for entry in configured for uri in entry.urls for server in _parse(uri, entry))


def _parse(uri: str, entry: IceServer) -> Iterator[Server]:
    match = _URI.fullmatch(uri)
    if match is None:
        raise ValueError(f"not a STUN or TURN URI: {uri!r}; write it as stun:host:3478 or turn:host:3478?transport=udp")
    scheme = match["scheme"].lower()
    if scheme == "stuns":
        return
    tls = scheme == "turns"
    yield Server(
        host=match["host"].strip("[]"),
        # RFC 7065 section 3.1: "the default port is 3478 for TURN over UDP and TCP, 5349 for TURN over TLS".
        port=int(match["port"] or (5349 if tls else 3478)),
        relay=scheme != "stun",
        transport=(match["transport"] or ("tcp" if tls else "udp")).lower(),
        tls=tls,
        username=entry.username,
        credential=entry.credential,
    )
