"""Changing over between calls: hold, then talk; and whatever can come in between."""

import random
from collections.abc import AsyncIterator, Callable, Iterable

import pytest

from jzrx import CallError, JambonzCall, use_calls
from jzrx.events import CurrentCallChanged
from jzrx.sip.message import Request, Response
from jzrx.testing.peer import in_dialog, respond
from tests.bench import SDP, Bench, inbound, outbound

Answer = Callable[[Request], Iterable[Response]]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.connected()
    yield bench
    await bench.close()


async def two(bench: Bench) -> tuple[JambonzCall, JambonzCall]:
    """A held call with bob, and one with carol that is talked in."""
    first = await outbound(bench)
    second = await bench.finish(bench.client.make_call("carol"))
    assert talks(bench) == {"bob": "held", "carol": "connected"}
    return first, second


def talks(bench: Bench) -> dict[str, str]:
    """The state of each call, by its other side."""
    return {call.remote_identity: str(call.state) for call in bench.client.calls.values()}


def reply(bench: Bench, **statuses: int | tuple[()]) -> None:
    """How each of the others answers a re-INVITE from now on; () is not at all."""

    def answer(invite: Request) -> Iterable[Response]:
        status = statuses.get(str(invite.to.uri.user), 200)
        return () if isinstance(status, tuple) else [respond(invite, status, sdp=SDP if status == 200 else None)]

    bench.peer.answers["INVITE"] = answer


def answer_late(bench: Bench, user: str, status: int) -> None:
    """The response to the latest re-INVITE to `user`."""
    invite = next(invite for invite in reversed(bench.sent("INVITE")) if invite.to.uri.user == user)
    bench.peer.say(respond(invite, status, sdp=SDP if status == 200 else None))


def hang_up(bench: Bench, user: str) -> None:
    """The other side ends the call."""
    bench.bye(next(invite for invite in bench.sent("INVITE") if invite.to.uri.user == user), number=9)


def offers(bench: Bench) -> list[tuple[str, str]]:
    """Whom each re-INVITE was for, and what it wanted."""
    return [
        (str(invite.to.uri.user), "hold" if b"sendonly" in invite.body else "talk")
        for invite in bench.sent("INVITE")
        if invite.to.tag
    ]


async def acknowledged(bench: Bench) -> None:
    """The caller gets our 200, and acknowledges it."""

    def accepted() -> list[Response]:
        responses = [message for message in bench.peer.received if isinstance(message, Response)]
        return [each for each in responses if (each.status_code, each.call_id) == (200, "call1")]

    await bench.until(accepted)
    bench.peer.say(in_dialog("ACK", accepted()[0], number=1))


async def failure(bench: Bench, action: object) -> CallError:
    with pytest.raises(CallError) as caught:
        await bench.finish(action)
    return caught.value


# --- switching -------------------------------------------------------------------------------------------------------


async def test_it_holds_first_and_talks_when_that_is_confirmed(bench: Bench) -> None:
    first, second = await two(bench)
    reply(bench, carol=())
    before = len(offers(bench))
    action = bench.client.switch_to(first)
    await bench.pass_time(1)
    assert offers(bench)[before:] == [("carol", "hold")]
    assert (talks(bench), bench.client.current_call) == ({"bob": "held", "carol": "connected"}, second)
    answer_late(bench, "carol", 200)
    await bench.finish(action)
    assert offers(bench)[before:] == [("carol", "hold"), ("bob", "talk")]
    assert (talks(bench), bench.client.current_call) == ({"bob": "connected", "carol": "held"}, first)


async def test_swap_goes_to_and_fro(bench: Bench) -> None:
    first, second = await two(bench)
    for current, other in ((first, second), (second, first)):
        await bench.finish(bench.client.swap())
        assert bench.client.current_call is current
        assert (current.state, other.state) == ("connected", "held")


