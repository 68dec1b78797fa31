"""REGISTER over a real WebSocket, by hand-written SIP: what SERVER.md says of jambonz's registrar."""

import asyncio

import pytest
from websockets.asyncio.client import connect as websocket
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from jzrx.testing.sbc.server import EmbeddedSbc
from tests.interop.rawphone import RawMessage, RawPhone, raw_phone
from tests.testing.sbc.calling import dial, send
from tests.testing.sbc.conftest import USERS, Connect


async def unchallenged(phone: RawPhone, *headers: str, uri: str = "sip:localhost", to: str = "") -> RawMessage:
    request = await phone.send(phone.request("REGISTER", uri, *headers, to=to or f"<{phone.address}>"))
    return await phone.answer(request)


async def test_challenges_by_401_with_md5_and_qop_auth(connect: Connect) -> None:
    alice = await connect("alice")
    challenge, _, final = await alice.authenticated("REGISTER", "sip:localhost", "Expires: 60")
    assert challenge.status == 401
    value = challenge.header("WWW-Authenticate")
    assert 'realm="localhost"' in value
    assert "algorithm=MD5" in value
    assert 'qop="auth"' in value
    assert "opaque" not in value
    assert "stale" not in value
    assert final.status == 200
    assert final.header("Expires") == "60"


async def test_a_nonce_of_somebody_else_will_do(connect: Connect) -> None:
    """jambonz validates no nonce: one that it never gave out is as good."""
    alice = await connect("alice")
    made_up = RawMessage(
        'SIP/2.0 401 x\r\nWWW-Authenticate: Digest realm="localhost", nonce="n", algorithm=MD5\r\n\r\n'
    )
    credentials = alice.credentials(made_up, "REGISTER", "sip:localhost")
    assert (await unchallenged(alice, "Expires: 60", credentials)).status == 200


async def test_grants_what_the_contact_asks_for(sbc: EmbeddedSbc, connect: Connect) -> None:
    alice = await connect("alice")
    asked = alice.request("REGISTER", "sip:localhost", to=f"<{alice.address}>")
    asked = asked.replace("transport=ws>", "transport=ws>;expires=90")
    challenge = await alice.answer(await alice.send(asked))
    credentials = alice.credentials(challenge, "REGISTER", "sip:localhost")
    again = alice.request("REGISTER", "sip:localhost", credentials, to=f"<{alice.address}>")
    final = await alice.answer(await alice.send(again.replace("transport=ws>", "transport=ws>;expires=90")))
    assert final.header("Contact") == f"{alice.contact};expires=90"
    assert sbc.registered == ("alice",)


async def test_a_wrong_password_is_403_with_its_reason_and_no_second_challenge(connect: Connect) -> None:
    mallory = await connect("alice", "guess")
    final = await mallory.register()
    assert (final.status, final.header("X-Reason")) == (403, "Invalid credentials")


async def test_an_unknown_user_is_403(connect: Connect) -> None:
    nobody = await connect("nobody", "x")
    final = await nobody.register()
    assert (final.status, final.header("X-Reason")) == (403, "Invalid credentials")


async def test_an_unknown_realm_is_403_before_any_challenge(connect: Connect) -> None:
    alice = await connect("alice", realm="elsewhere.example")
    final = await unchallenged(alice, "Expires: 60", uri="sip:elsewhere.example")
    assert (final.status, final.header("X-Reason")) == (403, "Unknown or invalid realm")


async def test_an_ipv4_realm_is_403_at_once(connect: Connect) -> None:
    alice = await connect("alice", realm="127.0.0.1")
    assert (await unchallenged(alice, "Expires: 60", uri="sip:127.0.0.1")).status == 403


async def test_without_contact_or_without_expiry_is_400(connect: Connect) -> None:
    alice = await connect("alice")
    assert (await unchallenged(alice)).status == 400
    request = alice.request("REGISTER", "sip:localhost", "Expires: 60", to=f"<{alice.address}>")
    request = request.replace(f"Contact: {alice.contact}\r\n", "")
    assert (await alice.answer(await alice.send(request))).status == 400


async def test_credentials_that_jambonz_cannot_read_are_500(connect: Connect) -> None:
    """Valid by RFC 7616, but the response stands at the end, where jambonz's pattern does not find it."""
    alice = await connect("alice")
    challenge = await unchallenged(alice, "Expires: 60")
    line = alice.credentials(challenge, "REGISTER", "sip:localhost")
    name, _, value = line.partition(": Digest ")
    parts = [part for part in value.split(", ") if not part.startswith("response=")]
    response = next(part for part in value.split(", ") if part.startswith("response="))
    parts = [*parts, response.replace('"', "")]
    assert (await unchallenged(alice, "Expires: 60", f"{name}: Digest {', '.join(parts)}")).status == 500


