"""Registrations: when they are refreshed, what heals and what does not, how they end."""

import pytest

from jzrx.commands import Connect, Disconnect, Register, Unregister
from jzrx.errors import RegistrationError
from jzrx.events import FlowLost, Registered, RegistrationFailed
from jzrx.sip.message import Request
from jzrx.testing.peer import Peer, grant, respond
from jzrx.testing.virtual import Phone, brief, play
from tests.scenarios.calls import outcome


def registered(peer_server: str | None = None, grants: int | None = None, **config: object) -> tuple[Phone, Peer]:
    """A phone that has registered. It is 1 s."""
    phone, peer = Phone.with_peer(**{"keepalive": 1e6, **config})
    headers = () if peer_server is None else (("Server", peer_server),)
    peer.answers["REGISTER"] = lambda register: [grant(register, grants if register.expires else 0, headers=headers)]
    play(phone, {0: Connect()}, until=1)
    return phone, peer


def times(phone: Phone, method: str = "REGISTER") -> list[float]:
    return [time for time, sent, _ in brief(phone.log) if sent == method]


def test_registers() -> None:
    phone, _ = Phone.with_peer(display_name="Alice A.", register_headers=(("X-Site", "9"),), user_agent="test")
    assert brief(play(phone, {0: Connect()}, until=1)) == [
        (0.0, None, "ConnectStarted"),
        (0.01, None, "FlowOpened will_register"),
        (0.01, "REGISTER", None),
        (0.03, None, "Registered 300"),
    ]
    (register,) = phone.sent("REGISTER")
    assert str(register.uri) == "sip:example.com"
    assert register.to.uri == register.from_.uri
    assert (str(register.to.uri), register.from_.display_name) == ("sip:alice@example.com", "Alice A.")
    assert (register.expires, register.contacts[0].params.get("expires")) == (300, "300")
    assert register.contacts[0].uri.params.get("transport") == "ws"
    assert (register.headers.get("X-Site"), register.headers.get("User-Agent")) == ("9", "test")
    assert outcome(phone, 1) == (None, None)


@pytest.mark.parametrize(
    ("server", "granted", "chance", "delay"),
    [
        (None, 300, 0.5, 275.0),  # when 25 s remain, which is when jambonz renews for the full time
        ("drachtio", 3600, 0.5, 3575.0),
        ("jambonz 0.9", 30, 0.5, 25.0),  # what jambonz grants to who comes early
        (None, 40, 0.5, 20.0),
        (None, 12, 0.5, 10.0),
        ("kamailio", 300, 0.0, 255.0),  # others: 85 to 90 %
        ("kamailio", 300, 1.0, 270.0),
        ("kamailio", 60, 0.5, 52.5),
    ],
)
def test_refreshed_by_the_granted_time(server: str | None, granted: int, chance: float, delay: float) -> None:
    phone, _ = registered(server, granted, chance=chance)
    play(phone, {}, until=4000)
    assert times(phone)[1] == round(0.03 + delay, 3)


