"""Whatever the user, the media, the network and the clock do, in any order: the agent lives on, final is final, every
action is settled once, and in the end nothing is left."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jzrx.commands import (
    Answer,
    Command,
    Connect,
    Dial,
    Disconnect,
    HangUp,
    Hold,
    RefuseTransfer,
    Register,
    SendDtmfInfo,
    SendInfo,
    SendMessage,
    SendProgress,
    Transfer,
    Unhold,
    Unregister,
)
from jzrx.events import CallDialed, CallEnded, CallReceived, CallReleased, Disconnected
from jzrx.sip.digest import challenge_header
from jzrx.sip.machine import AnswerWanted, MediaReleased, OfferWanted
from jzrx.sip.message import Request
from jzrx.testing.peer import in_dialog, request, respond
from jzrx.testing.virtual import Phone, link, play
from jzrx.types import Headers
from tests.scenarios.calls import ANSWER, OFFER

CALLS = ("1", "2")
STATUSES = (100, 180, 183, 199, 200, 202, 302, 302, 401, 407, 408, 422, 423, 481, 486, 487, 491, 500, 503, 603)
METHODS = (
    *("INVITE", "ACK", "BYE", "CANCEL", "INFO", "OPTIONS", "MESSAGE", "REFER", "NOTIFY", "UPDATE", "PRACK"),
    "NONSENSE",
)
DIAL = partial(Dial, target="sip:bob@example.com")
DIAL_RELIABLY = partial(DIAL, headers=(("Require", "100rel"),))
DIALS = [DIAL, DIAL_RELIABLY]
ELSEWHERE: Headers = (("Contact", "<sip:carol@example.com>;q=0.5, <sip:dave@example.com>, <sip:bob@example.com>"),)


class World:
    """A phone and everything around it; each method is one thing that may happen."""

    def __init__(self, *, auto_register: bool) -> None:
        self.phone, self.peer = Phone.with_peer(
            auto_register=auto_register, connect_timeout=8.0, session_expires=300 if auto_register else None
        )
        self.phone.describe = self._describe
        self.wanted: list[OfferWanted | AnswerWanted] = []
        self.prompt = True
        self.serial = 0
        self.peer.answers["INVITE"] = ()

    def _describe(self, wanted: OfferWanted | AnswerWanted) -> str | None:
        if self.prompt:
            return "v=0 prompt\r\n"
        self.wanted.append(wanted)
        return None

    @property
    def calls(self) -> list[str]:
        """Every call there ever was."""
        return [*dict.fromkeys(call for _, _, event in self.phone.log if (call := getattr(event, "call_id", None)))]

    # --- how a call is begun ---

    def call(self, answered: bool) -> None:
        self.dial(None)
        self.reply_invite(180, "peer", True)
        if answered:
            self.reply_invite(200, "peer", True)

    def ring(self, answered: bool, extensions: Headers = ()) -> None:
        self.serial += 1
        made = request("INVITE", call_id=f"ring{self.serial}", sdp=OFFER, headers=extensions)
        self.phone.wire.deliver(bytes(made))
        if answered:
            self.ask(Answer, -1)
            self.wait(0.02)
            self.ack(True)

    # --- what happens ---

    def dial(self, timeout: float | None) -> None:
        self.serial += 1
        follows = self.serial % 2 == 1
        self.phone.ask(DIAL(call_id=str(self.serial), no_answer_timeout=timeout, follow_redirects=follows))

    def ask(self, command: Callable[..., Command], which: int) -> None:
        if self.calls:
            self.phone.ask(command(call_id=self.calls[which % len(self.calls)]))

    def tell(self, command: Command) -> None:
        self.phone.ask(command)

    def follow(self, which: int, held: bool) -> None:
        """The user calls whom the other side has named, or nobody has."""
        if self.calls:
            self.serial += 1
            place = self.calls[which % len(self.calls)]
            self.phone.ask(DIAL(call_id=str(self.serial), in_place_of=place, held=held))

    def consult(self, which: int, other: int) -> None:
        """An attended transfer of any call with any other."""
        if self.calls:
            one, two = (self.calls[index % len(self.calls)] for index in (which, other))
            self.phone.ask(Transfer(call_id=one, consultation=two))

    def replace(self, which: int, answered: bool, extra: int) -> None:
        """An INVITE that is to replace any call, or none."""
        known = [m for m in self.peer.received if m.cseq.method == "INVITE" and m.contacts]
        if not known:
            return
        self.serial += 1
        ours = known[-1 - which % len(known)]
        tag = ours.from_.tag if isinstance(ours, Request) else ours.to.tag
        asked = f"{ours.call_id};to-tag={tag};from-tag=peer" + ("", ";early-only", ";x")[extra]
        made = request("INVITE", call_id=f"new{self.serial}", sdp=OFFER, headers=(("Replaces", asked),))
        self.phone.wire.deliver(bytes(made))
        if answered:
            self.ask(Answer, -1)
            self.wait(0.02)
            self.ack(True)

    def reply(self, which: int, status: int, tag: str, sdp: bool, extra: int) -> None:
        """Any response to any request that was sent."""
        requests = [m for m in self.peer.received if isinstance(m, Request) and m.method != "ACK"]
        if requests:
            headers = (
                (),
                (("WWW-Authenticate", challenge_header("example.com", f"n{which}", stale=which % 2 == 0)),),
                (("Min-Expires", "900"), ("Retry-After", "3")),
                (("Expires", "0"),),
                (("Require", "100rel"), ("RSeq", str(1 + which))),
                (("Session-Expires", "120;refresher=uac"), ("Allow", "UPDATE"), ("Min-SE", "300")),
                (("Session-Expires", "90;refresher=uas"), ("Require", "timer")),
                ELSEWHERE,
            )[extra]
            known = requests[-1 - which % len(requests)]
            self.phone.wire.deliver(
                bytes(respond(known, status, tag=tag, sdp=f"{ANSWER}{tag}\r\n" if sdp else None, headers=headers))
            )

    def reply_invite(self, status: int, tag: str, sdp: bool) -> None:
        self.wait(0.02)
        invites = self.phone.sent("INVITE")
        if invites:
            headers = ELSEWHERE if status == 302 else ()
            sdp_of_branch = f"{ANSWER}{tag}\r\n" if sdp else None
            self.phone.wire.deliver(bytes(respond(invites[-1], status, tag=tag, sdp=sdp_of_branch, headers=headers)))

    def ack(self, sdp: bool) -> None:
        accepted = [response for response in self.phone.sent(200) if response.cseq.method == "INVITE"]
        if accepted:
            number = accepted[-1].cseq.number
            self.phone.wire.deliver(bytes(in_dialog("ACK", accepted[-1], number=number, sdp=ANSWER if sdp else None)))

    def prack(self, number: int, sdp: bool) -> None:
        """The PRACK of the latest reliable response, or one more."""
        reliable = [m for m in self.peer.received if m.headers.get("RSeq")]
        if reliable:
            rack = (("RAck", f"{reliable[-1].headers.get('RSeq')} 1 INVITE"),)
            made = in_dialog("PRACK", reliable[-1], number=number, headers=rack, sdp=OFFER if sdp else None)  # type: ignore[arg-type]
            self.phone.wire.deliver(bytes(made))

    def request(self, method: str, which: int, number: int, sdp: bool, extensions: Headers = ()) -> None:
        """Any request in any dialog, or outside of one."""
        known = [m for m in self.peer.received if m.cseq.method == "INVITE" and m.contacts]
        body = OFFER if sdp else None
        if known and which:
            made = in_dialog(method, known[-1 - which % len(known)], number=number, sdp=body, headers=extensions)
        else:
            made = request(method, call_id=f"in{number}", sdp=body, headers=extensions)
        self.phone.wire.deliver(bytes(made))

    def frame(self, frame: str | bytes) -> None:
        self.phone.wire.deliver(frame)

    def media(self, made: int) -> None:
        if self.wanted:
            wanted = self.wanted.pop()
            if made:
                self.phone.engine.description_made(wanted.call_id, wanted.ref, "v=0 late\r\n")
            else:
                self.phone.engine.description_failed(wanted.call_id, wanted.ref, 488, "no codec")

    def path(self, which: int) -> None:
        if self.calls:
            self.phone.engine.media_failed(self.calls[which % len(self.calls)], "no path")

    def patience(self, prompt: bool) -> None:
        self.prompt = prompt

    def drop(self) -> None:
        self.peer.wire.drop()

    def server(self, behaviour: Any) -> None:
        self.peer.wire.behaviour = behaviour

    def rule(self, method: str, status: int | None) -> None:
        sdp = ANSWER if method == "INVITE" and status == 200 else None
        headers = ELSEWHERE if status == 302 else ()
        self.peer.answers[method] = (
            () if status is None else lambda given: [respond(given, status, sdp=sdp, headers=headers)]
        )

    def wait(self, seconds: float) -> None:
        play(self.phone, {}, until=self.phone.now + seconds)


which = st.integers(0, 3)
COMMANDS: list[Callable[..., Command]] = [
    Answer,
    HangUp,
    partial(HangUp, code=603, reason="No"),
    Hold,
    Unhold,
    Hold,
    partial(SendDtmfInfo, tones="1,2"),
    partial(SendInfo, content_type="text/plain", body=b"x"),
    partial(SendProgress, code=183, with_media=True),
    partial(Transfer, refer_to="<sip:carol@example.com>"),
    RefuseTransfer,
]
EVERYWHERE = [Connect(), Register(), Unregister(), SendMessage(target="sip:bob@example.com", body=b"x")]

EXTENSIONS: list[Headers] = [
    (),
    (("Require", "100rel"),),
    (("Supported", "timer"), ("Session-Expires", "120;refresher=uas")),
    (("Supported", "timer"), ("Session-Expires", "30")),
    (("Require", "100rel"), ("Supported", "timer"), ("Session-Expires", "90")),
    (("Refer-To", "<sip:carol@example.com?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2>"),),
    (("Refer-To", "<sip:carol@example.com>"), ("Refer-Sub", "false")),
    (("Event", "refer;id=2"), ("Subscription-State", "terminated")),
]
extensions = st.sampled_from(EXTENSIONS)

scene = st.one_of(
    st.just(("wait", 0.1)),
    st.tuples(st.just("call"), st.booleans()),
    st.tuples(st.just("ring"), st.booleans(), extensions),
    st.tuples(st.just("dial"), st.none() | st.just(5.0)),
)
step = st.one_of(
    scene,
    st.tuples(st.just("ack"), st.booleans()),
    st.tuples(st.just("reply_invite"), st.sampled_from(STATUSES), st.sampled_from(["peer", "other"]), st.booleans()),
    st.tuples(st.just("ask"), st.sampled_from(COMMANDS), which),
    st.tuples(st.just("tell"), st.sampled_from(EVERYWHERE)),
    st.tuples(
        st.just("reply"),
        which,
        st.sampled_from(STATUSES),
        st.sampled_from(["peer", "other"]),
        st.booleans(),
        st.integers(0, 7),
    ),
    st.tuples(st.just("request"), st.sampled_from(METHODS), which, st.integers(1, 5), st.booleans(), extensions),
    st.tuples(st.just("request"), st.just("REFER"), which, st.integers(1, 5), st.booleans(), extensions),
    st.tuples(st.just("follow"), which, st.booleans()),
    st.tuples(st.just("consult"), which, which),
    st.tuples(st.just("replace"), which, st.booleans(), st.integers(0, 2)),
    st.tuples(st.just("prack"), st.integers(1, 5), st.booleans()),
    st.tuples(st.just("frame"), st.text(max_size=40) | st.binary(max_size=40)),
    st.tuples(st.just("media"), st.integers(0, 1)),
    st.tuples(st.just("path"), which),
    st.tuples(st.just("patience"), st.booleans()),
    st.tuples(st.just("drop")),
    st.tuples(st.just("server"), st.sampled_from(["accept", "accept", "refuse", "silent"])),
    st.tuples(
        st.just("rule"),
        st.sampled_from(
            ["INVITE", "BYE", "REGISTER", "CANCEL", "INFO", "OPTIONS", "PRACK", "UPDATE", "REFER", "NOTIFY"]
        ),
        st.none() | st.sampled_from([200, 302, 401, 403, 481, 491, 500]),
    ),
    st.tuples(st.just("wait"), st.sampled_from([0.005, 0.02, 0.5, 2.0, 11.0, 40.0, 60.0])),
)


def check_end(phone: Phone) -> None:
    assert phone.engine.is_idle
    assert phone.engine._timers == {}  # nothing else would tell of a timer that leaked
    assert {token: len(settled) for token, settled in phone.settled.items()} == dict.fromkeys(phone.settled, 1)
    over: Counter[str] = Counter()
    for _, _, event in phone.log:
        call = getattr(event, "call_id", None)
        if call is None:
            continue
        assert over[call] < 2, f"{event} after the end of the call"
        if isinstance(event, CallReleased):
            assert over[call] == 1
        over[call] += isinstance(event, CallEnded | CallReleased)
    assert set(over.values()) <= {2}
    released = Counter(output.call_id for _, output in phone.media if isinstance(output, MediaReleased))
    assert released == Counter(dict.fromkeys(over, 1))
    last = {output.call_id: output for _, output in phone.media}
    assert all(isinstance(output, MediaReleased) for output in last.values())


@given(st.booleans(), scene, st.lists(step, min_size=4, max_size=30))
@settings(max_examples=120)
def test_whatever_happens(auto_register: bool, first: tuple[Any, ...], steps: list[tuple[Any, ...]]) -> None:
    world = World(auto_register=auto_register)
    world.phone.ask(Connect())
    world.wait(0.1)
    for name, *arguments in (first, *steps):
        getattr(world, name)(*arguments)
    for call in world.calls:
        world.phone.ask(HangUp(call_id=call))
    token = world.phone.ask(Disconnect())
    world.wait(2.0)
    assert len(world.phone.settled[token]) == 1
    assert not world.peer.wire.is_open
    world.wait(65.0)
    check_end(world.phone)
    assert len(world.phone.events(Disconnected)) <= 1


@given(scene, st.lists(step, min_size=4, max_size=30))
@settings(max_examples=80)
def test_calls_leave_nothing_though_the_connection_stays(first: tuple[Any, ...], steps: list[tuple[Any, ...]]) -> None:
    world = World(auto_register=False)
    world.phone.ask(Connect())
    world.wait(0.1)
    for name, *arguments in (first, *steps):
        if name not in ("server", "drop"):
            getattr(world, name)(*arguments)
    for call in world.calls:
        world.phone.ask(HangUp(call_id=call))
    world.peer.answers |= {"OPTIONS": 200, "REGISTER": 200}
    world.wait(100.0)
    world.phone.ask(Disconnect())
    world.wait(2.0)
    check_end(world.phone)


both = st.tuples(
    st.integers(0, 1),
    st.one_of(
        st.sampled_from(COMMANDS),
        st.sampled_from(DIALS),
        st.sampled_from([0.001, 0.01, 0.015, 0.5, 3.0, 40.0]),
        st.sampled_from(["drop", "slow", "prompt"]),
    ),
)


@given(st.booleans(), st.booleans(), st.lists(both, min_size=4, max_size=40))
@settings(max_examples=100)
def test_two_phones_agree_in_the_end(answered: bool, reliably: bool, steps: list[tuple[int, Any]]) -> None:
    """Two agents at each other's end, with glare, crossing BYEs, drops and slow media: nothing is left on either."""
    phones = link(keepalive=1e6, chance=0.3, session_expires=90 if answered else None)
    waiting: list[Callable[[], None]] = []
    for phone in phones:
        phone.ask(Connect())
    play(phones[0], {}, until=0.5)
    beginning = [(0, DIALS[reliably]), (0, 0.01), (1, Answer), (0, 0.03)] if answered else []
    for index, (which, what) in enumerate([*beginning, *steps]):
        phone = phones[which]
        calls = [e.call_id for e in phone.events(CallDialed) + phone.events(CallReceived)]
        match what:
            case float():
                play(phone, {}, until=phone.now + what)
            case "drop":
                phone.wire.drop()
            case "slow":
                phone.describe = partial(_later, phone, waiting)
            case "prompt":
                phone.describe = lambda wanted: "v=0 prompt\r\n"
                while waiting:
                    waiting.pop(0)()
            case _ if what in DIALS:
                phone.ask(what(call_id=f"{phone.name} dialled {index}"))
            case _ if calls:
                phone.ask(what(call_id=calls[-1]))
            case _:
                pass
    for phone in phones:
        for event in phone.events(CallDialed) + phone.events(CallReceived):
            phone.ask(HangUp(call_id=event.call_id))
    play(phones[0], {}, until=phones[0].now + 100)
    for phone in phones:
        phone.ask(Disconnect())
    play(phones[0], {}, until=phones[0].now + 3)
    for phone in phones:
        check_end(phone)


def _later(phone: Phone, waiting: list[Callable[[], None]], wanted: OfferWanted | AnswerWanted) -> None:
    waiting.append(lambda: phone.engine.description_made(wanted.call_id, wanted.ref, "v=0 late\r\n"))


@pytest.mark.parametrize("seed", range(3))
def test_the_same_every_time(seed: int) -> None:
    """With the clock, the scheduler and the ids handed in, two runs are equal to the byte."""

    def run() -> list[tuple[float, bytes | None, object]]:
        world = World(auto_register=True)
        world.phone.ask(Connect())
        world.wait(1 + seed)
        world.dial(5.0)
        world.request("INVITE", 0, seed, True)
        world.wait(30)
        return [(time, None if sent is None else bytes(sent), event) for time, sent, event in world.phone.log]  # type: ignore[arg-type]

    assert run() == run()
