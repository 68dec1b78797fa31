"""Sphinx directives that draw what the code does: `{machine} client` a state machine, `{ladder}` a call as it goes.

Below the picture of a machine stands a table of all its transitions. Both come from `pictures.explore`; only the places
of the states are written down, here.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from docs.pictures import explore
from docs.pictures.draw import Layout, svg
from docs.pictures.ladder import a_call, ladder
from jzrx.types import CallDirection

Machine = tuple[str, Callable[[], set[explore.Transition]], Layout]

MACHINES: dict[str, Machine] = {
    "outbound call": (
        "The states of an outbound call",
        lambda: explore.call_states(CallDirection.OUTBOUND),
        Layout(
            (860, 320),
            {
                "idle": (70, 60),
                "connecting": (280, 60),
                "ringing": (520, 130),
                "connected": (770, 60),
                "held": (770, 180),
                "ended": (385, 260),
            },
        ),
    ),
    "inbound call": (
        "The states of an inbound call",
        lambda: explore.call_states(CallDirection.INBOUND),
        Layout(
            (860, 320),
            {
                "ringing": (70, 60),
                "connecting": (400, 60),
                "connected": (770, 60),
                "held": (770, 180),
                "ended": (400, 260),
            },
        ),
    ),
    "client": (
        "The states of a client",
        explore.client_states,
        Layout(
            (860, 470),
            {
                "disconnected": (75, 70),
                "connecting": (285, 70),
                "connected": (510, 70),
                "registered": (785, 70),
                "reconnecting": (510, 260),
                "unregistered": (785, 260),
                "error": (230, 400),
            },
        ),
    ),
    "outbound session": (
        "The phases of our INVITE",
        lambda: explore.session_phases(CallDirection.OUTBOUND),
        Layout(
            (860, 340),
            {
                "OFFERING": (70, 50),
                "CALLING": (290, 50),
                "PROCEEDING": (520, 120),
                "CONFIRMED": (770, 50),
                "TERMINATING": (770, 200),
                "CLOSED": (400, 280),
            },
        ),
    ),
    "inbound session": (
        "The phases of an INVITE that comes in",
        lambda: explore.session_phases(CallDirection.INBOUND),
        Layout(
            (860, 340),
            {
                "RINGING": (70, 50),
                "ANSWERING": (280, 50),
                "ACCEPTED": (520, 50),
                "CONFIRMED": (770, 50),
                "TERMINATING": (770, 200),
                "CLOSED": (400, 280),
            },
        ),
    ),
    "registration": (
        "The states of a registration",
        explore.registration_states,
        Layout(
            (860, 400),
            {
                "none": (70, 200),
                "registering": (340, 50),
                "registered": (770, 50),
                "refreshing": (770, 350),
                "removing": (340, 350),
            },
        ),
    ),
}


class MachineDirective(SphinxDirective):
    """Draws one of `MACHINES`."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()  # the page depends on the code
        title, transitions, layout = MACHINES[self.arguments[0]]
        found = transitions()
        picture = svg(title, layout, found)
        return [
            nodes.raw("", f'<div class="machine">{picture}</div>', format="html"),
            nodes.raw("", _table(found, list(layout.places)), format="html"),
        ]


class LadderDirective(SphinxDirective):
    """Draws what goes up and down in a call."""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        picture = ladder("What happens in a call, from top to bottom", a_call())
        return [nodes.raw("", f'<div class="machine">{picture}</div>', format="html")]


def _table(transitions: set[explore.Transition], order: list[str]) -> str:
    rows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in transitions:
        rows[one.before, one.after].append(one.by)
    lines = [
        f"<tr><td>{before}</td><td>{after}</td><td>{', '.join(sorted(by))}</td></tr>"
        for (before, after), by in sorted(rows.items(), key=lambda row: [order.index(state) for state in row[0]])
    ]
    return (
        '<details class="transitions"><summary>All transitions</summary><div class="table-wrapper">'
        '<table class="docutils align-default"><thead><tr><th>from</th><th>to</th><th>by</th></tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div></details>"
    )


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("machine", MachineDirective)
    app.add_directive("ladder", LadderDirective)
    return {"parallel_read_safe": True}
