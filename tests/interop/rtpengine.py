"""A real rtpengine, in user space, and its control protocol "ng" (bencode on UDP), driven as jambonz drives it.

What jambonz asks stands in `data/{srtp,rtp}-transcoding.json` of its sbc-inbound and sbc-outbound.
"""

import asyncio
import itertools
import secrets
import socket
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from .program import Program, executable, free_ports, our_share

WEBRTC_CALLER: Final[dict[str, Any]] = {
    "transport-protocol": "UDP/TLS/RTP/SAVPF",
    "ICE": "default",
    "SDES": "off",
    "flags": ["generate mid", "SDES-no", "media handover", "port latching"],
    "rtcp-mux": ["require"],
}
"""Towards a WebRTC client that calls (sbc-inbound)."""

WEBRTC_CALLEE: Final[dict[str, Any]] = {
    "transport-protocol": "UDP/TLS/RTP/SAVPF",
    "ICE": "force",
    "SDES": "off",
    "flags": ["generate mid", "SDES-no", "port latching"],
    "rtcp-mux": ["require"],
}
"""Towards a WebRTC client that is called (sbc-outbound)."""

PLAIN_RTP: Final[dict[str, Any]] = {
    "transport protocol": "RTP/AVP",
    "DTLS": "off",
    "SDES": "off",
    "ICE": "remove",
    "flags": ["media handover", "port latching"],
    "rtcp-mux": ["accept"],
}
"""Towards FreeSWITCH."""

# No other program of these tests takes ports there; rtpengine passes over those that are taken.
_MEDIA_PORTS: Final = our_share(range(10000, 20000))


class Rtpengine:
    """The daemon."""

    def __init__(self, directory: Path) -> None:
        self.program = Program(directory, "rtpengine")
        (self._port,) = free_ports(socket.SOCK_DGRAM, 1)
        self._cookies = itertools.count(1)

    @property
    def ng_address(self) -> str:
        """Where it is controlled, as Kamailio's rtpengine module wants it."""
        return f"udp:127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start it and return when it answers. Does nothing while it runs."""
        if self.program.running:
            return
        path = executable("rtpengine")
        if path is None:
            raise RuntimeError("rtpengine is not installed: run tests/interop/install.sh")
        options = {
            "table": "-1",  # no kernel module
            "interface": "127.0.0.1",
            "listen-ng": f"127.0.0.1:{self._port}",
            "port-min": str(_MEDIA_PORTS.start),
            "port-max": str(_MEDIA_PORTS.stop - 1),
            "num-threads": "2",
            "log-level": "6",
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        # No configuration file: Debian's would take the place of these options.
        arguments += ["--config-file=none", "--foreground", "--log-stderr"]
        self.program.start([path, *arguments])
        await self.program.until(self._answers, "answer ping")

    async def _answers(self) -> bool:
        try:
            return (await self._ask({"command": "ping"}, patience=0.2)).get("result") == "pong"
        except (TimeoutError, ConnectionRefusedError):
            return False

    async def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Give a command and return the answer; underscores in names stand for hyphens. RuntimeError if refused."""
        request = {name.replace("_", "-"): value for name, value in arguments.items()}
        answer = await self._ask({"command": command, **request})
        if answer.get("result") != "ok":
            raise RuntimeError(f"rtpengine refused {command}: {answer}\n{self.program.log()}")
        return answer

    async def _ask(self, request: dict[str, Any], patience: float = 10.0) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        cookie = b"%d" % next(self._cookies)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.connect(("127.0.0.1", self._port))
            async with asyncio.timeout(patience):
                await loop.sock_sendall(client, cookie + b" " + bencode(request))
                while True:
                    received, _, answer = (await loop.sock_recv(client, 65536)).partition(b" ")
                    if received == cookie:
                        return bdecode(answer)


@define
class RelayedCall:
    """One call through rtpengine: the caller's and the callee's descriptions are rewritten on their way.

    `caller` and `callee` say what each side speaks: one of the constants above.
    """

    rtpengine: Rtpengine
    caller: dict[str, Any]
    callee: dict[str, Any]
    call_id: str = field(factory=lambda: secrets.token_hex(8))

    async def offer(self, sdp: str, *, from_callee: bool = False, **options: Any) -> str:
        """An offer on its way to the other side."""
        return await self._pass("offer", sdp, from_callee, self.caller if from_callee else self.callee, options)

    async def answer(self, sdp: str, *, from_callee: bool = True, **options: Any) -> str:
        """The answer on its way back."""
        # The tags of an answer are those of its offer: whoever offered is "from".
        return await self._pass("answer", sdp, not from_callee, self.caller if from_callee else self.callee, options)

    async def _pass(self, command: str, sdp: str, turned: bool, media: dict[str, Any], options: dict[str, Any]) -> str:
        tags = ("callee", "caller") if turned else ("caller", "callee")
        first = command == "offer" and not turned
        answer = await self.rtpengine.ask(
            command,
            call_id=self.call_id,
            from_tag=tags[0],
            **({} if first else {"to_tag": tags[1]}),
            replace=["origin", "session-connection"],
            sdp=sdp,
            **{**media, **options},
        )
        return answer["sdp"]

    async def delete(self) -> dict[str, Any]:
        """End the call; the answer holds its statistics."""
        return await self.rtpengine.ask("delete", call_id=self.call_id, from_tag="caller")


def bencode(value: Any) -> bytes:
    """BitTorrent's encoding of str, bytes, int, lists and dicts."""
    match value:
        case str():
            return bencode(value.encode())
        case bytes():
            return b"%d:%b" % (len(value), value)
        case int():
            return b"i%de" % value
        case list():
            return b"l" + b"".join(map(bencode, value)) + b"e"
        case dict():
            return b"d" + b"".join(bencode(key) + bencode(item) for key, item in sorted(value.items())) + b"e"
        case _:
            raise TypeError(f"no bencode for {value!r}")


def bdecode(data: bytes) -> Any:
    """The value; strings as text."""
    value, rest = _bdecode(data)
    if rest:
        raise ValueError(f"more than one value: {rest!r}")
    return value


def _bdecode(data: bytes) -> tuple[Any, bytes]:
    kind = data[:1]
    if kind == b"i":
        number, _, rest = data[1:].partition(b"e")
        return int(number), rest
    if kind in (b"l", b"d"):
        items, rest = list[Any](), data[1:]
        while not rest.startswith(b"e"):
            item, rest = _bdecode(rest)
            items.append(item)
        return (items if kind == b"l" else dict(zip(items[::2], items[1::2], strict=True))), rest[1:]
    length, _, rest = data.partition(b":")
    return rest[: int(length)].decode("utf-8", "replace"), rest[int(length) :]
