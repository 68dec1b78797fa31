"""Challenges: answered, answered again, and given up. RFC 7616, RFC 8760."""

import pytest

from jzrx.commands import (
    Command,
    Connect,
    Dial,
    HangUp,
    Hold,
    Register,
    SendDtmfInfo,
    SendInfo,
    SendMessage,
    Transfer,
)
from jzrx.events import CallAnswered, CallEnded, Registered
from jzrx.sip.digest import Credentials, challenge_header, verify
from jzrx.sip.message import Request, Response
from jzrx.testing.peer import Peer, grant, respond
from jzrx.testing.virtual import Phone, brief, play
from tests.scenarios.calls import ANSWER, TARGET, calling, dialling, outcome, settle_down


class Challenger:
    """A server that checks credentials for real: `nonces` are the live ones, in the order of their giving out."""

    def __init__(self, password: str = "secret", *, proxy: bool = False, algorithm: str = "MD5") -> None:
        self.password = password
        self.names = ("Proxy-Authenticate", "Proxy-Authorization") if proxy else ("WWW-Authenticate", "Authorization")
        self.status = 407 if proxy else 401
        self.algorithm = algorithm
        self.nonce = "nonce1"
        self.stale = False
        self.accepted: list[Credentials] = []

    def demand(self, request: Request) -> Response:
        header = challenge_header("example.com", self.nonce, self.algorithm, stale=self.stale)
        return respond(request, self.status, headers=((self.names[0], header),))

    def refuses(self, request: Request) -> list[Response]:
        """The refusal, or nothing if the request may pass."""
        value = request.headers.get(self.names[1])
        credentials = None if value is None else Credentials.parse(value)
        if credentials is None or credentials.nonce != self.nonce:
            return [self.demand(request)]
        if not verify(credentials, self.password, request.method, request.body):
            return [self.demand(request)]
        self.accepted.append(credentials)
        return []

    def guard(self, peer: Peer) -> None:
        peer.answers["REGISTER"] = lambda request: self.refuses(request) or [grant(request)]
        peer.answers["INVITE"] = lambda request: self.refuses(request) or [respond(request, 200, sdp=ANSWER)]
        peer.answers["MESSAGE"] = lambda request: self.refuses(request) or [respond(request, 200)]


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
@pytest.mark.parametrize("proxy", [False, True])
def test_a_challenge_is_answered(proxy: bool, algorithm: str) -> None:
    phone, peer = Phone.with_peer()
    server = Challenger(proxy=proxy, algorithm=algorithm)
    server.guard(peer)
    assert brief(play(phone, {0: Connect()}, until=1))[2:] == [
        (0.01, "REGISTER", None),
        (0.03, "REGISTER", None),
        (0.05, None, "Registered 300"),
    ]
    first, second = phone.sent("REGISTER")
    assert first.headers.get(server.names[1]) is None
    assert (first.call_id, first.from_) == (second.call_id, second.from_)
    assert second.cseq.number == first.cseq.number + 1
    assert second.via.branch != first.via.branch


def test_the_nonce_serves_again_with_its_count() -> None:
    """One round trip for each refresh, not two."""
    phone, peer = Phone.with_peer()
    server = Challenger()
    server.guard(peer)
    play(phone, {0: Connect()}, until=1000)
    assert len(phone.sent("REGISTER")) == len(phone.events(Registered)) + 1
    assert [credentials.nc for credentials in server.accepted] == ["00000001", "00000002", "00000003", "00000004"]
    assert len({credentials.cnonce for credentials in server.accepted}) == 4


@pytest.mark.parametrize("says_stale", [False, True])
def test_a_nonce_that_the_server_forgot(says_stale: bool) -> None:
    phone, peer = Phone.with_peer()
    server = Challenger()
    server.guard(peer)
    play(phone, {0: Connect()}, until=1)
    server.nonce, server.stale = "nonce2", says_stale
    play(phone, {2: Register()}, until=3)
    assert outcome(phone, 2) == (None, None)
    assert [credentials.nc for credentials in server.accepted] == ["00000001", "00000001"]


def test_a_wrong_password_ends_after_one_try() -> None:
    phone, peer = Phone.with_peer(password="wrong")
    Challenger().guard(peer)
    play(phone, {0: Connect()}, until=60)
    assert len(phone.sent("REGISTER")) == 2
    assert "401" in str(outcome(phone, 1)[1])
    assert "check username and password" in str(outcome(phone, 1)[1])


def test_a_wrong_password_and_a_new_nonce_each_time_ends_too() -> None:
    phone, peer = Phone.with_peer(password="wrong")
    server = Challenger()

    def demand(request: Request) -> list[Response]:
        server.nonce += "x"
        return [server.demand(request)]

    peer.answers["REGISTER"] = demand
    play(phone, {0: Connect()}, until=60)
    assert len(phone.sent("REGISTER")) == 2


