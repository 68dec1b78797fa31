"""The calls of the phone as a table, one line each; the current one is marked."""

from collections.abc import Callable

from rich.text import Text
from textual.widgets import DataTable

from jzrx.ui.view import CallView, PhoneView, clock

__all__ = ["CallsTable", "details"]

COLUMNS = {"mark": "", "status": "state", "time": "time", "warning": "", "who": "who"}
"""Who it is comes last: a name may be long, and the terminal narrow."""


class CallsTable(DataTable[Text]):
    """Those that ring here stand first. Enter on a line turns to that call, or answers it."""

    def on_mount(self) -> None:
        """Set it up."""
        self.cursor_type = "row"
        self.zebra_stripes = True
        for key, title in COLUMNS.items():
            self.add_column(title, key=key)

    def show(self, view: PhoneView) -> None:
        """Show these calls; the cursor stays on its line as long as that is there."""
        calls = {call.id: _cells(call) for call in (*view.incoming, *view.calls)}
        if [row.value for row in self.rows] != list(calls):
            chosen = self.chosen
            self.clear()
            for call_id, cells in calls.items():
                self.add_row(*cells.values(), key=call_id)
            if chosen in calls:
                self.move_cursor(row=list(calls).index(chosen))
        else:
            for call_id, cells in calls.items():
                for column, cell in cells.items():
                    self._write(call_id, column, cell)

    def tick(self, view: PhoneView, seconds: Callable[[str], int]) -> None:
        """Let the clocks of the calls that are up go on."""
        shown = {row.value for row in self.rows}
        for call in view.calls:
            if call.seconds is not None and call.id in shown:
                self._write(call.id, "time", Text(clock(seconds(call.id))))

    def _write(self, call_id: str, column: str, cell: Text) -> None:
        if self.get_cell(call_id, column) != cell:  # else the whole table would be drawn anew ten times a second
            self.update_cell(call_id, column, cell, update_width=True)

    @property
    def chosen(self) -> str:
        """The call under the cursor; empty without one."""
        rows = [row.value or "" for row in self.rows]
        return rows[self.cursor_row] if 0 <= self.cursor_row < len(rows) else ""


def _cells(call: CallView) -> dict[str, Text]:
    status = Text(call.status, style=_style(call))
    if call.is_muted:
        status.append(", muted", style="yellow")
    return {
        "mark": Text("▶" if call.is_current else " ", style="bold green"),
        "status": status,
        "time": Text("" if call.seconds is None else clock(call.seconds)),
        "warning": Text("!" * len(call.warnings), style="bold yellow"),
        "who": Text(call.who, style="bold" if call.is_current else ""),
    }


def details(call: CallView | None) -> Text:
    """The quality of a call, and what is wrong with its audio."""
    if call is None:
        return Text()
    return Text(call.quality, style="dim") + Text(
        "".join(f"\n! {warning}" for warning in call.warnings), style="yellow"
    )


def _style(call: CallView) -> str:
    match call.status.split(",", 1)[0]:
        case "connected":
            return "green"
        case "calls you":
            return "bold magenta"
        case status if status.startswith("on hold"):
            return "cyan"
        case _:
            return "yellow"
