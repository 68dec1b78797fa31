"""The harness itself, shown to work with hand-written SIP: whoever trusts the product tests trusts these first."""

import asyncio
import socket
import ssl

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from . import impostors
from .conftest import FaultProxyFor
from .kamailio import Kamailio
from .program import PATIENCE
from .rawphone import RawMessage, RawPhone, raw_phone

SIP = [Subprotocol("sip")]


def phone(kamailio: Kamailio, user: str, url: str = "", password: str = ""):
    context = kamailio.ssl_context if url.startswith("wss") else None
    return raw_phone(url or kamailio.ws_url, user, password or kamailio.users[user], kamailio.realm, context)


async def call(caller: RawPhone, kamailio: Kamailio, number: str) -> tuple[RawMessage, RawMessage]:
    """INVITE and the first final answer, or the first provisional one of a number that has no final one."""
    _, invite, answer = await caller.authenticated("INVITE", kamailio.uri(number))
    return invite, answer


# ------------------------------------------------------------------------------------------------------- registration


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_registers_with_digest(kamailio: Kamailio, scheme: str) -> None:
    """401, MD5, 200; the contact is then listed, and every message was dumped in the clear."""
    url = kamailio.ws_url if scheme == "ws" else kamailio.wss_url
    async with phone(kamailio, "alice", url) as alice:
        answer = await alice.register()
        assert answer.status == 200
        assert kamailio.realm in (await kamailio.messages("REGISTER", status=401))[0].header("WWW-Authenticate")
        (contact,) = await kamailio.until_registered("alice")
        assert alice.host in contact
        seen = await kamailio.messages("REGISTER")
        assert [m.status for m in seen] == [None, 401, None, 200]
        assert {m.protocol for m in seen} == {scheme}
        assert [m.direction for m in seen] == ["rcv", "snd"] * 2


async def test_each_test_finds_the_server_as_new(kamailio: Kamailio) -> None:
    """A contact, the log and the messages of an earlier moment are gone after a reset; the users are not."""
    async with phone(kamailio, "alice") as alice:
        await alice.register()
        await kamailio.reset()
        assert await kamailio.contacts("alice") == ()
        assert await kamailio.messages() == ()
    async with phone(kamailio, "alice") as alice:
        assert (await alice.register()).status == 200


async def test_wrong_password_is_challenged_again(kamailio: Kamailio) -> None:
    async with phone(kamailio, "alice", password="wrong") as alice:
        answer = await alice.register()
        assert answer.status == 401
        assert "stale" not in answer.header("WWW-Authenticate")


async def test_unknown_user_is_challenged_again(kamailio: Kamailio) -> None:
    async with phone(kamailio, "mallory", password="any") as mallory:
        assert (await mallory.register()).status == 401


@pytest.mark.kamailio(challenge="jambonz")
async def test_challenges_like_jambonz(kamailio: Kamailio) -> None:
    """401 for INVITE too; a wrong password is 403 with X-Reason."""
    async with phone(kamailio, "alice") as alice:
        challenge, _, answer = await alice.authenticated("INVITE", kamailio.uri("486"))
        assert (challenge.status, answer.status) == (401, 486)
    async with phone(kamailio, "alice", password="wrong") as alice:
        refusal = await alice.register()
        assert (refusal.status, refusal.header("X-Reason")) == (403, "Invalid credentials")


@pytest.mark.kamailio(algorithm="SHA-256")
async def test_sha256(kamailio: Kamailio) -> None:
    async with phone(kamailio, "alice") as alice:
        assert (await alice.register(algorithm="SHA-256")).status == 200


@pytest.mark.kamailio(algorithm="both")
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_both_algorithms(kamailio: Kamailio, algorithm: str) -> None:
    """Two challenges, the stronger one first (RFC 8760 section 2.4), at REGISTER and INVITE; either may be answered."""
    async with phone(kamailio, "alice") as alice:
        challenge, _, answer = await alice.authenticated("REGISTER", "sip:localhost", algorithm=algorithm)
        offered = challenge.headers("WWW-Authenticate")
        assert ["SHA-256" in line for line in offered] == [True, False]
        assert answer.status == 200
        challenge, _, answer = await alice.authenticated("INVITE", kamailio.uri("486"), algorithm=algorithm)
        assert (len(challenge.headers("Proxy-Authenticate")), answer.status) == (2, 486)
    async with phone(kamailio, "alice", password="wrong") as alice:
        assert (await alice.register(algorithm=algorithm)).status == 401


