"""Packet loss concealment for codecs that bring none."""

from array import array

__all__ = ["Repetition"]

_FADE = 0.8
_GIVE_UP = 0.1


class Repetition:
    """Repeats what was last heard, back and forth, ever softer.

    Played backwards the sound goes on where it stopped, so no border clicks; ITU-T G.711 appendix I, which repeats
    pitch periods, sounds better and costs more.
    """

    def __init__(self, samples: int) -> None:
        self._last = bytes(2 * samples)
        self._mirrored = b""
        self._level = 1.0

    def remember(self, pcm: bytes) -> None:
        """Note the sound of a good packet."""
        self._last = pcm
        self._level = 1.0
        self._mirrored = b""

    def conceal(self) -> bytes:
        """Sound as long as the last packet's."""
        if self._level < _GIVE_UP:
            return bytes(len(self._last))
        source = array("h", self._mirrored or self._last)
        source.reverse()
        self._mirrored = source.tobytes()
        begin, end = self._level, self._level * _FADE
        self._level = end
        step = (end - begin) / max(1, len(source))
        return array("h", [int(sample * (begin + i * step)) for i, sample in enumerate(source)]).tobytes()
