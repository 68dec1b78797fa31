"""The widget between the kernel and the page: the view goes there, what is pressed and said comes back."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import attrs
import traitlets

from jzrx.ui.view import PhoneView

__all__ = ["PhoneWidget"]

BEAT = 3.0
"""Seconds between two signs of life; static/phone.js has how long it waits for one."""

_STATIC = Path(__file__).parent / "static"


def _as_sent(data: Any, subshell: str | None) -> str | None:
    return subshell


class PhoneWidget(anywidget.AnyWidget):
    """What static/phone.js shows. `view` is a `PhoneView` as plain data; `has_sound` whether the browser's is on."""

    _esm = (_STATIC / "sound.js").read_text(encoding="utf-8") + (_STATIC / "phone.js").read_text(encoding="utf-8")
    _css = _STATIC / "phone.css"

    view: "traitlets.Dict[str, Any]" = traitlets.Dict().tag(sync=True)
    has_sound = traitlets.Bool(False).tag(sync=True)

    def __init__(self, pressed: Callable[[dict[str, Any]], None], spoken: Callable[[bytes], None]) -> None:
        super().__init__()
        self._pressed = pressed
        self._spoken = spoken
        if self.comm is not None:
            # ipykernel 7 gives what the page sends to the thread that spoke last, and takes a thread of ours for that
            # of the cells: a cell that runs would keep every click waiting. Where the page sends it is right.
            setattr(self.comm, "_reply_subshell_for", _as_sent)  # noqa: B010 - no part of its public API
        self._closed = threading.Event()
        threading.Thread(target=self._live, name="jzrx-notebook", daemon=True).start()
        self.on_msg(self._received)  # pyright: ignore[reportUnknownMemberType]

    def show(self, view: PhoneView) -> None:
        """Show this; from any thread."""
        self.view = attrs.asdict(view)

    def play(self, sound: bytes) -> None:
        """Let the browser play this (48000 Hz, s16le, mono); from any thread."""
        self.send({"type": "sound"}, buffers=[sound])  # pyright: ignore[reportUnknownMemberType]

    def meter(self, level: float) -> None:
        """How loud the other side is."""
        self.send({"type": "level", "level": round(level, 3)})  # pyright: ignore[reportUnknownMemberType]

    def _live(self) -> None:
        """Tell the page every few seconds that the kernel lives, until the widget is closed."""
        while not self._closed.wait(BEAT):
            self.send({"type": "alive"})  # pyright: ignore[reportUnknownMemberType]

    def close(self) -> None:
        """Take it off the page."""
        self._closed.set()
        super().close()

    def _received(self, _: Any, content: dict[str, Any], buffers: list[memoryview]) -> None:
        if content.get("type") == "sound" and buffers:
            self._spoken(bytes(buffers[0]))
        elif content.get("type") == "press":
            self._pressed(content)
