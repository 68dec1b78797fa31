"""The entry of `jzrx`, and its promise: whatever happens ends in one clear line and an exit status."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

from jzrx.cli.exits import Exit, as_command_error
from jzrx.cli.parser import make_parser
from jzrx.cli.screen import Screen
from jzrx.ui.printable import printable

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit status. Arguments that are wrong end the process with status 2."""
    _take_the_places_of_closed_streams()
    arguments = make_parser().parse_args(argv)
    with _stderr() as errors:
        return _run(arguments, errors)


def _run(arguments: argparse.Namespace, errors: TextIO) -> int:
    run: Callable[[argparse.Namespace, Screen], int] = arguments.run
    try:
        # None: whoever started us closed it.
        return run(arguments, Screen(sys.stdout or io.StringIO()))  # pyright: ignore[reportUnnecessaryComparison]
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone. What is still buffered must not raise once more when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception as error:
        if os.environ.get("JZRX_DEBUG"):
            raise
        failure = as_command_error(error)
        message = printable(" ".join(failure.message.split()))
        with suppress(OSError):  # where it cannot be said, the status still tells
            errors.write(f"jzrx {arguments.command}: {message}\n")
            errors.flush()
        return failure.status


def _take_the_places_of_closed_streams() -> None:
    """Descriptors 0 to 2, where whoever started us closed them: else a socket is one of these, and what libraries
    write to standard error, or PortAudio does to it, hits that."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free


@contextmanager
def _stderr() -> Generator[TextIO]:
    """A standard error of our own. While PortAudio starts, in a thread of its own, sounddevice points the common one at
    /dev/null, and what is written meanwhile is lost."""
    try:
        number = os.dup(sys.stderr.fileno())
    except (AttributeError, OSError):  # there is none, or it is no file
        yield sys.stderr or io.StringIO()  # pyright: ignore[reportUnnecessaryComparison] - as above
        return
    errors = os.fdopen(number, "w", errors="backslashreplace")
    try:
        yield errors
    finally:
        with suppress(OSError):
            errors.close()
