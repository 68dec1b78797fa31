"""The arguments of `jzrx`, and the promise that whatever happens ends in one clear line and an exit status."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from jzrx import VERSION
from jzrx.cli.exits import Exit, as_command_error
from jzrx.cli.screen import Screen

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """One line for a wrong argument, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(Exit.USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit status. Arguments that are wrong end the process with status 2."""
    arguments = _parser().parse_args(argv)
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
        sys.stderr.write(f"jzrx {arguments.command}: {' '.join(failure.message.split())}\n")
        return failure.status


def _parser() -> _Parser:
    parser = _Parser(
        prog="jzrx",
        description="The Python voice client for jambonz.",
        allow_abbrev=False,
        epilog="Exit status: 0 ended normally, 2 usage, 3 connection, 4 registration, 5 refused, 6 no answer, "
        "7 media failed, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"jzrx {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    demo = commands.add_parser(
        "demo",
        help="two phones call each other on an SBC of their own, and measure that they hear each other",
        description="Starts an SBC on this machine and two phones; one calls the other, each plays a tone and measures "
        "that it hears the other's. Needs no server. Exit status 0 only if all of it held.",
        allow_abbrev=False,
    )
    demo.set_defaults(run=_demo)
    sbc = commands.add_parser(
        "sbc",
        help="an SBC for development, on this machine only",
        description="Runs the embedded SBC until Ctrl-C: a development server that behaves as jambonz does and listens "
        "on the loopback addresses only. Users come from --users-file or from the environment variable JZRX_SBC_USERS "
        "(NAME:PASSWORD, separated by spaces), so that no password stands among the arguments; without them they are "
        "alice and bob, each with the name as password.",
        allow_abbrev=False,
    )
    sbc.add_argument("--port", type=_port, help="the port to listen on (default: a free one)")
    sbc.add_argument("--users-file", metavar="FILE", help="a file with a line NAME:PASSWORD for each user")
    sbc.add_argument("--strict", action="store_true", help="do what a stock jambonz does, without our kindnesses")
    sbc.set_defaults(run=_sbc)
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:6]) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 1 to 65535")
    return int(text)


# The commands are imported when they run: `jzrx --help` need not load aiortc.


def _demo(arguments: argparse.Namespace, screen: Screen) -> int:
    from jzrx.cli.demo import run

    return run(screen)


def _sbc(arguments: argparse.Namespace, screen: Screen) -> int:
    from jzrx.cli.sbc import run

    return run(screen, port=arguments.port, users_file=arguments.users_file, strict=arguments.strict)
