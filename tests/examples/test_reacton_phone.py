"""The phone of components, without a browser: its widgets are found and clicked as reacton's users do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import ipywidgets as widgets
import pytest
import reacton
from account import account
from reacton_phone import Phone

from jzrx import CallError, JambonzCall, JambonzClient
from tests.examples.town import until


class Person:
    """Somebody in front of the widgets."""

    def __init__(self, rendered: Any) -> None:
        self.rendered = rendered

    def click(self, name: str) -> None:
        self.rendered.find(widgets.Button, description=name).widget.click()

    def dial(self, target: str) -> None:
        self.rendered.find(widgets.Text).widget.value = target
        self.click("call")

    def sees(self, text: str) -> bool:
        return any(text in label.value for label in self.rendered.find(widgets.Label).widgets)

    def may(self, *names: str) -> bool:
        """Whether these are all the buttons that are not grey."""
        found = self.rendered.find(widgets.Button).widgets
        return {button.description for button in found if not button.disabled} == {*names}


@asynccontextmanager
async def shown() -> AsyncIterator[Person]:
    async with account() as options:
        box, rendered = reacton.render(Phone(options), handle_error=False)
        person = Person(rendered)
        try:
            await until(lambda: person.sees(": registered"))
            yield person
        finally:
            rendered.close()
            box.close()


async def test_an_outgoing_call(bob: JambonzClient) -> None:
    calls: list[JambonzCall] = []
    bob.on("incoming", calls.append)
    async with shown() as person:
        await until(lambda: person.may("call"))
        person.dial("bob")
        await until(lambda: person.sees("bob: ringing"))
        calls[0].answer()
        await until(lambda: person.sees("bob: connected 0:00:00"))
        await until(lambda: person.may("call", "hangup", "mute", "hold"))
        person.click("hold")
        await until(lambda: person.sees("bob: held"))
        person.click("hold")
        await until(lambda: person.sees("bob: connected"))
        person.click("mute")
        await until(lambda: person.sees("muted"))
        await until(lambda: not person.sees("0:00:00"))  # the timer
        person.click("hangup")
        await until(lambda: not person.sees("bob:") and person.may("call"))
        person.dial("")
        await until(lambda: person.sees("the target is empty"))


async def test_an_incoming_call(bob: JambonzClient) -> None:
    async with shown() as person:
        assert not person.sees("is calling")
        declined = bob.call("alice")
        await until(lambda: person.sees("sip:bob@localhost is calling"))
        await until(lambda: person.may("call", "answer", "decline"))
        person.click("decline")
        with pytest.raises(CallError, match="486"):
            await declined.answered()
        await until(lambda: not person.sees("is calling"))
        answered = bob.call("alice")
        await until(lambda: person.sees("is calling"))
        person.click("answer")
        await answered.answered()
        await until(lambda: person.sees("sip:bob@localhost: connected"))
    assert (await answered.finished()).code == 200  # the phone hung up when its components were gone