def test_24_hours_of_refreshes() -> None:
    """The same Call-ID and contact, rising numbers, `registered` all the time; refreshes are told apart."""
    phone, _ = registered(keepalive=25.0)
    play(phone, {}, until=86400)
    registers = phone.sent("REGISTER")
    assert len(registers) == 1 + int((86400 - 0.03) // 275.02)
    assert {(register.call_id, str(register.contacts[0])) for register in registers} == {
        (registers[0].call_id, str(registers[0].contacts[0]))
    }
    numbers = [register.cseq.number for register in registers]
    assert numbers == sorted(set(numbers))
    assert [event.refreshed for event in phone.events(Registered)] == [False] + [True] * (len(registers) - 1)
    assert phone.events(FlowLost) == phone.events(RegistrationFailed) == []


def test_jambonz_grants_30_s_to_who_comes_early() -> None:
    """`register()` 100 s in gets 30 s; the next refresh comes 25 s later, and gets the full time again."""
    phone, peer = registered()
    peer.answers["REGISTER"] = lambda register: [grant(register, 30)]
    play(phone, {100: Register()}, until=101)
    peer.answers["REGISTER"] = lambda register: [grant(register, 300)]
    play(phone, {}, until=402)
    assert times(phone) == [0.01, 100.0, 125.02, 400.04]


def test_423() -> None:
    """Tried again at once with the server's least interval."""
    phone, peer = Phone.with_peer(register_expires=60)

    def brief_only(register: Request) -> list[object]:
        if register.expires < 90:
            return [respond(register, 423, headers=(("Min-Expires", "90"),))]
        return [grant(register)]

    peer.answers["REGISTER"] = brief_only  # type: ignore[assignment]
    log = play(phone, {0: Connect()}, until=1)
    assert brief(log)[2:] == [(0.01, "REGISTER", None), (0.03, "REGISTER", None), (0.05, None, "Registered 90")]


@pytest.mark.parametrize("least", ["", "x", "10", "99999999999999"])
def test_423_that_makes_no_sense_is_a_refusal(least: str) -> None:
    phone, peer = Phone.with_peer(register_expires=60)
    peer.answers["REGISTER"] = lambda register: [respond(register, 423, headers=(("Min-Expires", least),))]
    play(phone, {0: Connect()}, until=1)
    assert len(phone.sent("REGISTER")) == 1
    assert [event.code for event in phone.events(RegistrationFailed)] == [423]


def test_423_again_and_again_is_a_refusal() -> None:
    """A server that always wants a little more would be asked without an end."""
    phone, peer = Phone.with_peer(register_expires=60)
    peer.answers["REGISTER"] = lambda register: [
        respond(register, 423, headers=(("Min-Expires", str((register.expires or 0) + 1)),))
    ]
    play(phone, {0: Connect()}, until=9)
    assert len(phone.sent("REGISTER")) == 6
    assert [event.code for event in phone.events(RegistrationFailed)] == [423]


def test_a_failed_refresh_is_retried_while_the_binding_lives() -> None:
    """It keeps `registered`; 500, then silence, then good again."""
    phone, peer = registered()
    peer.answers["REGISTER"] = 500
    play(phone, {}, until=276)
    peer.answers["REGISTER"] = ()
    play(phone, {}, until=280)
    peer.answers["REGISTER"] = lambda register: [grant(register)]
    log = play(phone, {}, until=300)
    assert times(phone) == [0.01, 275.03, 277.05, 291.05]
    assert [(e.code, e.final, e.will_retry) for e in phone.events(RegistrationFailed)] == [
        (500, False, True),
        (408, False, True),
    ]
    assert brief(log)[-1] == (291.07, None, "Registered 300 refreshed")
    assert phone.events(FlowLost) == []


def test_retry_after_is_heeded() -> None:
    phone, peer = registered()
    peer.answers["REGISTER"] = lambda register: [respond(register, 503, headers=(("Retry-After", "7"),))]
    play(phone, {}, until=283)
    assert times(phone) == [0.01, 275.03, 282.05]


def test_a_registration_that_lapses_is_made_anew_over_a_new_flow() -> None:
    phone, peer = registered(chance=0.0)
    peer.answers["REGISTER"] = 500
    play(phone, {}, until=300)
    peer.answers["REGISTER"] = lambda register: [grant(register)]
    log = play(phone, {}, until=310)
    assert [entry for entry in brief(log) if entry[2]][-4:] == [
        (300.03, None, "FlowLost the registration lapsed"),
        (300.03, None, "ReconnectScheduled 1 1"),
        (301.04, None, "FlowOpened will_register"),
        (301.06, None, "Registered 300"),
    ]


@pytest.mark.parametrize("status", [403, 404, 401])
def test_a_refresh_refused_for_good_ends_it(status: int) -> None:
    phone, peer = registered()
    peer.answers["REGISTER"] = status
    log = play(phone, {}, until=1000)
    assert [event.final for event in phone.events(RegistrationFailed)] == [True]
    assert [fact and fact.split()[0] for _, _, fact in brief(log)] == [None, "RegistrationFailed", "FlowClosed"]
    assert not peer.wire.is_open


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503, 603])
def test_the_first_registration_refused(status: int) -> None:
    """One attempt; the error names code and reason; nothing runs on."""
    phone, peer = Phone.with_peer()
    peer.answers["REGISTER"] = lambda register: [respond(register, status, headers=(("X-Reason", "no such thing"),))]
    log = play(phone, {0: Connect()}, until=100)
    assert [fact and fact.split()[0] for _, _, fact in brief(log)] == [
        "ConnectStarted",
        "FlowOpened",
        None,
        "RegistrationFailed",
        "FlowClosed",
    ]
    (settled,) = phone.settled[1]
    assert isinstance(settled.error, RegistrationError)
    assert settled.error.code == status
    assert f"{status} no such thing" in settled.error.message
    assert not peer.wire.is_open


def test_an_address_as_realm_gets_a_hint() -> None:
    phone, peer = Phone.with_peer(realm="192.0.2.1")
    peer.answers["REGISTER"] = 403
    play(phone, {0: Connect()}, until=1)
    assert "give realm=" in str(outcome(phone, 1)[1])


def test_a_grant_of_nothing_is_a_refusal() -> None:
    phone, peer = Phone.with_peer()
    peer.answers["REGISTER"] = lambda register: [grant(register, 0)]
    play(phone, {0: Connect()}, until=1)
    assert "granted no time" in str(outcome(phone, 1)[1])


