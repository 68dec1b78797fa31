"""Dialogs: how they begin on both sides, whom the next request goes to, and in which order requests may come."""

import pytest

from jzrx.sip.dialog import dialog_of_request, dialog_of_response, strip_parameters
from jzrx.sip.drafts import in_dialog
from jzrx.sip.headers import NameAddr
from jzrx.sip.uri import Uri
from jzrx.testing.peer import request, respond

ROUTES = (("Record-Route", "<sip:a.example.com;lr>"), ("Record-Route", "<sip:b.example.com;lr>"))
INVITE = request("INVITE", headers=ROUTES, number=7)
TARGET = Uri.parse("sip:alice@example.com")


def routes(addresses: tuple[NameAddr, ...]) -> list[str]:
    return [address.uri.host for address in addresses]


def test_the_callee() -> None:
    dialog = dialog_of_request(INVITE, "ours")
    assert (dialog.local_tag, dialog.remote_tag, dialog.call_id) == ("ours", "peer", INVITE.call_id)
    assert str(dialog.remote_target) == "sip:peer@peer.invalid;transport=ws"
    assert routes(dialog.route_set) == ["a.example.com", "b.example.com"]
    assert dialog.remote_seq == 7


def test_the_caller() -> None:
    dialog = dialog_of_response(respond(INVITE, 200, tag="theirs", headers=ROUTES), TARGET)
    assert (dialog.local_tag, dialog.remote_tag) == ("peer", "theirs")
    assert routes(dialog.route_set) == ["b.example.com", "a.example.com"]
    assert dialog.remote_seq is None


def test_without_a_contact_the_request_uri_or_from_is_the_target() -> None:
    response = INVITE.response(200, to_tag="x")
    assert dialog_of_response(response, TARGET).remote_target == TARGET
    bare = INVITE.with_headers(INVITE.headers.remove("Contact"))
    assert str(dialog_of_request(bare, "ours").remote_target) == "sip:bob@example.com"


@pytest.mark.parametrize(("number", "in_order"), [(6, False), (7, True), (8, True), (4000, True)])
def test_the_order_of_requests(number: int, in_order: bool) -> None:
    dialog = dialog_of_request(INVITE, "ours").accept(request("INFO", number=number))
    assert (dialog is not None) is in_order
    assert dialog is None or dialog.remote_seq == number


def test_a_target_refresh() -> None:
    dialog = dialog_of_request(INVITE, "ours")
    assert dialog.refresh(INVITE) == dialog
    moved = respond(INVITE, 200, headers=(("Contact", "<sip:moved@x.invalid>"),))
    assert str(dialog.refresh(moved).remote_target) == "sip:moved@x.invalid"
    assert dialog.refresh(respond(request("OPTIONS"), 200)) == dialog


def test_what_the_other_side_allows_is_what_it_said_last() -> None:
    dialog = dialog_of_request(INVITE, "ours")
    assert not dialog.allows("UPDATE")
    told = dialog.refresh(respond(INVITE, 200, headers=(("Allow", "INVITE, ACK"), ("Allow", "UPDATE"))))
    assert told.allows("UPDATE")
    assert told.refresh(respond(INVITE, 200)).allows("UPDATE")
    assert not told.refresh(respond(INVITE, 200, headers=(("Allow", "INVITE"),))).allows("UPDATE")


def test_a_request_along_a_loose_route() -> None:
    draft = in_dialog(dialog_of_request(INVITE, "ours"), "BYE")
    assert str(draft.uri) == "sip:peer@peer.invalid;transport=ws"
    assert routes(draft.routes) == ["a.example.com", "b.example.com"]
    assert (draft.from_.tag, draft.to.tag) == ("ours", "peer")


def test_a_request_along_a_strict_route() -> None:
    """RFC 3261 12.2.1.1: the first route becomes the Request-URI, the target goes last."""
    strict = request("INVITE", headers=(("Record-Route", "<sip:old.example.com>"), *ROUTES))
    draft = in_dialog(dialog_of_request(strict, "ours"), "BYE")
    assert str(draft.uri) == "sip:old.example.com"
    assert routes(draft.routes) == ["a.example.com", "b.example.com", "peer.invalid"]


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("<sip:bob@example.com;transport=ws?X=y>;tag=1", "sip:bob@example.com"),
        ('"Bob" <sip:bob@example.com:5061>', "sip:bob@example.com:5061"),
        ("<tel:+49123;phone-context=x>", "tel:+49123"),
    ],
)
def test_who_it_is(address: str, plain: str) -> None:
    assert strip_parameters(NameAddr.parse(address)) == plain
