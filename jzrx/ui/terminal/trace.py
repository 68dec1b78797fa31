"""The SIP trace in a pane: what `jzrx.sip.trace` logs, credentials masked as everywhere."""

import logging
from collections.abc import Callable

__all__ = ["TraceHandler"]

_log = logging.getLogger("jzrx.sip.trace")


class TraceHandler(logging.Handler):
    """Hands every message to `show`, between `start` and `stop`."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__(logging.DEBUG)
        self._show = show
        self._before = logging.NOTSET

    def start(self) -> None:
        """Begin to listen."""
        self._before = _log.level
        _log.setLevel(logging.DEBUG)
        _log.addHandler(self)

    def stop(self) -> None:
        """Leave the logger as it was."""
        _log.removeHandler(self)
        _log.setLevel(self._before)

    def emit(self, record: logging.LogRecord) -> None:
        """Show a message."""
        self._show(f"{self.formatTime(record)}  {record.getMessage()}")

    def formatTime(self, record: logging.LogRecord) -> str:  # noqa: N802 - a name of logging's
        """When it was."""
        return logging.Formatter().formatTime(record, "%H:%M:%S")
