"""The phone in a terminal: a dial line and a dial pad, the calls, messages, the SIP trace."""

from typing import ClassVar, cast

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Button, DataTable, Footer, Input, Label, RichLog, Static, TabbedContent, TabPane

from jzrx.ui.model import PhoneModel
from jzrx.ui.printable import printable
from jzrx.ui.terminal.calls import CallsTable, details
from jzrx.ui.terminal.trace import TraceHandler
from jzrx.ui.terminal.transfer import Destination, TransferDialog
from jzrx.ui.view import CallView, PhoneView

__all__ = ["TerminalPhone"]

KEYS = "123456789*0#"
_IDS = {"*": "star", "#": "pound"}
TICK = 0.1
"""Seconds between two looks at the clocks and levels."""
TALL = 32
"""Lines from which on there is room for large buttons."""
BAR = 12
"""Characters of a level meter."""


class TerminalPhone(App[None]):
    """A `PhoneModel` in a terminal."""

    TITLE = "jzrx"
    CSS_PATH = "phone.tcss"
    ENABLE_COMMAND_PALETTE = False
    VERTICAL_BREAKPOINTS = [(0, "-short"), (TALL, "-tall")]  # noqa: RUF012 - as Textual declares it
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "quit", "Quit", priority=True)]

    def __init__(self, model: PhoneModel) -> None:
        super().__init__()
        self._model = model

    def get_default_screen(self) -> Screen[None]:
        """The phone."""
        return PhoneScreen(self._model)


class ViewChanged(Message):
    """There is something new to show; from the phone's own thread, if it has one."""

    def can_replace(self, message: Message) -> bool:
        """One is enough."""
        return isinstance(message, ViewChanged)


