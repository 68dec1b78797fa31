"""The events of a client: kept, written to a file, read again, and replayed to the snapshots that were seen."""

import itertools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, Self, TypeGuard, TypeVar, cast, overload

from attrs import evolve
from reactivex import Observable

from jzrx.events import Event
from jzrx.options import VERSION
from jzrx.recording.axis import Track
from jzrx.recording.codec import decode_event, decode_snapshot, encode, encode_event
from jzrx.recording.comparison import Seen
from jzrx.recording.letters import event_letter
from jzrx.recording.notation import micros
from jzrx.recording.recording import Recording
from jzrx.store import ClientSnapshot, StateObservable
from jzrx.store import replay as replay_to_the_end
from jzrx.store.root import initial as nothing
from jzrx.store.root import reduce

T_co = TypeVar("T_co", covariant=True)

__all__ = ["EventRecording", "Recordable", "record", "replay"]


class Recordable(Protocol):
    """What has events and their snapshots: a `JambonzClient`."""

    @property
    def events(self) -> Observable[Event]:
        """Every event."""
        ...

    @property
    def snapshot(self) -> StateObservable[ClientSnapshot]:
        """The state that they lead to."""
        ...


class EventRecording(Recording[Event]):
    """The events of a client, each at its own time; it can be written to a file, read again, and replayed.

    `initial` is the snapshot before the first of them. A diagram shows those that have a letter.
    """

    def __init__(
        self,
        name: str = "events",
        *,
        initial: ClientSnapshot = nothing,
        begin: float | None = None,
        clock: Callable[[], float] = lambda: 0.0,  # it lasts until its last event
        frame: float | None = None,
    ) -> None:
        super().__init__(name, clock=clock, frame=frame)
        self.initial = initial
        self._first = begin

    @property
    def snapshots(self) -> list[ClientSnapshot]:
        """The snapshots that the events led to, the one before them first: what a subscriber saw."""
        return replay(self.values, self.initial)

    def snapshot_at(self, time: float) -> ClientSnapshot:
        """The snapshot at that time of the recording."""
        return replay_to_the_end((event for at, event in self if at <= time), self.initial)

    def jsonl(self) -> str:
        """The recording as JSON Lines: one that says what it is, then one for each event; never a credential."""
        begun = {} if self.initial == nothing else {"snapshot": encode(self.initial)}
        lines = ({"jzrx": VERSION, **begun}, *map(encode_event, self.values))
        return "".join(f"{json.dumps(line)}\n" for line in lines)

    def save(self, path: str | Path) -> None:
        """Write the recording to a file, as JSON Lines."""
        Path(path).write_text(self.jsonl(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The recording in a file. ValueError, with the line, if there is none in it."""
        return cls.loads(Path(path).read_text(encoding="utf-8"))

    @classmethod
    def loads(cls, text: str) -> Self:
        """The recording in JSON Lines. ValueError, with the line, if they hold none."""
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        made = cls()
        for number, line in lines:
            try:
                data: object = json.loads(line)
                if number == 1 and _is_head(data):
                    made.initial = decode_snapshot(data["snapshot"]) if "snapshot" in data else nothing
                else:
                    made._take(decode_event(data))
            except (ValueError, OverflowError) as error:
                raise ValueError(f"line {number} of the recording: {error}") from error
        return made

    def _take(self, value: Event) -> None:
        if self._first is None:
            self._first = value.at
        last = self._seen[-1].at if self._seen else 0
        self._seen.append(Seen(max(last, micros(value.at - self._first)), value))

    def _complete(self) -> None:
        pass  # the client is gone, and nothing happens in that

    def track(self) -> Track:
        """What of it is drawn: the events that have a letter."""
        track = super().track()
        return evolve(
            track, began=self._first, seen=[each for each in track.seen if event_letter(each.value) is not None]
        )


def _is_head(data: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(data, dict) and "jzrx" in data


@overload
def record(source: Recordable, *, name: str | None = None) -> EventRecording: ...
@overload
def record(source: Observable[T_co], *, name: str | None = None) -> Recording[T_co]: ...
def record(source: Any, *, name: str | None = None) -> Any:
    """Record an observable, or the events of a client, from now until `stop()`.

    Of an observable the times are those of the computer's clock; of a client those of its events.
    """
    if isinstance(source, Observable):
        made: Recording[Any] = Recording(name or "the stream")
        return made.follow(cast(Observable[object], source))
    events = EventRecording(name or "events", initial=source.snapshot.value)
    return events.follow(source.events)


def replay(events: Iterable[Event], initial: ClientSnapshot = nothing) -> list[ClientSnapshot]:
    """The snapshots that events lead to, `initial` first: the same that a subscriber of the client's `snapshot` saw."""
    reached = itertools.accumulate(events, reduce, initial=initial)
    return [snapshot for snapshot, _ in itertools.groupby(reached)]
