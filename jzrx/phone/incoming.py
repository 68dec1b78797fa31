"""What becomes of a call that comes in: `decide`, and who does it.

A call that is refused is so before it rings: no 180 goes out, and no snapshot shows it, only the event CallRefused. One
that is answered by itself rings first, so that whoever hears of it may still decline.
"""

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import frozen
from reactivex.abc import SchedulerBase

from jzrx.errors import JambonzError
from jzrx.events import CallReceived, Event, IncomingPolicyChanged
from jzrx.headers import RemoteHeaders
from jzrx.incoming import IncomingCall, IncomingPolicy
from jzrx.options import AnswerOptions
from jzrx.store import ClientSnapshot
from jzrx.types import CallState

if TYPE_CHECKING:
    from jzrx.phone.phone import Phone

__all__ = ["Answer", "Decision", "Reception", "Refuse", "Ring", "decide"]

BUSY = 486

_AFTER = re.compile(r";\s*answer-after\s*=\s*\"?(\d{1,3})\b", re.IGNORECASE)
_ALERT = re.compile(r"\binfo\s*=\s*\"?alert-autoanswer\b", re.IGNORECASE)

_log = logging.getLogger("jzrx")


@frozen
class Ring:
    """Somebody is to decide."""


@frozen
class Answer:
    """It is answered by itself, `after` seconds."""

    after: float


@frozen
class Refuse:
    """It is refused with this status."""

    code: int


Decision = Ring | Answer | Refuse


def refuse(policy: IncomingPolicy, snapshot: ClientSnapshot) -> Refuse | None:
    """Whether the policy refuses a call that comes in while the client is as in `snapshot`, whoever calls. Pure."""
    if policy.do_not_disturb:
        return Refuse(policy.do_not_disturb_code)
    if policy.max_calls is not None and _live(snapshot) >= policy.max_calls:
        return Refuse(BUSY)
    return None


def decide(policy: IncomingPolicy, snapshot: ClientSnapshot, call: IncomingCall) -> Decision:
    """What the policy says about that call. Pure, if the policy is; its function is asked once a call."""
    refusal = refuse(policy, snapshot)
    if refusal is not None:
        return refusal
    if _live(snapshot) or policy.auto_answer is False:
        return Ring()
    if policy.auto_answer == "requested":
        after = requested(call.headers)
        return Ring() if after is None else Answer(max(after, policy.auto_answer_delay))
    if policy.auto_answer is True or policy.auto_answer(call):
        return Answer(policy.auto_answer_delay)
    return Ring()


def _live(snapshot: ClientSnapshot) -> int:
    return sum(other.state is not CallState.ENDED for other in snapshot.calls.values())


def requested(headers: RemoteHeaders) -> float | None:
    """The seconds after which the caller asks to be answered without anybody's doing; None if it does not.

    RFC 5373 has Answer-Mode; phones have long used Call-Info and Alert-Info.
    """
    for value in (*headers.get_all("Call-Info"), *headers.get_all("Alert-Info")):
        if after := _AFTER.search(value):
            return float(after[1])
    # Auto: the caller asks for an answer without the user's doing (RFC 5373).
    modes = (*headers.get_all("Answer-Mode"), *headers.get_all("Priv-Answer-Mode"))
    is_asked = any(mode.partition(";")[0].strip().lower() == "auto" for mode in modes)
    return 0.0 if is_asked or any(map(_ALERT.search, headers.get_all("Alert-Info"))) else None


class Reception:
    """Receives the calls of one client by its policy."""

    def __init__(self, phone: "Phone", policy: IncomingPolicy) -> None:
        self._phone = phone
        self.policy = policy

    def change(self, policy: IncomingPolicy) -> None:
        """From now on go by this policy; calls that ring already are not concerned. From any thread."""
        self.policy = policy
        line = self._phone.line
        auto_answer = policy.auto_answer is not False

        def tell(at: float) -> IncomingPolicyChanged:
            return IncomingPolicyChanged(at=at, do_not_disturb=policy.do_not_disturb, auto_answer=auto_answer)

        if line is None:
            self._phone.store.dispatch(tell(0.0))  # no clock runs yet
        else:
            line.run(lambda: line.emit(tell(line.now)))

    def refusal_of(self, call: IncomingCall) -> int | None:
        """The status that refuses a call which has just come in; None if it may ring."""
        refusal = refuse(self.policy, self._phone.snapshot)
        if refusal is None:
            return None
        _log.info("a call of %s was refused with %d, by policy", call.remote_uri, refusal.code)
        return refusal.code

    def received(self, event: Event, before: ClientSnapshot) -> None:
        """A call rings, and everybody has been told of it. `before`: the client as it was until then."""
        if not isinstance(event, CallReceived) or event.in_place_of is not None:
            return
        call = IncomingCall(
            remote_uri=event.remote_uri,
            remote_display_name=event.remote_display_name,
            headers=RemoteHeaders(event.headers),
        )
        decision = self._decide(before, call)
        if isinstance(decision, Answer):
            self._after(decision.after, lambda: self._answer(event.call_id))

    def _decide(self, snapshot: ClientSnapshot, call: IncomingCall) -> Decision:
        try:
            return decide(self.policy, snapshot, call)
        except Exception:  # of the user's function
            _log.exception("auto_answer raised; the call of %s rings", call.remote_uri)
            return Ring()

    def _after(self, seconds: float, step: Callable[[], None]) -> None:
        line = self._phone.line
        if not seconds or line is None:
            step()
            return

        def fire(_scheduler: SchedulerBase, _state: Any = None) -> None:
            if self._phone.line is line and not line.is_ending:
                step()

        line.scheduler.schedule_relative(seconds, fire)

    def _answer(self, call_id: str) -> None:
        now = self._phone.snapshot
        is_alone = all(other.id == call_id or other.state is CallState.ENDED for other in now.calls.values())
        if call_id in now.incoming_call_ids and is_alone:
            try:
                self._phone.control.answer(now.calls[call_id], AnswerOptions())
            except (JambonzError, ValueError) as error:  # a handler was faster, or the client's audio is used up
                _log.info("a call was not answered by itself: %s", error)
