"""Values as small HTML tables: what a notebook shows for `_repr_html_`.

Every text is escaped, and nothing has a colour of its own, so that a table is right on light and on dark.
"""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import attrs

if TYPE_CHECKING:
    from jzrx.store.snapshots import CallSnapshot, ClientSnapshot

__all__ = ["call_html", "calls_html", "client_html", "fields_html", "html_of", "table"]

_LEFT = ' style="text-align:left"'  # notebooks push cells to the right


def html_of(value: object) -> str:
    """A value as HTML: as it says itself, else its repr."""
    own = getattr(value, "_repr_html_", None)
    return str(own()) if callable(own) else f"<code>{html.escape(repr(value))}</code>"


def table(caption: str, rows: Iterable[Sequence[object]], heads: Sequence[str] = ()) -> str:
    """A table. Without `heads`, the first cell of each row is its name."""
    head = "".join(f'<th scope="col"{_LEFT}>{html.escape(each)}</th>' for each in heads)
    body = "".join(f"<tr>{_cells(row, is_named=not heads)}</tr>" for row in rows)
    top = f"<caption{_LEFT}>{html.escape(caption)}</caption>" + (f"<thead><tr>{head}</tr></thead>" if head else "")
    return f'<table style="color:inherit">{top}<tbody>{body}</tbody></table>'


def fields_html(caption: str, instance: Any, *left_out: str) -> str:
    """The fields of an attrs instance, one in a row."""
    names = [field.name for field in attrs.fields(cast(Any, type(instance))) if field.name not in left_out]
    return table(caption, [(name.replace("_", " "), getattr(instance, name)) for name in names])


def call_html(call: "CallSnapshot") -> str:
    """One call."""
    rows: list[tuple[str, object]] = [
        ("with", call.remote_identity),
        ("address", call.remote_uri),
        ("direction", call.direction),
        ("state", call.state),
        ("audio path", call.media),
    ]
    if remarks := _remarks(call):
        rows.append(("remarks", remarks))
    if call.quality is not None:
        rows += [(name, value) for name, value in _quality(call.quality) if value is not None]
    if call.end_cause is not None:
        rows.append(("ended", f"{call.end_cause.code} {call.end_cause.reason} ({call.end_cause.originator})"))
    return table(f"call {call.id}", rows)


def calls_html(calls: Mapping[str, "CallSnapshot"], current: str | None) -> str:
    """Several calls, one in a row; nothing if there are none."""
    rows = [
        (each.remote_identity, each.direction, each.state, _remarks(each, is_current=each.id == current))
        for each in calls.values()
    ]
    return table("calls", rows, ("with", "direction", "state", "remarks")) if rows else ""


def client_html(client: "ClientSnapshot") -> str:
    """A client and its calls."""
    rows = [
        ("state", client.state),
        ("registered", client.is_registered),
        ("do not disturb", client.do_not_disturb),
        ("error", client.error),
    ]
    return table("client", rows) + calls_html(client.calls, client.current_call_id)


def _remarks(call: "CallSnapshot", *, is_current: bool = False) -> str:
    remarks = {
        "current": is_current,
        "muted": call.is_muted,
        "held by us": call.is_held,
        "held by the other side": call.is_remotely_held,
    }
    return ", ".join((*(name for name, holds in remarks.items() if holds), *call.warnings))


def _quality(stats: Any) -> Iterable[tuple[str, object]]:
    yield "codec", stats.codec
    yield "round trip (ms)", None if stats.round_trip_time is None else f"{stats.round_trip_time:.0f}"
    yield "jitter (ms)", f"{stats.jitter:.0f}"
    yield "loss (%)", f"{100 * stats.packet_loss:.1f}"
    yield "MOS", None if stats.mos is None else f"{stats.mos:.1f}"


def _cells(row: Sequence[object], *, is_named: bool) -> str:
    first = f'<th scope="row"{_LEFT}>{html.escape(str(row[0]))}</th>' if is_named else ""
    rest = row[1:] if is_named else row
    return first + "".join(f"<td{_LEFT}>{html.escape(_text(value))}</td>" for value in rest)


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return str(value)
    if isinstance(value, tuple):
        return ", ".join(map(_text, cast(tuple[object, ...], value))) or "none"
    return str(value)
