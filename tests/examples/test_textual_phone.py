"""The small phone in the terminal, driven by Textual's pilot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from account import account
from textual.pilot import Pilot
from textual.widgets import Button, Label
from textual_phone import TextualPhone

from jzrx import CallError, JambonzCall, JambonzClient, use_calls, use_jambonz_client
from tests.examples.town import picture, until


class Person:
    """Somebody in front of the terminal."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self.pilot = pilot

    def reads(self, selector: str) -> str:
        return str(self.pilot.app.screen_stack[0].query_one(selector, Label).render())

    def may(self, *names: str) -> bool:
        """Whether these are all the buttons that are not grey."""
        return {button.id for button in self.pilot.app.screen_stack[0].query(Button) if not button.disabled} == {*names}

    def sees_banner(self) -> bool:
        return self.pilot.app.screen_stack[0].query_one("#banner").display

    async def click(self, selector: str) -> None:
        # Textual takes no second click while a button shows the first; and what has changed must have its place.
        await until(lambda: not self.pilot.app.screen_stack[0].query(".-active"))
        await self.pilot.pause()
        assert await self.pilot.click(selector)

    def picture(self, name: str) -> None:
        picture(f"textual-{name}.svg", self.pilot.app.export_screenshot().encode())


@asynccontextmanager
async def textual() -> AsyncIterator[Person]:
    async with (
        account() as options,
        use_jambonz_client(options) as phone,
        use_calls(phone.client) as calls,
        TextualPhone(phone, calls).run_test(size=(90, 24)) as pilot,
    ):
        person = Person(pilot)
        await until(lambda: "registered" in person.reads("#status"))
        yield person


async def test_an_outgoing_call(bob: JambonzClient) -> None:
    bob.on("incoming", lambda call: call.answer())
    async with textual() as person:
        await until(lambda: person.may("call"))
        await person.click("#target")
        await person.pilot.press(*"bob", "enter")
        await until(lambda: person.reads("#talking").startswith("bob: connected 0:00:0"))
        assert person.may("call", "hangup", "mute", "hold")
        await person.click("#hold")
        await until(lambda: "bob: held" in person.reads("#talking"))
        person.picture("held")
        await person.click("#hold")
        await until(lambda: "bob: connected" in person.reads("#talking"))
        (call,) = bob.calls.values()
        await person.click("#mute")
        await until(lambda: "muted" in person.reads("#talking"))
        now = person.reads("#talking")
        await until(lambda: person.reads("#talking") != now)  # the timer
        await person.click("#hangup")
        await call.finished()
        await until(lambda: person.reads("#talking") == "" and person.may("call"))


async def test_an_incoming_call(bob: JambonzClient) -> None:
    async with textual() as person:
        assert not person.sees_banner()
        declined = bob.call("alice")
        await until(person.sees_banner)
        assert person.may("call", "answer", "decline")
        await person.pilot.pause()
        person.picture("incoming")
        await person.click("#decline")
        with pytest.raises(CallError, match="486"):
            await declined.answered()
        await until(lambda: not person.sees_banner())
        answered = bob.call("alice")
        await until(person.sees_banner)
        await person.click("#answer")
        await answered.answered()
        await until(lambda: "connected" in person.reads("#talking"))
    assert (await answered.finished()).code == 200  # the phone hung up when it was closed


async def test_what_fails_is_told_and_what_rings_can_be_hung_up(bob: JambonzClient) -> None:
    calls: list[JambonzCall] = []
    bob.on("incoming", calls.append)
    async with textual() as person:
        await person.click("#call")
        await until(lambda: any("the target is empty" in note.message for note in person.pilot.app._notifications))
        await person.click("#target")
        await person.pilot.press(*"bob", "enter")
        await until(lambda: "ringing" in person.reads("#talking"))
        await person.click("#hangup")
        await until(lambda: person.reads("#talking") == "")
        assert (await calls[0].finished()).code == 487