@pytest.mark.parametrize(
    ("contact", "expires", "granted"),
    [
        ("<{}>;expires=77", None, 77),
        ("<sip:other@x.invalid>;expires=5, <{}>;expires=77", "99", 77),
        ("<{}>", "99", 99),
        ("<{}>", None, 300),
        (None, "99", 99),
        ("<{}>;expires=soon", "99", 99),
    ],
)
def test_where_the_granted_time_stands(contact: str | None, expires: str | None, granted: int) -> None:
    phone, peer = Phone.with_peer()

    def answer(register: Request) -> list[object]:
        headers = [] if contact is None else [("Contact", contact.format(register.contacts[0].uri))]
        headers += [] if expires is None else [("Expires", expires)]
        return [respond(register, 200, headers=tuple(headers))]

    peer.answers["REGISTER"] = answer  # type: ignore[assignment]
    play(phone, {0: Connect()}, until=1)
    assert [event.expires for event in phone.events(Registered)] == [granted]


# --- register() and unregister() -----------------------------------------------------------------------------------


def test_unregister_and_register() -> None:
    phone, _ = registered()
    log = play(phone, {2: Unregister(), 3: Register()}, until=4)
    assert brief(log) == [
        (2.0, "REGISTER", None),
        (2.02, None, "Unregistered"),
        (3.0, "REGISTER", None),
        (3.02, None, "Registered 300"),
    ]
    removal = phone.sent("REGISTER")[1]
    assert (removal.expires, removal.contacts[0].params.get("expires")) == (0, "0")
    assert outcome(phone, 2) == outcome(phone, 3) == (None, None)


def test_no_refresh_after_unregister() -> None:
    phone, _ = registered()
    assert len(brief(play(phone, {2: Unregister()}, until=5000))) == 2


def test_unregister_refused_stays_registered_and_refreshed() -> None:
    phone, peer = registered()
    peer.answers["REGISTER"] = 500
    play(phone, {2: Unregister()}, until=3)
    assert "500" in str(outcome(phone, 2)[1])
    peer.answers["REGISTER"] = lambda register: [grant(register)]
    play(phone, {}, until=1000)
    assert phone.events(FlowLost) == []
    assert phone.events(Registered)[-1].at > 900 - 300


def test_register_asked_for_and_refused_keeps_the_connection() -> None:
    phone, peer = Phone.with_peer(auto_register=False, keepalive=1e6)
    peer.answers["REGISTER"] = 403
    play(phone, {0: Connect(), 1: Register()}, until=2)
    assert isinstance(phone.settled[2][0].error, RegistrationError)
    assert [event.final for event in phone.events(RegistrationFailed)] == [False]
    assert peer.wire.is_open


def test_one_register_at_a_time() -> None:
    """ "UAs MUST NOT send a new registration [...] until they have received a final response" (RFC 3261 10.2)."""
    phone, _ = registered()
    log = play(phone, {2: [Unregister(), Register(), Unregister(), Unregister()]}, until=3)
    assert brief(log) == [
        (2.0, "REGISTER", None),
        (2.02, None, "Unregistered"),
        (2.02, "REGISTER", None),
        (2.04, None, "Registered 300"),
        (2.04, "REGISTER", None),
        (2.06, None, "Unregistered"),
    ]
    assert [len(phone.settled[token]) for token in (2, 3, 4, 5)] == [1, 1, 1, 1]


def test_a_late_answer_to_an_earlier_register_is_not_taken_for_the_next_ones() -> None:
    phone, peer = registered()
    peer.answers["REGISTER"] = ()
    play(phone, {2: Unregister()}, until=13)
    removal = peer.last("REGISTER")
    play(phone, {13: Register(), 13.5: grant(removal, 0)}, until=14)
    assert phone.settled[3] == []
    assert len(phone.events(Registered)) == 1


def test_register_and_unregister_without_a_connection() -> None:
    phone, _ = Phone.with_peer()
    play(phone, {0: [Register(), Unregister()]}, until=1)
    for token in (1, 2):
        assert outcome(phone, token) == (None, "Not connected: call connect() first.")


# --- disconnect() --------------------------------------------------------------------------------------------------


def test_disconnect_unregisters() -> None:
    phone, peer = registered()
    assert brief(play(phone, {2: Disconnect()}, until=10)) == [
        (2.0, None, "Disconnected was_open"),
        (2.0, "REGISTER", None),
    ]
    assert phone.sent("REGISTER")[-1].expires == 0
    assert peer.wire.closed == [2.02]
    assert outcome(phone, 2) == (None, None)


def test_disconnect_while_a_refresh_is_under_way() -> None:
    """The un-REGISTER follows the refresh, so that it is not undone; `Registered` is not told any more."""
    phone, peer = registered()
    log = play(phone, {275.035: Disconnect()}, until=300)
    assert brief(log) == [
        (275.03, "REGISTER", None),
        (275.035, None, "Disconnected was_open"),
        (275.05, "REGISTER", None),
    ]
    assert phone.sent("REGISTER")[-1].expires == 0
    assert peer.wire.closed == [275.07]
