"""The phone on a web page, as a server of its own, driven in Chromium by Playwright."""

import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from attrs import frozen
from playwright.async_api import Page, async_playwright, expect

from jzrx import CallError, JambonzClient
from tests.examples.test_examples import ROOT
from tests.interop.browser import SWITCHES
from tests.interop.program import Program, executable, free_ports

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(executable("chromium") is None, reason="chromium: run tests/interop/install.sh as root"),
]


@frozen
class Person:
    """Somebody in front of a page."""

    page: Page

    async def click(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def dial(self, target: str) -> None:
        await self.page.get_by_label("Whom to call").fill(target)
        await self.page.get_by_label("Whom to call").press("Enter")

    async def sees(self, text: str) -> None:
        await expect(self.page.get_by_text(text)).to_be_visible()

    async def sees_no(self, text: str) -> None:
        await expect(self.page.get_by_text(text)).not_to_be_visible()

    async def may(self, *names: str) -> None:
        """Wait until these are all the buttons that are not grey."""
        await expect(self.page.locator("button:visible:not([disabled])")).to_have_text(names, ignore_case=True)

    async def picture(self, name: str) -> None:
        """For eyes: JZRX_PICTURES names a folder."""
        if folder := os.environ.get("JZRX_PICTURES"):
            await self.page.screenshot(path=Path(folder) / f"nicegui-{name}.png")


@asynccontextmanager
async def tabs(directory: Path, count: int) -> AsyncIterator[list[Person]]:
    """So many tabs with the phone. Afterwards the server is stopped, and must have printed no error."""
    (port,) = free_ports(socket.SOCK_STREAM, 1)
    server = Program(directory, "nicegui")
    program = (sys.executable, ROOT / "examples" / "nicegui_phone.py")
    server.start(["env", "-u", "PYTEST_CURRENT_TEST", *program], {"PORT": str(port)})  # else NiceGUI tests itself
    try:
        async with async_playwright() as playwright:
            await server.until_logged("NiceGUI ready")
            browser = await playwright.chromium.launch(executable_path=executable("chromium"), args=list(SWITCHES))
            try:
                context = await browser.new_context(viewport={"width": 700, "height": 400})
                people = [Person(await context.new_page()) for _ in range(count)]
                for person in people:
                    await person.page.goto(f"http://127.0.0.1:{port}/")
                    await person.sees("registered")
                yield people
            finally:
                await browser.close()
    finally:
        await server.stop()
    assert "Traceback" not in server.log()


async def test_an_outgoing_call(bob: JambonzClient, tmp_path: Path) -> None:
    bob.on("incoming", lambda call: call.answer())
    async with tabs(tmp_path, 2) as (person, other):
        await person.may("call")
        await person.dial("bob")
        await person.sees("bob: connected")
        await other.sees("bob: connected")  # the phone is the server's
        await person.may("call", "hangup", "mute", "hold")
        await person.click("hold")
        await person.sees("bob: held")
        await person.click("hold")
        await person.sees("bob: connected")
        await other.page.close()  # which hangs nothing up
        await person.click("mute")
        await person.sees("muted")
        now = await person.page.get_by_text("muted").inner_text()
        await expect(person.page.get_by_text("muted")).not_to_have_text(now)  # the timer
        await person.picture("call")
        await person.click("hangup")
        await person.sees_no("bob:")
        await person.may("call")
        await person.dial("nobody")
        await person.sees("failed: 480")


async def test_an_incoming_call(bob: JambonzClient, tmp_path: Path) -> None:
    async with tabs(tmp_path, 1) as (person,):
        await person.sees_no("is calling")
        declined = bob.call("alice")
        await person.sees("sip:bob@localhost is calling")
        await person.may("answer", "decline", "call")
        await person.picture("incoming")
        await person.click("decline")
        with pytest.raises(CallError, match="486"):
            await declined.answered()
        await person.sees_no("is calling")
        answered = bob.call("alice")
        await person.sees("is calling")
        await person.click("answer")
        await answered.answered()
        await person.sees("sip:bob@localhost: connected")
    assert (await answered.finished()).code == 200  # the phone hung up when its server was stopped
