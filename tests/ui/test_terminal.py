"""The phone in the terminal, driven by its keys and buttons through whole calls on the embedded SBC."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Button, DataTable, Input, Label, RichLog, Static, Tab
from textual.widgets._footer import FooterKey

from jzrx import JambonzCall, JambonzClient, create_jambonz_client, use_jambonz_client
from jzrx.media import silence, tone
from jzrx.testing import EmbeddedSbc
from jzrx.ui.model import PhoneModel
from jzrx.ui.terminal.app import TerminalPhone

USERS = {"alice": "wonderland", "bob": "builder", "carol": "singer"}
SIZE = (120, 36)


@pytest.fixture(autouse=True)
def _idle_but_for_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a key Textual waits until this process takes no time, at most 1 s. In a call it does: the media thread."""
    monkeypatch.setattr("textual._wait.process_time", time.thread_time)


@pytest.fixture
async def sbc() -> AsyncIterator[EmbeddedSbc]:
    async with EmbeddedSbc(USERS) as server:
        yield server


@pytest.fixture
async def bob(sbc: EmbeddedSbc) -> AsyncIterator[JambonzClient]:
    async with create_jambonz_client(server=sbc.url, username="bob", password="builder", audio=tone) as client:
        yield client


class Driver:
    """A person in front of the terminal."""

    def __init__(self, pilot: Pilot[None], model: PhoneModel) -> None:
        self.pilot = pilot
        self.model = model

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def click(self, selector: str) -> None:
        await self.pilot.click(selector)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until the screen shows it."""
        async with asyncio.timeout(10):
            while not holds():
                await self.pilot.pause(0.02)  # the screen has no event for what it shows

    @property
    def screen(self) -> Screen[None]:
        return self.pilot.app.screen_stack[0]

    def label(self, selector: str) -> str:
        return str(self.screen.query_one(selector, Label).render())

    def rows(self) -> list[str]:
        table = self.screen.query_one(DataTable)
        return [" ".join(str(cell) for cell in table.get_row_at(number)) for number in range(table.row_count)]

    def picture(self, name: str) -> None:
        """For eyes: JZRX_PICTURES names a folder for what the screen shows, as SVG."""
        if folder := os.environ.get("JZRX_PICTURES"):
            (Path(folder) / f"terminal-{name}.svg").write_text(self.pilot.app.export_screenshot(), encoding="utf-8")


@asynccontextmanager
async def terminal(
    sbc: EmbeddedSbc, password: str = "wonderland", server: str = "", size: tuple[int, int] = SIZE
) -> AsyncIterator[Driver]:
    hook = use_jambonz_client(
        server=server or sbc.url, username="alice", password=password, audio=silence, speaker=False
    )
    model = PhoneModel(hook, "alice", background=True)
    try:
        async with TerminalPhone(model).run_test(size=size) as pilot:
            yield Driver(pilot, model)
    finally:
        await hook.disconnect()
        model.dispose()


async def test_an_outgoing_call_by_keyboard(sbc: EmbeddedSbc, bob: JambonzClient) -> None:
    tones: list[str] = []

    def answer(call: JambonzCall) -> None:
        call.on("dtmf", tones.append)
        call.answer()

    bob.on("incoming", answer)
    async with terminal(sbc) as phone:
        await phone.until(lambda: phone.label("#status") == "alice: registered")
        await phone.press(*"bob", "enter")
        await phone.until(
            lambda: any(row.startswith("▶ connected 0:0") and row.endswith(" bob") for row in phone.rows())
        )
        await phone.press("f6")
        await phone.until(lambda: "on hold" in phone.rows()[0])
        assert str(phone.screen.query_one("#toggle_hold", Button).label) == "Unhold F6"
        await phone.press("f6")
        await phone.until(lambda: "connected" in phone.rows()[0])
        await phone.press("f5")
        await phone.until(lambda: "connected, muted" in phone.rows()[0])
        await phone.click("#key-5")
        await phone.until(lambda: tones == ["5"])
        await phone.until(lambda: "opus" in str(phone.screen.query_one("#details", Static).render()))
        phone.picture("call")
        await phone.press("f4")
        await phone.until(lambda: phone.rows() == [])
        assert phone.label("#notice") == ""


async def test_an_incoming_call_rings_in_a_banner_and_is_answered_by_a_click(
    sbc: EmbeddedSbc, bob: JambonzClient
) -> None:
    async with terminal(sbc) as phone:
        await phone.until(lambda: phone.label("#status") == "alice: registered")
        assert not phone.screen.query_one("#banner").display
        first = bob.call("alice")
        await phone.until(lambda: phone.screen.query_one("#banner").display)
        assert phone.label("#caller") == "sip:bob@localhost calls"
        phone.picture("incoming")
        await phone.click("#answer")
        await first.answered()
        await phone.until(lambda: not phone.screen.query_one("#banner").display)
        second = bob.call("alice")
        await phone.until(lambda: phone.screen.query_one("#banner").display)
        await phone.press("f2")
        await second.answered()
        await phone.until(lambda: [row.split()[-1] != "" for row in phone.rows()] == [True, True])
        await phone.until(lambda: "on hold" in phone.rows()[0] and "connected" in phone.rows()[1])
        await phone.press("f7")
        await phone.until(lambda: "connected" in phone.rows()[0] and "on hold" in phone.rows()[1])
        phone.picture("two-calls")
        third = bob.call("alice")
        await phone.until(lambda: phone.screen.query_one("#banner").display)
        await phone.press("f3")
        assert (await third.finished()).code == 486
        await first.hangup()
        await second.hangup()
        await phone.until(lambda: phone.rows() == [])


async def test_transfers_by_name_and_between_ones_own_calls(sbc: EmbeddedSbc, bob: JambonzClient) -> None:
    async with (
        create_jambonz_client(server=sbc.url, username="carol", password="singer", audio=tone) as carol,
        terminal(sbc) as phone,
    ):
        carol.on("incoming", lambda call: call.answer())
        await phone.until(lambda: phone.label("#status") == "alice: registered")
        call = bob.call("alice")
        await phone.until(lambda: phone.screen.query_one("#banner").display)
        await phone.press("f2")
        await phone.until(lambda: any("connected" in row for row in phone.rows()))
        await phone.press("f8")
        second = bob.call("alice")
        await phone.until(lambda: phone.screen.query_one("#banner").display)
        phone.picture("transfer-and-ring")
        await phone.press("f3")  # behind the dialog, as ever
        assert (await second.finished()).code == 486
        await phone.press("escape")
        await phone.press("f8", *"carol")
        phone.picture("transfer")
        await phone.press("enter")
        await phone.until(lambda: phone.rows() == [])
        await carol.snapshot.wait(lambda snapshot: bool(snapshot.calls), timeout=10)
        await call.hangup()

        call = bob.call("alice")
        await phone.until(lambda: phone.screen.query_one("#banner").display)
        await phone.press("f2")
        await phone.until(lambda: any("connected" in row for row in phone.rows()))
        phone.screen.query_one("#target", Input).value = "carol"
        await phone.click("#call")
        await phone.until(lambda: len(phone.rows()) == 2 and "connected" in phone.rows()[1])
        await phone.press("f8")
        await phone.click("#other-0")
        await phone.until(lambda: phone.rows() == [])
        await call.hangup()


async def test_messages_and_the_trace(sbc: EmbeddedSbc, bob: JambonzClient) -> None:
    bob.on("message", lambda message: bob.send_message("alice", message.body.upper()))
    async with terminal(sbc) as phone:
        await phone.until(lambda: phone.label("#status") == "alice: registered")
        phone.screen.query_one("#target", Input).value = "bob"
        await phone.click("#--content-tab-messages-tab")
        await phone.click("#message")
        await phone.press(*"hello", "enter")
        await phone.until(lambda: len(phone.screen.query_one("#messages", RichLog).lines) == 2)
        await phone.click("#--content-tab-sip-tab")
        await phone.until(lambda: bool(phone.screen.query_one("#sip", RichLog).lines))
        trace = "\n".join(line.text for line in phone.screen.query_one("#sip", RichLog).lines)
        phone.picture("sip")
        assert "REGISTER sip:localhost" in trace
        assert "wonderland" not in trace
        assert "Authorization: ***" in trace


async def test_all_messages_are_shown_and_those_of_a_closed_tab_are_counted(
    sbc: EmbeddedSbc, bob: JambonzClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jzrx.ui.model.MESSAGES", 3)
    async with terminal(sbc) as phone:
        await phone.until(lambda: phone.label("#status") == "alice: registered")
        tab = phone.screen.query_one("#--content-tab-messages-tab", Tab)
        for number in range(5):
            await bob.send_message("alice", f"number {number} \x1b]2;title\x07")
        await phone.until(lambda: tab.label_text == "Messages (5)")
        await phone.click("#--content-tab-messages-tab")
        log = phone.screen.query_one("#messages", RichLog)
        await phone.until(lambda: len(log.lines) == 5 and tab.label_text == "Messages")
        assert [line.text.strip() for line in log.lines] == [
            f"sip:bob@localhost: number {number} ␛]2;title␇" for number in range(5)
        ]
        await bob.send_message("alice", "one more")
        await phone.until(lambda: len(log.lines) == 6)
        assert tab.label_text == "Messages"


async def test_do_not_disturb_refuses_who_calls_until_it_is_taken_back(sbc: EmbeddedSbc, bob: JambonzClient) -> None:
    async with terminal(sbc) as phone:
        await phone.until(lambda: phone.label("#status") == "alice: registered")
        await phone.press("ctrl+n")
        await phone.until(lambda: phone.label("#status") == "alice: registered, do not disturb")
        assert (await bob.call("alice").finished()).code >= 400
        await phone.press("ctrl+n")
        await phone.until(lambda: phone.label("#status") == "alice: registered")
        call = bob.call("alice")
        await phone.until(lambda: phone.screen.query_one("#banner").display)
        await call.hangup()


async def test_a_name_is_text_and_no_markup(sbc: EmbeddedSbc, bob: JambonzClient) -> None:
    name = "[/red][@click=app.quit]x"
    account = {"server": sbc.url, "username": "carol", "password": "singer", "display_name": name}
    async with create_jambonz_client(account, audio=tone) as carol, terminal(sbc) as phone:
        await phone.until(lambda: phone.label("#status") == "alice: registered")
        for caller in (carol, bob):
            caller.call("alice")
            await phone.until(lambda: phone.screen.query_one("#banner").display)
            await phone.press("f2")
            await phone.until(lambda: any("connected" in row for row in phone.rows()))
            await phone.until(lambda: not phone.screen.query_one("#banner").display)
        assert any(name in row for row in phone.rows())
        await phone.until(lambda: any("bob" in row and "connected" in row for row in phone.rows()))
        await phone.press("f8")
        dialog = phone.pilot.app.screen
        assert str(dialog.query_one("#other-0", Button).label) == f"connect with {name}"


@pytest.mark.parametrize(
    ("password", "server", "said"),
    [("wrong", "", "403 Invalid credentials"), ("wonderland", "ws://localhost:1", "nothing listens")],
)
async def test_what_cannot_be_connected_is_said(sbc: EmbeddedSbc, password: str, server: str, said: str) -> None:
    async with terminal(sbc, password, server) as phone:
        await phone.until(lambda: phone.label("#status") == "alice: failed")
        assert said in phone.label("#notice")
        phone.picture("error")
        await phone.press(*"bob", "enter")
        await phone.until(lambda: phone.label("#notice") == "not connected: connect first")
        await phone.press("f9")  # and may be tried again
        await phone.until(lambda: phone.label("#status") == "alice: failed")


async def test_a_refusal_is_the_notice_and_keys_that_do_nothing_are_grey(sbc: EmbeddedSbc) -> None:
    async with terminal(sbc) as phone:
        await phone.until(lambda: phone.label("#status") == "alice: registered")
        assert phone.screen.query_one("#hangup", Button).disabled
        assert phone.screen.check_action("hangup", ()) is None
        await phone.press(*"busy", "enter")
        await phone.until(lambda: phone.label("#notice") == "busy: 486 Busy Here")


async def test_it_fits_a_small_terminal(sbc: EmbeddedSbc, bob: JambonzClient) -> None:
    async with terminal(sbc, size=(80, 24)) as phone:
        await phone.until(lambda: phone.label("#status") == "alice: registered")
        call = bob.call("alice")
        await phone.until(lambda: phone.screen.query_one("#banner").display)
        await phone.pilot.pause()
        phone.picture("small")
        for selector in ("#answer", "#key-pound", "#transfer", "#levels"):
            region = phone.screen.query_one(selector).region
            assert region.area > 0, selector
            assert region.bottom < 24, f"{selector} stands above the footer"
        keys = phone.screen.query(FooterKey)
        assert [key.description for key in keys] == ["Connection", "Do not disturb", "Quit"]
        assert all(key.region.right <= 80 for key in keys)
        await phone.click("#decline")
        assert (await call.finished()).code == 486
