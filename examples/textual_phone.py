"""A phone in the terminal, with Textual. (`jzrx phone` is the grown-up one.)

    pip install jzrx textual  # 'jzrx[audio]' for sound
    python examples/textual_phone.py

Textual's loop is the phone's: subscribers may touch widgets, and handlers may await actions.
"""

import asyncio
from datetime import timedelta

import reactivex
from account import account
from textual import work
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.widgets import Button, Input, Label

from jzrx import JambonzError, UseCalls, UseJambonzClient, use_calls, use_jambonz_client


class TextualPhone(App[None]):
    CSS = """
    Label { padding: 1; }
    Horizontal { height: auto; & Button { margin-right: 1; } }
    #banner { background: $warning; color: black; }
    """

    def __init__(self, phone: UseJambonzClient, calls: UseCalls) -> None:
        super().__init__()
        self.phone, self.calls = phone, calls

    def compose(self) -> ComposeResult:
        yield Label(id="status", markup=False)
        with Horizontal(id="banner"):
            yield Label(id="caller", markup=False)
            yield Button("Answer", id="answer")
            yield Button("Decline", id="decline")
        yield Input(placeholder="whom to call", id="target")
        with Horizontal():
            for name in ("connect", "call", "hangup", "mute", "hold"):
                yield Button(name.capitalize(), id=name)
        yield Label(id="talking", markup=False)

    def on_mount(self) -> None:
        self.showing = reactivex.merge(self.phone.snapshot, self.calls.snapshot).subscribe(self.show)
        self.set_interval(1.0, self.show)  # for the timer
        self.do("connect")

    def on_unmount(self) -> None:
        self.showing.dispose()

    def show(self, _: object = None) -> None:
        if not self.query("#status"):
            return  # the screen has gone already
        phone, calls, of = self.phone.snapshot.value, self.calls.snapshot.value, self.phone.options
        self.query_one("#status", Label).update(f"{of.username} at {of.server}: {phone.error or phone.state}")
        self.query_one("#banner").display = bool(calls.incoming)
        self.query_one("#caller", Label).update("".join(f"{c.remote_identity} calls. " for c in calls.incoming))
        talking = ""
        if call := calls.current:
            timer = timedelta(seconds=call.duration)
            talking = f"{call.remote_identity}: {call.state} {timer}{' muted' * call.is_muted}"
        self.query_one("#talking", Label).update(talking)
        for button in self.query(Button):  # their ids are names of `can`: call, hangup, hold or unhold, ...
            button.disabled = not (getattr(calls.can, button.id) or getattr(calls.can, f"un{button.id}", False))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.do(event.button.id)

    def on_input_submitted(self) -> None:
        self.do("call")

    @work  # its own task: what still rings can be hung up
    async def do(self, name: str) -> None:
        """Do it, and tell why it failed."""
        calls, call = self.calls, self.calls.current.value
        actions = {
            "connect": self.phone.connect,
            "call": lambda: calls.make_call(self.query_one(Input).value),
            "answer": calls.answer,
            "decline": calls.decline,
            "hangup": calls.hangup,
            "mute": lambda: call.toggle_mute(),
            "hold": lambda: call.toggle_hold(),
        }
        try:
            await actions[name]()
        except (JambonzError, ValueError) as error:
            self.notify(str(error), severity="error", markup=False)


async def main() -> None:
    async with account() as options, use_jambonz_client(options) as phone, use_calls(phone.client) as calls:
        await TextualPhone(phone, calls).run_async()


if __name__ == "__main__":
    asyncio.run(main())
