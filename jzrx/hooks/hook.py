"""What all hooks have in common: observables that show one moment, until the hook is disposed."""

import logging
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from reactivex import Observable
from reactivex.abc import DisposableBase
from reactivex.disposable import Disposable

from jzrx import errors
from jzrx.action import Action
from jzrx.call import JambonzCall
from jzrx.client import CallOptions, JambonzClient
from jzrx.errors import JambonzError
from jzrx.store import ClientSnapshot, StateCell, StateObservable, StateView, constant
from jzrx.store.html import html_of

__all__ = ["ClientHook", "Clients", "Hook"]

S = TypeVar("S")

Clients = JambonzClient | Observable[Any] | None
"""What a hook on a client takes: a client, None, or an observable of either."""

_log = logging.getLogger("jzrx")


class Hook(Generic[S]):
    """A view of `source`: `snapshot`, and the selections of it that each hook names. `name` is what made it.

    As a context manager it is disposed at the end.
    """

    def __init__(self, name: str, source: StateObservable[S]) -> None:
        self._name = name
        self._view = StateView(source)
        self._disposed = False
        self.snapshot: StateObservable[S] = self._view

    def dispose(self) -> None:
        """Complete all observables. A second time nothing happens."""
        if not self._disposed:
            self._disposed = True
            self._leave()

    def _leave(self) -> None:
        """The hook ends: complete the view, and with it everything that was selected of it."""
        self._view.dispose()

    def _refuse_disposed(self) -> None:
        if self._disposed:
            raise JambonzError(f"this {self._name} was disposed; make another one")

    def _repr_html_(self) -> str:
        return html_of(self.snapshot.value)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.dispose()


class ClientHook(Hook[S]):
    """A hook on the calls of a client, or of whichever one an observable names: `derive` of the client's snapshot.

    Without a client it shows `nothing`. Disposing it only unsubscribes; the calls go on.
    """

    def __init__(
        self, name: str, client: Clients, derive: Callable[[JambonzClient, ClientSnapshot], S], nothing: S
    ) -> None:
        self._client, self._following = _as_state(name, client)
        super().__init__(
            name,
            self._client.follow(
                lambda client: constant(nothing) if client is None else client.snapshot.select(partial(derive, client))
            ),
        )

    def make_call(self, target: str, options: CallOptions = None, **fields: Any) -> Action[JambonzCall]:
        """Call `target`, after the current call is put on hold; see `JambonzClient.make_call`.

        ConnectionError when not connected.
        """
        return self._connected().make_call(target, options, **fields)

    def _connected(self) -> JambonzClient:
        client = self._alive()
        if client is None:
            raise errors.ConnectionError("Not connected: call connect() first.")
        return client

    def _alive(self) -> JambonzClient | None:
        self._refuse_disposed()
        return self._client.value

    def _leave(self) -> None:
        self._following.dispose()
        super()._leave()


def _as_state(name: str, client: Clients) -> tuple[StateObservable[JambonzClient | None], DisposableBase]:
    """The client as a state, and what ends following it."""
    checked = partial(_checked, name)
    if isinstance(client, StateObservable):
        checked(cast(object, client.value))
        return cast("StateObservable[JambonzClient | None]", client), Disposable()
    if isinstance(client, Observable):
        cell = StateCell[JambonzClient | None](None)
        return cell, client.subscribe(lambda value: cell.set(checked(value)), partial(_log_failure, name))
    return StateCell(checked(client)), Disposable()


def _checked(name: str, client: object) -> JambonzClient | None:
    if client is None or isinstance(client, JambonzClient):
        return client
    wanted = "a JambonzClient, None, or an observable of either, such as use_jambonz_client(...).client"
    raise TypeError(f"{name} takes {wanted}, not {client!r}")


def _log_failure(name: str, error: Exception) -> None:
    _log.error("the observable of clients that %s was given failed; its last client stays", name, exc_info=error)
