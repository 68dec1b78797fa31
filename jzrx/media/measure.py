"""Levels and tones in sound (s16le mono), in plain Python: who hears what, and how loud.

Levels are fractions of full scale: a sine of peak 0.25 has the level (RMS) 0.177, silence 0. `dbfs` turns them into
decibels below full scale.
"""

import sys
from array import array
from cmath import rect
from functools import cache
from math import cos, hypot, log10, pi, sin, sqrt
from operator import add, mul, sub

__all__ = ["dbfs", "dominant_tone", "level", "tone_level"]

_FULL = 32768
_SHORTEST, _LONGEST = 64, 8192  # samples that dominant_tone looks at


def level(pcm: bytes) -> float:
    """The root mean square of the sound, 0.0 to 1.0."""
    samples = _samples(pcm)
    return sqrt(sum(sample * sample for sample in samples) / len(samples)) / _FULL if samples else 0.0


def dbfs(level: float) -> float:
    """A level in decibels relative to full scale: 1.0 is 0 dB, 0.1 is -20 dB, silence is minus infinity."""
    return 20 * log10(level) if level > 0 else float("-inf")


def tone_level(pcm: bytes, rate: int, hz: float) -> float:
    """The peak of the sine of `hz` that the sound contains, 0.0 to 1.0 (Goertzel's algorithm with a Hann window).

    A tone counts within about 2 / duration Hz around `hz`: 20 ms cannot tell 400 from 440 Hz, 200 ms can.
    """
    samples = _windowed(_samples(pcm))
    return _goertzel(samples, rate, hz) if samples else 0.0


def dominant_tone(pcm: bytes, rate: int) -> tuple[float, float]:
    """The loudest sine of the sound as (Hz, peak), to about 1 Hz with 100 ms or more.

    Only the first 8192 samples count; silence and less than 64 samples have none: (0.0, 0.0).
    """
    samples = _windowed(_samples(pcm)[:_LONGEST])
    if len(samples) < _SHORTEST or not any(samples):
        return 0.0, 0.0
    size = 1 << (len(samples) - 1).bit_length()
    spectrum = _fft([complex(sample) for sample in samples] + [0j] * (size - len(samples)))
    powers = [abs(value) for value in spectrum[: size // 2]]
    peak = max(range(1, len(powers)), key=powers.__getitem__, default=0)
    # Between the bins: the highest of a few Goertzels around the best one.
    hz, span = peak * rate / size, rate / size
    while span > 0.25:
        hz = max((hz - span / 2, hz, hz + span / 2), key=lambda near: _goertzel(samples, rate, near))
        span /= 2
    return hz, _goertzel(samples, rate, hz)


def _samples(pcm: bytes) -> "array[int]":
    samples = array("h", pcm[: len(pcm) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _windowed(samples: "array[int]") -> list[float]:
    """The samples under a Hann window, scaled so that a sine's transform is its peak."""
    count = len(samples)
    # The window's mean is 1/2, and a sine splits between plus and minus its frequency: a factor of 4 in all.
    return [2 / count / _FULL * (1 - cos(2 * pi * (i + 0.5) / count)) * sample for i, sample in enumerate(samples)]


def _goertzel(samples: list[float], rate: int, hz: float) -> float:
    """The magnitude of the discrete-time Fourier transform at `hz`."""
    angle = 2 * pi * hz / rate
    factor = 2 * cos(angle)
    before, last = 0.0, 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
    return hypot(last - before * cos(angle), before * sin(angle))


def _fft(values: list[complex]) -> list[complex]:
    """The fast Fourier transform; as many values as a power of two."""
    if len(values) == 1:
        return values
    even, odd = _fft(values[::2]), _fft(values[1::2])
    turned = list(map(mul, _turns(len(values)), odd))
    return [*map(add, even, turned), *map(sub, even, turned)]


@cache  # of the few powers of two up to _LONGEST
def _turns(size: int) -> list[complex]:
    return [rect(1, -2 * pi * i / size) for i in range(size // 2)]
