"""call-transfer.spec: blind and attended transfer."""

import inspect

import pytest

from jzrx import CallError, JambonzCall
from jzrx.testing.peer import in_dialog, respond
from tests.bench import Bench, outbound, told

FINAL = (("Event", "refer"), ("Subscription-State", "terminated;reason=noresource"))


def test_10_a_call_can_be_transferred() -> None:
    assert list(inspect.signature(JambonzCall.transfer).parameters) == ["self", "target", "headers"]


def test_11_a_call_can_be_connected_with_another() -> None:
    assert list(inspect.signature(JambonzCall.attended_transfer).parameters) == ["self", "other_call", "headers"]


async def test_12_a_blind_transfer_says_where_to_and_by_whom(bench: Bench) -> None:
    call = await outbound(bench)
    bench.peer.answers["REFER"] = 202
    call.transfer("1000")
    await bench.pass_time(0.1)
    (refer,) = bench.sent("REFER")
    assert refer.headers.get("Refer-To") == "<sip:1000@example.com>"
    assert refer.headers.get("Referred-By") == "<sip:alice@example.com>"
    assert str(refer.uri) == "sip:peer@peer.invalid;transport=ws", "in the dialog, to the remote target"


@pytest.mark.parametrize(
    ("response", "report", "outcome"),
    [
        (202, b"SIP/2.0 200 OK", "transferred"),
        (200, b"SIP/2.0 202 Accepted", "transferred"),
        (202, None, "transferred"),  # jambonz never reports: 5 s later
        (202, "BYE", "transferred"),
        (202, b"SIP/2.0 486 Busy Here", (486, "Busy Here")),
        (202, b"SIP/2.0 603 Decline", (603, "Decline")),
        (202, b"SIP/2.0 180 Ringing", (408, "The other side stopped reporting")),
        (501, None, (501, "Not Implemented")),
        (403, None, (403, "Forbidden")),
    ],
)
async def test_12_each_outcome_by_response_and_report(
    bench: Bench, response: int, report: object, outcome: object
) -> None:
    call = await outbound(bench)
    heard = told(call)
    invite = bench.sent("INVITE")[0]
    bench.peer.answers["REFER"] = response
    transfer = call.transfer("1000")
    await bench.pass_time(0.1)
    if report == "BYE":
        bench.bye(invite)
    elif isinstance(report, bytes):
        body = {"body": report, "content_type": "message/sipfrag;version=2.0"}
        bench.peer.say(in_dialog("NOTIFY", invite, headers=FINAL, **body))
    if outcome == "transferred":
        await bench.finish(transfer)
        assert heard[0] == "transferred"
        assert [name for name, _ in heard[1:]] == ["stateChanged", "ended"]
        return
    with pytest.raises(CallError) as failed:
        await bench.finish(transfer)
    assert (failed.value.code, failed.value.reason) == outcome
    ((name, error),) = heard
    assert (name, (error.code, error.reason)) == ("transferFailed", outcome)
    assert (call.state, bench.sent("BYE")) == ("connected", [])


async def test_12_no_answer_at_all_fails_the_transfer_and_not_the_call(bench: Bench) -> None:
    call = await outbound(bench)
    with pytest.raises(CallError) as failed:
        await bench.finish(call.transfer("1000"))
    assert (failed.value.code, call.state) == (408, "connected")


async def test_13_headers_go_out_on_the_refer(bench: Bench) -> None:
    call = await outbound(bench)
    bench.peer.answers["REFER"] = lambda refer: [respond(refer, 202)]
    call.transfer("1000", headers={"X-Why": "lunch"})
    await bench.pass_time(0.1)
    assert bench.sent("REFER")[0].headers.get("X-Why") == "lunch"
    with pytest.raises(ValueError, match="Refer-To is set by the user agent"):
        call.transfer("1000", headers={"Refer-To": "<sip:mallory@example.com>"})