async def test_a_nonce_may_be_used_again_with_a_higher_count(kamailio: Kamailio) -> None:
    """One round trip instead of two; the same count again is a replay, and stale."""
    async with phone(kamailio, "alice") as alice:
        challenge, _, _ = await alice.authenticated("REGISTER", "sip:localhost")
        for count, status in ((2, 200), (3, 200), (3, 401)):
            credentials = alice.credentials(challenge, "REGISTER", "sip:localhost", count=count)
            text = alice.request("REGISTER", "sip:localhost", credentials, to=f"<{alice.address}>")
            answer = await alice.answer(await alice.send(text))
            assert answer.status == status
        assert "stale=true" in answer.header("WWW-Authenticate")


@pytest.mark.kamailio(nonce_lifetime=1)
async def test_a_nonce_can_be_short_lived(kamailio: Kamailio) -> None:
    """With a life of one second, the same nonce is soon answered with stale=true."""
    async with phone(kamailio, "alice") as alice:
        challenge, _, answer = await alice.authenticated("REGISTER", "sip:localhost")
        count = 1
        while answer.status == 200:
            count += 1
            credentials = alice.credentials(challenge, "REGISTER", "sip:localhost", count=count)
            text = alice.request("REGISTER", "sip:localhost", credentials, to=f"<{alice.address}>")
            answer = await alice.answer(await alice.send(text))
        assert "stale=true" in answer.header("WWW-Authenticate")


async def test_expiry_is_bounded(kamailio: Kamailio) -> None:
    """Too short is 423 with Min-Expires, too long is granted less than asked; 0 unregisters."""
    async with phone(kamailio, "alice") as alice:
        brief = await alice.register(expires=1)
        assert (brief.status, brief.header("Min-Expires")) == (423, str(kamailio.options.min_expires))
        assert f"expires={kamailio.options.max_expires}" in (await alice.register(expires=86400)).header("Contact")
        assert (await alice.register(expires=0)).status == 200
        assert await kamailio.contacts("alice") == ()


# ---------------------------------------------------------------------------------------------------- special numbers


@pytest.mark.parametrize("number", [302, 404, 480, 486, 488, 500, 503, 600, 603])
async def test_number_answers_with_its_status(kamailio: Kamailio, number: int) -> None:
    async with phone(kamailio, "alice") as alice:
        invite, answer = await call(alice, kamailio, str(number))
        await alice.acknowledge(invite, answer)
        assert answer.status == number
        assert (answer.header("Retry-After") == "5") is (number == 503)
        assert ("sip:bob@" in answer.header("Contact")) is (number == 302)


@pytest.mark.parametrize(("number", "provisional"), [("ringing", 180), ("trying", 100)])
async def test_number_without_end_is_cancelled(kamailio: Kamailio, number: str, provisional: int) -> None:
    """It never answers; CANCEL is 200 and the INVITE 487."""
    async with phone(kamailio, "alice") as alice:
        invite, ringing = await call(alice, kamailio, number)
        if ringing.status < provisional:
            ringing = await alice.answer(invite, least=101)
        assert ringing.status == provisional
        cancel = await alice.cancel(invite)
        assert (await alice.answer(cancel)).status == 200
        terminated = await alice.answer(invite)
        await alice.acknowledge(invite, terminated)
        assert terminated.status == 487


async def test_silent_number_says_nothing(kamailio: Kamailio) -> None:
    """The server saw the INVITE, answered an OPTIONS sent after it on the same connection, and nothing else."""
    async with phone(kamailio, "alice") as alice:
        invite = await alice.send(alice.request("INVITE", kamailio.uri("silent")))
        options = await alice.send(alice.request("OPTIONS", f"sip:{kamailio.realm}"))
        assert (await alice.answer(options)).status == 200
        assert [m.start_line for m in await kamailio.messages("INVITE")] == [invite.start_line]


async def test_unknown_user_and_absent_user(kamailio: Kamailio) -> None:
    async with phone(kamailio, "alice") as alice:
        assert (await call(alice, kamailio, "nobody"))[1].status == 404
        assert (await call(alice, kamailio, "bob"))[1].status in (100, 480)
        await kamailio.message(lambda m: m.status == 480)


