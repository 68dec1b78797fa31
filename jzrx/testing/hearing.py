"""Assertions about what a call hears: `hears` waits for tones, `hears_silence` for nothing, `heard` gives the sound.

They listen from when they are called on, after playout, and may be awaited on any loop.
"""

from collections.abc import Callable, Sequence
from math import inf

from reactivex import operators

from jzrx import awaiting
from jzrx.call import JambonzCall
from jzrx.errors import JambonzError
from jzrx.media.frames import AudioFrame
from jzrx.media.measure import dbfs, dominant_tone, level, tone_level

__all__ = ["heard", "hears", "hears_silence"]

RATE = 48000
FRAMES_A_SECOND = 50
WINDOW, STEP = 10, 5
"""Frames that are measured at once, and from one measurement to the next: a beep of 0.3 s is never missed."""
AUDIBLE = 0.01
"""The least peak of a tone: -40 dBFS."""
SILENT = 10 ** (-70 / 20)
"""The highest level of silence: -70 dBFS, which leaves room for the noise of a codec."""
MOST = 0.5
"""The part of the power of the sound that the tones must have."""
NEAR_DB = 3.0


async def heard(call: JambonzCall, seconds: float = 1.0) -> bytes:
    """The next `seconds` of what a call hears: s16le mono at 48000 Hz, what is concealed included.

    `jzrx.media.measure` tells its level and its tones. AssertionError if the call ends before, or if there is no audio
    at all for 10 s more.
    """
    frames: list[AudioFrame] = []
    wanted = round(seconds * FRAMES_A_SECOND)

    def is_enough(frame: AudioFrame) -> bool:
        frames.append(frame)
        return len(frames) >= wanted

    try:
        await awaiting.first(call.audio.incoming, is_enough, seconds + 10)
    except (TimeoutError, JambonzError) as error:
        why = "there is no more audio" if isinstance(error, TimeoutError) else "the call has ended"
        raise AssertionError(f"heard {len(frames) / FRAMES_A_SECOND:g} s of {seconds:g} s: {why}") from None
    return _sound(frames)


async def hears(call: JambonzCall, *hz: float, peak: float | None = None, within: float = 5.0) -> bytes:
    """Wait until a call hears these tones, all at once and above everything else; returns that 0.2 s of sound.

    With `peak` (0.0 to 1.0 of full scale) each of them must be as loud as that, to 3 dB. AssertionError, which says
    what is heard instead, if it does not `within` seconds, or if the call ends before.
    """
    if not hz:
        raise ValueError("hears() needs the tones to wait for, in Hz; for silence there is hears_silence()")

    def fits(sound: bytes) -> bool:
        peaks = [tone_level(sound, RATE, each) for each in hz]
        if peak is not None and any(abs(dbfs(each) - dbfs(peak)) > NEAR_DB for each in peaks):
            return False
        power = sum(each * each / 2 for each in peaks)
        return min(peaks) >= AUDIBLE and power >= MOST * level(sound) ** 2

    wanted = " and ".join(f"{each:g} Hz" for each in hz)
    return await _until(call, fits, wanted + ("" if peak is None else f" at {dbfs(peak):.0f} dBFS"), within)


async def hears_silence(call: JambonzCall, *, within: float = 5.0) -> bytes:
    """Wait until a call hears nothing, for 0.2 s; returns that. AssertionError as `hears`."""
    return await _until(call, lambda sound: level(sound) < SILENT, "silence", within)


async def _until(call: JambonzCall, fits: Callable[[bytes], bool], wanted: str, within: float) -> bytes:
    latest = b""

    def look(sound: bytes) -> bool:
        nonlocal latest
        latest = sound
        return fits(sound)

    windows = call.audio.incoming.pipe(
        operators.buffer_with_count(WINDOW, STEP),
        operators.filter(_is_whole),
        operators.map(_sound),
    )
    try:
        return await awaiting.first(windows, look, within)
    except TimeoutError:
        raise AssertionError(f"{wanted} was not heard within {within:g} s, but {_told(latest)}") from None
    except JambonzError:
        raise AssertionError(f"{wanted} was not heard before the call ended, but {_told(latest)}") from None


def _is_whole(frames: Sequence[AudioFrame]) -> bool:
    return len(frames) == WINDOW  # the last ones, at the call's end, are not


def _told(sound: bytes) -> str:
    """What a sound is, in words."""
    if not sound:
        return "nothing at all, not even silence"
    hz, peak = dominant_tone(sound, RATE)
    loud = dbfs(level(sound))
    if loud == -inf:
        return "silence"
    return f"{hz:.0f} Hz at {dbfs(peak):.0f} dBFS, in sound of {loud:.0f} dBFS"


def _sound(frames: Sequence[AudioFrame]) -> bytes:
    return b"".join(frame.data for frame in frames)
