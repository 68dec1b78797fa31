"""Whom to transfer a call to: somebody new, or the other side of another call."""

from typing import ClassVar, cast

from attrs import frozen
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label

from jzrx.ui.view import CallView

__all__ = ["Destination", "TransferDialog"]


@frozen
class Destination:
    """`target` is whom to call instead; `call_id` another call of ours, for an attended transfer."""

    target: str = ""
    call_id: str = ""


class TransferDialog(ModalScreen[Destination | None]):
    """Asks; the answer is None when the user has thought better of it."""

    # Who calls meanwhile is shown behind the dialog, and answered or refused as ever.
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss(None)", "Leave it"),
        ("f2", "behind('answer')", "Answer"),
        ("f3", "behind('decline')", "Decline"),
    ]

    def __init__(self, call: CallView, others: list[CallView]) -> None:
        super().__init__()
        self._call = call
        self._others = others

    def compose(self) -> ComposeResult:
        """A line to type in, and a button for each other call."""
        with Vertical(id="dialog"):
            yield Label(f"Transfer {self._call.who} to", markup=False)
            yield Input(placeholder="a number, a user or a SIP URI; Enter transfers", id="destination")
            for number, other in enumerate(self._others):
                yield Button(Content(f"connect with {other.who}"), id=f"other-{number}")
            yield Button("Leave it (Esc)", id="leave")

    async def action_behind(self, action: str) -> None:
        """Do what this key does on the screen behind."""
        app = cast(App[None], self.app)  # pyright: ignore[reportUnknownMemberType]
        await app.screen_stack[0].run_action(action)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Blind, to whoever was typed."""
        if event.value.strip():
            self.dismiss(Destination(target=event.value.strip()))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Attended, with another call; or not at all."""
        event.stop()
        name = event.button.id or ""
        number = name.removeprefix("other-")
        self.dismiss(Destination(call_id=self._others[int(number)].id) if name != number else None)