# ----------------------------------------------------------------------------------------------- between two phones


async def test_a_large_message_passes(kamailio: Kamailio) -> None:
    """30 kB, more than any offer: the server's default limit of 4 kB is lifted."""
    async with phone(kamailio, "alice") as alice:
        options = alice.request("OPTIONS", f"sip:{kamailio.realm}", "Content-Type: text/plain", body="x" * 30_000)
        assert (await alice.answer(await alice.send(options))).status == 200
        (seen, _) = await kamailio.messages("OPTIONS")
        assert len(seen.body) == 30_000


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_call_is_routed_both_ways(kamailio: Kamailio, scheme: str) -> None:
    """INVITE, 180, 200, ACK, an INFO from the callee and a BYE from the caller all pass, by Record-Route."""
    url = kamailio.ws_url if scheme == "ws" else kamailio.wss_url
    async with phone(kamailio, "alice") as alice, phone(kamailio, "bob", url) as bob:
        await bob.register()
        _, invite, _ = await alice.authenticated("INVITE", kamailio.uri("bob"), body="v=0\r\n")
        offered = await bob.incoming("INVITE")
        assert bob.host in offered.start_line
        assert offered.body == "v=0\r\n"
        await bob.respond(offered, 180, "Ringing")
        assert (await alice.answer(invite, least=180)).status == 180
        await bob.respond(offered, 200, "OK")
        answered = await alice.answer(invite, least=200)

        call_id, to = invite.header("Call-ID"), answered.header("To")
        routes = [f"Route: {route}" for route in reversed(answered.headers("Record-Route"))]
        target = answered.header("Contact").strip("<>")
        assert routes
        number = int(invite.header("CSeq").split()[0])
        await alice.send(alice.request("ACK", target, *routes, to=to, call_id=call_id, number=number))
        assert (await bob.incoming("ACK")).header("Call-ID") == call_id

        back = [f"Route: {route}" for route in offered.headers("Record-Route")]
        source = offered.header("Contact").strip("<>")
        caller = f"<{alice.address}>;tag={alice.tag}"
        info = await bob.send(bob.request("INFO", source, *back, to=caller, call_id=call_id))
        await alice.respond(await alice.incoming("INFO"), 200, "OK")
        assert (await bob.answer(info)).status == 200

        bye = await alice.send(alice.request("BYE", target, *routes, to=to, call_id=call_id))
        await bob.respond(await bob.incoming("BYE"), 200, "OK")
        assert (await alice.answer(bye)).status == 200


async def test_call_is_ended_by_the_server(kamailio: Kamailio) -> None:
    """`hang_up` sends BYE to both."""
    async with phone(kamailio, "alice") as alice, phone(kamailio, "bob") as bob:
        await bob.register()
        _, invite, _ = await alice.authenticated("INVITE", kamailio.uri("bob"))
        await bob.respond(await bob.incoming("INVITE"), 200, "OK")
        answered = await alice.answer(invite, least=200)
        routes = [f"Route: {route}" for route in reversed(answered.headers("Record-Route"))]
        number = int(invite.header("CSeq").split()[0])
        target, to, call_id = answered.header("Contact").strip("<>"), answered.header("To"), invite.header("Call-ID")
        await alice.send(alice.request("ACK", target, *routes, to=to, call_id=call_id, number=number))
        await bob.incoming("ACK")
        await kamailio.hang_up(call_id)
        for end in (alice, bob):
            await end.respond(await end.incoming("BYE"), 200, "OK")


async def test_caller_cancels_a_ringing_phone(kamailio: Kamailio) -> None:
    async with phone(kamailio, "alice") as alice, phone(kamailio, "bob") as bob:
        await bob.register()
        _, invite, _ = await alice.authenticated("INVITE", kamailio.uri("bob"))
        offered = await bob.incoming("INVITE")
        await bob.respond(offered, 180, "Ringing")
        await alice.answer(invite, least=180)
        await alice.cancel(invite)
        await bob.respond(await bob.incoming("CANCEL"), 200, "OK")
        await bob.respond(offered, 487, "Request Terminated")
        assert (await alice.answer(invite, least=200)).status == 487