async def test_a_second_swap_takes_the_first_one_back(bench: Bench) -> None:
    _, second = await two(bench)
    one, other = bench.client.swap(), bench.client.swap()
    await bench.finish(other)
    assert one.done
    assert (talks(bench), bench.client.current_call) == ({"bob": "held", "carol": "connected"}, second)


async def test_of_three_calls_it_swaps_the_latest_two(bench: Bench) -> None:
    first, second = await two(bench)
    third = await bench.finish(bench.client.make_call("dave"))
    await bench.finish(bench.client.swap())
    assert (bench.client.current_call, talks(bench)) == (
        second,
        {"bob": "held", "carol": "connected", "dave": "held"},
    )
    await bench.finish(bench.client.switch_to(first))
    third.hangup()
    await bench.finish(bench.client.swap())
    assert bench.client.current_call is second


async def test_to_the_current_call_it_takes_its_hold_back(bench: Bench) -> None:
    first, _ = await two(bench)
    await bench.finish(bench.client.swap())
    await bench.finish(first.hold())
    before = len(offers(bench))
    await bench.finish(bench.client.switch_to(first))
    assert offers(bench)[before:] == [("bob", "talk")]
    assert talks(bench) == {"bob": "connected", "carol": "held"}


async def test_an_incoming_call_that_is_being_answered_is_held_when_it_is_up(bench: Bench) -> None:
    first = await outbound(bench)
    second = await inbound(bench)
    answering = bench.client.answer_incoming()
    await bench.until(lambda: second.state == "connecting")
    swapping = bench.client.swap()
    await acknowledged(bench)
    await bench.finish(answering)
    await bench.finish(swapping)
    assert (first.state, second.state, bench.client.current_call) == ("connected", "held", first)


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [488, 491, 500, 603])
async def test_a_refused_hold_leaves_both_as_they_were(bench: Bench, status: int) -> None:
    first, second = await two(bench)
    reply(bench, carol=status)  # 491 is tried again (RFC 3261 14.1), and in the end it is a refusal too
    assert (await failure(bench, bench.client.switch_to(first))).code == status
    assert (talks(bench), bench.client.current_call) == ({"bob": "held", "carol": "connected"}, second)
    assert not [event for event in bench.events if isinstance(event, CurrentCallChanged)]


async def test_glare_is_overcome(bench: Bench) -> None:
    first, _ = await two(bench)
    reply(bench, carol=491)
    action = bench.client.switch_to(first)
    await bench.pass_time(0.1)
    reply(bench)
    await bench.finish(action)
    assert (talks(bench), bench.client.current_call) == ({"bob": "connected", "carol": "held"}, first)


@pytest.mark.parametrize("status", [488, 491])
async def test_a_refused_unhold_takes_the_hold_back(bench: Bench, status: int) -> None:
    first, second = await two(bench)
    reply(bench, bob=status)
    assert (await failure(bench, bench.client.switch_to(first))).code == status
    assert (talks(bench), bench.client.current_call) == ({"bob": "held", "carol": "connected"}, second)


async def test_what_was_on_hold_before_a_failed_change_stays_so(bench: Bench) -> None:
    first, second = await two(bench)
    await bench.finish(second.hold())
    reply(bench, bob=488)
    await failure(bench, bench.client.switch_to(first))
    assert talks(bench) == {"bob": "held", "carol": "held"}


# --- ends in the middle ----------------------------------------------------------------------------------------------


async def test_the_call_that_is_left_ends_while_it_is_put_on_hold(bench: Bench) -> None:
    first, _ = await two(bench)
    reply(bench, carol=())
    action = bench.client.switch_to(first)
    await bench.pass_time(0.1)
    hang_up(bench, "carol")
    await bench.finish(action)
    assert (talks(bench), bench.client.current_call) == ({"bob": "connected"}, first)


async def test_the_wanted_call_ends_while_the_other_is_put_on_hold(bench: Bench) -> None:
    first, second = await two(bench)
    reply(bench, carol=())
    action = bench.client.switch_to(first)
    await bench.pass_time(0.1)
    hang_up(bench, "bob")
    await bench.pass_time(0.1)
    reply(bench)
    answer_late(bench, "carol", 200)
    await failure(bench, action)
    await bench.until(lambda: second.state == "connected")
    assert bench.client.current_call is second


