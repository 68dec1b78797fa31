"""Playout: 20 ms a tick whatever arrives: packets of other durations, losses, pauses, foreign and corrupt payloads."""

import ctypes
from array import array
from collections.abc import Iterator, Set
from math import pi, sin
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jzrx.media import opus
from jzrx.media.codecs import make_encoder
from jzrx.media.measure import level, tone_level
from jzrx.media.opus import OpusSettings, make_opus_encoder
from jzrx.media.playout import Playout
from jzrx.media.rtp import RtpPacket
from jzrx.media.sdp import Codec

OPUS = Codec("opus", 48000, 2, 111, "minptime=10;useinbandfec=1")
PCMU = Codec("PCMU", 8000, 1, 0)
G722 = Codec("G722", 8000, 1, 9)
each = pytest.mark.parametrize("codec", [OPUS, PCMU], ids=["opus", "PCMU"])


def packets(codec: Codec, count: int, hz: float = 440, start: int = 0, ssrc: int = 1) -> Iterator[RtpPacket]:
    encoder = make_encoder(codec)
    size, step = encoder.rate // 50, 2 * pi * hz / encoder.rate
    for number in range(start, start + count):
        frame = array("h", [round(8192 * sin(step * i)) for i in range(number * size, (number + 1) * size)])
        timestamp = number * encoder.timestamp_step
        yield RtpPacket(codec.payload_type, number & 0xFFFF, timestamp, ssrc, encoder.encode(frame.tobytes()))


def play(playout: Playout, stream: Iterator[RtpPacket], lost: Set[int] = frozenset()) -> list[tuple[bytes, bool]]:
    frames: list[tuple[bytes, bool]] = []
    for packet in stream:
        if packet.sequence not in lost:
            playout.push(packet)
        frames.append(playout.read())
    return frames


