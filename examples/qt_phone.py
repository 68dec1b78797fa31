"""A phone in a window of Qt.

    pip install jzrx PySide6-Essentials qasync  # 'jzrx[audio]' for sound
    python examples/qt_phone.py

qasync makes an asyncio loop of Qt's, so the phone lives in the thread of the widgets: subscribers may touch them, and
slots may await actions. (`PySide6.QtAsyncio` will not do: it has no networking.)
"""

import asyncio
from datetime import timedelta
from functools import partial

import qasync
import reactivex
from account import account
from PySide6.QtCore import QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QApplication, QGroupBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from jzrx import JambonzError, UseCalls, UseJambonzClient, use_calls, use_jambonz_client


class QtPhone(QWidget):
    def __init__(self, phone: UseJambonzClient, calls: UseCalls) -> None:
        super().__init__(windowTitle=f"{phone.options.username} at {phone.options.server}", minimumWidth=500)
        self.phone, self.calls = phone, calls
        self.status, self.talking, self.problem = QLabel(), QLabel(), QLabel(wordWrap=True)
        self.target = QLineEdit(placeholderText="whom to call")
        self.target.returnPressed.connect(partial(self.do, "call"))
        self.buttons: dict[str, QPushButton] = {}
        self.banner = QGroupBox()
        self.banner.setLayout(self.row("answer", "decline"))
        column = QVBoxLayout(self)
        for widget in (self.status, self.banner, self.target, self.talking, self.problem):
            column.addWidget(widget)
        column.insertLayout(3, self.row("connect", "call", "hangup", "mute", "hold"))
        self.showing = reactivex.merge(phone.snapshot, calls.snapshot).subscribe(self.show_now)
        QTimer(self, interval=1000, timeout=self.show_now).start()
        self.closed = asyncio.Event()

    def row(self, *names: str) -> QHBoxLayout:
        """Buttons side by side."""
        row = QHBoxLayout()
        for name in names:
            button = self.buttons[name] = QPushButton(name.capitalize())
            button.clicked.connect(partial(self.do, name))
            row.addWidget(button)
        return row

    def show_now(self, _: object = None) -> None:
        """Show the phone as it is now."""
        phone, calls = self.phone.snapshot.value, self.calls.snapshot.value
        self.status.setText(phone.error or phone.state)
        self.banner.setVisible(bool(calls.incoming))
        self.banner.setTitle(f"{calls.incoming[0].remote_identity} is calling" if calls.incoming else "")
        talking = ""
        if call := calls.current:
            timer = timedelta(seconds=call.duration)
            talking = f"{call.remote_identity}: {call.state} {timer}{' muted' * call.is_muted}"
        self.talking.setText(talking)
        for name, button in self.buttons.items():  # the names of `can`: call, hangup, hold or unhold, ...
            button.setEnabled(getattr(calls.can, name) or getattr(calls.can, f"un{name}", False))

    @qasync.asyncSlot()
    async def do(self, name: str) -> None:
        """Do it, and tell why it failed."""
        calls, call = self.calls, self.calls.current.value
        actions = {
            "connect": self.phone.connect,
            "call": lambda: calls.make_call(self.target.text()),
            "answer": calls.answer,
            "decline": calls.decline,
            "hangup": calls.hangup,
            "mute": lambda: call.toggle_mute(),
            "hold": lambda: call.toggle_hold(),
        }
        self.problem.clear()
        try:
            await actions[name]()
        except (JambonzError, ValueError) as error:
            self.problem.setText(str(error))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - it is Qt's name
        self.showing.dispose()
        self.closed.set()


async def main() -> None:
    async with account() as options, use_jambonz_client(options) as phone, use_calls(phone.client) as calls:
        window = QtPhone(phone, calls)
        window.show()
        await window.do("connect")
        await window.closed.wait()


if __name__ == "__main__":
    application = QApplication([], quitOnLastWindowClosed=False)  # `main` has to hang up first
    qasync.run(main())
