"""Diagrams of what happens to a whole phone, and of what is seen."""

import asyncio
import gc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reactivex import Observable, operators

from jzrx import CallState
from jzrx.events import CallEnded, DtmfReceived, MessageReceived, ReconnectScheduled
from jzrx.recording import DiagramError, EventRecording, parse
from jzrx.testing import LETTERS, Marbles, VirtualHandset


@pytest.fixture
def marbles() -> Marbles:
    return Marbles()


def test_registering(marbles: Marbles) -> None:
    run = marbles("                   --R--|")
    run.state.expect("        (dcC)-R--(d|)")
    run.is_registered.expect("F    -T--(F|)")
    run.is_connecting.expect("(FTF)----|")


def test_a_registration_that_is_refused(marbles: Marbles) -> None:
    run = marbles("    -   --F--C")
    run.state.expect("(dcC)--x--(cCx)")
    run.error.expect("_    --f--(_f)", f=lambda error: error is not None and "403" in error)


def test_an_incoming_call_is_answered_and_held(marbles: Marbles) -> None:
    run = marbles("                   --R--I---A   ---H---h---E   --|")
    run.calls.incoming_caller.expect("_----B---_   ------------   --|", B="Bob")
    run.calls.state.expect("          _--------(cC)---h---C---(e_)--|")
    run.calls.is_held.expect("        F---------   ---T---F---   ---|")
    assert run.events.values[-2].cause.originator == "remote"  # type: ignore[union-attr]


def test_the_diagram_of_the_issue(marbles: Marbles) -> None:
    run = marbles("         --R--(I)---A---H|")
    run.calls.is_held.expect("F------------T(F|)")
    assert run.events.marbles().splitlines()[0] == "(CO)-R--I---A---H(eZ)"


def test_an_outgoing_call(marbles: Marbles) -> None:
    run = marbles("                    -D   -B--A--M--m--P--p--e")
    run.calls.state.expect("           _(ic)-r--C--------------(e_)")
    run.calls.is_muted.expect("        F-   -------T--F")
    run.calls.is_remotely_held.expect("F-   -------------T--F")


def test_the_caller_gives_up_and_we_decline(marbles: Marbles) -> None:
    run = marbles("-I--E--I--e--")
    run.calls.incoming_caller.expect("_B--_--C--_--", B="Bob", C="Carol")
    causes = [event.cause for event in run.events.values if isinstance(event, CallEnded)]
    assert [(cause.code, cause.originator) for cause in causes] == [(487, "remote"), (486, "local")]


def test_whom_we_call_is_busy(marbles: Marbles) -> None:
    run = marbles("                -D   -E")
    run.calls.state.expect("_(ic)-(e_)")


def test_two_calls_with_call_waiting(marbles: Marbles) -> None:
    """The first call is held when the second is answered, and comes back at its end."""
    run = marbles("                                   -I-A   --I--A     ---E    --h---E")
    run.calls.incoming_caller.expect("               _B-_   --C--_", B="Bob", C="Carol")
    run.calls.state.expect("          _--(cC)-----(hcC)---(eh)--C---(e_)")
    held = run.select(lambda now: sorted(call.remote_identity for call in now.calls.values() if call.is_held))
    held.expect("n--------b------n", n=[], b=["Bob"])


def test_reconnecting_with_backoff_for_hours(marbles: Marbles) -> None:
    """The server is gone for three hours; the phone comes back by itself, within 30 s, and registers."""
    run = marbles("-R---X 3h O 29s R 2h --")
    scheduled = [event for event in run.events.values if isinstance(event, ReconnectScheduled)]
    assert [event.delay for event in scheduled][:7] == [1, 2, 4, 8, 16, 30, 30]
    assert all(event.delay == 30 for event in scheduled[6:])
    assert len(scheduled) > 3 * 3600 / 31
    assert [state for _, state in run.state][-3:] == ["registered", "reconnecting", "registered"]
    back = run.state.times[-1] - 10806
    assert 0 <= back <= 30


def test_a_call_survives_a_lost_connection(marbles: Marbles) -> None:
    run = marbles("               -R-I-A   --L---E")
    run.calls.state.expect("     _----(cC)------(e_)")
    run.state.expect("(dcC)R------bR--")


def test_keys_and_texts(marbles: Marbles) -> None:
    run = marbles("I-A-1-*-S-")
    assert [event.tone for event in run.events.values if isinstance(event, DtmfReceived)] == ["1", "*"]
    assert [event.body for event in run.events.values if isinstance(event, MessageReceived)] == ["hello"]
    assert run.events.marbles().splitlines()[0] == "(COI)-A-1-*-S-"


def test_a_group_is_one_moment_in_order(marbles: Marbles) -> None:
    run = marbles("-(RIAH)--")
    run.calls.state.expect("_(cCh)--")
    run.state.expect("(dcC)R--")


def test_disconnecting_and_connecting_again(marbles: Marbles) -> None:
    run = marbles("    -R--Z--C")
    run.state.expect("(dcC)R--d--(cCR)--")


def test_without_a_registration_calls_come_too(marbles: Marbles) -> None:
    run = marbles("-I-A-E-|")
    run.state.expect("(dcC)------(d|)")
    assert run.calls.state.is_completed


def test_letters_of_ones_own(marbles: Marbles) -> None:
    async def call_and_wait(phone: VirtualHandset) -> None:
        call = phone.client.call("app-42")
        await call.answered()
        await asyncio.sleep(3600)
        call.hangup()

    run = marbles("-V-A 2h -", V=call_and_wait)
    assert [value for _, value in run.calls.state] == [None, "idle", "connecting", "connected", "ended", None]
    assert run.calls.state.times[-1] == 3603
    run = marbles("-I-d", {"d": lambda phone: phone.calls.decline_incoming(603)})
    assert any(isinstance(event, CallEnded) and event.cause.code == 603 for event in run.events.values)


