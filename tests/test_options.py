"""Options say at once, by name, what is wrong with them."""

import ssl
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jzrx import checks
from jzrx.media import negotiation
from jzrx.media.ice_servers import servers
from jzrx.options import (
    DEFAULT_USER_AGENT,
    VERSION,
    AnswerOptions,
    JambonzCallOptions,
    JambonzClientOptions,
    Reconnect,
    resolve_options,
)
from jzrx.ports import IceServer
from jzrx.sip import digest

LOGIN: dict[str, Any] = {"server": "wss://sbc.example.com:8443", "username": "alice", "password": "secret"}


def client_options(**fields: Any) -> JambonzClientOptions:
    return JambonzClientOptions(**{**LOGIN, **fields})


def test_defaults_are_the_documented_ones() -> None:
    options = client_options()
    assert (options.auto_register, options.register_expires, options.connect_timeout) == (True, 300, 10.0)
    assert options.user_agent == DEFAULT_USER_AGENT == f"jambonz-webrtc-{VERSION}"
    assert options.domain == "sbc.example.com"
    call = JambonzCallOptions()
    assert (call.media_constraints, call.no_answer_timeout, call.record) == ({"audio": True}, None, False)


def test_version_is_that_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION


def test_a_limit_is_shown_to_the_digit() -> None:
    with pytest.raises(ValueError, match="from 1 to 4294967295, not 0"):
        client_options(register_expires=0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("server", None),
        ("server", ""),
        ("server", "sbc.example.com"),
        ("server", "https://sbc.example.com"),
        ("server", "wss://"),
        ("server", "wss://host:99999"),
        ("server", "wss://host:0"),
        ("server", "wss://host:port"),
        ("server", "wss://[::1"),
        ("server", "wss://alice:secret@host"),
        ("server", "wss://host/#part"),
        ("server", "wss://ho st"),
        ("server", "wss://host\r\nX: 1"),
        ("server", "wss://host\ud800"),
        ("server", 7),
        ("username", ""),
        ("username", "sip:alice"),
        ("username", "é" * 513),
        ("username", "alice@example.com"),
        ("username", "al\nice"),
        ("username", "\ud800"),
        ("password", ""),
        ("password", None),
        ("password", "\ud800"),
        ("display_name", "Al\r\nice"),
        ("display_name", "\udfff"),
        ("realm", "acme.example.com:5060"),
        ("realm", "sip:acme"),
        ("realm", ""),
        ("auto_register", 1),
        ("register_expires", 0),
        ("register_expires", 300.5),
        ("register_expires", True),
        ("user_agent", "agent\r\nX-Evil: 1"),
        ("user_agent", "\ud800"),
        ("register_headers", {"X-A": "a\nb"}),
        ("register_headers", {"Contact": "<sip:x@y>"}),
        ("register_headers", "X-A: b"),
        ("register_headers", {"X-A": "\ud800"}),
        ("register_expires", 10**400),
        ("connect_timeout", 0),
        ("connect_timeout", -1),
        ("connect_timeout", float("nan")),
        ("connect_timeout", float("inf")),
        ("connect_timeout", "10"),
        ("connect_timeout", -(10**400)),
        ("ssl", True),
        ("reconnect", 5),
        ("pc_config", []),
        ("pc_config", {"iceTransportPolicy": "relay"}),
        ("pc_config", {"iceServers": "stun:x"}),
        ("pc_config", {"iceServers": [{}]}),
        ("pc_config", {"iceServers": [{"urls": "http://x"}]}),
        ("pc_config", {"iceServers": [{"urls": "turn:x"}]}),
        ("pc_config", {"iceServers": [{"urls": "stun:x:65536"}]}),
        ("pc_config", {"iceServers": [{"urls": "stun:x", 5: 6}]}),
        ("pc_config", {"iceServers": [{"urls": "turn:x", "username": 5, "credential": "x"}]}),
        ("session_expires", 89),
        ("session_expires", 90.5),
        ("session_expires", 86401),
        ("digest_algorithms", []),
        ("digest_algorithms", "MD5"),
        ("digest_algorithms", ["SHA-1"]),
        ("audio", 440),
        ("audio", Path("greeting.wav")),
        ("speaker", 1.5),
        ("media", object()),
        ("background", None),
        ("instance_id", "7"),
        ("instance_id", 7),
    ],
)
def test_a_bad_client_option_is_named(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        client_options(**{field: value})


@pytest.mark.parametrize("host", ["ä.example", "[fe80::1%25eth0]"])
def test_a_host_that_is_no_realm_wants_one(host: str) -> None:
    with pytest.raises(ValueError, match="give realm="):
        client_options(server=f"wss://{host}")
    assert client_options(server=f"wss://{host}", realm="example.com").domain == "example.com"


@pytest.mark.parametrize("server", ["alice:s3cr3t@host", "wss://alice:s3cr3t@host", "http://alice:s3cr3t@host"])
def test_a_password_in_the_url_is_not_repeated(server: str) -> None:
    with pytest.raises(ValueError, match="credentials") as caught:
        client_options(server=server)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("headers", {"X-A\r\nX-B": "1"}),
        ("headers", {"Via": "x"}),
        ("headers", [("X-A", "1")]),
        ("media_constraints", {"video": True}),
        ("media_constraints", {"audio": 1}),
        ("media_constraints", {"screen": True}),
        ("no_answer_timeout", 0),
        ("no_answer_timeout", "5"),
        ("preferred_codecs", "opus"),
        ("preferred_codecs", ["G729"]),
        ("record", "yes"),
    ],
)
def test_a_bad_call_option_is_named(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        JambonzCallOptions(**{field: value})


@pytest.mark.parametrize("missing", ["server", "username", "password"])
def test_a_missing_option_is_named(missing: str) -> None:
    with pytest.raises(ValueError, match=f"{missing} is missing"):
        resolve_options(JambonzClientOptions, {key: value for key, value in LOGIN.items() if key != missing}, {})


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(client_options())
    with pytest.raises(ValueError, match="password") as caught:
        client_options(password="secret\n")
    assert "secret\n" not in str(caught.value)
    turn = {"iceServers": [{"urls": "turn:t.example.com", "username": "u", "credential": "hush"}]}
    assert "hush" not in repr(client_options(pc_config=turn))
    assert "hush" not in repr(client_options(pc_config=turn).ice_servers)


def test_keywords_override_an_instance_or_a_mapping() -> None:
    for given in (client_options(realm="a.example"), {**LOGIN, "realm": "a.example"}):
        assert resolve_options(JambonzClientOptions, given, {"realm": "b.example"}).realm == "b.example"
        assert resolve_options(JambonzClientOptions, given, {}).realm == "a.example"


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(TypeError, match="did you mean display_name"):
        resolve_options(JambonzClientOptions, LOGIN, {"displayName": "Alice"})
    with pytest.raises(TypeError, match="no_answer_timeout"):
        resolve_options(JambonzCallOptions, {"noAnswerTimeout": 5}, {})
    with pytest.raises(TypeError, match="must be JambonzCallOptions or a mapping"):
        resolve_options(JambonzCallOptions, 5, {})  # type: ignore[arg-type]


def test_options_do_not_change_with_what_they_were_made_from() -> None:
    headers = {"X-A": "1"}
    options = JambonzCallOptions(headers=headers)
    headers["X-A"] = "2"
    assert options.headers == {"X-A": "1"}
    with pytest.raises(TypeError):
        options.headers["X-A"] = "3"  # type: ignore[index]


def test_ssl_belongs_to_wss() -> None:
    context = ssl.create_default_context()
    assert client_options(ssl=context).ssl is context
    with pytest.raises(ValueError, match="use wss://"):
        client_options(ssl=context, server="ws://sbc.example.com")


@pytest.mark.parametrize(
    ("server", "realm", "domain"),
    [
        ("wss://SBC.Example.com:8443/path", None, "sbc.example.com"),
        ("wss://sbc.example.com", "acme.example.com", "acme.example.com"),
        ("ws://[::1]:5060", None, "[::1]"),
        ("ws://localhost:5060", None, "localhost"),
    ],
)
def test_the_realm_is_the_servers_host_unless_given(server: str, realm: str | None, domain: str) -> None:
    assert client_options(server=server, realm=realm).domain == domain


def test_stun_is_asked_only_when_the_server_is_elsewhere() -> None:
    assert [server.urls for server in client_options().ice_servers] == [("stun:stun.l.google.com:19302",)]
    for host in ("localhost", "127.0.0.1", "[::1]", "sbc.localhost"):
        assert client_options(server=f"ws://{host}:5060").ice_servers == ()
    assert client_options(pc_config={"iceServers": []}).ice_servers == ()
    mine = {"iceServers": [{"urls": ["stun:a", "stun:b:3478"]}]}
    assert client_options(server="ws://localhost", pc_config=mine).ice_servers[0].urls == ("stun:a", "stun:b:3478")
    assert AnswerOptions().ice_servers is None


def test_codecs_are_known_in_any_case() -> None:
    assert JambonzCallOptions(preferred_codecs=["pcmu", "OPUS", "PCMU"]).preferred_codecs == ("PCMU", "opus")


def test_the_known_names_are_those_of_the_rooms_behind_them() -> None:
    assert tuple(codec.name for codec in negotiation.CODECS) == checks.CODECS
    assert digest.DEFAULT_ALGORITHMS == checks.DIGEST_ALGORITHMS


@pytest.mark.parametrize(
    ("url", "valid"),
    [
        ("stun:stun.example.com", True),
        ("STUN:[2001:db8::1]:3478", True),
        ("turn:t.example.com:3478?transport=tcp", True),
        ("stun:a:99999x", False),
        ("stun:a:b:c", False),
        ("stun://a", False),
        ("turn:t?transport=sctp", False),
        ("stun:", False),
    ],
)
def test_ice_urls_are_what_the_media_takes(url: str, valid: bool) -> None:
    def accepted(make: Callable[[], object]) -> bool:
        try:
            make()
        except ValueError:
            return False
        return True

    config = {"iceServers": [{"urls": url, "username": "u", "credential": "c"}]}
    assert accepted(lambda: client_options(pc_config=config)) == valid
    assert accepted(lambda: servers([IceServer((url,), "u", "c")])) == valid


def test_backoff_doubles_to_its_maximum() -> None:
    policy = Reconnect()
    assert [policy.delay(attempt, 0.0) for attempt in (1, 2, 3, 4, 5, 6, 7)] == [1, 2, 4, 8, 16, 30, 30]
    assert policy.delay(10_000, 0.5) == 15
    assert policy.allows(10_000)
    assert not Reconnect(attempts=0).allows(1)
    assert client_options(reconnect={"maximum": 5}).reconnect == Reconnect(maximum=5)
    with pytest.raises(TypeError, match="did you mean maximum"):
        client_options(reconnect={"maximun": 5})
