"""Encoders and decoders: the sound survives, settings follow the other side, corrupt payloads only cost their sound."""

from array import array
from bisect import bisect
from collections.abc import Callable, Iterator
from math import pi, sin

import pytest
from av import Packet
from av.audio.codeccontext import AudioCodecContext
from hypothesis import given
from hypothesis import strategies as st

from jzrx.media import opus
from jzrx.media.codecs import Decoder, Encoder, make_decoder, make_encoder
from jzrx.media.measure import level, tone_level
from jzrx.media.opus import OpusSettings, PyavOpusDecoder, PyavOpusEncoder
from jzrx.media.resample import from_frame
from jzrx.media.sdp import Codec

OPUS = Codec("opus", 48000, 2, 111, "minptime=10;useinbandfec=1")
PCMU = Codec("PCMU", 8000, 1, 0)
PCMA = Codec("PCMA", 8000, 1, 8)
G722 = Codec("G722", 8000, 1, 9)

MAKERS: dict[str, Callable[[], tuple[Encoder, Decoder]]] = {
    "opus": lambda: (make_encoder(OPUS), make_decoder(OPUS)),
    "opus by PyAV": lambda: (PyavOpusEncoder(OpusSettings()), PyavOpusDecoder()),
    "PCMU": lambda: (make_encoder(PCMU), make_decoder(PCMU)),
    "PCMA": lambda: (make_encoder(PCMA), make_decoder(PCMA)),
    "G722": lambda: (make_encoder(G722), make_decoder(G722)),
}
each = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def sine(rate: int, frames: int, hz: float = 440, peak: float = 0.25) -> Iterator[bytes]:
    for start in range(0, frames * (rate // 50), rate // 50):
        step = 2 * pi * hz / rate
        yield array("h", [round(32767 * peak * sin(step * i)) for i in range(start, start + rate // 50)]).tobytes()


@each
def test_a_tone_survives(make: Callable[[], tuple[Encoder, Decoder]]):
    encoder, decoder = make()
    assert encoder.rate == decoder.rate
    heard = b"".join(decoder.decode(encoder.encode(frame)) for frame in sine(encoder.rate, 30))
    settled = heard[len(heard) // 3 :]
    assert len(heard) == 30 * encoder.rate // 50 * 2
    assert tone_level(settled, decoder.rate, 440) == pytest.approx(0.25, rel=0.15)
    assert tone_level(settled, decoder.rate, 1000) < 0.02
    assert decoder.errors == 0


@each
def test_silence_stays_silent(make: Callable[[], tuple[Encoder, Decoder]]):
    encoder, decoder = make()
    silence = bytes(encoder.rate // 50 * 2)
    assert level(b"".join(decoder.decode(encoder.encode(silence)) for _ in range(10))) < 0.001


@each
def test_a_frame_of_another_length_is_misuse(make: Callable[[], tuple[Encoder, Decoder]]):
    encoder, _ = make()
    with pytest.raises(ValueError, match="20 ms"):
        encoder.encode(bytes(10))


def test_timestamps_step_by_the_codecs_clock():
    assert [make_encoder(codec).timestamp_step for codec in (OPUS, G722, PCMU, PCMA)] == [960, 160, 160, 160]


def test_names_in_any_case_and_none_that_is_unknown():
    assert make_decoder(Codec("OPUS", 48000)).rate == 48000
    assert make_encoder(Codec("pcma", 8000)).rate == 8000
    for make in (make_encoder, make_decoder):
        with pytest.raises(ValueError, match="G729"):
            make(Codec("G729", 8000))


@each
def test_a_loss_is_concealed_ever_softer_as_long_as_a_packet(make: Callable[[], tuple[Encoder, Decoder]]):
    encoder, decoder = make()
    for frame in sine(encoder.rate, 20):
        decoder.decode(encoder.encode(frame))
    first = decoder.conceal()
    assert len(first) == encoder.rate // 50 * 2
    assert 0.05 < level(first) < 0.3
    rest = [decoder.conceal() for _ in range(50)]
    assert {len(frame) for frame in rest} == {len(first)}
    assert level(rest[-1]) < 0.01


@each
def test_concealment_before_anything_came_is_silence(make: Callable[[], tuple[Encoder, Decoder]]):
    _, decoder = make()
    assert not any(decoder.conceal())


@each
@given(st.lists(st.binary(max_size=60), max_size=10))
def test_whatever_comes_becomes_sound(make: Callable[[], tuple[Encoder, Decoder]], payloads: list[bytes]):
    _, decoder = make()
    for payload in payloads:
        for sound in (decoder.decode(payload), decoder.decode_fec(payload), decoder.conceal()):
            assert len(sound) % 2 == 0
            assert len(sound) <= 2 * max(48000 * 140 // 1000, len(payload))


def test_a_corrupt_payload_is_counted_and_concealed():
    encoder, decoder = make_encoder(OPUS), make_decoder(OPUS)
    for frame in sine(48000, 20):
        decoder.decode(encoder.encode(frame))
    sound = decoder.decode(b"\xff\xff\xff")
    assert len(sound) == 1920
    assert level(sound) > 0.05
    assert decoder.errors == 1


def test_the_copy_in_the_next_packet_brings_a_lost_one_back():
    """A tone that changes in the lost packet: concealment cannot know that, the copy does."""

    def lose(mend: Callable[[Decoder, bytes], bytes]) -> float:
        encoder, decoder = make_encoder(OPUS), make_decoder(OPUS)
        frames = [*sine(48000, 40, 300), *sine(48000, 40, 600)]
        packets = [encoder.encode(frame) for frame in frames]
        heard = [decoder.decode(packet) for packet in packets[:42]]
        heard.append(mend(decoder, packets[43]))
        return tone_level(heard[-1], 48000, 600)

    concealed = lose(lambda decoder, _: decoder.conceal())
    copied = lose(lambda decoder, following: decoder.decode_fec(following))
    assert copied > concealed


@pytest.mark.parametrize("duration", [10, 20, 40, 60])
def test_opus_packets_of_any_duration_decode(duration: int):
    library = opus._libopus()  # pyright: ignore[reportPrivateUsage]
    if library is None:
        pytest.skip("no libopus")
    samples = 48 * duration
    import ctypes

    state = ctypes.create_string_buffer(library.opus_encoder_get_size(1))
    assert library.opus_encoder_init(state, 48000, 1, 2048) == 0
    pcm = b"".join(sine(48000, 6))[: 2 * samples]
    buffer = ctypes.create_string_buffer(4000)
    size = library.opus_encode(state, pcm, samples, buffer, 4000)
    decoder = make_decoder(OPUS)
    assert len(decoder.decode(buffer.raw[:size])) == 2 * samples
    assert len(decoder.conceal()) == 2 * samples


@pytest.mark.parametrize("samples", [1, 80, 160, 240, 480])
def test_g711_payloads_of_any_length_decode(samples: int):
    decoder = make_decoder(PCMU)
    assert len(decoder.decode(bytes(samples))) == 2 * samples
    assert len(decoder.conceal()) == 2 * samples


@pytest.mark.parametrize(
    ("fmtp", "expected"),
    [
        ("minptime=10;useinbandfec=1", OpusSettings()),
        ("", OpusSettings(fec=False)),
        ("useinbandfec=0", OpusSettings(fec=False)),
        ("useinbandfec=1;maxaveragebitrate=16000", OpusSettings(bitrate=16000)),
        ("useinbandfec=1;maxaveragebitrate=510000", OpusSettings()),
        ("useinbandfec=1;maxaveragebitrate=1", OpusSettings(bitrate=6000)),
        ("useinbandfec=1;maxaveragebitrate=lots", OpusSettings()),
        ("useinbandfec=1;maxplaybackrate=16000", OpusSettings(max_rate=16000)),
        ("useinbandfec=1;usedtx=1;cbr=1;stereo=1", OpusSettings(dtx=True, vbr=False)),
        ("0-16", OpusSettings(fec=False)),
    ],
)
def test_opus_is_sent_as_the_other_side_wants_it(fmtp: str, expected: OpusSettings):
    assert OpusSettings.wanted(Codec("opus", 48000, 2, 111, fmtp).parameters) == expected


def test_the_limit_of_the_bandwidth_line_counts_too():
    assert OpusSettings.wanted(OPUS.parameters, 12000).bitrate == 12000
    assert OpusSettings.wanted(OPUS.parameters, 128000).bitrate == 24000


def test_the_bitrate_is_what_was_asked_for():
    def size(fmtp: str) -> int:
        encoder = make_encoder(Codec("opus", 48000, 2, 111, fmtp))
        noise = array("h", [(i * i * 7919 + i * 31) % 16384 - 8192 for i in range(48000)]).tobytes()
        return sum(len(encoder.encode(noise[i : i + 1920])) for i in range(0, len(noise), 1920)) * 8

    assert size("maxaveragebitrate=24000") == pytest.approx(24000, rel=0.25)
    assert size("maxaveragebitrate=12000") == pytest.approx(12000, rel=0.25)


def noise(encoder: Encoder, frames: int = 50) -> list[bytes]:
    """Payloads of a loud hiss, which needs all the bits and bandwidth there are."""
    samples = array("h", [(i * i * 7919 + i * 31) % 16384 - 8192 for i in range(frames * encoder.rate // 50)]).tobytes()
    size = encoder.rate // 50 * 2
    return [encoder.encode(samples[i : i + size]) for i in range(0, len(samples), size)]


BANDWIDTHS = {
    **dict.fromkeys(range(4), 8000),
    **dict.fromkeys(range(4, 8), 12000),
    **dict.fromkeys(range(8, 12), 16000),
}
BANDWIDTHS |= {12: 24000, 13: 24000, 14: 48000, 15: 48000}
BANDWIDTHS |= {number: (8000, 16000, 24000, 48000)[(number - 16) // 4] for number in range(16, 32)}
"""The sampling rate that carries what a packet has, by the configuration in its first byte (RFC 6716 section 3.1)."""


@pytest.mark.parametrize("rate", [8000, 12000, 16000, 24000, 48000])
def test_opus_is_mono_and_no_wider_than_the_other_side_plays(rate: int):
    wanted = f"stereo=1;maxplaybackrate={rate};maxaveragebitrate=40000"
    payloads = noise(make_encoder(Codec("opus", 48000, 2, 111, wanted)))
    assert not any(payload[0] & 0x04 for payload in payloads), "stereo"
    assert max(BANDWIDTHS[payload[0] >> 3] for payload in payloads) == rate


def test_a_constant_bitrate_is_constant():
    assert len({len(payload) for payload in noise(make_encoder(Codec("opus", 48000, 2, 111, "cbr=1")))}) == 1
    assert len({len(payload) for payload in noise(make_encoder(OPUS))}) > 1


def test_dtx_shrinks_silence_to_almost_nothing():
    encoder = make_encoder(Codec("opus", 48000, 2, 111, "usedtx=1"))
    sizes = [len(encoder.encode(bytes(1920))) for _ in range(50)]
    assert min(sizes) >= 1
    assert sum(size <= 2 for size in sizes) > 25


def test_without_libopus_pyav_takes_its_place(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(opus, "_libopus", lambda: None)
    encoder, decoder = make_encoder(OPUS), make_decoder(OPUS)
    assert isinstance(encoder, PyavOpusEncoder)
    assert isinstance(decoder, PyavOpusDecoder)
    # What one of them says the other understands.
    monkeypatch.undo()
    real = make_decoder(OPUS)
    heard = b"".join(real.decode(encoder.encode(frame)) for frame in sine(48000, 30))
    assert tone_level(heard[20000:], 48000, 440) == pytest.approx(0.25, rel=0.15)


@pytest.mark.parametrize(
    ("codec", "code", "sample"),
    [
        # ITU-T G.711, tables 1 and 2: the loudest, the softest and some between.
        (PCMU, 0x80, 32124),
        (PCMU, 0x00, -32124),
        (PCMU, 0xFF, 0),
        (PCMU, 0x7F, 0),
        (PCMU, 0xFE, 8),
        (PCMA, 0xAA, 32256),
        (PCMA, 0x2A, -32256),
        (PCMA, 0xD5, 8),
        (PCMA, 0x55, -8),
    ],
)
def test_g711_codes_mean_what_the_standard_says(codec: Codec, code: int, sample: int):
    assert array("h", make_decoder(codec).decode(bytes([code])))[0] == sample


@pytest.mark.parametrize(("codec", "name"), [(PCMU, "pcm_mulaw"), (PCMA, "pcm_alaw")])
def test_g711_decodes_as_another_implementation_does(codec: Codec, name: str):
    oracle = AudioCodecContext.create(name, "r")
    oracle.sample_rate = 8000
    oracle.layout = "mono"
    (frame,) = oracle.decode(Packet(bytes(range(256))))
    assert make_decoder(codec).decode(bytes(range(256))) == from_frame(frame)


@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=lambda codec: codec.name)
def test_g711_codes_survive_and_samples_move_by_half_a_step_at_most(codec: Codec):
    encoder, decoder = make_encoder(codec), make_decoder(codec)

    def through(samples: list[int]) -> list[int]:
        return array("h", decoder.decode(encoder.encode(array("h", samples).tobytes()))).tolist()

    values = sorted(array("h", decoder.decode(bytes(range(256)))))
    assert through(values[:160]) == values[:160]
    assert through(values[-160:]) == values[-160:]
    before = values[0]
    for start in range(-32768, 32768, 160):
        samples = [min(32767, start + i) for i in range(160)]
        for sample, heard in zip(samples, through(samples), strict=True):
            above = bisect(values, sample)
            low, high = values[max(0, above - 1)], values[min(255, above)]
            assert heard in (low, high)
            # And by 3 for the two bits that mu-law leaves out of 16.
            assert low == high or abs(heard - sample) <= 0.7 * (high - low) + 3 or not low <= sample <= high
            assert heard >= before  # louder never becomes softer
            before = heard
