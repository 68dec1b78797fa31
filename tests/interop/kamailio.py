"""A real Kamailio for one test: registrar and proxy on ws, wss and UDP, started by pid on free loopback ports.

The program and its routing are in kamailio.cfg. All state is in its memory, all files in the directory given.
"""

import asyncio
import json
import random
import re
import signal
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

from attrs import frozen

from .ca import LOOPBACK, CertificateAuthority
from .program import PATIENCE, Program, executable, free_ports
from .sipdump import DumpedMessage, SipDump

_TEMPLATE: Final = Path(__file__).with_name("kamailio.cfg")
_POLL: Final = 0.01


@frozen
class KamailioOptions:
    """What makes one server differ from another; times in seconds.

    `challenge` "proxy" asks with 401 for REGISTER and 407 for the rest, and asks again after a wrong password;
    "jambonz" asks with 401 always and refuses a wrong password with 403 and X-Reason. With `dialog_auth` requests of
    WebSocket clients in a dialog are challenged, too. `rtpengine` is where it is asked
    to relay the media between WebSocket clients and phones on UDP; without, they have to agree themselves.
    """

    realm: str = "localhost"
    challenge: Literal["proxy", "jambonz"] = "proxy"
    algorithm: Literal["MD5", "SHA-256", "both"] = "MD5"
    nonce_lifetime: int = 300
    min_expires: int = 10
    max_expires: int = 3600
    dialog_auth: bool = False
    rtpengine: str = ""


