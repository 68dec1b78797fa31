"""The widget's own page, without Jupyter: what other notebooks make of its colours, two views, and the keyboard."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from playwright.async_api import Page, async_playwright

from jzrx import AllowedActions, AllowedCallActions, CallState, ClientState
from jzrx.notebook.widget import PhoneWidget
from jzrx.ui.view import CallView, PhoneView
from tests.interop.browser import SWITCHES
from tests.interop.program import executable

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(executable("chromium") is None, reason="chromium: run tests/interop/install.sh as root"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of Playwright's pipes
]

CAN = AllowedCallActions(hangup=True, mute=True, hold=True, transfer=True)


def call(call_id: str, *, is_current: bool = True, **changed: Any) -> CallView:
    return CallView(
        id=call_id, who=call_id, uri="", status="connected", state=CallState.CONNECTED, is_incoming=True,
        is_current=is_current, is_muted=False, is_held=False, is_remotely_held=False, seconds=1, quality="",
        warnings=(), can=attrs.evolve(CAN, **changed),
    )  # fmt: skip


def view(*calls: CallView, incoming: tuple[CallView, ...] = (), notice: str = "") -> PhoneView:
    return PhoneView(
        account="alice", state=ClientState.REGISTERED, status="registered", notice=notice, do_not_disturb=False,
        calls=calls, incoming=incoming, can=AllowedActions(call=True, disconnect=True), messages=(), message_count=0,
    )  # fmt: skip


# What a notebook hands to a widget (https://anywidget.dev/en/afm): a model, and a place.
NOTEBOOK = """
const listeners = {};
window.sent = [];
window.model = {
  state: { view: {}, has_sound: false },
  get(name) { return this.state[name]; },
  on(event, listener) { (listeners[event] ??= new Set()).add(listener); },
  off(event, listener) { listeners[event]?.delete(listener); },
  send(content) { sent.push(content); },
};
window.show = (view) => { model.state.view = view; listeners["change:view"]?.forEach((listener) => listener()); };
window.listening = () => Object.values(listeners).reduce((sum, some) => sum + some.size, 0);
const code = new Blob([CODE], { type: "text/javascript" });
const widget = (await import(URL.createObjectURL(code))).default();
widget.initialize({ model });
window.render = () => {
  const el = document.body.appendChild(document.createElement("div"));
  return widget.render({ model, el });
};
window.ready = true;
"""


class Cell:
    """A page with a model of the phone, and as many views of it as a test wants."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def show(self, now: PhoneView) -> None:
        await self.page.evaluate("(view) => show(view)", attrs.asdict(now))

    async def colours(self) -> tuple[float, float]:
        """How light its background and its text are, 0 to 1."""
        style = "(e) => { const s = getComputedStyle(e); return [s.backgroundColor, s.color]; }"
        # A canvas knows every notation of a colour.
        rgb = """(colour) => {
          const pen = new OffscreenCanvas(1, 1).getContext("2d");
          pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
          return [...pen.getImageData(0, 0, 1, 1).data];
        }"""
        found = [await self.page.evaluate(rgb, c) for c in await self.page.locator(".jzrx").first.evaluate(style)]
        back, text = (sum(colour[:3]) / 765 for colour in found)
        return back, text

    async def picture(self, name: str) -> None:
        """For eyes: JZRX_PICTURES names a folder."""
        if folder := os.environ.get("JZRX_PICTURES"):
            await self.page.screenshot(path=Path(folder) / f"page-{name}.png")

    async def focused(self) -> str:
        """What has the keyboard: its text, or the label of a field."""
        return str(await self.page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent"))


@asynccontextmanager
async def cell(body: str = "", html: str = "", **context: Any) -> AsyncIterator[Cell]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable("chromium"), args=[*SWITCHES])
        try:
            page = await (await browser.new_context(**context)).new_page()
            css = str(PhoneWidget._css)
            code = NOTEBOOK.replace("CODE", json.dumps(PhoneWidget._esm))
            await page.set_content(f"<html {html}><style>{css}</style><body {body}></body></html>")
            await page.add_script_tag(content=code, type="module")
            await page.wait_for_function("window.ready")
            await page.evaluate("window.views = [render()]")
            yield Cell(page)
        finally:
            await browser.close()


