"""The engine's thread: there while there are sessions, and then gone without a trace, however they end."""

import asyncio
import logging
import os
import random
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable

import pytest

from jzrx.events import CallEvent
from jzrx.media.engine import MediaEngine
from jzrx.media.session import MediaSession
from jzrx.media.sources import pcm, tone
from jzrx.ports import IceServer, MediaConfig, MediaError
from jzrx.types import MediaState
from tests.media.parties import Party, connect, exchange, media_threads, open_files

Make = Callable[..., Party]


def make(engine: MediaEngine, **config: object) -> MediaSession:
    events: list[CallEvent] = []
    return engine.session("call", MediaConfig(loopback=True, **config), events.append, time.monotonic)  # type: ignore[arg-type]


async def test_one_thread_for_all_sessions_until_the_last_is_closed() -> None:
    engine, before = MediaEngine(), open_files()
    assert not media_threads(), "it starts with the first session"
    first, second = make(engine), make(engine)
    assert len(media_threads()) == 1
    await first.create_offer()
    await first.close()
    await first.close()
    assert len(media_threads()) == 1
    await second.create_offer()
    await second.close()
    assert not media_threads()
    assert open_files() == before
    third = make(engine)
    assert (await third.create_offer()).startswith("v=0")
    await third.close()
    assert not media_threads()


async def test_the_switch_interval_is_the_engines_while_its_thread_lives() -> None:
    before = sys.getswitchinterval()
    loop = asyncio.get_running_loop()
    session = MediaEngine(switch_interval=0.001).session("call", MediaConfig(loopback=True), print, loop.time)
    await session.create_offer()
    assert sys.getswitchinterval() == pytest.approx(0.001)
    await session.close()
    assert sys.getswitchinterval() == before
    with pytest.raises(ValueError, match="switch_interval"):
        MediaEngine(switch_interval=0)


async def test_the_shared_engine_is_one() -> None:
    assert MediaEngine.shared() is MediaEngine.shared()


def test_a_session_needs_a_running_loop() -> None:
    with pytest.raises(RuntimeError, match="running"):
        make(MediaEngine())
    assert not media_threads()


async def test_misuse_raises_at_once_and_starts_nothing() -> None:
    engine = MediaEngine()
    with pytest.raises(ValueError, match="STUN or TURN URI"):
        make(engine, ice_servers=(IceServer(("http://stun.example.org",)),))
    with pytest.raises(ValueError, match="g729"):
        make(engine, preferred_codecs=("g729",))
    used = pcm(iter([b"\0\0" * 960]), 48000)
    session = make(engine, source=used)
    with pytest.raises(ValueError, match="once"):
        make(engine, source=used)
    with pytest.raises(ValueError, match="once"):
        session.set_source(used)
    with pytest.raises(ValueError, match="once"):
        session.play(used)
    await session.close()
    assert not media_threads()


async def test_sessions_of_two_engines_cannot_be_relayed() -> None:
    one, other = make(MediaEngine()), make(MediaEngine())
    with pytest.raises(ValueError, match="one engine"):
        one.relay_to(other)
    await one.close()
    await other.close()


async def test_a_closed_session_says_so_and_does_nothing(party: Make) -> None:
    alice = party(tone(440))
    await alice.session.close()
    for work in (alice.session.create_offer(), alice.session.create_answer(""), alice.session.ready()):
        with pytest.raises(MediaError, match="closed"):
            await work
    assert await alice.session.stats() is None
    alice.session.set_muted(True)
    alice.session.set_source(tone(1))
    alice.session.relay_to(None)


# --- closing in every state ---


