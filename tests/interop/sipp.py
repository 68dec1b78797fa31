"""A real sipp: a phone on UDP with plain RTP that follows a scenario, and echoes what it hears or plays a tone."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from jzrx.media import tone
from jzrx.media.codecs import make_encoder
from jzrx.media.sdp import STATIC_CODECS

from .kamailio import Kamailio
from .program import Program, free_ports


@asynccontextmanager
async def sipp(
    program: Program,
    kamailio: Kamailio,
    user: str,
    scenario: Literal["echo", "early", "reliable", "timer"],
    hz: float = 1000,
) -> AsyncIterator[None]:
    """Run sipp_`scenario`.xml, once, for a call to `user`; "early" plays a tone of `hz`, the others echo."""
    encoder, reader = make_encoder(STATIC_CODECS[0]), tone(hz).open(8000)
    sound = b"".join(encoder.encode(reader.read() or b"") for _ in range(50))
    (program.directory / "tone.ulaw").write_bytes(sound)
    sip = _start(program, scenario, *([] if scenario == "early" else ["-rtp_echo"]))

    async def listens() -> bool:
        return f":{sip:04X} " in Path("/proc/net/udp").read_text()

    await program.until(listens, "listen")
    await kamailio.add_contact(user, f"sip:{user}@127.0.0.1:{sip}")
    try:
        yield
    finally:
        await program.stop()


@asynccontextmanager
async def sipp_calls(program: Program, kamailio: Kamailio, user: str) -> AsyncIterator[None]:
    """Run sipp_caller.xml: bob, without a contact of his own, calls `user` and echoes."""
    host, port = kamailio.udp_address
    credentials = ("-au", "bob", "-ap", kamailio.users["bob"])
    _start(program, "caller", "-rtp_echo", "-s", user, *credentials, f"{host}:{port}")
    try:
        yield
    finally:
        await program.stop()


def _start(program: Program, scenario: str, *arguments: str) -> int:
    """Start it on free ports; that for SIP."""
    (sip,) = free_ports(socket.SOCK_DGRAM, 1)
    (media,) = free_ports(socket.SOCK_DGRAM, 1)
    program.start(
        [
            *("/usr/bin/sipp", "-sf", str(Path(__file__).with_name(f"sipp_{scenario}.xml")), "-m", "1"),
            *("-i", "127.0.0.1", "-p", str(sip), "-mi", "127.0.0.1", "-mp", str(media), "-nostdin"),
            *arguments,
        ]
    )
    return sip
