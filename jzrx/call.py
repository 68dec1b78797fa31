"""One call, as its user sees it: little more than its id and the client's phone."""

import json
from collections.abc import Mapping
from typing import Any

from reactivex import operators
from reactivex.abc import DisposableBase
from reactivex.disposable import CompositeDisposable, Disposable

from jzrx.action import Action, Deferred
from jzrx.errors import CallError
from jzrx.events import StatsSampled
from jzrx.headers import RemoteHeaders
from jzrx.media.devices.endpoints import bound
from jzrx.options import AnswerOptions, resolve_options
from jzrx.phone.audio import CallAudio
from jzrx.phone.emitter import Emitter
from jzrx.phone.named import CALL_EVENTS
from jzrx.phone.phone import Phone
from jzrx.phone.quality import QualityMonitor
from jzrx.phone.subscribing import CallEvents
from jzrx.sip.causes import error_of
from jzrx.store import AllowedCallActions, CallSnapshot, StateObservable
from jzrx.store.html import call_html
from jzrx.store.selectors import can_in_call, duration
from jzrx.types import CallDirection, CallEndCause, CallQualityStats, CallState, MediaState

__all__ = ["JambonzCall", "check_call"]

NO_AUDIO = "the call has no audio: ICE or DTLS failed; where UDP is blocked, give a TURN server in pc_config"


