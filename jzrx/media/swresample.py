"""FFmpeg's resampler through ctypes: what PyAV's does, without the filter graph around it, which costs five times more.

Its own interface is stable since FFmpeg 5.1, the first with `swr_alloc_set_opts2`.
"""

import ctypes
import logging
import weakref
from functools import cache
from pathlib import Path

import av  # also loads the libraries that this one stands on

__all__ = ["Swresample", "library"]

_log = logging.getLogger("jzrx.media")

_S16 = 1  # AV_SAMPLE_FMT_S16
_ROOM = 64  # samples more than the input lasts, which the filter may hand out


class _Layout(ctypes.Structure):
    """AVChannelLayout."""

    _fields_ = (
        ("order", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("mask", ctypes.c_uint64),
        ("opaque", ctypes.c_void_p),
    )


_MONO = _Layout(1, 1, 4, None)  # AV_CHANNEL_ORDER_NATIVE, AV_CH_LAYOUT_MONO


class Swresample:
    """Turns s16le mono sound at `source` Hz into sound at `target` Hz, piece by piece."""

    def __init__(self, functions: ctypes.PyDLL, source: int, target: int) -> None:
        state = ctypes.c_void_p()
        mono = ctypes.byref(_MONO)
        failed = functions.swr_alloc_set_opts2(
            ctypes.byref(state), mono, _S16, target, mono, _S16, source, 0, None
        ) or functions.swr_init(state)
        if failed:
            raise RuntimeError(f"libswresample failed with error {failed}.")
        weakref.finalize(self, functions.swr_free, ctypes.byref(state)).atexit = False
        self._convert = functions.swr_convert
        self._address = state.value
        self._source = source
        self._target = target
        self._room = 0
        self._make_room(source // 50)

    def convert(self, pcm: bytes) -> bytes:
        """The sound that is complete so far."""
        return self._take(bytes(pcm), len(pcm) // 2)

    def flush(self) -> bytes:
        """What is left at the end."""
        return self._take(None, 0)

    def _take(self, pcm: bytes | None, samples: int) -> bytes:
        if samples * self._target // self._source + _ROOM > self._room:
            self._make_room(samples)
        self._input.value = pcm
        given = None if pcm is None else self._input_address
        count = self._convert(self._address, self._output_address, self._room, given, samples)
        return self._view[: 2 * max(0, count)].tobytes()

    def _make_room(self, samples: int) -> None:
        self._room = samples * self._target // self._source + _ROOM
        self._buffer = ctypes.create_string_buffer(2 * self._room)
        self._view = memoryview(self._buffer)
        self._output = ctypes.c_char_p(ctypes.addressof(self._buffer))
        self._output_address = ctypes.addressof(self._output)
        self._input = ctypes.c_char_p()
        self._input_address = ctypes.addressof(self._input)


@cache
def library() -> ctypes.PyDLL | None:
    """PyAV's libswresample, if it can be called. PyDLL, which keeps the interpreter's lock: a call is short."""
    package = Path(av.__file__).parent
    for folder in (package.parent / "av.libs", package / ".dylibs"):  # Linux and Windows; macOS
        for path in sorted(folder.glob("*swresample*")):
            try:
                functions = ctypes.PyDLL(str(path))
                _declare(functions)
            except (OSError, AttributeError) as error:
                _log.debug("%s is no usable libswresample: %s", path, error)
            else:
                return functions
    return None


def _declare(functions: ctypes.PyDLL) -> None:
    pointer, number = ctypes.c_void_p, ctypes.c_int
    functions.swr_alloc_set_opts2.argtypes = (
        *(pointer, pointer, number, number),
        *(pointer, number, number, number, pointer),
    )
    functions.swr_init.argtypes = (pointer,)
    functions.swr_free.argtypes = (pointer,)
    functions.swr_free.restype = None
    functions.swr_convert.argtypes = (pointer, pointer, number, pointer, number)
