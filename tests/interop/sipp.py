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
    program: Program, kamailio: Kamailio, user: str, scenario: Literal["echo", "early"], hz: float = 1000
) -> AsyncIterator[None]:
    """Run sipp_`scenario`.xml, once, for a call to `user`; "early" plays a tone of `hz`."""
    (sip,) = free_ports(socket.SOCK_DGRAM, 1)
    (media,) = free_ports(socket.SOCK_DGRAM, 1)
    encoder, reader = make_encoder(STATIC_CODECS[0]), tone(hz).open(8000)
    sound = b"".join(encoder.encode(reader.read() or b"") for _ in range(50))
    (program.directory / "tone.ulaw").write_bytes(sound)
    program.start(
        [
            *(
                "/usr/bin/sipp",
                "-sf",
                str(Path(__file__).with_name(f"sipp_{scenario}.xml")),
                "-m",
                "1",
                "-i",
                "127.0.0.1",
                "-p",
                str(sip),
            ),
            *("-mi", "127.0.0.1", "-mp", str(media), "-nostdin"),
            *(["-rtp_echo"] if scenario == "echo" else []),
        ]
    )

    async def listens() -> bool:
        return f":{sip:04X} " in Path("/proc/net/udp").read_text()

    await program.until(listens, "listen")
    await kamailio.add_contact(user, f"sip:{user}@127.0.0.1:{sip}")
    try:
        yield
    finally:
        await program.stop()
