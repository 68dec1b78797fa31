"""`on`, `once` and `off` of a client and of a call: for each event, the type of what its handler gets.

A handler may be `async def`; what it returns is of no interest. A name that is known only when the program runs takes
any handler.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, overload

from reactivex.abc import DisposableBase

from jzrx.errors import CallError, JambonzError, RegistrationError
from jzrx.phone.emitter import Emitter, Handler
from jzrx.types import (
    CallEndCause,
    CallQualityStats,
    CallState,
    CallWarning,
    ClientState,
    SipInfo,
    SipMessage,
    TransferRequest,
)

if TYPE_CHECKING:
    from jzrx.call import JambonzCall

__all__ = ["CallEvents", "ClientEvents"]


class _Events:
    def _named_events(self) -> Emitter:
        raise NotImplementedError

    def off(self, event: str, handler: Handler) -> None:
        """Stop calling `handler` on `event`; one that is not there does no harm."""
        self._named_events().off(event, handler)


class ClientEvents(_Events):
    """The named events of a client."""

    @overload
    def on(
        self, event: Literal["registered", "unregistered", "connected", "disconnected"], handler: Callable[[], object]
    ) -> DisposableBase: ...
    @overload
    def on(
        self,
        event: Literal["registrationFailed", "registration_failed"],
        handler: Callable[[RegistrationError], object],
    ) -> DisposableBase: ...
    @overload
    def on(self, event: Literal["incoming"], handler: "Callable[[JambonzCall], object]") -> DisposableBase: ...
    @overload
    def on(
        self, event: Literal["stateChanged", "state_changed"], handler: Callable[[ClientState], object]
    ) -> DisposableBase: ...
    @overload
    def on(self, event: Literal["message"], handler: Callable[[SipMessage], object]) -> DisposableBase: ...
    @overload
    def on(self, event: Literal["error"], handler: Callable[[JambonzError], object]) -> DisposableBase: ...
    @overload
    def on(self, event: str, handler: Handler) -> DisposableBase: ...
    def on(self, event: str, handler: Handler) -> DisposableBase:
        """Call `handler` on each `event` until the result is disposed.

        registered, unregistered, registrationFailed (`RegistrationError`), incoming (`JambonzCall`), stateChanged
        (`ClientState`), connected, disconnected, message (`SipMessage`), error (`JambonzError`); the snake_case
        spelling will do. ValueError for any other name.
        """
        return self._named_events().on(event, handler)

    @overload
    def once(
        self, event: Literal["registered", "unregistered", "connected", "disconnected"], handler: Callable[[], object]
    ) -> DisposableBase: ...
    @overload
    def once(
        self,
        event: Literal["registrationFailed", "registration_failed"],
        handler: Callable[[RegistrationError], object],
    ) -> DisposableBase: ...
    @overload
    def once(self, event: Literal["incoming"], handler: "Callable[[JambonzCall], object]") -> DisposableBase: ...
    @overload
    def once(
        self, event: Literal["stateChanged", "state_changed"], handler: Callable[[ClientState], object]
    ) -> DisposableBase: ...
    @overload
    def once(self, event: Literal["message"], handler: Callable[[SipMessage], object]) -> DisposableBase: ...
    @overload
    def once(self, event: Literal["error"], handler: Callable[[JambonzError], object]) -> DisposableBase: ...
    @overload
    def once(self, event: str, handler: Handler) -> DisposableBase: ...
    def once(self, event: str, handler: Handler) -> DisposableBase:
        """Call `handler` on the next `event` only."""
        return self._named_events().once(event, handler)


class CallEvents(_Events):
    """The named events of a call."""

    @overload
    def on(
        self, event: Literal["accepted", "progress", "transferred"], handler: Callable[[], object]
    ) -> DisposableBase: ...
    @overload
    def on(self, event: Literal["ended", "failed"], handler: Callable[[CallEndCause], object]) -> DisposableBase: ...
    @overload
    def on(
        self, event: Literal["stateChanged", "state_changed"], handler: Callable[[CallState], object]
    ) -> DisposableBase: ...
    @overload
    def on(
        self, event: Literal["hold", "mute", "remoteHold", "remote_hold"], handler: Callable[[bool], object]
    ) -> DisposableBase: ...
    @overload
    def on(self, event: Literal["dtmf"], handler: Callable[[str], object]) -> DisposableBase: ...
    @overload
    def on(self, event: Literal["info"], handler: Callable[[SipInfo], object]) -> DisposableBase: ...
    @overload
    def on(
        self, event: Literal["qualityStats", "quality_stats"], handler: Callable[[CallQualityStats], object]
    ) -> DisposableBase: ...
    @overload
    def on(
        self, event: Literal["warning", "warningCleared", "warning_cleared"], handler: Callable[[CallWarning], object]
    ) -> DisposableBase: ...
    @overload
    def on(
        self, event: Literal["transferFailed", "transfer_failed"], handler: Callable[[CallError], object]
    ) -> DisposableBase: ...
    @overload
    def on(
        self, event: Literal["transferRequested", "transfer_requested"], handler: Callable[[TransferRequest], object]
    ) -> DisposableBase: ...
    @overload
    def on(self, event: Literal["replacement"], handler: "Callable[[JambonzCall], object]") -> DisposableBase: ...
    @overload
    def on(self, event: str, handler: Handler) -> DisposableBase: ...
    def on(self, event: str, handler: Handler) -> DisposableBase:
        """Call `handler` on each `event` until the result is disposed.

        accepted, progress, ended and failed (`CallEndCause`), stateChanged (`CallState`), hold, mute and remoteHold
        (`bool`), dtmf (`str`), info (`SipInfo`), qualityStats (`CallQualityStats`), warning and warningCleared
        (`CallWarning`); transferred and transferFailed (`CallError`) of our transfers; transferRequested
        (`TransferRequest`) and replacement (the `JambonzCall` that comes in the place of this one) of others'. The
        snake_case spelling will do. Exactly one of ended and failed comes, when the call has left `client.calls`.
        ValueError for any other name.
        """
        return self._named_events().on(event, handler)

    @overload
    def once(
        self, event: Literal["accepted", "progress", "transferred"], handler: Callable[[], object]
    ) -> DisposableBase: ...
    @overload
    def once(self, event: Literal["ended", "failed"], handler: Callable[[CallEndCause], object]) -> DisposableBase: ...
    @overload
    def once(
        self, event: Literal["stateChanged", "state_changed"], handler: Callable[[CallState], object]
    ) -> DisposableBase: ...
    @overload
    def once(
        self, event: Literal["hold", "mute", "remoteHold", "remote_hold"], handler: Callable[[bool], object]
    ) -> DisposableBase: ...
    @overload
    def once(self, event: Literal["dtmf"], handler: Callable[[str], object]) -> DisposableBase: ...
    @overload
    def once(self, event: Literal["info"], handler: Callable[[SipInfo], object]) -> DisposableBase: ...
    @overload
    def once(
        self, event: Literal["qualityStats", "quality_stats"], handler: Callable[[CallQualityStats], object]
    ) -> DisposableBase: ...
    @overload
    def once(
        self, event: Literal["warning", "warningCleared", "warning_cleared"], handler: Callable[[CallWarning], object]
    ) -> DisposableBase: ...
    @overload
    def once(
        self, event: Literal["transferFailed", "transfer_failed"], handler: Callable[[CallError], object]
    ) -> DisposableBase: ...
    @overload
    def once(
        self, event: Literal["transferRequested", "transfer_requested"], handler: Callable[[TransferRequest], object]
    ) -> DisposableBase: ...
    @overload
    def once(self, event: Literal["replacement"], handler: "Callable[[JambonzCall], object]") -> DisposableBase: ...
    @overload
    def once(self, event: str, handler: Handler) -> DisposableBase: ...
    def once(self, event: str, handler: Handler) -> DisposableBase:
        """Call `handler` on the next `event` only."""
        return self._named_events().once(event, handler)
