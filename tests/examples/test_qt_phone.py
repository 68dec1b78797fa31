"""The phone in a window of Qt, on Qt's loop, driven by QTest."""

import asyncio
import ctypes
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import qasync
from account import account
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from qt_phone import QtPhone, main

from jzrx import CallError, JambonzCall, JambonzClient, use_calls, use_jambonz_client
from tests.examples.town import town, until

pytestmark = pytest.mark.interop

Scenario = Callable[[JambonzClient], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module", autouse=True)
def application() -> Iterator[QApplication]:
    """One for all: Qt has no other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QT_QPA_PLATFORM", "offscreen")
        application = QApplication([])
        application.setQuitOnLastWindowClosed(False)
        _lend_references()
        yield application
        application.shutdown()


def _lend_references() -> None:
    """PySide6 drops references to True and False that it does not own (seen with 6.12: one for each result of a worker
    thread), and before 3.12, where they live for ever, Python aborts at its end."""
    if sys.version_info < (3, 12):
        for value in [True, False] * 10_000:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[Scenario], None]:
    """Runs a scenario with bob on Qt's loop."""

    async def played(scenario: Scenario) -> None:
        async with town(monkeypatch) as bob:
            await scenario(bob)

    return lambda scenario: qasync.run(played(scenario))


class Person:
    """Somebody in front of the window."""

    def __init__(self, window: QtPhone) -> None:
        self.window = window

    def click(self, name: str) -> None:
        QTest.mouseClick(self.window.buttons[name], Qt.MouseButton.LeftButton)

    def dial(self, target: str) -> None:
        self.window.target.clear()
        QTest.keyClicks(self.window.target, target)
        QTest.keyClick(self.window.target, Qt.Key.Key_Return)

    def may(self, *names: str) -> bool:
        """Whether these are all the buttons that are not grey."""
        return {name for name, button in self.window.buttons.items() if button.isEnabled()} == {*names}

    def talks(self, text: str) -> Callable[[], bool]:
        return lambda: text in self.window.talking.text()

    def picture(self, name: str) -> None:
        """For eyes: JZRX_PICTURES names a folder."""
        if folder := os.environ.get("JZRX_PICTURES"):
            self.window.grab().save(str(Path(folder) / f"qt-{name}.png"))


def windows() -> list[QtPhone]:
    """All that can be seen."""
    return [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, QtPhone) and widget.isVisible()]


@asynccontextmanager
async def window() -> AsyncIterator[Person]:
    async with account() as options, use_jambonz_client(options) as phone, use_calls(phone.client) as calls:
        window = QtPhone(phone, calls)
        window.show()
        await window.do("connect")
        yield Person(window)
        window.close()


def test_an_outgoing_call(play: Callable[[Scenario], None]) -> None:
    async def scenario(bob: JambonzClient) -> None:
        bob.on("incoming", lambda call: call.answer())
        async with window() as person:
            assert person.window.status.text() == "registered"
            assert person.may("call")
            person.dial("bob")
            await until(person.talks("bob: connected 0:00:0"))
            assert person.may("call", "hangup", "mute", "hold")
            person.click("hold")
            await until(person.talks("bob: held"))
            person.click("hold")
            await until(person.talks("bob: connected"))
            person.click("mute")
            await until(person.talks("muted"))
            now = person.window.talking.text()
            await until(lambda: person.window.talking.text() != now)  # the timer
            person.picture("call")
            person.click("hangup")
            await until(lambda: person.window.talking.text() == "" and person.may("call"))

    play(scenario)


def test_an_incoming_call(play: Callable[[Scenario], None]) -> None:
    async def scenario(bob: JambonzClient) -> None:
        async with window() as person:
            assert not person.window.banner.isVisible()
            declined = bob.call("alice")
            await until(person.window.banner.isVisible)
            assert "bob" in person.window.banner.title()
            assert person.may("call", "answer", "decline")
            person.picture("incoming")
            person.click("decline")
            with pytest.raises(CallError, match="486"):
                await declined.answered()
            await until(lambda: not person.window.banner.isVisible())
            answered = bob.call("alice")
            await until(person.window.banner.isVisible)
            person.click("answer")
            await answered.answered()
            await until(person.talks("connected"))
        assert (await answered.finished()).code == 200  # the phone hung up when its window was closed

    play(scenario)


def test_what_fails_is_told_and_what_rings_can_be_hung_up(play: Callable[[Scenario], None]) -> None:
    async def scenario(bob: JambonzClient) -> None:
        calls: list[JambonzCall] = []
        bob.on("incoming", calls.append)
        async with window() as person:
            person.dial("")
            await until(lambda: "the target is empty" in person.window.problem.text())
            person.dial("bob")
            await until(person.talks("ringing"))
            assert person.window.problem.text() == ""
            person.click("hangup")
            await until(lambda: person.window.talking.text() == "")
            assert (await calls[0].finished()).code == 487

    play(scenario)


def test_the_program_ends_when_its_window_is_closed(play: Callable[[Scenario], None]) -> None:
    async def scenario(bob: JambonzClient) -> None:
        program = asyncio.create_task(main())
        await until(lambda: bool(windows()))
        (window,) = windows()
        await until(lambda: window.status.text() == "registered")
        assert window.close()
        await program

    play(scenario)
