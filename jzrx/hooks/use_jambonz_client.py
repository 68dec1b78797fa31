"""`use_jambonz_client`: one account, connected and disconnected as often as wanted."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from attrs import frozen
from reactivex import operators

from jzrx.action import Action, Deferred
from jzrx.client import JambonzClient
from jzrx.hooks.hook import Hook
from jzrx.options import JambonzClientOptions, resolve_options
from jzrx.phone.line import Parts
from jzrx.phone.phone import already_connected
from jzrx.store import ClientSnapshot, StateCell, StateObservable, constant
from jzrx.store.html import fields_html
from jzrx.store.lock import LOCK
from jzrx.types import ClientState

__all__ = ["UseJambonzClient", "UseJambonzClientSnapshot", "use_jambonz_client"]


@frozen(kw_only=True)
class UseJambonzClientSnapshot:
    """All fields of the hook at one moment."""

    client: JambonzClient | None = None
    state: ClientState = ClientState.DISCONNECTED
    is_registered: bool = False
    is_connecting: bool = False
    error: str | None = None

    def _repr_html_(self) -> str:
        return fields_html("use_jambonz_client", self)


class UseJambonzClient(Hook[UseJambonzClientSnapshot]):
    """A client as observable state; mirrors what the documented `useJambonzClient` returns.

    `client` is None before `connect()`, after `disconnect()` and after a failure; each `connect()` makes a new one.
    `state` and `error` outlive it: `error` is the last one's message, until the next `connect()`. Its
    `dispose()` disconnects, too. As a context manager it is disposed at the end; entering does not connect.
    """

    def __init__(self, options: JambonzClientOptions, *, parts: Parts | None = None) -> None:
        self._options = options
        self._parts = parts
        self._client: JambonzClient | None = None
        # What is shown of it: inside a subscriber a step behind.
        self._latest = StateCell[JambonzClient | None](None)
        super().__init__("use_jambonz_client", self._latest.follow(_state_of))
        self.client: StateObservable[JambonzClient | None] = self._view.select(lambda now: now.client)
        self.state: StateObservable[ClientState] = self._view.select(lambda now: now.state)
        self.is_registered: StateObservable[bool] = self._view.select(lambda now: now.is_registered)
        self.is_connecting: StateObservable[bool] = self._view.select(lambda now: now.is_connecting)
        self.error: StateObservable[str | None] = self._view.select(lambda now: now.error)

    @property
    def options(self) -> JambonzClientOptions:
        """What each of its clients is made with."""
        return self._options

    def connect(self, *, background: bool = False) -> Action[None]:
        """Make a client and connect it; see `JambonzClient.connect` for what it raises."""
        self._refuse_disposed()
        client, other = JambonzClient(self._options, parts=self._parts), self._client

        def claim() -> None:
            with LOCK:  # another thread may have been faster
                self._refuse_disposed()
                if self._client is not other:
                    raise already_connected()
                self._client = client

        return client.replace(other, claim, lambda: self._latest.set(client), background=background)

    def disconnect(self) -> Action[None]:
        """Disconnect the client; see `JambonzClient.disconnect`. Without one nothing happens."""
        self._refuse_disposed()
        return self._disconnect()

    def _leave(self) -> None:
        self._disconnect()
        client = self._client
        if client is None:
            super()._leave()
            return
        # Inside a subscriber, or in another thread, that shows only later; and it is to be the last that is seen.
        client.snapshot.pipe(operators.filter(_is_disconnected), operators.take(1)).subscribe(
            lambda _: self._view.dispose()
        )

    def __repr__(self) -> str:
        return f"<UseJambonzClient {self._options.username} at {self._options.server} {self.state.value}>"

    def _disconnect(self) -> Action[None]:
        return Deferred[None].resolved(None) if self._client is None else self._client.disconnect()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._disconnect()
        self.dispose()


def _is_disconnected(now: ClientSnapshot) -> bool:
    return now.state is ClientState.DISCONNECTED


def _state_of(client: JambonzClient | None) -> StateObservable[UseJambonzClientSnapshot]:
    if client is None:
        return constant(UseJambonzClientSnapshot())
    return client.snapshot.select(
        lambda now: UseJambonzClientSnapshot(
            client=None if now.state in (ClientState.DISCONNECTED, ClientState.ERROR) else client,
            state=now.state,
            is_registered=now.is_registered,
            is_connecting=now.state in (ClientState.CONNECTING, ClientState.RECONNECTING),
            error=now.error,
        )
    )


def use_jambonz_client(
    options: JambonzClientOptions | Mapping[str, Any] | None = None, /, **fields: Any
) -> UseJambonzClient:
    """The hook for one account; mirrors the documented `useJambonzClient`. It needs no event loop, nor does it connect.

    `options` are `JambonzClientOptions` or a mapping of their names; keywords override. TypeError for an unknown name,
    ValueError for a missing or bad value.
    """
    return UseJambonzClient(resolve_options(JambonzClientOptions, options, fields))
