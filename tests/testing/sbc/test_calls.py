"""Calls between two phones of hand-written SIP: what SERVER.md says of jambonz's INVITEs and dialogs."""

import asyncio

import pytest

from jzrx.testing.sbc.server import EmbeddedSbc
from tests.interop.rawphone import RawMessage, RawPhone, raw_phone
from tests.testing.sbc.calling import HOLD_OFFER, OFFER, SDP, accept, answer_to, answered, call, dial, refusal, send
from tests.testing.sbc.conftest import USERS, Connect

SILENCE = 0.3
"""Seconds after which what has not come is taken for not coming."""


@pytest.fixture
async def alice(connect: Connect) -> RawPhone:
    return await connect("alice")


@pytest.fixture
async def bob(connect: Connect) -> RawPhone:
    phone = await connect("bob")
    await phone.register()
    return phone


async def never(phone: RawPhone, method: str) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SILENCE):
            await phone.incoming(method)


# --- towards the callee -----------------------------------------------------------------------------------------------


async def test_the_callee_sees_its_contact_and_from_localhost(alice: RawPhone, bob: RawPhone) -> None:
    await dial(alice, "bob")
    offered = await bob.incoming("INVITE")
    contact = bob.contact.strip("<>")
    assert offered.start_line == f"INVITE {contact} SIP/2.0"
    assert offered.header("To") == f"<{contact}>"
    assert offered.header("From").startswith("<sip:alice@localhost;transport=ws>;tag=")


async def test_the_callee_sees_sids_and_the_callers_own_headers(alice: RawPhone, bob: RawPhone) -> None:
    mine = ("X-Order: 17", "X-Application-Sid: mine", "X-Authenticated-User: root@localhost", "Subject: hi")
    started = await dial(alice, "bob", *mine)
    offered = await bob.incoming("INVITE")
    assert offered.header("X-Order") == "17"
    assert offered.header("X-CID") == started.header("Call-ID")
    assert len(offered.header("X-Account-Sid")) == len(offered.header("X-Call-Sid")) == 36
    assert offered.header("X-Application-Sid") not in ("", "mine")
    assert offered.headers("X-Authenticated-User") == []
    assert offered.headers("Subject") == []


async def test_the_callee_is_offered_dtls_srtp_over_plain_ws(alice: RawPhone, bob: RawPhone) -> None:
    await dial(alice, "bob")
    offered = await bob.incoming("INVITE")
    assert "UDP/TLS/RTP/SAVPF" in offered.body
    assert "a=fingerprint:sha-256" in offered.body
    assert "abcdefghijklmnopqrstuvwx" not in offered.body, "media is anchored: the caller's ICE does not show"


