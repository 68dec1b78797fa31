"""What a client shows of what jambonz does: real clients on the embedded SBC, which does it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from jzrx import CallError, JambonzCall, JambonzClient, RegistrationError, create_jambonz_client
from jzrx.commands import SendInfo
from jzrx.media import silence, tone
from jzrx.testing import Account, EmbeddedSbc
from jzrx.testing.sbc.legs import Leg
from tests.bench import Bench, told
from tests.interop.phones import hears_tone

USERS = {"alice": "secret", "bob": "secret"}


def phone(sbc: EmbeddedSbc, name: str, **options: Any) -> JambonzClient:
    given: dict[str, Any] = {"server": sbc.url, "username": name, "password": "secret", "audio": silence()}
    return create_jambonz_client(**{**given, "speaker": False, **options})


@asynccontextmanager
async def server(*names: str, **options: Any) -> AsyncIterator[tuple[Any, ...]]:
    """A server, and clients that are registered there: `(sbc, client, ...)`."""
    async with AsyncExitStack() as stack:
        sbc = await stack.enter_async_context(EmbeddedSbc(USERS, **options))
        yield (sbc, *[await stack.enter_async_context(phone(sbc, name)) for name in names])


async def refused(client: JambonzClient, target: str, **options: Any) -> CallError:
    """The error of a call, which is the cause that the call shows, too."""
    call = client.call(target, **options)
    with pytest.raises(CallError) as caught:
        await call.answered()
    cause = await call.finished()
    assert (caught.value.code, caught.value.reason) == (cause.code, cause.reason)
    assert f": {cause.code} {cause.reason}" in str(caught.value)
    return caught.value


async def ringing(caller: JambonzClient, callee: JambonzClient, **options: Any) -> tuple[JambonzCall, JambonzCall]:
    """A call that rings at the callee: what the caller has of it, and what the callee has."""
    calls: asyncio.Queue[JambonzCall] = asyncio.Queue()
    callee.once("incoming", calls.put_nowait)
    ours = caller.call(callee.options.username, **options)
    async with asyncio.timeout(10):
        return ours, await calls.get()


async def up(caller: JambonzClient, callee: JambonzClient, **options: Any) -> tuple[JambonzCall, JambonzCall]:
    """A call that was answered."""
    ours, theirs = await ringing(caller, callee, **options)
    await theirs.answer()
    await ours.answered()
    return ours, theirs


# --- transport --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "word"), [("wss", "WSS"), ("ws", "WS")])
async def test_via_says_over_what_we_are_registered(scheme: str, word: str) -> None:
    """A client that says WS is offered plain RTP; and the contact says ws in both cases."""
    bench = Bench(server=f"{scheme}://example.com")
    await bench.connected()
    (register,) = bench.sent("REGISTER")
    assert register.via.transport == word
    assert register.contacts[0].uri.params.get("transport") == "ws"
    await bench.close()


async def test_a_client_that_registered_over_ws_refuses_plain_rtp_and_says_what_to_do() -> None:
    async with server("alice", "bob", strict=True) as (_, alice, bob):
        calls: asyncio.Queue[JambonzCall] = asyncio.Queue()
        bob.once("incoming", calls.put_nowait)
        calling = alice.call("bob")
        theirs = await calls.get()
        with pytest.raises(CallError, match="wss://"):
            await theirs.answer()
        assert (await theirs.finished()).code == 488
        assert (await calling.finished()).code == 603  # the application that the user's name stands for has failed


# --- REGISTER ---------------------------------------------------------------------------------------------------------


async def test_the_realm_is_the_accounts_not_the_servers_host() -> None:
    bench = Bench(server="wss://sip.example.net", realm="acme.sip.example.com")
    await bench.connected()
    (register,) = bench.sent("REGISTER")
    assert (str(register.uri), str(register.to.uri)) == ("sip:acme.sip.example.com", "sip:alice@acme.sip.example.com")
    await bench.close()


@pytest.mark.parametrize(
    ("sbc_options", "options", "code", "says"),
    [
        ({}, {"realm": "127.0.0.1"}, 403, "give realm="),
        ({}, {"realm": "acme.example.com"}, 403, "Unknown or invalid realm.*realm="),
        ({}, {"password": "wrong"}, 403, "Invalid credentials.*[Cc]heck username, password"),
        ({}, {"username": "nobody"}, 403, "Invalid credentials"),
        ({"account": Account(is_active=False)}, {}, 403, "Account exists but is inactive"),
        ({"account": Account(max_devices=0)}, {}, 503, "Max Devices Registered"),
    ],
)
async def test_a_refused_registration_says_the_servers_words_and_what_to_do(
    sbc_options: dict[str, Any], options: dict[str, Any], code: int, says: str
) -> None:
    async with EmbeddedSbc(USERS, **sbc_options) as sbc:
        client = phone(sbc, "alice", **options)
        with pytest.raises(RegistrationError, match=says) as caught:
            await client.connect()
        assert caught.value.code == code
        assert client.snapshot.value.state == "error"
        assert client.snapshot.value.error == str(caught.value)
        await client.disconnect()


@pytest.mark.parametrize("status", [400, 404, 500, 502, 503])
async def test_the_status_of_a_failed_webhook_is_the_codes(status: int) -> None:
    async with EmbeddedSbc(USERS) as sbc:
        sbc.script.reply("REGISTER", status)
        with pytest.raises(RegistrationError) as caught:
            await phone(sbc, "alice").connect()
        assert caught.value.code == status


async def test_any_expiry_is_granted_there_is_no_423() -> None:
    async with EmbeddedSbc(USERS) as sbc, phone(sbc, "alice", register_expires=1) as alice:
        assert alice.is_registered


async def test_a_registration_asked_for_early_keeps_us_reachable() -> None:
    """The server grants 30 s only, and knows the way that long: we come back before they are over."""
    async with server("alice", "bob") as (_, alice, bob):
        await bob.register()
        left = bob.snapshot.value.registered_until
        assert left is not None
        await ringing(alice, bob)


async def test_one_binding_for_each_user_the_last_one_wins() -> None:
    """And who leaves takes the registration with it, whoever holds it: the newer client is not reachable any more."""
    async with server("alice") as (sbc, alice):
        older = phone(sbc, "bob")
        await older.connect()
        async with phone(sbc, "bob") as newer:
            await ringing(alice, newer)
            await older.disconnect()
            assert sbc.registered == ("alice",)
            assert newer.is_registered, "it cannot know, until it refreshes"
            error = await refused(alice, "bob")
            assert (error.code, error.reason) == (480, "no configured application")
            await newer.register()
            await ringing(alice, newer)


# --- INVITE from the client -------------------------------------------------------------------------------------------


async def test_another_realm_is_404() -> None:
    async with server("alice") as (_, alice):
        assert (await refused(alice, "sip:bob@other.example.com")).code == 404


async def test_the_account_takes_no_more_calls() -> None:
    async with server("alice", account=Account(max_calls=1)) as (_, alice):
        await alice.call("echo").answered()
        error = await refused(alice, "echo")
        assert (error.code, error.reason) == (503, "Max Account Calls In Progress")


@pytest.mark.parametrize(
    ("status", "phrase", "x_reason"),
    [
        (403, None, "Invalid credentials"),
        (480, None, "no configured application"),
        (480, None, None),  # no rtpengine or feature server; the webhook failed
        (503, "Maximum Calls In Progress", None),
        (503, "No Active Subscription", None),
        (603, None, None),
    ],
)
async def test_a_refused_call_shows_the_code_and_the_servers_words(
    status: int, phrase: str | None, x_reason: str | None
) -> None:
    async with server("alice") as (sbc, alice):
        sbc.script.reply("INVITE", status, phrase, headers={"X-Reason": x_reason} if x_reason else None)
        error = await refused(alice, "echo")
        assert error.code == status
        if phrase or x_reason:
            assert error.reason == (x_reason or phrase)
        assert alice.snapshot.value.state == "registered"


async def test_an_application_that_ends_without_an_answer_is_603_and_one_that_fails_480(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def silent(leg: Leg) -> None:
        leg.progress()

    async def broken(leg: Leg) -> None:
        raise RuntimeError("webhook")

    async with server("alice", apps={"silent": silent, "broken": broken}) as (_, alice):
        assert (await refused(alice, "app-silent")).code == 603
        assert (await refused(alice, "app-broken")).code == 480
    assert "webhook" in caplog.text


async def test_who_may_not_call_an_application_directly() -> None:
    async with server("alice", account=Account(grants={"alice": ()})) as (_, alice):
        for call in (alice.call_application("echo"), alice.call_queue("q"), alice.call_conference("c")):
            cause = await call.finished()
            assert (cause.code, cause.reason) == (480, "no configured application")


async def test_ringing_is_a_183_and_the_answer_names_the_call() -> None:
    """No 180 ever: 183 with SDP, and a 200 with the call's sid."""
    async with server("alice", "bob") as (_, alice, bob):
        ours, theirs = await ringing(alice, bob)
        await ours.snapshot.wait(lambda now: now.state == "ringing", timeout=5)
        await ours.snapshot.wait(lambda now: now.media == "connected", timeout=10)
        assert ours.state == "ringing"
        await theirs.answer()
        await ours.answered()
        assert len(ours.remote_headers["X-Call-Sid"]) == len(ours.remote_headers["X-Application-Sid"]) == 36
        assert "X-Trace-ID" not in ours.remote_headers


