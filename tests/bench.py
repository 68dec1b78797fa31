"""A client at work in virtual time: the real facade, store and signalling, a scripted peer, fake media."""

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from reactivex.testing import TestScheduler

from jzrx.call import JambonzCall
from jzrx.client import JambonzClient
from jzrx.events import Event
from jzrx.options import JambonzClientOptions
from jzrx.phone.line import Parts
from jzrx.phone.named import CALL_EVENTS, CLIENT_EVENTS
from jzrx.sip.message import Request, Response
from jzrx.testing.fake_media import FakeMedia, FakeSession
from jzrx.testing.peer import Peer, in_dialog, request, respond
from jzrx.testing.virtual import CountedIds

SDP = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendrecv\r\n"


class Bench:
    """The far end, the clock and the media of one client, and what it told."""

    def __init__(self, **options: Any) -> None:
        self.scheduler = TestScheduler()
        self.peer = Peer(self.scheduler)
        self.media = FakeMedia()
        self.parts = Parts(
            ids=CountedIds("alice"),
            scheduler=lambda _: self.scheduler,
            transport=lambda _: self.peer.wire,
        )
        fields: dict[str, Any] = {
            "server": "ws://example.com",
            "username": "alice",
            "password": "secret",
            "media": self.media,
            **options,
        }
        self.options = JambonzClientOptions(**fields)
        self.client = JambonzClient(self.options, parts=self.parts)
        self.events: list[Event] = []
        self.client.events.subscribe(self.events.append)

    async def pass_time(self, seconds: float, step: float = 0.05) -> None:
        """Let the clock run, and the loop keep up with it."""
        for _ in range(max(1, round(seconds / step))):
            self.scheduler.advance_by(step)
            await self.catch_up()

    async def catch_up(self) -> None:
        """Let everything that is ready on the loop run."""
        for _ in range(12):
            await asyncio.sleep(0)

    async def until(self, holds: Callable[[], object], seconds: float = 60) -> None:
        """Let the clock run until something holds."""
        for _ in range(round(seconds / 0.05)):
            if holds():
                return
            await self.pass_time(0.05)
        raise AssertionError(f"it did not hold within {seconds} virtual seconds")

    async def finish(self, action: Any) -> Any:
        """The outcome of an action, for which the clock runs."""
        await self.until(lambda: action.done)
        return await action

    async def connected(self) -> JambonzClient:
        await self.finish(self.client.connect())
        return self.client

    async def close(self) -> None:
        await self.finish(self.client.disconnect())
        await self.catch_up()

    # --- the other side ---------------------------------------------------------------------------------------------

    def sent(self, method: str) -> list[Request]:
        """What of this method has arrived at the peer."""
        return [m for m in self.peer.received if isinstance(m, Request) and m.method == method]

    def session(self, call_id: str) -> FakeSession:
        return self.media.sessions[call_id]

    def answers(self, sdp: str = SDP, **headers: str) -> None:
        """From now on the peer answers each INVITE at once."""
        self.peer.answers["INVITE"] = lambda invite: [respond(invite, 200, sdp=sdp, headers=tuple(headers.items()))]

    def invite(self, number: int = 1, name: str = "Bob", sdp: str | None = SDP, **headers: str) -> None:
        """The peer calls."""
        self.peer.say(
            request(
                "INVITE",
                from_=f'"{name}" <sip:{name.lower()}@example.com>;tag=peer',
                call_id=f"call{number}",
                sdp=sdp,
                headers=tuple((key.replace("_", "-"), value) for key, value in headers.items()),
            )
        )

    def acknowledge(self) -> None:
        """The peer ACKs our latest 200."""
        self.peer.say(in_dialog("ACK", self.peer.last_response(200), number=1))

    def bye(self, invite: Request, number: int = 2, **headers: str) -> None:
        """The peer ends a call that we made."""
        self.peer.say(in_dialog("BYE", invite, number=number, headers=tuple(headers.items())))


# --- calls -----------------------------------------------------------------------------------------------------------


def told(what: JambonzCall | JambonzClient) -> list[Any]:
    """Everything that the named events of a call or a client say from now on: a name, or (name, payload)."""
    heard: list[Any] = []

    def hear(name: str, *payload: Any) -> None:
        heard.append((name, *payload) if payload else name)

    for name in CALL_EVENTS if isinstance(what, JambonzCall) else CLIENT_EVENTS:
        what.on(name, functools.partial(hear, name))
    return heard


async def outbound(bench: Bench, target: str = "bob", **options: Any) -> JambonzCall:
    """A call that the peer has answered."""
    bench.answers()
    call = bench.client.call(target, **options)
    await bench.until(lambda: call.state == "connected")
    return call


async def inbound(bench: Bench, number: int = 1, name: str = "Bob", **headers: str) -> JambonzCall:
    """A call that rings here."""
    before = bench.client.call_count
    bench.invite(number, name, **headers)
    await bench.until(lambda: bench.client.call_count > before)
    return list(bench.client.calls.values())[-1]


async def answered(bench: Bench, number: int = 1, name: str = "Bob") -> JambonzCall:
    """An incoming call that was answered."""
    call = await inbound(bench, number, name)
    action = call.answer()

    def accepted() -> bool:
        responses = [m for m in bench.peer.received if isinstance(m, Response) and m.status_code == 200]
        return bool(responses) and responses[-1].call_id == f"call{number}"

    await bench.until(accepted)
    bench.acknowledge()
    await bench.finish(action)
    return call