class Kamailio:
    """The server: where it is, who may use it, what it saw, and how to trouble it.

    Values are properties; whatever talks to the process is awaited, and raises `TimeoutError` or `RuntimeError` with
    the server's log. Nothing is bound to an event loop, so that one server can serve a whole test session.
    """

    users: Final = {"alice": "wonderland", "bob": "builder", "carol": "christmas"}
    """Passwords by user name."""

    def __init__(self, directory: Path, options: KamailioOptions) -> None:
        self.options = options
        self._directory = directory
        self._authority = CertificateAuthority(directory / "trusted", "jzrx-test-ca")
        self._stranger = CertificateAuthority(directory / "untrusted", "unknown-ca")
        self._ws, self._wss, self._untrusted, self._rpc = free_ports(socket.SOCK_STREAM, 4)
        (self._udp,) = free_ports(socket.SOCK_DGRAM, 1)
        self.program = Program(directory, "kamailio")
        self._starts = 0
        self._dump = SipDump(directory / "sip")
        self._dump_mark = 0

    # ------------------------------------------------------------------------------------------------------ addresses

    @property
    def realm(self) -> str:
        """The SIP domain, and the realm of every challenge."""
        return self.options.realm

    @property
    def ws_url(self) -> str:
        """SIP on plain WebSocket."""
        return f"ws://127.0.0.1:{self._ws}"

    @property
    def wss_url(self) -> str:
        """SIP on secure WebSocket; the certificate is for localhost and 127.0.0.1, signed by `ca_file`."""
        return f"wss://localhost:{self._wss}"

    @property
    def untrusted_wss_url(self) -> str:
        """As `wss_url`, with a certificate that `ca_file` did not sign."""
        return f"wss://localhost:{self._untrusted}"

    @property
    def udp_address(self) -> tuple[str, int]:
        """SIP on UDP."""
        return "127.0.0.1", self._udp

    @property
    def ca_file(self) -> Path:
        """The authority to trust, a PEM file."""
        return self._authority.certificate

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """A client's context that trusts `ca_file` alone."""
        return self._authority.client_context()

    def uri(self, user: str) -> str:
        """The address of record of a user, or of a special number.

        300 to 699 answers with that status (503 with Retry-After: 5, 302 with bob as Contact), "ringing" sends 180 and
        "trying" 100 until they are cancelled, "silent" sends nothing at all, not even a challenge. A user without a
        contact is 480, any other name 404.
        """
        return f"sip:{user}@{self.realm}"

    # -------------------------------------------------------------------------------------------------------- process

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.program.running

    async def start(self) -> None:
        """Starts the process and returns when it answers; on the same ports each time. Does nothing while it runs."""
        if self.running:
            return
        path = executable("kamailio")
        if path is None:
            raise RuntimeError("Kamailio is not installed: run tests/interop/install.sh")
        self._starts += 1
        config = self._write_config()
        defines = ["-A", "JAMBONZ_AUTH"] if self.options.challenge == "jambonz" else []
        defines += ["-A", "BOTH_ALGORITHMS"] if self.options.algorithm == "both" else []
        defines += ["-A", "DIALOG_AUTH"] if self.options.dialog_auth else []
        defines += ["-A", "RTPENGINE"] if self.options.rtpengine else []
        # -DD: stay in the foreground, with workers; -E: log to stderr; -m, -M: MB of shared and private memory
        switches = ["-DD", "-E", "-f", config, "-Y", self._directory, "-m", "64", "-M", "8", *defines]
        self.program.start([path, *switches])
        await self._until(self._answers, "answer JSON-RPC")

    async def stop(self) -> None:
        """Ends the process as an administrator would (SIGTERM): every connection is closed, every contact forgotten."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Ends the process and its workers at once (SIGKILL)."""
        await self._end(signal.SIGKILL)

    async def restart(self) -> None:
        """Stops and starts: same ports, no contact left.

        A nonce of before is refused: as stale, or without that word when it was issued in the second of the start.
        """
        await self.stop()
        await self.start()

    async def reset(self) -> None:
        """Makes the server as new: running, no WebSocket open, no contact; log and messages begin here."""
        await self.start()
        for connection in await self._connections():
            with suppress(RuntimeError):  # it is going by itself: a browser's page was closed
                await self.rpc("ws.close", connection)
        for user in await self._contacts():
            await self.rpc("ul.rm", "location", user)
        self._dump_mark += len(await self.messages())
        self.program.mark()

    async def _end(self, number: signal.Signals) -> None:
        await self.program.end(number)

        async def silent() -> bool:
            return not await self._listens()

        await self._until(silent, "leave its ports")

    def _write_config(self) -> Path:
        dump = self._directory / "sip" / f"{self._starts:03}"
        dump.mkdir(parents=True)
        values = {
            "realm": self.realm,
            "directory": self._directory,
            "dump_directory": dump,
            "udp_port": self._udp,
            "ws_port": self._ws,
            "wss_port": self._wss,
            "untrusted_wss_port": self._untrusted,
            "rpc_port": self._rpc,
            "algorithm": "SHA-256" if self.options.algorithm == "both" else self.options.algorithm,
            "nonce_lifetime": self.options.nonce_lifetime,
            "rtpengine": self.options.rtpengine,
            "min_expires": self.options.min_expires,
            "max_expires": self.options.max_expires,
            "passwords": "\n".join(f'    $sht(passwords=>{u}) = "{password}";' for u, password in self.users.items()),
        }
        config = self._directory / "kamailio.cfg"
        config.write_text(re.sub(r"<<(\w+)>>", lambda match: str(values[match[1]]), _TEMPLATE.read_text()))
        sections: list[str] = []
        for domain, authority in (
            ("default", self._authority),
            (f"127.0.0.1:{self._wss}", self._authority),
            (f"127.0.0.1:{self._untrusted}", self._stranger),
        ):
            issued = authority.issue(*LOOPBACK)
            sections += [f"[server:{domain}]", "method = TLSv1.2+"]
            sections += [f"certificate = {issued.certificate}", f"private_key = {issued.key}"]
        (self._directory / "tls.cfg").write_text("\n".join([*sections, ""]))
        return config

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._rpc)
        except ConnectionError:
            return False
        writer.close()
        return True

    async def _answers(self) -> bool:
        if not self.running:
            raise RuntimeError(f"Kamailio ended by itself:\n{self.log()}")
        try:
            await self.rpc("core.version")
        except ConnectionError:
            return False
        return True

    # -------------------------------------------------------------------------------------------------------- control

    async def rpc(self, method: str, *params: str | int) -> Any:
        """Calls a JSON-RPC command of the server (`kamcmd help` lists them) and returns its result."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        head = f"POST /RPC HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._rpc)
            try:
                writer.write(head.encode() + body)
                answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = re.search(r"^content-length: *(\d+)", answer, re.MULTILINE)
                assert length is not None, answer
                result: dict[str, Any] = json.loads(await reader.readexactly(int(length[1])))
            except asyncio.IncompleteReadError as error:
                raise ConnectionResetError("Kamailio closed its JSON-RPC connection") from error
            finally:
                writer.close()
        if "error" in result:
            raise RuntimeError(f"Kamailio refused {method}: {result['error']}")
        return result["result"]

    async def contacts(self, user: str) -> tuple[str, ...]:
        """The contact URIs at which a user is registered now."""
        return tuple(contact["Address"] for contact in (await self._contacts()).get(user, ()))

    async def until_registered(self, user: str, count: int = 1) -> tuple[str, ...]:
        """Waits until a user has exactly `count` contacts (0: until the last is gone) and returns them."""

        async def counted() -> bool:
            return len(await self.contacts(user)) == count

        await self._until(counted, f"have {count} contacts of {user}")
        return await self.contacts(user)

    async def add_contact(self, user: str, uri: str) -> None:
        """Registers a contact for a user that does not do so itself."""
        await self.rpc("ul.add", "location", user, uri, 3600, "1.0", ".", 0, 0, -1)

    async def close_websocket(self, user: str) -> None:
        """Sends a Close frame on each WebSocket at which a user is registered; TCP follows some 6 s later."""
        ports = {_port(contact["Received"]) for contact in (await self._contacts()).get(user, ())}
        for connection, port in (await self._connections()).items():
            if port in ports:
                await self.rpc("ws.close", connection)

    async def hang_up(self, call_id: str) -> None:
        """Ends a call from the middle: the server sends BYE to both ends."""
        dialog = await self.rpc("dlg.dlg_list", call_id)
        await self.rpc("dlg.terminate_dlg", call_id, dialog["caller"]["tag"], dialog["callee"]["tag"])

    async def send_options(self, user: str) -> int:
        """Sends OPTIONS to a registered user's first contact, and returns the status of the answer."""
        contact = (await self._contacts())[user][0]
        address = f"sip:server@{self.realm}"
        headers = f"From: <{address}>;tag=options\r\nTo: <{contact['Address']}>\r\n"
        answer = await self.rpc("tm.t_uac_wait_block", "OPTIONS", contact["Address"], contact["Received"], ".", headers)
        return int(answer["code"])

    async def _contacts(self) -> dict[str, list[dict[str, Any]]]:
        domains = (await self.rpc("ul.dump"))["Domains"]
        records = [record["Info"] for domain in domains for record in domain["Domain"]["AoRs"]]
        return {record["AoR"]: [contact["Contact"] for contact in record["Contacts"]] for record in records}

    async def _connections(self) -> dict[int, int]:
        lines: list[str] = (await self.rpc("ws.dump"))["connections"]
        # "1: ws:127.0.0.1:40022 -> ws:127.0.0.1:20011 (state: OPEN, ..."
        found = (re.match(r"(\d+): wss?:[\d.]+:(\d+) -> ", line) for line in lines)
        return {int(match[1]): int(match[2]) for match in found if match}

    # ---------------------------------------------------------------------------------------------------- observation

    def log(self) -> str:
        """What the server logged since `reset`."""
        return self.program.log()

    async def messages(self, method: str | None = None, status: int | None = None) -> tuple[DumpedMessage, ...]:
        """Every SIP message since `reset` until now, oldest first; a `method` alone selects requests and responses."""
        # The module writes from a queue that the HTTP request of an RPC command joins too: once that is written, all
        # that came before it is.
        barrier = f"barrier-{random.getrandbits(64):x}"
        await self.rpc("core.echo", barrier)

        async def written() -> bool:
            return self._dump.seen(barrier)

        await self._until(written, "write the dump")
        return self._selected(method, status)

    def _selected(self, method: str | None, status: int | None) -> tuple[DumpedMessage, ...]:
        return tuple(m for m in self.dumped() if method in (None, m.method) and status in (None, m.status))

    async def until_seen(self, count: int, method: str, status: int) -> None:
        """Waits until `count` such messages were seen since `reset`."""

        async def counted() -> bool:
            return len(self._selected(method, status)) >= count

        await self._until(counted, f"see {count} messages {method} {status}")

    def dumped(self) -> tuple[DumpedMessage, ...]:
        """As `messages`, without asking the server: the last few milliseconds may be missing."""
        return self._dump.messages()[self._dump_mark :]

    async def message(self, matches: Callable[[DumpedMessage], bool]) -> DumpedMessage:
        """The first message since `reset` that matches; waits for it."""

        async def seen() -> bool:
            return any(map(matches, self.dumped()))

        await self._until(seen, "see the SIP message waited for")
        return next(filter(matches, self.dumped()))

    async def _until(self, holds: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not await holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"Kamailio did not {what} within {PATIENCE:g} s:\n{self.log()}")
            await asyncio.sleep(_POLL)


def _port(uri: str) -> int:
    match = re.search(r":(\d+)(?:;|$)", uri)
    assert match is not None, uri
    return int(match[1])
