"""Packet loss concealment for codecs that bring none, after ITU-T G.711 appendix I."""

from array import array
from collections.abc import Iterator
from itertools import accumulate, cycle, islice
from operator import mul

__all__ = ["Repetition"]

_SHORTEST, _LONGEST = 0.0025, 0.015  # s: the periods of voices between 400 and 66 Hz
_COARSE = 4000  # Hz: enough to find a period roughly
_TEMPLATE = 0.01  # s: what is compared
_LEVELS = (1.0, 0.8, 0.5, 0.25, 0.1, 0.0)  # at the beginning of each lost packet; then it is quiet


class Repetition:
    """Repeats the last period of the voice, ever softer; the first good packet is blended in.

    Unlike the appendix it holds nothing back to smooth the beginning of a loss, so it adds no delay; and it fades over
    100 ms instead of 60.
    """

    def __init__(self, samples: int) -> None:
        """`samples` are those of 20 ms."""
        self._rate = 50 * samples
        self._frame = 2 * samples  # bytes
        self._before = self._last = bytes(self._frame)  # what was heard last
        self._length = samples  # of the last packet: a lost one is taken to be as long
        self._lost = 0  # packets in a row
        self._voice: Iterator[int] = iter(())

    def remember(self, pcm: bytes) -> bytes:
        """The sound of a good packet, as it is to be heard: after a loss it begins with what went before."""
        if self._lost:
            if self._lost < len(_LEVELS):
                pcm = self._blend(pcm)
            self._lost = 0
        if len(self._last) < self._frame:
            self._last = (self._before + self._last)[-2 * self._frame :]
        self._before, self._last = self._last, pcm
        self._length = len(pcm) // 2
        return pcm

    def conceal(self) -> bytes:
        """Sound as long as the last packet's."""
        if not self._lost:
            self._voice = cycle(self._last_period())
        self._lost += 1
        if self._lost >= len(_LEVELS):
            return bytes(2 * self._length)
        begin, end = _LEVELS[self._lost - 1 : self._lost + 1]
        step = (end - begin) / max(1, self._length)
        samples = islice(self._voice, self._length)
        return array("h", [int(sample * (begin + i * step)) for i, sample in enumerate(samples)]).tobytes()

    def _blend(self, pcm: bytes) -> bytes:
        samples = array("h", pcm)
        level = _LEVELS[self._lost]
        count = min(len(samples), self._rate // 200)
        for i, sample in enumerate(islice(self._voice, count)):
            share = (i + 0.5) / count
            samples[i] = int(share * samples[i] + (1 - share) * level * sample)
        return samples.tobytes()

    def _last_period(self) -> list[int]:
        """What was heard last, one period of it, so that its end goes over into its beginning."""
        heard = array("h", (self._before + self._last)[-2 * self._frame :]).tolist()
        period = self._find_period(heard)
        overlap = period // 4
        last = heard[-period:]
        for i, before in enumerate(heard[-period - overlap : -period] if overlap else ()):
            share = (i + 0.5) / overlap
            last[i - overlap] = int((1 - share) * last[i - overlap] + share * before)
        return last

    def _find_period(self, heard: list[int]) -> int:
        """By how many samples the end is most like what was before it: first roughly, then exactly."""
        step = max(1, self._rate // _COARSE)
        shortest, longest = int(_SHORTEST * self._rate), int(_LONGEST * self._rate)
        lags, length = range(shortest // step, longest // step + 1), int(_TEMPLATE * self._rate)
        rough = _best_lag(heard[::-step][::-1], lags, length // step) * step
        near = range(max(shortest, rough - step + 1), min(longest, rough + step - 1) + 1)
        return _best_lag(heard, near, length)


def _best_lag(heard: list[int], lags: range, length: int) -> int:
    """The lag at which the last `length` samples correlate most with what was before them, normalized."""
    template = heard[-length:]
    end = len(heard) - length
    energy = list(accumulate(map(mul, heard, heard), initial=1))
    best, best_score = lags[-1], 0.0
    for lag in lags:
        begin = end - lag
        product = sum(map(mul, template, heard[begin : begin + length]))
        if product > 0:
            score = product * product / (1 + energy[begin + length] - energy[begin])
            if score > best_score:
                best, best_score = lag, score
    return best
