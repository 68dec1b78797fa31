"""An event in a few words: "CallEnded 487 Request Terminated local"."""

from collections.abc import Iterable
from typing import Any

import attrs

from jzrx.events import Event
from jzrx.types import CallEndCause, CallQualityStats, CallWarning

__all__ = ["fact"]

_UNSAID = frozenset(("at", "call_id", "headers", "server", "until", "message"))


def fact(event: Event) -> str:
    """Its name and what it says, but times, call ids and headers; of a bool its name, if it is true."""
    return " ".join([type(event).__name__, *_said(event)])


def _said(value: Any) -> Iterable[str]:
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(value.__class__)
    for field in fields:
        part: Any = getattr(value, field.name)
        if field.name in _UNSAID or part in (None, False, b"", "", ()):
            continue
        if part is True:
            yield field.name
        elif isinstance(part, CallEndCause | CallQualityStats | CallWarning):
            yield from _said(part)
        else:
            yield f"{part:g}" if isinstance(part, float) else str(part)