async def test_the_way_to_a_user_lives_as_long_as_the_last_grant(
    alice: RawPhone, bob: RawPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An early refresh cuts it to 30 s: who then waits for the old time cannot be called."""
    refresh = await bob.send(bob.request("REGISTER", "sip:localhost", "Expires: 60", to=f"<{bob.address}>"))
    assert (await bob.answer(refresh)).header("Expires") == "30"
    loop = asyncio.get_running_loop()
    clock = loop.time
    monkeypatch.setattr(loop, "time", lambda: clock() + 31)
    assert (await refusal(alice, "bob")).status == 480


# --- towards the caller -----------------------------------------------------------------------------------------------


async def test_the_caller_gets_183_with_sdp_before_the_answer_and_never_180(alice: RawPhone, bob: RawPhone) -> None:
    started = await dial(alice, "bob")
    offered = await bob.incoming("INVITE")
    await bob.respond(offered, 180, "Ringing")
    progress = await alice.answer(started, 101)
    assert progress.status == 183
    assert "UDP/TLS/RTP/SAVPF" in progress.body
    await accept(bob, offered)
    final, _ = await answered(alice, started)
    assert final.body == progress.body, "the 200 repeats the SDP of the 183"
    assert len(final.header("X-Call-Sid")) == 36
    assert final.header("X-Call-Sid") == offered.header("X-Call-Sid")
    assert final.header("X-Application-Sid") == offered.header("X-Application-Sid")


async def test_an_answer_at_once_does_not_overtake_the_183(alice: RawPhone, bob: RawPhone) -> None:
    started = await dial(alice, "bob")
    offered = await bob.incoming("INVITE")
    await bob.respond(offered, 180, "Ringing")
    await accept(bob, offered)
    assert [(await alice.answer(started, 101)).status for _ in range(2)] == [183, 200]


async def test_an_invite_without_sdp_gets_the_offer_in_the_200(alice: RawPhone, bob: RawPhone) -> None:
    started = await dial(alice, "bob", body="")
    await accept(bob, await bob.incoming("INVITE"))
    final = await alice.answer(started, 200)
    assert "a=setup:actpass" in final.body


async def test_the_invite_is_challenged_by_401_and_nothing_in_the_dialog_is(alice: RawPhone, bob: RawPhone) -> None:
    up = await call(alice, bob)
    for method in ("OPTIONS", "UPDATE"):
        assert (await up.caller.ask(method)).status == 200
    assert (await up.caller.ask("BYE")).status == 200


async def test_a_bad_password_is_403_with_its_reason(connect: Connect, bob: RawPhone) -> None:
    mallory = await connect("alice", "guess")
    refused = await refusal(mallory, "bob")
    assert (refused.status, refused.header("X-Reason")) == (403, "Invalid credentials")


@pytest.mark.parametrize("host", ["other.example", "127.0.0.1"])
async def test_another_realm_is_404_without_a_challenge(alice: RawPhone, host: str) -> None:
    request = await alice.send(alice.request("INVITE", f"sip:bob@{host}", SDP, body=OFFER))
    assert (await alice.answer(request, 101)).status == 404


async def test_who_is_not_registered_is_480_with_its_reason(alice: RawPhone) -> None:
    for target in ("bob", "nobody", "app-unknown", "+4930123456"):
        refused = await refusal(alice, target)
        assert (refused.status, refused.header("X-Reason")) == (480, "no configured application"), target


async def test_another_user_part_may_stand_in_the_request_uri(alice: RawPhone, bob: RawPhone) -> None:
    """The dial verb's override: the call still is for that contact."""
    await dial(alice, "bob", "X-Override-To: +4930123")
    offered = await bob.incoming("INVITE")
    assert offered.start_line == f"INVITE sip:+4930123@{bob.host};transport=ws SIP/2.0"


async def test_a_number_loses_its_plus() -> None:
    async with (
        EmbeddedSbc({**USERS, "4930123": "x"}) as sbc,
        raw_phone(sbc.url, "alice", USERS["alice"], "localhost") as alice,
        raw_phone(sbc.url, "4930123", "x", "localhost") as number,
    ):
        await number.register()
        await dial(alice, "+4930123")
        assert await number.incoming("INVITE")


async def test_limits_by_script(sbc: EmbeddedSbc, alice: RawPhone, bob: RawPhone) -> None:
    headers = {"X-Account-Sid": "a", "X-Call-Limit": "2"}
    sbc.script.reply("INVITE", 503, "Max Account Calls In Progress", headers=headers, user="alice")
    request = await alice.send(alice.request("INVITE", "sip:bob@localhost", SDP, body=OFFER))
    refused = await alice.answer(request)
    assert refused.start_line == "SIP/2.0 503 Max Account Calls In Progress"
    assert refused.header("X-Call-Limit") == "2"


async def test_replaces_takes_the_place_of_the_leg_with_that_call_id(
    connect: Connect, alice: RawPhone, bob: RawPhone
) -> None:
    """The Call-ID alone counts; the old leg gets BYE, and the other side stays in its call."""
    carol = await connect("alice")
    first = await call(alice, bob)
    replaces = f"Replaces: {first.final.header('Call-ID')};to-tag=x;from-tag=y"
    _, dialog = await answered(carol, await dial(carol, "bob", replaces))
    ended = await alice.incoming("BYE")
    await alice.respond(ended, 200, "OK")
    assert ended.header("Call-ID") == first.final.header("Call-ID")
    await never(bob, "BYE")
    await dialog.ask("BYE")
    assert await bob.incoming("BYE")


async def test_replaces_of_an_unknown_call_is_404(alice: RawPhone, bob: RawPhone) -> None:
    refused = await alice.answer(await dial(alice, "bob", "Replaces: nobody;to-tag=x;from-tag=y"), 200)
    assert refused.status == 404


async def test_no_session_timer_goes_on_to_the_callee_and_none_is_echoed(alice: RawPhone, bob: RawPhone) -> None:
    timer = ("Session-Expires: 1800", "Min-SE: 90", "Supported: timer")
    made = await call(alice, bob, *timer)
    assert made.offered.headers("Session-Expires") == []
    assert made.final.headers("Session-Expires") == []


async def test_a_session_timer_of_the_caller_is_echoed(alice: RawPhone, bob: RawPhone) -> None:
    """With `refresher=uac` it is kept; without it, it is declined silently."""
    made = await call(alice, bob, "Session-Expires: 1800;refresher=uac", "Min-SE: 90", "Supported: timer")
    assert made.offered.headers("Session-Expires") == []
    assert made.final.header("Session-Expires") == "1800;refresher=uac"


async def test_a_session_timer_that_the_client_refreshes_is_echoed(alice: RawPhone, bob: RawPhone) -> None:
    timer = ("Session-Expires: 120;refresher=uac", "Supported: timer")
    made = await call(alice, bob, *timer)
    assert made.final.header("Session-Expires") == "120;refresher=uac"
    assert made.final.header("Require") == "timer"
    refreshed = await made.caller.ask("UPDATE", *timer)
    assert (refreshed.status, refreshed.header("Session-Expires")) == (200, "120;refresher=uac")


# --- how it ends ------------------------------------------------------------------------------------------------------


async def test_a_refusal_reaches_the_caller_with_its_reason(alice: RawPhone, bob: RawPhone) -> None:
    started = await dial(alice, "bob")
    await bob.respond(await bob.incoming("INVITE"), 486, "Busy Here", "X-Reason: lunch", "Retry-After: 60")
    final = await alice.answer(started, 200)
    assert (final.status, final.header("X-Reason")) == (486, "lunch")
    assert final.header("Retry-After") == "60"
    await alice.acknowledge(started, final)


@pytest.mark.parametrize("status", [302, 401])
async def test_what_the_caller_must_not_see_is_603(alice: RawPhone, bob: RawPhone, status: int) -> None:
    started = await dial(alice, "bob")
    await bob.respond(await bob.incoming("INVITE"), status, "No")
    assert (await alice.answer(started, 200)).status == 603


async def test_a_cancel_reaches_the_callee(alice: RawPhone, bob: RawPhone) -> None:
    started = await dial(alice, "bob")
    offered = await bob.incoming("INVITE")
    await bob.respond(offered, 180, "Ringing")
    await alice.answer(started, 183)
    assert (await alice.answer(await alice.cancel(started))).status == 200
    assert (await alice.answer(started, 200)).status == 487
    cancel = await bob.incoming("CANCEL")
    await bob.respond(cancel, 200, "OK")
    await bob.respond(offered, 487, "Request Terminated")
    await bob.incoming("ACK")


async def test_a_bye_is_passed_on_with_its_headers(alice: RawPhone, bob: RawPhone) -> None:
    up = await call(alice, bob)
    done = await up.caller.ask("BYE", 'Reason: SIP;cause=480;text="gone"', "X-Reason: tea", "User-Agent: raw")
    assert done.status == 200
    bye = await bob.incoming("BYE")
    assert bye.header("Reason") == 'SIP;cause=480;text="gone"'
    assert bye.header("X-Reason") == "tea"
    assert bye.header("User-Agent") == ""


async def test_a_bye_of_the_callee_reaches_the_caller(alice: RawPhone, bob: RawPhone) -> None:
    up = await call(alice, bob)
    assert (await up.callee.ask("BYE", "X-Why: enough")).status == 200
    assert (await alice.incoming("BYE")).header("X-Why") == "enough"


async def test_a_request_after_the_end_is_481(alice: RawPhone, bob: RawPhone) -> None:
    up = await call(alice, bob)
    await up.caller.ask("BYE")
    assert (await up.caller.ask("INFO", "Content-Type: text/plain", body="x")).status == 481


async def test_a_ringing_call_ends_with_the_callers_socket(alice: RawPhone, bob: RawPhone) -> None:
    await dial(alice, "bob")
    offered = await bob.incoming("INVITE")
    await bob.respond(offered, 180, "Ringing")
    await alice.socket.close()
    assert await bob.incoming("CANCEL")


# --- while it is up ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("holds", ["caller", "callee"])
async def test_a_hold_is_passed_on_end_to_end(alice: RawPhone, bob: RawPhone, holds: str) -> None:
    up = await call(alice, bob)
    holder, other = (up.caller, bob) if holds == "caller" else (up.callee, alice)
    reinvite = await holder.send("INVITE", SDP, f"Contact: {holder.phone.contact}", body=HOLD_OFFER)
    offered = await other.incoming("INVITE")
    assert "a=sendonly" in offered.body
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SILENCE):
            await holder.phone.answer(reinvite, 200)
    await other.respond(offered, 200, "OK", SDP, body=answer_to(offered.body))
    final = await holder.phone.answer(reinvite, 200)
    assert final.status == 200
    assert "a=recvonly" in final.body
    await holder.acknowledge(final)


