"""What is done with calls: checked against the snapshot where it is asked, then handed to the line, in order."""

import logging
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from jzrx import commands, targets
from jzrx.action import Action, Deferred
from jzrx.checks import is_media_type
from jzrx.errors import CallError, JambonzError
from jzrx.events import CallCreated, CallEnded, CallReleased, MuteChanged
from jzrx.headers import checked_headers, is_encodable
from jzrx.options import AnswerOptions, JambonzCallOptions
from jzrx.phone.audio_order import call_audio
from jzrx.phone.line import Settled
from jzrx.phone.ringback import ring_back
from jzrx.phone.switching import Switchboard
from jzrx.phone.tones import Sequence, ToneQueues
from jzrx.ports import MediaConfig
from jzrx.sip.bodies import octets_of
from jzrx.sip.causes import error_of
from jzrx.store import CallSnapshot, ClientSnapshot
from jzrx.store.selectors import is_answered, is_open, other_call
from jzrx.types import CallDirection, CallEndCause, CallState, Headers

if TYPE_CHECKING:
    from jzrx.call import JambonzCall
    from jzrx.phone.phone import Phone

__all__ = ["CallControl", "check_refusal"]

CANCELLED = CallEndCause(487, "Request Terminated", "local")
"""The end of a call that was hung up before anything was sent."""

Leave = Literal["hold", "end"]
"""What becomes of the current call when another one is answered; None: it goes on."""

_TONES = re.compile(r"[0-9*#A-Da-d,]+")

_log = logging.getLogger("jzrx")


@frozen
class _Undialed:
    """A call of which the signalling knows nothing yet. `takes_over`: it comes in the place of the current call."""

    command: commands.Dial
    settled: Settled
    takes_over: bool


