"""connection.spec: connect, disconnect, and what goes wrong with them."""

import pytest

import jzrx
from jzrx import RegistrationError
from jzrx.testing import EmbeddedSbc
from jzrx.testing.peer import respond
from tests.bench import Bench, told
from tests.reference.conftest import Phone


async def test_30_connect_tells_every_step_in_order(idle_bench: Bench) -> None:
    heard = told(idle_bench.client)
    await idle_bench.finish(idle_bench.client.connect())
    assert heard == [
        ("stateChanged", "connecting"),
        ("stateChanged", "connected"),
        "connected",
        ("stateChanged", "registered"),
        "registered",
    ]


async def test_31_a_connected_client_is_registered_here_and_there(phone: Phone, sbc: EmbeddedSbc) -> None:
    alice = await phone("alice")
    assert (alice.is_registered, alice.state) == (True, "registered")
    assert sbc.registered == ("alice",)


async def test_32_disconnected_is_shown_at_once_and_stays(bench: Bench) -> None:
    bench.client.disconnect()
    assert (bench.client.state, bench.client.is_registered) == ("disconnected", False)
    await bench.pass_time(3)
    assert bench.client.state == "disconnected"


async def test_33_disconnected_is_told_once(bench: Bench) -> None:
    heard = told(bench.client)
    await bench.finish(bench.client.disconnect())
    bench.client.disconnect()
    await bench.pass_time(3)
    assert heard == [("stateChanged", "disconnected"), "disconnected"]


async def test_34_connect_twice_is_refused_and_the_first_goes_on(idle_bench: Bench) -> None:
    connecting = idle_bench.client.connect()
    with pytest.raises(jzrx.ConnectionError, match="Already connected"):
        idle_bench.client.connect()
    await idle_bench.finish(connecting)
    with pytest.raises(jzrx.ConnectionError, match="Already connected"):
        idle_bench.client.connect()
    assert idle_bench.client.state == "registered"


@pytest.mark.parametrize(
    ("status", "reason"), [(403, "Invalid credentials"), (401, "Unauthorized"), (404, "Not Found")]
)
async def test_35_bad_credentials_are_a_registration_error_with_the_code(
    idle_bench: Bench, status: int, reason: str
) -> None:
    challenge = (("WWW-Authenticate", 'Digest realm="example.com", nonce="n", qop="auth", algorithm=MD5'),)
    headers = (("X-Reason", reason), *(challenge if status == 401 else ()))
    idle_bench.peer.answers["REGISTER"] = lambda register: [respond(register, status, headers=headers)]
    with pytest.raises(RegistrationError, match=f"{status} {reason}") as refused:
        await idle_bench.finish(idle_bench.client.connect())
    assert refused.value.code == status
    assert (idle_bench.client.state, idle_bench.client.error) == ("error", str(refused.value))


async def test_35_a_wrong_password_at_a_real_server(phone: Phone) -> None:
    with pytest.raises(RegistrationError, match="Invalid credentials") as refused:
        await phone("alice", password="guess")
    assert refused.value.code == 403
