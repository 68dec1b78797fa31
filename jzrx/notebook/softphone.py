"""`Softphone`: a live phone in a notebook cell."""

import atexit
import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from reactivex.disposable import CompositeDisposable, Disposable, SerialDisposable

from jzrx import (
    AudioFrame,
    JambonzCall,
    JambonzClient,
    JambonzClientOptions,
    UseCalls,
    UseJambonzClient,
    use_jambonz_client,
)
from jzrx.media.measure import level
from jzrx.notebook.sound import BrowserSound
from jzrx.notebook.widget import PhoneWidget
from jzrx.ui.model import PhoneModel

__all__ = ["Softphone"]

LEAVING = 3.0
"""Seconds that the end of the kernel may take for the phone."""
METER = 5
"""Frames of 20 ms between two looks at the level of the other side."""

_living: dict[tuple[str, str, str], "Softphone"] = {}
"""The phones of this kernel by account: one whose cell is run again takes the place of the one before."""


class Softphone:
    """A phone in a notebook: the last value of a cell, or `display(softphone)`, shows it; every view is the same phone.

    The options are those of `use_jambonz_client`. It connects at once, on a thread with a loop of its own: calls go on
    while a cell runs. Run its cell again, and the phone of that account before is closed; so it is at the kernel's end.
    Sound is the kernel's, by its devices, if it has any, and on a button of the widget the browser's own microphone and
    speaker, which also serves a kernel elsewhere. `phone`, `calls` and `client` are the hooks and the client behind it,
    for cells that call, watch and test.
    """

    def __init__(
        self, options: JambonzClientOptions | Mapping[str, Any] | None = None, /, *, connect: bool = True, **fields: Any
    ) -> None:
        self._phone = use_jambonz_client(options, **fields)
        given = self._phone.options
        self._key = given.server, given.username, given.domain
        if (before := _living.pop(self._key, None)) is not None:
            before.close()
        _living[self._key] = self
        self._model = PhoneModel(self._phone, given.username, background=True)
        self._widget = PhoneWidget(self._press, lambda sound: self._sound.spoken(sound))
        self._sound = BrowserSound(self._model, self._widget.play)
        self._meter = SerialDisposable()
        self._subscriptions = CompositeDisposable(
            self._model.view.subscribe(self._widget.show),
            self._model.calls.current.subscribe(self._measure),
            self._meter,
            self._phone.client.subscribe(self._leave_with_the_kernel),
        )
        if connect:
            self._model.do("connect")

    @property
    def phone(self) -> UseJambonzClient:
        """The hook of the account."""
        return self._phone

    @property
    def calls(self) -> UseCalls:
        """The hook of all its calls."""
        return self._model.calls

    @property
    def client(self) -> JambonzClient | None:
        """The client, None while it is not connected."""
        return self._phone.client.value

    @property
    def widget(self) -> PhoneWidget:
        """The widget itself, to put it into a layout of ipywidgets."""
        return self._widget

    def close(self) -> None:
        """Hang up, unregister, and take it off the page. A second time nothing happens."""
        if _living.get(self._key) is self:
            del _living[self._key]
        atexit.unregister(self._leave)
        self._sound.stop()
        self._subscriptions.dispose()
        self._model.dispose()
        self._widget.close()

    def _leave_with_the_kernel(self, client: JambonzClient | None) -> None:
        """Unregister when the kernel ends or restarts. Registered anew for each client, to come before the end of the
        thread that it runs on, which is registered when it connects."""
        atexit.unregister(self._leave)
        if client is not None:
            atexit.register(self._leave)

    def _leave(self) -> None:
        with contextlib.suppress(TimeoutError):
            self._phone.disconnect().result(LEAVING)

    # --- between the widget and the phone -----------------------------------------------------------------------------

    def _press(self, pressed: dict[str, Any]) -> None:
        action, given = pressed["do"], pressed.get("with", {})
        if action == "sound":
            self._widget.has_sound = bool(given["on"])
            self._sound.start() if given["on"] else self._sound.stop()
        else:
            self._model.do(action, pressed.get("call", ""), **given)

    def _measure(self, call: JambonzCall | None) -> None:
        """Show the level of the other side of the current call."""
        self._widget.meter(0.0)
        self._meter.disposable = Disposable() if call is None else call.audio.incoming.subscribe(self._meter_frame)

    def _meter_frame(self, frame: AudioFrame) -> None:
        if round(frame.timestamp * 50) % METER == 0:
            self._widget.meter(level(frame.data))

    # --- what Jupyter asks for ----------------------------------------------------------------------------------------

    def _ipython_display_(self) -> None:
        from IPython.display import display  # pyright: ignore[reportUnknownVariableType]

        display(self._widget)  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        now = self._model.now
        return f"<Softphone {now.account} {now.status}, {len(now.calls)} calls, {len(now.incoming)} incoming>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