async def test_an_early_refresh_is_granted_30_s_without_authentication(connect: Connect) -> None:
    alice = await connect("alice")
    await alice.register(expires=300)
    refresh = await unchallenged(alice, "Expires: 300")
    assert (refresh.status, refresh.header("Expires")) == (200, "30")


async def test_a_refresh_in_the_last_30_s_is_challenged_and_granted_in_full(connect: Connect) -> None:
    alice = await connect("alice")
    await alice.register(expires=29)
    challenge, _, final = await alice.authenticated("REGISTER", "sip:localhost", "Expires: 29")
    assert (challenge.status, final.status, final.header("Expires")) == (401, 200, "29")


async def test_a_refresh_from_another_socket_is_challenged(connect: Connect) -> None:
    alice, again = await connect("alice"), await connect("alice")
    await alice.register(expires=300)
    assert (await unchallenged(again, "Expires: 300")).status == 401


async def test_one_binding_for_each_user_the_last_one_wins(sbc: EmbeddedSbc, connect: Connect) -> None:
    first, second, caller = await connect("bob"), await connect("bob"), await connect("alice")
    await first.register()
    await second.register()
    assert sbc.registered == ("bob",)
    await send(caller, "MESSAGE", "bob", "Content-Type: text/plain", body="hi")
    assert (await second.incoming("MESSAGE")).body == "hi"


async def test_unregistering_is_challenged_and_removes_the_user_whoever_holds_it(
    sbc: EmbeddedSbc, connect: Connect
) -> None:
    old, new = await connect("bob"), await connect("bob")
    await old.register()
    await new.register()
    challenge, _, final = await old.authenticated("REGISTER", "sip:localhost", "Expires: 0")
    assert (challenge.status, final.status, final.header("Expires")) == (401, 200, "0")
    assert sbc.registered == ()


async def test_limits_by_script(sbc: EmbeddedSbc, connect: Connect) -> None:
    sbc.script.reply("REGISTER", 503, "Max Devices Registered", user="alice")
    alice = await connect("alice")
    refused = await unchallenged(alice, "Expires: 60")
    assert refused.start_line == "SIP/2.0 503 Max Devices Registered"
    assert (await alice.register()).status == 200


async def test_options_are_200_without_authentication(connect: Connect) -> None:
    stranger = await connect("stranger", "")
    ping = await stranger.send(stranger.request("OPTIONS", "sip:localhost"))
    assert (await stranger.answer(ping)).status == 200


async def test_what_no_application_takes_is_503(connect: Connect) -> None:
    alice = await connect("alice")
    for method in ("SUBSCRIBE", "PUBLISH"):
        assert (await alice.answer(await alice.send(alice.request(method, "sip:bob@localhost")))).status == 503


async def test_a_malformed_message_is_refused_and_the_socket_lives(connect: Connect) -> None:
    alice = await connect("alice")
    broken = alice.request("REGISTER", "sip:localhost", to="<sip:")
    assert (await alice.answer(await alice.send(broken))).status == 400
    await alice.socket.send(b"\x00\xff rubbish")
    assert (await alice.register()).status == 200


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "MESSAGE", "OPTIONS"])
async def test_strange_addresses_are_answered_and_the_socket_lives(connect: Connect, method: str) -> None:
    alice = await connect("alice")
    strange = (
        "tel:+4930123",
        "sips:localhost",
        "sip:%00@localhost",
        "sip:a%22%3Eb@localhost",
        "sip:[::1]",
        "mailto:a@b",
    )
    for uri in strange:
        for place in ("R-URI", "To", "From", "Contact"):
            request = alice.request(
                method,
                uri if place == "R-URI" else "sip:bob@localhost",
                "Expires: 60",
                'Authorization: Digest username="alice", realm="localhost", nonce="", uri="", response=""',
                to=f"<{uri}>" if place == "To" else f"<{alice.address}>",
            )
            if place in ("From", "Contact"):
                request = "\r\n".join(
                    f"{place}: <{uri}>;tag=1" if line.startswith(f"{place}: ") else line
                    for line in request.split("\r\n")
                )
            answer = await alice.answer(await alice.send(request), 200)
            assert answer.status >= 200, (uri, place)
    assert (await alice.register()).status == 200


