"""Wrong URL, port or certificate, and servers that are not what they should be: one clear error each, in time, and the
client usable afterwards."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jzrx import CallError, ClientState, ConnectionError, RegistrationError, use_jambonz_client

from . import impostors
from .conftest import FaultProxyFor
from .kamailio import Kamailio

PATIENCE = 3.0


@asynccontextmanager
async def failing(kamailio: Kamailio, server: str, **options: Any) -> AsyncIterator[pytest.ExceptionInfo[Exception]]:
    """Connect to `server`, which must fail in time and leave the client in `error`; afterwards it connects."""
    given: dict[str, Any] = {
        "server": server,
        "username": "alice",
        "password": kamailio.users["alice"],
        "realm": "localhost",
        "connect_timeout": PATIENCE,
    } | options
    async with use_jambonz_client(**given) as client:
        async with asyncio.timeout(PATIENCE + 1):
            with pytest.raises((ConnectionError, RegistrationError)) as failure:
                await client.connect()
        assert client.state.value == ClientState.ERROR
        assert client.client.value is None
        assert client.error.value == str(failure.value)
        assert given["password"] not in str(failure.value)
        yield failure


async def test_nothing_listens(kamailio: Kamailio) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{closed.getsockname()[1]}"
        async with failing(kamailio, url) as failure:
            assert failure.type is ConnectionError
            assert "nothing listens" in str(failure.value)
            assert "check the address and the port" in str(failure.value)


async def test_there_is_no_such_host(kamailio: Kamailio) -> None:
    async with failing(kamailio, "ws://no-such-host.invalid:8080") as failure:
        assert "no host 'no-such-host.invalid'" in str(failure.value)


async def test_ws_towards_a_tls_port(kamailio: Kamailio) -> None:
    async with failing(kamailio, kamailio.wss_url.replace("wss:", "ws:")) as failure:
        assert "does not speak WebSocket" in str(failure.value)


async def test_wss_towards_a_plain_port(kamailio: Kamailio) -> None:
    async with failing(kamailio, kamailio.ws_url.replace("ws:", "wss:")) as failure:
        assert "no connection" in str(failure.value)  # it waits for the end of what it takes for a request


async def test_a_certificate_of_an_unknown_authority(kamailio: Kamailio) -> None:
    async with failing(kamailio, kamailio.untrusted_wss_url, ssl=kamailio.ssl_context) as failure:
        assert "not trusted" in str(failure.value)
        assert "ssl=" in str(failure.value)


async def test_certificates_are_verified_by_default(kamailio: Kamailio) -> None:
    async with failing(kamailio, kamailio.wss_url) as failure:
        assert isinstance(failure.value.__cause__, ssl.SSLCertVerificationError)
        assert "not trusted" in str(failure.value)


async def test_a_certificate_for_another_host(kamailio: Kamailio, fault_proxy: FaultProxyFor) -> None:
    proxy = await fault_proxy(kamailio.wss_url, host="127.0.0.2")
    async with failing(kamailio, proxy.url, ssl=kamailio.ssl_context) as failure:
        assert "use the name that is in the certificate" in str(failure.value)


async def test_an_http_error_instead_of_a_websocket(kamailio: Kamailio, fault_proxy: FaultProxyFor) -> None:
    proxy = await fault_proxy(kamailio.ws_url)
    proxy.answer_http(503, "Service Unavailable")
    async with failing(kamailio, proxy.url) as failure:
        assert "HTTP 503" in str(failure.value)


async def test_a_websocket_server_that_speaks_no_sip(kamailio: Kamailio) -> None:
    async with impostors.no_subprotocol() as url, failing(kamailio, url) as failure:
        assert "not SIP" in str(failure.value)


@pytest.mark.parametrize("answer", ['{"type": "hello"}', b"\x00\xff\xfe", "", "SIP/2.0 200 OK\r\n\r\n"])
async def test_a_server_that_agrees_to_sip_and_babbles(kamailio: Kamailio, answer: str | bytes) -> None:
    async with impostors.no_sip(answer) as url, failing(kamailio, url) as failure:
        assert failure.type is RegistrationError
        assert "did not answer the registration" in str(failure.value)


async def test_a_server_that_accepts_and_says_nothing(kamailio: Kamailio, fault_proxy: FaultProxyFor) -> None:
    proxy = await fault_proxy(kamailio.ws_url)
    proxy.say_nothing()
    async with failing(kamailio, proxy.url) as failure:
        assert failure.type is ConnectionError
        assert "no connection" in str(failure.value)
        assert "3 s" in str(failure.value)


async def test_the_same_client_connects_once_the_server_is_there(
    kamailio: Kamailio, fault_proxy: FaultProxyFor
) -> None:
    """Usable afterwards: the hook that failed connects, and so does it again after a disconnect."""
    proxy = await fault_proxy(kamailio.ws_url)
    await proxy.refuse()
    options: dict[str, Any] = {"username": "alice", "password": kamailio.users["alice"], "realm": "localhost"}
    async with use_jambonz_client(server=proxy.url, **options) as client:
        with pytest.raises(ConnectionError):
            await client.connect()
        await proxy.heal()
        await client.connect()
        assert client.is_registered.value
        assert client.error.value is None
        await client.disconnect()
        await client.connect()
        assert client.is_registered.value


async def test_a_frame_cut_in_half_is_a_drop(kamailio: Kamailio, fault_proxy: FaultProxyFor) -> None:
    """A broken stream brings the client to `reconnecting` and back."""
    proxy = await fault_proxy(kamailio.ws_url)
    options: dict[str, Any] = {"username": "alice", "password": kamailio.users["alice"], "realm": "localhost"}
    async with use_jambonz_client(server=proxy.url, reconnect={"initial": 0.2}, **options) as client:
        await client.connect()
        assert client.client.value is not None
        proxy.cut("to_client")
        with pytest.raises(CallError, match="connection was lost"):
            await client.client.value.send_message("nobody", "the answer is cut in half")
        assert client.state.value == ClientState.RECONNECTING
        await client.state.wait(ClientState.REGISTERED, timeout=10)