async def test_close_in_the_middle_of_gathering(party: Make) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
        hole.bind(("127.0.0.1", 0))
        hole.setblocking(False)
        alice = party(stun=f"turn:127.0.0.1:{hole.getsockname()[1]}")
        offering = asyncio.ensure_future(alice.session.create_offer())
        waiting = asyncio.ensure_future(alice.session.ready())
        await asyncio.wait_for(asyncio.get_running_loop().sock_recv(hole, 2048), 5)  # the server has been asked
        started = time.monotonic()
        await alice.session.close()
        assert time.monotonic() - started < 0.3
        for future in (offering, waiting):
            with pytest.raises(MediaError, match="closed"):
                await future
        assert not media_threads()


async def test_close_right_away(party: Make) -> None:
    alice, bob = party(), party()
    offer = await alice.session.create_offer()
    futures = [asyncio.ensure_future(bob.session.create_answer(offer)), asyncio.ensure_future(alice.session.ready())]
    await asyncio.gather(alice.session.close(), bob.session.close())
    answer, ready = await asyncio.gather(*futures, return_exceptions=True)
    assert isinstance(answer, str | MediaError), "it may have been made just before"
    assert isinstance(ready, MediaError)
    assert not media_threads()


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.003, 0.006, 0.01, 0.02, 0.05])
async def test_close_while_it_connects(party: Make, delay: float) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    await exchange(alice, bob)
    await asyncio.sleep(delay)
    await asyncio.gather(alice.session.close(), bob.session.close())
    assert not media_threads()
    assert MediaState.FAILED not in alice.media + bob.media


@pytest.mark.parametrize("seed", range(3))
async def test_calls_that_are_closed_at_any_moment_leave_nothing(party: Make, seed: int) -> None:
    """Ten at a time, somewhere between the offer and a restart on hold."""
    chance = random.Random(seed)

    async def live(alice: Party, bob: Party) -> None:
        await connect(alice, bob)
        alice.session.play(tone(700))
        await asyncio.gather(alice.session.send_dtmf("1234"), exchange(alice, bob, held=True))
        await exchange(alice, bob)
        answer = await bob.session.create_answer(await alice.session.create_offer(restart=True))
        await alice.session.set_answer(answer)

    async def cut_short() -> None:
        alice, bob = party(tone(440)), party(tone(1000))
        life = asyncio.ensure_future(live(alice, bob))
        await asyncio.wait([life], timeout=chance.choice((0.02, 0.2, 1.0)) * chance.random())
        if chance.random() < 0.3:
            life.cancel()
        ends = chance.sample((alice, bob), 2)
        if chance.random() < 0.5:
            await asyncio.gather(*(each.session.close() for each in ends))
        else:
            for each in ends:
                await each.session.close()
        async with asyncio.timeout(5):
            (outcome,) = await asyncio.gather(life, return_exceptions=True)
        assert outcome is None or isinstance(outcome, MediaError | asyncio.CancelledError)

    await asyncio.gather(*(cut_short() for _ in range(10)))
    assert not media_threads()


async def test_close_in_a_re_offer(party: Make) -> None:
    alice, bob = party(tone(440)), party(tone(1000))
    await connect(alice, bob)
    offering = asyncio.ensure_future(alice.session.create_offer(held=True))
    await asyncio.gather(alice.session.close(), bob.session.close())
    (outcome,) = await asyncio.gather(offering, return_exceptions=True)
    assert isinstance(outcome, str | MediaError)
    assert not media_threads()


async def test_an_await_that_is_cancelled_leaves_the_session_usable(party: Make) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
        hole.bind(("127.0.0.1", 0))
        alice, bob = party(tone(440), stun=f"turn:127.0.0.1:{hole.getsockname()[1]}"), party(tone(1000))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await alice.session.create_offer()
        await connect(alice, bob)
        await bob.hears(440)


