"""A real STUN and TURN server (coturn): what the preflight says of it."""

import socket
from pathlib import Path

import pytest

from jzrx import PreflightStep, preflight
from tests.interop.conftest import ProgramFor
from tests.interop.program import executable, free_ports


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
