"""What was seen of an observable: kept, drawn, and compared with a diagram."""

import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase, SchedulerBase
from reactivex.disposable import Disposable

from jzrx.recording.axis import Track, draw
from jzrx.recording.comparison import Seen, difference
from jzrx.recording.drawing import lay_out
from jzrx.recording.letters import Legend, Letters
from jzrx.recording.notation import COMPLETED, FAILED, RESERVED, micros, parse, seconds
from jzrx.recording.picture import INK, picture

T = TypeVar("T")
U = TypeVar("U")

__all__ = ["Recording", "checked_legend"]


class Recording(Generic[T]):
    """What an observable said, and when. It grows until `stop()`, or the end of a `with` block.

    `values` are the values, `times` when they came (seconds from the beginning of the recording); iterating gives both.
    `is_completed` and `error` say how it ended. `marbles()` draws it as text, `svg()` as a picture, which a notebook
    shows by itself; `expect()` compares it with a diagram. What is drawn shows no passwords and credentials.
    """

    def __init__(
        self,
        name: str = "the stream",
        *,
        clock: Callable[[], float] = time.monotonic,
        legend: Legend | None = None,
        frame: float | None = None,
    ) -> None:
        self.name = name
        self._clock = clock
        self._legend: Legend = dict(legend or {})
        self._frame = frame
        self._begin = clock()
        self._end: float | None = None
        self._seen: list[Seen] = []
        self._subscription: DisposableBase = Disposable()

    # --- what was seen ----------------------------------------------------------------------------------------------

    @property
    def values(self) -> list[T]:
        """The values, in order."""
        return [each.value for each in self._seen if each.end is None]

    @property
    def times(self) -> list[float]:
        """When each of the values came, in seconds from the beginning."""
        return [seconds(each.at) for each in self._seen if each.end is None]

    @property
    def is_completed(self) -> bool:
        """Whether the observable completed."""
        return any(each.end == COMPLETED for each in self._seen)

    @property
    def error(self) -> Exception | None:
        """With what the observable failed, if it did."""
        return next((each.value for each in self._seen if each.end == FAILED), None)

    @property
    def duration(self) -> float:
        """How long it was watched, in seconds."""
        return seconds(self._until)

    def __iter__(self) -> Iterator[tuple[float, T]]:
        return iter(list(zip(self.times, self.values, strict=True)))

    def __len__(self) -> int:
        return len(self.values)

    # --- its life ---------------------------------------------------------------------------------------------------

    def follow(self, source: Observable[T], scheduler: SchedulerBase | None = None) -> Self:
        """Record this observable, from now on; returns the recording itself. `scheduler`: of its operators of time."""
        self._subscription = source.subscribe(self._take, self._fail, self._complete, scheduler=scheduler)
        return self

    def stop(self) -> None:
        """Take no more. A second time nothing happens."""
        if self._end is None:
            self._end = self._clock()
        self._subscription.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _take(self, value: T) -> None:
        self._seen.append(Seen(self._now(), value))

    def _fail(self, error: Exception) -> None:
        self._seen.append(Seen(self._now(), error, FAILED))

    def _complete(self) -> None:
        self._seen.append(Seen(self._now(), None, COMPLETED))

    def _now(self) -> int:
        return micros(self._clock() - self._begin)

    @property
    def _until(self) -> int:
        now = micros((self._clock() if self._end is None else self._end) - self._begin)
        return max([now, *(each.at for each in self._seen[-1:])])

    def select(self, selector: Callable[[T], U], name: str = "the selection") -> "Recording[U]":
        """The recording of `selector(value)`, where equal values that follow each other are one."""
        made = Recording[U](name, clock=self._clock, legend=self._legend, frame=self._frame)
        made._begin, made._end = self._begin, self._end
        for each in self._seen:
            value = None if each.end else selector(each.value)
            last = made._seen[-1] if made._seen else None
            if each.end or last is None or type(last.value) is not type(value) or last.value != value:
                made._seen.append(Seen(each.at, each.value if each.end else value, each.end))
        return made

    # --- diagrams ---------------------------------------------------------------------------------------------------

    def marbles(self, legend: Legend | None = None, /, *, frame: float | None = None, **letters: Any) -> str:
        """The diagram, and below it what its letters stand for.

        A legend, as a mapping or as keywords, gives letters to values; the others get one by themselves. What is
        recorded in real time is drawn to the nearest earlier `frame` (seconds), by default one that suits a line;
        virtual time is drawn exactly.
        """
        named = Letters({**self._legend, **checked_legend(legend, letters)})
        (drawn,) = draw([self.track()], frame)
        (line,) = lay_out([drawn.row(named)], drawn.step).lines
        return "\n".join((line, *named.lines()))

    def svg(self, legend: Legend | None = None, /, *, frame: float | None = None, **letters: Any) -> str:
        """The diagram as an SVG picture, readable on light and on dark; a marble's tooltip says its value and time."""
        return self._picture(checked_legend(legend, letters), frame)

    def _picture(self, legend: Legend, frame: float | None = None, ink: str = INK) -> str:
        (drawn,) = draw([self.track()], frame)
        return picture([drawn.strip(Letters({**self._legend, **legend}))], ink=ink)

    def track(self) -> Track:
        """What of it is drawn."""
        return Track(
            name=self.name,
            began=self._begin,
            seen=list(self._seen),
            until=self._until,
            frame=self._frame,
            is_over=self.is_completed or self.error is not None,
            legend=self._legend,
        )

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        return self._picture({}, ink="currentColor")

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.name}, {len(self)} in {self.duration:g} s: {self.marbles().splitlines()[0]}>"
        )

    def expect(
        self, diagram: str, legend: Legend | None = None, /, *, frame: float | None = None, **letters: Any
    ) -> None:
        """AssertionError, with both diagrams, unless exactly this was seen.

        A letter stands for what the legend says (a value, a class, a function that is true of it; `#` for an error);
        without one for the value that is drawn so: itself, T, F, _ for None, a digit, the letter of a state or event.
        """
        __tracebackhide__ = True  # pytest shows the line of the test
        given = {**self._legend, **checked_legend(legend, letters)}
        step = frame or self._frame or 1.0
        told = difference(self.name, parse(diagram, frame=step), self.track().seen, self._until, given, micros(step))
        if told is not None:
            raise AssertionError(told)


def checked_legend(legend: Legend | None, letters: Mapping[str, Any]) -> Legend:
    """One legend of both; TypeError for what is no mapping, ValueError for what is no letter."""
    if legend is not None and not isinstance(legend, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"a legend is a mapping of signs to what they stand for, not {legend!r}")
    both = {**(legend or {}), **letters}
    for letter in both:
        if letter != FAILED and (len(letter) != 1 or letter in RESERVED or not letter.isprintable()):
            raise ValueError(f"a legend says what single signs stand for, such as A; {letter!r} cannot be one")
    return both
