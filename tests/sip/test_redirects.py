"""Where a 3xx points: the order, the bound, and that nothing is tried twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jzrx.sip.causes import cause_of_response
from jzrx.sip.message import Response
from jzrx.sip.redirects import MOST_TARGETS, Redirects, targets_of
from jzrx.sip.uri import Uri
from jzrx.testing.peer import request, respond

INVITE = request("INVITE")
BOB = Uri.parse("sip:bob@example.com")
DIALLED = Redirects((BOB,))


def moved(*contacts: str, status: int = 302) -> Response:
    return respond(INVITE, status, headers=tuple(("Contact", contact) for contact in contacts))


@pytest.mark.parametrize(
    ("contacts", "order"),
    [
        (["<sip:a@x>"], ["sip:a@x"]),
        (["<sip:a@x>;q=0.1, <sip:b@x>;q=0.9", "<sip:c@x>;q=0.5"], ["sip:b@x", "sip:c@x", "sip:a@x"]),
        (["<sip:a@x>;q=0.9, <sip:b@x>"], ["sip:b@x", "sip:a@x"]),  # without q it is the best
        (["<sip:a@x>, <sip:b@x>, <sip:a@x>"], ["sip:a@x", "sip:b@x"]),
        (["<sip:a@x>;q=much, <sip:b@x>;q=0.2, <sip:c@x>;q=nan"], ["sip:b@x", "sip:a@x", "sip:c@x"]),
        (["<mailto:a@x>, <sip:b@x>"], ["sip:b@x"]),
        (["<sip:a@x;method=REGISTER?Replaces=1>"], ["sip:a@x"]),  # what is not ours to honour
        ([], []),
    ],
)
def test_targets_in_order(contacts: list[str], order: list[str]) -> None:
    assert [str(target) for target in targets_of(moved(*contacts))] == order


def follow(*responses: Response | None) -> list[str]:
    """Where a call to bob goes after each of these."""
    redirects, went = DIALLED, list[str]()
    for response in responses:
        redirects, target = redirects.after(response)
        went.append("" if target is None else str(target))
    return went


@pytest.mark.parametrize(
    ("responses", "went"),
    [
        ([moved("<sip:a@x>, <sip:b@x>"), respond(INVITE, 486), respond(INVITE, 486)], ["sip:a@x", "sip:b@x", ""]),
        ([moved("<sip:a@x>, <sip:b@x>"), None, None], ["sip:a@x", "sip:b@x", ""]),  # nobody answered there
        ([moved("<sip:a@x>, <sip:b@x>"), respond(INVITE, 603)], ["sip:a@x", ""]),  # a global failure
        ([moved("<sip:a@x>, <sip:b@x>"), moved("<sip:c@x>"), respond(INVITE, 404)], ["sip:a@x", "sip:c@x", "sip:b@x"]),
        ([moved("<sip:bob@EXAMPLE.com>")], [""]),  # a loop, however it is written
        ([moved("<sip:a@x>"), moved("<sip:bob@example.com>, <sip:a@x>")], ["sip:a@x", ""]),
        ([moved("<sip:a@x>", status=305)], [""]),
        ([moved("<sip:a@x>", status=380)], [""]),
        ([moved("<sip:a@x>", status=300)], ["sip:a@x"]),
        ([moved("<sip:a@x>", status=301)], ["sip:a@x"]),
        ([moved()], [""]),
        ([respond(INVITE, 486)], [""]),
    ],
)
def test_where_it_goes(responses: list[Response | None], went: list[str]) -> None:
    assert follow(*responses) == went


def test_it_goes_on_a_few_times_only() -> None:
    went = follow(*(moved(f"<sip:a{number}@x>") for number in range(20)))
    assert went == [f"sip:a{number}@x" for number in range(MOST_TARGETS)] + [""] * (20 - MOST_TARGETS)


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.sampled_from([486, 404, 500, 408]).map(lambda status: respond(INVITE, status)),
            st.lists(st.sampled_from("abcde"), max_size=4).map(lambda to: moved(*(f"<sip:{one}@x>" for one in to))),
        ),
        max_size=30,
    )
)
def test_no_target_is_tried_twice(responses: list[Response | None]) -> None:
    went = [target for target in follow(*responses) if target]
    assert len(went) == len(set(went)) <= MOST_TARGETS


def test_the_cause_says_where_it_points() -> None:
    assert cause_of_response(moved("<sip:a@x>;q=0.1, <sip:b@x>")).reason == "Moved Temporarily: sip:b@x, sip:a@x"
    assert cause_of_response(moved()).reason == "Moved Temporarily"
