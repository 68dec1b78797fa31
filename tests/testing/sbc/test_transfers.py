"""Transfers between three phones on the embedded SBC: who hears whom in the end, and who is told what."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from attrs import frozen

from jzrx import CallError, JambonzCall, JambonzClient, create_jambonz_client
from jzrx.events import Transferred
from jzrx.media import tone
from jzrx.testing import EmbeddedSbc
from jzrx.testing.sbc.journal import SbcEvent
from tests.interop.phones import hears_tone

HZ = {"alice": 440, "bob": 660, "carol": 1000}


@frozen
class Table:
    """Three phones; bob and carol answer whoever calls them."""

    sbc: EmbeddedSbc
    alice: JambonzClient
    bob: JambonzClient
    carol: JambonzClient


def answer(call: JambonzCall) -> None:
    """What bob and carol do with a call."""
    call.answer()


@pytest.fixture(params=["relay"])
async def table(request: pytest.FixtureRequest) -> AsyncIterator[Table]:
    async with AsyncExitStack() as stack:
        sbc = await stack.enter_async_context(EmbeddedSbc(dict.fromkeys(HZ, "secret"), refer=request.param))
        phones = [
            await stack.enter_async_context(
                create_jambonz_client(server=sbc.url, username=name, password="secret", audio=tone(hz))
            )
            for name, hz in HZ.items()
        ]
        for phone in phones[1:]:
            phone.on("incoming", answer)
        yield Table(sbc, *phones)


async def the_call_of(client: JambonzClient) -> JambonzCall:
    """The one call that the client has in the end."""
    snapshot = await client.snapshot.wait(
        lambda now: [str(call.state) for call in now.calls.values()] == ["connected"], timeout=5
    )
    return client.calls[next(iter(snapshot.calls))]


async def calling(client: JambonzClient, target: str) -> JambonzCall:
    call = client.call(target)
    await call.answered()
    await call.media_ready()
    return call


async def heard_by_each_other(table: Table) -> None:
    bobs, carols = await the_call_of(table.bob), await the_call_of(table.carol)
    await bobs.snapshot.wait(lambda now: not now.is_remotely_held, timeout=5)
    await asyncio.gather(hears_tone(bobs, HZ["carol"]), hears_tone(carols, HZ["bob"]))


async def test_blind(table: Table) -> None:
    call = await calling(table.alice, "bob")
    events: list[Transferred] = []
    table.alice.events.subscribe(lambda event: events.append(event) if isinstance(event, Transferred) else None)
    await call.transfer("carol")
    assert [event.confirmed for event in events] == [True]
    assert call.state == "ended"
    await heard_by_each_other(table)
    await (await the_call_of(table.bob)).hangup()
    await table.carol.snapshot.wait(lambda now: not now.calls, timeout=5)


async def test_the_callee_transfers(table: Table) -> None:
    await calling(table.alice, "bob")
    await (await the_call_of(table.bob)).transfer("carol")
    alices, carols = await the_call_of(table.alice), await the_call_of(table.carol)
    await asyncio.gather(hears_tone(alices, HZ["carol"]), hears_tone(carols, HZ["alice"]))


async def test_attended(table: Table) -> None:
    """Alice holds bob, asks carol, connects them; bob is not on hold any more."""
    first = await calling(table.alice, "bob")
    await first.hold()
    consultation = await calling(table.alice, "carol")
    await first.attended_transfer(consultation)
    assert (first.state, consultation.state) == ("ended", "ended")
    await heard_by_each_other(table)


async def test_attended_with_a_party_that_called(table: Table) -> None:
    """The consultation call is inbound (JsSIP issue 817)."""
    first = await calling(table.alice, "bob")
    table.alice.on("incoming", lambda call: call.answer())
    await calling(table.carol, "alice")
    consultation = next(call for call in table.alice.calls.values() if call is not first)
    await consultation.answered()
    await first.attended_transfer(consultation)
    await heard_by_each_other(table)


async def test_to_a_robot(table: Table) -> None:
    call = await calling(table.bob, "carol")
    await call.transfer("tone")
    await hears_tone(await the_call_of(table.carol), 440)


async def test_to_a_robot_that_is_busy(table: Table) -> None:
    call = await calling(table.alice, "bob")
    with pytest.raises(CallError) as failure:
        await call.transfer("busy")
    assert failure.value.code == 486
    assert call.state == "connected"
    bobs = await the_call_of(table.bob)
    await asyncio.gather(hears_tone(bobs, HZ["alice"]), hears_tone(call, HZ["bob"]))
    await call.transfer("carol")  # nothing is left of the first attempt
    await heard_by_each_other(table)


async def test_to_a_robot_that_rings_until_somebody_has_enough(table: Table) -> None:
    call = await calling(table.alice, "bob")
    sbc_says: list[SbcEvent] = []
    table.sbc.events.subscribe(sbc_says.append)
    transfer = call.transfer("noanswer")
    bobs = await the_call_of(table.bob)
    await hears_tone(bobs, HZ["alice"])
    await bobs.hangup()
    with pytest.raises(CallError) as failure:
        await transfer
    assert failure.value.code == 487
    await nobody_talks(table.alice, table.bob)
    assert [event.detail for event in sbc_says if event.what == "transferred"] == ["487 Request Terminated"]


async def test_to_a_robot_that_rings_too_long(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jzrx.testing.sbc.transfers.RING_TIME", 0.2)
    call = await calling(table.alice, "bob")
    for target in ("noanswer", "carol"):
        table.carol.off("incoming", answer)
        with pytest.raises(CallError) as failure:
            await call.transfer(target)
        assert failure.value.code == 480
        assert call.state == "connected"
    await nobody_talks(table.carol)


async def test_attended_with_a_robot(table: Table) -> None:
    first = await calling(table.bob, "carol")
    consultation = await calling(table.bob, "tone")
    await first.attended_transfer(consultation)
    assert (first.state, consultation.state) == ("ended", "ended")
    await hears_tone(await the_call_of(table.carol), 440)


@pytest.mark.parametrize(("target", "code"), [("nobody", 480), ("sip:bob@elsewhere.example", 404)])
async def test_a_target_that_is_not_there(table: Table, target: str, code: int) -> None:
    call = await calling(table.alice, "bob")
    with pytest.raises(CallError) as failure:
        await call.transfer(target)
    assert failure.value.code == code
    assert call.state == "connected"
    await hears_tone(call, HZ["bob"])


async def test_a_target_that_declines(table: Table) -> None:
    call = await calling(table.alice, "bob")
    table.carol.off("incoming", answer)
    table.carol.on("incoming", lambda incoming: incoming.hangup(603))
    with pytest.raises(CallError) as failure:
        await call.transfer("carol")
    assert failure.value.code == 603
    assert call.state == "connected"


@pytest.mark.parametrize("table", ["refuse"], indirect=True)
async def test_a_server_without_a_refer_hook(table: Table) -> None:
    call = await calling(table.alice, "bob")
    with pytest.raises(CallError) as failure:
        await call.transfer("carol")
    assert failure.value.code == 501
    assert call.state == "connected"


async def test_to_nobody_when_a_robot_is_the_other_side(table: Table) -> None:
    call = await calling(table.alice, "echo")
    with pytest.raises(CallError, match="603"):
        await call.transfer("carol")
    assert call.state == "connected"


# --- somebody leaves, or all act at once ------------------------------------------------------------------------------


async def ringing(client: JambonzClient) -> JambonzCall:
    """The call that rings there."""
    await client.snapshot.wait(lambda now: bool(now.incoming_call_ids), timeout=5)
    call = client.incoming_call
    assert call is not None
    return call


async def nobody_talks(*clients: JambonzClient) -> None:
    for client in clients:
        await client.snapshot.wait(lambda now: not now.calls, timeout=5)


@pytest.fixture
async def slow(table: Table) -> Table:
    """Carol lets it ring."""
    table.carol.off("incoming", answer)
    return table


async def test_the_one_who_is_transferred_hangs_up_while_the_target_rings(slow: Table) -> None:
    """Nothing is left to be transferred: it stops ringing, and whoever asked hears that it has failed."""
    call = await calling(slow.alice, "bob")
    transfer = call.transfer("carol")
    rings = await ringing(slow.carol)
    await (await the_call_of(slow.bob)).hangup()
    with pytest.raises(CallError) as failure:
        await transfer
    assert failure.value.code == 487
    await nobody_talks(slow.alice, slow.bob, slow.carol)
    assert rings.state == "ended"


async def test_whoever_transfers_hangs_up_while_the_target_rings(slow: Table) -> None:
    """As phones do that do not wait for the outcome."""
    call = await calling(slow.alice, "bob")
    call.transfer("carol")
    rings = await ringing(slow.carol)
    await call.hangup()
    await rings.answer()
    await heard_by_each_other(slow)


async def test_and_then_the_target_declines(slow: Table) -> None:
    call = await calling(slow.alice, "bob")
    call.transfer("carol")
    rings = await ringing(slow.carol)
    await call.hangup()
    await rings.hangup(486)
    await nobody_talks(slow.alice, slow.bob, slow.carol)


async def test_both_sides_transfer_at_once(slow: Table) -> None:
    """One of them does; the other is told to wait (491), and is moved."""
    call = await calling(slow.alice, "bob")
    other = await the_call_of(slow.bob)
    transfers = [call.transfer("carol"), other.transfer("carol")]
    await (await ringing(slow.carol)).answer()
    outcomes = await asyncio.gather(*transfers, return_exceptions=True)
    (failure,) = [outcome for outcome in outcomes if outcome is not None]
    assert isinstance(failure, CallError)
    assert failure.code == 491
    assert len([client for client in (slow.alice, slow.bob) if client.calls]) == 1


async def test_the_target_hangs_up_as_it_is_joined(table: Table) -> None:
    """The transfer has succeeded, and the call that came of it is over."""

    async def hang_up(call: JambonzCall) -> None:
        await call.answered()
        await call.hangup()

    table.carol.on("incoming", hang_up)
    call = await calling(table.alice, "bob")
    await call.transfer("carol")
    await nobody_talks(table.alice, table.bob, table.carol)


async def test_the_consulted_party_hangs_up_at_the_same_time(table: Table) -> None:
    first = await calling(table.alice, "bob")
    consultation = await calling(table.alice, "carol")
    transfer = first.attended_transfer(consultation)
    leaving = (await the_call_of(table.carol)).hangup()
    await asyncio.gather(transfer, leaving, return_exceptions=True)
    await nobody_talks(table.carol)
    # Whichever was first: bob talks with alice still, or with nobody any more.
    await table.bob.snapshot.wait(lambda now: not now.calls or first.state == "connected", timeout=5)


# --- as a stock jambonz does it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["hook"], indirect=True)
async def test_a_referhook_sends_no_notify_and_ends_the_call_by_bye(table: Table) -> None:
    """202, then BYE: which is a success that was confirmed."""
    call = await calling(table.alice, "bob")
    transferred: list[Transferred] = []
    table.alice.events.subscribe(lambda event: transferred.append(event) if isinstance(event, Transferred) else None)
    await call.transfer("carol")
    assert [event.confirmed for event in transferred] == [True]
    await hears_tone(await the_call_of(table.carol), HZ["bob"])


@pytest.mark.parametrize("table", ["hook"], indirect=True)
async def test_a_referhook_that_fails_says_nothing_and_the_call_stays(table: Table) -> None:
    """So the client cannot know, and says so."""
    call = await calling(table.alice, "bob")
    transferred: list[Transferred] = []
    table.alice.events.subscribe(lambda event: transferred.append(event) if isinstance(event, Transferred) else None)
    await call.transfer("nobody")
    assert [event.confirmed for event in transferred] == [False]


@pytest.mark.parametrize("table", ["refuse"], indirect=True)
async def test_without_a_referhook_a_transfer_is_501_and_the_call_stays(table: Table) -> None:
    call = await calling(table.alice, "bob")
    with pytest.raises(CallError) as refused:
        await call.transfer("carol")
    assert refused.value.code == 501
    assert call.state == "connected"
