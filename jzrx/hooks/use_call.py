"""`use_call`: the current call of a client, and who calls."""

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, cast

from attrs import frozen
from reactivex import Observable
from reactivex.abc import DisposableBase
from reactivex.disposable import Disposable

from jzrx import errors
from jzrx.action import Action, Deferred
from jzrx.call import JambonzCall
from jzrx.client import CallOptions, JambonzClient
from jzrx.errors import CallError, JambonzError
from jzrx.options import AnswerOptions
from jzrx.store import ClientSnapshot, StateCell, StateObservable, StateView, constant, selectors
from jzrx.types import CallState

__all__ = ["UseCall", "UseCallSnapshot", "use_call"]

_log = logging.getLogger("jzrx")


@frozen(kw_only=True)
class UseCallSnapshot:
    """All fields of the hook at one moment."""

    call: JambonzCall | None = None
    state: CallState | None = None
    is_muted: bool = False
    is_held: bool = False
    is_remotely_held: bool = False
    is_active: bool = False
    incoming_caller: str | None = None


class UseCall:
    """The current call as observable state; mirrors what the documented `useCall` returns.

    The current call belongs to the client: the last one made or answered, by any means. When it ends, `state` is
    `ended` once, then the latest held call comes back, or everything is None. `incoming_caller` names the oldest call
    that rings here; such a call is not `call`. As a context manager it is disposed at the end, which only unsubscribes.
    """

    def __init__(self, client: "JambonzClient | Observable[Any] | None") -> None:
        self._client, self._following = _as_state(client)
        self._view = StateView(self._client.follow(_state_of))
        self._disposed = False
        self.snapshot: StateObservable[UseCallSnapshot] = self._view
        self.call: StateObservable[JambonzCall | None] = self._view.select(lambda now: now.call)
        self.state: StateObservable[CallState | None] = self._view.select(lambda now: now.state)
        self.is_muted: StateObservable[bool] = self._view.select(lambda now: now.is_muted)
        self.is_held: StateObservable[bool] = self._view.select(lambda now: now.is_held)
        self.is_remotely_held: StateObservable[bool] = self._view.select(lambda now: now.is_remotely_held)
        self.is_active: StateObservable[bool] = self._view.select(lambda now: now.is_active)
        self.incoming_caller: StateObservable[str | None] = self._view.select(lambda now: now.incoming_caller)

    def make_call(self, target: str, options: CallOptions = None, **fields: Any) -> Action[JambonzCall]:
        """Call `target`, after the current call is put on hold; see `JambonzClient.make_call`.

        ConnectionError when not connected.
        """
        client = self._alive()
        if client is None:
            raise errors.ConnectionError("Not connected: call connect() first.")
        return client.make_call(target, options, **fields)

    def answer_incoming(self, options: AnswerOptions | Mapping[str, Any] | None = None, **fields: Any) -> Action[None]:
        """Answer the call of `incoming_caller`, after the current one is put on hold. CallError when nobody calls."""
        client = self._alive()
        if client is None:
            raise CallError("answer_incoming(): there is no incoming call")
        return client.answer_incoming(options, **fields)

    def decline_incoming(self, code: int = 486) -> Action[None]:
        """Refuse the call of `incoming_caller` with `code`. When nobody calls, nothing happens."""
        client = self._alive()
        return Deferred[None].resolved(None) if client is None else client.decline_incoming(code)

    def hangup(self) -> Action[None]:
        """End the current call. Without one, nothing happens."""
        client = self._alive()
        call = None if client is None else client.current_call
        return Deferred[None].resolved(None) if call is None else call.hangup()

    def toggle_mute(self) -> Action[None]:
        """Mute the current call, or unmute it. CallError without one."""
        return self._current("toggle_mute").toggle_mute()

    def toggle_hold(self) -> Action[None]:
        """Hold the current call, or take the hold back. CallError without one, and as `JambonzCall.hold`."""
        return self._current("toggle_hold").toggle_hold()

    def send_dtmf(self, tone: str) -> Action[None]:
        """Send a tone, or several, in the current call. CallError without one, and as `JambonzCall.send_dtmf`."""
        return self._current("send_dtmf").send_dtmf(tone)

    def transfer(self, target: str) -> Action[None]:
        """Transfer the current call to `target`. CallError without one, and as `JambonzCall.transfer`."""
        return self._current("transfer").transfer(target)

    def dispose(self) -> None:
        """Complete all observables; the calls go on. A second time nothing happens."""
        if not self._disposed:
            self._disposed = True
            self._following.dispose()
            self._view.dispose()

    def __repr__(self) -> str:
        now = self.snapshot.value
        ringing = "" if now.incoming_caller is None else f", {now.incoming_caller} calls"
        return f"<UseCall {now.call or 'without a call'}{ringing}>"

    def _alive(self) -> JambonzClient | None:
        if self._disposed:
            raise JambonzError("this use_call was disposed; make another one")
        return self._client.value

    def _current(self, action: str) -> JambonzCall:
        client = self._alive()
        call = None if client is None else client.current_call
        if call is None:
            raise CallError(f"{action}(): there is no call; make or answer one first")
        return call

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


def _as_state(
    client: "JambonzClient | Observable[Any] | None",
) -> tuple[StateObservable[JambonzClient | None], DisposableBase]:
    """The client as a state, and what ends following it."""
    if isinstance(client, StateObservable):
        _checked(cast(object, client.value))
        return cast("StateObservable[JambonzClient | None]", client), Disposable()
    if isinstance(client, Observable):
        cell = StateCell[JambonzClient | None](None)
        return cell, client.subscribe(lambda value: cell.set(_checked(value)), _log_failure)
    return StateCell(_checked(client)), Disposable()


def _checked(client: object) -> JambonzClient | None:
    if client is None or isinstance(client, JambonzClient):
        return client
    wanted = "a JambonzClient, None, or an observable of either, such as use_jambonz_client(...).client"
    raise TypeError(f"use_call takes {wanted}, not {client!r}")


def _log_failure(error: Exception) -> None:
    _log.error("the observable of clients that use_call was given failed; its last client stays", exc_info=error)


def _state_of(client: JambonzClient | None) -> StateObservable[UseCallSnapshot]:
    if client is None:
        return constant(UseCallSnapshot())

    def derive(now: ClientSnapshot) -> UseCallSnapshot:
        call, incoming = selectors.current_call(now), selectors.incoming_call(now)
        incoming_caller = None if incoming is None else incoming.remote_identity
        if call is None:
            return UseCallSnapshot(incoming_caller=incoming_caller)
        return UseCallSnapshot(
            call=client.find_call(call.id),
            state=call.state,
            is_muted=call.is_muted,
            is_held=call.is_held,
            is_remotely_held=call.is_remotely_held,
            is_active=selectors.is_active(call),
            incoming_caller=incoming_caller,
        )

    return client.snapshot.select(derive)


def use_call(client: "JambonzClient | Observable[Any] | None") -> UseCall:
    """The hook for the current call; mirrors the documented `useCall`.

    `client` is a `JambonzClient`, None, or an observable of either, such as `use_jambonz_client(...).client`: the hook
    reacts when the client changes.
    """
    return UseCall(client)
