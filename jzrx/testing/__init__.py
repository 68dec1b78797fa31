"""What jzrx ships for tests, demos and notebooks: an SBC on this machine, media without sound, virtual time."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jzrx.testing.fake_media import FakeMedia
    from jzrx.testing.impair import ImpairedMedia, Impairment
    from jzrx.testing.peer import Peer
    from jzrx.testing.sbc.account import Account
    from jzrx.testing.sbc.journal import SbcEvent
    from jzrx.testing.sbc.server import EmbeddedSbc
    from jzrx.testing.virtual import CountedIds, Phone, brief, link, play

__all__ = [
    "Account",
    "CountedIds",
    "EmbeddedSbc",
    "FakeMedia",
    "ImpairedMedia",
    "Impairment",
    "Peer",
    "Phone",
    "SbcEvent",
    "brief",
    "link",
    "play",
]

_HOMES = {
    "Account": "jzrx.testing.sbc.account",
    "CountedIds": "jzrx.testing.virtual",
    "EmbeddedSbc": "jzrx.testing.sbc.server",
    "FakeMedia": "jzrx.testing.fake_media",
    "ImpairedMedia": "jzrx.testing.impair",
    "Impairment": "jzrx.testing.impair",
    "Peer": "jzrx.testing.peer",
    "Phone": "jzrx.testing.virtual",
    "SbcEvent": "jzrx.testing.sbc.journal",
    "brief": "jzrx.testing.virtual",
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