async def test_the_wanted_call_ends_while_it_is_taken_off_hold(bench: Bench) -> None:
    first, second = await two(bench)
    reply(bench, bob=())
    action = bench.client.switch_to(first)
    await bench.until(lambda: second.state == "held")
    await bench.pass_time(0.1)
    hang_up(bench, "bob")
    await failure(bench, action)
    assert (talks(bench), bench.client.current_call) == ({"carol": "connected"}, second)


async def test_both_end_at_once(bench: Bench) -> None:
    first, _ = await two(bench)
    reply(bench, carol=())
    action = bench.client.switch_to(first)
    await bench.pass_time(0.1)
    hang_up(bench, "carol")
    hang_up(bench, "bob")
    await failure(bench, action)
    assert (talks(bench), bench.client.current_call) == ({}, None)
    with pytest.raises(CallError, match="switch_to.*ended"):
        bench.client.switch_to(first)


@pytest.mark.parametrize("silent", ["carol", "bob"], ids=["holding", "unholding"])
async def test_the_flow_is_lost_in_the_middle(bench: Bench, silent: str) -> None:
    first, second = await two(bench)
    reply(bench, **{silent: ()})
    action = bench.client.switch_to(first)
    await bench.pass_time(0.3)
    bench.peer.wire.drop()
    await failure(bench, action)
    await bench.until(lambda: bench.client.state == "registered")
    assert (bench.client.current_call, first.state) == (second, "held")
    reply(bench)
    await bench.finish(bench.client.switch_to(first))
    assert (talks(bench), bench.client.current_call) == ({"bob": "connected", "carol": "held"}, first)


async def test_a_disconnect_in_the_middle_settles_everything(bench: Bench) -> None:
    first, _ = await two(bench)
    reply(bench, carol=())
    actions = [bench.client.switch_to(first), bench.client.swap(), bench.client.make_call("dave")]
    await bench.finish(bench.client.disconnect())
    for action in actions:
        await failure(bench, action)
    await bench.connected()
    assert talks(bench) == {}
    await outbound(bench)


# --- changes in order ------------------------------------------------------------------------------------------------


async def test_a_call_made_while_calls_are_swapped_comes_after_that(bench: Bench) -> None:
    await two(bench)
    swapping = bench.client.swap()
    third = await bench.finish(bench.client.make_call("dave"))
    assert swapping.done
    assert (talks(bench), bench.client.current_call) == (
        {"bob": "held", "carol": "held", "dave": "connected"},
        third,
    )


async def test_a_swap_that_waits_does_not_see_the_call_that_was_made_after_it(bench: Bench) -> None:
    await two(bench)
    statuses = iter([488])
    bench.peer.answers["INVITE"] = lambda invite: [respond(invite, next(statuses, 200), sdp=SDP)]
    refused, swapped, making = bench.client.swap(), bench.client.swap(), bench.client.make_call("dave")
    third = await bench.finish(making)
    assert (await failure(bench, refused)).code == 488
    await bench.finish(swapped)
    assert (talks(bench), bench.client.current_call) == (
        {"bob": "held", "carol": "held", "dave": "connected"},
        third,
    )


async def test_a_call_made_while_calls_are_swapped_gives_its_place_back(bench: Bench) -> None:
    first, _ = await two(bench)
    swapping = bench.client.swap()
    making = bench.client.make_call("dave")
    await bench.finish(swapping)
    reply(bench, bob=488)
    await failure(bench, making)
    assert (talks(bench), bench.client.current_call) == ({"bob": "connected", "carol": "held"}, first)


