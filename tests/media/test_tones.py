"""The tones of a telephone: what is heard, and when."""

from jzrx.media import ringback
from jzrx.media.measure import level, tone_level
from jzrx.media.tones import call_waiting
from jzrx.ports import AudioReader


def frames(reader: AudioReader, count: int) -> list[bytes]:
    return [frame for _ in range(count) if (frame := reader.read()) is not None]


def test_two_tones_for_two_seconds_then_four_of_silence_again_and_again() -> None:
    heard = frames(ringback().open(8000), 650)
    assert [level(frame) > 0.01 for frame in heard] == ([True] * 100 + [False] * 200) * 2 + [True] * 50
    sound = b"".join(heard[:50])
    assert min(tone_level(sound, 8000, 440), tone_level(sound, 8000, 480)) > 0.07
    assert {len(frame) for frame in heard} == {320}


def test_once() -> None:
    assert len(frames(ringback(loop=False).open(48000), 900)) == 300


def test_a_beep_now_and_then_for_a_waiting_call() -> None:
    heard = frames(call_waiting().open(8000), 530)
    assert [level(frame) > 0.01 for frame in heard] == [True] * 15 + [False] * 500 + [True] * 15
    assert tone_level(b"".join(heard[:15]), 8000, 440) > 0.07
