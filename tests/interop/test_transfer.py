"""Transfer through a real Kamailio, of every kind and in every direction, heard by frequency afterwards: between three
phones of ours, and with JsSIP in Chromium as each of the three parties."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jzrx import CallError, CallState, JambonzCall, JambonzClient
from jzrx.events import Event, Transferred
from jzrx.media import tone

from .browser import BrowserPhone
from .conftest import BrowserPhoneFor
from .kamailio import Kamailio
from .phones import Phone, hears_tone, phone

ALICE_HZ, BOB_HZ, CAROL_HZ = 440, 660, 1000


def client_of(phone: Phone) -> JambonzClient:
    client = phone.client.client.value
    assert client is not None
    return client


def answer(call: JambonzCall) -> None:
    call.answer()


@asynccontextmanager
async def ours(kamailio: Kamailio, name: str, hz: float, *, answers: bool = False) -> AsyncIterator[Phone]:
    """A phone of ours, that answers whoever calls if it `answers`."""
    async with phone(kamailio, name, audio=tone(hz)) as made:
        if answers:
            client_of(made).on("incoming", answer)
        yield made


async def calling(caller: Phone, target: str) -> JambonzCall:
    call = await caller.line.make_call(target)
    await call.media_ready()
    return call


async def the_call_of(phone: Phone) -> JambonzCall:
    """The one call that there is in the end, answered."""
    client = client_of(phone)
    await client.snapshot.wait(
        lambda now: [str(call.state) for call in now.calls.values()] == ["connected"], timeout=10
    )
    return next(iter(client.calls.values()))


async def each_other(one: Phone, hz: float, other: Phone, other_hz: float) -> None:
    """These two talk with each other, and with nobody else."""
    first, second = await the_call_of(one), await the_call_of(other)
    await asyncio.gather(hears_tone(first, other_hz), hears_tone(second, hz))


def confirmed(phone: Phone) -> list[bool]:
    """Of each transfer that succeeds from now on, whether the other side has said so."""
    seen: list[bool] = []

    def look(event: Event) -> None:
        if isinstance(event, Transferred):
            seen.append(event.confirmed)

    client_of(phone).events.subscribe(look)
    return seen


# --- three phones of ours --------------------------------------------------------------------------------------------


@asynccontextmanager
async def three(kamailio: Kamailio) -> AsyncIterator[tuple[Phone, Phone, Phone]]:
    """Alice, who transfers, bob and carol, who answer whoever calls."""
    async with (
        ours(kamailio, "alice", ALICE_HZ) as alice,
        ours(kamailio, "bob", BOB_HZ, answers=True) as bob,
        ours(kamailio, "carol", CAROL_HZ, answers=True) as carol,
    ):
        yield alice, bob, carol


async def test_blind(kamailio: Kamailio) -> None:
    async with three(kamailio) as (alice, bob, carol):
        told = confirmed(alice)
        call = await calling(alice, "bob")
        shown: list[object] = []
        bob.line.call.subscribe(shown.append)
        await call.transfer("carol")
        assert told == [True]
        await each_other(bob, BOB_HZ, carol, CAROL_HZ)
        assert alice.line.call.value is None
        assert None not in shown, "bob's hook never shows that there is no call"
        refers = [m for m in await kamailio.messages("REFER") if m.status == 202]
        assert refers


async def test_blind_by_the_callee(kamailio: Kamailio) -> None:
    async with three(kamailio) as (alice, bob, carol):
        await calling(alice, "bob")
        await (await the_call_of(bob)).transfer("carol")
        await each_other(alice, ALICE_HZ, carol, CAROL_HZ)


@pytest.mark.parametrize(("target", "code"), [("nobody", 404), ("carol", 486)])
async def test_a_target_that_is_not_there_or_declines(kamailio: Kamailio, target: str, code: int) -> None:
    async with three(kamailio) as (alice, bob, carol):
        call = await calling(alice, "bob")
        client_of(carol).set_incoming_policy(do_not_disturb=True)
        with pytest.raises(CallError) as failure:
            await call.transfer(target)
        assert failure.value.code == code
        assert call.state == CallState.CONNECTED
        await each_other(alice, ALICE_HZ, bob, BOB_HZ)


@pytest.mark.parametrize("consultation", ["outbound", "inbound"])
async def test_attended(kamailio: Kamailio, consultation: str) -> None:
    """The consultation call may have been made by either side."""
    async with three(kamailio) as (alice, bob, carol):
        told = confirmed(alice)
        first = await calling(alice, "bob")
        if consultation == "outbound":
            second = await calling(alice, "carol")
        else:
            await first.hold()
            dialling = carol.line.make_call("alice")
            await alice.line.incoming_caller.wait(lambda caller: caller is not None, timeout=10)
            await alice.line.answer_incoming()
            await dialling
            second = alice.call
        shown: list[object] = []
        carol.line.call.subscribe(shown.append)
        await first.attended_transfer(second)
        assert told == [True]
        await each_other(bob, BOB_HZ, carol, CAROL_HZ)
        assert not (await the_call_of(bob)).is_remotely_held
        assert alice.line.call.value is None
        assert None not in shown, "carol's hook never shows that there is no call"


async def test_policy_refuses(kamailio: Kamailio) -> None:
    async with (
        ours(kamailio, "alice", ALICE_HZ) as alice,
        phone(kamailio, "bob", audio=tone(BOB_HZ), accept_transfers=False) as bob,
    ):
        dialling = alice.line.make_call("bob")
        await bob.line.incoming_caller.wait(lambda caller: caller is not None, timeout=10)
        await bob.line.answer_incoming()
        call = await dialling
        with pytest.raises(CallError) as failure:
            await call.transfer("carol")
        assert failure.value.code == 603
        await each_other(alice, ALICE_HZ, bob, BOB_HZ)


# --- with JsSIP in Chromium ------------------------------------------------------------------------------------------


async def called_by_us(caller: Phone, page: BrowserPhone) -> JambonzCall:
    dialling = caller.line.make_call("bob")
    await page.until("session", originator="remote")
    await page.answer()
    call = await dialling
    await page.until("confirmed")
    await call.media_ready()
    return call


async def page_calls(page: BrowserPhone, kamailio: Kamailio, name: str) -> None:
    await page.call(kamailio.uri(name))
    await page.until("session", originator="local")
    await page.until("confirmed")


async def talks_with_the_page(phone: Phone, hz: float, page: BrowserPhone) -> None:
    call = await the_call_of(phone)
    await asyncio.gather(hears_tone(call, BOB_HZ), page.hears(hz))


async def test_we_refer_the_browser(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    async with ours(kamailio, "alice", ALICE_HZ) as alice, ours(kamailio, "carol", CAROL_HZ, answers=True) as carol:
        page = await browser_phone(kamailio, "bob", BOB_HZ)
        told = confirmed(alice)
        call = await called_by_us(alice, page)
        await call.transfer("carol")
        assert told == [True]
        await talks_with_the_page(carol, CAROL_HZ, page)
        assert (await the_call_of(carol)).remote_headers.get("Referred-By") == f"<{kamailio.uri('alice')}>"
        assert await page.states() == [True, False]


async def test_we_refer_the_browser_to_nobody(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    async with ours(kamailio, "alice", ALICE_HZ) as alice:
        page = await browser_phone(kamailio, "bob", BOB_HZ)
        call = await called_by_us(alice, page)
        with pytest.raises(CallError) as failure:
            await call.transfer("nobody")
        assert failure.value.code == 404
        assert call.state == CallState.CONNECTED
        assert await page.states() == [False, True]


async def test_the_browser_refuses(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    """JsSIP has sent its 202 by then, and says so by NOTIFY."""
    async with ours(kamailio, "alice", ALICE_HZ) as alice:
        page = await browser_phone(kamailio, "bob", BOB_HZ)
        call = await called_by_us(alice, page)
        await page.evaluate("() => { phone.refuses = true; }")
        with pytest.raises(CallError) as failure:
            await call.transfer("carol")
        assert failure.value.code == 603
        await talks_with_the_page(alice, ALICE_HZ, page)


async def test_we_refuse_the_browser(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    async with phone(kamailio, "alice", audio=tone(ALICE_HZ), accept_transfers=False) as alice:
        page = await browser_phone(kamailio, "bob", BOB_HZ)
        await called_by_us(alice, page)
        await page.refer(0, kamailio.uri("carol"))
        await page.until("transfer", outcome="requestFailed")
        await talks_with_the_page(alice, ALICE_HZ, page)


async def test_the_browser_refers_us(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    async with ours(kamailio, "alice", ALICE_HZ) as alice, ours(kamailio, "carol", CAROL_HZ, answers=True) as carol:
        page = await browser_phone(kamailio, "bob", BOB_HZ)
        await called_by_us(alice, page)
        await page.refer(0, kamailio.uri("carol"))
        for outcome in ("requestSucceeded", "trying", "progress", "accepted"):
            await page.until("transfer", outcome=outcome)
        await page.hangup()
        await each_other(alice, ALICE_HZ, carol, CAROL_HZ)


async def test_the_browser_refers_us_to_nobody(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    async with ours(kamailio, "alice", ALICE_HZ) as alice:
        page = await browser_phone(kamailio, "bob", BOB_HZ)
        call = await called_by_us(alice, page)
        await page.refer(0, kamailio.uri("nobody"))
        assert (await page.until("transfer", outcome="failed"))["status"] == 404
        await talks_with_the_page(alice, ALICE_HZ, page)
        assert await the_call_of(alice) is call


async def test_the_browser_refers_us_and_forgets_to_hang_up(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    async with ours(kamailio, "alice", ALICE_HZ) as alice, ours(kamailio, "carol", CAROL_HZ, answers=True) as carol:
        page = await browser_phone(kamailio, "bob", BOB_HZ)
        await called_by_us(alice, page)
        await page.refer(0, kamailio.uri("carol"))
        assert (await page.until("ended"))["originator"] == "remote"
        await each_other(alice, ALICE_HZ, carol, CAROL_HZ)


async def test_we_refer_the_browser_to_our_consultation(kamailio: Kamailio, browser_phone: BrowserPhoneFor) -> None:
    """The browser sends INVITE with Replaces, to a phone of ours."""
    async with ours(kamailio, "alice", ALICE_HZ) as alice, ours(kamailio, "carol", CAROL_HZ, answers=True) as carol:
        page = await browser_phone(kamailio, "bob", BOB_HZ)
        first = await called_by_us(alice, page)
        second = await calling(alice, "carol")
        await first.attended_transfer(second)
        await talks_with_the_page(carol, CAROL_HZ, page)
        assert alice.line.call.value is None


@pytest.mark.parametrize("consultation", ["outbound", "inbound"])
async def test_the_browser_refers_us_to_its_consultation(
    kamailio: Kamailio, browser_phone: BrowserPhoneFor, consultation: str
) -> None:
    """We send INVITE with Replaces, from one phone of ours to another."""
    async with ours(kamailio, "alice", ALICE_HZ) as alice, ours(kamailio, "carol", CAROL_HZ, answers=True) as carol:
        page = await browser_phone(kamailio, "bob", BOB_HZ)
        await called_by_us(alice, page)
        if consultation == "outbound":
            await page_calls(page, kamailio, "carol")
        else:
            await called_by_us(carol, page)
        await page.refer(0, kamailio.uri("carol"), 1)
        await page.until("transfer", outcome="accepted")
        await each_other(alice, ALICE_HZ, carol, CAROL_HZ)
        assert (await page.states())[1], "carol has ended the call that was replaced"


@pytest.mark.parametrize("consultation", ["outbound", "inbound"])
async def test_we_refer_ours_to_the_browser_that_we_consult(
    kamailio: Kamailio, browser_phone: BrowserPhoneFor, consultation: str
) -> None:
    """We send INVITE with Replaces, to the browser."""
    async with ours(kamailio, "alice", ALICE_HZ) as alice, ours(kamailio, "carol", CAROL_HZ, answers=True) as carol:
        page = await browser_phone(kamailio, "bob", BOB_HZ)
        first = await calling(alice, "carol")
        if consultation == "outbound":
            second = await called_by_us(alice, page)
        else:
            await page.call(kamailio.uri("alice"))
            await alice.line.incoming_caller.wait(lambda caller: caller is not None, timeout=10)
            await alice.line.answer_incoming()
            await page.until("confirmed")
            second = alice.call
        await first.attended_transfer(second)
        await page.until("replaces")
        await talks_with_the_page(carol, CAROL_HZ, page)
        assert await page.states() == [True, False]


async def test_the_browser_is_all_three_but_the_one_who_transfers(
    kamailio: Kamailio, browser_phone: BrowserPhoneFor
) -> None:
    """Two pages are connected by us."""
    async with ours(kamailio, "alice", ALICE_HZ) as alice:
        page = await browser_phone(kamailio, "bob", BOB_HZ)
        other = await browser_phone(kamailio, "carol", CAROL_HZ)
        first = await called_by_us(alice, page)
        dialling = alice.line.make_call("carol")
        await other.until("session", originator="remote")
        await other.answer()
        second = await dialling
        await other.until("confirmed")
        await second.media_ready()
        await first.attended_transfer(second)
        await asyncio.gather(page.hears(CAROL_HZ), other.hears(BOB_HZ))
        assert alice.line.call.value is None