async def test_message_is_relayed(kamailio: Kamailio) -> None:
    """Text beyond ASCII arrives unchanged, and stands so in the dump."""
    text = "grüße, 你好 🙂"
    async with phone(kamailio, "alice") as alice, phone(kamailio, "bob", kamailio.wss_url) as bob:
        await bob.register()
        sent = await alice.send(alice.request("MESSAGE", kamailio.uri("bob"), "Content-Type: text/plain", body=text))
        challenge = await alice.answer(sent)
        credentials = alice.credentials(challenge, "MESSAGE", kamailio.uri("bob"))
        again = alice.request("MESSAGE", kamailio.uri("bob"), credentials, "Content-Type: text/plain", body=text)
        sent = await alice.send(again)
        received = await bob.incoming("MESSAGE")
        assert received.body == text
        await bob.respond(received, 200, "OK")
        assert (await alice.answer(sent)).status == 200
        await kamailio.message(lambda m: m.method == "MESSAGE" and m.body == text and m.direction == "snd")


async def test_options_from_the_server(kamailio: Kamailio) -> None:
    async with phone(kamailio, "bob") as bob:
        await bob.register()
        asked = asyncio.create_task(kamailio.send_options("bob"))
        await bob.respond(await bob.incoming("OPTIONS"), 200, "OK")
        assert await asked == 200


async def test_udp_is_answered(kamailio: Kamailio) -> None:
    """For peers that speak no WebSocket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)
        udp.bind(("127.0.0.1", 0))
        own = f"127.0.0.1:{udp.getsockname()[1]}"
        lines = ["OPTIONS sip:localhost SIP/2.0", f"Via: SIP/2.0/UDP {own};branch=z9hG4bKudp;rport", "CSeq: 1 OPTIONS"]
        lines += ["From: <sip:u@localhost>;tag=1", "To: <sip:localhost>", "Call-ID: udp", "Content-Length: 0", "", ""]
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(udp, "\r\n".join(lines).encode(), kamailio.udp_address)
        async with asyncio.timeout(PATIENCE):
            assert (await loop.sock_recv(udp, 4096)).startswith(b"SIP/2.0 200 ")


# ------------------------------------------------------------------------------------------------ process and faults


async def test_restart_keeps_the_ports_and_loses_the_contacts(kamailio: Kamailio) -> None:
    """The live WebSocket ends, the port answers again, and a nonce of before is refused."""
    async with phone(kamailio, "alice") as alice:
        challenge, _, _ = await alice.authenticated("REGISTER", "sip:localhost")
        await kamailio.restart()
        with pytest.raises(ConnectionClosed):
            await alice.receive(lambda _: True)
    assert await kamailio.contacts("alice") == ()
    async with phone(kamailio, "alice") as alice:
        credentials = alice.credentials(challenge, "REGISTER", "sip:localhost", count=2)
        text = alice.request("REGISTER", "sip:localhost", credentials, to=f"<{alice.address}>")
        assert (await alice.answer(await alice.send(text))).status == 401
        assert (await alice.register()).status == 200


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_stopped_server_refuses(kamailio: Kamailio, end: str) -> None:
    await getattr(kamailio, end)()
    assert not kamailio.running
    with pytest.raises(ConnectionError):
        await connect(kamailio.ws_url, subprotocols=SIP)


@pytest.mark.slow
async def test_close_websocket(kamailio: Kamailio) -> None:
    """A Close frame comes from the server, and the contact goes with the connection."""
    async with phone(kamailio, "alice") as alice, phone(kamailio, "bob") as bob:
        await alice.register()
        await bob.register()
        await kamailio.close_websocket("alice")
        with pytest.raises(ConnectionClosed):
            await alice.receive(lambda _: True)
        await kamailio.until_registered("alice", 0)
        assert len(await kamailio.contacts("bob")) == 1


async def test_subprotocol_is_demanded(kamailio: Kamailio) -> None:
    with pytest.raises(InvalidStatus):
        await connect(kamailio.ws_url)


async def test_certificate_is_checked(kamailio: Kamailio, fault_proxy: FaultProxyFor) -> None:
    """Another authority's certificate is refused, and so is one for another host."""
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        await connect(kamailio.untrusted_wss_url, subprotocols=SIP, ssl=kamailio.ssl_context)
    elsewhere = await fault_proxy(kamailio.wss_url, host="127.0.0.2")
    with pytest.raises(ssl.SSLCertVerificationError, match="127.0.0.2"):
        await connect(elsewhere.url, subprotocols=SIP, ssl=kamailio.ssl_context)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("fault", ["drop", "reset"])
