"""Lines and tables on standard output: coloured on a terminal, plain when piped or when NO_COLOR is set."""

import os
from collections.abc import Sequence
from typing import TextIO

from attrs import frozen

from jzrx.cli.exits import CommandError, Exit

__all__ = ["Screen", "Table"]

_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}

_COLOURS = {
    "registered": "green",
    "connected": "green",
    "held": "cyan",
    "connecting": "yellow",
    "ringing": "yellow",
    "rings": "yellow",
    "reconnecting": "yellow",
    "error": "red",
    "ended": "red",
}
"""The colour of a text by its first word."""


class Screen:
    """Where a command prints."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        # https://no-color.org: "when present and not an empty string (regardless of its value)".
        self._coloured = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"

    def line(self, text: str = "") -> None:
        """Print a line, and let it be seen at once. CommandError where it cannot be, as on a full disk; BrokenPipeError
        when whoever read it has gone."""
        try:
            self._stream.write(f"{text}\n")
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CommandError(f"cannot write the output: {error.strerror or error}", Exit.USAGE) from error

    def paint(self, text: str, *styles: str) -> str:
        """The text in a style (`bold`, `dim`, `red`, ...), or as it is."""
        if not self._coloured or not styles or not text:
            return text
        codes = ";".join(str(_CODES[style]) for style in styles)
        return f"\x1b[{codes}m{text}\x1b[0m"

    def paint_word(self, text: str) -> str:
        """The text in bold and in the colour of its first word, if that has one: `registered` is green everywhere."""
        colour = _COLOURS.get(text.split(" ", 1)[0])
        return self.paint(text, "bold", colour) if colour else text


@frozen
class Table:
    """A table that grows: `columns` are (title, width)."""

    screen: Screen
    columns: Sequence[tuple[str, int]]

    def head(self) -> None:
        """Print the titles."""
        cells = [self.screen.paint(title.ljust(width), "bold") for title, width in self.columns]
        self.screen.line("  ".join(cells).rstrip())

    def row(self, cells: Sequence[str], changed: Sequence[bool]) -> None:
        """Print a row; what changed since the last one stands out."""
        painted: list[str] = []
        for cell, (_, width), is_new in zip(cells, self.columns, changed, strict=True):
            padded = cell.ljust(width)
            painted.append(self.screen.paint_word(padded) if is_new else self.screen.paint(padded, "dim"))
        self.screen.line("  ".join(painted).rstrip())
