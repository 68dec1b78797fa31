"""`use_calls`: all calls of a client, for a phone with several lines."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from jzrx.action import Action, Deferred
from jzrx.call import JambonzCall, check_call
from jzrx.client import JambonzClient
from jzrx.errors import CallError
from jzrx.hooks.hook import ClientHook, Clients
from jzrx.options import AnswerOptions
from jzrx.store import AllowedActions, CallSnapshot, ClientSnapshot, StateObservable, selectors
from jzrx.store.html import calls_html, fields_html
from jzrx.types import CallState

__all__ = ["UseCalls", "UseCallsSnapshot", "use_calls"]


@frozen(kw_only=True)
class UseCallsSnapshot:
    """All fields of the hook at one moment.

    `calls` are all that there are, oldest first, and `call_snapshots` their states by id, in the same order. `current`
    is the one that is talked in, or is to be; `incoming` are those that ring here, `held` those that are on hold, both
    oldest first. `can` says which actions are allowed (`JambonzCall.can`: in any one call).
    `do_not_disturb`: calls that come in are refused.
    """

    calls: tuple[JambonzCall, ...] = ()
    call_snapshots: Mapping[str, CallSnapshot] = field(factory=dict[str, CallSnapshot])
    current: JambonzCall | None = None
    incoming: tuple[JambonzCall, ...] = ()
    held: tuple[JambonzCall, ...] = ()
    can: AllowedActions = field(factory=lambda: selectors.can(ClientSnapshot()))
    do_not_disturb: bool = False

    def _repr_html_(self) -> str:
        current = None if self.current is None else self.current.id
        head = fields_html("use_calls", self, "calls", "call_snapshots", "can")
        return head + calls_html(self.call_snapshots, current)

    @property
    def call_count(self) -> int:
        """How many calls there are, in any state."""
        return len(self.calls)

    @property
    def incoming_count(self) -> int:
        """How many ring here."""
        return len(self.incoming)

    @property
    def held_count(self) -> int:
        """How many we hold."""
        return len(self.held)


class UseCalls(ClientHook[UseCallsSnapshot]):
    """All calls as observable state, and what a phone with several lines does with them. It is ours, beyond the
    documented hooks, and agrees with `use_call` of the same client about the current call.

    Where `call` may be left out, it is the oldest that rings here (`answer`, `end_and_answer`, `decline`), or the
    current one (`hangup`). As a context manager it is disposed at the end, which only unsubscribes.
    """

    def __init__(self, client: Clients) -> None:
        super().__init__("use_calls", client, _derive, UseCallsSnapshot())
        self.calls: StateObservable[tuple[JambonzCall, ...]] = self._view.select(lambda now: now.calls)
        self.call_snapshots: StateObservable[Mapping[str, CallSnapshot]] = self._view.select(
            lambda now: now.call_snapshots
        )
        self.current: StateObservable[JambonzCall | None] = self._view.select(lambda now: now.current)
        self.incoming: StateObservable[tuple[JambonzCall, ...]] = self._view.select(lambda now: now.incoming)
        self.held: StateObservable[tuple[JambonzCall, ...]] = self._view.select(lambda now: now.held)
        self.can: StateObservable[AllowedActions] = self._view.select(lambda now: now.can)
        self.do_not_disturb: StateObservable[bool] = self._view.select(lambda now: now.do_not_disturb)
        self.call_count: StateObservable[int] = self._view.select(lambda now: now.call_count)
        self.incoming_count: StateObservable[int] = self._view.select(lambda now: now.incoming_count)
        self.held_count: StateObservable[int] = self._view.select(lambda now: now.held_count)

    def answer(
        self,
        call: JambonzCall | None = None,
        options: AnswerOptions | Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Action[None]:
        """Hold the current call and answer; see `JambonzClient.answer_incoming`. CallError when nobody calls."""
        return self._with_client("answer", "incoming").answer_incoming(options, call=call, **fields)

    def end_and_answer(
        self,
        call: JambonzCall | None = None,
        options: AnswerOptions | Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Action[None]:
        """Hang up the current call and answer; see `JambonzClient.end_and_answer`. CallError when nobody calls."""
        return self._with_client("end_and_answer", "incoming").end_and_answer(options, call=call, **fields)

    def decline(self, call: JambonzCall | None = None, code: int = 486) -> Action[None]:
        """Refuse with `code` (300 to 699). When nobody calls, nothing happens."""
        client = self._alive()
        return Deferred[None].resolved(None) if client is None else client.decline_incoming(code, call=call)

    def hangup(self, call: JambonzCall | None = None) -> Action[None]:
        """End a call in any state. Without one, nothing happens."""
        client = self._alive()
        if call is not None:
            check_call(call, "hangup")
        ended = client.current_call if call is None and client is not None else call
        return Deferred[None].resolved(None) if ended is None else ended.hangup()

    def switch_to(self, call: JambonzCall) -> Action[None]:
        """Hold the current call and talk in `call`; see `JambonzClient.switch_to`."""
        return self._with_client("switch_to", "other").switch_to(call)

    def swap(self) -> Action[None]:
        """Hold the current call and talk in the one before; see `JambonzClient.swap`. CallError without another."""
        return self._with_client("swap", "other").swap()

    def connect(self, call: JambonzCall, other: JambonzCall) -> Action[None]:
        """Connect the other sides of two calls of ours, and leave; see `JambonzCall.attended_transfer`."""
        self._refuse_disposed()
        check_call(call, "connect")
        return call.attended_transfer(other)

    def toggle_do_not_disturb(self) -> None:
        """Refuse all calls that come in from now on, or no more; see `JambonzClient.set_incoming_policy`.

        ConnectionError without a client.
        """
        client = self._connected()
        client.set_incoming_policy(do_not_disturb=not client.incoming_policy.do_not_disturb)

    def __repr__(self) -> str:
        now = self.snapshot.value
        counts = f"{now.call_count} calls, {now.incoming_count} incoming, {now.held_count} held"
        return f"<UseCalls {counts}, current: {now.current or 'none'}>"

    def _with_client(self, action: str, wanted: str) -> JambonzClient:
        client = self._alive()
        if client is None:
            raise CallError(f"{action}(): there is no {wanted} call")
        return client


def _derive(client: JambonzClient, now: ClientSnapshot) -> UseCallsSnapshot:
    live = {call_id: call for call_id in now.calls if (call := client.find_call(call_id)) is not None}
    return UseCallsSnapshot(
        calls=tuple(live.values()),
        call_snapshots=now.calls,
        current=live.get(now.current_call_id or ""),
        incoming=tuple(live[call_id] for call_id in now.incoming_call_ids if call_id in live),
        held=tuple(call for call_id, call in live.items() if now.calls[call_id].state is CallState.HELD),
        can=selectors.can(now),
        do_not_disturb=now.do_not_disturb,
    )


def use_calls(client: Clients) -> UseCalls:
    """The hook for all calls of a client: call waiting, hold and answer, swap, connecting two calls.

    `client` is a `JambonzClient`, None, or an observable of either, such as `use_jambonz_client(...).client`: the hook
    reacts when the client changes.
    """
    return UseCalls(client)
