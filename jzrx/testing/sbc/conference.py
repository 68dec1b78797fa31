"""Conferences: everybody hears the sum of all the others. Everything but `joins` runs on the media thread."""

from array import array
from collections import deque

from jzrx.media.resample import Framer
from jzrx.ports import AudioReader
from jzrx.testing.sbc.legs import Leg

__all__ = ["Conferences"]

RATE = 48000
FRAME = RATE // 50 * 2
"""Octets of 20 ms."""
MOST_WAITING = 3
"""Frames of one member that may wait for the others' turn: what comes faster than it is read is dropped."""


class Conferences:
    """The rooms of one server, made when somebody dials them."""

    def __init__(self) -> None:
        self._rooms: dict[str, _Room] = {}

    def room(self, name: str) -> "_Room":
        """The conference `name`; a robot."""
        return self._rooms.setdefault(name, _Room())


class _Room:
    def __init__(self) -> None:
        self._members: list[_Member] = []

    async def __call__(self, leg: Leg) -> None:
        """Take a caller in until it leaves."""
        member = _Member(self)
        stop = leg.session.add_sink(member.heard)
        leg.session.set_source(member)
        self._members.append(member)
        leg.answer()
        try:
            await leg.over()
        finally:
            self._members.remove(member)
            stop()

    def others(self, member: "_Member") -> "list[_Member]":
        """Everybody else."""
        return [other for other in tuple(self._members) if other is not member]


class _Member:
    """One caller: a sink for what it says, and the source of what it hears."""

    is_immediate = True

    def __init__(self, room: _Room) -> None:
        self._room = room
        self._ears: dict[_Member, deque[bytes]] = {}  # what waits for this member, by who said it

    def heard(self, sound: bytes, concealed: bool) -> None:
        """The caller said this."""
        for other in self._room.others(self):
            other.tell(self, sound)

    def tell(self, speaker: "_Member", sound: bytes) -> None:
        """`speaker` said this."""
        self._ears.setdefault(speaker, deque(maxlen=MOST_WAITING)).append(sound)

    def open(self, rate: int) -> AudioReader:
        """The source's side (`jzrx.ports.AudioSource`)."""
        return _Reader(self, rate)

    def next(self) -> bytes:
        """The next 20 ms of all others, at 48000 Hz."""
        present = self._room.others(self)
        self._ears = {speaker: waiting for speaker, waiting in self._ears.items() if speaker in present}
        frames = [waiting.popleft() for waiting in self._ears.values() if waiting]
        return _sum(frames)


class _Reader:
    def __init__(self, member: _Member, rate: int) -> None:
        self._member = member
        self._framer = Framer(RATE, rate)

    def read(self) -> bytes | None:
        return self._framer.convert(self._member.next())

    def close(self) -> None:
        pass


def _sum(frames: list[bytes]) -> bytes:
    if len(frames) < 2:
        return frames[0] if frames else bytes(FRAME)
    columns = zip(*(array("h", frame) for frame in frames), strict=False)
    return array("h", (max(-32768, min(32767, sum(column))) for column in columns)).tobytes()
