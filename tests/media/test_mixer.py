"""The mixer: always a frame; one sound alone untouched, several added and clipped softly, no clicks at switches."""

from array import array
from collections.abc import Callable
from itertools import pairwise

import pytest

from jzrx.media import silence, tone
from jzrx.media.measure import level, tone_level
from jzrx.media.mixer import Mixer

RATE = 8000
SIZE = RATE // 50 * 2


class Reader:
    """Gives what it is told to, and remembers its end."""

    def __init__(self, *frames: bytes | None, rest: bytes | None = None) -> None:
        self.frames = list(frames)
        self.rest = rest
        self.closed = 0

    def read(self) -> bytes | None:
        return self.frames.pop(0) if self.frames else self.rest

    def close(self) -> None:
        self.closed += 1


def flat(value: int) -> bytes:
    return array("h", [value] * (SIZE // 2)).tobytes()


def values(frame: bytes) -> list[int]:
    return array("h", frame).tolist()


def ignore() -> None:
    pass


@pytest.fixture
def mixer() -> Mixer:
    return Mixer(RATE)


def test_without_a_source_it_is_silent(mixer: Mixer):
    assert [mixer.read() for _ in range(3)] == [bytes(SIZE)] * 3


def test_one_source_alone_passes_untouched(mixer: Mixer):
    frame = bytes(range(256)) + bytes(SIZE - 256)
    mixer.set_source(Reader(frame, rest=frame))
    assert mixer.read() is frame
    assert mixer.read() is frame


def test_a_source_that_ends_goes_on_as_silence(mixer: Mixer):
    reader = Reader(flat(1000))
    mixer.set_source(reader)
    assert mixer.read() == flat(1000)
    assert [mixer.read() for _ in range(3)] == [bytes(SIZE)] * 3
    assert reader.closed == 1


def test_two_sounds_add(mixer: Mixer):
    mixer.set_source(Reader(rest=flat(1000)))
    mixer.play(Reader(flat(500)), ignore)
    assert mixer.read() == flat(1500)
    assert mixer.read() == flat(1000)


def test_two_tones_are_both_heard(mixer: Mixer):
    mixer.set_source(tone(440).open(RATE))
    mixer.play(tone(1000).open(RATE), ignore)
    sound = b"".join(mixer.read() for _ in range(20))
    assert tone_level(sound, RATE, 440) == pytest.approx(0.25, rel=0.02)
    assert tone_level(sound, RATE, 1000) == pytest.approx(0.25, rel=0.02)


@pytest.mark.parametrize("sign", [1, -1])
def test_too_much_is_bent_not_wrapped(mixer: Mixer, sign: int):
    heard: list[int] = []
    for height in (10000, 13000, 15000, 20000, 32767):
        mixer.set_source(None)
        mixer.read()
        plays = [mixer.play(Reader(flat(sign * height)), ignore) for _ in range(2)]
        heard.append(sign * values(mixer.read())[80])
        mixer.read()
        assert len(plays) == 2
    assert heard[:2] == [20000, 26000]  # straight below the knee
    assert heard == sorted(heard)
    assert 26000 < heard[2] < heard[3] <= heard[4] <= 32767


def test_a_play_tells_its_end_once(mixer: Mixer):
    ended: list[str] = []
    reader = Reader(flat(1))
    play = mixer.play(reader, lambda: ended.append("ended"))
    mixer.read()
    assert ended == []
    mixer.read()
    assert ended == ["ended"]
    mixer.stop(play)
    mixer.read()
    mixer.close()
    assert ended == ["ended"]
    assert reader.closed == 1


def test_stopping_a_play_fades_it_out(mixer: Mixer):
    ended: list[str] = []
    play = mixer.play(Reader(rest=flat(10000)), lambda: ended.append("ended"))
    mixer.read()
    mixer.stop(play)
    assert_gentle(flat(10000) + mixer.read())
    assert ended == ["ended"]
    assert mixer.read() == bytes(SIZE)


def assert_gentle(sound: bytes) -> None:
    """No step is louder than a fade over 5 ms makes it."""
    samples = values(sound)
    assert max(abs(b - a) for a, b in pairwise(samples)) <= 2 * 10000 / 40


SWITCHES: dict[str, Callable[[Mixer], None]] = {
    "to silence": lambda mixer: mixer.set_source(None),
    "to another source": lambda mixer: mixer.set_source(Reader(rest=flat(-10000))),
    "muting": lambda mixer: setattr(mixer, "muted", True),
}


@pytest.mark.parametrize("switch", SWITCHES.values(), ids=SWITCHES)
def test_a_switch_does_not_click(mixer: Mixer, switch: Callable[[Mixer], None]):
    reader = Reader(rest=flat(10000))
    mixer.set_source(reader)
    sound = mixer.read()
    switch(mixer)
    assert_gentle(sound + mixer.read() + mixer.read())


def test_a_replaced_source_is_closed(mixer: Mixer):
    first, second = Reader(rest=flat(1)), Reader(rest=flat(2))
    mixer.set_source(first)
    mixer.read()
    mixer.set_source(second)
    mixer.read()
    assert (first.closed, second.closed) == (1, 0)
    assert mixer.read() == flat(2)
    mixer.set_source(None)
    mixer.set_source(Reader(rest=flat(3)))  # before anything was read
    assert second.closed == 1


def test_mute_silences_everything_and_time_goes_on(mixer: Mixer):
    mixer.set_source(Reader(*(flat(1000 * n) for n in range(1, 10))))
    mixer.play(Reader(rest=flat(1)), ignore)
    mixer.read()
    mixer.muted = True
    mixer.read()  # fades
    assert [mixer.read() for _ in range(3)] == [bytes(SIZE)] * 3
    mixer.muted = False
    sound = mixer.read()
    assert values(sound)[-1] == 6001
    assert values(sound)[0] < 500
    assert mixer.read() == flat(7001)


def test_a_reader_that_fails_hurts_nothing_else(mixer: Mixer, caplog: pytest.LogCaptureFixture):
    class Broken(Reader):
        def read(self) -> bytes | None:
            raise ZeroDivisionError("mine")

        def close(self) -> None:
            raise ZeroDivisionError("mine too")

    mixer.set_source(Broken())
    mixer.play(Reader(flat(1), flat(2)), ignore)
    assert [mixer.read() for _ in range(3)] == [flat(1), flat(2), bytes(SIZE)]
    assert caplog.text.count("ZeroDivisionError: mine too") == 1


def test_close_ends_everything(mixer: Mixer):
    ended: list[str] = []
    readers = [Reader(rest=flat(1)) for _ in range(3)]
    mixer.set_source(readers[0])
    for reader in readers[1:]:
        mixer.play(reader, lambda: ended.append("ended"))
    mixer.close()
    mixer.close()
    assert [reader.closed for reader in readers] == [1, 1, 1]
    assert ended == ["ended", "ended"]
    assert mixer.read() == bytes(SIZE)


def test_silence_mixes_without_a_trace(mixer: Mixer):
    mixer.set_source(silence().open(RATE))
    mixer.play(tone(440).open(RATE), ignore)
    assert level(b"".join(mixer.read() for _ in range(10))) == pytest.approx(0.25 / 2**0.5, rel=0.01)
