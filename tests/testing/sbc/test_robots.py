"""Robots, applications, queues and conferences, called by real clients with real audio."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from reactivex import operators as ops

from jzrx import AudioFrame, CallError, JambonzCall, JambonzClient, create_jambonz_client
from jzrx.media import tone
from jzrx.media.measure import tone_level
from jzrx.testing import hears
from jzrx.testing.sbc.journal import SbcEvent
from jzrx.testing.sbc.legs import Leg
from jzrx.testing.sbc.robots import ROBOTS
from jzrx.testing.sbc.server import EmbeddedSbc

PEAK = 0.25
NAMES = ("alice", "bob", "carol")

Connect = Callable[..., Awaitable[JambonzClient]]


async def greet(leg: Leg) -> None:
    """An application of a test's own: answers, and ends the call by returning."""
    leg.answer()
    await leg.up()


@pytest.fixture
async def sbc() -> AsyncIterator[EmbeddedSbc]:
    apps = {"music": tone(880), "parrot": "echo", "greeter": greet}
    async with EmbeddedSbc(dict.fromkeys(NAMES, "x"), apps=apps) as server:
        yield server


@pytest.fixture
async def connect(sbc: EmbeddedSbc) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        async def client(name: str, hz: float = 440, server: EmbeddedSbc = sbc) -> JambonzClient:
            made = create_jambonz_client(
                server=server.url, username=name, password="x", audio=tone(hz, PEAK), speaker=False
            )
            return await stack.enter_async_context(made)

        yield client


async def made(client: JambonzClient, target: str) -> JambonzCall:
    call = client.call(target)
    await call.answered()
    return call


async def test_echo_sends_back_what_it_hears(connect: Connect) -> None:
    await hears(await made(await connect("alice", 523), "echo"), 523)


async def test_tone_plays(connect: Connect) -> None:
    await hears(await made(await connect("alice", 600), "tone"), 440)


async def test_noanswer_rings_until_the_caller_gives_up(connect: Connect) -> None:
    alice = await connect("alice")
    call = alice.call("noanswer", no_answer_timeout=0.5)
    states: list[str] = []
    call.snapshot.subscribe(lambda now: states.append(now.state))
    cause = await call.finished()
    assert cause.code == 408
    assert "ringing" in states


async def test_the_200_of_an_application_names_the_call(connect: Connect) -> None:
    alice = await connect("alice")
    sids = [(await made(alice, target)).remote_headers["X-Call-Sid"] for target in ("echo", "app-parrot")]
    assert [len(sid) for sid in sids] == [36, 36]
    assert sids[0] != sids[1]
    assert all(len(call.remote_headers["X-Application-Sid"]) == 36 for call in alice.calls.values())


async def test_busy_is_486(connect: Connect) -> None:
    alice = await connect("alice")
    with pytest.raises(CallError) as refused:
        await made(alice, "busy")
    assert refused.value.code == 486


async def test_a_user_of_that_name_comes_before_a_robot() -> None:
    async with (
        EmbeddedSbc({"alice": "x", "echo": "x"}) as server,
        create_jambonz_client(server=server.url, username="alice", password="x") as alice,
        create_jambonz_client(server=server.url, username="echo", password="x") as echo,
    ):
        calls: asyncio.Queue[JambonzCall] = asyncio.Queue()
        echo.on("incoming", calls.put_nowait)
        alice.call("echo")
        assert (await calls.get()).remote_identity == "sip:alice@localhost"


@pytest.mark.parametrize(("sid", "hz"), [("music", 880), ("parrot", 523)])
async def test_applications_play_sources_and_are_robots(connect: Connect, sid: str, hz: float) -> None:
    alice = await connect("alice", 523)
    call = alice.call_application(sid)
    await call.answered()
    await hears(call, hz)


async def test_an_application_that_returns_ends_the_call(connect: Connect) -> None:
    call = await made(await connect("alice"), "app-greeter")
    assert (await call.finished()).code == 200


