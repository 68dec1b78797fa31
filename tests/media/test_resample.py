"""Resampling: a tone stays where it is, and pieces make the same sound as the whole."""

from array import array
from math import pi, sin

import pytest

from jzrx.media import resample
from jzrx.media.measure import dominant_tone
from jzrx.media.resample import Resampler
from jzrx.media.swresample import Swresample, library


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


@pytest.mark.parametrize(("source", "target"), [(8000, 48000), (48000, 8000), (44100, 48000)])
def test_without_libswresample_pyav_gives_the_same(source: int, target: int, monkeypatch: pytest.MonkeyPatch):
    functions = library()
    assert functions, "PyAV brings it along"
    monkeypatch.setattr(resample, "library", lambda: None)
    ours, theirs = Swresample(functions, source, target), Resampler(source, target)
    size = source // 50 * 2
    sound = array("h", [round(8192 * sin(2 * pi * 500 * i / source)) for i in range(source // 2)]).tobytes()
    pieces = [sound[i : i + size] for i in range(0, len(sound), size)] + [sound[: 7 * size]]  # one longer than before
    one, other = (b"".join([*map(each.convert, pieces), each.flush()]) for each in (ours, theirs))
    assert len(one) == len(other)
    assert one == other
