"""How a command ends: its exit status, and the one line that says why."""

from enum import IntEnum

from jzrx import errors

__all__ = ["Exit", "CommandError", "as_command_error"]


class Exit(IntEnum):
    """The exit statuses of all commands."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    CONNECTION = 3
    REGISTRATION = 4
    REFUSED = 5
    NO_ANSWER = 6
    MEDIA = 7
    INTERRUPTED = 130


class CommandError(Exception):
    """The command cannot go on; `message` is the line for the user."""

    def __init__(self, message: str, status: Exit) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


def as_command_error(error: Exception) -> CommandError:
    """The one line and the status for anything that was raised."""
    match error:
        case CommandError():
            return error
        case errors.RegistrationError():
            return CommandError(error.message, Exit.REGISTRATION)
        case errors.CallError(code=408):
            return CommandError(error.message, Exit.NO_ANSWER)
        case errors.CallError():
            return CommandError(error.message, Exit.REFUSED)
        case OSError():  # a ConnectionError of ours, too
            return CommandError(str(error.strerror or error), Exit.CONNECTION)
        case ValueError():
            return CommandError(str(error), Exit.USAGE)
        case _:
            return CommandError(
                f"internal error: {type(error).__name__}: {error} (JZRX_DEBUG=1 shows where)", Exit.INTERNAL
            )