async def test_what_an_application_plays_before_its_answer_is_heard() -> None:
    """And goes on without another description once it answers."""
    answering = asyncio.Event()

    async def announces(leg: Leg) -> None:
        leg.session.set_source(tone(700))
        leg.progress()
        await answering.wait()
        leg.answer()
        await leg.over()

    async with server("alice", apps={"announces": announces}) as (_, alice):
        call = alice.call_application("announces")
        await call.snapshot.wait(lambda now: now.media == "connected", timeout=10)
        await hears_tone(call, 700)
        assert call.state == "ringing"
        answering.set()
        await call.answered()
        await hears_tone(call, 700)


async def test_the_codec_follows_the_clients_order() -> None:
    async with server("alice") as (_, alice):
        for codec in ("PCMU", "opus"):
            call = alice.call("echo", preferred_codecs=[codec])
            await call.answered()
            await call.media_ready()
            stats = await call.get_stats()
            assert stats is not None
            assert stats.codec == codec
            await call.hangup()


# --- INVITE to the client ---------------------------------------------------------------------------------------------


async def test_an_incoming_call_is_from_localhost_with_the_calls_sids() -> None:
    async with server("alice", "bob") as (_, alice, bob):
        _, theirs = await ringing(alice, bob, headers={"X-Order": "17", "X-Application-Sid": "mine"})
        assert theirs.remote_identity == "sip:alice@localhost"
        assert theirs.remote_headers["X-Order"] == "17"
        assert theirs.remote_headers["X-Application-Sid"] != "mine"
        assert all(name in theirs.remote_headers for name in ("X-Account-Sid", "X-Call-Sid", "X-CID"))
        assert "Session-Expires" not in theirs.remote_headers


