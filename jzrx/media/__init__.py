"""Audio: what calls send (`tone`, `silence`, `wav`, `pcm`, `microphone`, ...) and what is heard (`AudioFrame`)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jzrx.media.devices.endpoints import microphone
    from jzrx.media.frames import AudioFrame
    from jzrx.media.sources import pcm, silence, tone, wav
    from jzrx.media.tones import ringback

__all__ = ["AudioFrame", "microphone", "pcm", "ringback", "silence", "tone", "wav"]

_HOMES = {
    "AudioFrame": "jzrx.media.frames",
    "microphone": "jzrx.media.devices.endpoints",
    "pcm": "jzrx.media.sources",
    "ringback": "jzrx.media.tones",
    "silence": "jzrx.media.sources",
    "tone": "jzrx.media.sources",
    "wav": "jzrx.media.sources",
}


def __getattr__(name: str) -> Any:
    # Lazy: the sources load PyAV, some 0.1 s that a program which only signals need not spend.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