async def test_a_call_answered_while_calls_are_swapped_is_the_only_one_talked_in(bench: Bench) -> None:
    await two(bench)
    third = await inbound(bench, name="Dave")
    swapping, answering = bench.client.swap(), bench.client.answer_incoming()
    await bench.until(lambda: third.state == "connecting")
    assert swapping.done
    assert talks(bench) == {"bob": "held", "carol": "held", "Dave": "connecting"}
    await acknowledged(bench)
    await bench.finish(answering)


async def test_of_two_calls_made_at_once_the_latter_is_talked_in(bench: Bench) -> None:
    reply(bench)
    one, other = bench.client.make_call("bob"), bench.client.make_call("carol")
    first, second = await bench.finish(one), await bench.finish(other)
    await bench.until(lambda: first.state == "held")
    assert (second.state, bench.client.current_call) == ("connected", second)


async def test_what_is_asked_in_one_breath_sees_what_was_asked_before(bench: Bench) -> None:
    first, _ = await two(bench)
    third = await inbound(bench)
    answering, switching = bench.client.answer_incoming(), bench.client.switch_to(first)
    await acknowledged(bench)
    await bench.finish(answering)
    await bench.finish(switching)
    assert (talks(bench), bench.client.current_call) == (
        {"bob": "connected", "carol": "held", third.remote_identity: "held"},
        first,
    )


# --- answering -------------------------------------------------------------------------------------------------------


async def test_a_caller_that_gives_up_meanwhile_costs_nobody_a_hold(bench: Bench) -> None:
    first = await outbound(bench)
    second = await inbound(bench)
    reply(bench, bob=())
    action = bench.client.answer_incoming()
    await bench.pass_time(0.1)
    second.hangup()
    await bench.pass_time(0.1)
    reply(bench)
    answer_late(bench, "bob", 200)
    await failure(bench, action)
    await bench.until(lambda: first.state == "connected")
    assert bench.client.current_call is first


async def test_end_and_answer(bench: Bench) -> None:
    first = await outbound(bench)
    second = await inbound(bench)
    action = bench.client.end_and_answer()
    assert (first.state, second.state) == ("ended", "connecting")
    await acknowledged(bench)
    await bench.finish(action)
    assert (talks(bench), bench.client.current_call) == ({"Bob": "connected"}, second)
    assert len(bench.sent("BYE")) == 1


async def test_nobody_is_hung_up_on_where_nobody_calls(bench: Bench) -> None:
    first = await outbound(bench)
    with pytest.raises(CallError, match="no incoming"):
        bench.client.end_and_answer()
    with pytest.raises(CallError, match="for incoming calls"):
        bench.client.end_and_answer(call=first)
    assert first.state == "connected"


async def test_the_call_to_answer_or_decline_may_be_named(bench: Bench) -> None:
    first, second = await inbound(bench, 1, "Bob"), await inbound(bench, 2, "Carol")
    bench.client.decline_incoming(603, call=second)
    assert (first.state, second.state) == ("ringing", "ended")
    third = await inbound(bench, 3, "Dave")
    bench.client.answer_incoming(call=third)
    assert (first.state, third.state) == ("ringing", "connecting")
    with pytest.raises(CallError, match="has ended"):
        bench.client.answer_incoming(call=second)


# --- calls that ring there -------------------------------------------------------------------------------------------


async def ringing_out(bench: Bench, user: str) -> JambonzCall:
    """A call that rings at the other side."""
    bench.peer.answers["INVITE"] = 180
    call = bench.client.call(user)
    await bench.until(lambda: call.state == "ringing")
    reply(bench)
    return call


def picks_up(bench: Bench, user: str) -> None:
    invite = next(invite for invite in bench.sent("INVITE") if invite.to.uri.user == user)
    bench.peer.say(respond(invite, 200, sdp=SDP))


async def test_a_call_that_was_left_while_it_rang_is_on_hold_when_it_is_answered(bench: Bench) -> None:
    first = await ringing_out(bench, "carol")
    second = await inbound(bench)
    answering = bench.client.answer_incoming()
    await acknowledged(bench)
    await bench.finish(answering)
    picks_up(bench, "carol")
    await bench.until(lambda: first.state == "held")
    assert (second.state, bench.client.current_call) == ("connected", second)
    await bench.finish(bench.client.swap())
    assert (first.state, second.state) == ("connected", "held")


