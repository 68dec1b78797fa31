"""The public names of jzrx, which `jzrx/__init__.py` hands out."""

from jzrx.action import Action
from jzrx.audio_manager import JambonzAudioManager
from jzrx.call import JambonzCall
from jzrx.client import JambonzClient, create_jambonz_client
from jzrx.doctor import PreflightStep, preflight
from jzrx.errors import CallError, JambonzError, RegistrationError
from jzrx.errors import ConnectionError as ConnectionError
from jzrx.headers import RemoteHeaders
from jzrx.hooks.use_call import UseCall, UseCallSnapshot, use_call
from jzrx.hooks.use_calls import UseCalls, UseCallsSnapshot, use_calls
from jzrx.hooks.use_jambonz_client import UseJambonzClient, UseJambonzClientSnapshot, use_jambonz_client
from jzrx.incoming import IncomingCall, IncomingPolicy
from jzrx.media.devices.device import AudioDevice
from jzrx.media.frames import AudioFrame
from jzrx.options import (
    DEFAULT_USER_AGENT,
    VERSION,
    AnswerOptions,
    JambonzCallOptions,
    JambonzClientOptions,
    Reconnect,
)
from jzrx.phone.audio import CallAudio
from jzrx.phone.background import background
from jzrx.ports import Playback
from jzrx.store import AllowedActions, AllowedCallActions, CallSnapshot, ClientSnapshot, StateObservable, StoreView
from jzrx.types import (
    CallDirection,
    CallEndCause,
    CallQualityStats,
    CallState,
    CallWarning,
    ClientState,
    MediaState,
    SipInfo,
    SipMessage,
    TransferRequest,
)

# ConnectionError is left out: `from jzrx import *` must not replace the builtin one.
__all__ = [
    "Action",
    "AllowedActions",
    "AllowedCallActions",
    "AnswerOptions",
    "AudioDevice",
    "AudioFrame",
    "CallAudio",
    "CallDirection",
    "CallEndCause",
    "CallError",
    "CallQualityStats",
    "CallSnapshot",
    "CallState",
    "CallWarning",
    "ClientSnapshot",
    "ClientState",
    "DEFAULT_USER_AGENT",
    "IncomingCall",
    "IncomingPolicy",
    "JambonzAudioManager",
    "JambonzCall",
    "JambonzCallOptions",
    "JambonzClient",
    "JambonzClientOptions",
    "JambonzError",
    "MediaState",
    "Playback",
    "PreflightStep",
    "Reconnect",
    "RegistrationError",
    "RemoteHeaders",
    "SipInfo",
    "SipMessage",
    "StateObservable",
    "StoreView",
    "TransferRequest",
    "UseCall",
    "UseCallSnapshot",
    "UseCalls",
    "UseCallsSnapshot",
    "UseJambonzClient",
    "UseJambonzClientSnapshot",
    "VERSION",
    "background",
    "create_jambonz_client",
    "preflight",
    "use_call",
    "use_calls",
    "use_jambonz_client",
]
