"""The libraries of the extra `[audio]`, loaded when a device is first used, and never before."""

import atexit
import ctypes
import importlib
import importlib.util
import sys
from typing import Any

__all__ = ["DeviceError", "abandon_portaudio", "is_installed", "load_portaudio", "load_pulsectl"]

INSTALL = "pip install 'jzrx[audio]'"


class DeviceError(Exception):
    """A library or a device that is not there, or cannot be used; the message says what to do."""


def is_installed() -> bool:
    """Whether the extra is installed; PortAudio itself may still be missing."""
    try:
        return importlib.util.find_spec("sounddevice") is not None
    except (ImportError, ValueError):
        return False


def load_portaudio() -> Any:
    """sounddevice. Raises DeviceError without it, or without PortAudio."""
    try:
        return importlib.import_module("sounddevice")
    except ImportError as error:
        raise DeviceError(f"audio devices need the extra: {INSTALL}") from error
    except OSError as error:  # it is there, and finds no libportaudio
        raise DeviceError(
            f"PortAudio cannot be loaded ({error}): install it, as by apt install libportaudio2"
        ) from error
    except Exception as error:  # PortAudio does not start
        raise DeviceError(f"PortAudio does not start: {error}") from error


def load_pulsectl() -> Any | None:
    """pulsectl, or None without it or without libpulse."""
    try:
        return importlib.import_module("pulsectl")
    except (ImportError, OSError):
        return None


def abandon_portaudio() -> None:
    """At the interpreter's exit, with a thread inside PortAudio: let it be neither terminated nor unloaded.

    sounddevice does the former in a handler of its own, and Python the latter as the last reference goes; the thread
    would run on in memory that is gone.
    """
    sounddevice = sys.modules.get("sounddevice")  # which may still be loading
    if (handler := getattr(sounddevice, "_exit_handler", None)) is not None:
        atexit.unregister(handler)
    if (library := getattr(sounddevice, "_lib", None)) is not None:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(library))