class Traced(Message):
    """A SIP message came or went."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class PhoneScreen(Screen[None]):
    """Shows the view, and presses the buttons. It connects when it starts."""

    # The footer shows those that stand on no button: it has little room.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "answer", "Answer", show=False),
        Binding("f3", "decline", "Decline", show=False),
        Binding("f4", "hangup", "Hang up", show=False),
        Binding("f5", "toggle_mute", "Mute", show=False),
        Binding("f6", "toggle_hold", "Hold", show=False),
        Binding("f7", "swap", "Swap", show=False),
        Binding("f8", "transfer", "Transfer", show=False),
        Binding("f9", "connection", "Connection"),
        Binding("ctrl+n", "toggle_do_not_disturb", "Do not disturb"),
    ]

    def __init__(self, model: PhoneModel) -> None:
        super().__init__()
        self._model = model
        self._shown_messages = self._read_messages = 0
        self._trace = TraceHandler(self._traced)

    def compose(self) -> ComposeResult:
        """What there is to see."""
        yield Label(id="status", markup=False)
        yield Label(id="notice", markup=False)
        with Horizontal(id="banner"):
            yield Label(id="caller", markup=False)
            yield Button("Answer F2", id="answer", variant="success")
            yield Button("Decline F3", id="decline", variant="error")
        with Horizontal(id="body"):
            with Vertical(id="dial"):
                yield Input(placeholder="number, user or SIP URI", id="target")
                with Grid(id="pad"):
                    for key in KEYS:
                        yield Button(key, id=f"key-{_IDS.get(key, key)}", classes="key")
                with Grid(id="actions"):
                    yield Button("Call", id="call", variant="success")
                    yield Button("Hang up F4", id="hangup", variant="error")
                    yield Button("Mute F5", id="toggle_mute")
                    yield Button("Hold F6", id="toggle_hold")
                    yield Button("Swap F7", id="swap")
                    yield Button("Transfer F8", id="transfer")
                yield Static(id="levels")
            with TabbedContent(id="tabs"):
                with TabPane("Calls", id="calls-tab"):
                    yield CallsTable(id="calls")
                    yield Static(id="details")
                with TabPane("Messages", id="messages-tab"):
                    yield RichLog(id="messages", wrap=True)
                    yield Input(placeholder="a message to whoever stands in the dial line", id="message")
                with TabPane("SIP", id="sip-tab"):
                    yield RichLog(id="sip", max_lines=5000)
        yield Footer()

    def on_mount(self) -> None:
        """Begin."""
        self._trace.start()
        self._subscription = self._model.view.subscribe(self._changed)
        self.set_interval(TICK, self._tick)
        self.query_one("#target", Input).focus()
        self._model.do("connect")

    def on_unmount(self) -> None:
        """Show nothing any more."""
        self._subscription.dispose()
        self._trace.stop()

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _changed(self, _: PhoneView) -> None:
        self.post_message(ViewChanged())

    def _traced(self, text: str) -> None:
        self.post_message(Traced(text))

    def on_view_changed(self) -> None:
        """Show what is now."""
        view = self._model.now
        self.query_one("#status", Label).update(f"{view.account}: {view.status}")
        self.query_one("#status").set_classes(view.state.value)
        notice = self.query_one("#notice", Label)
        notice.update(view.notice)
        notice.display = bool(view.notice)
        self.query_one("#banner").display = bool(view.incoming)
        if view.incoming:
            first, *others = view.incoming
            more = f" (and {len(others)} more)" if others else ""
            self.query_one("#caller", Label).update(f"{first.who} calls{more}")
        self.query_one(CallsTable).show(view)
        self.query_one("#details", Static).update(details(self._current(view)))
        self._show_messages(view)
        self._show_buttons(view)
        self.refresh_bindings()

    def _show_buttons(self, view: PhoneView) -> None:
        can, call = view.can, self._current(view)
        self.query_one("#call", Button).disabled = not can.call
        self.query_one("#hangup", Button).disabled = not can.hangup
        self.query_one("#toggle_mute", Button).disabled = not (can.mute or can.unmute)
        self.query_one("#toggle_hold", Button).disabled = not (can.hold or can.unhold)
        self.query_one("#swap", Button).disabled = not can.swap
        self.query_one("#transfer", Button).disabled = not can.transfer
        self.query_one("#toggle_mute", Button).label = "Unmute F5" if call and call.is_muted else "Mute F5"
        self.query_one("#toggle_hold", Button).label = "Unhold F6" if call and call.is_held else "Hold F6"

    def _show_messages(self, view: PhoneView) -> None:
        """Those that were not shown yet."""
        log = self.query_one("#messages", RichLog)
        first = max(0, len(view.messages) - (view.message_count - self._shown_messages))
        for message in view.messages[first:]:
            who = f"to {message.peer}" if message.is_ours else message.peer
            log.write(Text.assemble((f"{who}: ", "bold cyan" if message.is_ours else "bold green"), message.body))
        self._shown_messages = view.message_count
        self._show_unread()

    def _show_unread(self) -> None:
        """How many came while another tab was open."""
        tabs = self.query_one(TabbedContent)
        if tabs.active == "messages-tab":
            self._read_messages = self._shown_messages
        unread = self._shown_messages - self._read_messages
        tabs.get_tab("messages-tab").label = f"Messages ({unread})" if unread else "Messages"

    def on_traced(self, traced: Traced) -> None:
        """Add it to the trace."""
        self.query_one("#sip", RichLog).write(Text(printable(traced.text)))

    def _tick(self) -> None:
        self.query_one(CallsTable).tick(self._model.now, self._model.seconds)
        mine, theirs = self._model.levels
        self.query_one("#levels", Static).update(
            Text.assemble(("me    ", "dim"), _bar(mine), "\n", ("them  ", "dim"), _bar(theirs))
        )

    # --- what is pressed --------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey the keys that do nothing now."""
        can = self._model.now.can
        allowed = {
            "answer": can.answer,
            "decline": can.decline,
            "hangup": can.hangup,
            "toggle_mute": can.mute or can.unmute,
            "toggle_hold": can.hold or can.unhold,
            "swap": can.swap,
            "transfer": can.transfer,
            "toggle_do_not_disturb": can.disconnect,
        }
        return True if allowed.get(action, True) else None

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button does what its key does; the dial pad types, or sends tones in a call."""
        name = event.button.id or ""
        if event.button.has_class("key"):
            self._press(str(event.button.label))
        else:
            await self.run_action(name)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter calls, or sends the message."""
        if event.input.id == "target":
            self.action_call()
        elif event.input.id == "message" and event.value:
            self._model.do("send_message", target=self._target, body=event.value)
            event.input.clear()

    def on_tabbed_content_tab_activated(self) -> None:
        """Opened, the messages are read."""
        self._show_unread()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter on a call."""
        call_id = event.row_key.value or ""
        ringing = call_id in {call.id for call in self._model.now.incoming}
        self._model.do("answer" if ringing else "switch_to", call_id)

    def _press(self, key: str) -> None:
        call = self._current()
        if call is not None and call.can.send_dtmf:
            self._model.do("send_dtmf", call.id, tones=key)
        else:
            line = self.query_one("#target", Input)
            line.value += key

    def action_call(self) -> None:
        """Call whoever stands in the dial line."""
        self._model.do("call", target=self._target)

    def action_answer(self) -> None:
        """Answer the oldest that rings."""
        self._do_incoming("answer")

    def action_decline(self) -> None:
        """Refuse the oldest that rings."""
        self._do_incoming("decline")

    def action_hangup(self) -> None:
        """Hang up the current call."""
        self._do_current("hangup")

    def action_toggle_mute(self) -> None:
        """Mute the current call, or unmute it."""
        self._do_current("toggle_mute")

    def action_toggle_hold(self) -> None:
        """Hold the current call, or take the hold back."""
        call = self._current()
        self._do_current("unhold" if call is not None and call.is_held else "hold")

    def action_swap(self) -> None:
        """Turn to the call before."""
        self._model.do("swap")

    def action_transfer(self) -> None:
        """Ask whom to, and do it."""
        call = self._current()
        if call is None:
            return

        def transfer(destination: Destination | None) -> None:
            if destination is None:
                return
            if destination.call_id:
                self._model.do("connect_to", call.id, other=destination.call_id)
            else:
                self._model.do("transfer", call.id, target=destination.target)

        others = [other for other in self._model.now.calls if other.id != call.id and other.seconds is not None]
        app = cast(App[None], self.app)  # pyright: ignore[reportUnknownMemberType]
        app.push_screen(TransferDialog(call, others), transfer)

    def action_connection(self) -> None:
        """Connect, or disconnect."""
        self._model.do("disconnect" if self._model.now.can.disconnect else "connect")

    def action_toggle_do_not_disturb(self) -> None:
        """Refuse whoever calls, or no more."""
        self._model.do("toggle_do_not_disturb")

    @property
    def _target(self) -> str:
        return self.query_one("#target", Input).value.strip()

    def _current(self, view: PhoneView | None = None) -> CallView | None:
        return next((call for call in (view or self._model.now).calls if call.is_current), None)

    def _do_current(self, action: str) -> None:
        call = self._current()
        if call is not None:
            self._model.do(action, call.id)

    def _do_incoming(self, action: str) -> None:
        ringing = self._model.now.incoming
        if ringing:
            self._model.do(action, ringing[0].id)


def _bar(level: float) -> Text:
    """A level meter: a speaking voice fills about half of it."""
    full = min(BAR, round(level**0.5 * BAR))
    return Text("█" * full, style="green" if full < BAR * 3 / 4 else "yellow") + Text("░" * (BAR - full), style="dim")
