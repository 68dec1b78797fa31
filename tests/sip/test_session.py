"""The machine of one call: a table of phases, and random inputs that must never break it."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from jzrx.commands import Answer, Command, Dial, HangUp, Hold, SendDtmfInfo, SendInfo, SendProgress, Unhold
from jzrx.events import CallEnded, CallReleased
from jzrx.sip.dialog import dialog_of_request, dialog_of_response
from jzrx.sip.headers import NameAddr
from jzrx.sip.machine import CancelTimer, MediaReleased, Notify, SetTimer, Settle
from jzrx.sip.message import Request, Response
from jzrx.sip.session import step
from jzrx.sip.session.callee import ring
from jzrx.sip.session.caller import FORK_BYE, INVITE
from jzrx.sip.session.refresh import UPDATE
from jzrx.sip.session.reliable import PRACK
from jzrx.sip.session.reoffer import REINVITE
from jzrx.sip.session.state import (
    BYE,
    Answered,
    Asked,
    CancelInvite,
    Cancelled,
    Described,
    FlowFailed,
    Issue,
    Moment,
    NotDescribed,
    PathFailed,
    Phase,
    Received,
    Reply,
    Session,
    SessionInput,
    SessionOutput,
    TimerFired,
    Unanswered,
)
from jzrx.sip.uri import Uri
from jzrx.testing.peer import request, respond
from jzrx.types import CallDirection, Headers

NOW = Moment(10.0, 0.5)
OURS = request("INVITE", to="<sip:bob@example.com>", from_="<sip:alice@example.com>;tag=ours", call_id="out")
THEIRS = request("INVITE", sdp="v=0 offer")
ACK = request("ACK", to="<sip:alice@example.com>;tag=ours")
RELIABLY = THEIRS.with_headers(THEIRS.headers.add("Require", "100rel").add("Supported", "timer"))
PRACK_OF_180 = request(
    "PRACK", to="<sip:alice@example.com>;tag=ours", number=2, headers=(("RAck", "1073741824 1 INVITE"),)
)


def outbound() -> Session:
    return Session(
        id="1",
        direction=CallDirection.OUTBOUND,
        phase=Phase.OFFERING,
        call_id="out",
        local=NameAddr.parse("<sip:alice@example.com>;tag=ours"),
        remote=NameAddr.parse("<sip:bob@example.com>"),
        target=Uri.parse("sip:bob@example.com"),
    )


def inbound() -> Session:
    dialog = dialog_of_request(THEIRS, "ours")
    return Session(
        id="1",
        direction=CallDirection.INBOUND,
        phase=Phase.RINGING,
        call_id=THEIRS.call_id,
        local=dialog.local,
        remote=dialog.remote,
        target=dialog.remote_target,
        invite=THEIRS,
        invite_key="invite",
        dialog=dialog,
    )


def reliably() -> Session:
    return evolve(inbound(), invite=RELIABLY)


def run(session: Session, *inputs: SessionInput) -> Session:
    for given_ in inputs:
        session, _ = step(session, given_, NOW)
    return session


def ask(command: Callable[..., Command], token: int | None = None, **fields: Any) -> Asked:
    return Asked(command(call_id="1", **fields), token)


DIAL = ask(Dial, 1, target="sip:bob@example.com")
OK = respond(OURS, 200, sdp="v=0 answer")
FORK = respond(OURS, 200, tag="fork")
BEGUN: dict[str, Session] = {
    "offering": run(outbound(), DIAL),
    "calling": run(outbound(), DIAL, Described(1, "v=0")),
    "proceeding": run(outbound(), DIAL, Described(1, "v=0"), Answered(INVITE, respond(OURS, 180))),
    "confirmed": run(outbound(), DIAL, Described(1, "v=0"), Answered(INVITE, OK)),
    "proceeding reliably": run(
        outbound(),
        DIAL,
        Described(1, "v=0"),
        Answered(INVITE, respond(OURS, 183, sdp="v=0 answer", headers=(("Require", "100rel"), ("RSeq", "7")))),
    ),
    "refreshing": run(
        outbound(),
        DIAL,
        Described(1, "v=0"),
        Answered(
            INVITE,
            respond(OURS, 200, sdp="v=0", headers=(("Session-Expires", "90;refresher=uac"), ("Allow", "UPDATE"))),
        ),
    ),
    "ringing": inbound(),
    "ringing reliably": ring(reliably(), RELIABLY, NOW, say_so=True)[0],
    "with early media": run(
        ring(reliably(), RELIABLY, NOW, say_so=True)[0],
        Received(PRACK_OF_180, "prack"),
        ask(SendProgress, with_media=True),
        Described(1, "v=0"),
    ),
    "answering": run(inbound(), ask(Answer, 1)),
    "accepted": run(inbound(), ask(Answer, 1), Described(1, "v=0")),
    "called": run(inbound(), ask(Answer, 1), Described(1, "v=0"), Received(ACK, "ack")),
}


@pytest.mark.parametrize(
    ("begun", "given_", "phase", "ended", "does"),
    [
        ("offering", ask(HangUp), Phase.CLOSED, True, []),
        ("calling", ask(HangUp), Phase.CALLING, True, []),
        ("proceeding", ask(HangUp), Phase.PROCEEDING, True, ["CancelInvite"]),
        ("confirmed", ask(HangUp), Phase.TERMINATING, True, ["Issue BYE"]),
        ("ringing", ask(HangUp), Phase.CLOSED, True, ["Reply 486"]),
        ("answering", ask(HangUp), Phase.CLOSED, True, ["Reply 486"]),
        ("accepted", ask(HangUp), Phase.ACCEPTED, True, []),
        ("called", ask(HangUp), Phase.TERMINATING, True, ["Issue BYE"]),
        ("proceeding reliably", ask(HangUp), Phase.PROCEEDING, True, ["CancelInvite"]),
        ("ringing reliably", ask(HangUp), Phase.CLOSED, True, ["Reply 486"]),
        ("ringing reliably", TimerFired("provisional"), Phase.RINGING, False, ["Repeat"]),
        ("ringing reliably", TimerFired("no PRACK"), Phase.CLOSED, True, ["Reply 504"]),
        ("ringing reliably", Received(PRACK_OF_180, "prack"), Phase.RINGING, False, ["Reply 200"]),
        ("with early media", Received(PRACK_OF_180, "prack"), Phase.RINGING, False, ["Reply 481"]),
        ("with early media", ask(Answer), Phase.ANSWERING, False, []),
        ("refreshing", TimerFired("refresh"), Phase.CONFIRMED, False, ["Issue UPDATE"]),
        ("refreshing", TimerFired("session"), Phase.TERMINATING, True, ["Issue BYE"]),
        ("offering", FlowFailed(), Phase.OFFERING, False, []),
        ("ringing", FlowFailed(), Phase.CLOSED, True, []),
        ("answering", FlowFailed(), Phase.CLOSED, True, []),
        ("accepted", FlowFailed(), Phase.ACCEPTED, False, []),
        ("called", FlowFailed(), Phase.CONFIRMED, False, []),
        ("calling", Unanswered(INVITE, 408, "No Answer"), Phase.CLOSED, True, []),
        ("proceeding", TimerFired("no answer"), Phase.PROCEEDING, True, ["CancelInvite"]),
        ("calling", TimerFired("no answer"), Phase.CALLING, True, []),
        ("ringing", TimerFired("expires"), Phase.CLOSED, True, ["Reply 487"]),
        ("ringing", Cancelled(request("CANCEL")), Phase.CLOSED, True, ["Reply 487"]),
        ("accepted", Cancelled(request("CANCEL")), Phase.ACCEPTED, False, []),
        ("accepted", TimerFired("repeat"), Phase.ACCEPTED, False, ["Repeat"]),
        ("accepted", TimerFired("acknowledge"), Phase.TERMINATING, True, ["Issue BYE"]),
        ("accepted", Received(ACK, "ack"), Phase.CONFIRMED, False, []),
        ("offering", PathFailed("x"), Phase.OFFERING, False, []),
        ("confirmed", PathFailed("x"), Phase.TERMINATING, True, ["Issue BYE"]),
        ("confirmed", Answered(INVITE, OK), Phase.CONFIRMED, False, ["Acknowledge"]),
        ("confirmed", Answered(INVITE, FORK), Phase.CONFIRMED, False, ["Acknowledge", "Issue BYE"]),
        ("confirmed", Answered(FORK_BYE, respond(OURS, 481)), Phase.CONFIRMED, False, []),
        ("calling", Answered(INVITE, OK), Phase.CONFIRMED, False, ["Acknowledge"]),
        ("calling", Answered(INVITE, respond(OURS, 100)), Phase.PROCEEDING, False, []),
        ("calling", Answered(INVITE, respond(OURS, 486)), Phase.CLOSED, True, []),
        ("offering", NotDescribed(1, 500, "x"), Phase.CLOSED, True, []),
        ("answering", NotDescribed(1, 488, "x"), Phase.CLOSED, True, ["Reply 488"]),
        ("offering", Described(99, "v=0"), Phase.OFFERING, False, []),
    ],
)  # fmt: skip
def test_phases(begun: str, given_: SessionInput, phase: Phase, ended: bool, does: list[str]) -> None:
    after, outputs = step(BEGUN[begun], given_, NOW)
    assert (after.phase, after.ended) == (phase, ended)
    assert [word for output in outputs if (word := _word(output))] == does


def _word(output: SessionOutput) -> str | None:
    match output:
        case Issue():
            return f"Issue {output.draft.method}"
        case Reply():
            return f"Reply {output.status}"
        case _ if type(output).__module__ == "jzrx.sip.session.state":
            return type(output).__name__
        case _:
            return None


@pytest.mark.parametrize("begun", BEGUN)
@pytest.mark.parametrize("name", ["no answer", "expires", "retry", "tone", "tone timeout", "info 0", "nonsense"])
def test_timers_that_are_over_change_nothing_once_the_call_ended(begun: str, name: str) -> None:
    ended, _ = step(BEGUN[begun], ask(HangUp), NOW)
    assert step(ended, TimerFired(name), NOW) == (ended, [])


def test_hang_up_is_told_after_32_s_at_the_latest() -> None:
    calling, outputs = step(BEGUN["calling"], ask(HangUp, 7), NOW)
    assert SetTimer(("call", "1", "hang up"), 32.0) in outputs
    _, outputs = step(calling, TimerFired("hang up"), NOW)
    assert Settle(7, None, None) in outputs


# --- anything ------------------------------------------------------------------------------------------------------

OFFER = "v=0 x"
DIALOG = dialog_of_response(OK, Uri.parse("sip:bob@example.com"))
TAGS = (INVITE, REINVITE, BYE, FORK_BYE, PRACK, UPDATE, "cancel", "tone 1 0", "tone 2 1", "info 0", "info 1", "unknown")
TIMERS = (
    *("no answer", "expires", "repeat", "acknowledge", "hang up", "retry", "tone", "tone timeout", "info 0", "x"),
    *("provisional", "no PRACK", "refresh", "session"),
)
EXTENSIONS: list[Headers] = [
    (),
    (("Require", "100rel"), ("RSeq", "7")),
    (("Require", "100rel"), ("RSeq", "8"), ("RAck", "8 1 INVITE")),
    (("Session-Expires", "120;refresher=uac"), ("Allow", "UPDATE"), ("Min-SE", "300")),
    (("Session-Expires", "120;refresher=uas"), ("Supported", "timer")),
    (("RAck", "1073741824 1 INVITE"),),
    (("RAck", "1073741825 1 INVITE"),),
]
COMMANDS: list[Callable[[], Command]] = [
    lambda: HangUp(call_id="1"),
    lambda: Answer(call_id="1"),
    lambda: Hold(call_id="1"),
    lambda: Unhold(call_id="1"),
    lambda: SendProgress(call_id="1", with_media=True),
    lambda: SendDtmfInfo(call_id="1", tones="12,3"),
    lambda: SendInfo(call_id="1", content_type="text/plain", body=b""),
]


def responses(status: int, tag: str, sdp: bool, invite: bool, headers: Headers) -> Response:
    asked = OURS if invite else request("INFO", from_="<sip:alice@example.com>;tag=ours", to="<sip:b@x>", call_id="out")
    return respond(asked, status, tag=tag, sdp=OFFER if sdp else None, headers=headers)


def requests(method: str, number: int, tag: str, sdp: bool, headers: Headers) -> Request:
    return request(
        method,
        to="<sip:alice@example.com>;tag=ours",
        from_=f"<sip:bob@example.com>;tag={tag}",
        number=number,
        sdp=OFFER if sdp else None,
        headers=headers,
    )


tag = st.sampled_from(["peer", "peer", "other"])
extensions = st.sampled_from(EXTENSIONS)
inputs: st.SearchStrategy[SessionInput | int] = st.one_of(
    st.integers(0, len(COMMANDS) - 1),
    st.builds(
        Answered,
        st.sampled_from(TAGS),
        st.builds(
            responses,
            st.sampled_from([100, 180, 183, 200, 302, 405, 408, 422, 481, 487, 491, 500]),
            tag,
            st.booleans(),
            st.booleans(),
            extensions,
        ),
    ),
    st.builds(Unanswered, st.sampled_from(TAGS), st.sampled_from([408, 503]), st.just("x")),
    st.builds(
        Received,
        st.builds(
            requests,
            st.sampled_from(
                ["ACK", "BYE", "INVITE", "INFO", "MESSAGE", "OPTIONS", "PRACK", "PRACK", "UPDATE", "UPDATE"]
            ),
            st.integers(1, 4),
            tag,
            st.booleans(),
            extensions,
        ),
        st.sampled_from(["k1", "k2", "k3"]),
    ),
    st.builds(Cancelled, st.just(request("CANCEL"))),
    st.builds(Described, st.integers(1, 6), st.just("v=0")),
    st.builds(NotDescribed, st.integers(1, 6), st.just(488), st.just("x")),
    st.builds(TimerFired, st.sampled_from(TIMERS)),
    st.just(PathFailed("x")),
    st.just(FlowFailed()),
)


class Watch:
    """Plays a session and watches that it keeps its promises."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.timers = {"acknowledge", "repeat"} if session.unacked else set[str]()
        self.timers |= {"provisional", "no PRACK"} if session.unpracked else set[str]()
        self.timers |= {"refresh", "session"} if session.expiry else set[str]()
        self.settled: Counter[int] = Counter()
        self.asked: set[int] = set()
        self.told: list[str] = []
        self.byes = self.cancels = 0
        self.open = {INVITE: "calling"} if session.phase in (Phase.CALLING, Phase.PROCEEDING) else {}
        """Requests that may still be answered, as their transactions would let it through."""
        if session.direction is CallDirection.OUTBOUND and session.answered:
            self.open[INVITE] = "accepted"

    def ask(self, command: Command) -> None:
        token = len(self.asked) + 1
        self.asked.add(token)
        self.do(Asked(command, token))

    def do(self, given_: SessionInput) -> None:
        if isinstance(given_, Answered | Unanswered) and not self._may_come(given_):
            return
        if isinstance(given_, TimerFired):
            if given_.name not in self.timers:
                return
            self.timers.discard(given_.name)
        before = self.session
        self.session, outputs = step(before, given_, NOW)
        assert not (before.ended and not self.session.ended)
        assert not (before.phase is Phase.CLOSED and self.session.phase is not Phase.CLOSED)
        for output in outputs:
            self._watch(output)

    def _may_come(self, given_: Answered | Unanswered) -> bool:
        state = self.open.get(given_.tag)
        status = given_.response.status_code if isinstance(given_, Answered) else 408
        if state is None or (state == "accepted" and not 200 <= status < 300):
            return False
        if 200 <= status < 300 and given_.tag in (INVITE, REINVITE):
            self.open[given_.tag] = "accepted"
        elif status >= 200:
            del self.open[given_.tag]
        return True

    def _watch(self, output: SessionOutput) -> None:
        match output:
            case SetTimer():
                self.timers.add(output.key[2])
            case CancelTimer():
                self.timers.discard(output.key[2])
            case Settle():
                self.settled[output.token] += 1
            case Notify():
                assert "released" not in self.told, f"{output} after the end"
                self.told += ["ended"] if isinstance(output.event, CallEnded) else []
                self.told += ["released"] if isinstance(output.event, CallReleased) else []
            case MediaReleased():
                self.told.append("media")
            case Issue():
                self.open[output.tag] = "calling"
                self.byes += output.tag == BYE
            case CancelInvite():
                self.cancels += 1
            case _:
                pass