def test_a_server_that_always_says_stale_is_left() -> None:
    phone, peer = Phone.with_peer()
    server = Challenger()
    server.stale = True

    def demand(request: Request) -> list[Response]:
        server.nonce += "x"
        return [server.demand(request)]

    peer.answers["REGISTER"] = demand
    play(phone, {0: Connect()}, until=60)
    assert len(phone.sent("REGISTER")) == 4


@pytest.mark.parametrize(
    ("offered", "policy", "used"),
    [
        (("SHA-512-256", "SHA-256", "MD5"), None, "SHA-512-256"),
        (("MD5", "SHA-256"), None, "MD5"),  # the server's order rules (RFC 8760 2.4)
        (("unheard-of", "SHA-256"), None, "SHA-256"),
        (("MD5", "SHA-256"), ("SHA-256",), "SHA-256"),
        (("MD5",), ("SHA-256",), None),
    ],
)
def test_several_challenges(offered: tuple[str, ...], policy: tuple[str, ...] | None, used: str | None) -> None:
    phone, peer = Phone.with_peer(**({} if policy is None else {"digest_algorithms": policy}))
    headers = tuple(("WWW-Authenticate", challenge_header("example.com", f"n-{name}", name)) for name in offered)
    peer.answers["REGISTER"] = lambda request: [respond(request, 401, headers=headers)]
    play(phone, {0: Connect()}, until=1)
    value = phone.sent("REGISTER")[-1].headers.get("Authorization")
    assert (None if value is None else Credentials.parse(value).algorithm) == used
    advice = "the server offers the digest algorithms MD5 only, which digest_algorithms= does not allow"
    assert (advice in str(outcome(phone, 1)[1])) == (used is None)


@pytest.mark.parametrize("header", ["", "Basic realm=x", 'Digest realm="x"', 'Digest nonce="', "garbage\x7f"])
def test_challenges_that_cannot_be_answered(header: str) -> None:
    phone, peer = Phone.with_peer()
    peer.answers["REGISTER"] = lambda request: [respond(request, 401, headers=(("WWW-Authenticate", header),))]
    play(phone, {0: Connect()}, until=1)
    assert len(phone.sent("REGISTER")) == 1
    assert "401" in str(outcome(phone, 1)[1])


def test_calls_and_messages() -> None:
    """The 401 gets its ACK; the ACK of the 2xx carries the INVITE's credentials (RFC 3261 13.2.2.4)."""
    phone, peer = Phone.with_peer(auto_register=False)
    server = Challenger(proxy=True)
    server.guard(peer)
    script = {0: Connect(), 1: Dial(call_id="1", target=TARGET), 2: SendMessage(target=TARGET, body=b"hi")}
    assert brief(play(phone, script, until=3))[2:] == [
        (1.0, None, "CallDialed"),
        (1.0, "INVITE", None),
        (1.02, "ACK", None),
        (1.02, "INVITE", None),
        (1.04, "ACK", None),
        (1.04, None, "CallAnswered"),
        (2.0, "MESSAGE", None),
    ]
    refused, accepted = phone.sent("ACK")
    assert refused.headers.get("Proxy-Authorization") is None
    assert accepted.headers.get("Proxy-Authorization") == phone.sent("INVITE")[1].headers.get("Proxy-Authorization")
    assert outcome(phone, 3) == (200, None)
    assert [credentials.nc for credentials in server.accepted] == ["00000001", "00000002"]


def test_a_call_with_a_wrong_password() -> None:
    phone, peer = Phone.with_peer(auto_register=False, password="wrong")
    Challenger().guard(peer)
    play(phone, {0: Connect(), 1: Dial(call_id="1", target=TARGET)}, until=3)
    assert len(phone.sent("INVITE")) == len(phone.sent("ACK")) == 2
    assert [event.cause.code for event in phone.events(CallEnded)] == [401]
    settle_down(phone)


def test_a_challenge_after_the_hang_up_is_not_answered() -> None:
    phone, peer = Phone.with_peer(auto_register=False)
    server = Challenger()
    peer.answers["INVITE"] = ()
    script = {
        0: Connect(),
        1: Dial(call_id="1", target=TARGET),
        2: HangUp(call_id="1"),
        3: lambda: peer.say(server.demand(peer.last("INVITE"))),
    }
    play(phone, script, until=10)
    assert len(phone.sent("INVITE")) == 1
    assert phone.sent("CANCEL") == []
    settle_down(phone)


def test_cancel_is_of_the_invite_with_credentials() -> None:
    phone, peer = Phone.with_peer(auto_register=False)
    server = Challenger()
    peer.answers["INVITE"] = lambda request: server.refuses(request) or [respond(request, 180)]
    play(phone, {0: Connect(), 1: Dial(call_id="1", target=TARGET), 2: HangUp(call_id="1")}, until=10)
    (cancel,) = phone.sent("CANCEL")
    assert (cancel.via, cancel.cseq.number) == (phone.sent("INVITE")[1].via, phone.sent("INVITE")[1].cseq.number)
    settle_down(phone)


