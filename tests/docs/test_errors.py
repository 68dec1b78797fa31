"""docs/errors.md is complete, and true: each failure that the source can make has its row, and each row its place."""

import re
from collections.abc import Iterator

import attrs
import pytest

from jzrx import AnswerOptions, JambonzCallOptions, JambonzClientOptions, Reconnect
from tests.docs.failures import ROOT, Failure, failures

PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")

# Where a text is only passed on; what it is made from is found in the places that make it.
PASSED_ON = {
    "media.negotiation._refusal": "its callers' texts",
    "media.peer.MediaPeer.ready": "what transport.py says",
    "media.session.MediaSession.send_dtmf": "NO_TONES, or what the sender says; send_dtmf() shows it",
    "phone.media.CallMedia._in_turn": "a MediaError",
    "phone.named.named": "the message of an event",
    "sip.causes.cause_of_bye": "the other side's words",
    "sip.causes.cause_of_cancel": "the other side's words",
    "sip.causes.cause_of_response": "the other side's words",
    "sip.causes.error_of": "its callers' texts",
    "sip.connection.step._failed": "what transport.py says",
    "sip.connection.step._refusal": "its callers' texts",
    "sip.connection.step._refused": "what registration.py says",
    "sip.session.callee.hang_up": "the code of the user",
    "sip.session.callee.not_described": "a MediaError",
    "sip.session.caller.not_made": "a MediaError",
    "sip.session.caller.unanswered": "what the transaction layer says",
    "sip.session.refresh.unanswered": "what the transaction layer says",
    "sip.session.reoffer.answered": "the other side's words",
    "sip.session.reoffer.unanswered": "what the transaction layer says",
    "sip.session.state.own_cause": "what agent.py says",
    "sip.session.step._not_described": "a MediaError",
    "sip.session.transfer.answered": "the other side's words",
    "sip.session.transfer.notified": "the other side's words",
    "sip.session.transfer.unanswered": "what the transaction layer says",
    "sip.transport._Link.run": "what `explain` says",
}


def rows() -> Iterator[tuple[str, str, str | None]]:
    """(class, text, code) of each row whose first cell is a message; the code is None where there is no such column."""
    kind, columns = "", list[str]()
    for line in PAGE.splitlines():
        if heading := re.fullmatch(r"## (\w+)", line):
            kind = heading[1]
        if not line.startswith("|") or line.startswith("|---"):
            continue
        cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells[0] in ("message", "code and reason", "code"):
            columns = cells
        elif message := re.fullmatch(r"(`+)(.*)\1", cells[0]):
            yield kind, message[2], cells[columns.index("code")] if "code" in columns else None


ROWS = list(rows())
TEXTS = {(kind, text): code for kind, text, code in ROWS}


def says_something(failure: Failure) -> bool:
    return re.search(r"[a-z]", failure.text) is not None


def test_what_the_page_is_read_from() -> None:
    assert len(failures()) > 150, "the source is not found any more: mend tests/docs/failures.py"
    assert len(ROWS) > 150, "the tables are not found any more"
    assert not [text for (kind, text) in TEXTS if sum(row[:2] == (kind, text) for row in ROWS) > 1], "rows twice"


def test_every_failure_has_its_row() -> None:
    missing = [str(made) for made in failures() if says_something(made) and (made.kind, made.text) not in TEXTS]
    assert not missing, "add a row to docs/errors.md, in the table of its class:\n" + "\n".join(missing)


def test_every_row_is_made_somewhere() -> None:
    made = {(failure.kind, failure.text) for failure in failures()}
    stale = [f"{kind}: {text}" for kind, text in TEXTS if (kind, text) not in made]
    assert not stale, "nothing in jzrx/ makes these any more; mend or remove the rows of docs/errors.md:\n" + "\n".join(
        stale
    )


def test_the_codes_are_those_of_the_source() -> None:
    wrong = [
        f"{failure}: the row says {TEXTS[failure.kind, failure.text]}"
        for failure in failures()
        if failure.kind in ("CallError", "RegistrationError") and (failure.kind, failure.text) in TEXTS
        if (failure.code or "None") not in (TEXTS[failure.kind, failure.text] or "").split(" or ")
    ]
    assert not wrong, "\n".join(wrong)


def test_what_has_no_text_of_its_own_is_passed_on() -> None:
    places = {failure.where for failure in failures() if not says_something(failure)}
    unknown = places - PASSED_ON.keys()
    assert not unknown, f"tests/docs/test_errors.py: say in PASSED_ON whose words these pass on: {sorted(unknown)}"
    gone = PASSED_ON.keys() - places
    assert not gone, f"tests/docs/test_errors.py: PASSED_ON knows places that are gone: {sorted(gone)}"


@pytest.mark.parametrize(
    "option",
    sorted(
        {
            field.name
            for options in (JambonzClientOptions, JambonzCallOptions, AnswerOptions, Reconnect)
            for field in attrs.fields(options)
        }
    ),
)
def test_every_option_stands_in_the_table_of_value_errors(option: str) -> None:
    table = PAGE.partition("\n## ValueError")[2].partition("\n## ")[0]
    assert re.search(rf"\| .*\b{option}\b.* \|", table), f"say in docs/errors.md what is refused of {option}"
