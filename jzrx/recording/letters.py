"""Which letter a value has in a diagram, and which values a letter stands for."""

import string
from collections.abc import Mapping
from enum import Enum
from typing import Any

from jzrx.events import (
    CallAnswered,
    CallDialed,
    CallEnded,
    CallProgressed,
    CallReceived,
    ConnectFailed,
    ConnectStarted,
    Disconnected,
    DtmfReceived,
    Event,
    FlowLost,
    FlowOpened,
    HoldChanged,
    MessageReceived,
    MuteChanged,
    Registered,
    RegistrationFailed,
    RemoteHoldChanged,
    TransferFailed,
    Transferred,
    Unregistered,
    WarningCleared,
    WarningRaised,
)
from jzrx.recording.facts import fact
from jzrx.recording.notation import RESERVED
from jzrx.recording.secrets import without_secrets

__all__ = ["Legend", "Letters", "event_letter", "label", "stands_for", "state_of_letter", "usual_letter"]

Legend = Mapping[str, Any]
"""What letters stand for: a value, a class (any instance of it), or a function that is true of what is meant."""

_STATES = {
    "idle": "i",
    "ringing": "r",
    "connecting": "c",
    "connected": "C",
    "held": "h",
    "ended": "e",
    "disconnected": "d",
    "registered": "R",
    "reconnecting": "b",
    "unregistered": "u",
    "error": "x",
}
_LONGEST_LABEL = 72
_SPARE = string.ascii_lowercase + string.ascii_uppercase + "αβγδεζηθικλμνξοπρστυφχψω"
_MANY = "•"


def event_letter(event: Event) -> str | None:
    """The letter of an event; None for one that a diagram leaves out, as it only goes with another."""
    match event:
        case ConnectStarted():
            return "C"
        case FlowOpened():
            return "O"
        case FlowLost():
            return "L"
        case Registered():
            return None if event.refreshed else "R"
        case RegistrationFailed():
            return "F"
        case ConnectFailed():
            return "X"
        case Unregistered():
            return "U"
        case Disconnected():
            return "Z"
        case MessageReceived():
            return "S"
        case CallDialed():
            return "D"
        case CallProgressed():
            return "B"
        case CallReceived():
            return "I"
        case CallAnswered():
            return "A"
        case CallEnded():
            return "e" if event.cause.originator == "local" else "E"
        case HoldChanged():
            return "H" if event.held else "h"
        case RemoteHoldChanged():
            return "P" if event.held else "p"
        case MuteChanged():
            return "M" if event.muted else "m"
        case WarningRaised():
            return "W"
        case WarningCleared():
            return "w"
        case Transferred():
            return "T"
        case TransferFailed():
            return "t"
        case DtmfReceived():
            return event.tone if event.tone in "0123456789*" else None
        case _:
            return None


def usual_letter(value: object) -> str | None:
    """The letter that a value has without a legend, if it has one.

    `T` True, `F` False, `_` None, a digit that number, a single sign itself; of the states of clients and calls
    i(dle), r(inging), c(onnecting), C(onnected), h(eld), e(nded), d(isconnected), R(egistered), b (reconnecting: coming
    back), u(nregistered), x (error).
    """
    match value:
        case bool():
            return "T" if value else "F"
        case None:
            return "_"
        case int() if 0 <= value <= 9:
            return str(value)
        case str() if value in _STATES:
            return _STATES[value]
        case str() if len(value) == 1 and value.isprintable() and value not in RESERVED:
            return value
        case _:
            return event_letter(value) if isinstance(value, Event) else None


def state_of_letter(letter: str) -> str | None:
    """The state whose usual letter this is."""
    return next((state for state, usual in _STATES.items() if usual == letter), None)


def stands_for(meaning: object, value: object) -> bool:
    """Whether what a legend says of a letter fits a value."""
    if isinstance(meaning, type) and not isinstance(value, type):
        return isinstance(value, meaning)
    if callable(meaning) and not callable(value):
        return bool(meaning(value))
    return isinstance(meaning, bool) == isinstance(value, bool) and bool(meaning == value)


def label(value: object) -> str:
    """A value in a few words, without secrets."""
    if isinstance(value, Event):
        text = fact(value)
    elif isinstance(value, Enum) and isinstance(value.value, str):
        text = value.value
    else:
        text = repr(value)
    text = without_secrets(" ".join(text.split()))
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"


class Letters:
    """Gives each different value a letter of its own, as long as there are some, and remembers what they stand for."""

    def __init__(self, legend: Legend | None = None) -> None:
        self._legend = dict(legend or {})
        self._given: list[tuple[str, object]] = []
        self._taken = set(self._legend)
        self._others = False

    def of(self, value: object) -> str:
        """The letter of a value: that of the legend, else its usual one, else a free one like its name."""
        for letter, known in self._given:
            if type(known) is type(value) and known == value:
                return letter
        letter = self._find(value)
        if letter == _MANY:  # not remembered: there may be thousands, as of a level meter
            self._others = True
        else:
            self._given.append((letter, value))
            # Events keep their letters: where states are drawn below them, C is both, as each is known by it.
            if not isinstance(value, Event):
                self._taken.add(letter)
        return letter

    def shown(self) -> tuple[tuple[str, str], ...]:
        """The legend of what was drawn: letter and label, in order; not of what stands for itself."""
        lines = {f"{letter} = {label(value)}": letter for letter, value in self._given if str(value) != letter}
        known = tuple((letter, line.partition(" = ")[2]) for line, letter in sorted(lines.items()))
        return (*known, (_MANY, "others")) if self._others else known

    def lines(self) -> list[str]:
        """The same as text."""
        return [f"  {letter} = {meaning}" for letter, meaning in self.shown()]

    def _find(self, value: object) -> str:
        for letter, meaning in self._legend.items():
            if stands_for(meaning, value):
                return letter
        usual = usual_letter(value)
        if usual is not None and (isinstance(value, Event) or self._is_free(usual)):
            return usual
        name = [sign for sign in label(value) if sign.isalpha() and sign.isascii()]
        return next(filter(self._is_free, (*name, *(sign.upper() for sign in name), *_SPARE)), _MANY)

    def _is_free(self, letter: str) -> bool:
        return letter not in self._taken