INFO = SendInfo(call_id="1", content_type="text/plain", body=b"x")


@pytest.mark.parametrize("proxy", [False, True])
@pytest.mark.parametrize(
    ("method", "command"),
    [
        ("INVITE", Hold(call_id="1")),
        ("BYE", HangUp(call_id="1")),
        ("INFO", INFO),
        ("INFO", SendDtmfInfo(call_id="1", tones="5")),
        ("REFER", Transfer(call_id="1", refer_to="<sip:carol@example.com>")),
    ],
)
def test_a_challenge_inside_a_dialog(method: str, command: Command, proxy: bool) -> None:
    phone, peer = calling()
    server = Challenger(proxy=proxy)
    peer.answers[method] = lambda request: (
        server.refuses(request) or [respond(request, 200, sdp=ANSWER if request.method == "INVITE" else None)]
    )
    play(phone, {3: command}, until=10)
    first, second = phone.sent(method)[-2:]
    assert second.cseq.number == first.cseq.number + 1
    one, other = ((sent.to, sent.body, sent.headers.get("Refer-To")) for sent in (first, second))
    assert one == other
    assert first.headers.get(server.names[1]) is None  # a peer behind the server has no business with our hash
    assert outcome(phone, 3) == (None, None)
    assert len(server.accepted) == 1
    if method == "INVITE":
        refused, accepted = phone.sent("ACK")[-2:]
        assert (refused.via.branch, refused.cseq.number) == (first.via.branch, first.cseq.number)
        assert accepted.via.branch not in (first.via.branch, second.via.branch)


@pytest.mark.parametrize("proxy", [False, True])
def test_a_challenge_to_a_prack(proxy: bool) -> None:
    phone, peer = dialling(100)
    server = Challenger(proxy=proxy)
    peer.answers["PRACK"] = lambda request: server.refuses(request) or [respond(request, 200)]
    reliable = (("Require", "100rel"), ("RSeq", "7"))
    play(phone, {2: lambda: peer.reply("INVITE", 180, headers=reliable)}, until=3)
    first, second = phone.sent("PRACK")
    assert first.headers.get("RAck") == second.headers.get("RAck") == "7 1 INVITE"
    assert len(server.accepted) == 1


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_a_challenge_to_a_refresh(method: str) -> None:
    phone, peer = dialling(100)
    server = Challenger(proxy=True)
    peer.answers[method] = lambda request: server.refuses(request) or [respond(request, 200, sdp=ANSWER)]
    timer = (("Session-Expires", "90;refresher=uac"), ("Allow", method))
    play(phone, {2: lambda: peer.reply("INVITE", 200, sdp=ANSWER, headers=timer)}, until=60)
    assert len(server.accepted) == 1
    assert phone.events(CallEnded) == []


def test_a_refused_challenge_inside_a_dialog_fails_what_was_asked() -> None:
    phone, peer = calling(password="wrong")
    server = Challenger()
    for method in ("INVITE", "INFO"):
        peer.answers[method] = lambda request: [server.demand(request)]
    play(phone, {3: [Hold(call_id="1"), INFO]}, until=10)
    assert outcome(phone, 3) == (None, "hold was refused: 401 Unauthorized")
    assert outcome(phone, 4) == (None, "INFO was not accepted: 401 Unauthorized")
    assert phone.events(CallEnded) == []


def test_a_challenge_of_a_peer_does_not_displace_that_of_the_server() -> None:
    phone, peer = Phone.with_peer(auto_register=False, keepalive=1e6)
    server, other = Challenger(proxy=True), Challenger()
    other.nonce = "nonce of a peer"
    server.guard(peer)
    peer.answers["INFO"] = lambda request: other.refuses(request) or [respond(request, 200)]
    script = {1: Dial(call_id="1", target=TARGET), 2: INFO, 3: SendMessage(target=TARGET, body=b"hi")}
    play(phone, {0: Connect(), **script}, until=4)
    assert (len(phone.sent("INFO")), len(phone.sent("MESSAGE"))) == (2, 1)
    assert [credentials.nc for credentials in server.accepted] == ["00000001", "00000002"]


def test_a_hold_that_is_challenged_after_the_hang_up_is_not_repeated() -> None:
    phone, peer = calling()
    server = Challenger()
    script = {3: [Hold(call_id="1"), HangUp(call_id="1")], 3.5: lambda: peer.say(server.demand(peer.last("INVITE")))}
    play(phone, script, until=4)
    assert len(phone.sent("INVITE")) == 2
    settle_down(phone)


def test_the_password_is_in_no_repr() -> None:
    phone, peer = Phone.with_peer(password="hunter2")
    Challenger("hunter2").guard(peer)
    play(phone, {0: Connect()}, until=1)
    assert "hunter2" not in repr(phone.log) + repr(phone.settled)
    assert phone.events(CallAnswered) == []