async def test_a_hold_that_the_other_side_refuses_is_refused(alice: RawPhone, bob: RawPhone) -> None:
    up = await call(alice, bob)
    reinvite = await up.caller.send("INVITE", SDP, body=HOLD_OFFER)
    await bob.respond(await bob.incoming("INVITE"), 488, "Not Acceptable Here")
    assert (await alice.answer(reinvite, 200)).status == 488
    assert (await up.caller.ask("OPTIONS")).status == 200, "the call lives on"


async def test_update_is_200(alice: RawPhone, bob: RawPhone) -> None:
    """Nobody listens for it."""
    made = await call(alice, bob)
    assert (await made.caller.ask("UPDATE")).status == 200


async def test_a_reinvite_keeps_the_servers_ice(alice: RawPhone, bob: RawPhone) -> None:
    up = await call(alice, bob)
    again = await up.caller.ask("INVITE", SDP, body=OFFER)
    for line in ("a=ice-ufrag", "a=ice-pwd", "a=mid"):
        assert _line(again, line) == _line(up.final, line)
    await up.caller.acknowledge(again)


async def test_a_reinvite_without_sdp_gets_the_current_sdp(alice: RawPhone, bob: RawPhone) -> None:
    up = await call(alice, bob)
    again = await up.caller.ask("INVITE")
    assert _line(again, "a=ice-ufrag") == _line(up.final, "a=ice-ufrag")


