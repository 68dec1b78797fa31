"""Messages: parsed without loss, built without injection, answered when refused."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sipmessage import Message as OracleMessage

from jzrx.sip import Headers, MessageError, Request, Response, Uri, parse_message
from jzrx.sip.fields import COMPACT
from tests.sip.rfc4475 import VALID

HEAD = """\
INVITE sip:bob@192.0.2.9.invalid;transport=ws SIP/2.0
Via: SIP/2.0/WSS sbc.example.com;branch=z9hG4bK+1%41
v : SIP/2.0/UDP 10.0.0.1 , SIP/2.0/UDP 10.0.0.2
Record-Route: <sip:p2;lr>, <sip:p1;lr>
f: "Alice, A" <sip:alice@example.com>;tag=ab%41c+1
To: <sip:bob@example.com>
Call-ID: 1@h
CSeq: 1 INVITE
m: "Alice" <sip:a@b.com>, "Bob" <sip:c@d.com>
X-Folded: one
  two\t
 three
Content-Type: Application / SDP ;charset=utf-8
""".replace("\n", "\r\n")
BODY = "v=0\r\n"


def parsed(head: str = HEAD, body: str = BODY) -> Request:
    message = parse_message(head + "\r\n" + body)
    assert isinstance(message, Request)
    return message


def refused(data: bytes | str, **limits: int) -> MessageError:
    with pytest.raises(MessageError) as error:
        parse_message(data, **limits)
    return error.value


def test_typed_accessors() -> None:
    request = parsed()
    assert [via.host for via in request.vias] == ["sbc.example.com", "10.0.0.1", "10.0.0.2"]
    assert request.via.branch == "z9hG4bK+1%41"
    assert (request.from_.display_name, request.from_.tag) == ("Alice, A", "ab%41c+1")
    assert request.to.tag is None
    assert [str(route.uri) for route in request.record_routes] == ["sip:p2;lr", "sip:p1;lr"]
    assert request.routes == ()
    assert [contact.display_name for contact in request.contacts] == ["Alice", "Bob"]
    assert request.content_type == "application/sdp"
    assert (request.expires, request.max_forwards) == (None, None)
    assert request.body == BODY.encode()
    assert request.from_ is request.from_, "a value is parsed once"


@pytest.mark.parametrize("frame", [str, str.encode])
def test_text_and_binary_frames_are_the_same(frame: type) -> None:
    data = HEAD + "X-\u00dc: \u00fc\r\n\r\n".replace("X-\u00dc", "X-U") + BODY
    assert bytes(parse_message(frame(data))) == data.encode()


def test_what_is_not_touched_stays_to_the_octet() -> None:
    request = parsed()
    wire = (HEAD + "\r\n" + BODY).encode()
    assert bytes(request) == wire
    changed = request.with_headers(request.headers.set("Call-ID", "2@h").remove("To").prepend("Via", "SIP/2.0/WS x"))
    lines = HEAD.replace("Call-ID: 1@h", "Call-ID: 2@h").replace("To: <sip:bob@example.com>\r\n", "")
    first, rest = lines.split("\r\n", 1)
    expected = f"{first}\r\nVia: SIP/2.0/WS x\r\n{rest}Content-Length: 5\r\n\r\n{BODY}"
    assert bytes(changed).decode() == expected


def test_octets_that_are_no_utf_8_are_kept_and_readable() -> None:
    data = (HEAD + "Subject: ").encode() + b"caf\xe9\r\n\r\n"
    message = parse_message(data)
    assert message.headers.get("s") == "caf\ufffd"
    assert bytes(message.with_headers(message.headers.add("X", "1"))).startswith(data[:-2])


def test_content_length() -> None:
    assert parsed(HEAD + "Content-Length: 5\r\n", BODY + "more").body == BODY.encode()
    assert parsed(HEAD + "l:3\r\n").body == b"v=0"
    for value in ("6", "99999999999999999999999", "-1", "", "5, 5", "0x5", "\u0665"):
        assert refused(HEAD + f"Content-Length: {value}\r\n\r\n{BODY}").status_code == 400
    request = parsed(HEAD + "Content-Length: 5\r\n")
    assert bytes(request.replace(body=b"longer")).endswith(b"Content-Length: 6\r\n\r\nlonger")


def test_with_body() -> None:
    request = parsed().with_body(b"hello", "text/plain")
    assert (request.content_type, request.headers.get("Content-Length"), request.body) == ("text/plain", "5", b"hello")
    empty = request.with_body(b"")
    assert "Content-Type" not in empty.headers
    assert bytes(empty).endswith(b"Content-Length: 0\r\n\r\n")
    assert parse_message(bytes(request)) == request


def test_messages_are_values() -> None:
    assert parsed() == parsed()
    assert hash(parsed()) == hash(parsed())
    assert parsed() != parsed().replace(method="MESSAGE")
    assert pickle.loads(pickle.dumps(parsed())) == parsed()
    with pytest.raises(AttributeError):
        parsed().method = "BYE"  # pyright: ignore[reportAttributeAccessIssue]


def test_crlf_before_the_start_line_is_ignored() -> None:
    assert parse_message("\r\n\r\n" + HEAD + "\r\n") == parse_message(HEAD + "\r\n")


@pytest.mark.parametrize(
    "data", ["", "\r\n", "\r\n\r\n", "x", b"\xff\xfe", "\ud800", "INVITE", HEAD, HEAD.replace("\r", "")]
)
def test_what_is_no_message(data: bytes | str) -> None:
    assert refused(data).status_code == 400


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("SIP/2.0\r\nVia", "SIP/3.0\r\nVia", 505),
        ("SIP/2.0\r\nVia", "HTTP/1.1\r\nVia", 400),
        ("INVITE sip", "IN VITE sip", 400),
        ("CSeq: 1 INVITE", "CSeq: 1 BYE", 400),
        ("INVITE sip", "NEW sip", 501),
        ("Call-ID: 1@h", "Call-ID: 1 h", 400),
        ("Call-ID: 1@h", "Call-ID:", 400),
        ("Call-ID: 1@h\r\n", "", 400),
        ("To: <sip:bob@example.com>\r\n", "", 400),
        ("To: <sip:bob@example.com>", "To: <sip:bob@example.com>, <sip:x@y>", 400),
        ("Via: SIP/2.0/WSS sbc.example.com;branch=z9hG4bK+1%41\r\nv ", "x ", 400),
        ("m: ", "m: *, ", 400),
        ("X-Folded: one", "no colon", 400),
        ("X-Folded", "X Folded", 400),
        ("X-Folded: one", "X: a\nb", 400),
        ("X-Folded: one", "X: a\rb", 400),
        ("X-Folded: one", "X: a\0b", 400),
        ("Via: ", " Via: ", 400),
    ],
)
def test_refusals(old: str, new: str, status: int) -> None:
    assert old in HEAD
    error = refused(HEAD.replace(old, new, 1) + "\r\n" + BODY)
    assert error.status_code == status
    assert str(error)
    assert error.partial is not None


def test_a_refusal_copies_what_it_must() -> None:
    error = refused(HEAD.replace("CSeq: 1 INVITE", "CSeq: 1 BYE") + "\r\n")
    assert error.partial is not None
    assert error.partial.method == "INVITE"
    answer = error.refusal("mine")
    assert answer is not None
    assert (answer.status_code, answer.reason) == (400, "Bad Request")
    assert answer.headers.get_all("Via") == error.partial.headers.get_all("Via")
    assert answer.to.tag == "mine"
    assert (answer.call_id, answer.cseq.method) == ("1@h", "BYE")


def test_what_is_never_answered() -> None:
    assert refused(HEAD.replace("INVITE", "ACK", 1) + "\r\n").refusal() is None
    assert refused("SIP/2.0 700 x\r\nVia: SIP/2.0/WS h\r\n\r\n").refusal() is None
    assert refused("INVITE sip:a@b SIP/2.0\r\nFrom: x\r\n\r\n").refusal() is None


def test_a_refusal_cannot_be_used_to_inject() -> None:
    error = refused(HEAD.replace("To: <sip:bob@example.com>", "To: <sip:bob@x>\nX-Evil: 1") + "\r\n")
    assert error.partial is not None
    assert "To" not in error.partial.headers
    answer = error.refusal("t")
    assert answer is not None
    assert b"Evil" not in bytes(answer)


def test_size_limits() -> None:
    assert refused(HEAD + "\r\n" + "x" * 70_000).status_code == 413
    assert refused(HEAD + "X: " + "x" * 70_000 + "\r\n\r\n").status_code == 513
    assert refused(HEAD + "\r\n" + BODY, max_size=100).status_code == 513
    assert refused(HEAD + "X: 1\r\n" * 300 + "\r\n").status_code == 513
    assert refused(HEAD + "X: " + "x" * 9000 + "\r\n\r\n").status_code == 513
    assert parse_message(HEAD + "\r\n" + "x" * 60_000).body == b"x" * 60_000
    answer = refused(HEAD + "\r\n" + "x" * 70_000).refusal("t")
    assert answer is not None
    assert answer.reason == "Request Entity Too Large"


def test_response_copies_the_request() -> None:
    """RFC 3261 8.2.6.2: Via, From, To with our tag, Call-ID, CSeq."""
    response = parsed().response(180, to_tag="me", headers=Headers([("X-Reason", "later")]))
    assert (response.status_code, response.reason) == (180, "Ringing")
    assert bytes(response).decode() == (
        "SIP/2.0 180 Ringing\r\n"
        "Via: SIP/2.0/WSS sbc.example.com;branch=z9hG4bK+1%41\r\n"
        "v : SIP/2.0/UDP 10.0.0.1 , SIP/2.0/UDP 10.0.0.2\r\n"
        'f: "Alice, A" <sip:alice@example.com>;tag=ab%41c+1\r\n'
        "To: <sip:bob@example.com>;tag=me\r\n"
        "Call-ID: 1@h\r\n"
        "CSeq: 1 INVITE\r\n"
        "X-Reason: later\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    again = parsed(HEAD.replace("To: <sip:bob@example.com>", "To: sip:bob@example.com;tag=old")).response(
        200, to_tag="me"
    )
    assert again.to.tag == "old"


def test_headers_by_any_name() -> None:
    headers = Headers([(name, name) for name in COMPACT.values()])
    for compact, name in COMPACT.items():
        assert headers.get(compact) == headers.get(compact.upper()) == headers.get(name.title()) == name
        assert compact in headers
    assert "X-None" not in headers
    assert (headers.get("X-None"), headers.get_all("X-None"), headers.get_list("X-None")) == (None, (), ())


def test_headers_are_an_immutable_ordered_multimap() -> None:
    headers = Headers([("Allow", "INVITE, ACK"), ("X", "1"), ("allow", "BYE")])
    assert headers.get("ALLOW") == "INVITE, ACK"
    assert headers.get_all("Allow") == ("INVITE, ACK", "BYE")
    assert headers.get_list("Allow") == ("INVITE", "ACK", "BYE")
    assert headers.set("Allow", "OPTIONS").items() == (("Allow", "OPTIONS"), ("X", "1"))
    assert headers.add("Y", "2").items()[-1] == ("Y", "2")
    assert headers.prepend("Y", "2").items()[0] == ("Y", "2")
    assert headers.remove("allow").items() == (("X", "1"),)
    assert headers.select("x").items() == (("X", "1"),)
    assert list(headers) == list(headers.items())
    assert len(headers) == 3
    assert headers == Headers([("ALLOW", "INVITE, ACK"), ("x", " 1 "), ("Allow", "BYE")])
    assert len({headers, Headers(headers.items())}) == 1


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "\ud800"])
@pytest.mark.parametrize("change", [Headers.set, Headers.add, Headers.prepend])
def test_no_header_can_be_injected(change: type, value: str) -> None:
    with pytest.raises(ValueError, match="X-Mine"):
        Headers([("X-Mine", value)])
    with pytest.raises(ValueError, match="X-Mine"):
        change(Headers(), "X-Mine", value)


@pytest.mark.parametrize("name", ["", "X Y", "X:", "X\r\n", "X\0", "\u00dc", "(x)"])
def test_a_header_name_is_a_token(name: str) -> None:
    with pytest.raises(ValueError, match="header name"):
        Headers([(name, "x")])


def test_start_lines_cannot_be_injected() -> None:
    with pytest.raises(ValueError, match="method"):
        Request("INVITE x", Uri("sip", "a", "b"), Headers())
    for reason in ("x\r\nX-Evil: 1", "x\ny", "x\0"):
        with pytest.raises(ValueError, match="reason"):
            Response(200, reason, Headers())
    for code in (99, 700, -1):
        with pytest.raises(ValueError, match="status"):
            Response(code, "x", Headers())


def test_accessors_of_a_built_message_name_what_is_missing() -> None:
    request = Request("INVITE", Uri("sip", "a", "b"), Headers([("Via", "nonsense")]))
    with pytest.raises(ValueError, match="malformed Via"):
        _ = request.via
    with pytest.raises(ValueError, match="missing"):
        _ = request.from_


def test_numbers() -> None:
    def expires(value: str) -> int | None:
        return parsed(HEAD + f"Expires: {value}\r\nMax-Forwards: 0070\r\n").expires

    assert [expires(value) for value in ("0", "300", "0" * 30 + "7", "9" * 5000, "x", "-1", "\u0663", "")] == [
        *(0, 300, 7, 2**32 - 1),
        *(None, None, None, None),
    ]
    assert parsed(HEAD + "Max-Forwards: 0070\r\n").max_forwards == 70


def test_credentials_are_in_no_repr() -> None:
    request = parsed(HEAD + 'Authorization: Digest response="deadbeef"\r\nproxy-authorization: deadbeef\r\n')
    assert "deadbeef" not in repr(request)
    assert b"deadbeef" in bytes(request)


names = st.from_regex(r"X-[A-Za-z0-9\-.!%*_+`'~]{1,12}", fullmatch=True)
values = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"])).map(
    lambda text: text.strip(" \t")
)


@given(pairs=st.lists(st.tuples(names, values), max_size=8), body=st.binary(max_size=64))
def test_round_trip(pairs: list[tuple[str, str]], body: bytes) -> None:
    """What is built is read back as it was given."""
    request = parsed(body="").replace(headers=parsed(body="").headers + Headers(pairs), body=body)
    again = parse_message(bytes(request))
    assert again.headers.items()[-len(pairs) - 1 : -1] == tuple(pairs) or not pairs
    assert again.body == body
    assert bytes(again) == bytes(request)


def test_agrees_with_another_parser() -> None:
    """Where `sipmessage` understands a message of RFC 4475, it understands the same."""
    compared: list[str] = []
    for name, data in VALID.items():
        ours = parse_message(data)
        try:
            theirs = OracleMessage.parse(data)
            assert [via.host for via in theirs.via] == [via.host for via in ours.vias], name
            assert (theirs.from_address.name or None) == ours.from_.display_name, name
            assert theirs.from_address.uri.host == ours.from_.uri.host, name
            assert (theirs.cseq.sequence, theirs.cseq.method) == (ours.cseq.number, ours.cseq.method), name
        except (ValueError, KeyError):
            continue
        assert theirs.call_id == ours.call_id, name
        assert theirs.body == ours.body, name
        compared.append(name)
    assert len(compared) >= 8, compared
