"""A real JupyterLab, and a person in front of it: headless Chromium, driven by Playwright."""

import asyncio
import json
import os
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define
from playwright.async_api import Locator, Page, async_playwright

from tests.interop.browser import SWITCHES
from tests.interop.program import Program, executable, free_ports

SOUND: Final = "--use-file-for-fake-audio-capture={}"


def notebook_of(*cells: str) -> str:
    """A notebook with these cells of code, as its file."""
    made = [
        {"cell_type": "code", "id": f"cell{n}", "metadata": {}, "source": cell, "outputs": [], "execution_count": None}
        for n, cell in enumerate(cells)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


class Lab:
    """JupyterLab without a password on loopback, its folder the test's."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "notebooks").mkdir()
        self.program = Program(directory, "jupyter-lab")
        (self.port,) = free_ports(socket.SOCK_STREAM, 1)

    async def start(self) -> None:
        """Start it, and return when it answers."""
        folders = {
            name: str(self.directory / name.lower())
            for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
        }
        settings = self.directory / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
        settings.parent.mkdir(parents=True)
        settings.write_text('{"fetchNews": "false", "checkForUpdates": false}')
        self.program.start(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
                *(f"--port={self.port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="),
                *("--notebook-dir=notebooks", "--expose-app-in-browser"),
            ],
            folders | {"JUPYTERLAB_SETTINGS_DIR": str(self.directory / "settings"), "PYTHONPATH": str(Path.cwd())},
        )
        await self.program.until(self._answers, "answer")

    async def _answers(self) -> bool:
        def ask() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/status", timeout=5) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        return await asyncio.to_thread(ask)

    def write(self, name: str, *cells: str) -> None:
        """Put a notebook there."""
        (self.directory / "notebooks" / name).write_text(notebook_of(*cells), encoding="utf-8")


@define
class Reader:
    """A page with a notebook of the lab."""

    page: Page

    async def run(self, number: int) -> None:
        """Run a cell, and return when it is done."""
        cell = self.page.locator(".jp-Notebook .jp-CodeCell").nth(number)
        await self.begin(number)
        await cell.locator(".jp-InputPrompt", has_text="]:").filter(has_not_text="*").wait_for()

    async def begin(self, number: int) -> None:
        """Run a cell, and return at once."""
        cell = self.page.locator(".jp-Notebook .jp-CodeCell").nth(number)
        await cell.locator(".cm-content").click()
        await self.page.keyboard.press("Control+Enter")

    async def command(self, name: str, **given: str) -> None:
        """Let JupyterLab do something that its menus offer."""
        await self.page.evaluate(
            "([name, given]) => void window.jupyterapp.commands.execute(name, given)", [name, given]
        )

    @property
    def phone(self) -> Locator:
        """The phone in the first output."""
        return self.page.locator(".jzrx").first

    def button(self, name: str) -> Locator:
        """One of its buttons, as a screen reader finds it."""
        return self.phone.get_by_role("button", name=name, exact=True)

    async def shows(self, text: str) -> None:
        """Wait until the phone shows this."""
        await self.phone.get_by_text(text).first.wait_for()

    async def picture(self, name: str) -> None:
        """For eyes: JZRX_PICTURES names a folder."""
        if folder := os.environ.get("JZRX_PICTURES"):
            await self.phone.screenshot(path=Path(folder) / f"notebook-{name}.png")


@asynccontextmanager
async def reader(lab: Lab, notebook: str, *switches: str, **context: Any) -> AsyncIterator[Reader]:
    """Open a notebook in a browser of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable("chromium"), args=[*SWITCHES, *switches])
        try:
            opened = await browser.new_context(
                permissions=["microphone", "local-network-access"], viewport={"width": 1100, "height": 1000}, **context
            )
            page = await opened.new_page()
            await page.goto(f"http://127.0.0.1:{lab.port}/lab/tree/{notebook}?reset")
            await page.get_by_text("| Idle").wait_for(timeout=60_000)  # the kernel has started
            yield Reader(page)
        finally:
            await browser.close()
