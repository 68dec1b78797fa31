"""Recordings on an axis of time: what of each stands at which moment."""

from collections.abc import Mapping, Sequence

from attrs import frozen

from jzrx.recording.comparison import Seen
from jzrx.recording.drawing import Row, fine_frame, round_frame, token
from jzrx.recording.letters import Legend, Letters
from jzrx.recording.notation import micros
from jzrx.recording.picture import Strip

__all__ = ["Drawn", "Track", "draw"]


@frozen(kw_only=True)
class Track:
    """What of a recording is drawn. `began` is when its time 0 was, by its clock (s); None where it does not matter.
    `frame` (s): it is drawn exactly, in frames of that length."""

    name: str
    began: float | None
    seen: Sequence[Seen]
    until: int
    frame: float | None
    is_over: bool
    legend: Legend


@frozen
class Drawn:
    """A recording on the axis: what stands at which moment, how long it lasts, and the frame, in microseconds."""

    track: Track
    moments: Mapping[int, Sequence[Seen]]
    until: int
    step: int

    def row(self, letters: Letters) -> Row:
        """Its line of text."""
        tokens = {at: token([each.end or letters.of(each.value) for each in seen]) for at, seen in self.moments.items()}
        return Row(tokens, self.until, self.track.is_over)

    def strip(self, letters: Letters) -> Strip:
        """Its line of a picture."""
        return Strip.of(self.track.name, self.moments, self.until, self.step, letters)


def draw(tracks: Sequence[Track], frame: float | None) -> list[Drawn]:
    """All on one axis, which begins with the first of them."""
    zero = min((track.began for track in tracks if track.began is not None), default=0.0)
    placed = [(track, 0 if track.began is None else micros(track.began - zero)) for track in tracks]
    frames = [track.frame for track in tracks if track.frame is not None]
    is_exact = frame is None and bool(frames)
    if is_exact:
        step = fine_frame((each.at + offset for track, offset in placed for each in track.seen), micros(min(frames)))
    elif frame is None:
        step = round_frame(max(track.until + offset for track, offset in placed))
    else:
        step = max(1, micros(frame))

    def place(at: int) -> int:
        return at if is_exact else at // step * step

    drawn: list[Drawn] = []
    for track, offset in placed:
        moments: dict[int, list[Seen]] = {}
        for each in track.seen:
            moments.setdefault(place(each.at + offset), []).append(each)
        drawn.append(Drawn(track, moments, place(track.until + offset), step))
    return drawn
