"""A phone in the console: hooks and asyncio, nothing else.

    pip install jzrx  # 'jzrx[audio]' for sound
    python examples/console_phone.py

What there is to learn: the hooks need no GUI. `show` reads `.value`s and runs whenever a snapshot changes; all that it
reads is of one moment. `can` says which actions are allowed, here: which commands are offered. To await an action is to
learn why it failed. Everything runs on one loop, and the `async with` at the end hangs up and disconnects.
"""

import asyncio
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import reactivex
from account import account
from reactivex.scheduler.eventloop import AsyncIOScheduler

from jzrx import Action, JambonzError, UseJambonzClient, use_calls, use_jambonz_client

ABOVE = "\x1b7\x1b[A\r\x1b[K{}\x1b8"  # to the terminal: write this on the line above, and come back


class ConsolePhone:
    """Shows the phone on the line above the prompt, and does what is typed there."""

    def __init__(self, phone: UseJambonzClient) -> None:
        self.phone = phone
        self.calls = use_calls(phone.client)

    def commands(self) -> dict[str, Callable[[str], Action[Any]]]:
        """What may be typed now, and what it does."""
        phone, calls, call, can = self.phone, self.calls, self.calls.current.value, self.calls.can.value
        all_of_them = {
            "connect": (can.connect, lambda _: phone.connect()),
            "call": (can.call, calls.make_call),
            "answer": (can.answer, lambda _: calls.answer()),
            "decline": (can.decline, lambda _: calls.decline()),
            "hangup": (can.hangup, lambda _: calls.hangup()),
            "mute": (can.mute or can.unmute, lambda _: call.toggle_mute()),
            "hold": (can.hold or can.unhold, lambda _: call.toggle_hold()),
        }
        return {name: action for name, (is_allowed, action) in all_of_them.items() if is_allowed}

    def text(self) -> str:
        """The phone, in one line."""
        parts = [self.phone.error.value or self.phone.state.value]
        if call := self.calls.current.value:
            timer = timedelta(seconds=call.duration)
            parts.append(f"{call.remote_identity} {call.state} {timer}{' muted' * call.is_muted}")
        if ringing := self.calls.incoming.value:
            parts.append(f"{ringing[0].remote_identity} is calling!")
        return " | ".join([*parts, " ".join([*self.commands(), "quit"])])

    def show(self, _: object = None) -> None:
        """Show it as it is now."""
        print(ABOVE.format(self.text()), end="", flush=True)

    def prompt(self, said: str = "") -> None:
        """Begin anew, below what was typed and what there is to say about it."""
        print(f"{said}{self.text()}\n> ", end="", flush=True)

    async def do(self, command: str, target: str = "") -> None:
        """Do it, and return when the other side has confirmed."""
        try:
            await self.commands()[command](target)
        except (JambonzError, ValueError) as error:
            self.prompt(f"\r{error}\n")

    async def run(self) -> None:
        """Until `quit`, or the end of the input."""
        self.prompt()
        loop, lines = asyncio.get_running_loop(), asyncio.StreamReader()
        keyboard, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        tick = reactivex.interval(1.0, scheduler=AsyncIOScheduler(loop))
        changes = reactivex.merge(self.phone.snapshot, self.calls.snapshot, tick)
        with self.calls, closing(keyboard), changes.subscribe(self.show):
            async with asyncio.TaskGroup() as doing:  # not one after the other: what rings can be hung up
                doing.create_task(self.do("connect"))
                async for line in lines:
                    command, _, target = line.decode().strip().partition(" ")
                    if command == "quit":
                        break
                    self.prompt()
                    if command in self.commands():
                        doing.create_task(self.do(command, target))
                await self.phone.disconnect()


async def main() -> None:
    async with account() as options, use_jambonz_client(options) as phone:
        await ConsolePhone(phone).run()


if __name__ == "__main__":
    asyncio.run(main())