@pytest.mark.parametrize(("codec", "rate"), [(OPUS, 48000), (G722, 16000), (PCMU, 8000)])
def test_a_tone_is_heard_at_the_codecs_own_rate_without_gaps(codec: Codec, rate: int):
    playout = Playout([codec])
    frames = play(playout, packets(codec, 60))
    assert playout.rate == codec.sampling_rate == rate
    assert {len(data) for data, _ in frames} == {rate // 50 * 2}
    assert [concealed for _, concealed in frames[:3]] == [True, False, False]
    assert not any(concealed for _, concealed in frames[2:])
    assert tone_level(b"".join(data for data, _ in frames[20:]), rate, 440) == pytest.approx(0.25, rel=0.1)


@each
def test_only_lost_packets_are_flagged(codec: Codec):
    lost = {20, 30, 31, 45}
    frames = play(Playout([codec]), packets(codec, 80), lost)
    assert [n for n, (_, concealed) in enumerate(frames) if concealed and n > 2] == [n + 1 for n in sorted(lost)]
    assert level(b"".join(data for data, _ in frames[60:])) == pytest.approx(0.25 / 2**0.5, rel=0.1)
    assert level(frames[21][0]) > 0.05


@each
def test_a_pause_becomes_silence_and_sound_comes_back(codec: Codec):
    playout = Playout([codec])
    play(playout, packets(codec, 30))
    pause = [playout.read() for _ in range(50)]
    assert all(concealed for _, concealed in pause[3:])
    assert not any(any(data) for data, _ in pause[10:])
    frames = play(playout, packets(codec, 30, start=30))
    assert not any(concealed for _, concealed in frames[4:])
    assert level(frames[-1][0]) > 0.1


@pytest.mark.parametrize(
    ("name", "duration"),
    [*(("PCMU", ms) for ms in (10, 20, 30, 40, 60, 120)), *(("opus", ms) for ms in (10, 20, 40, 60, 120))],
)
def test_packets_of_any_duration_play_at_the_right_speed(name: str, duration: int):
    stream = list(long_packets(name, duration, 3000 // duration))
    playout = Playout([OPUS, PCMU])
    heard: list[tuple[bytes, bool]] = []
    waiting = iter(enumerate(stream))
    number, packet = next(waiting)
    for tick in range(150):
        while packet and (number + 1) * duration <= (tick + 1) * 20:
            playout.push(packet)
            number, packet = next(waiting, (0, None))
        heard.append(playout.read())
    rate = playout.rate
    assert {len(data) for data, _ in heard[10:]} == {rate // 50 * 2}
    assert sum(concealed for _, concealed in heard[25:]) <= 2
    assert tone_level(b"".join(data for data, _ in heard[50:140]), rate, 440) == pytest.approx(0.25, rel=0.2)


def long_packets(name: str, duration: int, count: int) -> Iterator[RtpPacket]:
    """A tone in packets of `duration` ms."""
    rate = 48000 if name == "opus" else 8000
    size = rate * duration // 1000
    library = opus._libopus()  # pyright: ignore[reportPrivateUsage]
    assert library
    state = ctypes.create_string_buffer(library.opus_encoder_get_size(1))
    assert library.opus_encoder_init(state, 48000, 1, 2048) == 0
    buffer = ctypes.create_string_buffer(8000)
    g711 = make_encoder(PCMU)
    for number in range(count):
        samples = [round(8192 * sin(2 * pi * 440 / rate * i)) for i in range(number * size, (number + 1) * size)]
        pcm = array("h", samples).tobytes()
        if name == "opus":
            length = library.opus_encode(state, pcm, size, buffer, 8000)
            payload = buffer.raw[:length]
        else:
            padded = pcm.ljust((len(pcm) + 319) // 320 * 320, b"\0")
            payload = b"".join(g711.encode(padded[i : i + 320]) for i in range(0, len(padded), 320))[:size]
        yield RtpPacket(111 if name == "opus" else 0, number, number * size, 1, payload)


def test_what_is_no_audio_of_ours_is_silence_and_no_loss():
    """Comfort noise (RFC 3389) and payload types that nobody agreed on."""
    playout = Playout([PCMU])
    stream = list(packets(PCMU, 60))
    stream[20:30] = [packet._replace(payload_type=13, payload=b"\x40") for packet in stream[20:30]]
    stream[40:42] = [packet._replace(payload_type=101, payload=b"\x05\x0a\x00\xa0") for packet in stream[40:42]]
    frames = play(playout, iter(stream))
    assert not any(concealed for _, concealed in frames[2:])
    assert level(b"".join(sound for sound, _ in frames[22:29])) == pytest.approx(10 ** (-64 / 20), rel=0.2)
    assert playout.jitter.counters.concealed == playout.jitter.counters.fec == 0
    assert playout.codec == PCMU


def test_comfort_noise_fills_the_pause_that_it_announces():
    playout = Playout([PCMU])
    stream = list(packets(PCMU, 60))
    play(playout, iter(stream[:30]))
    playout.push(stream[30]._replace(payload_type=13, payload=bytes((40,))))
    pause = [playout.read() for _ in range(100)]
    assert not any(concealed for _, concealed in pause)
    assert level(b"".join(sound for sound, _ in pause[2:])) == pytest.approx(0.01, rel=0.05)
    talk = play(playout, (packet._replace(marker=packet.sequence == 31) for packet in stream[31:]))
    assert not any(concealed for _, concealed in talk)
    assert tone_level(b"".join(data for data, _ in talk[5:]), 8000, 440) == pytest.approx(0.25, rel=0.1)


def test_opus_that_transmits_discontinuously_pauses_without_a_gap():
    """RFC 7587 section 3.1.3: while it pauses it sends next to nothing, and comfort noise is the decoder's matter."""
    encoder = make_opus_encoder(OpusSettings(dtx=True, fec=False))
    chance = Random(1)
    playout = Playout([OPUS])
    frames: list[tuple[bytes, bool]] = []
    sent, noise = 0, 0.0
    for number in range(400):
        sound = array("h")
        for _ in range(960):
            noise = 0.95 * noise + chance.gauss(0, 1200 if number < 100 or number >= 350 else 10)
            sound.append(int(noise))
        payload = encoder.encode(sound.tobytes())
        if len(payload) > 2:
            playout.push(RtpPacket(111, sent, 960 * number, 1, payload))
            sent += 1
        frames.append(playout.read())
    assert sent < 200
    pause = [level(sound) for sound, _ in frames[160:340]]
    assert min(pause) > 0.0001
    assert max(pause) < 0.002
    assert sum(concealed for _, concealed in frames) < 100  # the begin of each pause: who knows whether it was lost?
    assert playout.jitter.depth <= 4


@pytest.mark.parametrize("parts_per_million", [-300, 300])
def test_a_clock_that_drifts_costs_a_frame_now_and_then_and_no_delay(parts_per_million: int):
    """Ten minutes, a frame each tick: a sender that is too slow or too fast by twice what a bad crystal is."""
    playout = Playout([PCMU])
    stream = packets(PCMU, 1)
    payload = next(stream).payload
    sent, concealed, delays = 0, 0, list[int]()
    for tick in range(30000):
        while sent * 20 / (1 + parts_per_million / 1e6) <= tick * 20 + 7:
            playout.push(RtpPacket(0, sent & 0xFFFF, 160 * sent, 1, payload))
            sent += 1
        concealed += playout.read()[1]
        delays.append(playout.jitter.waiting)
    assert max(delays) <= 3
    assert delays[-1] <= 2
    assert concealed <= 9 + 3  # one for each 20 ms that the clocks part


def test_the_codec_may_change_within_the_stream():
    playout = Playout([OPUS, PCMU])
    switched = [*packets(OPUS, 30), *packets(PCMU, 30, start=30)]
    frames = play(playout, iter(switched))
    assert not any(concealed for _, concealed in frames[2:])
    assert playout.codec == PCMU
    assert playout.rate == 8000
    assert {len(data) for data, _ in frames} == {1920, 320}
    assert tone_level(b"".join(data for data, _ in frames[40:]), 8000, 440) == pytest.approx(0.25, rel=0.2)


def test_a_renegotiation_that_keeps_the_format_keeps_the_sound():
    playout = Playout([OPUS, PCMU])
    stream = packets(OPUS, 60)
    frames = play(playout, (next(stream) for _ in range(30)))
    playout.set_codecs([OPUS])
    frames += play(playout, stream)
    assert not any(concealed for _, concealed in frames[2:])
    playout.set_codecs([PCMU])
    assert playout.codec is None


def test_corrupt_payloads_are_counted_and_flagged():
    playout = Playout([OPUS])
    stream = [
        packet._replace(payload=b"\xff\xff\xff") if n == 30 else packet for n, packet in enumerate(packets(OPUS, 50))
    ]
    frames = play(playout, iter(stream))
    assert [n for n, (_, concealed) in enumerate(frames) if concealed and n > 2] == [31]
    assert playout.errors == 1


@pytest.mark.parametrize("name", ["PCMU", "opus"])
def test_skipping_keeps_up_without_decoding(name: str):
    codec = OPUS if name == "opus" else PCMU
    playout = Playout([codec])
    for packet in packets(codec, 50):
        playout.push(packet)
        playout.skip()
    assert playout.jitter.waiting == 1
    assert playout.codec is None  # no decoder was made
    frames = play(playout, packets(codec, 20, start=50))
    assert not any(concealed for _, concealed in frames)


def test_reset_starts_over():
    playout = Playout([PCMU])
    play(playout, packets(PCMU, 30))
    playout.reset()
    assert playout.read() == (bytes(320), True)
    frames = play(playout, packets(PCMU, 30, start=9000, ssrc=2))
    assert not any(concealed for _, concealed in frames[2:])


anything = st.builds(
    RtpPacket,
    payload_type=st.sampled_from([0, 13, 101, 111]),
    sequence=st.integers(0, 20) | st.integers(0, 0xFFFF),
    timestamp=st.sampled_from([0, 80, 160, 320, 480, 960]) | st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(1, 2),
    payload=st.binary(max_size=50),
)


@given(st.lists(st.lists(anything, max_size=3), max_size=30))
def test_whatever_arrives_a_tick_is_20_ms(ticks: list[list[RtpPacket]]):
    playout = Playout([OPUS, PCMU])
    for tick in ticks:
        for packet in tick:
            playout.push(packet)
        data, _ = playout.read()
        assert len(data) == playout.rate // 50 * 2


@each
@pytest.mark.parametrize("at_once", [False, True], ids=["each 20 ms", "at once"])
def test_tones_neither_delay_the_sound_after_them_nor_count_as_lost(codec: Codec, at_once: bool):
    """Six tones of 100 ms, whose last packets come three times: each 20 ms, or at once as browsers send them."""
    playout = Playout([codec])
    stream, sequence, step = list(packets(codec, 400)), 0, codec.clock_rate // 50
    frames: list[tuple[bytes, bool]] = []
    waiting: list[int] = []
    for tick, packet in enumerate(stream):
        place = tick % 50 if 40 <= tick < 340 else 0
        arrive = [packet]
        if 1 <= place <= (5 if at_once else 7):
            event = packet._replace(payload_type=101, timestamp=(tick - place + 1) * step, payload=b"\5\12\0\xa0")
            arrive = [event] * (3 if at_once and place == 5 else 1)
        for each_one in arrive:
            playout.push(each_one._replace(sequence=sequence))
            sequence += 1
        frames.append(playout.read())
        waiting.append(playout.jitter.waiting)
    assert not any(concealed for _, concealed in frames[2:])
    assert waiting[-1] == waiting[39]
    assert max(waiting[place] for place in range(40, 340) if place % 50 == 20) == waiting[39]
    assert level(b"".join(data for data, _ in frames[350:])) == pytest.approx(0.25 / 2**0.5, rel=0.1)


@each
@pytest.mark.parametrize("start", [-24160, 123456789, 0x90000000])
def test_timestamps_that_start_anew_are_not_heard(codec: Codec, start: int):
    """As with a sender that changed what it sends, and a stock aiortc whose track was replaced."""
    playout = Playout([codec])
    stream = list(packets(codec, 100))
    stream[50:] = [packet._replace(timestamp=(packet.timestamp + start) & 0xFFFFFFFF) for packet in stream[50:]]
    frames = play(playout, iter(stream))
    assert not any(concealed for _, concealed in frames[3:])
    assert tone_level(b"".join(sound for sound, _ in frames[20:]), playout.rate, 440) == pytest.approx(0.25, rel=0.1)
    # Nothing arrives any more, and nobody said that there would be a pause.
    assert all(concealed for _, concealed in [playout.read() for _ in range(50)][5:])
