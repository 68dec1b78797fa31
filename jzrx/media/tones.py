"""The tones that a telephone plays to its own user."""

from attrs import frozen

from jzrx.media.mixer import mix
from jzrx.media.sources import tone
from jzrx.ports import AudioReader, AudioSource

__all__ = ["ringback"]

LEVEL = 0.075  # of each of the two tones
SOUND, CYCLE = 100, 300  # frames of 20 ms: 2 s of sound, 4 s of silence


def ringback(loop: bool = True) -> AudioSource:
    """What a caller hears while it rings: 440 and 480 Hz, 2 s on and 4 s off; once, or for ever.

    It is that of North America (ITU-T E.180 supplement 2), and the reference SDK plays it, also as its ringtone.
    """
    return _Ringback(loop)


@frozen
class _Ringback:
    loop: bool

    def open(self, rate: int) -> AudioReader:
        return _RingbackReader(rate, self.loop)


class _RingbackReader:
    def __init__(self, rate: int, loop: bool) -> None:
        self._tones = [tone(hz, LEVEL).open(rate) for hz in (440, 480)]
        self._silence = bytes(rate // 50 * 2)
        self._loop = loop
        self._index = 0

    def read(self) -> bytes | None:
        index, self._index = self._index % CYCLE, self._index + 1
        if self._index > CYCLE and not self._loop:
            return None
        return mix([frame for each in self._tones if (frame := each.read())]) if index < SOUND else self._silence

    def close(self) -> None:
        pass