@pytest.mark.parametrize("kind", ["application/dtmf-relay", "application/dtmf"])
async def test_dtmf_by_info_is_taken_and_never_goes_on_as_info(alice: RawPhone, bob: RawPhone, kind: str) -> None:
    up = await call(alice, bob)
    done = await up.caller.ask("INFO", f"Content-Type: {kind}", body="Signal=5\r\nDuration=160\r\n")
    assert done.status == 200
    await never(bob, "INFO")


async def test_dtmf_a_to_d_is_500_to_a_caller_and_never_answered_to_a_callee(alice: RawPhone, bob: RawPhone) -> None:
    up = await call(alice, bob)
    kind = "Content-Type: application/dtmf-relay"
    assert (await up.caller.ask("INFO", kind, body="Signal=A\r\n")).status == 500
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SILENCE):
            await up.callee.ask("INFO", kind, body="Signal=D\r\n")
    await never(alice, "INFO")
    assert (await up.callee.ask("INFO", kind, body="Signal=#\r\n")).status == 200


async def test_any_other_info_is_answered_as_the_other_side_answers(alice: RawPhone, bob: RawPhone) -> None:
    up = await call(alice, bob)
    sent = await up.caller.send("INFO", "Content-Type: application/json", "X-Mine: 1", body="{}")
    info = await bob.incoming("INFO")
    assert (info.body, info.header("Content-Type"), info.header("X-Mine")) == ("{}", "application/json", "1")
    await bob.respond(info, 415, "Unsupported Media Type")
    assert (await alice.answer(sent, 200)).status == 415


async def test_noise_isolation_is_a_silent_200(alice: RawPhone, bob: RawPhone) -> None:
    up = await call(alice, bob)
    done = await up.caller.ask("INFO", "Content-Type: application/x-jambonz+json", body='{"x": 1}')
    assert done.status == 200
    await never(bob, "INFO")


async def test_refer_is_501_without_a_hook(alice: RawPhone, bob: RawPhone) -> None:
    up = await call(alice, bob)
    assert (await up.caller.ask("REFER", "Refer-To: <sip:carol@localhost>")).status == 501
    assert (await up.caller.ask("OPTIONS")).status == 200


async def test_a_message_in_the_call_is_passed_on(alice: RawPhone, bob: RawPhone) -> None:
    up = await call(alice, bob)
    sent = await up.caller.send("MESSAGE", "Content-Type: text/plain", body="psst")
    message = await bob.incoming("MESSAGE")
    assert message.body == "psst"
    await bob.respond(message, 200, "OK")
    assert (await alice.answer(sent, 200)).status == 200


# --- a lost socket ----------------------------------------------------------------------------------------------------