async def test_a_call_for_another_user_part_is_ours() -> None:
    async with server("alice", "bob") as (_, alice, bob):
        ours, theirs = await up(alice, bob, headers={"X-Override-To": "+4930123456"})
        await theirs.hangup()
        assert (await ours.finished()).code == 200


async def test_a_call_that_rings_too_long_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jzrx.testing.sbc.b2bua.RING_TIME", 0.3)
    async with server("alice", "bob") as (_, alice, bob):
        ours, theirs = await ringing(alice, bob)
        assert (await theirs.finished()).code == 487
        assert (await ours.finished()).code == 603


async def test_a_302_of_the_client_forwards_nothing() -> None:
    async with server("alice", "bob") as (_, alice, bob):
        ours, theirs = await ringing(alice, bob)
        await theirs.hangup(code=302)
        assert (await ours.finished()).code == 603


# --- in the dialog ----------------------------------------------------------------------------------------------------


async def test_the_headers_of_a_bye_arrive() -> None:
    async def curt(leg: Leg) -> None:
        leg.answer()
        await leg.up()
        leg.hang_up(headers=(("Reason", 'SIP;cause=480;text="gone"'), ("X-Reason", "out of credit"), ("X-Bill", "7")))

    async with server("alice", apps={"curt": curt}) as (_, alice):
        call = alice.call_application("curt")
        await call.answered()
        cause = await call.finished()
        assert (cause.code, cause.reason, cause.originator) == (480, "out of credit", "remote")
        assert call.remote_headers["X-Bill"] == "7"


