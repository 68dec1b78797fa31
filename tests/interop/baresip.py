"""A real baresip: a SIP phone on UDP with DTLS-SRTP (its certificate is RSA) and ICE, that plays a tone and records."""

import asyncio
import json
import socket
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define

from jzrx.media import tone
from jzrx.media.measure import dominant_tone

from .kamailio import Kamailio
from .program import PATIENCE, Program, free_ports

_MODULES: Final = "account menu ctrl_tcp g711 opus aufile sndfile ice dtls_srtp".split()


def _write_files(
    directory: Path, kamailio: Kamailio, user: str, hz: float, codec: str, account: dict[str, str], control: int
) -> None:
    """Its configuration and the tone that it plays."""
    # It plays only what has the codec's own format.
    rate, channels = (48000, 2) if codec == "opus" else (8000, 1)
    (sip,) = free_ports(socket.SOCK_DGRAM, 1)
    host, port = kamailio.udp_address
    config = {
        "sip_listen": f"127.0.0.1:{sip}",
        "ctrl_tcp_listen": f"127.0.0.1:{control}",
        "net_interface": "127.0.0.1",
        "module_path": "/usr/lib/baresip/modules",
        "audio_source": f"aufile,{directory}/tone.wav",
        "audio_player": f"aufile,{directory}/player.wav",
        "rtp_ports": "32000-32767",
        "rtcp_mux": "yes",
        "snd_path": str(directory),
    }
    lines = [f"{name}\t{value}" for name, value in config.items()]
    lines += [
        f"{'module_app' if name in ('account', 'menu', 'ctrl_tcp') else 'module'}\t{name}.so" for name in _MODULES
    ]
    (directory / "config").write_text("\n".join([*lines, ""]))
    parameters = {
        "auth_pass": kamailio.users[user],
        "outbound": f'"sip:{host}:{port};transport=udp"',
        "regint": "60",
        "audio_codecs": f"{codec}/{rate}/{channels}",
        **account,
    }
    given = "".join(f";{name}={value}" for name, value in parameters.items())
    (directory / "accounts").write_text(f"<{kamailio.uri(user)}>{given}\n")
    (directory / "contacts").write_text("")
    reader = tone(hz).open(rate)
    mono = b"".join(reader.read() or b"" for _ in range(50 * 30))
    with wave.open(str(directory / "tone.wav"), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(b"".join(mono[i : i + 2] * channels for i in range(0, len(mono), 2)))


@define
class Baresip:
    """One that runs and is registered."""

    program: Program
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    async def command(self, command: str, parameters: str = "") -> None:
        """Type a command of its menu, such as "dial"."""
        text = json.dumps({"command": command, "params": parameters, "token": "test"}).encode()
        self._writer.write(b"%d:%b," % (len(text), text))
        await self._writer.drain()

    async def until(self, kind: str) -> dict[str, Any]:
        """Wait for an event, such as "CALL_ESTABLISHED"."""
        async with asyncio.timeout(PATIENCE):
            while True:
                length = int((await self._reader.readuntil(b":"))[:-1])
                message: dict[str, Any] = json.loads((await self._reader.readexactly(length + 1))[:-1])
                if message.get("type") == kind:
                    return message

    def heard(self, hz: float) -> bool:
        """Whether the recording of the last call, which has ended, holds a fifth of a second of that tone alone."""
        (recording,) = self.program.directory.glob("dump-*-dec.wav")
        with wave.open(str(recording), "rb") as file:
            rate, channels = file.getframerate(), file.getnchannels()
            pieces = [file.readframes(rate // 5) for _ in range(file.getnframes() // (rate // 5))]
        mono = (b"".join(piece[i : i + 2] for i in range(0, len(piece), 2 * channels)) for piece in pieces)
        tones = (dominant_tone(piece, rate) for piece in mono)
        return any(abs(found - hz) < 0.01 * hz and 0.2 < peak < 0.3 for found, peak in tones)


@asynccontextmanager
async def baresip(
    program: Program, kamailio: Kamailio, user: str, hz: float, codec: str, **account: str
) -> AsyncIterator[Baresip]:
    """Run it as `user` with a tone of `hz` and one codec; `account` are parameters such as `answermode="auto"`."""
    (control,) = free_ports(socket.SOCK_STREAM, 1)
    _write_files(program.directory, kamailio, user, hz, codec, account, control)
    program.start(["/usr/bin/baresip", "-4", "-v", "-f", program.directory])

    async def registered() -> bool:
        return len(await kamailio.contacts(user)) == 1

    await program.until(registered, "register")
    reader, writer = await asyncio.open_connection("127.0.0.1", control)
    try:
        yield Baresip(program, reader, writer)
    finally:
        writer.close()
        await program.stop()
