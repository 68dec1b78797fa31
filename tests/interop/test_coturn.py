"""A real STUN and TURN server (coturn): what the preflight says of it, and calls that it relays."""

import asyncio
import socket
from pathlib import Path

import pytest
from aioice import Candidate

from jzrx import PreflightStep, preflight
from jzrx.events import CallEvent
from jzrx.media.engine import MediaEngine
from jzrx.media.sources import tone
from jzrx.ports import IceServer, MediaConfig
from tests.interop.conftest import ProgramFor
from tests.interop.program import executable, free_ports
from tests.media.parties import Party, way_of


@pytest.fixture
async def coturn(program_for: ProgramFor, tmp_path: Path) -> int:
    """The port of one that relays on loopback for the user `phone` with the password `relay`."""
    (port,) = free_ports(socket.SOCK_DGRAM, 1)
    program = program_for("turnserver")
    program.start(
        [
            executable("turnserver") or "turnserver",
            *("-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", f"--listening-port={port}"),
            *(
                "--lt-cred-mech",
                "--user=phone:relay",
                "--realm=test",
                "--allow-loopback-peers",
                "--no-tls",
                "--no-dtls",
            ),
            *("--no-cli", "--log-file=stdout", f"--pidfile={tmp_path}/pid", f"--userdb={tmp_path}/users"),
            *("--min-port=32000", "--max-port=32100"),
        ]
    )

    async def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    await program.until(listens, "listen")
    return port


async def ice_steps(*servers: dict[str, str]) -> list[PreflightStep]:
    steps = preflight(
        server="ws://localhost:1", username="alice", password="x", pc_config={"iceServers": list(servers)}
    )
    return [step async for step in steps if step.name in ("stun", "turn")]


async def test_stun_and_turn_say_which_addresses_they_give(coturn: int) -> None:
    relay = {"username": "phone", "credential": "relay"}
    stun, udp, tcp = await ice_steps(
        {"urls": f"stun:127.0.0.1:{coturn}"},
        {"urls": f"turn:127.0.0.1:{coturn}", **relay},
        {"urls": f"turn:127.0.0.1:{coturn}?transport=tcp", **relay},
    )
    assert (stun.outcome, udp.outcome, tcp.outcome) == ("ok", "ok", "ok"), (stun, udp, tcp)
    assert "sees us as 127.0.0.1 port" in stun.detail
    assert "(UDP) relays by 127.0.0.1 port 32" in udp.detail
    assert "(TCP) relays by 127.0.0.1 port 32" in tcp.detail


async def test_a_turn_server_that_refuses_the_credentials(coturn: int) -> None:
    (turn,) = await ice_steps({"urls": f"turn:127.0.0.1:{coturn}", "username": "phone", "credential": "wrong"})
    assert turn.outcome == "failed"
    assert "401" in turn.detail
    assert "credential" in (turn.advice or "")
    assert "wrong" not in str(turn)


def relayed(sdp: str) -> str:
    """The description with its relayed candidates alone, and no other address."""
    lines = [line for line in sdp.splitlines() if not line.startswith("a=candidate:") or " typ relay" in line]
    assert " typ relay" in "".join(lines)
    return "\r\n".join([*lines, ""])


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_by_way_of_relays(coturn: int, transport: str) -> None:
    """Neither knows an address of the other but the relay's; they talk, hold, and talk again."""
    server = IceServer((f"turn:127.0.0.1:{coturn}?transport={transport}",), username="phone", credential="relay")
    engine, now = MediaEngine(), asyncio.get_running_loop().time

    def party(hz: float) -> Party:
        events: list[CallEvent] = []
        config = MediaConfig(loopback=True, ice_servers=(server,), source=tone(hz))
        return Party(engine.session("call", config, events.append, now), events)

    alice, bob = party(440), party(1000)
    alice.listen()
    bob.listen()
    try:
        for held in (False, True, False):
            answer = await bob.session.create_answer(relayed(await alice.session.create_offer(held=held)))
            await alice.session.set_answer(relayed(answer))
            async with asyncio.timeout(5):
                await asyncio.gather(alice.session.ready(), bob.session.ready())
            await bob.hears(None if held else 440)
        await alice.hears(1000)
        assert "relay" in {candidate.type for candidate in pair_of(alice)}
    finally:
        await asyncio.gather(alice.session.close(), bob.session.close())


def pair_of(party: Party) -> tuple[Candidate, Candidate]:
    """Between which two its media passes."""
    pair = way_of(party)._ice._nominated[1]
    return pair.local_candidate, pair.remote_candidate
