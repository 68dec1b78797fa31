"""sdk-options.spec: what a client and a call can be told."""

import re
from typing import Any

import pytest

import jzrx
from jzrx import create_jambonz_client
from jzrx.testing import EmbeddedSbc
from tests.bench import Bench, outbound
from tests.pulseaudio import PulseAudio, at, plays
from tests.reference.conftest import Phone, silent_stun


def test_71_the_version_is_a_semantic_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[\w.]+)?", jzrx.VERSION)


def test_72_the_default_user_agent_names_the_kind_and_the_version() -> None:
    assert f"jambonz-webrtc-{jzrx.VERSION}" == jzrx.DEFAULT_USER_AGENT


@pytest.mark.parametrize(("given", "shown"), [({"user_agent": "Desk/7"}, "Desk/7"), ({}, jzrx.DEFAULT_USER_AGENT)])
async def test_73_the_user_agent_stands_in_register_and_invite(given: dict[str, Any], shown: str) -> None:
    bench = Bench(**given)
    await bench.connected()
    await outbound(bench)
    for method in ("REGISTER", "INVITE"):
        assert bench.sent(method)[0].headers.get("User-Agent") == shown
    await bench.close()


async def test_74_headers_of_ones_own_go_out_and_cannot_forge_others(bench: Bench) -> None:
    bench.client.call("bob", headers={"X-Order": "17", "X-Name": "Zoë"})
    await bench.pass_time(0.1)
    invite = bench.sent("INVITE")[0]
    assert (invite.headers.get("X-Order"), invite.headers.get("X-Name")) == ("17", "Zoë")
    for bad in ({"X-A": "1\r\nX-B: 2"}, {"X-A\r\nX-B": "1"}, {"X-A": "1\n2"}, {"Via": "SIP/2.0/WS h"}, {"X A": "1"}):
        with pytest.raises(ValueError, match="^headers: "):
            bench.client.call("bob", headers=bad)
    assert len(bench.sent("INVITE")) == 1


async def test_75_both_stun_servers_reach_the_audio(bench: Bench) -> None:
    urls = ["stun:stun1.example.com:3478", "stun:stun2.example.com:3478"]
    call = bench.client.call("bob", pc_config={"iceServers": [{"urls": url} for url in urls]})
    assert [server.urls for server in bench.session(call.id).config.ice_servers] == [(url,) for url in urls]
    usual = bench.client.call("carol")
    assert [server.urls for server in bench.session(usual.id).config.ice_servers] == [("stun:stun.l.google.com:19302",)]


async def test_75_both_stun_servers_are_asked(phone: Phone) -> None:
    with silent_stun() as (first, one), silent_stun() as (second, other):
        alice = await phone("alice", pc_config={"iceServers": [{"urls": one}, {"urls": [other]}]})
        call = alice.call("echo")
        await call.answered()
        assert first.recv(2048)[4:8] == second.recv(2048)[4:8] == bytes.fromhex("2112a442"), "STUN's magic cookie"


@pytest.mark.devices
async def test_76_a_call_has_one_stream_at_the_speaker_until_it_ends(sbc: EmbeddedSbc, pulseaudio: PulseAudio) -> None:
    async with create_jambonz_client(server=sbc.url, username="alice", password="secret") as alice:
        call = alice.call("tone")
        await call.media_ready()
        await plays(pulseaudio, "spk1", 440)
        assert pulseaudio.streams() == ["mic1", "spk1"]
        await call.hangup()
        await at(pulseaudio)
        dropped = alice.call("tone")
        await dropped.media_ready()
    await at(pulseaudio)  # the end of the client is the end of its calls


async def test_77_the_second_account_calls_the_first(phone: Phone) -> None:
    bob, alice = await phone("bob"), await phone("alice", display_name="Alice A.")
    met: list[tuple[Any, ...]] = []
    bob.on("incoming", lambda call: met.append((call, call.state, call.remote_identity)))
    call = alice.call("bob", headers={"X-Order": "17"})
    await bob.snapshot.wait(lambda now: len(now.calls) > 0, timeout=15)
    ((other, state, identity),) = met
    assert (state, other.direction, identity) == ("ringing", "inbound", "Alice A.")
    assert other.remote_uri.startswith("sip:alice@")
    assert other.remote_headers["x-order"] == "17"
    assert other.remote_headers["X-Call-Sid"]
    await other.answer()
    await call.answered()
