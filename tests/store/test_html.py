"""What a notebook shows: tables that any HTML parser reads, escaped, without colours and without secrets."""

from html.parser import HTMLParser
from typing import Any

import attrs
import pytest

from jzrx import UseJambonzClient, use_call, use_calls
from jzrx.hooks.use_calls import UseCallsSnapshot
from jzrx.store import CallSnapshot, ClientSnapshot, constant
from jzrx.store.html import html_of, table
from jzrx.types import CallEndCause
from tests.bench import Bench, inbound, outbound
from tests.store.samples import STATS, after, answered, created, dialed, ended, held, received, sampled

EVIL = "<script>alert('1')</script>&\""


class Reader(HTMLParser):
    """Reads what the cells say, row by row, and holds that every tag is closed, and is one of a table's."""

    TAGS = frozenset(("table", "caption", "thead", "tbody", "tr", "th", "td", "code"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.captions: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in self.TAGS
        assert {name for name, _ in attributes} <= {"scope", "style"}
        assert all(value in ("text-align:left", "color:inherit") for name, value in attributes if name == "style")
        self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1] == "caption":
            self.captions.append(data)
        elif self._open[-1] in ("th", "td"):
            self.rows[-1][-1] += data


def shown(value: object) -> Reader:
    return Reader(html_of(value))


def test_rows_with_names_and_rows_with_heads() -> None:
    assert Reader(table("a", [("x", None), ("y", True), ("z", (1, "2"))])).rows == [
        ["x", "none"],
        ["y", "yes"],
        ["z", "1, 2"],
    ]
    assert Reader(table("a", [("1", "2")], ("x", "y"))).rows == [["x", "y"], ["1", "2"]]


def test_a_call() -> None:
    call = after(created("a"), dialed("a"), answered("a"), held("a"), sampled("a")).calls["a"]
    rows = dict(shown(call).rows)
    assert (rows["with"], rows["state"], rows["remarks"]) == ("a", "held", "held by us")
    assert (rows["codec"], rows["round trip (ms)"], rows["loss (%)"]) == ("opus", "20", "0.0")
    over = after(created("a"), ended("a")).calls["a"]
    assert dict(shown(over).rows)["ended"] == "200 Normal call clearing (remote)"


def test_a_client_and_its_calls() -> None:
    reader = shown(
        after(created("a"), dialed("a"), answered("a"), held("a"), created("b"), received("c", name="Carol"))
    )
    assert reader.captions == ["client", "calls"]
    assert ["state", "registered"] in reader.rows
    assert reader.rows[-3:] == [
        ["a", "outbound", "held", "held by us"],
        ["b", "outbound", "idle", "current"],
        ["Carol", "inbound", "ringing", ""],
    ]
    assert shown(ClientSnapshot()).captions == ["client"]


def test_an_observable_shows_its_value() -> None:
    assert html_of(constant("<b>")) == "<code>&#x27;&lt;b&gt;&#x27;</code>"
    assert shown(constant(after())).captions == ["client"]


@pytest.mark.parametrize("field", ["remote_identity", "remote_uri", "warnings", "end_cause", "id"])
def test_what_the_network_says_is_escaped(field: str) -> None:
    fields: dict[str, Any] = {"warnings": (EVIL,), "end_cause": CallEndCause(486, EVIL)}
    call: CallSnapshot = attrs.evolve(
        after(received("a"), sampled("a")).calls["a"], quality=STATS, **{field: fields.get(field, EVIL)}
    )
    reader = shown(call)  # which refuses a <script>
    assert EVIL in "".join(reader.captions) + "".join(cell for row in reader.rows for cell in row)


async def test_what_is_live_shows_the_same_and_no_password() -> None:
    bench = Bench(password="top secret", display_name="Alice")
    phone = UseJambonzClient(bench.options, parts=bench.parts)
    one, lines = use_call(phone.client), use_calls(phone.client)
    everything: tuple[object, ...] = (phone, one, lines, one.snapshot, lines.snapshot, lines.calls)
    empty = [shown(each).rows for each in everything]
    await bench.finish(phone.connect())
    client = phone.client.value
    assert client is not None
    bench.client = client
    call, second = await outbound(bench, EVIL.replace(" ", "")), await inbound(bench)
    assert [shown(each).rows for each in everything] != empty
    assert shown(call).rows == shown(call.snapshot.value).rows
    assert ["user", "alice"] in shown(client).rows
    assert ["with", "direction", "state", "remarks"] in shown(client).rows
    rows = dict(row for row in shown(lines).rows if len(row) == 2)
    assert (rows["current"], rows["incoming"]) == (repr(call), repr(second))
    assert shown(UseCallsSnapshot()).captions == ["use_calls"]
    for each in (*everything, client, call, second):
        assert "top secret" not in html_of(each) + repr(each)
    await bench.finish(phone.disconnect())
    phone.dispose()
