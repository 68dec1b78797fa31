"""Resampling: a tone stays where it is, and pieces make the same sound as the whole."""

from array import array
from math import pi, sin

import pytest

from jzrx.media.measure import dominant_tone
from jzrx.media.resample import Resampler


@pytest.mark.parametrize("source", [8000, 11025, 16000, 44100, 48000, 96000])
@pytest.mark.parametrize("target", [8000, 16000, 48000])
def test_a_tone_stays_where_it_is(source: int, target: int):
    sound = array("h", [round(8192 * sin(2 * pi * 500 * i / source)) for i in range(source)]).tobytes()
    resampler, size = Resampler(source, target), source // 50 * 2
    pieces = [resampler.convert(sound[i : i + size]) for i in range(0, len(sound), size)]
    whole = b"".join([*pieces, resampler.flush()])
    assert len(whole) / 2 == pytest.approx(target, abs=target / 100)
    assert dominant_tone(whole[len(whole) // 4 :], target) == (pytest.approx(500, abs=1), pytest.approx(0.25, rel=0.03))


def test_nothing_in_nothing_out():
    resampler = Resampler(8000, 48000)
    assert resampler.convert(b"") == resampler.flush() == b""