async def test_an_application_that_fails_is_480_and_the_server_lives(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(leg: Leg) -> None:
        raise RuntimeError("no idea")

    async with EmbeddedSbc({"alice": "x"}, apps={"broken": broken, "echo": "echo"}) as server:
        alice = await connect("alice", server=server)
        with pytest.raises(CallError) as refused:
            await made(alice, "app-broken")
        assert refused.value.code == 480
        await made(alice, "app-echo")
    assert "no idea" in caplog.text


async def test_the_device_calling_application_gets_every_call(connect: Connect) -> None:
    async with EmbeddedSbc({"alice": "x", "bob": "x"}, apps={"all": tone(700)}, device_app="all") as server:
        alice, _ = await connect("alice", server=server), await connect("bob", server=server)
        for target in ("bob", "queue-support", "conference-room", "tone"):
            call = await made(alice, target)
            await hears(call, 700)
            await call.hangup()


async def test_a_queue_plays_a_tone(connect: Connect) -> None:
    alice = await connect("alice")
    call = alice.call_queue("support")
    await call.answered()
    await hears(call, 350)


async def test_in_a_conference_everybody_hears_all_the_others(connect: Connect) -> None:
    """Carol speaks PCMU: her audio is resampled on its way."""
    hz = {"alice": 440.0, "bob": 660.0, "carol": 990.0}
    calls: dict[str, JambonzCall] = {}
    for name, own in hz.items():
        client = await connect(name, own)
        codecs = ["PCMU"] if name == "carol" else ["opus"]
        calls[name] = client.call_conference("room", preferred_codecs=codecs)
        await calls[name].answered()
    await asyncio.gather(*(hears(call, *(hz[other] for other in hz if other != name)) for name, call in calls.items()))
    await calls["carol"].hangup()
    frames: list[AudioFrame] = []
    with calls["alice"].audio.incoming.pipe(ops.skip(20)).subscribe(frames.append):
        await hears(calls["alice"], 660)
    sound = b"".join(frame.data for frame in frames)
    assert tone_level(sound, 48000, 440) < PEAK / 20, "nobody hears oneself"
    assert tone_level(sound, 48000, 990) < PEAK / 20, "who has left is not heard"


async def test_nothing_is_left_of_a_call_to_a_robot(sbc: EmbeddedSbc, connect: Connect) -> None:
    alice = await connect("alice")
    ended: asyncio.Queue[object] = asyncio.Queue()
    sbc.events.pipe(ops.filter(lambda event: event.what == "ended")).subscribe(ended.put_nowait)
    for target in ROBOTS:
        call = alice.call(target)
        if target in ("echo", "tone"):
            await call.answered()
        elif target == "noanswer":
            await call.snapshot.wait(lambda now: now.state == "ringing")
        else:
            await call.finished()
        await call.hangup()
        await ended.get()
    assert alice.call_count == 0


async def test_an_application_that_ends_without_an_answer_is_603(connect: Connect) -> None:
    async def silent(leg: Leg) -> None:
        leg.progress()

    async with EmbeddedSbc({"alice": "x"}, apps={"silent": silent}) as server:
        alice = await connect("alice", server=server)
        with pytest.raises(CallError) as refused:
            await made(alice, "app-silent")
    assert refused.value.code == 603


async def test_an_application_reads_a_to_d_as_1(sbc: EmbeddedSbc, connect: Connect) -> None:
    """They come as events 12 to 15 (RFC 4733), and jambonz reads their first digit."""
    alice = await connect("alice")
    call = await made(alice, "echo")
    await call.media_ready()
    noted: asyncio.Queue[SbcEvent] = asyncio.Queue()
    sbc.events.pipe(ops.filter(lambda event: event.what == "dtmf")).subscribe(noted.put_nowait)
    await call.send_dtmf("5D", method="rtp")
    assert [(await noted.get()).detail, (await noted.get()).detail] == ["5", "1"]


@pytest.mark.parametrize("method", ["rtp", "info"])
async def test_an_application_gets_the_keys_that_were_pressed_one_by_one(connect: Connect, method: str) -> None:
    keys: list[str] = []
    pressed = asyncio.Event()

    async def menu(leg: Leg) -> None:
        leg.answer()
        keys.append(await leg.digit())
        await pressed.wait()  # what is pressed meanwhile waits
        keys.extend([await leg.digit(5), await leg.digit(5)])
        with pytest.raises(TimeoutError):
            await leg.digit(0.1)

    async with EmbeddedSbc({"alice": "x"}, apps={"menu": menu}) as server:
        call = await made(await connect("alice", server=server), "app-menu")
        await call.media_ready()
        await call.send_dtmf("1#2", method=method, duration_ms=40, gap_ms=40)
        pressed.set()
        assert (await call.finished()).code == 200
    assert keys == ["1", "#", "2"]
