"""Marble tests: a diagram of what happens, and diagrams of what is seen.

    def test_an_incoming_call(marbles):
        run = marbles("                   --R--I---A   ---H---E   |")
        run.calls.incoming_caller.expect("_----B---_   -------   |", B="Bob")
        run.calls.state.expect("          _--------(cC)---h---(e_)|")

The notation is that of `jzrx.recording.notation`.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import reactivex
from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable
from reactivex.subject import Subject

from jzrx.recording import Recording, parse
from jzrx.recording.letters import Legend
from jzrx.recording.notation import COMPLETED, FAILED, Diagram, Sign, seconds
from jzrx.recording.recording import checked_legend
from jzrx.testing.story import Run, Step, Watch, tell
from jzrx.testing.virtual_loop import INSTANT, VirtualTime

T = TypeVar("T")

__all__ = ["Marbles"]


class Marbles:
    """A bench for marble tests, in virtual time; a frame lasts `frame` seconds.

    Called with a diagram, it plays that to a whole phone and gives what was seen; `LETTERS` has the letters.
    For streams of your own: `hot` and `cold` make them of diagrams, `expect` compares one with a diagram; operators of
    time use `scheduler`, which `expect` and `record` give to those that were given none.
    """

    def __init__(self, *, frame: float = 1.0) -> None:
        self.frame = frame
        self.scheduler = VirtualTime()
        self._until = 0.0

    def __call__(
        self,
        diagram: str,
        letters: Mapping[str, Step] | None = None,
        /,
        *,
        frame: float | None = None,
        watch: Watch | None = None,
        options: Mapping[str, Any] | None = None,
        **more_letters: Step,
    ) -> Run:
        """Play a diagram to a new phone; what was seen.

        `letters`, also as keywords, are functions of the phone, for signs that mean more than the usual. `watch` gets
        the phone before anything happens, and may return an observable, which becomes `run.watched`. `options` are
        those of the client. DiagramError, with the place, for a letter that means nothing or cannot happen there.
        """
        return tell(
            diagram,
            checked_legend(letters, more_letters),
            frame=self.frame if frame is None else frame,
            watch=watch,
            options=options,
        )

    def hot(self, diagram: str, legend: Legend | None = None, /, **letters: Any) -> Observable[Any]:
        """A stream that is under way whether anybody listens or not; time begins at `^`, or with the diagram.

        A letter stands for itself, or for what the legend says; `#` for what it says of `#`, or an Exception.
        """
        given = checked_legend(legend, letters)
        subject = Subject[Any]()
        read = parse(diagram, frame=self.frame, hot=True)
        for sign in read.signs:
            if sign.at >= 0:
                self._schedule(subject, sign, given)
        self._last_until(self.scheduler.seconds + seconds(read.length))
        return subject

    def cold(self, diagram: str, legend: Legend | None = None, /, **letters: Any) -> Observable[Any]:
        """A stream that begins anew for each subscriber; otherwise as `hot`."""
        given = checked_legend(legend, letters)
        read = parse(diagram, frame=self.frame)

        def subscribe(observer: abc.ObserverBase[Any], _: abc.SchedulerBase | None = None) -> abc.DisposableBase:
            self._last_until(self.scheduler.seconds + seconds(read.length))
            return CompositeDisposable([self._schedule(observer, sign, given) for sign in read.signs])

        return reactivex.create(subscribe)

    def record(self, source: Observable[T], name: str = "the stream") -> Recording[T]:
        """Record a stream from now on, while `run` lets time pass."""
        made = Recording[T](name, clock=lambda: self.scheduler.seconds, frame=self.frame)
        return made.follow(source, self.scheduler)

    def run(self, until: float | None = None) -> None:
        """Let time pass: until `until`, in seconds from the beginning, or to the end of all diagrams.

        What is due at that very time comes after it.
        """
        while self.scheduler.step((self._until if until is None else until) - INSTANT):
            pass  # a step may subscribe to a stream that lasts longer
        self.scheduler.rest(self._until if until is None else until)

    def expect(self, source: Observable[Any], diagram: str, legend: Legend | None = None, /, **letters: Any) -> None:
        """AssertionError, with both diagrams, unless the stream does exactly this, from now until all diagrams end.

        What letters stand for is as in `jzrx.recording.Recording.expect`.
        """
        __tracebackhide__ = True  # pytest shows the line of the test
        read: Diagram = parse(diagram, frame=self.frame)
        self._last_until(self.scheduler.seconds + seconds(read.length))
        with self.record(source) as recording:
            self.run()
        recording.expect(diagram, legend, **letters)

    def _schedule(self, observer: abc.ObserverBase[Any], sign: Sign, legend: Legend) -> abc.DisposableBase:
        def act(*_: Any) -> None:
            if sign.letter == COMPLETED:
                observer.on_completed()
            elif sign.letter == FAILED:
                observer.on_error(legend.get(FAILED, Exception("#")))
            else:
                observer.on_next(legend.get(sign.letter, sign.letter))

        return self.scheduler.schedule_absolute(self.scheduler.seconds + seconds(sign.at), act)

    def _last_until(self, end: float) -> None:
        self._until = max(self._until, end)
