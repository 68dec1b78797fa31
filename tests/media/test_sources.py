"""Sources: recipes that start over, end in None, take any format that the API names, and refuse others at once."""

import asyncio
import itertools
import threading
import wave
from array import array
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from jzrx.media import pcm, ringback, silence, tone, wav
from jzrx.media.feeds import readable
from jzrx.media.measure import dominant_tone, level
from jzrx.media.sources import claim
from jzrx.ports import AudioReader, AudioSource

rates = pytest.mark.parametrize("rate", [8000, 16000, 48000])


def drain(reader: AudioReader, limit: int = 500) -> list[bytes]:
    frames: list[bytes] = []
    while len(frames) < limit and (frame := reader.read()) is not None:
        frames.append(frame)
    return frames


def samples(hz: float = 500, rate: int = 16000, seconds: float = 1.0, peak: float = 0.25) -> "numpy.ndarray":
    time = numpy.arange(int(rate * seconds)) / rate
    return (numpy.sin(2 * numpy.pi * hz * time) * peak * 32767).astype(numpy.int16)


def write_wav(path: Path, data: bytes, rate: int, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return path


# --- tones and silence ---------------------------------------------------------------------------------------------


@rates
@pytest.mark.parametrize("hz", [440, 1000, 441.37])
def test_a_tone_is_a_pure_one_without_seams(rate: int, hz: float):
    frames = drain(tone(hz, 0.5).open(rate), 120)
    assert {len(frame) for frame in frames} == {rate // 50 * 2}
    assert dominant_tone(b"".join(frames[40:]), rate) == (pytest.approx(hz, abs=1), pytest.approx(0.5, rel=0.01))
    steps = numpy.abs(numpy.diff(numpy.frombuffer(b"".join(frames), "<i2").astype(int)))
    assert steps.max() <= 2 * numpy.pi * hz / rate * 0.5 * 32767 + 2


def test_the_default_tone():
    assert dominant_tone(b"".join(drain(tone().open(48000), 10)), 48000) == (
        pytest.approx(440, abs=1),
        pytest.approx(0.25, rel=0.01),
    )


def test_a_tone_above_what_the_rate_can_carry_is_silent():
    assert not any(b"".join(drain(tone(10000).open(16000), 5)))
    assert level(b"".join(drain(tone(5000).open(16000), 5))) > 0.1


@rates
def test_silence_never_ends(rate: int):
    frames = drain(silence().open(rate), 100)
    assert len(frames) == 100
    assert set(frames) == {bytes(rate // 50 * 2)}


@pytest.mark.parametrize(
    "arguments", [{"hz": 0}, {"hz": -1}, {"hz": 30000}, {"hz": "A"}, {"level": -0.1}, {"level": 1.1}, {"level": None}]
)
def test_an_impossible_tone_is_refused(arguments: dict[str, Any]):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        tone(**arguments)


# --- WAV files -----------------------------------------------------------------------------------------------------


@rates
@pytest.mark.parametrize("file_rate", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_file_of_any_rate_and_channels(tmp_path: Path, rate: int, file_rate: int, channels: int):
    data = numpy.repeat(samples(500, file_rate), channels).tobytes()
    frames = drain(wav(write_wav(tmp_path / "a.wav", data, file_rate, channels)).open(rate))
    assert len(frames) in (50, 51)
    assert {len(frame) for frame in frames} == {rate // 50 * 2}
    assert dominant_tone(b"".join(frames[10:]), rate) == (pytest.approx(500, abs=1), pytest.approx(0.25, rel=0.03))


@pytest.mark.parametrize("width", [1, 3, 4])
def test_a_wav_file_of_other_sample_sizes(tmp_path: Path, width: int):
    values = samples(500, 8000).astype(int)
    if width == 1:
        data = (values // 256 + 128).astype(numpy.uint8).tobytes()
    else:
        data = b"".join((int(v) << 8 * (width - 2)).to_bytes(width, "little", signed=True) for v in values)
    frames = drain(wav(write_wav(tmp_path / "a.wav", data, 8000, width=width)).open(8000))
    assert dominant_tone(b"".join(frames), 8000) == (pytest.approx(500, abs=1), pytest.approx(0.25, rel=0.05))


def test_a_recipe_starts_over_at_each_use_and_a_loop_goes_on(tmp_path: Path):
    path = write_wav(tmp_path / "a.wav", samples(500, 8000).tobytes(), 8000)
    source = wav(path)
    assert drain(source.open(8000)) == drain(source.open(8000))
    assert wav(str(path)).open(8000).read() == source.open(8000).read()
    looped = drain(wav(path, loop=True).open(8000), 175)
    assert len(looped) == 175
    assert looped[100:150] == looped[:50]


@pytest.mark.parametrize("loop", [False, True])
def test_an_empty_wav_file_just_ends(tmp_path: Path, loop: bool):
    assert drain(wav(write_wav(tmp_path / "a.wav", b"", 8000), loop=loop).open(8000)) == []


def test_a_wav_file_cut_off_plays_what_is_there(tmp_path: Path):
    path = write_wav(tmp_path / "a.wav", samples(500, 8000).tobytes(), 8000)
    path.write_bytes(path.read_bytes()[:-8000])
    assert 20 <= len(drain(wav(path).open(8000))) <= 30


def test_a_file_that_is_none_is_refused_at_once(tmp_path: Path):
    with pytest.raises(ValueError, match=r"no regular file .*nope\.wav"):
        wav(tmp_path / "nope.wav")
    with pytest.raises(ValueError, match="no regular file"):
        wav(tmp_path)
    for number, content in enumerate([b"", b"hello", b"RIFF\0\0\0\0WAVE", bytes(1000)]):
        path = tmp_path / f"{number}.wav"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"{number}.wav") as refused:
            wav(path)
        assert "Errno" not in str(refused.value)


def test_a_file_that_vanishes_ends_the_source(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = write_wav(tmp_path / "a.wav", samples().tobytes(), 16000)
    source = wav(path)
    path.unlink()
    assert source.open(48000).read() is None
    assert "ends early" in caplog.text


def test_closing_a_reader_ends_it(tmp_path: Path):
    reader = wav(write_wav(tmp_path / "a.wav", samples().tobytes(), 16000)).open(16000)
    assert reader.read()
    reader.close()
    reader.close()
    assert reader.read() is None


# --- samples -------------------------------------------------------------------------------------------------------

KINDS = {
    "array of numpy": lambda data: data,
    "big-endian": lambda data: data.astype(">i2"),
    "bytes": lambda data: data.tobytes(),
    "bytearray": lambda data: bytearray(data.tobytes()),
    "memoryview": lambda data: memoryview(data.tobytes()),
    "array": lambda data: array("h", data.tobytes()),
    "list of bytes": lambda data: [data[:100].tobytes(), data[100:].tobytes()],
    "tuple of arrays": lambda data: (data[:100], data[100:]),
}


@rates
@pytest.mark.parametrize("kind", KINDS)
def test_samples_of_every_kind(rate: int, kind: str):
    source = pcm(KINDS[kind](samples(500, 16000)), 16000)
    frames = drain(source.open(rate))
    assert len(frames) in (50, 51)
    assert dominant_tone(b"".join(frames), rate) == (pytest.approx(500, abs=1), pytest.approx(0.25, rel=0.03))
    assert drain(source.open(rate)) == frames  # no iterator: as often as wanted


def test_the_last_frame_is_filled_up():
    assert drain(pcm(b"\x01\x00" * 200, 8000).open(8000)) == [b"\x01\x00" * 160, b"\x01\x00" * 40 + bytes(240)]
    assert drain(pcm(b"", 8000).open(8000)) == []


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (samples().astype(float), "float64.*int16"),
        (samples().astype(numpy.uint16), "uint16"),
        (samples().reshape(-1, 2), r"shape \(8000, 2\)"),
        (b"abc", "3 bytes"),
        ("text", "str"),
        ([1, 2, 3], "int"),
        (None, "NoneType"),
        (array("f", [1.0]), "array"),
    ],
)
def test_what_is_no_sound_is_refused_at_once(bad: object, says: str):
    with pytest.raises(ValueError, match=says):
        pcm(bad, 16000)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("rate", [0, -8000, 999, 10**6, 8000.5, "8000", None, True])
def test_an_impossible_rate_is_refused(rate: int):
    with pytest.raises(ValueError, match="rate"):
        pcm(b"", rate)


# --- iterators -----------------------------------------------------------------------------------------------------


def wait_until(condition: threading.Event) -> None:
    assert condition.wait(10)


def test_an_iterator_is_read_on_a_thread_of_its_own_at_most_a_second_ahead():
    pulled: list[str] = []
    enough, closed = threading.Event(), threading.Event()

    def chunks() -> Iterator[bytes]:
        try:
            while True:
                pulled.append(threading.current_thread().name)
                if len(pulled) == 50:
                    enough.set()
                yield bytes(320)
        finally:
            closed.set()

    reader = pcm(chunks(), 8000).open(8000)
    wait_until(enough)
    assert set(pulled) == {"jzrx-source"}
    for _ in range(10):
        assert reader.read() == bytes(320)
    assert len(pulled) <= 50 + 10 + 1
    reader.close()
    wait_until(closed)


def test_an_iterator_is_heard_to_its_end_in_any_pieces():
    sound = samples(500, 16000, 0.5).tobytes()
    done = threading.Event()

    def pieces() -> Iterator[bytes]:
        # Cut anywhere, as a network stream is, even through a sample.
        for start in range(0, len(sound), 333):
            yield sound[start : start + 333]
        done.set()

    reader = pcm(pieces(), 16000).open(16000)
    wait_until(done)
    heard = drain_to_end(reader)
    assert heard.rstrip(b"\0") == sound.rstrip(b"\0")


def drain_to_end(reader: AudioReader) -> bytes:
    """What comes until None; the frames of silence before the first sound are left out."""
    heard = b""
    for _ in range(100_000):
        frame = reader.read()
        if frame is None:
            return heard
        heard += frame if heard or any(frame) else b""
    raise AssertionError("the source never ended")


def test_an_underrun_is_silent_counted_and_loses_nothing():
    go, first, done = threading.Event(), threading.Event(), threading.Event()

    def chunks() -> Iterator[bytes]:
        yield b"\x01\x00" * 160
        first.set()
        wait_until(go)
        yield b"\x02\x00" * 160
        done.set()

    reader = pcm(chunks(), 8000).open(8000)
    wait_until(first)
    assert reader.read() == b"\x01\x00" * 160
    assert [reader.read() for _ in range(3)] == [bytes(320)] * 3
    assert getattr(reader, "underruns") == 3  # noqa: B009 - beyond the protocol
    go.set()
    wait_until(done)
    assert reader.read() == b"\x02\x00" * 160


def test_an_iterator_can_be_used_once():
    source = pcm(iter([bytes(320)]), 8000)
    source.open(8000).close()
    with pytest.raises(ValueError, match="once"):
        source.open(8000)


async def test_a_second_claim_is_refused_before_the_media_thread_sees_it():
    loop = asyncio.get_running_loop()
    source = pcm(iter([bytes(320)]), 8000)
    claim(source, loop)
    with pytest.raises(ValueError, match="once"):
        claim(source, loop)
    source.open(8000).close()
    for _ in range(2):
        claim(tone(), loop)


@pytest.mark.parametrize("bad", [object(), "text", samples().astype(float)])
def test_a_wrong_item_ends_the_source_with_a_line_in_the_log(bad: object, caplog: pytest.LogCaptureFixture):
    reader = pcm(iter([b"\x01\x00" * 160, bad]), 8000).open(8000)  # pyright: ignore[reportArgumentType]
    assert drain_to_end(reader).rstrip(b"\0") == (b"\x01\x00" * 160).rstrip(b"\0")
    assert "audio source failed" in caplog.text


async def test_an_async_iterator_is_read_on_the_clients_loop():
    threads: set[int] = set()
    full, refilled, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()
    pulled = 0

    async def chunks() -> AsyncIterator["numpy.ndarray"]:
        nonlocal pulled
        try:
            while True:
                threads.add(threading.get_ident())
                pulled += 1
                if pulled == 50:
                    full.set()
                if pulled == 69:
                    refilled.set()
                yield samples(500, 8000, 0.02)
                await asyncio.sleep(0)
        finally:
            closed.set()

    source = pcm(chunks(), 8000)
    claim(source, asyncio.get_running_loop())
    reader = await asyncio.to_thread(source.open, 8000)  # as the media thread does
    await asyncio.wait_for(full.wait(), 10)
    assert threads == {threading.get_ident()}
    heard = [reader.read() for _ in range(20)]
    assert all(frame and any(frame) for frame in heard)
    await asyncio.wait_for(refilled.wait(), 10)
    assert pulled <= 50 + 20 + 1
    await asyncio.to_thread(reader.close)
    await asyncio.wait_for(closed.wait(), 10)


async def frames_of(reader: AudioReader) -> list[bytes]:
    """The frames with sound, to the end."""
    frames: list[bytes] = []
    async with asyncio.timeout(10):
        while (frame := reader.read()) is not None:
            frames += [frame] if any(frame) else []
            await asyncio.sleep(0)
    return frames


async def test_an_async_iterator_that_ends_ends_the_source():
    async def chunks() -> AsyncIterator[bytes]:
        yield b"\x01\x00" * 160
        yield b"\x02\x00" * 80

    reader = pcm(chunks(), 8000).open(8000)
    assert await frames_of(reader) == [b"\x01\x00" * 160, b"\x02\x00" * 80 + bytes(160)]


async def test_an_async_iterator_that_fails_ends_the_source(caplog: pytest.LogCaptureFixture):
    async def chunks() -> AsyncIterator[bytes]:
        yield b"\x01\x00" * 160
        raise OSError("the network is gone")

    reader = pcm(chunks(), 8000).open(8000)
    assert await frames_of(reader) == [b"\x01\x00" * 160]
    assert "the network is gone" in caplog.text


def test_an_async_source_whose_loop_is_gone_ends():
    async def chunks() -> AsyncIterator[bytes]:
        yield b"\x01\x00" * 160

    source = pcm(chunks(), 8000)
    loop = asyncio.new_event_loop()
    claim(source, loop)
    loop.close()
    reader = source.open(8000)
    assert reader.read() is None
    reader.close()


# --- the application's own sources ---------------------------------------------------------------------------------


class Own:
    """A source of an application, which notes on which threads it runs."""

    def __init__(self, frames: Iterator[Any]) -> None:
        self.frames = frames
        self.threads: set[str] = set()
        self.count = 0
        self.closed = threading.Event()
        self.read_some = threading.Event()

    def open(self, rate: int) -> "Own":
        self.threads.add(threading.current_thread().name)
        return self

    def read(self) -> bytes | None:
        self.threads.add(threading.current_thread().name)
        self.count += 1
        if self.count == 5:
            self.read_some.set()
        return next(self.frames, None)

    def close(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.closed.set()


def test_an_own_source_runs_on_a_worker_thread_100_ms_ahead():
    own = Own(itertools.repeat(b"\x01\x00" * 160))
    reader = readable(own).open(8000)
    wait_until(own.read_some)
    assert [reader.read() for _ in range(5)] == [b"\x01\x00" * 160] * 5
    assert own.count <= 5 + 5 + 1
    reader.close()
    wait_until(own.closed)
    assert own.threads == {"jzrx-source"}


def test_an_own_source_ends_when_its_reader_does():
    own = Own(iter([b"\x01\x00" * 160, b"\x02\x00" * 80]))
    reader = readable(own).open(8000)
    wait_until(own.closed)
    assert drain_to_end(reader) == b"\x01\x00" * 160 + b"\x02\x00" * 80 + bytes(160)


def test_no_thread_can_be_begun(monkeypatch: pytest.MonkeyPatch):
    """From Python 3.12 on none while the interpreter exits: what is opened then has ended, and nobody is told."""

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    source = readable(Own(iter(())))
    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(RuntimeError):
        source.open(8000)
    monkeypatch.setattr(threading, "main_thread", threading.Thread)  # one that does not run
    assert source.open(8000).read() is None


@pytest.mark.parametrize("frame", ["x" * 320, 5, [0] * 320])
def test_an_own_source_that_gives_no_sound_ends(frame: Any, caplog: pytest.LogCaptureFixture):
    own = Own(iter([frame]))
    reader = readable(own).open(8000)
    wait_until(own.closed)
    assert drain_to_end(reader) == b""
    assert f"cannot take {type(frame).__name__}" in caplog.text


@pytest.mark.parametrize(
    "source", [tone(), silence(), pcm(bytes(320), 8000), pcm(iter([bytes(320)]), 8000), ringback()]
)
def test_ours_are_read_as_they_are(source: AudioSource):
    assert readable(source) is source
