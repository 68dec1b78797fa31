"""A phone as its user has it: a client, its state, and its current call."""

from jzrx.client import JambonzClient
from jzrx.hooks.use_call import UseCall, use_call
from jzrx.store import ClientSnapshot, StateObservable, StateView, selectors
from jzrx.types import ClientState

__all__ = ["Handset"]


class Handset:
    """A client, with its state as observables, and `calls`, its `use_call`."""

    def __init__(self, client: JambonzClient) -> None:
        self.client = client
        self.calls: UseCall = use_call(client)
        self._view = StateView(client.snapshot)
        self.snapshot: StateObservable[ClientSnapshot] = self._view
        self.state: StateObservable[ClientState] = self._view.select(lambda now: now.state)
        self.is_registered: StateObservable[bool] = self._view.select(selectors.is_registered)
        self.is_connecting: StateObservable[bool] = self._view.select(selectors.is_connecting)
        self.error: StateObservable[str | None] = self._view.select(lambda now: now.error)

    @property
    def name(self) -> str:
        """Whose it is."""
        return self.client.options.username

    def dispose(self) -> None:
        """Complete all observables; the client goes on."""
        self.calls.dispose()
        self._view.dispose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.state.value}, {self.calls!r}>"