async def test_a_call_outlives_a_short_loss_of_the_socket(connect: Connect, alice: RawPhone, bob: RawPhone) -> None:
    """The client comes back on a new socket with its old contact: both directions of the old dialog work again."""
    up = await call(alice, bob)
    await bob.socket.close()
    again = await connect("bob")
    again.host, again.tag = bob.host, bob.tag
    await again.register()
    sent = await up.caller.send("INFO", "Content-Type: text/plain", body="there?")
    await again.respond(await again.incoming("INFO"), 200, "OK")
    assert (await alice.answer(sent, 200)).status == 200
    request = again.request(
        "BYE", up.callee.target, to=up.callee.remote, call_id=up.callee.call_id, number=100
    ).replace(f"From: <{again.address}>;tag={again.tag}", f"From: {up.callee.local}")
    assert (await again.answer(await again.send(request))).status == 200
    assert await alice.incoming("BYE")


# --- MESSAGE ----------------------------------------------------------------------------------------------------------


async def test_a_message_is_delivered(alice: RawPhone, bob: RawPhone) -> None:
    headers = ("Content-Type: text/plain;charset=utf-8", "X-Mine: 1")
    sent = await send(alice, "MESSAGE", "bob", *headers, body="grüße")
    message = await bob.incoming("MESSAGE")
    assert message.body == "grüße"
    assert message.header("Content-Type") == "text/plain;charset=utf-8"
    assert message.header("From").startswith("<sip:alice@localhost;transport=ws>")
    assert message.header("X-Mine") == "1"
    await bob.respond(message, 202, "Accepted")
    assert (await alice.answer(sent)).status == 202


async def test_a_message_to_nobody_is_404_and_to_an_absent_user_480(alice: RawPhone) -> None:
    text = "Content-Type: text/plain"
    assert (await alice.authenticated("MESSAGE", "sip:nobody@localhost", text, body="x"))[2].status == 404
    assert (await alice.authenticated("MESSAGE", "sip:bob@localhost", text, body="x"))[2].status == 480


# --- strict -----------------------------------------------------------------------------------------------------------


async def test_strict_takes_the_kindnesses_away(connect: Connect) -> None:
    async with EmbeddedSbc(USERS, strict=True) as stock:
        alice, bob = await connect("alice", url=stock.url), await connect("bob", url=stock.url)
        await bob.register()
        text = await alice.send(alice.request("MESSAGE", "sip:bob@localhost", "Content-Type: text/plain", body="x"))
        assert (await alice.answer(text)).status == 503
        started = await dial(alice, "bob")
        offered = await bob.incoming("INVITE")
        assert "RTP/AVP " in offered.body
        assert "fingerprint" not in offered.body
        assert "ice-ufrag" not in offered.body
        warning = 'Warning: 304 jzrx "Media type not available"'
        await bob.respond(offered, 488, "Not Acceptable Here", warning)
        assert (await alice.answer(started, 200)).status == 603


async def test_strict_offers_dtls_to_those_who_registered_as_wss(connect: Connect) -> None:
    async with EmbeddedSbc(USERS, strict=True) as stock:
        alice, bob = await connect("alice", url=stock.url), await connect("bob", url=stock.url)
        request = bob.request("REGISTER", "sip:localhost", "Expires: 60", to=f"<{bob.address}>")
        challenge = await bob.answer(await bob.send(request.replace("SIP/2.0/WS ", "SIP/2.0/WSS ")))
        credentials = bob.credentials(challenge, "REGISTER", "sip:localhost")
        request = bob.request("REGISTER", "sip:localhost", "Expires: 60", credentials, to=f"<{bob.address}>")
        await bob.answer(await bob.send(request.replace("SIP/2.0/WS ", "SIP/2.0/WSS ")))
        await dial(alice, "bob")
        assert "UDP/TLS/RTP/SAVPF" in (await bob.incoming("INVITE")).body


async def test_messages_can_be_refused_alone(connect: Connect) -> None:
    async with EmbeddedSbc(USERS, messages="refuse") as server:
        alice = await connect("alice", url=server.url)
        text = await alice.send(alice.request("MESSAGE", "sip:bob@localhost", "Content-Type: text/plain", body="x"))
        assert (await alice.answer(text)).status == 503


# --- helpers ----------------------------------------------------------------------------------------------------------


def _line(message: RawMessage, prefix: str) -> str:
    return next(line for line in message.body.splitlines() if line.startswith(prefix))
