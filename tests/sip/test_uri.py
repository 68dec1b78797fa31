"""URIs: taken apart, built, compared by RFC 3261 19.1.4, and given back as they came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jzrx.sip import Params, Uri


@pytest.mark.parametrize(
    "text",
    [
        "sip:alice@atlanta.com",
        "sip:alice:secretword@atlanta.com;transport=tcp",
        "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:+1-212-555-1212:1234@gateway.com;user=phone",
        "sips:1212@gateway.com",
        "sip:alice@192.0.2.4",
        "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
        "sip:alice;day=tuesday@atlanta.com",
        "SIP:ALICE@AtLanTa.CoM;Transport=udp",
        "sip:alice@[2001:db8::9]:5070;lr",
        "sip:b@pbx1",
        "sip:b@host_1",
        "sip:7f3kq0b2@192.0.2.146.invalid;transport=ws;alias=10.0.0.1~5060~5",
        "tel:+1-201-555-0123;phone-context=example.com",
        "mailto:a@b.example",
        "urn:service:sos",
    ],
)
def test_gives_back_what_it_read(text: str) -> None:
    assert str(Uri.parse(text)) == text
    assert Uri.parse(text) == Uri.parse(text)
    assert hash(Uri.parse(text)) == hash(Uri.parse(text))


def test_takes_apart() -> None:
    uri = Uri.parse("SIPS:a%20b;x=1:pw@[::1]:5061;lr;Transport=ws?Replaces=1%40h%3Bto-tag%3Da&X=")
    assert (uri.scheme, uri.user, uri.raw_user, uri.password) == ("sips", "a b;x=1", "a%20b;x=1", "pw")
    assert (uri.host, uri.port) == ("[::1]", 5061)
    assert uri.params.pairs == (("lr", None), ("Transport", "ws"))
    assert uri.params.get("transport") == "ws"
    assert uri.headers == (("Replaces", "1@h;to-tag=a"), ("X", ""))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:@",
        "sip:a b@c",
        "sip:a@b c",
        "sip:a@b:port",
        "sip:a@b:65536",
        "sip:a@b;;",
        "sip:a@b@c",
        "sip:a@[::1",
        "sip:a@[1:2]",
        "sip:a@[1:2:3:4:5:6:7:b:c]",
        "sip:a@b\r\nX: 1",
        "<sip:a@b>",
        'sip:a"@b',
        "nocolon",
        "1x:y",
    ],
)
def test_refuses_what_is_malformed(text: str) -> None:
    with pytest.raises(ValueError):
        Uri.parse(text)


def test_builds_with_escapes() -> None:
    """A Refer-To with Replaces, a user made of the characters of the grammar, IPv6 without brackets."""
    uri = Uri(
        "sip",
        "a@b <c>#1",
        "2001:db8::9",
        5070,
        Params([("transport", "ws"), ("lr", None)]),
        [("Replaces", "x@y;to-tag=1")],
    )
    assert str(uri) == "sip:a%40b%20%3Cc%3E%231@[2001:db8::9]:5070;transport=ws;lr?Replaces=x%40y%3Bto-tag%3D1"
    assert Uri.parse(str(uri)).user == "a@b <c>#1"
    assert Uri.parse(str(uri)).headers == (("Replaces", "x@y;to-tag=1"),)


def test_building_refuses_what_would_be_read_otherwise() -> None:
    for build in (
        lambda: Uri("http", "a", "b"),
        lambda: Uri("sip", "a", "b;c"),
        lambda: Uri("sip", "a", "b\r\nX: 1"),
        lambda: Uri("sip", "a", "b", 70000),
        lambda: Uri("sip", None, "b", password="x"),
        lambda: Uri("sip", "a", "b", params=Params([("x", 'quoted "text"')])),
    ):
        with pytest.raises(ValueError):
            build()


def test_replace_keeps_the_rest_as_written() -> None:
    uri = Uri.parse("sip:%61lice:p%20w@h:5060;X=%31?a=%62")
    assert str(uri.replace(host="other", port=None)) == "sip:%61lice:p%20w@other;X=%31?a=%62"
    assert str(uri.replace(user="b c", headers=())) == "sip:b%20c:p%20w@h:5060;X=%31"
    with pytest.raises(TypeError, match="hots"):
        uri.replace(hots="x")
    with pytest.raises(ValueError, match="tel:"):
        Uri.parse("tel:1").replace(host="x")


def test_the_password_is_in_no_repr() -> None:
    assert "secret" not in repr(Uri.parse("sip:alice:secret@h"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
    ],
)
def test_equivalent(one: str, other: str) -> None:
    """The examples of RFC 3261 19.1.4."""
    assert Uri.parse(one).equivalent(Uri.parse(other))
    assert Uri.parse(other).equivalent(Uri.parse(one))
    assert Uri.parse(one) != Uri.parse(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on"),
        ("sip:a@b", "sips:a@b"),
        ("sip:a@b", "tel:1"),
    ],
)
def test_not_equivalent(one: str, other: str) -> None:
    """The counter-examples of RFC 3261 19.1.4."""
    assert not Uri.parse(one).equivalent(Uri.parse(other))
    assert not Uri.parse(other).equivalent(Uri.parse(one))


names = st.from_regex(r"[A-Za-z0-9\-.!%*_+`'~]{1,8}", fullmatch=True)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(
    user=text.filter(bool),
    password=st.none() | text,
    host=st.sampled_from(["example.com", "192.0.2.1", "[2001:db8::1]", "x.invalid"]),
    port=st.none() | st.integers(0, 65535),
    params=st.lists(st.tuples(names, st.none() | names), max_size=3),
    headers=st.lists(st.tuples(names, text), max_size=3),
)
def test_round_trip(
    user: str,
    password: str | None,
    host: str,
    port: int | None,
    params: list[tuple[str, str | None]],
    headers: list[tuple[str, str]],
) -> None:
    """Whatever the parts are, the printed URI is read back as them."""
    uri = Uri("sip", user, host, port, Params(params), headers, password)
    again = Uri.parse(str(uri))
    assert again == uri
    assert (again.user, again.password, again.host, again.port) == (user, password, host, port)
    assert again.params.pairs == tuple(params)
    assert again.headers == tuple(headers)
    assert again.equivalent(uri)
