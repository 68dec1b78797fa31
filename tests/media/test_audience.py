"""Who hears a call: everybody at the rate asked for, whatever the others do."""

import pytest

from jzrx.media.audience import Audience
from jzrx.media.measure import tone_level
from jzrx.media.sources import tone


class Ear:
    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.concealed: list[bool] = []

    def __call__(self, sound: bytes, concealed: bool) -> None:
        self.frames.append(sound)
        self.concealed.append(concealed)


def speak(audience: Audience, rate: int, frames: int = 30) -> list[bytes]:
    reader = tone(440).open(rate)
    said = [reader.read() or b"" for _ in range(frames)]
    for number, frame in enumerate(said):
        audience.hear(frame, rate, number == 3)
    return said


def test_nobody_is_there_at_first() -> None:
    audience, ear = Audience(), Ear()
    assert not audience
    audience.add(ear, 8000)
    assert audience
    audience.remove(ear, 48000)
    assert audience
    audience.remove(ear, 8000)
    audience.remove(ear, 8000)
    assert not audience


def test_what_has_the_rate_that_is_wanted_passes_untouched() -> None:
    audience, ear, other = Audience(), Ear(), Ear()
    audience.add(ear, 8000)
    audience.add(other, 8000)
    said = speak(audience, 8000)
    assert ear.frames == other.frames == said
    assert [n for n, concealed in enumerate(ear.concealed) if concealed] == [3]


@pytest.mark.parametrize("wanted", [8000, 16000, 48000])
@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_each_hears_frames_of_20_ms_at_its_own_rate(rate: int, wanted: int) -> None:
    audience, ear = Audience(), Ear()
    audience.add(ear, wanted)
    speak(audience, rate)
    assert {len(frame) for frame in ear.frames} == {wanted // 50 * 2}
    assert tone_level(b"".join(ear.frames[5:]), wanted, 440) == pytest.approx(0.25, rel=0.05)


def test_it_is_converted_once_for_all_who_want_it_so() -> None:
    audience, ears = Audience(), [Ear(), Ear(), Ear()]
    for ear in ears:
        audience.add(ear, 48000)
    speak(audience, 8000)
    assert all(one is other for one, other in zip(ears[0].frames, ears[2].frames, strict=True))


@pytest.mark.parametrize("between", [16000, 48000])  # with and without a conversion
def test_nothing_of_another_codec_is_left_when_it_comes_back(between: int) -> None:
    audience, ear = Audience(), Ear()
    audience.add(ear, 48000)
    speak(audience, 8000)
    speak(audience, between)
    audience.hear(bytes(320), 8000, False)
    assert not any(ear.frames[-1])


def test_who_comes_late_hears_nothing_of_before() -> None:
    audience, ear, late = Audience(), Ear(), Ear()
    audience.add(ear, 8000)
    audience.add(ear, 48000)
    speak(audience, 8000)
    audience.remove(ear, 48000)
    speak(audience, 8000)
    audience.add(late, 48000)
    audience.hear(bytes(320), 8000, False)
    assert not any(late.frames[0])


def test_who_raises_hears_nothing_more_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    audience, ear = Audience(), Ear()
    heard: list[bytes] = []

    def fails(sound: bytes, concealed: bool) -> None:
        heard.append(sound)
        raise ZeroDivisionError

    audience.add(fails, 8000)
    audience.add(ear, 8000)
    speak(audience, 8000)
    assert (len(heard), len(ear.frames)) == (1, 30)
    assert "a sink raised" in caplog.text


def test_a_sink_may_leave_while_it_hears() -> None:
    audience, ear = Audience(), Ear()

    def leaves(sound: bytes, concealed: bool) -> None:
        audience.remove(leaves, 8000)

    audience.add(leaves, 8000)
    audience.add(ear, 8000)
    speak(audience, 8000)
    assert len(ear.frames) == 30


def test_a_sink_may_bring_another_while_it_hears() -> None:
    audience, ear = Audience(), Ear()

    def brings(sound: bytes, concealed: bool) -> None:
        audience.remove(brings, 8000)
        audience.add(ear, 16000)

    audience.add(brings, 8000)
    speak(audience, 8000, 3)
    assert len(ear.frames) == 2


def test_who_was_added_twice_hears_twice_until_one_of_them_leaves() -> None:
    audience, ear = Audience(), Ear()
    for rate in (8000, 8000, 16000):
        audience.add(ear, rate)
    speak(audience, 8000, 1)
    audience.remove(ear, 8000)
    speak(audience, 8000, 1)
    assert [len(frame) for frame in ear.frames] == [320, 320, 640, 320, 640]


def test_who_is_taken_away_by_another_hears_nothing_more_and_leaves_nothing() -> None:
    audience, low = Audience(), Ear()
    loud, quiet = b"\0\x40" * 960, bytes(1920)

    def takes_it_away(sound: bytes, concealed: bool) -> None:
        audience.remove(low, 16000)

    audience.add(lambda sound, concealed: None, 48000)
    audience.add(low, 16000)
    audience.hear(loud, 48000, False)
    audience.remove(low, 16000)
    audience.add(takes_it_away, 48000)
    audience.add(low, 16000)
    audience.hear(loud, 48000, False)
    assert len(low.frames) == 1
    audience.remove(takes_it_away, 48000)
    audience.add(low, 16000)
    audience.hear(quiet, 48000, False)
    assert not any(low.frames[-1])