async def test_the_keyboard_goes_on_where_the_call_is() -> None:
    ringing = call("bob", is_current=False)
    async with cell() as phone:
        await phone.show(view(incoming=(ringing,)))
        await phone.page.get_by_role("button", name="Answer", exact=True).focus()
        await phone.page.keyboard.press("Enter")
        assert await phone.page.evaluate("sent.map((pressed) => pressed.do)") == ["answer"]
        await phone.show(view(call("bob")))
        assert (await phone.focused()).startswith("bob")
        await phone.page.keyboard.press("Tab")
        assert await phone.focused() == "Hang up"
        await phone.show(view(call("bob"), call("carol", is_current=False, switch_to=True)))
        assert await phone.focused() == "Hang up", "what others do does not take it away"
        await phone.page.get_by_role("button", name="Switch to", exact=True).focus()
        await phone.show(view(call("bob", is_current=False, switch_to=True), call("carol")))
        assert (await phone.focused()).startswith("carol")
        await phone.page.locator(".jzrx-current").get_by_role("button", name="Transfer", exact=True).first.click()
        assert await phone.focused() == "Transfer to"
        await phone.page.keyboard.press("Escape")
        assert await phone.focused() == "Transfer"
        await phone.show(view())
        assert await phone.focused() == "Whom to call"


async def test_a_view_that_is_not_used_does_not_take_the_keyboard() -> None:
    async with cell() as phone:
        await phone.show(view(incoming=(call("bob"),)))
        await phone.show(view(call("bob")))
        assert await phone.page.evaluate("document.activeElement === document.body")


async def test_two_views_show_the_same_and_one_may_go() -> None:
    async with cell() as phone:
        alone = await phone.page.evaluate("listening()")
        await phone.page.evaluate("views.push(render())")
        await phone.show(view(call("bob")))
        assert await phone.page.locator(".jzrx-call").count() == 2
        await phone.page.evaluate("views.pop()()")
        assert await phone.page.evaluate("listening()") == alone, "it hears no more"


@pytest.mark.parametrize(
    ("page", "is_dark"),
    [
        pytest.param({}, False, id="nbclassic"),
        pytest.param({"color_scheme": "dark"}, False, id="nbclassic in a dark desktop"),
        pytest.param(
            {"html": 'style="color-scheme: light dark"', "color_scheme": "dark"}, True, id="follows the desktop"
        ),
        pytest.param({"body": 'data-vscode-theme-kind="vscode-dark"'}, True, id="VS Code, dark"),
        pytest.param({"body": 'data-vscode-theme-kind="vscode-high-contrast"'}, True, id="VS Code, high contrast"),
        pytest.param(
            {"body": 'data-vscode-theme-kind="vscode-light"', "color_scheme": "dark"}, False, id="VS Code, light"
        ),
        pytest.param(
            {
                "body": 'style="--vscode-editor-background: #1e1e1e; --vscode-editor-foreground: #d4d4d4" '
                'data-vscode-theme-kind="vscode-dark"'
            },
            True,
            id="VS Code with its colours",
        ),
        pytest.param({"html": 'theme="dark"'}, True, id="Colab, dark"),
    ],
)
async def test_it_is_legible_where_there_are_no_colours_of_jupyter(
    page: dict[str, Any], is_dark: bool, request: pytest.FixtureRequest
) -> None:
    async with cell(**page) as phone:
        await phone.show(view(call("bob"), notice="busy: 486 Busy Here"))
        await phone.picture(request.node.callspec.id)
        back, text = await phone.colours()
        assert (back < 0.3, text > 0.7) == (is_dark, is_dark), (back, text)
        assert (back > 0.9, text < 0.3) == (not is_dark, not is_dark), (back, text)