async def test_proxy_ends_a_connection(kamailio: Kamailio, fault_proxy: FaultProxyFor, scheme: str, fault: str) -> None:
    proxy = await fault_proxy(kamailio.ws_url if scheme == "ws" else kamailio.wss_url)
    async with phone(kamailio, "alice", proxy.url) as alice:
        assert (await alice.register()).status == 200
        getattr(proxy, fault)()
        with pytest.raises(ConnectionClosed):
            await alice.receive(lambda _: True)
    await proxy.until_closed()
    await kamailio.until_registered("alice", 0)
    async with phone(kamailio, "alice", proxy.url):
        await proxy.until_accepted(2)
        assert proxy.connections == 1


async def test_proxy_stalls_and_resumes(kamailio: Kamailio, fault_proxy: FaultProxyFor) -> None:
    """Nothing reaches the server while it stalls; all of it does afterwards."""
    proxy = await fault_proxy(kamailio.ws_url)
    async with phone(kamailio, "alice", proxy.url) as alice, phone(kamailio, "bob") as bob:
        proxy.stall()
        options = await alice.send(alice.request("OPTIONS", f"sip:{kamailio.realm}"))
        assert (await bob.register()).status == 200
        assert await kamailio.messages("OPTIONS") == ()
        proxy.resume()
        assert (await alice.answer(options)).status == 200


async def test_proxy_delays(kamailio: Kamailio, fault_proxy: FaultProxyFor) -> None:
    proxy = await fault_proxy(kamailio.ws_url)
    async with phone(kamailio, "alice", proxy.url) as alice:
        proxy.delay(0.2)
        loop_time = asyncio.get_running_loop().time
        began = loop_time()
        await alice.answer(await alice.send(alice.request("OPTIONS", f"sip:{kamailio.realm}")))
        assert loop_time() - began >= 0.4


@pytest.mark.parametrize("direction", ["to_server", "to_client"])
async def test_proxy_cuts_a_frame_in_half(kamailio: Kamailio, fault_proxy: FaultProxyFor, direction: str) -> None:
    """The connection ends within a frame: the SIP message in it reaches nobody."""
    proxy = await fault_proxy(kamailio.ws_url)
    async with phone(kamailio, "alice", proxy.url) as alice:
        proxy.cut("to_server" if direction == "to_server" else "to_client")
        options = await alice.send(alice.request("OPTIONS", f"sip:{kamailio.realm}"))
        with pytest.raises(ConnectionClosed):
            await alice.answer(options)
        assert len(await kamailio.messages("OPTIONS")) == (0 if direction == "to_server" else 2)


async def test_proxy_troubles_new_connections(kamailio: Kamailio, fault_proxy: FaultProxyFor) -> None:
    """HTTP 503, silence and refusal, then all is well again."""
    proxy = await fault_proxy(kamailio.ws_url)
    proxy.answer_http(503, "Service Unavailable", "Retry-After: 1")
    with pytest.raises(InvalidStatus, match="503"):
        await connect(proxy.url, subprotocols=SIP)
    proxy.say_nothing()
    with pytest.raises(TimeoutError):
        await connect(proxy.url, subprotocols=SIP, open_timeout=0.2)
    await proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await connect(proxy.url, subprotocols=SIP)
    await proxy.heal()
    async with phone(kamailio, "alice", proxy.url) as alice:
        assert (await alice.register()).status == 200


async def test_impostors() -> None:
    """One ignores the subprotocol, the other selects it and speaks no SIP."""
    async with impostors.no_subprotocol() as url, connect(url, subprotocols=SIP) as stranger:
        assert stranger.subprotocol is None
    async with impostors.no_sip() as url, connect(url, subprotocols=SIP) as stranger:
        await stranger.send("OPTIONS sip:localhost SIP/2.0\r\n\r\n")
        assert (stranger.subprotocol, await stranger.recv()) == ("sip", '{"type": "hello"}')
