"""The phone behind a user interface: the hooks, what they show as one view, and what its buttons do by name.

Everything comes from the public API: a subscription is all that a user interface needs.
"""

import threading
from collections.abc import Mapping
from typing import Any

from reactivex import Observable
from reactivex.disposable import CompositeDisposable, Disposable, SerialDisposable
from reactivex.subject import BehaviorSubject

from jzrx import (
    Action,
    AudioFrame,
    JambonzAudioManager,
    JambonzCall,
    JambonzClient,
    JambonzError,
    SipMessage,
    UseJambonzClient,
    errors,
    use_calls,
)
from jzrx.events import ActionFailed, CallReleased, Event, HoldFailed, TransferFailed
from jzrx.media.measure import level
from jzrx.ui.view import CallView, Message, PhoneView, view_of

__all__ = ["PhoneModel"]

MESSAGES = 100
"""How many messages are kept."""


class PhoneModel:
    """A phone with several lines. `view` is what it shows; `do` is what its buttons do, from any thread.

    `background`: connect on a thread with a loop of its own. Subscribers of `view` run there, or where `do` is called.
    """

    def __init__(self, phone: UseJambonzClient, account: str, *, background: bool = False) -> None:
        self.phone = phone
        self.calls = use_calls(phone.client)
        self._account = account
        self._background = background
        self._notice = ""
        self._messages: tuple[Message, ...] = ()
        self._message_count = 0
        self._view = BehaviorSubject(self._derive())
        self._known: dict[str, CallView] = {}
        self._monitored: set[str] = set()
        self._lock = threading.RLock()
        self._stale = self._showing = False
        self._client = SerialDisposable()
        self._meter = _Meter()
        self._subscriptions = CompositeDisposable(
            phone.snapshot.subscribe(lambda _: self._show()),
            self.calls.snapshot.subscribe(lambda _: self._show()),
            self.calls.calls.subscribe(self._watch),
            self.calls.current.subscribe(self._meter.follow),
            phone.client.subscribe(self._attach),
            self._client,
            self._meter,
        )

    @property
    def view(self) -> Observable[PhoneView]:
        """What is shown now, and each time that it changes."""
        return self._view

    @property
    def now(self) -> PhoneView:
        """What is shown now."""
        return self._view.value

    @property
    def levels(self) -> tuple[float, float]:
        """How loud the microphone and the other side of the current call are, 0.0 to 1.0 (RMS)."""
        client = self.phone.client.value
        return (0.0 if client is None else JambonzAudioManager(client).input_level), self._meter.level

    def seconds(self, call_id: str) -> int:
        """How long a call has been up (s); 0 before the answer, and when it is over."""
        call = self._find(call_id)
        return 0 if call is None else call.duration

    def dispose(self) -> None:
        """Disconnect, and hear nothing any more."""
        self._subscriptions.dispose()
        self.calls.dispose()
        self.phone.dispose()
        self._view.on_completed()

    # --- what its buttons do ----------------------------------------------------------------------------------------

    def do(self, action: str, call_id: str = "", **given: Any) -> None:
        """Do it; what goes wrong is shown as the notice, now or when the other side refuses.

        connect, disconnect, toggle_do_not_disturb; call(target), send_message(target, body), swap; and of a call:
        answer, decline, hangup, hold, unhold, toggle_mute, switch_to, send_dtmf(tones), transfer(target),
        connect_to(other).
        """
        self._say("")
        try:
            started = self._start(action, call_id, given)
        except (JambonzError, ValueError) as error:
            # The error says it to programmers.
            is_off = isinstance(error, errors.ConnectionError) and self.phone.client.value is None
            self._say("not connected: connect first" if is_off else str(error))
            return
        if action == "send_message" and started is not None:
            self._sent(given["target"], given["body"])

    def _start(self, action: str, call_id: str, given: dict[str, Any]) -> Action[Any] | None:
        calls = self.calls
        match action:
            case "connect":
                return self.phone.connect(background=self._background)
            case "disconnect":
                return self.phone.disconnect()
            case "call":
                return calls.make_call(given["target"])
            case "send_message":
                return self._connected().send_message(given["target"], given["body"])
            case "swap":
                return calls.swap()
            case "toggle_do_not_disturb":
                calls.toggle_do_not_disturb()
                return None
            case _:
                call = self._find(call_id)
                # One that is over was so before the button was pressed.
                return None if call is None else self._start_in(call, action, given)

    def _start_in(self, call: JambonzCall, action: str, given: dict[str, Any]) -> Action[Any] | None:
        match action:
            case "answer":
                return self.calls.answer(call)
            case "decline":
                return self.calls.decline(call)
            case "hangup":
                return call.hangup()
            case "hold":
                return call.hold()
            case "unhold":
                return call.unhold()
            case "toggle_mute":
                return call.toggle_mute()
            case "switch_to":
                return self.calls.switch_to(call)
            case "send_dtmf":
                return call.send_dtmf(given["tones"])
            case "transfer":
                return call.transfer(given["target"])
            case "connect_to":
                other = self._find(given["other"])
                return None if other is None else self.calls.connect(call, other)
            case _:
                raise AssertionError(f"no button does {action!r}")

    def _connected(self) -> JambonzClient:
        client = self.phone.client.value
        if client is None:
            raise errors.ConnectionError("Not connected: call connect() first.")
        return client

    def _find(self, call_id: str) -> JambonzCall | None:
        return next((call for call in self.calls.calls.value if call.id == call_id), None)

    # --- what happens -----------------------------------------------------------------------------------------------

    def _attach(self, client: JambonzClient | None) -> None:
        if client is not None:
            self._client.disposable = CompositeDisposable(
                client.events.subscribe(self._hear), client.on("message", self._received)
            )

    def _hear(self, event: Event) -> None:
        notice = _notice(event, self._known)
        if isinstance(event, CallReleased):
            self._known.pop(event.call_id, None)
        if notice:
            self._say(notice)

    def _watch(self, calls: tuple[JambonzCall, ...]) -> None:
        """Show the quality of every call."""
        for call in calls:
            if call.id not in self._monitored:
                call.start_quality_monitoring()
        self._monitored = {call.id for call in calls}

    def _received(self, message: SipMessage) -> None:
        self._add(Message(peer=message.from_, body=message.body))

    def _sent(self, target: str, body: str) -> None:
        self._add(Message(peer=target, body=body, is_ours=True))

    def _add(self, message: Message) -> None:
        self._messages = (*self._messages, message)[-MESSAGES:]
        self._message_count += 1
        self._show()

    def _say(self, notice: str) -> None:
        self._notice = notice
        self._show()

    def _show(self) -> None:
        with self._lock:  # a button may be pressed on another thread than the client's
            self._stale = True
            if self._showing:  # by a subscriber: Rx would show the newer view first
                return
            self._showing = True
            try:
                while self._stale:
                    self._stale = False
                    view = self._derive()
                    self._known |= {call.id: call for call in (*view.calls, *view.incoming)}
                    if view != self.now:
                        self._view.on_next(view)
            finally:
                self._showing = False

    def _derive(self) -> PhoneView:
        phone, calls = self.phone.snapshot.value, self.calls.snapshot.value
        return view_of(self._account, phone, calls, self._notice, self._messages, self._message_count)