@given(st.sampled_from(sorted(BEGUN)), st.lists(inputs, max_size=25))
@settings(max_examples=400)
def test_anything(begun: str, given_: list[SessionInput | int]) -> None:
    session = BEGUN[begun]
    watch = Watch(evolve(session, token=None if session.token is None else 1))
    if session.token is not None:
        watch.asked.add(1)
    for one in given_:
        if isinstance(one, int):
            watch.ask(COMMANDS[one]())
        else:
            watch.do(one)
    watch.ask(HangUp(call_id="1"))
    # The protocol finishes: whatever is under way gets no answer.
    for last in (Unanswered(INVITE, 408, "x"), TimerFired("acknowledge"), Unanswered(BYE, 408, "x")):
        watch.do(last)
    assert watch.session.phase is Phase.CLOSED
    assert watch.told == ["ended", "released", "media"]
    assert watch.settled == Counter(dict.fromkeys(watch.asked, 1))
    assert watch.timers == set()
    assert watch.byes <= 1
    assert watch.cancels <= 1


def test_ringing_tells_and_answers() -> None:
    expiring = THEIRS.with_headers(THEIRS.headers.add("Expires", "30"))
    _, outputs = ring(inbound(), expiring, NOW, say_so=True)
    assert [type(output).__name__ for output in outputs] == ["Notify", "Reply", "SetTimer"]
    _, outputs = ring(inbound(), THEIRS, NOW, say_so=False)
    assert [type(output).__name__ for output in outputs] == ["Notify"]
