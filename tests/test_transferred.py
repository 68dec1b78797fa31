"""Transfer by others as a user sees it: what the hook shows, what is decided by whom, and what stays as it was."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from jzrx import CallState, JambonzCall, TransferRequest, UseCall, create_jambonz_client, use_call
from jzrx.media import silence
from jzrx.sip.message import Request
from jzrx.testing.peer import in_dialog, request, respond
from tests.bench import SDP, Bench, answered, outbound

BenchWith = Callable[..., Any]


@pytest.fixture
async def bench_with() -> AsyncIterator[BenchWith]:
    """Makes a bench with these options, connected."""
    benches: list[Bench] = []

    async def make(**options: Any) -> Bench:
        benches.append(Bench(**options))
        await benches[-1].connected()
        benches[-1].peer.answers["NOTIFY"] = 200
        return benches[-1]

    yield make
    for bench in benches:
        await bench.close()


def refer(bench: Bench, target: str = "<sip:carol@example.com>", number: int = 2) -> None:
    """Bob, whom we called, asks us to call somebody else."""
    headers = (("Refer-To", target), ("Referred-By", "<sip:bob@example.com>"), ("X-Why", "lunch"))
    bench.peer.say(in_dialog("REFER", bench.sent("INVITE")[0], number=number, headers=headers))


def replace(bench: Bench, call_id: str = "carols-call") -> None:
    """Carol takes the place of bob, whom we called."""
    ours = bench.sent("INVITE")[0]
    headers = (("Replaces", f"{ours.call_id};to-tag={ours.from_.tag};from-tag=peer"),)
    carol = '"Carol" <sip:carol@example.com>;tag=carols'
    bench.peer.say(request("INVITE", from_=carol, call_id=call_id, headers=headers, sdp=SDP))


async def acknowledged(bench: Bench, call_id: str = "carols-call") -> None:
    """Carol ACKs our 200."""

    def accepted() -> list[Any]:
        return [m for m in bench.peer.received if m.call_id == call_id and not isinstance(m, Request)][-1:]

    await bench.until(lambda: accepted() and accepted()[0].status_code == 200)
    bench.peer.say(in_dialog("ACK", accepted()[0], number=1))
    await bench.pass_time(0.1)


def reports(bench: Bench) -> list[str]:
    return [notify.body.decode().split()[1] for notify in bench.sent("NOTIFY")]


def seen(line: UseCall) -> list[tuple[str | None, str | None]]:
    """Who the hook shows from now on, and in which state."""
    shown: list[tuple[str | None, str | None]] = []

    def look(now: Any) -> None:
        pair = (now.call and now.call.remote_identity, now.state and str(now.state))
        if shown[-1:] != [pair]:
            shown.append(pair)

    line.snapshot.subscribe(look)
    return shown


BOB, CAROL = "bob", "sip:carol@example.com"


# --- REFER -----------------------------------------------------------------------------------------------------------


async def test_the_other_side_hands_us_on(bench_with: BenchWith) -> None:
    bench = await bench_with()
    bob = await outbound(bench, "bob")
    events: list[Any] = []
    bob.on("transferRequested", events.append)
    bob.on("replacement", events.append)
    with use_call(bench.client) as line:
        shown = seen(line)
        bench.peer.answers["INVITE"] = lambda invite: [respond(invite, 180, tag="carols")]
        refer(bench)
        await bench.pass_time(0.2)
        bench.peer.reply("INVITE", 200, sdp=SDP, tag="carols")
        await bench.pass_time(0.2)
        assert reports(bench) == ["100", "180", "200"]
        bench.bye(bench.sent("INVITE")[0], 3)
        await bench.pass_time(0.2)
        assert shown == [
            (BOB, "connected"),
            (CAROL, "idle"),
            (CAROL, "connecting"),
            (CAROL, "ringing"),
            (CAROL, "connected"),
        ]
        asked, carol = events
        assert isinstance(asked, TransferRequest)
        assert (asked.kind, asked.call_id, asked.target) == ("refer", bob.id, CAROL)
        assert (asked.referred_by, asked.replaces) == ("<sip:bob@example.com>", None)
        assert ("X-Why", "lunch") in asked.headers
        assert isinstance(carol, JambonzCall)
        assert carol is line.call.value
        assert bob.state == CallState.ENDED
    assert bench.sent("INVITE")[1].headers.get("Referred-By") == "<sip:bob@example.com>"


async def test_a_target_that_declines_leaves_the_call(bench_with: BenchWith) -> None:
    bench = await bench_with()
    bob = await outbound(bench, "bob")
    with use_call(bench.client) as line:
        shown = seen(line)
        bench.peer.answers["INVITE"] = lambda invite: [respond(invite, 486, tag="carols")]
        refer(bench)
        await bench.pass_time(5)
        assert reports(bench) == ["100", "486"]
        assert shown == [
            (BOB, "connected"),
            (CAROL, "idle"),
            (CAROL, "connecting"),
            (CAROL, "ended"),
            (BOB, "connected"),
        ]
        assert line.call.value is bob


async def test_an_attended_one_carries_replaces(bench_with: BenchWith) -> None:
    bench = await bench_with()
    await outbound(bench, "bob")
    refer(bench, "<sip:carol@example.com?Replaces=c%40x%3Bto-tag%3D1%3Bfrom-tag%3D2>")
    await bench.pass_time(0.2)
    invite = bench.sent("INVITE")[1]
    assert str(invite.uri) == CAROL
    assert invite.headers.get("Replaces") == "c@x;to-tag=1;from-tag=2"


async def test_a_telephone_number_is_called_in_our_realm(bench_with: BenchWith) -> None:
    bench = await bench_with()
    await outbound(bench, "bob")
    refer(bench, "<tel:+1-555-0100>")
    await bench.pass_time(0.2)
    assert str(bench.sent("INVITE")[1].uri) == "sip:+15550100@example.com;user=phone"


@pytest.mark.parametrize("kind", ["option", "function", "coroutine", "raises", "raises later"])
async def test_it_is_refused(bench_with: BenchWith, kind: str) -> None:
    asked: list[TransferRequest] = []

    def decide(wanted: TransferRequest) -> bool:
        asked.append(wanted)
        if kind == "raises":
            raise RuntimeError("cannot decide")
        return False

    async def decide_later(wanted: TransferRequest) -> bool:
        asked.append(wanted)
        if kind == "raises later":
            raise RuntimeError("cannot decide")
        return False

    later = kind in ("coroutine", "raises later")
    bench = await bench_with(accept_transfers=False if kind == "option" else decide_later if later else decide)
    bob = await outbound(bench, "bob")
    refer(bench)
    await bench.pass_time(0.2)
    assert bench.peer.last_response(603).cseq.method == "REFER"
    assert [wanted.target for wanted in asked] == ([] if kind == "option" else [CAROL])
    assert (bench.client.call_count, bob.state) == (1, CallState.CONNECTED)
    assert reports(bench) == []


async def test_a_person_decides(bench_with: BenchWith) -> None:
    """It takes as long as it takes; the other side hears that it is pending."""
    answers: asyncio.Queue[bool] = asyncio.Queue()

    async def ask(_: TransferRequest) -> bool:
        return await answers.get()

    bench = await bench_with(accept_transfers=ask)
    await outbound(bench, "bob")
    refer(bench)
    await bench.pass_time(10)
    assert bench.sent("NOTIFY")[0].headers.get("Subscription-State") == "pending;expires=180"
    answers.put_nowait(True)
    await bench.pass_time(0.2)
    assert reports(bench)[-1] == "200"


async def test_a_decision_that_comes_too_late_is_none_on_the_next_transfer(bench_with: BenchWith) -> None:
    """Nobody decided on carol for three minutes; the other side asks for dave now."""
    answers: dict[str, asyncio.Future[bool]] = {}

    async def ask(wanted: TransferRequest) -> bool:
        answers[wanted.target] = asyncio.get_running_loop().create_future()
        return await answers[wanted.target]

    bench = await bench_with(accept_transfers=ask)
    await outbound(bench, "bob")
    refer(bench)
    await bench.pass_time(185, step=1)
    assert reports(bench)[-1] == "603"
    refer(bench, "<sip:dave@example.com>", number=3)
    await bench.pass_time(0.2)
    assert answers[CAROL].cancelled()
    answers["sip:dave@example.com"].set_result(True)
    await bench.pass_time(0.2)
    assert [str(invite.uri) for invite in bench.sent("INVITE")[1:]] == ["sip:dave@example.com"]


async def test_a_decision_that_comes_too_late_is_none(bench_with: BenchWith, caplog: pytest.LogCaptureFixture) -> None:
    """The other side was told that it is refused, and may be on its way elsewhere."""
    made_up_its_mind = asyncio.Event()

    async def ask(_: TransferRequest) -> bool:
        try:
            await made_up_its_mind.wait()
        except asyncio.CancelledError:
            await made_up_its_mind.wait()  # it does not take the hint
        return True

    bench = await bench_with(accept_transfers=ask)
    bob = await outbound(bench, "bob")
    refer(bench)
    await bench.pass_time(185, step=1)
    assert reports(bench) == ["100", "603"]
    assert "did not decide within 180 s" in caplog.text
    made_up_its_mind.set()
    await bench.pass_time(1)
    assert reports(bench) == ["100", "603"]
    assert len(bench.sent("INVITE")) == 1
    assert bob.state == "connected"


async def test_nobody_decides_before_the_call_ends(bench_with: BenchWith) -> None:
    begun = asyncio.Event()

    async def ask(_: TransferRequest) -> bool:
        begun.set()
        return await asyncio.get_running_loop().create_future()

    bench = await bench_with(accept_transfers=ask)
    bob = await outbound(bench, "bob")
    refer(bench)
    await bench.pass_time(0.2)
    assert begun.is_set()
    await bench.finish(bob.hangup())
    await bench.catch_up()  # the question is taken back: a task that stays fails the test
    assert bench.client.call_count == 0


async def test_a_muted_and_a_held_call_are_so_afterwards(bench_with: BenchWith) -> None:
    bench = await bench_with()
    bob = await outbound(bench, "bob")
    bob.mute()
    await bench.finish(bob.hold())
    refer(bench, number=3)
    await bench.pass_time(0.2)
    carol = bench.client.current_call
    assert carol is not None
    assert (carol.remote_identity, carol.is_muted, carol.is_held, carol.state) == (CAROL, True, True, CallState.HELD)
    assert bench.session(carol.id).is_muted


async def test_the_call_that_we_are_in_stays_in_front(bench_with: BenchWith) -> None:
    """Bob, on hold, hands us on while we talk to dave."""
    bench = await bench_with()
    bob = await outbound(bench, "bob")
    await bench.finish(bob.hold())
    dave = await outbound(bench, "dave")
    refer(bench, number=3)
    await bench.pass_time(3)
    assert bench.client.current_call is dave
    assert bob.state == CallState.ENDED
    assert bench.client.call_count == 2


def only_once() -> Callable[[], Any]:
    """A function for the audio that has nothing for a second call."""
    sources = [silence()]
    return lambda: sources.pop()


@pytest.mark.parametrize("target", ["<sip:carol@example.com>", "<tel:nobody>"])
async def test_it_cannot_be_made(bench_with: BenchWith, target: str) -> None:
    bench = await bench_with(audio=only_once())
    bob = await outbound(bench, "bob")
    refer(bench, target)
    await bench.pass_time(0.2)
    assert bench.peer.last_response(500).cseq.method == "REFER"
    assert bench.client.current_call is bob


# --- INVITE with Replaces --------------------------------------------------------------------------------------------


async def test_somebody_else_takes_the_place(bench_with: BenchWith) -> None:
    """Nothing rings, nothing is to be answered, and there is no moment without a call."""
    bench = await bench_with()
    bob = await outbound(bench, "bob")
    replacements: list[JambonzCall] = []
    bob.on("replacement", replacements.append)
    incoming: list[JambonzCall] = []
    bench.client.on("incoming", incoming.append)
    with use_call(bench.client) as line:
        shown = seen(line)
        replace(bench)
        await acknowledged(bench)
        assert shown == [(BOB, "connected"), ("Carol", "connected")]
        assert line.incoming_caller.value is None
        assert replacements == [line.call.value]
    assert incoming == []
    assert bob.state == CallState.ENDED
    assert bench.sent("BYE")[0].to.tag == "peer"


async def test_bob_hangs_up_before_carol_is_up(bench_with: BenchWith) -> None:
    bench = await bench_with()
    await outbound(bench, "bob")
    with use_call(bench.client) as line:
        shown = seen(line)
        replace(bench)
        await bench.pass_time(0.1)
        bench.bye(bench.sent("INVITE")[0])
        await bench.pass_time(0.1)
        await acknowledged(bench)
        assert shown == [(BOB, "connected"), (BOB, "ended"), ("Carol", "connecting"), ("Carol", "connected")]


async def test_mute_and_hold_go_over(bench_with: BenchWith) -> None:
    bench = await bench_with()
    bob = await outbound(bench, "bob")
    bob.mute()
    await bench.finish(bob.hold())
    replace(bench)
    await acknowledged(bench)
    carol = bench.client.current_call
    assert carol is not None
    assert (carol.remote_identity, carol.is_muted, carol.is_held, carol.state) == ("Carol", True, True, CallState.HELD)
    assert bench.session(carol.id).is_muted


@pytest.mark.parametrize("later", [False, True])
async def test_policy_refuses_it(bench_with: BenchWith, later: bool) -> None:
    asked: list[TransferRequest] = []

    def decide(wanted: TransferRequest) -> bool:
        asked.append(wanted)
        return False

    async def decide_later(wanted: TransferRequest) -> bool:
        return decide(wanted)

    bench = await bench_with(accept_transfers=decide_later if later else decide)
    bob = await outbound(bench, "bob")
    replace(bench)
    await bench.pass_time(0.2)
    assert bench.peer.last_response(603).cseq.method == "INVITE"
    assert [(wanted.kind, wanted.call_id, wanted.target) for wanted in asked] == [("replaces", bob.id, CAROL)]
    assert bench.client.current_call is bob
    assert bench.client.call_count == 1


async def test_no_media_for_the_new_call(bench_with: BenchWith) -> None:
    bench = await bench_with(audio=only_once())
    bob = await outbound(bench, "bob")
    replace(bench)
    await bench.pass_time(0.2)
    assert bench.peer.last_response(500).cseq.method == "INVITE"
    assert bench.client.current_call is bob


async def test_who_waits_for_a_decision_that_never_comes_is_refused(bench_with: BenchWith) -> None:
    questions: list[asyncio.Future[bool]] = []

    async def ask(_: TransferRequest) -> bool:
        questions.append(asyncio.get_running_loop().create_future())
        return await questions[-1]

    bench = await bench_with(accept_transfers=ask)
    bob = await outbound(bench, "bob")
    replace(bench)
    await bench.pass_time(179, step=1)
    assert bench.client.call_count == 2
    await bench.pass_time(2, step=1)
    assert bench.peer.last_response(603).cseq.method == "INVITE"
    assert questions[0].cancelled()
    assert list(bench.client.calls.values()) == [bob]


@pytest.mark.parametrize("decision", [True, False])
async def test_our_user_answers_before_policy_decides(bench_with: BenchWith, decision: bool) -> None:
    answers: asyncio.Queue[bool] = asyncio.Queue()

    async def ask(_: TransferRequest) -> bool:
        return await answers.get()

    bench = await bench_with(accept_transfers=ask)
    bob = await outbound(bench, "bob")
    taken: list[JambonzCall] = []
    bob.on("replacement", taken.append)
    replace(bench)
    await bench.pass_time(0.1)
    action = taken[0].answer()
    session = bench.session(taken[0].id)
    answers.put_nowait(decision)
    await acknowledged(bench)
    await bench.finish(action)
    assert list(bench.client.calls.values()) == taken
    assert taken[0].state == "connected"
    assert bench.session(taken[0].id) is session


async def test_the_replaced_call_ends_while_policy_decides(bench_with: BenchWith) -> None:
    answers: asyncio.Queue[bool] = asyncio.Queue()

    async def ask(_: TransferRequest) -> bool:
        return await answers.get()

    bench = await bench_with(accept_transfers=ask)
    await outbound(bench, "bob")
    replace(bench)
    await bench.pass_time(0.1)
    bench.bye(bench.sent("INVITE")[0])
    await bench.pass_time(0.1)
    answers.put_nowait(True)
    await bench.pass_time(0.1)
    assert bench.peer.last_response(603).cseq.method == "INVITE"
    assert bench.client.call_count == 0


async def test_a_call_that_was_answered_here_is_replaced_too(bench_with: BenchWith) -> None:
    bench = await bench_with()
    bob = await answered(bench)
    ours = bench.peer.last_response(200)
    headers = (("Replaces", f"{ours.call_id};to-tag={ours.to.tag};from-tag=peer"),)
    carol = '"Carol" <sip:carol@example.com>;tag=carols'
    bench.peer.say(request("INVITE", from_=carol, call_id="carols-call", headers=headers, sdp=SDP))
    await acknowledged(bench)
    assert bob.state == CallState.ENDED
    assert bench.client.current_call is not None
    assert bench.client.current_call.remote_identity == "Carol"


@pytest.mark.parametrize("wrong", [None, 1, "yes", "accept"])
def test_a_policy_is_yes_no_or_a_function(wrong: Any) -> None:
    with pytest.raises(ValueError, match="accept_transfers must be True, False, or a function"):
        create_jambonz_client(server="ws://localhost", username="a", password="b", accept_transfers=wrong)


async def test_what_is_for_further_calls_does_not_concern_it(bench_with: BenchWith) -> None:
    """A phone with no room for another call, and that is not to be disturbed: this is no other call."""
    bench = await bench_with(incoming={"do_not_disturb": True, "max_calls": 1})
    await outbound(bench, "bob")
    replace(bench)
    await acknowledged(bench)
    assert bench.client.current_call is not None
    assert bench.client.current_call.remote_identity == "Carol"
