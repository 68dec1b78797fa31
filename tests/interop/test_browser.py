"""A phone of ours and JsSIP in Chromium, through a real Kamailio: calls in both directions, heard at both ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jzrx import CallError, CallState, SipMessage
from jzrx.media import tone
from jzrx.media.session import MediaSession
from jzrx.testing import hears_silence
from tests.media.parties import sever_session

from .browser import BrowserPhone
from .clock import Clock
from .conftest import BrowserPhoneFor
from .kamailio import Kamailio
from .phones import Phone, hears_tone, phone

OUR_HZ, PAGE_HZ = 440, 1000


@asynccontextmanager
async def both(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> AsyncIterator[tuple[Phone, BrowserPhone]]:
    """Ours is Alice, the browser's is Bob."""
    async with phone(kamailio, "alice", audio=tone(OUR_HZ)) as ours:
        yield ours, await browser_phone(kamailio, "bob", PAGE_HZ)


async def we_call(ours: Phone, page: BrowserPhone) -> None:
    calling = ours.line.make_call("bob")
    await page.until("session", originator="remote")
    await page.answer()
    await calling
    await page.until("confirmed")


async def page_calls(ours: Phone, page: BrowserPhone, kamailio: Kamailio) -> None:
    await page.call(kamailio.uri("alice"))
    await ours.line.incoming_caller.wait(lambda caller: caller is not None, timeout=10)
    await ours.line.answer_incoming()
    await page.until("confirmed")


async def both_hear(ours: Phone, page: BrowserPhone) -> None:
    await asyncio.gather(hears_tone(ours.call, PAGE_HZ), page.hears(OUR_HZ))


@pytest.mark.parametrize("we", ["call", "answer"])
async def test_a_call(kamailio: Kamailio, browser_phone: BrowserPhoneFor, we: str) -> None:
    """Tones by frequency and packets by both sides' counters; then hold and hang up by the other side."""
    async with both(kamailio, browser_phone) as (ours, page):
        await (we_call(ours, page) if we == "call" else page_calls(ours, page, kamailio))
        await both_hear(ours, page)
        counters, stats = await page.until_counted(sent=11, received=11), await ours.call.get_stats()
        assert stats is not None
        assert (counters["codec"], stats.codec) == ("audio/opus", "opus")
        assert counters["lost"] == stats.packets_lost == 0
        # RTCP both ways: the page knows our round trip, we know its.
        assert stats.round_trip_time is not None
        await page.hangup()
        await ours.line.call.wait(None, timeout=10)


