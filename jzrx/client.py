"""The client: the documented facade of a phone."""

from collections.abc import Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Self

from reactivex import Observable

from jzrx import targets
from jzrx.action import Action, Deferred
from jzrx.call import JambonzCall, check_call
from jzrx.checks import is_media_type
from jzrx.commands import Register, SendMessage, Unregister
from jzrx.errors import CallError
from jzrx.events import Event
from jzrx.incoming import IncomingPolicy
from jzrx.media.devices.taps import DeviceChoice
from jzrx.options import AnswerOptions, JambonzCallOptions, JambonzClientOptions, resolve_options
from jzrx.phone.control import Leave, check_refusal
from jzrx.phone.emitter import Emitter
from jzrx.phone.line import Parts
from jzrx.phone.phone import Phone
from jzrx.phone.subscribing import ClientEvents
from jzrx.sip.bodies import octets_of
from jzrx.store import AllowedActions, ClientSnapshot, StateObservable, StoreView, selectors
from jzrx.store.html import client_html, table
from jzrx.types import CallState, ClientState

__all__ = ["JambonzClient", "create_jambonz_client"]

CallOptions = JambonzCallOptions | Mapping[str, Any] | None


class JambonzClient(ClientEvents):
    """A phone: one account on one server; mirrors the documented `JambonzClient`.

    Its state is `snapshot`; the properties read it, from any thread. Actions start at once and may be awaited (see
    `jzrx.Action`); they may be called from any thread. Subscribers and handlers run on the loop that `connect()` was
    called on. `async with client:` connects and disconnects.
    """

    def __init__(self, options: JambonzClientOptions, *, parts: Parts | None = None) -> None:
        self._options = options
        self._phone = Phone(options, parts or Parts(), JambonzCall)

    # --- what it is -------------------------------------------------------------------------------------------------

    @property
    def options(self) -> JambonzClientOptions:
        """What the client was made with."""
        return self._options

    @property
    def snapshot(self) -> StateObservable[ClientSnapshot]:
        """The state of the client and of all its calls, observable."""
        return self._phone.store.snapshot

    @property
    def events(self) -> Observable[Event]:
        """Every event of signalling and media (`jzrx.events`), in order, each after its snapshot; hot, no replay."""
        return self._phone.store.events

    @property
    def store(self) -> StoreView:
        """The store, read-only: `snapshot`, `events`, `select(f)`."""
        return self._phone.store.view

    @property
    def state(self) -> ClientState:
        """The state of the connection."""
        return self._phone.snapshot.state

    @property
    def is_registered(self) -> bool:
        """Whether the server knows where to find us."""
        return self._phone.snapshot.is_registered

    @property
    def error(self) -> str | None:
        """The message of the last error, until the next `connect()`."""
        return self._phone.snapshot.error

    @property
    def calls(self) -> Mapping[str, JambonzCall]:
        """The calls by id, oldest first; read-only. A call is in it until just before its `ended` or `failed`."""
        return MappingProxyType(self._phone.calls())

    @property
    def call_count(self) -> int:
        """How many calls there are, in any state."""
        return selectors.call_count(self._phone.snapshot)

    @property
    def devices(self) -> DeviceChoice:
        """The audio devices that its calls use; `JambonzAudioManager` sets them."""
        return self._phone.devices

    @property
    def can(self) -> AllowedActions:
        """Which actions are allowed now, for greying buttons."""
        return selectors.can(self._phone.snapshot)

    def find_call(self, call_id: str) -> JambonzCall | None:
        """The call with this id, if there is one."""
        return self._phone.find(self._phone.snapshot.calls.get(call_id))

    @property
    def current_call(self) -> JambonzCall | None:
        """The call that was last made or answered, or came back to the front; never one that only rings here."""
        return self._phone.find(selectors.current_call(self._phone.snapshot))

    @property
    def incoming_call(self) -> JambonzCall | None:
        """The oldest call that still rings here."""
        return self._phone.find(selectors.incoming_call(self._phone.snapshot))

    # --- the connection ---------------------------------------------------------------------------------------------

    def connect(self, *, background: bool = False) -> Action[None]:
        """Connect to the server and register. Done when registered, or connected with `auto_register=False`.

        RegistrationError (with `code`) or ConnectionError if not, within `connect_timeout` at the latest; then nothing
        runs on, and `connect()` may be called again. Cancelling its await closes the attempt. Raises at once
        ConnectionError when connected already, and RuntimeError without a running event loop, unless `background`: on a
        daemon thread with a loop of its own, until `disconnect()`; also where a loop runs, as in a notebook.
        """
        return self._phone.connect(background=background or self._options.background, after=None)

    def replace(
        self,
        other: "JambonzClient | None",
        claim: Callable[[], None],
        started: Callable[[], None],
        *,
        background: bool = False,
    ) -> Action[None]:
        """`connect()` in the place of another client, which must have been disconnected; for the hook.

        `claim` is called before anything is done, and raises if another one was faster; `started`, when the state is
        `connecting`.
        """
        after = None
        if other is not None and other._phone.line is not None:
            other._phone.refuse_second_line()
            after = other._phone.line.left if other._phone.line.is_leaving else None
        return self._phone.connect(
            background=background or self._options.background, after=after, claim=claim, started=started
        )

    def disconnect(self) -> Action[None]:
        """Hang up all calls, unregister and close; the state is `disconnected` before this returns.

        Done when nothing runs any more, within 2 s whatever the server does; it never fails.
        """
        return self._phone.disconnect()

    def register(self) -> Action[None]:
        """Register now (RFC 3261 section 10). RegistrationError if refused; the connection stays."""
        return self._phone.ask("register", Register(), shown=False)

    def unregister(self) -> Action[None]:
        """Remove our registration; the connection stays, and calls can still be made."""
        return self._phone.ask("unregister", Unregister())

    # --- calls ------------------------------------------------------------------------------------------------------

    def call(self, target: str, options: CallOptions = None, **fields: Any) -> JambonzCall:
        """Call a number, a user name, or a SIP URI. The call is returned at once; `await call.answered()` waits.

        The options are those of `JambonzCallOptions`. ConnectionError when not connected, ValueError for a bad target.
        """
        return self._dial(targets.call, target, options, fields)[0]

    def call_user(self, username: str, options: CallOptions = None, **fields: Any) -> JambonzCall:
        """Call a registered user of the realm; as `call`."""
        return self._dial(targets.user, username, options, fields)[0]

    def call_queue(self, name: str, options: CallOptions = None, **fields: Any) -> JambonzCall:
        """Take a call from a queue (`queue-NAME`); as `call`."""
        return self._dial(targets.queue, name, options, fields)[0]

    def call_conference(self, name: str, options: CallOptions = None, **fields: Any) -> JambonzCall:
        """Join a conference (`conference-NAME`); as `call`."""
        return self._dial(targets.conference, name, options, fields)[0]

    def call_application(self, sid: str, options: CallOptions = None, **fields: Any) -> JambonzCall:
        """Call a jambonz application (`app-SID`, and the header `X-Application-Sid`); as `call`."""
        return self._dial(
            targets.application, sid, options, fields, {"X-Application-Sid": targets.sid(sid, self._options.domain)}
        )[0]

    def make_call(self, target: str, options: CallOptions = None, **fields: Any) -> Action[JambonzCall]:
        """As `call`, but the current call is put on hold first, and the action is done when the new one is answered.

        CallError if the call fails, or if the hold is refused; then the current call is as it was.
        """
        return self._dial(targets.call, target, options, fields, hold_current=True)[1]

    def answer_incoming(
        self,
        options: AnswerOptions | Mapping[str, Any] | None = None,
        *,
        call: JambonzCall | None = None,
        **fields: Any,
    ) -> Action[None]:
        """Answer the call that rings here (`call`, else the oldest), after the current one is put on hold.

        CallError when nobody calls. If the hold is refused, or the caller gives up meanwhile, CallError too, and the
        current call is as it was.
        """
        return self._answer("answer_incoming", call, options, fields, "hold")

    def end_and_answer(
        self,
        options: AnswerOptions | Mapping[str, Any] | None = None,
        *,
        call: JambonzCall | None = None,
        **fields: Any,
    ) -> Action[None]:
        """Hang up the current call, and answer the one that rings here: `call`, else the oldest.

        CallError when nobody calls; then the current call goes on.
        """
        return self._answer("end_and_answer", call, options, fields, "end")

    def decline_incoming(self, code: int = 486, *, call: JambonzCall | None = None) -> Action[None]:
        """Refuse the call that rings here (`call`, else the oldest) with `code`; without one nothing happens."""
        check_refusal(code)
        declined = self.incoming_call if call is None else self._own(call, "decline_incoming")
        return Deferred[None].resolved(None) if declined is None else declined.hangup(code)

    @property
    def incoming_policy(self) -> IncomingPolicy:
        """What becomes of calls that come in: at first the option `incoming`."""
        return self._phone.reception.policy

    def set_incoming_policy(self, policy: IncomingPolicy | Mapping[str, Any] | None = None, /, **fields: Any) -> None:
        """Change it, from now on: to `policy`, or in the given fields alone, as in
        `set_incoming_policy(do_not_disturb=True)`. Calls that ring already are not concerned.

        The snapshot shows `do_not_disturb` and `auto_answer` before this returns. TypeError for an unknown name,
        ValueError for a bad value.
        """
        given = self.incoming_policy if policy is None else policy
        self._phone.reception.change(resolve_options(IncomingPolicy, given, fields))

    def switch_to(self, call: JambonzCall) -> Action[None]:
        """Talk in `call`: the current one is put on hold, then `call` is unheld and becomes the current one.

        Done when both have confirmed. CallError if either refuses, or `call` ends meanwhile; the calls are then as they
        were. CallError at once if `call` is not answered, or the current one is not yet. Changes that are asked for
        while one is under way follow it, in order.
        """
        return self._phone.control.switch_to(self._own(call, "switch_to").snapshot.value)

    def swap(self) -> Action[None]:
        """Switch to the other call: of those that are answered, the one that was current last. As `switch_to`.

        CallError if there is none. A second `swap()` takes the first one back, done or not.
        """
        return self._phone.control.swap()

    def _answer(
        self,
        action: str,
        call: JambonzCall | None,
        options: AnswerOptions | Mapping[str, Any] | None,
        fields: Mapping[str, Any],
        leave: Leave,
    ) -> Action[None]:
        answered = self.incoming_call if call is None else self._own(call, action)
        if answered is None:
            raise CallError(f"{action}(): there is no incoming call")
        given = resolve_options(AnswerOptions, options, fields)
        return self._phone.control.answer(answered.snapshot.value, given, leave=leave)

    def _own(self, call: JambonzCall, action: str) -> JambonzCall:
        check_call(call, action)
        if call.state is CallState.ENDED:
            raise CallError(f"{action}(): the call has ended")
        if self._phone.find(call.snapshot.value) is not call:
            raise ValueError(f"{action}(): call must be a call of this client")
        return call

    def _dial(
        self,
        verb: targets.Verb,
        target: str,
        options: CallOptions,
        fields: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        *,
        hold_current: bool = False,
    ) -> tuple[JambonzCall, Action[JambonzCall]]:
        given = resolve_options(JambonzCallOptions, options, fields)
        uri = verb(target, self._options.domain)
        ours = {"X-Record-Call": "true"} if given.record else {}
        return self._phone.control.dial(
            uri, target.strip(), given, {**ours, **(headers or {})}, hold_current=hold_current
        )

    def uri_of(self, target: str) -> str:
        """The SIP URI that `call(target)` would call. ValueError where that cannot be called, and why."""
        return targets.call(target, self._options.domain)

    # --- messages ---------------------------------------------------------------------------------------------------

    def send_message(self, target: str, body: str, content_type: str = "text/plain") -> Action[int]:
        """Send a text by SIP MESSAGE (RFC 3428). Done with the final status of the response.

        CallError with code and reason if it is refused, 408 if nobody answers.
        """
        if not isinstance(body, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"body must be a str, not {type(body).__name__}")
        if not is_media_type(content_type):
            raise ValueError(f"content_type must be such as text/plain or application/json, not {content_type!r}")
        return self._phone.ask(
            "send_message",
            SendMessage(target=self.uri_of(target), body=octets_of(body, content_type), content_type=content_type),
        )

    # --- the context ------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.disconnect()

    def _named_events(self) -> Emitter:
        return self._phone.emitter

    def __repr__(self) -> str:
        return f"<JambonzClient {self._options.username} at {self._options.server} {self.state}>"

    def _repr_html_(self) -> str:
        account = table("account", [("user", self._options.username), ("server", self._options.server)])
        return account + client_html(self._phone.snapshot)


def create_jambonz_client(
    options: JambonzClientOptions | Mapping[str, Any] | None = None, /, **fields: Any
) -> JambonzClient:
    """Make a client; mirrors the documented `createJambonzClient`. It needs no event loop, and does not connect.

    `options` are `JambonzClientOptions` or a mapping of their names; keywords override. TypeError for an unknown name,
    ValueError for a missing or bad value.
    """
    return JambonzClient(resolve_options(JambonzClientOptions, options, fields))
