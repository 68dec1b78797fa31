"""Several recordings, one below the other: the caller and the callee of a call, say."""

from collections import ChainMap
from typing import Any

from jzrx.recording.axis import Track, draw
from jzrx.recording.drawing import lay_out
from jzrx.recording.letters import Legend, Letters
from jzrx.recording.picture import INK, picture
from jzrx.recording.recording import Recording, checked_legend

__all__ = ["Recordings"]


class Recordings:
    """Recordings on one axis of time, with one legend: what happened at the same moment stands at the same place.

    `marbles()` draws them as text, `svg()` as a picture, which a notebook shows by itself. Their clock is to be one, as
    it is in one process.
    """

    def __init__(self, first: Recording[Any], *others: Recording[Any]) -> None:
        self._recordings = (first, *others)

    def marbles(self, legend: Legend | None = None, /, *, frame: float | None = None, **letters: Any) -> str:
        """A line for each, its name before it, and below them what the letters stand for; see `Recording.marbles`."""
        named = self._letters(checked_legend(legend, letters))
        drawn = draw(self._tracks(), frame)
        lines = lay_out([each.row(named) for each in drawn], drawn[0].step).lines
        width = max(len(each.track.name) for each in drawn)
        named_lines = [f"{each.track.name.ljust(width)}  {line}" for each, line in zip(drawn, lines, strict=True)]
        return "\n".join((*named_lines, *named.lines()))

    def svg(self, legend: Legend | None = None, /, *, frame: float | None = None, **letters: Any) -> str:
        """All of them as one SVG picture; see `Recording.svg`."""
        return self._picture(checked_legend(legend, letters), frame)

    def _picture(self, legend: Legend, frame: float | None, ink: str = INK) -> str:
        named = self._letters(legend)
        return picture([each.strip(named) for each in draw(self._tracks(), frame)], ink=ink)

    def _letters(self, legend: Legend) -> Letters:
        """One for all: a letter stands for the same everywhere."""
        return Letters({**ChainMap(*(dict(track.legend) for track in self._tracks())), **legend})

    def _tracks(self) -> list[Track]:
        return [recording.track() for recording in self._recordings]

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        return self._picture({}, None, "currentColor")

    def __repr__(self) -> str:
        return f"<Recordings {', '.join(recording.name for recording in self._recordings)}>"