async def test_we_hold_and_then_the_browser_does(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    async with both(kamailio, browser_phone) as (ours, page):
        await we_call(ours, page)
        await both_hear(ours, page)
        await ours.line.toggle_hold()
        await page.until("hold", originator="remote")
        await asyncio.gather(hears_silence(ours.call), page.hears())
        await ours.line.toggle_hold()
        await page.until("unhold", originator="remote")
        await both_hear(ours, page)

        await page.hold()
        await ours.line.is_remotely_held.wait(True, timeout=10)
        assert not ours.line.is_held.value
        await asyncio.gather(hears_silence(ours.call), page.hears())
        await page.unhold()
        await ours.line.is_remotely_held.wait(False, timeout=10)
        await both_hear(ours, page)
        assert ours.line.state.value == CallState.CONNECTED
        await ours.line.hangup()
        assert (await page.until("ended"))["originator"] == "remote"


@pytest.mark.parametrize("we", ["call", "answer"])
async def test_ice_restarts(kamailio: Kamailio, browser_phone: BrowserPhoneFor, we: str) -> None:
    """Ours, as from another network: the sockets that we had are dead. Then the browser's, and ours again."""
    async with both(kamailio, browser_phone) as (ours, page):
        await (we_call(ours, page) if we == "call" else page_calls(ours, page, kamailio))
        await both_hear(ours, page)
        for who in ("we", "the browser", "we"):
            if who == "we":
                session = ours.call._media.session(ours.call.id)
                assert isinstance(session, MediaSession)
                sever_session(session)
                await ours.call.restart_ice()
            else:
                await page.restart_ice()
            await both_hear(ours, page)
        await ours.line.toggle_hold()
        await page.until("hold", originator="remote")
        await ours.line.toggle_hold()
        await page.until("unhold", originator="remote")
        await both_hear(ours, page)


@pytest.mark.parametrize("first_to_resume", ["we", "the browser"])
@pytest.mark.parametrize("first_to_hold", ["we", "the browser"])
async def test_both_hold(
    kamailio: Kamailio, browser_phone: BrowserPhoneFor, first_to_hold: str, first_to_resume: str
) -> None:
    """Each takes back its own."""
    async with both(kamailio, browser_phone) as (ours, page):
        await page_calls(ours, page, kamailio)
        await both_hear(ours, page)

        async def we_toggle(event: str) -> None:
            await ours.line.toggle_hold()
            await page.until(event, originator="remote")

        async def page_toggles(held: bool) -> None:
            await (page.hold() if held else page.unhold())
            await ours.line.is_remotely_held.wait(held, timeout=10)

        if first_to_hold == "we":
            await we_toggle("hold")
            await page_toggles(True)
        else:
            await page_toggles(True)
            await we_toggle("hold")
        if first_to_resume == "we":
            # JsSIP answers sendrecv, though it holds: as far as we are told, its hold is over with ours. It only mutes.
            await we_toggle("unhold")
            await hears_silence(ours.call)
            await page_toggles(False)
        else:
            await page_toggles(False)
            await asyncio.gather(hears_silence(ours.call), page.hears())
            await we_toggle("unhold")
        await both_hear(ours, page)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_g711(kamailio: Kamailio, browser_phone: BrowserPhoneFor, codec: str) -> None:
    async with both(kamailio, browser_phone) as (ours, page):
        calling = ours.line.make_call("bob", preferred_codecs=[codec])
        await page.until("session", originator="remote")
        await page.answer()
        await calling
        await both_hear(ours, page)
        assert (await page.counters())["codec"] == f"audio/{codec}"


@pytest.mark.parametrize("transport", ["INFO", "RFC2833"])
async def test_its_dtmf_is_heard(kamailio: Kamailio, browser_phone: BrowserPhoneFor, transport: str) -> None:
    async with both(kamailio, browser_phone) as (ours, page):
        await we_call(ours, page)
        got: asyncio.Queue[str] = asyncio.Queue()
        ours.call.on("dtmf", got.put_nowait)
        # With RTP events Chromium begins once ICE and DTLS are through.
        await both_hear(ours, page)
        await page.send_dtmf("5#", transport)
        async with asyncio.timeout(10):
            assert [await got.get(), await got.get()] == ["5", "#"]
        await both_hear(ours, page)
        assert got.empty(), "each tone once"


async def test_our_dtmf_by_info(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    async with both(kamailio, browser_phone) as (ours, page):
        await we_call(ours, page)
        await ours.call.send_dtmf("9*", method="info")
        for digit in "9*":
            assert (await page.until("dtmf", originator="remote"))["tone"] == digit


@pytest.mark.parametrize(
    ("codec", "digit", "frequencies"), [("opus", "5", (770, 1336)), ("PCMU", "#", (941, 1477))], ids=["opus", "PCMU"]
)
async def test_our_dtmf_by_rtp(
    kamailio: Kamailio, browser_phone: BrowserPhoneFor, codec: str, digit: str, frequencies: tuple[float, float]
) -> None:
    """No event tells a page; but Chromium plays the two frequencies of the tone (ITU-T Q.23) while it lasts."""
    async with both(kamailio, browser_phone) as (ours, page):
        calling = ours.line.make_call("bob", preferred_codecs=[codec])
        await page.until("session", originator="remote")
        await page.answer()
        await calling
        await both_hear(ours, page)
        # Twice, for a machine so busy that it looks away from one.
        sending = ours.call.send_dtmf(digit * 2, duration_ms=1300, gap_ms=40, method="rtp")
        await page.hears(*frequencies)
        await sending
        await both_hear(ours, page)


async def test_the_browser_declines(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    async with both(kamailio, browser_phone) as (ours, page):
        calling = ours.line.make_call("bob")
        await page.until("session", originator="remote")
        await ours.line.state.wait(CallState.RINGING, timeout=10)
        await page.hangup()
        with pytest.raises(CallError) as declined:
            await calling
        assert declined.value.code == 480


async def test_we_decline(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    async with both(kamailio, browser_phone) as (ours, page):
        await page.call(kamailio.uri("alice"))
        await ours.line.incoming_caller.wait(lambda caller: caller is not None, timeout=10)
        ours.line.decline_incoming()
        failed = await page.until("failed")
        assert (failed["originator"], failed["status"]) == ("remote", 486)


async def test_we_cancel(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    async with both(kamailio, browser_phone) as (ours, page):
        calling = ours.line.make_call("bob")
        await page.until("session", originator="remote")
        await ours.line.state.wait(CallState.RINGING, timeout=10)
        await ours.line.hangup()
        with pytest.raises(CallError) as cancelled:
            await calling
        assert cancelled.value.code == 487
        assert (await page.until("failed"))["cause"] == "Canceled"


async def test_the_browser_cancels(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    async with both(kamailio, browser_phone) as (ours, page):
        await page.call(kamailio.uri("alice"))
        await ours.line.incoming_caller.wait(lambda caller: caller is not None, timeout=10)
        await page.until("progress")
        await page.hangup()
        await ours.line.incoming_caller.wait(None, timeout=10)
        assert ours.line.call.value is None


async def test_messages_both_ways(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    async with both(kamailio, browser_phone) as (ours, page):
        client = ours.client.client.value
        assert client is not None
        received: asyncio.Queue[SipMessage] = asyncio.Queue()
        client.on("message", received.put_nowait)
        text = "Grüße, κόσμε 👋\r\n\r\nzweite Zeile"
        assert await client.send_message("bob", text) == 200
        heard = await page.until("message", originator="remote")
        assert (heard["body"], heard["type"]) == (text, "text/plain")
        assert await page.message(kamailio.uri("alice"), text, "text/plain") == 200
        async with asyncio.timeout(10):
            assert await received.get() == SipMessage("sip:bob@localhost", text, "text/plain")
        assert await page.message(kamailio.uri("nobody"), text, "text/plain") == 404


async def test_twenty_calls_in_a_row(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    """Each side calls, and each hangs up; nothing of a call is left when the next begins."""
    async with both(kamailio, browser_phone) as (ours, page):
        for number in range(20):
            await (we_call(ours, page) if number % 2 else page_calls(ours, page, kamailio))
            call = ours.call
            await call.media_ready()
            if number % 3:
                await page.hangup()
            else:
                await ours.line.hangup()
            await ours.line.call.wait(None, timeout=10)
            ended = await page.until("ended")
            assert ended["originator"] == ("local" if number % 3 else "remote")
            assert (await call.finished()).code == 200
        assert await page.states() == [True] * 20


async def test_the_browser_refreshes_the_session(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    """JsSIP asks for 90 s; without its UPDATE after 45 s we would end the call after 60 s."""
    clock = Clock()
    async with phone(kamailio, "alice", audio=tone(OUR_HZ)) as ours:
        page = await browser_phone(kamailio, "bob", PAGE_HZ, timers=True)
        await page_calls(ours, page, kamailio)
        (accepted, *_) = [m for m in await kamailio.messages("INVITE", 200) if m.direction == "rcv"]
        assert "Session-Expires: 90;refresher=uac" in accepted.text
        await both_hear(ours, page)
        for refreshes in (1, 2, 3):
            clock.put_forward(45)
            await page.put_clock_forward(45)
            await kamailio.until_seen(2 * refreshes, "UPDATE", 200)  # each came in and went out
            await both_hear(ours, page)
            assert ours.line.state.value == CallState.CONNECTED
        clock.put_forward(60)
        assert (await ours.call.finished()).reason == "Session timer expired"
