"""A call as it goes through the house: played by a phone in virtual time, and drawn from what was seen."""

from html import escape

from attrs import frozen

from docs.pictures.draw import TIP
from jzrx.commands import Connect, Dial, HangUp, Hold
from jzrx.sip.message import Request, Response, parse_message
from jzrx.testing.peer import respond
from jzrx.testing.virtual import Phone, play

LINES = ("your code and store", "SIP machines", "server")
CODE, SIP, SERVER, STORE = range(4)
COLUMNS = (90, 330, 570, 90)  # the store is where your code sees it
WIDTH, ROW, TOP = 660, 27, 50


@frozen
class Rung:
    """Something that went from one line to another, or, from SIP to STORE, a fact and the state that follows."""

    begin: int
    end: int
    what: str


def a_call() -> list[Rung]:
    """Register, call, hold, and be hung up."""
    rungs: list[Rung] = []
    phone, peer = Phone.with_peer(keepalive=1e6)
    noted, deliver = phone.wire.on_sent, peer.wire.deliver

    def sent(frame: str) -> None:
        noted(frame)
        rungs.append(Rung(SIP, SERVER, _words(frame)))

    def delivered(frame: str | bytes) -> None:
        rungs.append(Rung(SERVER, SIP, _words(frame)))
        deliver(frame)

    def ask(command: Connect | Dial | Hold | HangUp) -> None:
        rungs.append(Rung(CODE, SIP, type(command).__name__))
        phone.ask(command)

    phone.wire.on_sent, peer.wire.deliver = sent, delivered
    phone.engine.events.subscribe(lambda event: rungs.append(Rung(SIP, STORE, type(event).__name__)))
    peer.answers["INVITE"] = lambda invite: [respond(invite, 100), respond(invite, 180)]

    def answer() -> None:
        peer.reply("INVITE", 200, sdp="v=0")
        peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp="v=0")]

    script = {
        0: lambda: ask(Connect()),
        1: lambda: ask(Dial(call_id="1", target="sip:bob@example.com")),
        2: answer,
        3: lambda: ask(Hold(call_id="1")),
        4: lambda: ask(HangUp(call_id="1")),
    }
    play(phone, script, until=5)
    return rungs


def _words(frame: str | bytes) -> str:
    match parse_message(frame):
        case Request(method=method):
            return method
        case Response() as response:
            return f"{response.status_code} {response.reason}"


def ladder(title: str, rungs: list[Rung]) -> str:
    """The picture, from top to bottom."""
    height = TOP + ROW * len(rungs) + 20
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img" aria-label="{escape(title)}">',
        TIP,
    ]
    for line in (CODE, SIP, SERVER):
        x = COLUMNS[line]
        parts.append(
            f'<path class="faint" d="M{x} 36V{height - 8}"/><text class="state" x="{x}" y="24">{LINES[line]}</text>'
        )
    for row, rung in enumerate(rungs):
        y = TOP + ROW * row + 14
        begin, end = COLUMNS[rung.begin], COLUMNS[rung.end]
        kind = "event" if rung.end == STORE else "command" if rung.begin == CODE else "message"
        parts.append(
            f'<path class="{kind}" d="M{begin} {y}H{end}" marker-end="url(#tip)"/>'
            f'<text class="by" x="{(begin + end) / 2}" y="{y - 5}">{escape(rung.what)}</text>'
        )
    return "".join([*parts, "</svg>"])
