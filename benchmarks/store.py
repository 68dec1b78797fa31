"""What the store costs: an event to 10 selectors against plain callbacks, and an event among 1,000 calls against 10.

    python benchmarks/store.py

Both sides are run in turn, many short rounds each, so that a busy machine burdens both; medians of CPU time. An event
goes the whole way: reduced, selected, delivered.
Exit status 1 when an aim is missed.
"""

import gc
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from jzrx.events import CallReceived, ConnectStarted, Event, FlowOpened, MuteChanged, Registered
from jzrx.store import ClientSnapshot, Store, reduce, replay

ROUNDS = 201
EVENTS = 100  # in each round
CALLBACKS_AIM = 1.3
CALLS_AIM = 1.5


def registered_with(calls: int) -> ClientSnapshot:
    """The snapshot of a registered client in which `calls` calls ring."""
    start: list[Event] = [
        ConnectStarted(at=0, server="ws://localhost"),
        FlowOpened(at=0, will_register=True),
        Registered(at=0, expires=300, until=300),
    ]
    return replay([*start, *(CallReceived(at=1, call_id=str(n), remote_uri="sip:a@b") for n in range(calls))])


def muting(call_id: str) -> list[Event]:
    """Events of which each changes one call's snapshot, and so the client's."""
    return [MuteChanged(at=2, call_id=call_id, muted=n % 2 == 0) for n in range(EVENTS)]


# One selector in ten changes with each event.
SELECTORS: list[Callable[[ClientSnapshot], Any]] = [
    lambda s: s.calls["3"].is_muted,
    lambda s: s.state,
    lambda s: s.is_registered,
    lambda s: s.error,
    lambda s: s.current_call_id,
    lambda s: s.registered_until,
    lambda s: len(s.calls),
    lambda s: s.incoming_call_ids,
    lambda s: s.calls["3"].state,
    lambda s: s.calls["3"].is_held,
]


class PlainStore:
    """What one would write by hand: a queue against re-entrancy, and callbacks that cannot hurt each other."""

    def __init__(self, state: ClientSnapshot) -> None:
        self.state = state
        self.queue = deque[Event]()
        self.busy = False
        self.selections: list[list[Any]] = []
        self.errors: list[Exception] = []

    def select(self, selector: Callable[[ClientSnapshot], Any], callback: Callable[[Any], None]) -> None:
        value = selector(self.state)
        callback(value)
        self.selections.append([selector, value, callback])

    def dispatch(self, event: Event) -> None:
        self.queue.append(event)
        if self.busy:
            return
        self.busy = True
        try:
            while self.queue:
                state = reduce(self.state, self.queue.popleft())
                if state is self.state:
                    continue
                self.state = state
                for selection in self.selections:
                    value = selection[0](state)
                    if value != selection[1]:
                        selection[1] = value
                        try:
                            selection[2](value)
                        except Exception as error:
                            self.errors.append(error)
        finally:
            self.busy = False


def ignore(_: object) -> None:
    pass


def plain() -> Callable[[], None]:
    store = PlainStore(registered_with(10))
    for selector in SELECTORS:
        store.select(selector, ignore)
    return dispatcher(store.dispatch, muting("3"))


def ours(calls: int = 10, watched: bool = False) -> Callable[[], None]:
    store = Store(registered_with(calls))
    for selector in SELECTORS:
        store.select(selector).subscribe(ignore)
    if watched:
        for n in range(calls):
            call = store.select_call(str(n))
            call.select(lambda call: call.state).subscribe(ignore)
            call.select(lambda call: call.is_muted).subscribe(ignore)
    return dispatcher(store.dispatch, muting("3"))


def dispatcher(dispatch: Callable[[Event], None], events: list[Event]) -> Callable[[], None]:
    def run() -> None:
        for event in events:
            dispatch(event)

    return run


def compare(what: str, run: Callable[[], None], base: Callable[[], None], aim: float) -> bool:
    """Print the cost of an event in both, and their ratio: medians over rounds that take turns."""
    gc.collect()
    times = [(measure(run), measure(base)) for _ in range(ROUNDS)]
    cost, base_cost = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(ours / theirs for ours, theirs in times)
    print(f"{what}: {cost:.2f} us against {base_cost:.2f} us = x{ratio:.2f} (aim {aim} or less)")
    return ratio <= aim


def measure(run: Callable[[], None]) -> float:
    """Microseconds of CPU time per event."""
    start = time.process_time()
    run()
    return (time.process_time() - start) / EVENTS * 1e6


def main() -> int:
    ok = compare("an event to 10 selectors, against plain callbacks", ours(), plain(), CALLBACKS_AIM)
    few, many = ours(10, watched=True), ours(1000, watched=True)
    ok &= compare("an event among 1,000 watched calls, against 10", many, few, CALLS_AIM)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