async def test_no_way_to_the_other_side(party: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from jzrx.media import transport

    monkeypatch.setattr(transport, "SETUP_TIMEOUT", 0.3)
    alice, bob = party(), party()
    offer = await alice.session.create_offer()
    answer = await bob.session.create_answer(offer)
    await bob.session.close()
    await alice.session.set_answer(answer)
    with pytest.raises(MediaError, match="No media path"):
        await alice.session.ready()
    assert alice.media == [MediaState.CONNECTING, MediaState.FAILED]


# --- times ---


@pytest.mark.parametrize("kind", ["stun", "turn"])
async def test_a_dead_server_costs_at_most_0_55_seconds(party: Make, kind: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
        hole.bind(("127.0.0.1", 0))
        alice = party(stun=f"{kind}:127.0.0.1:{hole.getsockname()[1]}")
        started = time.monotonic()
        await alice.session.create_offer()
        assert time.monotonic() - started <= 0.55


async def test_an_offer_without_servers_is_quick(party: Make) -> None:
    times: list[float] = []
    for _ in range(5):
        alice = party()
        started = time.monotonic()
        await alice.session.create_offer()
        times.append(time.monotonic() - started)
    assert min(times) < 0.05


# --- loops and processes that end ---


def test_a_loop_that_ends_with_calls_open_ends_the_thread_with_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "jzrx.media")
    engine = MediaEngine()

    async def leave() -> None:
        alice, bob = make(engine, source=tone(440)), make(engine)
        alice.incoming.subscribe(lambda frame: None)
        await alice.set_answer(await bob.create_answer(await alice.create_offer()))
        await alice.ready()

    asyncio.run(leave())
    for thread in media_threads():
        thread.join(3)
    assert not media_threads()
    assert len(caplog.records) == 1
    assert "2 calls open" in caplog.text


def test_an_interpreter_that_exits_with_calls_open_closes_them_and_does_not_wait() -> None:
    script = """
        import asyncio, atexit, threading
        from jzrx.media.engine import MediaEngine
        from jzrx.media.sources import tone
        from jzrx.ports import MediaConfig

        # What is registered first is called last.
        atexit.register(lambda: print("left:", *(thread.name for thread in threading.enumerate())))

        async def leave():
            loop = asyncio.get_running_loop()
            config = MediaConfig(loopback=True, source=tone(440))
            alice, bob = (MediaEngine.shared().session(name, config, print, loop.time) for name in "ab")
            alice.incoming.subscribe(lambda frame: None)
            await alice.set_answer(await bob.create_answer(await alice.create_offer()))
            await alice.ready()
            print("up")

        loop = asyncio.new_event_loop()
        loop.run_until_complete(leave())
    """
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=20, check=True
    )
    assert "up" in done.stdout
    assert done.stdout.endswith("left: MainThread\n")
    assert time.monotonic() - started < 10
    assert "Traceback" not in done.stderr
    assert "never" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_use_after_fork_raises() -> None:
    script = """
        import asyncio, os, warnings
        from jzrx.media.engine import MediaEngine
        from jzrx.ports import MediaConfig

        async def make():
            loop = asyncio.get_running_loop()
            return MediaEngine.shared().session("call", MediaConfig(loopback=True), print, loop.time)

        async def misuse(session):
            for use in (make(), session.create_offer(), session.close()):
                try:
                    await use
                except RuntimeError as error:
                    assert "fork" in str(error), error
                else:
                    raise AssertionError("no error")
            try:
                session.set_muted(True)
            except RuntimeError as error:
                assert "fork" in str(error), error

        warnings.simplefilter("ignore")
        loop = asyncio.new_event_loop()
        session = loop.run_until_complete(make())
        loop.run_until_complete(session.create_offer())
        if child := os.fork():
            assert os.waitpid(child, 0)[1] == 0
            assert loop.run_until_complete(session.create_offer()).startswith("v=0")
            loop.run_until_complete(session.close())
            loop.close()
            print("parent ok")
        else:
            asyncio.run(misuse(session))
            print("child ok", flush=True)
            os._exit(0)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=20)
    assert not done.stderr
    assert done.stdout.split("\n")[:2] == ["child ok", "parent ok"]
