"""Damaged messages: nothing but MessageError comes out, and no message takes long, whatever was done to it."""

import random
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from jzrx.sip import Message, MessageError, NameAddr, Params, Uri, Via, parse_message
from jzrx.sip.digest import Challenge, Credentials
from jzrx.sip.multipart import find_part
from jzrx.sip.params import split_list
from tests.sip.rfc4475 import DBLREQ, REFUSED, VALID

MUTATIONS = 40_000
LIMIT = 0.05
"""Process seconds for one message."""

WELL_FORMED = [*VALID.values(), DBLREQ]
CORPUS = [*VALID.values(), *(data for data, _ in REFUSED.values()), DBLREQ]
PIECES = [
    b'"',
    b"<",
    b">",
    b",",
    b";",
    b":",
    b"\\",
    b" ",
    b"\r\n",
    b"\r\n ",
    b"\x00",
    b"\xff",
    b"%",
    b"@",
    b"=",
    b"[::1]",
]
LONG = [
    b'"' * 300,
    b"\\" * 300,
    b"<" * 300,
    b";a" * 300,
    b'a="b",' * 60,
    b" " * 500,
    b"\r\n " * 90,
    b"a" * 900,
    b",," * 200,
]


def _mutated(rng: random.Random) -> bytes:
    data = bytearray(rng.choice(WELL_FORMED if rng.random() < 0.8 else CORPUS))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(10):
            case 0:
                data[at:at] = rng.choice(PIECES)
            case 1:
                data[at:at] = rng.choice(LONG)
            case 2:
                del data[at : at + rng.randint(1, 20)]
            case 3:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 4:
                other = rng.choice(CORPUS)
                start = rng.randrange(len(other))
                data[at:at] = other[start : start + rng.randint(1, 200)]
            case 5:
                del data[at:]
            case 6:
                start = rng.randrange(len(data) + 1)
                data[at:at] = data[start : start + rng.randint(1, 100)]
            case _:
                data[at : at + 1] = bytes([rng.randrange(32, 127)])
    return bytes(data)


def _use(message: Message) -> None:
    """Everything that reads a message: none of it may raise on one that was parsed."""
    assert bytes(message)
    bytes(message.replace(body=b"x"))
    message.start_line.encode()
    for via in message.vias:
        _ = via.branch, via.port, via.received
    for address in (message.from_, message.to, *message.contacts, *message.routes, *message.record_routes):
        _ = address.tag, address.display_name, address.uri.user, address.uri.port, address.uri.headers
        _ = address.params.pairs, address.uri.params.pairs
    _ = message.call_id, message.cseq, message.expires, message.max_forwards, message.content_type
    for name, value in message.headers.items():
        value.encode()
        message.headers.get_list(name)
    find_part(message, "application/sdp")


def _is_understood(data: bytes) -> bool:
    """Whether it is a message to us; in either case nothing else is raised, and in time."""
    for _ in range(2):  # what is slow once may be the garbage collector
        start = time.process_time()
        try:
            _use(parse_message(data))
            understood = True
        except MessageError as error:
            understood = False
            answer = error.refusal("tag")
            if answer is not None:
                bytes(answer)
        if time.process_time() - start < LIMIT:
            return understood
    raise AssertionError(data)


def test_mutations() -> None:
    """40,000 damaged messages: only MessageError, and what is refused can be answered."""
    rng = random.Random(4475)
    understood = 0
    for _ in range(MUTATIONS):
        data = _mutated(rng)
        understood += _is_understood(data)
    # Both sides of the border were visited.
    assert MUTATIONS * 0.05 < understood < MUTATIONS * 0.95


N = 8_000
BOMBS: dict[str, tuple[Callable[[str], object], str]] = {
    "display name": (NameAddr.parse, "a " * N + "!"),
    "quotes": (NameAddr.parse, '"' + '\\"' * N),
    "open quote": (NameAddr.parse, '"a" ' * N),
    "parameters": (NameAddr.parse, "<sip:a@b>" + ";a=b" * N + '"'),
    "parameter quotes": (Params.parse, ';a="b"' * N + "!"),
    "spaces": (Params.parse, " " * N + ";" + " " * N + "="),
    "uri parameters": (Uri.parse, "sip:a@b" + ";a=b" * N + "<"),
    "uri user": (Uri.parse, "sip:" + "a:" * N),
    "uri dots": (Uri.parse, "sip:" + "a." * N + "<"),
    "via": (Via.parse, "SIP/2.0/WS a" + ";b" * N + ";;"),
    "via spaces": (Via.parse, "SIP" + " " * N),
    "list": (split_list, '"' * N + ",<" * N),
    "challenge": (Challenge.parse, "Digest " + 'a="b",' * N + "!"),
    "credentials": (Credentials.parse, "Digest " + 'a="\\"",' * N + '"'),
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_pattern_explodes(name: str) -> None:
    """Up to 64 kB made to send a backtracking pattern round for ever."""
    parse, text = BOMBS[name]
    start = time.process_time()
    with suppress(ValueError):
        parse(text)
    assert time.process_time() - start < LIMIT


def test_the_largest_messages_are_quick() -> None:
    """What the size limit lets through, at its worst."""
    head = b"OPTIONS sip:a@b SIP/2.0\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
    fill = 64_000 // 8
    for line in (
        b"v: SIP/2.0/WS a\r\n" * (fill // 2),
        b"x\r\n" * fill,
        b"Via: SIP/2.0/WS a\r\nX: a" + b"\r\n b" * fill,
    ):
        start = time.process_time()
        try:
            parse_message(head + line[:60_000] + b"\r\n\r\n")
        except MessageError as error:
            error.refusal("tag")
        assert time.process_time() - start < LIMIT
