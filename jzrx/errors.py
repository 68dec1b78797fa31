"""What can go wrong, as the caller sees it.

    JambonzError
    ├── RegistrationError     the server refused or did not answer REGISTER
    ├── CallError             a call, or an action in a call, failed
    └── ConnectionError       no WebSocket, or not connected (also a builtin ConnectionError)

Each message says what failed and what to do. Errors pickle, and chain their cause.
"""

import builtins

__all__ = ["CallError", "ConnectionError", "JambonzError", "RegistrationError"]


class JambonzError(Exception):
    """The base of every error that jzrx raises for what the network decided.

    Mirrors the documented class of the same name. Misuse by the caller (a bad argument, the wrong type) raises the
    builtin `ValueError` or `TypeError` instead.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RegistrationError(JambonzError):
    """SIP registration failed.

    `code` is the status of the final response (RFC 3261 section 21), 408 when none came.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class CallError(JambonzError):
    """A call, or an action in a call, failed.

    `code` is a SIP status code (RFC 3261 section 21; 408 when nobody answered), `reason` the server's own words:
    its X-Reason, or else the reason phrase.
    """

    def __init__(self, message: str, code: int | None = None, reason: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class ConnectionError(JambonzError, builtins.ConnectionError):  # noqa: A001 - the documented name
    """The WebSocket could not be opened, was lost for good, or is not there for what was asked."""
