"""Events of a client: written, read, replayed; no credential gets into any of it."""

import json
import typing
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jzrx.events import CallEnded, CallReceived, ConnectFailed, ConnectStarted, Event, InfoReceived, Registered
from jzrx.recording import EventRecording, record, replay
from jzrx.recording.codec import decode_event, decode_snapshot, encode, encode_event
from jzrx.recording.secrets import without_secrets
from jzrx.store import Store, StoreView
from jzrx.types import CallEndCause, MediaState
from tests.store.samples import REGISTERED, received

EVENTS: tuple[type, ...] = typing.get_args(Event)
TEXT = st.text().filter(lambda text: without_secrets(text) == text)
FIELDS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    float: st.floats(-1e9, 1e9) | st.integers(0, 10**9),
    tuple[tuple[str, str], ...]: st.lists(st.tuples(st.just("X-A") | st.just("Via"), TEXT), max_size=3).map(tuple),
}


def built(kind: type) -> st.SearchStrategy[Any]:
    """Any instance of an attrs class."""
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{field.name: of(hints[field.name]) for field in attrs.fields(kind)})


def of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type."""
    if kind in FIELDS:
        return FIELDS[kind]
    if attrs.has(kind):
        return built(kind)
    arguments = typing.get_args(kind)
    if type(None) in arguments:
        (other,) = set(arguments) - {type(None)}
        return st.none() | of(other)
    return st.from_type(kind)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_every_event_survives_its_json(kind: type) -> None:
    @given(built(kind))
    def round_trip(event: Any) -> None:
        line = json.dumps(encode_event(event))
        assert "\n" not in line
        read = decode_event(json.loads(line))
        assert read == event
        assert type(read) is kind

    round_trip()


@given(st.lists(st.one_of(*map(built, EVENTS)), max_size=8))
def test_any_recording_survives_its_file(events: list[Any]) -> None:
    recording = EventRecording()
    for event in events:
        recording._take(event)
    again = EventRecording.loads(recording.jsonl())
    assert again.values == events
    assert again.times == recording.times
    assert again.snapshots == recording.snapshots


def test_not_a_number_is_kept() -> None:
    event = Registered(at=float("nan"), expires=1, until=float("inf"))
    data = json.dumps(encode_event(event), allow_nan=False)
    read = decode_event(json.loads(data))
    assert isinstance(read, Registered)
    assert read.at != read.at
    assert read.until == float("inf")


@given(st.lists(st.sampled_from(EVENTS).flatmap(built), max_size=20))
def test_snapshots_survive_their_json(events: list[Any]) -> None:
    for snapshot in replay(events):
        assert decode_snapshot(json.loads(json.dumps(encode(snapshot)))) == snapshot


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ([], "an event is a JSON object"),
        ({"event": "Nothing"}, 'there is no event "Nothing"; was it recorded by a newer jzrx'),
        ({"event": ["x"]}, "there is no event"),
        ({"event": "Unregistered"}, "Unregistered lacks at"),
        ({"event": "Unregistered", "at": 1, "more": 1}, "Unregistered has no more"),
        ({"event": "Unregistered", "at": "1"}, 'Unregistered.at must be a number, not "1"'),
        ({"event": "Unregistered", "at": True}, "a number"),
        ({"event": "Registered", "at": 1, "expires": 1.5, "until": 2}, "a whole number"),
        ({"event": "HoldChanged", "at": 1, "call_id": "1", "held": 1}, "true or false"),
        ({"event": "MediaStateChanged", "at": 1, "call_id": "1", "media": "x"}, "a MediaState"),
        ({"event": "CallReceived", "at": 1, "call_id": "1", "remote_uri": "", "headers": [["a"]]}, "a list of 2"),
        ({"event": "CallReceived", "at": 1, "call_id": "1", "remote_uri": "", "headers": "a"}, "a list"),
        ({"event": "InfoReceived", "at": 1, "call_id": "1", "content_type": "", "body": "%"}, "base64"),
        (
            {"event": "CallEnded", "at": 1, "call_id": "1", "cause": {"code": 1, "reason": "", "originator": "x"}},
            "one of",
        ),
        ({"event": "CallEnded", "at": 1, "call_id": "1", "cause": 1}, "a JSON object"),
    ],
)
def test_what_is_no_event_is_refused_with_its_field(data: Any, problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        decode_event(data)
    assert problem in str(caught.value)


@pytest.mark.parametrize("line", ['{"event": ', '{"event": "Unregistered", "at": "inf"}', '{"jzrx": "1"}'])
def test_a_bad_line_is_named(line: str) -> None:
    first = '{"event": "Unregistered", "at": 1}'
    with pytest.raises(ValueError, match="line 4 of the recording: "):
        EventRecording.loads(f'{{"jzrx": "1"}}\n\n{first}\n{line}\n')


def test_a_store_is_replayed_from_where_the_recording_began(tmp_path: Path) -> None:
    store = Store()
    for event in REGISTERED:
        store.dispatch(event)
    seen: list[Any] = []
    with record(StoreView(store)) as recording, store.snapshot.subscribe(seen.append):
        store.dispatch(received("1", at=12))
        store.dispatch(CallEnded(at=15.5, call_id="1", cause=CallEndCause(487, "Request Terminated")))
    store.dispatch(received("2", at=20))
    recording.save(tmp_path / "call.jsonl")
    read = EventRecording.load(tmp_path / "call.jsonl")
    assert read.snapshots == recording.snapshots == seen
    assert len(seen) == 3
    assert read.times == [0, 3.5]
    assert read.snapshot_at(1) == seen[1]
    assert read.snapshot_at(-1) == seen[0]
    assert (
        read.marbles(frame=0.5)
        == "I------E\n  E = CallEnded 487 Request Terminated remote\n  I = CallReceived sip:1@localhost"
    )
    store.dispose()


def test_no_credential_is_written_drawn_or_shown() -> None:
    digest = 'Digest username="alice", response="hunter2"'
    events: list[Event] = [
        ConnectStarted(at=0.0, server="wss://sbc.example.com/ws?token=hunter2"),
        ConnectFailed(at=1.0, message="no answer from wss://sbc.example.com/ws?token=hunter2 in 4 s"),
        CallReceived(
            at=2.0,
            call_id="1",
            remote_uri="sip:bob:hunter2@example.com",
            headers=(("Proxy-Authorization", digest), ("authorization", digest), ("X-Sid", "5")),
        ),
        InfoReceived(at=3.0, call_id="1", content_type="text/plain", headers=(("Contact", "<sip:a:hunter2@b>"),)),
    ]
    recording = EventRecording()
    for event in events:
        recording._take(event)
    for text in (recording.jsonl(), recording.marbles(), recording.svg(), repr(recording)):
        assert "hunter2" not in text
    assert '["X-Sid", "5"]' in recording.jsonl()
    assert EventRecording.loads(recording.jsonl()).jsonl() == recording.jsonl()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("ws://host/a?token=hunter2 failed", "ws://host/a?*** failed"),
        ("no answer from 'wss://host?t=hunter2', try", "no answer from 'wss://host?***', try"),
        ("<sip:alice:hunter2@host;lr>", "<sip:alice:***@host;lr>"),
        ('Digest realm="r", response="0123456789abcdef0123456789abcdef"', 'Digest realm="r", response="***"'),
        ("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", "Authorization: Bearer ***"),
        ("a basic question", "a basic question"),
        ("sip:alice@host:5060", "sip:alice@host:5060"),
        ("wss://host:8443/ws and a ?", "wss://host:8443/ws and a ?"),
        ("at 12:30 alice@host", "at 12:30 alice@host"),
    ],
)
def test_what_of_a_text_is_hidden(text: str, written: str) -> None:
    assert without_secrets(text) == written
    assert without_secrets(written) == written


def test_media_states_are_read_as_what_they_are() -> None:
    read = decode_event({"event": "MediaStateChanged", "at": 1, "call_id": "1", "media": "failed"})
    assert read.media is MediaState.FAILED  # type: ignore[union-attr]
