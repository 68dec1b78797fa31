"""Whose phone it is: the options of a client, from the arguments of a command or the environment."""

import argparse
import getpass
import os
import ssl
import sys
from pathlib import Path
from typing import Any

from jzrx.cli.exits import CommandError, Exit

__all__ = ["account_of", "add_account"]

SERVER, USERNAME, PASSWORD, REALM = "JZRX_SERVER", "JZRX_USERNAME", "JZRX_PASSWORD", "JZRX_REALM"


def add_account(parser: argparse.ArgumentParser) -> None:
    """The arguments that name an account."""
    account = parser.add_argument_group(
        "account",
        f"Each may come from the environment instead: {SERVER}, {USERNAME}, {REALM}; the password from {PASSWORD}, "
        "--password-file or a prompt, and never from an argument, which every user of the machine could read.",
    )
    account.add_argument("--server", metavar="URL", help="the SBC, as in wss://sbc.example.com:8443")
    account.add_argument("--username", metavar="NAME", help="the SIP user")
    account.add_argument("--realm", help="the SIP realm of the account, where it is not the host of the server")
    account.add_argument("--password-file", metavar="FILE", help="a file whose first line is the password")
    account.add_argument("--cafile", metavar="FILE", help="trust the certificates in this file (PEM) instead")


def account_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields of `JambonzClientOptions`. Raises CommandError that names what is missing."""
    fields: dict[str, Any] = {
        "server": _required(arguments.server, SERVER, "--server"),
        "username": _required(arguments.username, USERNAME, "--username"),
        "realm": arguments.realm or os.environ.get(REALM) or None,
    }
    if arguments.cafile is not None:
        fields["ssl"] = _trusting(arguments.cafile)
    return {**fields, "password": _password(arguments.password_file)}


def _required(given: str | None, variable: str, option: str) -> str:
    value = given or os.environ.get(variable)
    if not value:
        raise CommandError(f"give {option}, or set {variable}", Exit.USAGE)
    return value


def _password(file: str | None) -> str:
    if file is not None:
        try:
            password = Path(file).read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
        except OSError as error:
            raise CommandError(f"cannot read --password-file {file}: {error.strerror}", Exit.USAGE) from error
        except UnicodeDecodeError as error:
            raise CommandError(f"--password-file {file} is not a text file in UTF-8", Exit.USAGE) from error
        if not password:
            raise CommandError(f"--password-file {file} has an empty first line: the password stands there", Exit.USAGE)
        return password
    if given := os.environ.get(PASSWORD):
        return given
    if not sys.stdin or not sys.stdin.isatty():  # pyright: ignore[reportUnnecessaryComparison] - None: it is closed
        raise CommandError(f"set {PASSWORD}, or give --password-file", Exit.USAGE)
    try:
        return getpass.getpass("password: ")
    except EOFError:
        raise CommandError("no password was given", Exit.USAGE) from None


def _trusting(file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:  # an SSLError is one
        raise CommandError(f"cannot use --cafile {file}: {error.strerror or error}", Exit.USAGE) from error
