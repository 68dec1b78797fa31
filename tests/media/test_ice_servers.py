"""STUN and TURN URIs as users write them in `iceServers`."""

import pytest

from jzrx.media.ice_servers import Server, servers
from jzrx.ports import IceServer


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("stun:stun.example.org", Server("stun.example.org", 3478)),
        ("stun:192.0.2.1:19302", Server("192.0.2.1", 19302)),
        ("STUN:[2001:db8::1]:3479", Server("2001:db8::1", 3479)),
        ("turn:turn.example.org", Server("turn.example.org", 3478, relay=True)),
        ("turn:turn.example.org:80?transport=tcp", Server("turn.example.org", 80, relay=True, transport="tcp")),
        ("turns:turn.example.org", Server("turn.example.org", 5349, relay=True, transport="tcp", tls=True)),
    ],
)
def test_understands(uri: str, expected: Server) -> None:
    assert servers([IceServer((uri,))]) == (expected,)


def test_keeps_the_order_and_the_credentials_but_not_in_the_repr() -> None:
    asked = servers(
        [IceServer(("stun:a", "turn:b"), "user", "secret"), IceServer(("turn:c",)), IceServer(("stuns:d",))]
    )
    assert [server.host for server in asked] == ["a", "b", "c"]
    assert (asked[1].username, asked[1].credential) == ("user", "secret")
    assert "secret" not in repr(asked)


@pytest.mark.parametrize(
    "uri", ["", "stun:", "http://a", "stun://a", "turn:a?transport=sctp", "stun:a:b", "turn:u@a", "stun:a b"]
)
def test_refuses_and_says_how_to_write_it(uri: str) -> None:
    with pytest.raises(ValueError, match="write it as stun:host:3478"):
        servers([IceServer((uri,))])
