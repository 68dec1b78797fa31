"""Transfer as a user sees it: what is awaited, which events come, and what misuse raises."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from jzrx import CallError, use_call
from jzrx.testing.peer import in_dialog, respond
from tests.bench import Bench, answered, inbound, outbound, told


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.connected()
    yield bench
    await bench.close()


def notify(bench: Bench, call_invite: Any, fragment: str, number: int = 2) -> None:
    """The other side reports."""
    headers = (("Event", "refer"), ("Subscription-State", "terminated"))
    bench.peer.say(
        in_dialog(
            "NOTIFY",
            call_invite,
            number=number,
            headers=headers,
            body=fragment.encode(),
            content_type="message/sipfrag",
        )
    )


async def test_a_blind_transfer_that_succeeds(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    bench.peer.answers["REFER"] = 202
    transfer = call.transfer("+1 (555) 0100", headers={"X-Why": "lunch"})
    await bench.pass_time(0.1)
    (refer,) = bench.sent("REFER")
    assert refer.headers.get("Refer-To") == "<sip:+15550100@example.com>"
    assert refer.headers.get("X-Why") == "lunch"
    assert not transfer.done
    assert heard == []
    notify(bench, bench.sent("INVITE")[0], "SIP/2.0 200 OK")
    await bench.pass_time(0.1)
    await bench.finish(transfer)
    assert heard[0] == "transferred"
    assert [name for name, _ in heard[1:]] == ["stateChanged", "ended"]
    assert bench.client.call_count == 0


async def test_a_blind_transfer_that_fails_leaves_the_call(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    bench.peer.answers["REFER"] = 202
    transfer = call.transfer("carol")
    await bench.pass_time(0.1)
    notify(bench, bench.sent("INVITE")[0], "SIP/2.0 486 Busy Here")
    await bench.pass_time(0.1)
    with pytest.raises(CallError) as failure:
        await bench.finish(transfer)
    assert (failure.value.code, failure.value.reason) == (486, "Busy Here")
    ((name, error),) = heard
    assert name == "transferFailed"
    assert (error.code, error.reason) == (486, "Busy Here")
    assert call.state == "connected"


async def test_a_refused_transfer_has_the_words_of_the_server(bench: Bench) -> None:
    """jambonz answers 501 unless its application has a referHook."""
    call = await outbound(bench)
    bench.peer.answers["REFER"] = lambda refer: [respond(refer, 501, headers=(("X-Reason", "no referHook"),))]
    transfer = call.transfer("carol")
    await bench.pass_time(0.1)
    with pytest.raises(CallError, match="501 no referHook"):
        await bench.finish(transfer)
    assert call.state == "connected"


async def test_the_hook_transfers_the_current_call(bench: Bench) -> None:
    with use_call(bench.client) as line:
        with pytest.raises(CallError, match="there is no call"):
            line.transfer("carol")
        await outbound(bench)
        bench.peer.answers["REFER"] = 202
        transfer = line.transfer("carol")
        await bench.pass_time(6)  # nobody reports: done after 5 s, unconfirmed
        await bench.finish(transfer)
        assert line.call.value is None


async def test_an_attended_transfer_ends_both_calls(bench: Bench) -> None:
    call = await outbound(bench)
    consultation = await outbound(bench, "carol")
    bench.peer.answers["REFER"] = 202
    transfer = call.attended_transfer(consultation)
    await bench.pass_time(0.1)
    assert "Replaces=" in (bench.sent("REFER")[0].headers.get("Refer-To") or "")
    notify(bench, bench.sent("INVITE")[0], "SIP/2.0 200 OK")
    await bench.pass_time(0.1)
    await bench.finish(transfer)
    assert (call.state, consultation.state) == ("ended", "ended")


async def test_misuse(bench: Bench) -> None:
    ringing = await inbound(bench)
    with pytest.raises(CallError, match="not answered yet"):
        ringing.transfer("carol")
    call = await answered(bench, 2)
    for target in ("", "a\r\nb", "mailto:a@b"):
        with pytest.raises(ValueError, match="target|call"):
            call.transfer(target)
    with pytest.raises(ValueError, match="Refer-To"):
        call.transfer("carol", headers={"Refer-To": "<sip:x@y>"})
    with pytest.raises(ValueError, match="another call"):
        call.attended_transfer(call)
    with pytest.raises(CallError, match="not answered yet"):
        call.attended_transfer(ringing)
    with pytest.raises(TypeError, match="JambonzCall"):
        call.attended_transfer("carol")  # type: ignore[arg-type]
    assert not bench.sent("REFER")
