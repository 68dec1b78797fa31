"""Opus (RFC 6716) by libopus through ctypes, 48 kHz mono; by PyAV's codec where no libopus is found.

PyAV brings a libopus along; its own interface has no forward error correction, no concealment and no settings after the
start, which is why it is only the second choice.
"""

import ctypes
import ctypes.util
import logging
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from attrs import frozen
from av import AudioResampler
from av.audio.codeccontext import AudioCodecContext
from av.error import FFmpegError

from jzrx.media.concealment import Repetition
from jzrx.media.resample import decoded, encoded, from_frame

__all__ = ["OpusSettings", "make_opus_decoder", "make_opus_encoder"]

_log = logging.getLogger("jzrx.media")

_RATE = 48000
_FRAME = 960
_LONGEST = 5760  # 120 ms
_LARGEST = 1275  # bytes of one frame (RFC 6716 section 3.4)

_APPLICATION_VOIP = 2048
_SET_BITRATE, _SET_MAX_BANDWIDTH, _SET_VBR, _SET_COMPLEXITY = 4002, 4004, 4006, 4010
_SET_INBAND_FEC, _SET_PACKET_LOSS, _SET_DTX = 4012, 4014, 4016


@frozen(kw_only=True)
class OpusSettings:
    """How to encode: `bitrate` in bit/s, `max_rate` the highest sampling rate worth sending (Hz), `expected_loss` %."""

    bitrate: int = 24000
    complexity: int = 5
    max_rate: int = _RATE
    fec: bool = True
    expected_loss: int = 10
    dtx: bool = False
    vbr: bool = True

    @classmethod
    def wanted(cls, parameters: Mapping[str, str], max_bitrate: int | None = None) -> "OpusSettings":
        """What the other side's fmtp `parameters` ask of the sender (RFC 7587 section 6.1), within `max_bitrate`.

        What it writes wrongly is as if it were not written. `stereo` needs nothing: mono may always be sent.
        """
        limits = [_number(parameters.get("maxaveragebitrate")), max_bitrate]
        bitrate = min([cls().bitrate, *(limit for limit in limits if limit)])
        return cls(
            bitrate=max(6000, bitrate),
            max_rate=max(8000, _number(parameters.get("maxplaybackrate")) or _RATE),
            fec=parameters.get("useinbandfec") == "1",
            dtx=parameters.get("usedtx") == "1",
            vbr=parameters.get("cbr") != "1",
        )

    @property
    def bandwidth(self) -> int:
        """libopus' number of the audio bandwidth that `max_rate` can carry."""
        narrower = ((8000, 1101), (12000, 1102), (16000, 1103), (24000, 1104))
        return next((number for rate, number in narrower if self.max_rate <= rate), 1105)


def make_opus_encoder(settings: OpusSettings) -> "OpusEncoder | PyavOpusEncoder":
    """The best encoder that this machine has."""
    library = _libopus()
    return OpusEncoder(library, settings) if library else PyavOpusEncoder(settings)


def make_opus_decoder() -> "OpusDecoder | PyavOpusDecoder":
    """The best decoder that this machine has."""
    library = _libopus()
    return OpusDecoder(library) if library else PyavOpusDecoder()


class OpusEncoder:
    """libopus' encoder. Its state lives in memory of ours, so there is nothing to release."""

    rate = _RATE
    timestamp_step = _FRAME

    def __init__(self, library: ctypes.PyDLL, settings: OpusSettings) -> None:
        self._encode = library.opus_encode
        self._state = ctypes.create_string_buffer(library.opus_encoder_get_size(1))
        _check(library.opus_encoder_init(self._state, _RATE, 1, _APPLICATION_VOIP))
        for request, value in (
            (_SET_BITRATE, settings.bitrate),
            (_SET_COMPLEXITY, settings.complexity),
            (_SET_MAX_BANDWIDTH, settings.bandwidth),
            (_SET_INBAND_FEC, int(settings.fec)),
            # libopus writes copies only as far as it expects losses.
            (_SET_PACKET_LOSS, settings.expected_loss if settings.fec else 0),
            (_SET_DTX, int(settings.dtx)),
            (_SET_VBR, int(settings.vbr)),
        ):
            _check(library.opus_encoder_ctl(self._state, request, ctypes.c_int(value)))
        self._buffer = ctypes.create_string_buffer(_LARGEST)
        self._view = memoryview(self._buffer)

    def encode(self, pcm: bytes) -> bytes:
        """The payload of a 20 ms frame; with DTX one byte in silence, which is to be sent: it keeps the path open."""
        _check_frame(pcm)
        return self._view[: _check(self._encode(self._state, pcm, _FRAME, self._buffer, _LARGEST))].tobytes()


