"""A phone on a web page, with NiceGUI.

    pip install jzrx nicegui  # 'jzrx[audio]' for sound, which is that of the machine where this runs
    python examples/nicegui_phone.py

The phone lives in the server, on NiceGUI's loop; a page only shows it: it subscribes when it is opened, and disposes of
that when it is gone. So two tabs show the same calls, and closing one hangs nothing up.
"""

import os
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial

import reactivex
from account import account
from nicegui import app, ui

from jzrx import JambonzError, UseCalls, UseJambonzClient, use_calls, use_jambonz_client

running = AsyncExitStack()  # what ends with the server


class PhonePage:
    def __init__(self, phone: UseJambonzClient, calls: UseCalls) -> None:
        self.phone, self.calls = phone, calls
        self.buttons: dict[str, ui.button] = {}
        with ui.card().classes("mx-auto"):
            ui.label(f"{phone.options.username} at {phone.options.server}")
            self.status = ui.label().props("role=status")
            with ui.row().classes("items-center bg-amber-3 text-black p-2") as self.banner:
                self.caller = ui.label()
                self.add_buttons("answer", "decline")
            self.target = ui.input("Whom to call").on("keydown.enter", partial(self.do, "call"))
            with ui.row():
                self.add_buttons("connect", "call", "hangup", "mute", "hold")
            self.talking = ui.label()
        ui.timer(1.0, self.show)
        showing = reactivex.merge(phone.snapshot, calls.snapshot).subscribe(self.show)
        ui.context.client.on_delete(showing.dispose)

    def add_buttons(self, *names: str) -> None:
        for name in names:
            self.buttons[name] = ui.button(name, on_click=partial(self.do, name))

    def show(self, _: object = None) -> None:
        """Show the phone as it is now."""
        phone, calls = self.phone.snapshot.value, self.calls.snapshot.value
        self.status.set_text(phone.error or phone.state)
        self.banner.set_visibility(bool(calls.incoming))
        self.caller.set_text(f"{calls.incoming[0].remote_identity} is calling" if calls.incoming else "")
        talking = ""
        if call := calls.current:
            timer = timedelta(seconds=call.duration)
            talking = f"{call.remote_identity}: {call.state} {timer}{' muted' * call.is_muted}"
        self.talking.set_text(talking)
        for name, button in self.buttons.items():  # the names of `can`: call, hangup, hold or unhold, ...
            button.set_enabled(getattr(calls.can, name) or getattr(calls.can, f"un{name}", False))

    async def do(self, name: str) -> None:
        """Do it, and tell why it failed."""
        calls, call = self.calls, self.calls.current.value
        actions = {
            "connect": self.phone.connect,
            "call": lambda: calls.make_call(self.target.value),
            "answer": calls.answer,
            "decline": calls.decline,
            "hangup": calls.hangup,
            "mute": lambda: call.toggle_mute(),
            "hold": lambda: call.toggle_hold(),
        }
        try:
            await actions[name]()
        except (JambonzError, ValueError) as error:
            ui.notify(str(error), type="negative")


async def start() -> None:
    """With the server a phone starts, and the page of it."""
    phone = await running.enter_async_context(use_jambonz_client(await running.enter_async_context(account())))
    calls = await running.enter_async_context(use_calls(phone.client))
    phone.connect()

    @ui.page("/")
    def page() -> None:
        PhonePage(phone, calls)


if __name__ == "__main__":
    app.on_startup(start)
    app.on_shutdown(running.aclose)
    ui.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8080")), title="phone", reload=False, show=False)
