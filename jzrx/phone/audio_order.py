"""What a call sends and where it is heard, when its options are to say."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from jzrx.checks import is_source
from jzrx.media.devices.endpoints import Microphone, Speaker, bound, microphone
from jzrx.media.devices.library import is_installed
from jzrx.media.devices.taps import DeviceChoice
from jzrx.options import AnswerOptions, Audio, JambonzCallOptions, JambonzClientOptions
from jzrx.ports import AudioSink, AudioSource

__all__ = ["call_audio", "has_speaker"]


def call_audio(
    ours: JambonzClientOptions, options: AnswerOptions, devices: DeviceChoice
) -> tuple[AudioSource | None, AudioSink | None]:
    """The source and the sink of a call; `devices` are those that its client has chosen.

    The source is that of the call, else the client's, else the microphone if the extra `[audio]` is installed and the
    call does not refuse it (`media_constraints`), else silence (None). A microphone that is only the default, on a
    machine without one, is silent, too.
    """
    source = _made(options.audio if options.audio is not None else ours.audio)
    if source is None:
        source = _microphone(options)
    if source is not None:
        source = bound(source, devices)
    speaker = ours.speaker if ours.speaker is not None else isinstance(source, Microphone)
    if speaker is False:
        return source, None
    return source, Speaker(devices, is_default=ours.speaker is None and _is_default(source))


def has_speaker(ours: JambonzClientOptions) -> bool:
    """Whether calls are heard on a speaker, unless they say otherwise. A function that makes sources is not asked."""
    if ours.media is not None:
        return False
    if ours.speaker is not None:
        return ours.speaker is not False
    return isinstance(ours.audio, Microphone) or (ours.audio is None and is_installed())


def _made(audio: Audio | None) -> AudioSource | None:
    if audio is None:
        return None
    made: Any = audio if is_source(audio) else cast(Callable[[], AudioSource], audio)()
    if not is_source(made):
        raise ValueError(f"audio: the function must return an audio source such as jzrx.media.tone(), not {made!r}")
    if getattr(made, "is_used", False):
        raise ValueError(
            "audio: this iterator was used already, and can be used once: make another source, or give a function that "
            "makes one for each call"
        )
    return cast(AudioSource, made)


def _microphone(options: AnswerOptions) -> AudioSource | None:
    wanted = options.media_constraints["audio"] if isinstance(options, JambonzCallOptions) else True
    if isinstance(wanted, Mapping):
        return microphone(cast(Mapping[str, Any], wanted)["deviceId"])
    return Microphone(is_default=True) if wanted and is_installed() else None


def _is_default(source: AudioSource | None) -> bool:
    return isinstance(source, Microphone) and source.is_default