class OpusDecoder:
    """libopus' decoder: stereo becomes mono, any frame size, its own concealment, and copies of lost packets."""

    rate = _RATE

    def __init__(self, library: ctypes.PyDLL) -> None:
        self.errors = 0
        self._decode = library.opus_decode
        self._state = ctypes.create_string_buffer(library.opus_decoder_get_size(1))
        _check(library.opus_decoder_init(self._state, _RATE, 1))
        self._buffer = ctypes.create_string_buffer(2 * _LONGEST)
        self._view = memoryview(self._buffer)
        self._samples = _FRAME  # of the last packet: a lost one is taken to be as long

    def decode(self, payload: bytes) -> bytes:
        """The sound of a payload; of a corrupt one, concealment."""
        samples = self._decode(self._state, payload, len(payload), self._buffer, _LONGEST, 0) if payload else -1
        if samples <= 0:
            self.errors += 1
            return self.conceal()
        self._samples = samples
        return self._view[: 2 * samples].tobytes()

    def conceal(self) -> bytes:
        """Sound in place of a lost payload."""
        return self._sound(self._decode(self._state, None, 0, self._buffer, self._samples, 0))

    def decode_fec(self, next_payload: bytes) -> bytes:
        """The lost payload's copy in `next_payload`; libopus conceals by itself where there is none."""
        samples = self._decode(self._state, next_payload, len(next_payload), self._buffer, self._samples, 1)
        return self._sound(samples) if samples > 0 else self.conceal()

    def _sound(self, samples: int) -> bytes:
        return self._view[: 2 * samples].tobytes() if samples > 0 else bytes(2 * self._samples)


class PyavOpusEncoder:
    """FFmpeg's encoder, with the settings that it takes."""

    rate = _RATE
    timestamp_step = _FRAME

    def __init__(self, settings: OpusSettings) -> None:
        self._codec = AudioCodecContext.create("libopus", "w")
        self._codec.sample_rate = _RATE
        self._codec.format = "s16"
        self._codec.layout = "mono"
        self._codec.bit_rate = settings.bitrate
        self._codec.time_base = Fraction(1, _RATE)
        self._codec.options = {
            "application": "voip",
            "compression_level": str(settings.complexity),
            "fec": str(int(settings.fec)),
            "packet_loss": str(settings.expected_loss if settings.fec else 0),
            "vbr": "on" if settings.vbr else "off",
        }
        self._time = 0

    def encode(self, pcm: bytes) -> bytes:
        """The payload of a 20 ms frame."""
        _check_frame(pcm)
        time, self._time = self._time, self._time + _FRAME
        return encoded(self._codec, pcm, _RATE, time)


class PyavOpusDecoder:
    """FFmpeg's decoder; conceals by repetition, knows no copies."""

    rate = _RATE

    def __init__(self) -> None:
        self.errors = 0
        self._codec = AudioCodecContext.create("opus", "r")
        self._codec.sample_rate = _RATE
        self._codec.layout = "mono"
        self._mono = AudioResampler(format="s16", layout="mono", rate=_RATE)
        self._repetition = Repetition(_FRAME)

    def decode(self, payload: bytes) -> bytes:
        """The sound of a payload; of a corrupt one, concealment."""
        try:
            frames = decoded(self._codec, payload)
            sound = b"".join(from_frame(mono) for frame in frames for mono in self._mono.resample(frame))
        except FFmpegError:
            sound = b""
        if not sound:
            self.errors += 1
            return self.conceal()
        return self._repetition.remember(sound)

    def conceal(self) -> bytes:
        """Sound in place of a lost payload."""
        return self._repetition.conceal()

    def decode_fec(self, next_payload: bytes) -> bytes:
        """FFmpeg does not read the copies: concealment."""
        return self._repetition.conceal()


@cache
def _libopus() -> ctypes.PyDLL | None:
    """libopus: PyAV's own, else the system's."""
    for path in _candidates():
        try:
            # PyDLL keeps the interpreter's lock. A call lasts 0.2 ms at most; with the lock given back, a busy thread
            # of the application could keep the media thread waiting for 5 ms after each of them.
            library = ctypes.PyDLL(path)
            _declare(library)
        except (OSError, AttributeError) as error:
            _log.debug("%s is no usable libopus: %s", path, error)
        else:
            return library
    _log.info("No libopus was found: Opus by PyAV, without forward error correction.")
    return None


def _candidates() -> Iterator[str]:
    spec = find_spec("av")
    if spec and spec.origin:
        package = Path(spec.origin).parent
        for folder in (package.parent / "av.libs", package / ".dylibs"):  # Linux and Windows; macOS
            yield from sorted(str(path) for path in folder.glob("*opus*") if path.name.startswith(("libopus", "opus")))
    if system := ctypes.util.find_library("opus"):
        yield system


def _declare(library: ctypes.PyDLL) -> None:
    """Tell ctypes the functions' types; `opus_encoder_ctl` is variadic, so only its first two arguments have one."""
    state, number = ctypes.c_void_p, ctypes.c_int
    for name, arguments in (
        ("opus_encoder_get_size", (number,)),
        ("opus_encoder_init", (state, ctypes.c_int32, number, number)),
        ("opus_encoder_ctl", (state, number)),
        ("opus_encode", (state, ctypes.c_char_p, number, ctypes.c_void_p, ctypes.c_int32)),
        ("opus_decoder_get_size", (number,)),
        ("opus_decoder_init", (state, ctypes.c_int32, number)),
        ("opus_decode", (state, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, number, number)),
    ):
        function = getattr(library, name)
        function.argtypes = arguments
        function.restype = number


def _check(result: int) -> int:
    if result < 0:
        raise RuntimeError(f"libopus failed with error {result}.")
    return result


def _check_frame(pcm: bytes) -> None:
    if len(pcm) != 2 * _FRAME:
        raise ValueError(f"A frame of 20 ms at 48000 Hz has {2 * _FRAME} bytes, not {len(pcm)}.")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else None
