"""What many scenarios begin with. The peer is 10 ms away, and there is no keep-alive to clutter the logs."""

from typing import Any

from jzrx.commands import Answer, Connect, Dial
from jzrx.events import CallEnded, CallReceived, CallReleased
from jzrx.testing.peer import Peer, in_dialog, request
from jzrx.testing.virtual import Phone, brief, play

TARGET = "sip:bob@example.com"
OFFER = "v=0 peer offer\r\n"
ANSWER = "v=0 peer answer\r\n"
Brief = list[tuple[float, str | None, str | None]]


def connected(**config: Any) -> tuple[Phone, Peer]:
    """A phone that is connected, not registered."""
    phone, peer = Phone.with_peer(**{"auto_register": False, "keepalive": 1e6, **config})
    play(phone, {0: Connect()}, until=1)
    return phone, peer


def dialling(*statuses: int, **config: Any) -> tuple[Phone, Peer]:
    """A phone that has called bob; the peer has answered with these provisional statuses. It is 2 s."""
    phone, peer = connected(**config)
    peer.answers["INVITE"] = statuses
    play(phone, {1: Dial(call_id="1", target=TARGET)}, until=2)
    return phone, peer


def calling(**config: Any) -> tuple[Phone, Peer]:
    """A phone whose call to bob was answered. It is 2.5 s."""
    phone, peer = dialling(100, 180, **config)
    play(phone, {2: lambda: peer.reply("INVITE", 200, sdp=ANSWER)}, until=2.5)
    peer.answers["INVITE"] = ()
    return phone, peer


def ringing(**config: Any) -> tuple[Phone, Peer]:
    """A phone that bob calls. It is 2 s."""
    phone, peer = connected(**config)
    play(phone, {1: request("INVITE", sdp=OFFER)}, until=2)
    return phone, peer


def answering(**config: Any) -> tuple[Phone, Peer]:
    """A phone that has accepted bob's call; his ACK is still to come. It is 2.4 s."""
    phone, peer = ringing(**config)
    play(phone, {2: Answer(call_id=call_of(phone))}, until=2.4)
    return phone, peer


def called(**config: Any) -> tuple[Phone, Peer]:
    """A phone in a call that bob made. It is 2.5 s."""
    phone, peer = answering(**config)
    play(phone, {2.45: in_dialog("ACK", phone.sent(200)[-1], number=1)}, until=2.5)
    return phone, peer


def call_of(phone: Phone) -> str:
    """The id of the latest inbound call."""
    return phone.events(CallReceived)[-1].call_id


def settle_down(phone: Phone) -> None:
    """Nothing may be left once all timers had their time: no call, no transaction, and every action settled once."""
    play(phone, {}, until=phone.now + 65)
    assert phone.engine.is_idle
    ended = [event.call_id for event in phone.events(CallEnded)]
    released = [event.call_id for event in phone.events(CallReleased)]
    assert ended == released == list(dict.fromkeys(ended))
    assert {token: len(settled) for token, settled in phone.settled.items()} == dict.fromkeys(phone.settled, 1)


def outcome(phone: Phone, token: int) -> tuple[Any, str | None]:
    """What settled an action: its value, and the message of its error."""
    (settled,) = phone.settled[token]
    return settled.value, None if settled.error is None else str(settled.error)


__all__ = [
    "ANSWER",
    "OFFER",
    "TARGET",
    "Brief",
    "answering",
    "brief",
    "call_of",
    "called",
    "calling",
    "connected",
    "dialling",
    "in_dialog",
    "outcome",
    "play",
    "request",
    "ringing",
    "settle_down",
]