def test_any_observable_of_the_phone_can_be_watched(marbles: Marbles) -> None:
    """Also a pipeline with operators of time: its scheduler is the virtual one by itself."""

    def rings_for_long(phone: VirtualHandset) -> Observable[Any]:
        return phone.calls.incoming_caller.pipe(operators.debounce(4), operators.filter(bool))

    run = marbles("-I--A--I------", watch=rings_for_long)
    assert run.watched is not None
    run.watched.expect("-----------C--", C="Carol")


def test_a_bot_under_test(marbles: Marbles) -> None:
    def answering_machine(phone: VirtualHandset) -> None:
        async def answer(call: Any) -> None:
            await asyncio.sleep(2)
            await call.answer()
            await asyncio.sleep(5)
            await call.hangup()

        phone.client.on("incoming", answer)

    run = marbles("-I---------", watch=answering_machine)
    run.calls.state.expect("_--(cC)----(e_)--")


def test_the_events_replay_to_what_was_seen(marbles: Marbles) -> None:
    run = marbles("-R--I-A-H-h-M-P-E--D-B-A-e-L---X-O----|")
    again = EventRecording.loads(run.events.jsonl())
    assert again.snapshots == run.events.snapshots == run.snapshots.values
    assert len(again.snapshots) > 20


def test_no_password_is_seen(marbles: Marbles) -> None:
    run = marbles("-R-I-A-E|", options={"password": "hunter2"})
    for text in (run.events.jsonl(), run.events.marbles(), run.svg(), repr(run), run._repr_html_()):
        assert "hunter2" not in text


def test_every_run_is_the_same(marbles: Marbles) -> None:
    diagram = "-R--I-A-H-h-M-L---P-E--D-B-A-e|"
    assert marbles(diagram).events.jsonl() == marbles(diagram).events.jsonl()


async def test_it_runs_where_a_loop_runs(marbles: Marbles) -> None:
    marbles("-I-A-e|").calls.state.expect("_--(cC)-(e_)|")


@pytest.mark.parametrize(
    ("diagram", "column", "problem"),
    [
        ("--R--y", 6, "y means nothing; there are C R F"),
        ("--#", 3, "never fails"),
        ("--A", 3, "A cannot happen here: the phone calls nobody"),
        ("--H", 3, "H cannot happen here: there is no call"),
        ("--E", 3, "E cannot happen here: there is no call"),
        ("-I-H", 4, "H cannot happen here: there is no call"),
        ("-C-C", 4, "Already connected"),
        ("--1", 3, "1 cannot happen here"),
        ("Z-D", 3, "Not connected"),
    ],
)
def test_what_cannot_happen_is_told_with_its_place(marbles: Marbles, diagram: str, column: int, problem: str) -> None:
    with pytest.raises(DiagramError) as caught:
        marbles(diagram)
    assert problem in str(caught.value)
    assert caught.value.column == column


def test_what_a_step_or_task_raises_is_raised(marbles: Marbles) -> None:
    async def fails(_: VirtualHandset) -> None:
        await asyncio.sleep(1)
        raise ZeroDivisionError

    for step in (fails, lambda _: 1 / 0):
        with pytest.raises(ZeroDivisionError):
            marbles("-V----", V=step)


def test_a_task_that_waits_for_ever_is_ended_in_order(marbles: Marbles, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing but the player knows of it: it must not be collected on the way."""
    ended: list[str] = []

    async def wait(_: VirtualHandset) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    def collect(_: VirtualHandset) -> None:
        gc.collect()
        assert ended == []

    marbles("-WG|", W=wait, G=collect)
    assert ended == ["cancelled"]
    assert caplog.records == []


def test_misuse_is_one_clear_error(marbles: Marbles) -> None:
    with pytest.raises(TypeError, match="W must be a function of the phone, not 'hang up'"):
        marbles("-W|", W="hang up")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="did you mean display_name"):
        marbles("-|", options={"displayname": "Bob"})


def test_letters_are_single_signs(marbles: Marbles) -> None:
    with pytest.raises(ValueError, match="single signs"):
        marbles("-V", Voice=LETTERS["R"])


def test_the_letters_of_events_are_those_that_make_them(marbles: Marbles) -> None:
    """What a run is drawn as, played again, is drawn so again."""
    drawn = marbles("-R--I-A-H-h-M-m-P-p-1-E--D-B-A-e-S-U-").events.marbles().splitlines()[0]
    assert drawn.startswith("(CO)R--I-A-H-h-M-m-P-p-1-E--D-B-A-e-S-U")
    assert {sign.letter for sign in parse(drawn).signs} <= LETTERS.keys()
    assert marbles(drawn).events.marbles().splitlines()[0] == drawn


def test_states_are_states(marbles: Marbles) -> None:
    run = marbles("I-A")
    assert run.calls.state.values == [None, CallState.CONNECTING, CallState.CONNECTED]


WORDS = st.sampled_from([*LETTERS, "-", "-", "-", "(IA)", "(LI)", "(XE)", " 40s "])


@settings(max_examples=30)
@given(st.lists(WORDS, max_size=12))
def test_anything_that_can_happen_replays_to_what_was_seen(words: list[str]) -> None:
    """A letter that cannot happen where it stands is left out; nothing else goes wrong, and nothing is left behind."""
    marbles = Marbles()
    diagram, run = "-", marbles("-")
    for word in words:
        with suppress(DiagramError):
            run = marbles(diagram + word)
            diagram += word
    assert EventRecording.loads(run.events.jsonl()).snapshots == run.snapshots.values
    assert run.phone.client.state in ("disconnected", "error")
    assert run.phone.client.call_count == 0
    run.svg()