@pytest.mark.parametrize("status", [488, 500])
async def test_a_hold_that_is_refused_leaves_the_call(status: int) -> None:
    async with server("alice", "bob") as (sbc, alice, bob):
        ours, _ = await up(alice, bob)
        sbc.script.reply("INVITE", status, user="alice")
        with pytest.raises(CallError) as caught:
            await ours.hold()
        assert caught.value.code == status
        assert (ours.state, ours.is_held) == ("connected", False)


async def test_a_to_d_by_info_is_500_to_a_caller() -> None:
    async with server("alice", "bob") as (_, alice, bob):
        ours, _ = await up(alice, bob)
        with pytest.raises(CallError) as caught:
            await ours.send_dtmf("A", method="info")
        assert caught.value.code == 500
        assert ours.state == "connected"
        await ours.send_dtmf("1", method="info")


async def test_an_application_may_send_info() -> None:
    async def talks(leg: Leg) -> None:
        leg.answer()
        await leg.up()
        await leg.ask(SendInfo(call_id=leg.id, content_type="application/json", body=b'{"a": 1}'))
        await leg.over()

    async with server("alice", apps={"talks": talks}) as (_, alice):
        call = alice.call_application("talks")
        informed: asyncio.Queue[Any] = asyncio.Queue()
        call.on("info", informed.put_nowait)
        async with asyncio.timeout(5):
            info = await informed.get()
        assert (info.content_type, info.body) == ("application/json", b'{"a": 1}')


async def test_noise_isolation_is_accepted_and_does_nothing() -> None:
    async with server("alice") as (_, alice):
        call = alice.call("echo")
        await call.answered()
        await call.enable_noise_isolation()
        await call.disable_noise_isolation()


async def test_a_message_outside_a_call_is_503_on_a_stock_server() -> None:
    async with server("alice", "bob", strict=True) as (_, alice, _bob):
        with pytest.raises(CallError) as caught:
            await alice.send_message("bob", "hello")
        assert caught.value.code == 503


async def test_a_message_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with server("alice", "bob") as (_, alice, _bob):
        with pytest.raises(ValueError, match="61440 at most"):
            await alice.send_message("bob", "x" * 70_000)
        monkeypatch.setattr("jzrx.sip.bodies.MAX_BODY", 100_000)  # a client of somebody else's
        with pytest.raises(CallError) as caught:
            await alice.send_message("bob", "x" * 70_000)
        assert caught.value.code == 413
        assert alice.is_registered


async def test_the_named_events_tell_it_too() -> None:
    """Not only to who awaits."""
    async with server("alice") as (sbc, alice):
        sbc.script.reply("INVITE", 480, headers={"X-Reason": "no configured application"})
        call = alice.call("echo")
        heard = told(call)
        await call.finished()
        ((_, cause),) = [entry for entry in heard if entry[0] == "failed"]
        assert (cause.code, cause.reason) == (480, "no configured application")
