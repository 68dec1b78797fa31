"""Header values: parameters, lists, addresses, Via, CSeq. Many cases are defects that other libraries have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jzrx.sip import CSeq, NameAddr, Params, Uri, Via
from jzrx.sip.headers import media_type
from jzrx.sip.params import quote, split_list, unquote


@pytest.mark.parametrize("value", ["abc+1", "ab%41c", "z9hG4bK+1", '"<urn:uuid:f81d4fae>"', "2001:db8::9", "a=b"])
def test_values_come_back_to_the_octet(value: str) -> None:
    """Tags, branches and instance ids are never percent-decoded or encoded anew."""
    params = Params.parse(f";+sip.instance={value};lr")
    assert str(params) == f";+sip.instance={value};lr"
    assert str(params.with_("x", "1")) == f";+sip.instance={value};lr;x=1"
    assert params.get("+SIP.instance") == value.strip('"')


def test_params() -> None:
    params = Params.parse(' ; A = 1 ;b;c="x;\\"y" ;empty=')
    assert params.pairs == (("A", "1"), ("b", None), ("c", '"x;\\"y"'), ("empty", ""))
    assert (params.get("a"), params.get("b"), params.get("C"), params.get("d")) == ("1", None, 'x;"y', None)
    assert "B" in params
    assert "d" not in params
    assert len(params) == 4
    assert str(params.with_("a", "2").without("c")) == ";a=2;b;empty="
    assert Params([("X", "1")]) == Params([("x", "1")])
    assert hash(Params([("X", "1")])) == hash(Params([("x", "1")]))
    assert Params([("self", "1"), ("cls", None)]).get("self") == "1"
    assert str(Params([("text", "not a token")])) == ';text="not a token"'
    assert not Params()


@pytest.mark.parametrize("text", [";", ";;", ";a;;b", "a=b", ';a="', ";a=b c", ";=b", ";a=\r\nb"])
def test_malformed_params(text: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        Params.parse(text)


def test_params_cannot_be_built_malformed() -> None:
    for name in ("", "a b", "a;b", "a=b", "a\r\n"):
        with pytest.raises(ValueError, match="parameter name"):
            Params([(name, "x")])


@given(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])))
def test_quoting_round_trip(text: str) -> None:
    assert unquote(quote(text)) == text
    assert Params.parse(str(Params([("x", text)]))).get("x") == text


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ("", ()),
        ("a", ("a",)),
        ("a, b ,c", ("a", "b", "c")),
        (",a,,b,", ("a", "b")),
        ('"Acme, Inc" <sip:a@b>, <sip:c,d@e>;x="1,2"', ('"Acme, Inc" <sip:a@b>', '<sip:c,d@e>;x="1,2"')),
        ('"\\"," , x', ('"\\","', "x")),
        ('a, "open, b', ("a", '"open, b')),
    ],
)
def test_split_list(value: str, items: tuple[str, ...]) -> None:
    assert split_list(value) == items


@pytest.mark.parametrize(
    ("text", "name", "uri", "params"),
    [
        ("sip:a@b", None, "sip:a@b", ""),
        ("sip:a@b;tag=1", None, "sip:a@b", ";tag=1"),
        ("<sip:a@b;lr>;tag=1", None, "sip:a@b;lr", ";tag=1"),
        ("<sip:a@b?x=1>", None, "sip:a@b?x=1", ""),
        ("<sip:a,b@c>", None, "sip:a,b@c", ""),
        ("Alice <sip:a@b>", "Alice", "sip:a@b", ""),
        ("Alice Example<sip:a@b>", "Alice Example", "sip:a@b", ""),
        ('"" <sip:a@b>', "", "sip:a@b", ""),
        ('"A \\"x\\" \\\\" <sip:a@b>', 'A "x" \\', "sip:a@b", ""),
        ('"<sip:not@this>" <sip:a@b>', "<sip:not@this>", "sip:a@b", ""),
        ("\u0141ukasz <sip:a@b>", "\u0141ukasz", "sip:a@b", ""),
        ("<sip:a@[2001:db8::9]:5060>", None, "sip:a@[2001:db8::9]:5060", ""),
        ("<tel:+1-201>;x", None, "tel:+1-201", ";x"),
        ('<sip:x@y.invalid>;+sip.instance="<urn:uuid:1>";reg-id=1', None, "sip:x@y.invalid", ""),
    ],
)
def test_addresses(text: str, name: str | None, uri: str, params: str) -> None:
    address = NameAddr.parse(text)
    assert (address.display_name, str(address.uri)) == (name, uri)
    assert str(address) == text
    assert not params or str(address.params) == params
    assert NameAddr(address.uri, address.display_name, address.params) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"Alice <sip:a@b>',
        "Bell, A <sip:a@b>",
        "<sip:a@b",
        "sip:a@b>",
        "< sip:a@b >",
        "<>",
        "sip:a@b?x=1",
        "sip:a@b;;",
        "sip:a@b x",
        '"A" sip:a@b',
        "<sip:a@b> junk",
        "*;x",
    ],
)
def test_malformed_addresses(text: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        NameAddr.parse(text)


def test_address_parts() -> None:
    address = NameAddr.parse("<sip:a@b>;TAG=x")
    assert address.tag == "x"
    assert NameAddr.parse("<sip:a@b;tag=x>").tag is None
    assert str(address.with_param("expires", "60")) == "<sip:a@b>;TAG=x;expires=60"
    assert str(NameAddr(Uri("sip", "a", "b"), 'A "b"').with_param("tag", "1")) == '"A \\"b\\"" <sip:a@b>;tag=1'
    assert NameAddr.parse(" * ").is_wildcard
    assert not address.is_wildcard
    assert len({address, NameAddr.parse("<sip:a@b> ;TAG=x")}) == 1


@given(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])))
def test_display_names_round_trip(name: str) -> None:
    address = NameAddr(Uri("sip", "a", "b"), name, Params([("tag", "1")]))
    again = NameAddr.parse(str(address))
    assert again == address
    assert again.display_name == name


@pytest.mark.parametrize(
    ("text", "transport", "host", "port", "branch"),
    [
        ("SIP/2.0/WSS x.invalid;branch=z9hG4bK1", "WSS", "x.invalid", None, "z9hG4bK1"),
        ("SIP/2.0/WS  host:80 ;rport", "WS", "host", 80, None),
        ("SIP / 2.0 / UDP h: 4000;BRANCH=a%41+", "UDP", "h", 4000, "a%41+"),
        ("SIP/2.0/TLS [2001:db8::9]:5061;received=2001:db8::9;branch=b", "TLS", "[2001:db8::9]", 5061, "b"),
        ("SIP/2.0/UNKNOWN 192.0.2.1;hidden;branch=b", "UNKNOWN", "192.0.2.1", None, "b"),
    ],
)
def test_via(text: str, transport: str, host: str, port: int | None, branch: str | None) -> None:
    via = Via.parse(text)
    assert (via.transport, via.host, via.port, via.branch) == (transport, host, port, branch)
    assert str(via) == text
    assert Via(via.transport, via.host, via.port, via.params, via.protocol) == via
    assert hash(via) == hash(Via.parse(text))


def test_via_received() -> None:
    assert Via.parse("SIP/2.0/WS h;received=2001:db8::9").received == "2001:db8::9"
    assert Via("WS", "::1", params=Params([("branch", "b")])).host == "[::1]"


@pytest.mark.parametrize(
    "text", ["", "SIP/2.0/WS", "SIP/2.0 WS h", "SIP/2.0/WS h:x", "SIP/2.0/WS h:65536", "SIP/2.0/WS h;;"]
)
def test_malformed_via(text: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        Via.parse(text)


def test_cseq() -> None:
    assert CSeq.parse(" 0009 \t INVITE ") == CSeq(9, "INVITE")
    assert CSeq.parse("4294967295 X").number == 2**32 - 1
    assert str(CSeq(1, "BYE")) == "1 BYE"
    for text in ("", "INVITE", "1", "-1 INVITE", "4294967296 X", "1 INVITE x", "\u0661 INVITE", "9" * 5000 + " X"):
        with pytest.raises(ValueError, match="malformed"):
            CSeq.parse(text)


def test_media_type() -> None:
    name, params = media_type('Multipart / Mixed ; boundary="a b"')
    assert (name, params.get("boundary")) == ("multipart/mixed", "a b")
    assert media_type("text/plain;;")[0] == "text/plain"