class CallControl:
    """The operations on the calls of one client. A call is named by its snapshot, against which they are checked."""

    def __init__(self, phone: "Phone") -> None:
        self._phone = phone
        self._tones = ToneQueues(phone)
        self.switchboard = Switchboard(phone)
        self._undialed: dict[str, _Undialed] = {}
        self._answering: set[str] = set()

    # --- beginning --------------------------------------------------------------------------------------------------

    def dial(
        self,
        target: str,
        identity: str,
        options: JambonzCallOptions,
        more_headers: Mapping[str, str],
        *,
        hold_current: bool,
        in_place_of: CallSnapshot | None = None,
    ) -> "tuple[JambonzCall, Action[JambonzCall]]":
        """A new call, idle; it is dialled on the loop's next turn, or after the current call is on hold.

        `in_place_of`: the call whose other side asked for it; then it is dialled at once, and begins as that one is:
        muted, or on hold. Returns it, and the action that is done when it is answered.
        """
        old = in_place_of
        line = self._phone.open_line()
        call_id = self._phone.parts.ids.token()
        command = commands.Dial(
            call_id=call_id,
            target=target,
            headers=_merged(options.headers or {}, more_headers),
            no_answer_timeout=options.no_answer_timeout,
            follow_redirects=self._phone.options.follow_redirects
            if options.follow_redirects is None
            else options.follow_redirects,
            in_place_of=None if old is None else old.id,
            held=old is not None and old.is_held,
        )
        config = self.config(options)
        idle = CallSnapshot(
            id=call_id,
            direction=CallDirection.OUTBOUND,
            state=CallState.IDLE,
            remote_identity=identity,
            remote_uri=target,
            created_at=line.now,
            in_place_of=command.in_place_of,
        )
        call = self._phone.call(call_id, idle)
        if config.sink is not None and self._phone.options.media is None:
            ring_back(call.snapshot, self._phone.player())
        answered = Deferred["JambonzCall"](loop=line.loop)
        settled = self._phone.settling(answered, "call", call_id, shown=False)

        def begin() -> None:
            self._undialed[call_id] = _Undialed(command, lambda _, error: settled(call, error), hold_current)
            created = CallCreated(
                at=idle.created_at,
                call_id=call_id,
                remote_identity=identity,
                remote_uri=target,
                in_place_of=command.in_place_of,
            )
            line.emit(created)
            try:
                line.media.open(call_id, config)
            except Exception as error:
                _log.exception("the media of call %s could not be made", call_id)
                # On the next turn, as all that follows: who made the call has handlers to attach first.
                line.loop.call_soon(self._fail_undialed, call_id, CallEndCause(500, f"No media: {error}", "local"))
                return
            if old is not None and old.is_muted:
                self.mute(idle, True)
            if old is not None:
                self._dial(call_id)
            elif hold_current:
                self.switchboard.make_room(line, call_id, proceed, self._refuser(call_id))
            else:
                proceed()

        def proceed() -> bool:
            line.loop.call_soon(self._dial, call_id)
            return True

        line.run(begin)
        return call, answered.action

    def _dial(self, call_id: str) -> None:
        if call_id not in self._undialed:
            return  # hung up meanwhile
        line = self._phone.line
        if line is None or not is_open(self._phone.snapshot):
            self._end_undialed(call_id, CallEndCause(503, "The connection was lost", "system"))
            return
        undialed = self._undialed.pop(call_id)
        line.ask(undialed.command, undialed.settled)

    def _refuser(self, call_id: str) -> Callable[[JambonzError], None]:
        def refuse(error: JambonzError) -> None:
            code = error.code if isinstance(error, CallError) else None
            self._fail_undialed(call_id, CallEndCause(code or 500, f"the current call: {error}", "local"))

        return refuse

    def _fail_undialed(self, call_id: str, cause: CallEndCause) -> None:
        if call_id in self._undialed:  # else it was hung up meanwhile
            self._end_undialed(call_id, cause)

    def _end_undialed(self, call_id: str, cause: CallEndCause) -> None:
        """End a call of which the signalling knows nothing yet."""
        line = self._phone.line
        undialed = self._undialed.pop(call_id)
        if line is not None:
            line.emit(CallEnded(at=line.now, call_id=call_id, cause=cause))
            recent = self._phone.snapshot.recent_call_ids
            back_to = undialed.command.in_place_of
            if undialed.takes_over and len(recent) > 1 and recent[-1] == call_id:
                back_to = recent[-2]
            line.emit(CallReleased(at=line.now, call_id=call_id, cause=cause, was_answered=False, back_to=back_to))
            line.media.release(call_id)
            if undialed.command.in_place_of is not None:
                refusal = commands.RefuseTransfer(call_id=undialed.command.in_place_of, code=cause.code)
                line.ask(refusal, lambda _value, _error: None)
        undialed.settled(None, error_of(cause, f"the call to {undialed.command.target} failed"))

    def drop_undialed(self) -> None:
        """The line is left: what was not dialled yet will not be."""
        for call_id in list(self._undialed):
            self._end_undialed(call_id, CANCELLED)

    def answer(self, call: CallSnapshot, options: AnswerOptions, *, leave: Leave | None = None) -> Action[None]:
        """Answer a call that rings here, after the current one is on hold, or was ended."""
        _check_live(call, "answer")
        call_id = call.id
        if call.direction is CallDirection.OUTBOUND:
            raise CallError("answer() is for incoming calls; this one was made here, the other side answers it")
        if call.state is not CallState.RINGING or call_id in self._answering:
            raise CallError("answer(): this call is answered already")
        line = self._phone.open_line()
        config = self.config(options)
        command = commands.Answer(call_id=call_id, headers=tuple((options.headers or {}).items()))
        answered = Deferred[None](loop=line.loop)
        shown = self._phone.settling(answered, "answer", call_id)
        self._answering.add(call_id)

        def settled(value: None, error: JambonzError | None) -> None:
            self._answering.discard(call_id)
            shown(value, error)

        def proceed() -> bool:
            now = self._phone.snapshot.calls.get(call_id)
            rings = now is not None and now.state is CallState.RINGING
            if rings and line.media.session(call_id) is None:
                try:
                    line.media.open(call_id, config)
                except Exception as error:  # this may run in the middle of the signalling: it must go on
                    _log.exception("the media of call %s could not be made", call_id)
                    settled(None, CallError(f"answer(): no media: {error}", 500))
                    return False
            line.ask(command, settled)
            return rings

        def begin() -> None:
            if leave == "hold":
                self.switchboard.make_room(line, call_id, proceed, lambda error: settled(None, error))
            elif leave == "end":
                self.switchboard.in_turn(end_current)
            else:
                proceed()

        def end_current(done: Callable[[], None]) -> None:
            current = self.switchboard.left_for(call_id)
            if current is not None:
                self.hang_up(current, 486)
            proceed()
            done()

        line.run(begin)
        return answered.action

    def switch_to(self, call: CallSnapshot) -> Action[None]:
        """Make a call the one that is talked in, after the one that was is on hold."""

        def find(now: ClientSnapshot) -> CallSnapshot:
            latest = now.calls.get(call.id)
            if latest is None:
                raise CallError("switch_to(): the call has ended")
            _check_answered(latest, "switch_to")
            return latest

        return self.switchboard.switch("switch_to", find)

    def swap(self) -> Action[None]:
        """Turn to the call that was current before."""

        def find(now: ClientSnapshot) -> CallSnapshot:
            other = other_call(now)
            if other is None:
                raise CallError("swap(): there is no other call that is answered")
            return other

        return self.switchboard.switch("swap", find)

    # --- ending -----------------------------------------------------------------------------------------------------

    def hang_up(
        self, call: CallSnapshot, code: int, reason: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Action[None]:
        """End a call in any state; one that is over already is no mistake."""
        call_id = call.id
        check_refusal(code)
        if reason is not None and not isinstance(reason, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"reason must be a str, not {reason!r}")
        if reason is not None and (any(character in reason for character in "\r\n\0") or not is_encodable(reason)):
            raise ValueError("reason must not contain CR, LF, NUL or lone surrogates")
        command = commands.HangUp(call_id=call_id, code=code, reason=reason, headers=checked_headers(headers or {}))
        line = self._phone.line
        if line is None or line.left.done:
            return Deferred[None].resolved(None)
        ended = Deferred[None](loop=line.loop)

        def end() -> None:
            if call_id in self._undialed:
                self._end_undialed(call_id, CANCELLED)
                ended.resolve(None)
            else:
                line.ask(command, lambda _value, _error: ended.resolve(None))

        line.run(end)
        return ended.action

    # --- in the call ------------------------------------------------------------------------------------------------

    def hold(self, call: CallSnapshot, held: bool) -> Action[None]:
        """Hold or unhold; done when confirmed, or at once if it is so already."""
        name = "hold" if held else "unhold"
        _check_answered(call, name)
        command = commands.Hold(call_id=call.id) if held else commands.Unhold(call_id=call.id)
        return self._phone.ask(name, command, call_id=call.id)

    def toggle_hold(self, call: CallSnapshot) -> Action[None]:
        """The opposite of what was last asked for: a second click takes the first back, confirmed or not."""
        _check_answered(call, "toggle_hold")
        return self._phone.ask("toggle_hold", commands.ToggleHold(call_id=call.id), call_id=call.id)

    def restart_ice(self, call: CallSnapshot) -> Action[None]:
        """A new audio path; done when the other side has accepted it."""
        _check_answered(call, "restart_ice")
        return self._phone.ask("restart_ice", commands.RestartIce(call_id=call.id), call_id=call.id)

    def transfer(self, call: CallSnapshot, target: str, headers: Mapping[str, str] | None) -> Action[None]:
        """Blind transfer; its failure is shown by TransferFailed."""
        refer_to = f"<{targets.call(target, self._phone.options.domain)}>"
        checked = checked_headers(headers or {})
        _check_answered(call, "transfer")
        command = commands.Transfer(call_id=call.id, refer_to=refer_to, headers=checked)
        return self._phone.ask("transfer", command, call_id=call.id, shown=False)

    def attended_transfer(
        self, call: CallSnapshot, other: CallSnapshot, headers: Mapping[str, str] | None
    ) -> Action[None]:
        """Attended transfer to the party of `other`; its failure is shown by TransferFailed."""
        checked = checked_headers(headers or {})
        _check_answered(call, "attended_transfer")
        _check_answered(other, "attended_transfer")
        if other.id == call.id:
            raise ValueError("attended_transfer(): other_call must be another call of this client")
        command = commands.Transfer(call_id=call.id, consultation=other.id, headers=checked)
        return self._phone.ask("attended_transfer", command, call_id=call.id, shown=False)

    def mute(self, call: CallSnapshot, muted: bool) -> Action[None]:
        """Send silence, or sound again; in any state, even before there is media."""
        return self._mute(call, "mute" if muted else "unmute", lambda _: muted)

    def toggle_mute(self, call: CallSnapshot) -> Action[None]:
        """The opposite of what was last asked for."""
        return self._mute(call, "toggle_mute", lambda was_muted: not was_muted)

    def _mute(self, call: CallSnapshot, name: str, wanted: Callable[[bool], bool]) -> Action[None]:
        _check_live(call, name)
        line = self._phone.any_line()
        done = Deferred[None](loop=line.loop)

        def change() -> None:
            # Not by the snapshot, which inside a handler is a step behind what the handler did just now.
            is_there = call.id in self._phone.snapshot.calls or line.media.session(call.id) is not None
            muted = wanted(line.media.is_muted(call.id))
            if is_there and line.media.set_muted(call.id, muted):
                line.emit(MuteChanged(at=line.now, call_id=call.id, muted=muted))
            done.resolve(None)

        line.run(change)
        return done.action

    def send_dtmf(
        self, call: CallSnapshot, tones: str, duration_ms: int, gap_ms: int, method: str | None
    ) -> Action[None]:
        """Send tones, one after the other."""
        if not isinstance(tones, str) or not _TONES.fullmatch(tones):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"tones must be of 0-9, *, #, A-D and , (a pause of 2 s), not {tones!r}")
        _check_range("duration_ms", duration_ms, 40, 1300)
        _check_range("gap_ms", gap_ms, 40, 5000)
        if method not in (None, "rtp", "info"):
            raise ValueError(f"method must be 'rtp', 'info' or None, not {method!r}")
        _check_answered(call, "send_dtmf")
        return self._tones.send(
            Sequence(call_id=call.id, tones=tones.upper(), duration_ms=duration_ms, gap_ms=gap_ms, method=method)
        )

    def send_info(
        self, call: CallSnapshot, action: str, body: str | bytes, content_type: str, headers: Mapping[str, str] | None
    ) -> Action[None]:
        """Send an INFO of the user's."""
        if not is_media_type(content_type):
            raise ValueError(f"content_type must be a media type, such as application/json, not {content_type!r}")
        checked = checked_headers(headers or {})
        octets = octets_of(body, content_type)
        _check_answered(call, action)
        command = commands.SendInfo(call_id=call.id, content_type=content_type, body=octets, headers=checked)
        return self._phone.ask(action, command, call_id=call.id)

    def config(self, options: AnswerOptions) -> MediaConfig:
        """What the media of a call is made with."""
        ours = self._phone.options
        servers = options.ice_servers
        source, sink = call_audio(ours, options, self._phone.devices)
        return MediaConfig(
            ice_servers=ours.ice_servers if servers is None else servers,
            preferred_codecs=tuple(options.preferred_codecs),
            loopback=ours.is_loopback,
            source=source,
            sink=sink,
        )


def check_refusal(code: int) -> None:
    """ValueError for what is no status that refuses a call."""
    if isinstance(code, bool) or not isinstance(code, int) or not 300 <= code <= 699:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"code must be a SIP status from 300 to 699, such as 486 (busy), not {code!r}")


def _merged(headers: Mapping[str, str], ours: Mapping[str, str]) -> Headers:
    """The user's headers and ours; of the same name, ours."""
    taken = {name.lower() for name in ours}
    return (*((name, value) for name, value in headers.items() if name.lower() not in taken), *ours.items())


def _check_live(call: CallSnapshot, action: str) -> None:
    if call.state is CallState.ENDED:
        raise CallError(f"{action}(): the call has ended")


def _check_answered(call: CallSnapshot, action: str) -> None:
    _check_live(call, action)
    if not is_answered(call):
        raise CallError(f"{action}(): the call is not answered yet (its state is {call.state})")


def _check_range(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number of milliseconds from {low} to {high}, not {value!r}")
