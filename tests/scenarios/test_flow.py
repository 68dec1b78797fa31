"""The flow to the server as RFC 5626 has it: under which name we register, what the server says of the way."""

import re

import pytest

from jzrx.commands import Connect, Dial, Disconnect, HangUp, Register, SendMessage
from jzrx.events import Registered, RegistrationFailed
from jzrx.sip.message import Request, Response
from jzrx.testing.peer import Peer, grant, respond
from jzrx.testing.virtual import Phone, play
from tests.scenarios.calls import dialling, settle_down
from tests.scenarios.test_registration import registered, times

ROUTE = "<sip:edge.example.com;transport=ws;lr>"
HOME = "<sip:home.example.com;lr>"


def granting(peer: Peer, *headers: tuple[str, str]) -> None:
    """The peer grants every REGISTER with these headers from now on."""
    peer.answers["REGISTER"] = lambda register: [grant(register, headers=headers)]


def test_registers_under_its_instance() -> None:
    """One that no comma and no parameter of the address is in: jambonz reads a Contact simply."""
    phone, _ = registered()
    (register,) = phone.sent("REGISTER")
    (contact,) = register.contacts
    assert re.fullmatch("<urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}>", contact.params.get("+sip.instance"))
    assert contact.params.get("reg-id") == "1"
    assert register.headers.get_list("Supported") == ("outbound", "path")
    assert "," not in str(contact)
    assert "ob" not in contact.uri.params


def test_the_same_instance_flow_and_contact_after_a_drop() -> None:
    """So the server knows that the new flow takes the place of the lost one (section 4.5)."""
    phone, peer = registered(chance=0.0)
    play(phone, {2: lambda: peer.wire.drop("gone")}, until=10)
    first, second = phone.sent("REGISTER")
    assert str(first.contacts[0]) == str(second.contacts[0])
    assert (first.call_id, first.cseq.number) < (second.call_id, second.cseq.number)


def test_an_unregister_names_it_too() -> None:
    phone, _ = registered()
    play(phone, {2: Disconnect()}, until=3)
    first, last = phone.sent("REGISTER")
    assert last.contacts[0] == first.contacts[0].with_param("expires", "0")


def test_two_phones_have_two_instances() -> None:
    one, _ = registered()
    other, _ = registered(name="bob")
    assert one.sent("REGISTER")[0].contacts[0].params.get("+sip.instance") != (
        other.sent("REGISTER")[0].contacts[0].params.get("+sip.instance")
    )


def test_without_an_instance_it_registers_plainly() -> None:
    phone, _ = registered(instance=None)
    (register,) = phone.sent("REGISTER")
    assert [name for name, _ in register.contacts[0].params.pairs] == ["expires"]
    assert register.headers.get_list("Supported") == ("path",)


def test_439_registers_without() -> None:
    phone, peer = Phone.with_peer(keepalive=1e6)

    def lacks_outbound(register: Request) -> list[Response]:
        return [respond(register, 439) if "reg-id" in register.contacts[0].params else grant(register)]

    peer.answers["REGISTER"] = lacks_outbound
    play(phone, {0: Connect()}, until=1)
    assert len(phone.sent("REGISTER")) == 2
    assert [event.expires for event in phone.events(Registered)] == [300]
    play(phone, {2: Register()}, until=3)
    assert len(phone.sent("REGISTER")) == 3  # and it is not tried again


def test_439_for_ever_is_a_refusal() -> None:
    phone, peer = Phone.with_peer(keepalive=1e6)
    peer.answers["REGISTER"] = 439
    play(phone, {0: Connect()}, until=60)
    assert len(phone.sent("REGISTER")) == 2
    assert [event.code for event in phone.events(RegistrationFailed)] == [439]