class JambonzCall(CallEvents):
    """A call; mirrors the documented `JambonzCall`. `client.call(...)` and the event `incoming` give one.

    Its state is `snapshot`; the properties read it, from any thread, also after the call has ended. Actions start at
    once and may be awaited (see `jzrx.Action`). Misuse raises at once: CallError in the wrong state, ValueError for a
    bad argument, ConnectionError without a connection.
    """

    def __init__(self, phone: Phone, call_id: str, snapshot: StateObservable[CallSnapshot]) -> None:
        self._phone = phone
        self._control = phone.control
        self._id = call_id
        self._snapshot = snapshot
        self._headers = phone.remote_headers(call_id)
        media = phone.any_line().media
        self._media = media
        self._audio = CallAudio(
            lambda: media.session(call_id),
            media.opened(call_id),
            lambda: self.state is CallState.ENDED,
            lambda source: bound(source, phone.devices),
        )
        self._monitoring: DisposableBase = Disposable()
        self.emitter = Emitter("a call", CALL_EVENTS)

    # --- what it is -------------------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> StateObservable[CallSnapshot]:
        """The state of the call, observable. It completes at the end of the call, and keeps the last value."""
        return self._snapshot

    @property
    def id(self) -> str:
        """The unique id of the call."""
        return self._id

    @property
    def state(self) -> CallState:
        """The state of the call."""
        return self._snapshot.value.state

    @property
    def direction(self) -> CallDirection:
        """Who made the call."""
        return self._snapshot.value.direction

    @property
    def is_muted(self) -> bool:
        """Whether silence is sent instead of everything."""
        return self._snapshot.value.is_muted

    @property
    def is_held(self) -> bool:
        """Whether we hold the other side, which has confirmed it."""
        return self._snapshot.value.is_held

    @property
    def is_remotely_held(self) -> bool:
        """Whether the other side holds us."""
        return self._snapshot.value.is_remotely_held

    @property
    def duration(self) -> int:
        """Whole seconds since the answer: 0 before it, frozen at the end. Nothing is emitted as it grows."""
        return duration(self._snapshot.value, self._phone.any_line().now)

    @property
    def remote_identity(self) -> str:
        """Who is at the other end: the display name, else `sip:user@host`; of a call made here, who was dialled."""
        return self._snapshot.value.remote_identity

    @property
    def remote_uri(self) -> str:
        """The SIP URI of the other end."""
        return self._snapshot.value.remote_uri

    @property
    def remote_display_name(self) -> str | None:
        """The display name of the other end, if it has told one."""
        return self._snapshot.value.remote_display_name

    @property
    def remote_headers(self) -> RemoteHeaders:
        """The headers of the other side's INVITE, 18x, 2xx and BYE: read-only, names in any case, the latest counts."""
        return self._headers

    @property
    def can(self) -> AllowedCallActions:
        """Which actions are allowed in it now, for greying its buttons."""
        return can_in_call(self._phone.snapshot, self._id)

    @property
    def audio(self) -> CallAudio:
        """What the call sends and hears."""
        return self._audio

    # --- beginning and end ------------------------------------------------------------------------------------------

    def answer(self, options: AnswerOptions | Mapping[str, Any] | None = None, **fields: Any) -> Action[None]:
        """Answer an incoming call. Done when the other side has acknowledged; CallError if the call ended before.

        The options are those of `AnswerOptions`.
        """
        given = resolve_options(AnswerOptions, options, fields)
        return self._control.answer(self._snapshot.value, given)

    def hangup(
        self, code: int = 486, *, reason: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Action[None]:
        """End the call in any state; it shows `ended`, and its media stops, before this returns.

        The protocol finishes behind it: CANCEL for a call that is not answered, `code` (300 to 699) for one that rings
        here, else BYE. The action is done when that is over, at most 32 s later; it never fails.
        """
        return self._control.hang_up(self._snapshot.value, code, reason, headers)

    async def answered(self) -> None:
        """Return when the call is answered; CallError, with the code, if it ends before."""
        call = await self._snapshot.wait(lambda call: call.answered_at is not None or call.state is CallState.ENDED)
        if call.answered_at is None:
            raise _ended(call)

    async def finished(self) -> CallEndCause:
        """Return when the call has ended: why."""
        call = await self._snapshot.wait(lambda call: call.end_cause is not None)
        assert call.end_cause is not None
        return call.end_cause

    async def media_ready(self) -> None:
        """Return when audio flows (ICE and DTLS are up); CallError if the call ends, or that fails, before."""
        settled = (MediaState.CONNECTED, MediaState.FAILED)
        call = await self._snapshot.wait(lambda call: call.media in settled or _over(call))
        if call.media is not MediaState.CONNECTED:
            raise _ended(call) if _over(call) else CallError(NO_AUDIO, 408)

    # --- in the call ------------------------------------------------------------------------------------------------

    def hold(self) -> Action[None]:
        """Put the other side on hold. Done when it has confirmed (2xx), at once if it is on hold already.

        CallError with the code if it refuses; the call is then as it was.
        """
        return self._control.hold(self._snapshot.value, True)

    def unhold(self) -> Action[None]:
        """Take the hold back; like `hold`."""
        return self._control.hold(self._snapshot.value, False)

    def toggle_hold(self) -> Action[None]:
        """`unhold` if the call is held by us, or is about to be, else `hold`."""
        return self._control.toggle_hold(self._snapshot.value)

    def restart_ice(self) -> Action[None]:
        """Make the audio path anew, by a re-INVITE with new ICE credentials, as after a change of the network.

        Done by itself where the path has died, and when the connection was lost and has come back; this is for who
        knows earlier. What is heard goes on meanwhile, where it can. Done when the other side has accepted, with
        `CallError` if it refuses; the call is then as it was. W3C calls it `restartIce`.
        """
        return self._control.restart_ice(self._snapshot.value)

    def mute(self) -> Action[None]:
        """Send silence instead of everything, from now on; in any state, also before the answer."""
        return self._control.mute(self._snapshot.value, True)

    def unmute(self) -> Action[None]:
        """Send sound again."""
        return self._control.mute(self._snapshot.value, False)

    def toggle_mute(self) -> Action[None]:
        """`unmute` if the call is muted, or is about to be, else `mute`."""
        return self._control.toggle_mute(self._snapshot.value)

    def send_dtmf(
        self, tones: str, *, duration_ms: int = 100, gap_ms: int = 70, method: str | None = None
    ) -> Action[None]:
        """Send tones, one after the other, as RTP events (RFC 4733), or by SIP INFO (`application/dtmf-relay`).

        `tones` are of `0-9*#A-D` in any case, and `,` for a pause of 2 s. `duration_ms` is 40 to 1300, `gap_ms` 40 to
        5000. What is asked for while tones are being sent waits for its turn. `method` None takes RTP where
        telephone-event was negotiated at the codec's clock rate and the other side does not hold the call, else INFO;
        "rtp" raises CallError where that is not so. Tones interrupt the sound; mute and our hold do not silence them.

        Done with the last end packet, or with the response to the last INFO; CallError if one is refused, or (408)
        unanswered for 5 s. jambonz does not take A to D: by INFO it refuses them, or leaves them unanswered; by RTP its
        applications read each of them as a 1.
        """
        return self._control.send_dtmf(self._snapshot.value, tones, duration_ms, gap_ms, method)

    # --- transfer ---------------------------------------------------------------------------------------------------

    def transfer(self, target: str, *, headers: Mapping[str, str] | None = None) -> Action[None]:
        """Blind transfer: have the other side call `target` instead (REFER, RFC 3515).

        `target` is what `JambonzClient.call` takes; `headers` go out on the REFER. Done when the transfer has
        succeeded, which ends this call: at a NOTIFY that says so, at the other side's BYE, or, where it reports nothing
        (as jambonz does), 5 s after it accepted. CallError when it is refused or fails; the call is then as it was.
        The events are `transferred` and `transferFailed`.
        """
        return self._control.transfer(self._snapshot.value, target, headers)

    def attended_transfer(self, other_call: "JambonzCall", *, headers: Mapping[str, str] | None = None) -> Action[None]:
        """Attended transfer: connect the other side of this call with that of `other_call` (Replaces, RFC 3891).

        Both calls are of this client and answered; both end on success. Otherwise as `transfer`.
        """
        if not isinstance(other_call, JambonzCall):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"other_call must be a JambonzCall, not {other_call!r}")
        if other_call._phone is not self._phone:
            raise ValueError("attended_transfer(): other_call must be another call of this client")
        return self._control.attended_transfer(self._snapshot.value, other_call._snapshot.value, headers)

    # --- other requests in the call ---------------------------------------------------------------------------------

    def send_info(
        self, body: str | bytes, content_type: str = "application/json", *, headers: Mapping[str, str] | None = None
    ) -> Action[None]:
        """Send an INFO (RFC 6086): with jambonz it reaches the application's `sipRequestWithinDialogHook`.

        Done when it was accepted; CallError when it was refused, or (408) not answered for 5 s. Ours beyond the
        documented API; what the other side sends is the event `info`.
        """
        if not isinstance(body, str | bytes):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"body must be a str or bytes, not {type(body).__name__}")
        return self._control.send_info(self._snapshot.value, "send_info", body, content_type, headers)

    def enable_noise_isolation(
        self, vendor: str | None = None, level: int | None = None, model: str | None = None
    ) -> Action[None]:
        """Ask the server to isolate the voice from noise: an INFO of `application/x-jambonz+json`.

        `level` is 0 to 100. As the JavaScript SDK does; a stock jambonz accepts it without effect.
        """
        whole = isinstance(level, int) and not isinstance(level, bool)
        if level is not None and not (whole and 0 <= level <= 100):
            raise ValueError(f"level must be a whole number from 0 to 100, not {level!r}")
        for name, value in (("vendor", vendor), ("model", model)):
            if value is not None and not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise ValueError(f"{name} must be a str, not {value!r}")
        given = {"vendor": vendor, "level": level, "model": model}
        return self._noise_isolation("enable", {name: value for name, value in given.items() if value is not None})

    def disable_noise_isolation(self) -> Action[None]:
        """Ask the server to stop isolating the voice from noise."""
        return self._noise_isolation("disable", {})

    def _noise_isolation(self, status: str, options: dict[str, Any]) -> Action[None]:
        data = {"noise_isolation_status": status, **options}
        message = {"command": "noiseIsolation:status", "data": data}
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()  # as JavaScript writes it
        action = f"{status}_noise_isolation"
        return self._control.send_info(self._snapshot.value, action, body, "application/x-jambonz+json", None)

    # --- quality ----------------------------------------------------------------------------------------------------

    def get_stats(self) -> Action[CallQualityStats | None]:
        """The quality since the call began; None while there is no media."""
        if self.state is CallState.ENDED:
            return Deferred[CallQualityStats | None].resolved(None)
        line = self._phone.any_line()
        result = Deferred[CallQualityStats | None](loop=line.loop)

        async def measure() -> None:
            try:
                result.resolve(await self._measure())
            except Exception as error:
                result.reject(error)

        line.run(lambda: self._media.spawn(measure()))
        return result.action

    def start_quality_monitoring(self, interval_ms: int = 2000) -> None:
        """Emit `qualityStats` now, or as soon as there is media, and every `interval_ms` milliseconds (100 or more).

        `packet_loss` of each is that of its interval. It ends with the call, or by `stop_quality_monitoring`.
        """
        if isinstance(interval_ms, bool) or not isinstance(interval_ms, int) or not 100 <= interval_ms <= 3_600_000:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(
                f"interval_ms must be a whole number of milliseconds from 100 to 3600000, not {interval_ms!r}"
            )
        if self.state is CallState.ENDED:
            raise CallError("start_quality_monitoring(): the call has ended")
        line = self._phone.any_line()

        def report(stats: CallQualityStats) -> None:
            line.emit(StatsSampled(at=line.now, call_id=self._id, stats=stats))

        def start() -> None:
            self._monitoring.dispose()
            self._monitoring = monitoring = CompositeDisposable()

            def begin(_: CallSnapshot) -> None:
                monitor = QualityMonitor(self._measure, report, interval_ms / 1000, line.scheduler)
                monitoring.add(Disposable(monitor.stop))

            def is_up(call: CallSnapshot) -> bool:
                return call.media is MediaState.CONNECTED

            monitoring.add(self._snapshot.pipe(operators.filter(is_up), operators.take(1)).subscribe(begin))
            monitoring.add(self._snapshot.subscribe(on_completed=monitoring.dispose))

        line.run(start)

    def stop_quality_monitoring(self) -> None:
        """Take no more samples; if there are none, nothing happens."""
        self._phone.any_line().run(lambda: self._monitoring.dispose())

    async def _measure(self) -> CallQualityStats | None:
        session = self._media.session(self._id)
        return None if session is None else await session.stats()

    def _named_events(self) -> Emitter:
        return self.emitter

    def __repr__(self) -> str:
        call = self._snapshot.value
        return f"<JambonzCall {call.id} {call.direction} {call.remote_identity!r} {call.state}>"

    def _repr_html_(self) -> str:
        return call_html(self._snapshot.value)


def check_call(call: object, action: str) -> None:
    """TypeError for what is no call."""
    if not isinstance(call, JambonzCall):
        raise TypeError(f"{action}(): call must be a JambonzCall, not {call!r}")


def _over(call: CallSnapshot) -> bool:
    return call.state is CallState.ENDED


def _ended(call: CallSnapshot) -> CallError:
    cause = call.end_cause
    if cause is None:
        return CallError("the call has ended")
    return error_of(cause, f"the call to {call.remote_identity} failed")
