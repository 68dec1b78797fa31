"""`use_call`: the current call of a client, and who calls."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from jzrx.action import Action, Deferred
from jzrx.call import JambonzCall
from jzrx.client import JambonzClient
from jzrx.errors import CallError
from jzrx.hooks.hook import ClientHook, Clients
from jzrx.options import AnswerOptions
from jzrx.store import ClientSnapshot, StateObservable, selectors
from jzrx.store.html import fields_html
from jzrx.types import CallState

__all__ = ["UseCall", "UseCallSnapshot", "use_call"]


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

    def _repr_html_(self) -> str:
        return fields_html("use_call", self)


class UseCall(ClientHook[UseCallSnapshot]):
    """The current call as observable state; mirrors what the documented `useCall` returns.

    The current call belongs to the client: the last one made or answered, by any means. When it ends, `state` is
    `ended` once, then the latest held call comes back, or everything is None. `incoming_caller` names the oldest call
    that rings here; such a call is not `call`. As a context manager it is disposed at the end, which only unsubscribes.
    """

    def __init__(self, client: Clients) -> None:
        super().__init__("use_call", client, _derive, UseCallSnapshot())
        self.call: StateObservable[JambonzCall | None] = self._view.select(lambda now: now.call)
        self.state: StateObservable[CallState | None] = self._view.select(lambda now: now.state)
        self.is_muted: StateObservable[bool] = self._view.select(lambda now: now.is_muted)
        self.is_held: StateObservable[bool] = self._view.select(lambda now: now.is_held)
        self.is_remotely_held: StateObservable[bool] = self._view.select(lambda now: now.is_remotely_held)
        self.is_active: StateObservable[bool] = self._view.select(lambda now: now.is_active)
        self.incoming_caller: StateObservable[str | None] = self._view.select(lambda now: now.incoming_caller)

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

    def __repr__(self) -> str:
        now = self.snapshot.value
        ringing = "" if now.incoming_caller is None else f", {now.incoming_caller} calls"
        return f"<UseCall {now.call or 'without a call'}{ringing}>"

    def _current(self, action: str) -> JambonzCall:
        client = self._alive()
        call = None if client is None else client.current_call
        if call is None:
            raise CallError(f"{action}(): there is no call; make or answer one first")
        return call


def _derive(client: JambonzClient, now: ClientSnapshot) -> UseCallSnapshot:
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


def use_call(client: Clients) -> UseCall:
    """The hook for the current call; mirrors the documented `useCall`.

    `client` is a `JambonzClient`, None, or an observable of either, such as `use_jambonz_client(...).client`: the hook
    reacts when the client changes.
    """
    return UseCall(client)