@pytest.mark.parametrize(
    ("listed", "granted"),
    [
        # by the address first: the server still lists the flow that was lost, under the same instance
        ("<sip:old@old.invalid>;{us};expires=7, {contact};{us};expires=90", 90),
        ("<sip:x@server.example>;{us};expires=90", 90),  # the server has written an address of its own
        ("<sip:x@server.example>;{us2};expires=90", 300),  # another flow is not ours
        ('<sip:x@server.example>;reg-id=1;+sip.instance="<urn:uuid:0>";expires=90', 300),  # nor is another phone
    ],
)
def test_our_binding_among_those_that_the_server_lists(listed: str, granted: int) -> None:
    phone, peer = Phone.with_peer(keepalive=1e6)

    def answer(register: Request) -> list[Response]:
        contact = register.contacts[0]
        us = f'reg-id=1;+sip.instance="{contact.params.get("+sip.instance")}"'
        text = listed.format(us=us, us2=us.replace("=1", "=2"), contact=f"<{contact.uri}>")
        return [respond(register, 200, headers=(("Contact", text), ("Expires", "300")))]

    peer.answers["REGISTER"] = answer
    play(phone, {0: Connect()}, until=1)
    assert [event.expires for event in phone.events(Registered)] == [granted]


# --- ob ------------------------------------------------------------------------------------------------------------


def test_a_call_of_ours_wants_its_requests_over_the_same_flow() -> None:
    """`ob` in the Contact of the INVITE, which stays the registered address else."""
    phone, _ = dialling()
    (invite,) = phone.sent("INVITE")
    contact = invite.contacts[0].uri
    assert "ob" in contact.params
    assert str(contact) == "sip:alice1@alice2.invalid;transport=ws;ob"


# --- what the server says of the way -------------------------------------------------------------------------------


def test_service_route_is_the_way_of_requests_outside_a_dialog() -> None:
    phone, peer = Phone.with_peer(keepalive=1e6)
    granting(peer, ("Service-Route", f"{ROUTE}, {HOME}"), ("Path", ROUTE))
    play(phone, {0: Connect(), 1: SendMessage(target="sip:bob@example.com", body=b"hello")}, until=2)
    (message,) = phone.sent("MESSAGE")
    assert [str(route) for route in message.routes] == [ROUTE, HOME]
    assert str(message.uri) == "sip:bob@example.com"
    (event,) = phone.events(Registered)
    assert (event.service_route, event.path) == ((ROUTE, HOME), (ROUTE,))


def test_a_refresh_goes_without_it_and_may_take_it_back() -> None:
    phone, peer = Phone.with_peer(keepalive=1e6)
    granting(peer, ("Service-Route", ROUTE))
    play(phone, {0: Connect()}, until=1)
    granting(peer)
    message = SendMessage(target="sip:bob@example.com", body=b"hello")
    play(phone, {2: Register(), 3: message}, until=4)
    assert phone.sent("REGISTER")[1].routes == phone.sent("MESSAGE")[0].routes == ()


def test_the_service_route_of_a_call() -> None:
    """The INVITE and its CANCEL go along it; requests in the dialog have the dialog's own route."""
    phone, peer = Phone.with_peer(keepalive=1e6)
    granting(peer, ("Service-Route", ROUTE))
    play(phone, {0: Connect()}, until=1)
    peer.answers["INVITE"] = 180
    play(phone, {1: Dial(call_id="1", target="sip:bob@example.com"), 2: HangUp(call_id="1")}, until=3)
    assert [str(route) for route in phone.sent("INVITE")[0].routes] == [ROUTE]
    assert [str(route) for route in phone.sent("CANCEL")[0].routes] == [ROUTE]
    settle_down(phone)


@pytest.mark.parametrize("value", ["<sip:broken", "<sip:edge.example.com;lr>, nonsense", ""])
def test_a_malformed_service_route_is_none(value: str) -> None:
    phone, peer = Phone.with_peer(keepalive=1e6)
    granting(peer, ("Service-Route", value))
    play(phone, {0: Connect(), 1: SendMessage(target="sip:bob@example.com", body=b"hello")}, until=2)
    assert phone.sent("MESSAGE")[0].routes == ()


# --- the flow is kept as often as the server wants -----------------------------------------------------------------


@pytest.mark.parametrize(("value", "interval"), [("10", 9.0), ("100", 25.0), ("0", 25.0), ("soon", 25.0), (None, 25.0)])
def test_flow_timer(value: str | None, interval: float) -> None:
    phone, peer = Phone.with_peer()
    granting(peer, *(() if value is None else (("Flow-Timer", value),)))
    play(phone, {0: Connect()}, until=60)
    pings = times(phone, "OPTIONS")
    assert round(pings[1] - pings[0], 3) == interval
