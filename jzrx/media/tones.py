"""The tones that a telephone plays to its own user, as in North America (ITU-T E.180 supplement 2)."""

from attrs import frozen

from jzrx.media.mixer import mix
from jzrx.media.sources import tone
from jzrx.ports import AudioReader, AudioSource

__all__ = ["call_waiting", "ringback"]

LEVEL = 0.075  # of each tone


def ringback(loop: bool = True) -> AudioSource:
    """What a caller hears while it rings: 440 and 480 Hz, 2 s on and 4 s off; once, or for ever.

    The reference SDK plays it, also as its ringtone.
    """
    return _Cadence((440, 480), sound=100, cycle=300, loop=loop)


def call_waiting() -> AudioSource:
    """What is heard in a call while another one comes in: 440 Hz, 0.3 s on and 10 s off, for ever."""
    return _Cadence((440,), sound=15, cycle=515, loop=True)


@frozen
class _Cadence:
    """Tones that come and go: `sound` frames of 20 ms in each `cycle`."""

    is_immediate = True

    tones: tuple[float, ...]
    sound: int
    cycle: int
    loop: bool

    def open(self, rate: int) -> AudioReader:
        return _CadenceReader(self, rate)


class _CadenceReader:
    def __init__(self, cadence: _Cadence, rate: int) -> None:
        self._cadence = cadence
        self._tones = [tone(hz, LEVEL).open(rate) for hz in cadence.tones]
        self._silence = bytes(rate // 50 * 2)
        self._index = 0

    def read(self) -> bytes | None:
        index, self._index = self._index % self._cadence.cycle, self._index + 1
        if self._index > self._cadence.cycle and not self._cadence.loop:
            return None
        if index >= self._cadence.sound:
            return self._silence
        return mix([frame for each in self._tones if (frame := each.read())])

    def close(self) -> None:
        pass