def _notice(event: Event, known: Mapping[str, CallView]) -> str:
    """What is to be said of an event, or nothing."""
    match event:
        case ActionFailed():
            return event.message
        case HoldFailed(code=code, reason=reason, wanted=wanted):
            what = "the hold" if wanted else "the end of the hold"
            return f"{_who(event.call_id, known)} refused {what}: {code} {reason}"
        case TransferFailed(code=code, reason=reason):
            return f"the transfer failed: {code} {reason}"
        case CallReleased(cause=cause) if cause.originator != "local" or cause.code == 408:
            call = known.get(event.call_id)
            if not event.was_answered and call is not None and call.is_incoming:
                return f"missed a call from {call.who}"
            if not event.was_answered or cause.code != 200:
                return f"{_who(event.call_id, known)}: {cause}"
            return ""
        case _:
            return ""


def _who(call_id: str, known: Mapping[str, CallView]) -> str:
    call = known.get(call_id)
    return "the other side" if call is None else call.who


class _Meter:
    """How loud the other side of the current call is."""

    def __init__(self) -> None:
        self.level = 0.0
        self._listening = SerialDisposable()

    def follow(self, call: JambonzCall | None) -> None:
        """Listen to this call from now on."""
        self.level = 0.0
        self._listening.disposable = Disposable() if call is None else call.audio.incoming.subscribe(self._measure)

    def dispose(self) -> None:
        """Listen no more."""
        self._listening.dispose()

    def _measure(self, frame: AudioFrame) -> None:
        self.level = level(frame.data)
