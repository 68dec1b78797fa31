"""What an error's message says to do."""

import pytest

from jzrx.advice import What, advice, hint
from jzrx.sip.causes import error_of, transfer_error
from jzrx.types import CallEndCause


@pytest.mark.parametrize(
    ("what", "code", "reason", "says"),
    [
        ("call", 401, "Unauthorized", "username and password"),
        ("call", 403, "Invalid credentials", "username and password"),
        ("call", 403, "Forbidden", ""),  # only the other side knows
        ("call", 404, "Not Found", "realm"),
        ("call", 408, "No media path", "TURN"),
        ("call", 408, "No Answer", ""),
        ("call", 480, "no configured application", "registered"),
        ("call", 480, "Temporarily Unavailable", ""),
        ("call", 486, "Busy Here", ""),
        ("call", 488, "Not Acceptable Here", "preferred_codecs"),
        ("call", 503, "Account exists but is inactive", "activate"),
        ("call", 503, "Maximum Calls In Progress", "limit"),
        ("call", 503, "Max Account Calls In Progress", "limit"),
        ("call", 503, "Service Unavailable", ""),
        ("transfer", 501, "Not Implemented", "referHook"),
        ("transfer", 486, "Busy Here", ""),
        ("tones", 500, "Server Internal Error", "A to D"),
        ("info", 415, "Unsupported Media Type", "content_type"),
        ("message", 413, "Request Entity Too Large", "less"),
        ("message", 503, "Service Unavailable", "send_info()"),
    ],
)
def test_advice(what: What, code: int, reason: str, says: str) -> None:
    text = advice(what, code, reason)
    assert says in text
    assert bool(text) is bool(says)
    assert hint(what, code, reason) == (f"; {text}" if text else "")


def test_it_ends_the_message_and_leaves_code_and_reason() -> None:
    error = error_of(CallEndCause(480, "no configured application"), "the call to bob failed")
    assert str(error).startswith("the call to bob failed: 480 no configured application; nobody of that name")
    assert (error.code, error.reason) == (480, "no configured application")
    ours = CallEndCause(404, "Not Found", "local")
    assert str(error_of(ours, "the call failed")) == "the call failed: 404 Not Found", "we know why we refused"
    assert str(transfer_error(486, "Busy Here")) == "the transfer failed: 486 Busy Here"


def test_a_cause_says_what_to_do() -> None:
    cause = CallEndCause(480, "no configured application")
    assert cause.advice.startswith("nobody of that name is registered")
    assert str(cause) == f"480 no configured application; {cause.advice}"
    declined = CallEndCause(404, "Not Found", "local")
    assert (declined.advice, str(declined)) == ("", "404 Not Found")
