"""Tones between real clients on the embedded SBC: what a client presses by RTP or INFO the other side gets by RTP."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from attrs import Factory, define

from jzrx import CallError, JambonzCall, UseCall, use_call, use_jambonz_client
from jzrx.events import DtmfReceived, DtmfSent, Event
from jzrx.media import tone
from jzrx.testing import EmbeddedSbc
from jzrx.testing.sbc.journal import SbcEvent

CODECS = ["opus", "G722", "PCMU", "PCMA"]


@define
class Side:
    """A client, and the tones that it sent and got."""

    line: UseCall
    sent: list[tuple[str, str]] = Factory(list[tuple[str, str]])
    got: str = ""
    arrived: asyncio.Event = Factory(asyncio.Event)

    @property
    def call(self) -> JambonzCall:
        call = self.line.call.value
        assert call is not None
        return call

    def happened(self, event: Event) -> None:
        match event:
            case DtmfSent():
                self.sent.append((event.tone, event.method))
            case DtmfReceived():
                assert event.method == "rtp"
                self.got += event.tone
                self.arrived.set()
            case _:
                pass

    async def gets(self, tones: str) -> None:
        """Wait until these tones have arrived, and no others."""
        async with asyncio.timeout(5):
            while len(self.got) < len(tones):
                self.arrived.clear()
                await self.arrived.wait()
        assert self.got == tones


@define
class Call:
    """A call of Alice's to Bob that is up, and what the server told of it."""

    alice: Side
    bob: Side
    noted: list[SbcEvent] = Factory(list[SbcEvent])


@pytest.fixture(params=[("opus", "opus")], ids=str)
async def call(request: pytest.FixtureRequest) -> AsyncIterator[Call]:
    ours, theirs = request.param
    async with (
        EmbeddedSbc(users={"alice": "x", "bob": "x"}) as sbc,
        use_jambonz_client(server=sbc.url, username="alice", password="x", audio=tone(440)) as alice,
        use_jambonz_client(server=sbc.url, username="bob", password="x", audio=tone(440)) as bob,
        use_call(alice.client) as caller,
        use_call(bob.client) as callee,
    ):
        up = Call(Side(caller), Side(callee))
        sbc.events.subscribe(up.noted.append)
        callee.incoming_caller.subscribe(lambda who: who and callee.answer_incoming(preferred_codecs=[theirs]))
        await asyncio.gather(alice.connect(), bob.connect())
        for client, side in ((alice, up.alice), (bob, up.bob)):
            assert client.client.value is not None
            client.client.value.events.subscribe(side.happened)
        await caller.make_call("bob", preferred_codecs=[ours])
        yield up


@pytest.mark.parametrize(
    "call", [(codec, codec) for codec in CODECS] + [("opus", "PCMU"), ("PCMA", "opus")], indirect=True, ids=str
)
async def test_tones_by_rtp_reach_the_other_side_both_ways(call: Call) -> None:
    handled: list[str] = []
    call.bob.call.on("dtmf", handled.append)
    await asyncio.gather(call.alice.call.send_dtmf("159#D"), call.bob.call.send_dtmf("*0"))
    assert call.alice.sent == [(pressed, "rtp") for pressed in "159#D"]
    await asyncio.gather(call.bob.gets("159#D"), call.alice.gets("*0"))
    assert handled == list("159#D")
    noted = [(event.user, event.detail) for event in call.noted if event.what == "dtmf"]
    assert sorted(noted) == sorted([("alice", each) for each in "159#D"] + [("bob", each) for each in "*0"])


async def test_tones_by_info_become_rtp_as_jambonz_makes_them(call: Call) -> None:
    await asyncio.gather(
        call.alice.call.send_dtmf("12", method="info"), call.bob.call.send_dtmf("#", method="info", duration_ms=40)
    )
    await asyncio.gather(call.bob.gets("12"), call.alice.gets("#"))


async def test_tones_go_out_muted_and_held(call: Call) -> None:
    """Who holds, or is muted, sends tones by RTP all the same; who is held may not."""
    call.alice.line.toggle_mute()
    await call.alice.call.send_dtmf("1")
    await call.alice.line.toggle_hold()
    await call.bob.line.is_remotely_held.wait(True, 5)
    await call.alice.call.send_dtmf("2", method="rtp")
    await call.bob.gets("12")
    with pytest.raises(CallError, match="holds the call"):
        call.bob.call.send_dtmf("3", method="rtp")
    await call.alice.line.toggle_hold()
    await call.bob.line.is_remotely_held.wait(False, 5)
    await call.bob.call.send_dtmf("4")
    await call.alice.gets("4")


async def test_an_echo_gives_tones_back() -> None:
    async with (
        EmbeddedSbc(users={"alice": "x"}) as sbc,
        use_jambonz_client(server=sbc.url, username="alice", password="x") as alice,
        use_call(alice.client) as caller,
    ):
        await alice.connect()
        call = await caller.make_call("echo")
        heard: list[str] = []
        back = asyncio.Event()
        call.on("dtmf", lambda pressed: (heard.append(pressed), len(heard) == 3 and back.set()))
        await call.send_dtmf("7,8", gap_ms=40)
        await call.send_dtmf("9")
        await asyncio.wait_for(back.wait(), 5)
        assert heard == ["7", "8", "9"]