async def test_a_call_that_was_left_while_it_rang_and_came_back_is_talked_in(bench: Bench) -> None:
    first = await ringing_out(bench, "carol")
    second = await bench.finish(bench.client.make_call("dave"))
    second.hangup()
    assert bench.client.current_call is first
    picks_up(bench, "carol")
    await bench.pass_time(1)
    assert first.state == "connected"


async def test_calls_that_a_bot_makes_and_answers_are_left_alone(bench: Bench) -> None:
    first = await ringing_out(bench, "carol")
    second = await inbound(bench)
    answering = second.answer()
    await acknowledged(bench)
    await bench.finish(answering)
    picks_up(bench, "carol")
    await bench.pass_time(1)
    assert (first.state, second.state) == ("connected", "connected")


# --- by chance -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
async def test_nobody_ever_hears_two_conversations(bench: Bench, seed: int) -> None:
    """Whatever is asked for, how fast, and however it is answered: one call at most is talked in."""
    chance = random.Random(seed)
    client, lines = bench.client, use_calls(bench.client)

    def answer(invite: Request) -> Iterable[Response]:
        status = chance.choice([200] * 8 + [491])
        return [respond(invite, status, sdp=SDP if status == 200 else None)]

    def ask() -> object:
        calls = list(client.calls.values())
        return chance.choice(
            [
                lambda: client.make_call(f"user{chance.random()}"),
                client.swap,
                client.swap,
                client.answer_incoming,
                client.end_and_answer,
                lambda: client.switch_to(chance.choice(calls)) if calls else None,
                lambda: chance.choice(calls).hangup() if calls else None,
                lambda: lines.toggle_do_not_disturb() if chance.random() < 0.1 else None,
            ]
        )()

    bench.peer.answers["INVITE"] = answer
    acknowledged = 0
    for step in range(80):
        if chance.random() < 0.3:
            bench.invite(step, f"Bob{step}")
        try:
            ask()
        except CallError as error:
            assert "()" in str(error) or "answered" in str(error)  # noqa: PT017
        await bench.pass_time(chance.choice([0.05, 0.1, 0.5]))
        accepted = [m for m in bench.peer.received if isinstance(m, Response) and m.cseq.method == "INVITE"]
        accepted = [m for m in accepted if m.status_code == 200]
        for response in accepted[acknowledged:]:
            bench.peer.say(in_dialog("ACK", response, number=1))
        acknowledged = len(accepted)
        if step % 10 == 9:
            await bench.pass_time(10)
            connected = [call for call in client.calls.values() if call.state == "connected"]
            assert len(connected) <= 1, (step, talks(bench))
            assert not connected or connected == [client.current_call]


# --- misuse ----------------------------------------------------------------------------------------------------------


async def test_misuse_raises_at_once(bench: Bench) -> None:
    with pytest.raises(CallError, match="no other call"):
        bench.client.swap()
    first = await outbound(bench)
    with pytest.raises(CallError, match="no other call"):
        bench.client.swap()
    ringing = await inbound(bench)
    with pytest.raises(CallError, match="not answered yet"):
        bench.client.switch_to(ringing)
    with pytest.raises(TypeError, match="must be a JambonzCall"):
        bench.client.switch_to("bob")  # type: ignore[arg-type]
    other = Bench()
    await other.connected()
    with pytest.raises(ValueError, match="of this client"):
        other.client.switch_to(first)
    await other.close()
    bench.peer.answers["INVITE"] = lambda invite: [respond(invite, 200 if invite.to.tag else 180, sdp=SDP)]
    bench.client.make_call("carol")
    await bench.until(lambda: first.state == "held")
    with pytest.raises(CallError, match="carol has not answered yet"):
        bench.client.swap()
