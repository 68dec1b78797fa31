"""What jzrx ships for tests, demos and notebooks: an SBC, ears, media without sound, virtual time, marbles."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jzrx.testing.fake_media import FakeMedia
    from jzrx.testing.far_end import FarEnd
    from jzrx.testing.handset import Handset
    from jzrx.testing.hearing import heard, hears, hears_silence
    from jzrx.testing.impair import ImpairedMedia, Impairment
    from jzrx.testing.marbles import Marbles
    from jzrx.testing.peer import Peer
    from jzrx.testing.sbc.account import Account
    from jzrx.testing.sbc.journal import SbcEvent
    from jzrx.testing.sbc.legs import Leg, Robot
    from jzrx.testing.sbc.server import EmbeddedSbc
    from jzrx.testing.story import LETTERS, CallRecordings, Run, VirtualHandset
    from jzrx.testing.virtual import CountedIds, Phone, brief, link, play
    from jzrx.testing.virtual_loop import VirtualLoop, VirtualTime

__all__ = [
    "Account",
    "CallRecordings",
    "CountedIds",
    "EmbeddedSbc",
    "FakeMedia",
    "FarEnd",
    "Handset",
    "ImpairedMedia",
    "Impairment",
    "LETTERS",
    "Leg",
    "Marbles",
    "Peer",
    "Phone",
    "Robot",
    "Run",
    "SbcEvent",
    "VirtualHandset",
    "VirtualLoop",
    "VirtualTime",
    "brief",
    "heard",
    "hears",
    "hears_silence",
    "link",
    "play",
]

_HOMES = {
    "Account": "jzrx.testing.sbc.account",
    "CallRecordings": "jzrx.testing.story",
    "CountedIds": "jzrx.testing.virtual",
    "EmbeddedSbc": "jzrx.testing.sbc.server",
    "FakeMedia": "jzrx.testing.fake_media",
    "FarEnd": "jzrx.testing.far_end",
    "Handset": "jzrx.testing.handset",
    "ImpairedMedia": "jzrx.testing.impair",
    "Impairment": "jzrx.testing.impair",
    "LETTERS": "jzrx.testing.story",
    "Leg": "jzrx.testing.sbc.legs",
    "Marbles": "jzrx.testing.marbles",
    "Peer": "jzrx.testing.peer",
    "Phone": "jzrx.testing.virtual",
    "Robot": "jzrx.testing.sbc.legs",
    "Run": "jzrx.testing.story",
    "SbcEvent": "jzrx.testing.sbc.journal",
    "VirtualHandset": "jzrx.testing.story",
    "VirtualLoop": "jzrx.testing.virtual_loop",
    "VirtualTime": "jzrx.testing.virtual_loop",
    "brief": "jzrx.testing.virtual",
    "heard": "jzrx.testing.hearing",
    "hears": "jzrx.testing.hearing",
    "hears_silence": "jzrx.testing.hearing",
    "link": "jzrx.testing.virtual",
    "play": "jzrx.testing.virtual",
}


def __getattr__(name: str) -> Any:
    # Lazy: the SBC loads aiortc, which a test in virtual time need not wait for.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
