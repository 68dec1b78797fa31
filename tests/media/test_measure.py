"""Measures of sound: right for sines whose level and frequency are known, quiet about silence."""

from array import array
from math import inf, pi, sin, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jzrx.media.measure import dbfs, dominant_tone, level, tone_level


def sine(hz: float, rate: int, ms: int, peak: float = 0.25) -> bytes:
    return array("h", [round(32767 * peak * sin(2 * pi * hz * i / rate)) for i in range(rate * ms // 1000)]).tobytes()


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
@pytest.mark.parametrize("hz", [200, 440, 1000, 3300.5])
def test_a_sine_is_found_and_measured(rate: int, hz: float):
    sound = sine(hz, rate, 200)
    assert dominant_tone(sound, rate) == (pytest.approx(hz, abs=1), pytest.approx(0.25, rel=0.01))
    assert tone_level(sound, rate, hz) == pytest.approx(0.25, rel=0.01)
    assert tone_level(sound, rate, hz + 50) < 0.001
    assert level(sound) == pytest.approx(0.25 / sqrt(2), rel=0.01)


def test_the_louder_of_two_tones_dominates():
    mixed = array("h", [a + b for a, b in zip(*(array("h", sine(*tone)) for tone in TONES), strict=True)]).tobytes()
    assert dominant_tone(mixed, 48000)[0] == pytest.approx(700, abs=1)
    assert tone_level(mixed, 48000, 440) == pytest.approx(0.1, rel=0.02)


TONES = [(440, 48000, 200, 0.1), (700, 48000, 200, 0.3)]


def test_decibels_below_full_scale():
    assert (dbfs(1.0), dbfs(0.1), dbfs(0.0)) == (0.0, pytest.approx(-20), -inf)


@given(st.binary(max_size=700), st.sampled_from([8000, 48000]))
def test_any_bytes_can_be_measured(sound: bytes, rate: int):
    hz, peak = dominant_tone(sound, rate)
    assert 0 <= hz <= rate / 2 + rate / 64
    assert 0 <= peak < 4  # a window over two samples is none
    assert 0 <= level(sound) <= 1
    assert 0 <= tone_level(sound, rate, 440) < 4


def test_silence_has_no_tone():
    assert dominant_tone(bytes(1920), 48000) == (0.0, 0.0)
    assert level(b"") == level(bytes(100)) == tone_level(b"", 8000, 440) == 0.0
