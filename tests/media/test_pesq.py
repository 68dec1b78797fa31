"""What is heard over bad networks by the ear of ITU-T P.862 (PESQ), where it is installed: `pip install pesq`.

It is no requirement of the tests, as it is built by a C compiler; `test_impairment.py` measures the same without it.
"""

from typing import Any

import numpy as np
import pytest

from jzrx.media.resample import Resampler
from jzrx.media.sdp import Codec
from jzrx.testing import Impairment
from tests.media.lines import Ear, Ours, Silencing, Stock, talk
from tests.media.speech import find_lag, speech
from tests.media.test_impairment import LOSS, OTHERS, RATES, each_codec

pesq: Any = pytest.importorskip("pesq")

SECONDS = 8


def score(codec: Codec, impairment: Impairment, ear: Ear) -> float:
    """1.0 to 4.6: of narrow band speech for G.711, of wide band speech for Opus."""
    rate, band = (16000, "wb") if codec.name == "opus" else (8000, "nb")
    sound = speech(SECONDS, RATES[codec.name])
    heard_sound = talk(codec, sound, impairment, ear).sound
    clean, heard = (_samples(pcm, RATES[codec.name], rate) for pcm in (sound, heard_sound))
    heard = heard[find_lag(clean.tobytes(), heard.tobytes(), rate) :]
    return float(pesq.pesq(rate, clean[: len(heard)], heard, band))


def _samples(pcm: bytes, rate: int, to: int) -> Any:
    if rate != to:
        resampler = Resampler(rate, to)
        pcm = resampler.convert(pcm) + resampler.flush()
    return np.frombuffer(pcm, "<i2")


@each_codec
@pytest.mark.parametrize("name", ["5 % loss", "20 % loss", "bursts"])
def test_losses_are_heard_less_than_silence_and_far_less_than_with_stock_aiortc(codec: Codec, name: str) -> None:
    impairment, rate = (LOSS | OTHERS)[name], RATES[codec.name]
    ours, silence, stock = (
        score(codec, impairment, ear) for ear in (Ours(codec, rate), Silencing(codec, rate), Stock(codec, rate))
    )
    assert ours > silence + 0.3
    assert ours > stock + 0.9


@each_codec
def test_jitter_alone_is_not_heard(codec: Codec) -> None:
    rate = RATES[codec.name]
    clean = score(codec, Impairment(), Ours(codec, rate))
    assert clean > 3.8
    assert score(codec, OTHERS["40 ms jitter"], Ours(codec, rate)) > clean - 0.1
