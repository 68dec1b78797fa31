"""Calls over bad networks, in virtual time: what is heard, how late and how good, beside what stock aiortc would do."""

import pytest

from jzrx.media.sdp import Codec
from jzrx.testing import Impairment
from tests.media.lines import Ear, Heard, Ours, Silencing, Stock, talk
from tests.media.speech import find_lag, log_spectral_distance, speech

OPUS = Codec("opus", 48000, 2, 111, "minptime=10;useinbandfec=1")
PCMU = Codec("PCMU", 8000, 1, 0)
RATES = {"opus": 48000, "PCMU": 8000}
each_codec = pytest.mark.parametrize("codec", [OPUS, PCMU], ids=["opus", "PCMU"])

LOSS = {f"{loss} % loss": Impairment(loss=loss / 100, delay=0.02, seed=4) for loss in (1, 5, 10, 20)}
OTHERS = {
    "bursts": Impairment(loss=0.05, burst=3, delay=0.02, seed=3),
    "40 ms jitter": Impairment(jitter=0.04, seed=3),
    "200 ms jitter": Impairment(jitter=0.2, seed=3),
    "reordering and duplicates": Impairment(reorder=0.1, late_by=0.05, duplicate=0.05, seed=1),
    "loss and jitter": Impairment(loss=0.05, jitter=0.04, seed=3),
}
SETTLED = 50  # ticks, after which the buffer knows the network


def lag(sound: bytes, heard: Heard, rate: int, second: int) -> float:
    """How late that second is heard, in seconds."""
    begin, end = second * rate * 2, (second + 1) * rate * 2
    return find_lag(sound[begin:end], heard.sound[begin : end + rate], rate) / rate


def distance(codec: Codec, sound: bytes, impairment: Impairment, ear: Ear) -> float:
    rate = RATES[codec.name]
    heard = talk(codec, sound, impairment, ear)
    return log_spectral_distance(sound, heard.sound, rate, find_lag(sound, heard.sound, rate))


@each_codec
@pytest.mark.parametrize("name", [*LOSS, *OTHERS])
def test_a_frame_each_tick_whatever_the_network_does(codec: Codec, name: str) -> None:
    rate = RATES[codec.name]
    impairment = (LOSS | OTHERS)[name]
    ear = Ours(codec, rate)
    heard = talk(codec, speech(20, rate), impairment, ear)
    assert {len(frame) for frame in heard.frames} == {rate // 50 * 2}
    assert heard.played(SETTLED) >= (0.98 if name == "bursts" else 0.99)  # a long gap fades away
    # What is concealed is what was lost, and a few packets more until the buffer is as deep as the jitter wants it.
    assert sum(heard.concealed) <= heard.path.lost + 15
    assert sum(heard.concealed) >= heard.path.lost - 2


@each_codec
def test_at_5_percent_loss_the_delay_is_no_larger_after_a_minute_than_after_a_second(codec: Codec) -> None:
    rate = RATES[codec.name]
    sound = speech(62, rate)
    heard = talk(codec, sound, LOSS["5 % loss"], Ours(codec, rate))
    assert heard.played(3) >= 0.99
    assert lag(sound, heard, rate, 60) <= lag(sound, heard, rate, 1) + 0.001 <= 0.07


def test_delay_that_jitter_made_goes_when_the_jitter_does() -> None:
    time_of_jitter = 10
    sound = speech(100, 8000)
    ear = Ours(PCMU, 8000)
    talk(PCMU, sound[: time_of_jitter * 16000], Impairment(jitter=0.12, seed=3), ear)
    assert ear.playout.jitter.depth >= 4
    depths = [ear.playout.jitter.depth]
    # The same ear goes on hearing, from a sender that began anew.
    for _ in range(3):
        talk(PCMU, sound[: 30 * 16000], Impairment(), ear)
        depths.append(ear.playout.jitter.depth)
    assert depths == sorted(depths, reverse=True)
    assert depths[-1] <= 2


@each_codec
def test_a_blackout_of_10_s_is_silence_and_over_at_once(codec: Codec) -> None:
    rate = RATES[codec.name]
    sound = speech(25, rate)
    heard = talk(codec, sound, Impairment(blackouts=((5, 15),)), Ours(codec, rate))
    assert all(heard.concealed[260:745])
    assert not any(any(frame) for frame in heard.frames[270:745])
    assert not any(heard.concealed[760:])
    assert lag(sound, heard, rate, 20) <= lag(sound, heard, rate, 2) + 0.02


@each_codec
@pytest.mark.parametrize("name", [*LOSS, "bursts", "loss and jitter"])
def test_what_is_concealed_sounds_better_than_silence_and_than_stock_aiortc(codec: Codec, name: str) -> None:
    rate = RATES[codec.name]
    impairment = (LOSS | OTHERS)[name]
    sound = speech(12, rate)
    clean, ours, silence, stock = (
        distance(codec, sound, what, ear)
        for what, ear in (
            (Impairment(), Ours(codec, rate)),
            (impairment, Ours(codec, rate)),
            (impairment, Silencing(codec, rate)),
            (impairment, Stock(codec, rate)),
        )
    )
    # How much worse the spectrum is than without the losses.
    assert ours - clean < 0.75 * (silence - clean)
    assert ours - clean < 0.3 * (stock - clean)


def test_forward_error_correction_beats_concealment() -> None:
    sound = speech(12, 48000)
    plain = Codec("opus", 48000, 2, 111, "")
    with_copies, without = (
        distance(codec, sound, LOSS["20 % loss"], Ours(codec, 48000))
        - distance(codec, sound, Impairment(), Ours(codec, 48000))
        for codec in (OPUS, plain)
    )
    assert with_copies < without


@pytest.mark.parametrize("drift", [-300e-6, 300e-6])
def test_clocks_that_differ_cost_a_packet_now_and_then(drift: float) -> None:
    """Ten minutes, at twice what a bad crystal is off."""
    seconds = 600
    sound = speech(20, 8000) * (seconds // 20)
    ear = Ours(PCMU, 8000)
    heard = talk(PCMU, sound, Impairment(jitter=0.005), ear, drift)
    apart = int(seconds * abs(drift) / 0.02)
    assert sum(heard.concealed) <= apart + 5
    assert ear.playout.jitter.counters.dropped <= apart + 5
    assert ear.playout.jitter.waiting <= 3
