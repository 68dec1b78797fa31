"""The store: events in, immutable snapshots out, observable and consistent."""

from jzrx.store.observable import StateCell, StateObservable, StateView, constant
from jzrx.store.root import reduce, replay
from jzrx.store.selectors import AllowedActions, AllowedCallActions
from jzrx.store.snapshots import CallSnapshot, ClientSnapshot
from jzrx.store.store import Store, StoreView

__all__ = [
    "AllowedActions",
    "AllowedCallActions",
    "CallSnapshot",
    "ClientSnapshot",
    "StateCell",
    "StateObservable",
    "StateView",
    "Store",
    "StoreView",
    "constant",
    "reduce",
    "replay",
]
