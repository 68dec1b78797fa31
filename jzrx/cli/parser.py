"""The arguments of `jzrx`. The commands are imported when they run: `jzrx --help` need not load aiortc."""

import argparse
import math
import os
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from jzrx import VERSION
from jzrx.cli.account import account_of, add_account
from jzrx.cli.exits import CommandError, Exit
from jzrx.cli.screen import Screen

__all__ = ["make_parser"]


class Parser(argparse.ArgumentParser):
    """One line for a wrong argument, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(Exit.USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def make_parser() -> Parser:
    """All commands. What was parsed has `run(arguments, screen)`, which returns the exit status."""
    parser = Parser(
        prog="jzrx",
        description="The Python voice client for jambonz.",
        allow_abbrev=False,
        epilog="Exit status: 0 ended normally, 2 usage, 3 connection, 4 registration, 5 refused, 6 no answer, "
        "7 media failed, 130 interrupted (Ctrl-C, SIGTERM, SIGHUP).",
    )
    parser.add_argument("--version", action="version", version=f"jzrx {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    _add_demo(commands)
    _add_sbc(commands)
    _add_call(commands)
    _add_doctor(commands)
    _add_phone(commands)
    return parser


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="two phones call each other on an SBC of their own, and measure that they hear each other",
        description="Starts an SBC on this machine and two phones; one calls the other, each plays a tone and measures "
        "that it hears the other's. Needs no server. Exit status 0 only if all of it held.",
        allow_abbrev=False,
    )
    demo.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace, screen: Screen) -> int:
    from jzrx.cli.demo import run

    return run(screen)


def _add_sbc(commands: Any) -> None:
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


def _sbc(arguments: argparse.Namespace, screen: Screen) -> int:
    from jzrx.cli.sbc import run

    return run(screen, port=arguments.port, users_file=arguments.users_file, strict=arguments.strict)


def _add_call(commands: Any) -> None:
    call = commands.add_parser(
        "call",
        help="make one call: play, record, send tones",
        description="Registers, calls TARGET, takes the steps (--play, --dtmf, --wait) in the order in which they are "
        "given, and hangs up. Without steps the call lasts until the other side hangs up, or Ctrl-C; without --record "
        "too, it goes through the microphone and the speaker, if there are any (extra [audio]). The exit status tells "
        "why the call ended.",
        allow_abbrev=False,
    )
    call.add_argument("target", metavar="TARGET", help="a number, a user name or a SIP URI")
    add_account(call)
    step: dict[str, Any] = {"action": _AddStep, "dest": "steps", "default": ()}
    call.add_argument("--play", metavar="FILE", help="a step: play this WAV file to its end", **step)
    call.add_argument(
        "--dtmf", metavar="TONES", type=_tones, help="a step: send these tones (0-9*#A-D; a comma waits 2 s)", **step
    )
    call.add_argument("--wait", metavar="SECONDS", type=_seconds, help="a step: stay so long", **step)
    call.add_argument("--record", metavar="FILE", help="write what is heard to this WAV file (48 kHz, 16 bit, mono)")
    call.add_argument(
        "--timeout", metavar="SECONDS", type=_seconds, default=60.0, help="how long it may ring (default: 60)"
    )
    call.add_argument(
        "--header", metavar="NAME:VALUE", type=_header, action="append", default=[], help="a header on the INVITE"
    )
    call.add_argument("--codec", metavar="NAME", action="append", default=[], help="offer this codec first")
    call.add_argument("--json", action="store_true", help="print a line of JSON for each snapshot, and nothing else")
    call.set_defaults(run=_call)


def _call(arguments: argparse.Namespace, screen: Screen) -> int:
    from jzrx.cli.call import Order, Step, run

    headers = dict(arguments.header)
    if len({name.lower() for name in headers}) < len(arguments.header):
        raise CommandError("--header: two of them have the same name; give each once", Exit.USAGE)
    order = Order(
        target=arguments.target,
        steps=[Step(what, value) for what, value in arguments.steps],
        record=arguments.record,
        timeout=arguments.timeout,
        headers=headers,
        codecs=arguments.codec,
        as_json=arguments.json,
    )
    return run(screen, account_of(arguments), order)


def _add_doctor(commands: Any) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="what works between here and an SBC, step by step",
        description="Tries what a call needs, one after the other: the name of the server, TCP, TLS, WebSocket, SIP, "
        "the registration, STUN and TURN servers, and with --call a call whose audio is to come back. Says of each "
        "how long it took, and what to do where it failed. The exit status is that of the first failure.",
        allow_abbrev=False,
    )
    add_account(doctor)
    doctor.add_argument("--call", metavar="TARGET", help="call this, which is to echo what it hears")
    doctor.add_argument("--stun", metavar="URI", action="append", default=[], help="ask this server, as in stun:HOST")
    doctor.add_argument(
        "--turn",
        metavar="URI",
        action="append",
        default=[],
        help="ask this server, as in turn:HOST?transport=udp; its credentials come from the environment variables "
        "JZRX_TURN_USERNAME and JZRX_TURN_PASSWORD",
    )
    doctor.set_defaults(run=_doctor)


def _doctor(arguments: argparse.Namespace, screen: Screen) -> int:
    from jzrx.cli.doctor import run

    account = account_of(arguments)
    servers = [{"urls": arguments.stun}] if arguments.stun else []
    if arguments.turn:
        username, credential = (os.environ.get(f"JZRX_TURN_{name}") for name in ("USERNAME", "PASSWORD"))
        if not username or not credential:
            raise CommandError("--turn needs JZRX_TURN_USERNAME and JZRX_TURN_PASSWORD in the environment", Exit.USAGE)
        servers.append({"urls": arguments.turn, "username": username, "credential": credential})
    if servers:
        account["pc_config"] = {"iceServers": servers}
    return run(screen, account, arguments.call)


def _add_phone(commands: Any) -> None:
    phone = commands.add_parser(
        "phone",
        help="a phone in the terminal (extra [tui])",
        description="A phone with several lines in the terminal, by mouse and keyboard, with the SIP trace. It speaks "
        "and hears by the microphone and the speaker, if there are any (extra [audio]).",
        allow_abbrev=False,
    )
    add_account(phone)
    phone.set_defaults(run=_phone)


def _phone(arguments: argparse.Namespace, screen: Screen) -> int:
    from jzrx.cli.phone import run

    return run(account_of(arguments))


class _AddStep(argparse.Action):
    """Steps of all kinds share one list, so that their order is kept."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        kind = (option_string or "").removeprefix("--")
        setattr(namespace, self.dest, (*getattr(namespace, self.dest), (kind, values)))


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:6]) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 1 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.01 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give seconds, from 0.01 to 86400")
    return seconds


def _tones(text: str) -> str:
    if not re.fullmatch(r"[0-9*#A-Da-d,]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} are no tones: give 0-9, *, #, A-D, and a comma for a pause")
    return text


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is no header: give NAME:VALUE")
    return name.strip(), value.strip()