@pytest.mark.parametrize("contact", ["*", "<tel:+4930123>", "<mailto:a@b>", "<sip:localhost>", "<sip:%00@x.invalid>"])
async def test_whatever_contact_is_registered_a_call_to_it_is_answered(connect: Connect, contact: str) -> None:
    bob, alice = await connect("bob"), await connect("alice")
    request = bob.request("REGISTER", "sip:localhost", "Expires: 60", to=f"<{bob.address}>")
    challenge = await bob.answer(await bob.send(request))
    credentials = bob.credentials(challenge, "REGISTER", "sip:localhost")
    request = bob.request("REGISTER", "sip:localhost", "Expires: 60", credentials, to=f"<{bob.address}>")
    final = await bob.answer(await bob.send(request.replace(f"Contact: {bob.contact}", f"Contact: {contact}")))
    assert final.status in (200, 400)
    invite = await dial(alice, "bob")
    await alice.cancel(invite)
    assert (await alice.answer(invite, 200)).status in (480, 487)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_listens_on_both_loopback_addresses(sbc: EmbeddedSbc, host: str) -> None:
    port = sbc.url.rpartition(":")[2]
    async with websocket(f"ws://{host}:{port}", subprotocols=[Subprotocol("sip")]) as socket:
        assert socket.subprotocol == "sip"


async def test_without_the_subprotocol_there_is_no_websocket(sbc: EmbeddedSbc) -> None:
    with pytest.raises(InvalidStatus):
        await websocket(sbc.url)


async def test_a_stopped_server_can_be_started_again_on_its_port() -> None:
    server = EmbeddedSbc({"alice": "x"})
    with pytest.raises(RuntimeError, match="start"):
        _ = server.url
    await server.start()
    url = server.url
    with pytest.raises(RuntimeError, match="running"):
        await server.start()
    await server.restart()
    assert server.url == url
    await server.stop()
    await server.stop()


async def test_a_stop_waits_for_what_is_left_of_a_client_that_has_just_gone() -> None:
    """Its call rings; the server is stopped in the moment in which it hears that the client is away."""
    server = await EmbeddedSbc(USERS).start()
    gone = asyncio.Event()
    async with raw_phone(server.url, "alice", USERS["alice"], "localhost") as alice:
        before = asyncio.all_tasks()
        ringing = await dial(alice, "noanswer")
        assert (await alice.answer(ringing, 101)).status == 183
        server.events.subscribe(lambda event: event.what == "closed" and gone.set())
        server.drop()
        await gone.wait()
        await server.stop()
        assert asyncio.all_tasks() <= before


async def test_a_taken_port_is_said_in_one_line(sbc: EmbeddedSbc) -> None:
    port = int(sbc.url.rpartition(":")[2])
    with pytest.raises(OSError, match=f"port {port}.*another port"):
        await EmbeddedSbc({"alice": "x"}, port=port).start()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"users": {"": "x"}}, "users"),
        ({"users": {"alice": ""}}, "users"),
        ({"users": ["alice"]}, "users"),
        ({"users": None}, "users"),
        ({"users": {}, "messages": "perhaps"}, "messages"),
        ({"users": {}, "refer": "no"}, "refer"),
        ({"users": {}, "port": 70000}, "port"),
        ({"users": {}, "port": "5060"}, "port"),
        ({"users": {}, "apps": {"x": "nothing"}}, "apps"),
        ({"users": {}, "apps": {"x": 1}}, "apps"),
        ({"users": {}, "device_app": "x"}, "device_app"),
    ],
)
def test_impossible_options_are_named(options: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        EmbeddedSbc(**options)  # pyright: ignore[reportArgumentType]


async def test_it_shows_itself_without_passwords(connect: Connect, sbc: EmbeddedSbc) -> None:
    assert repr(sbc) == f"<EmbeddedSbc at {sbc.url}, registered: nobody>"
    await (await connect("alice")).register()
    assert repr(sbc) == f"<EmbeddedSbc at {sbc.url}, registered: alice>"
    assert repr(EmbeddedSbc({"alice": "topsecret"})) == "<EmbeddedSbc not running, registered: nobody>"


async def test_everybody_can_be_dropped(sbc: EmbeddedSbc, connect: Connect) -> None:
    alice = await connect("alice")
    await alice.register()
    sbc.drop("alice")
    async with asyncio.timeout(5):
        await alice.socket.wait_closed()
