"""Whatever a user does in whatever state: only documented errors, and the promises hold."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from jzrx import JambonzCall, JambonzError, TransferRequest, use_call, use_calls
from jzrx.sip.message import Request
from jzrx.store import replay
from jzrx.testing.peer import in_dialog, respond
from tests.bench import SDP, Bench


class Anything:
    """Does one thing after another by chance, and keeps what came of it."""

    def __init__(self, bench: Bench, chance: random.Random) -> None:
        self.bench = bench
        self.chance = chance
        self.hook = use_call(bench.client)
        self.lines = use_calls(bench.client)
        self.actions: list[Any] = []
        self.ends: dict[str, list[str]] = {}
        self.invites = 0
        bench.client.on("incoming", self.watch)

    def watch(self, call: JambonzCall | None) -> None:
        assert call is not None
        ends = self.ends.setdefault(call.id, [])
        call.on("ended", lambda _: ends.append("ended"))
        call.on("failed", lambda _: ends.append("failed"))

    def act(self) -> None:
        client, hook, chance = self.bench.client, self.hook, self.chance
        ours: list[Callable[[], Any]] = [
            client.connect,
            client.register,
            client.unregister,
            lambda: client.send_message("bob", "hello"),
            lambda: self.watch(client.call("bob", no_answer_timeout=chance.choice([None, 1]))),
            lambda: (hook.make_call("carol"), self.watch(hook.call.value))[0],
            hook.answer_incoming,
            hook.decline_incoming,
            hook.hangup,
            lambda: client.set_incoming_policy(
                do_not_disturb=chance.random() < 0.2, auto_answer=chance.random() < 0.3, auto_answer_delay=1
            ),
        ]
        if chance.random() < 0.3:
            ours = [self.lines.swap, self.lines.answer, self.lines.end_and_answer]
        if chance.random() < 0.02:
            ours = [client.disconnect]
        elif client.call_count and chance.random() < 0.5:
            call = chance.choice(list(client.calls.values()))
            ours = [
                call.hold,
                call.unhold,
                call.toggle_mute,
                call.hangup,
                call.get_stats,
                lambda: call.send_dtmf("1,2"),
                lambda: client.switch_to(call),
                lambda: self.lines.answer(call),
                lambda: call.transfer("dave"),
                lambda: chance.choice(list(client.calls.values())).attended_transfer(call),
                lambda: call.start_quality_monitoring(200),
            ]
        try:
            self.actions.append(chance.choice(ours)())
        except (JambonzError, ValueError) as error:
            assert str(error)  # noqa: PT017

    def happen(self) -> None:
        """Something that the other side or the network does."""
        peer, chance = self.bench.peer, self.chance
        dialogs = [m for m in peer.received if m.cseq.method == "INVITE" and m.contacts]
        match chance.randrange(8):
            case 0:
                self.invites += 1
                self.bench.invite(self.invites, f"Bob{self.invites}")
            case 1:
                peer.wire.drop()
            case 2:
                peer.wire.behaviour = chance.choice(["accept", "accept", "refuse", "silent"])
            case 3:
                peer.answers["INVITE"] = chance.choice(
                    [(), 486, 488, (180,), lambda invite: [respond(invite, 200, sdp=SDP)]]
                )
            case 4 if self.bench.sent("INVITE"):
                peer.reply("INVITE", chance.choice([180, 200, 486]), sdp=SDP)
            case 5 if dialogs:
                headers = (("Refer-To", "<sip:erin@example.com>"),)
                number = chance.randrange(2, 9)
                peer.say(in_dialog("REFER", chance.choice(dialogs), number=number, headers=headers))
            case 6 if dialogs:
                self.invites += 1
                ours = chance.choice(dialogs)
                tag = (ours.from_ if isinstance(ours, Request) else ours.to).tag
                replaces = f"{ours.call_id};to-tag={tag};from-tag=peer"
                self.bench.invite(self.invites, f"Frank{self.invites}", Replaces=replaces)
            case _ if any(getattr(message, "status_code", 0) == 200 for message in peer.received):
                self.bench.acknowledge()
            case _:
                pass


@pytest.mark.parametrize("seed", range(20))
async def test_the_promises_hold(seed: int) -> None:
    chance = random.Random(seed)

    async def think(_: TransferRequest) -> bool:
        await asyncio.sleep(0)
        return chance.random() < 0.7

    bench = Bench(accept_transfers=chance.choice([True, think]))
    bench.peer.answers |= {"REFER": 202, "NOTIFY": 200}
    client = bench.client
    anything = Anything(bench, chance)
    for _ in range(60):
        anything.act() if chance.random() < 0.7 else anything.happen()
        await bench.pass_time(chance.choice([0.05, 0.05, 0.3, 1.5, 12]), step=0.25)
        snapshot = client.snapshot.value
        assert anything.hook.call.value is anything.lines.current.value is client.current_call
        assert list(anything.lines.calls.value) == list(client.calls.values())
        assert list(client.calls) == list(snapshot.calls)
        assert all(call.state != "ended" for call in snapshot.calls.values())

    anything.actions.append(client.disconnect())
    await bench.pass_time(70, step=1)
    assert (client.state, client.call_count) == ("disconnected", 0)
    for action in filter(None, anything.actions):
        assert action.done
        try:
            await action
        except JambonzError as error:
            assert str(error)  # noqa: PT017
    assert all(len(ends) == 1 for ends in anything.ends.values())
    assert all(session.is_closed for session in bench.media.sessions.values())
    assert replay(bench.events) == client.snapshot.value
    assert not [task for task in asyncio.all_tasks() if "jzrx" in task.get_name()]
