"""The torture messages of RFC 4475: what is well-formed is understood, what is malformed is refused with its status."""

from pathlib import Path

import pytest

from jzrx.sip import MessageError, Request, Response, parse_message
from jzrx.sip.multipart import split_multipart
from tests.sip.rfc4475 import DBLREQ, REFUSED, VALID

FOLDER = Path(__file__).parents[3] / "shared" / "rfc4475"
FILES = sorted(FOLDER.glob("*.dat"))

# What each of the 49 files must give: refused with this status; all others are understood. `baddate` is understood:
# "an element shouldn't [reject it] unless the contents of the Date header field were actually important" (3.1.2.12).
STATUS = {name: status for name, (_, status) in REFUSED.items() if " " not in name}


@pytest.mark.parametrize("name", VALID)
def test_understands_and_gives_back_to_the_octet(name: str) -> None:
    parsed = parse_message(VALID[name])
    assert bytes(parsed) == VALID[name]
    assert all(via.host for via in parsed.vias)
    assert str(parsed.from_.uri)
    assert str(parsed.to.uri)
    assert parsed.call_id.startswith(name)
    assert parsed.cseq.number > 0
    assert parsed.contacts is not None


@pytest.mark.parametrize("name", VALID)
def test_untouched_lines_survive_a_change(name: str) -> None:
    parsed = parse_message(VALID[name])
    changed = bytes(parsed.with_headers(parsed.headers.add("X-Added", "1")))
    head, _, _ = VALID[name].partition(b"\r\n\r\n")
    assert changed.startswith(head + b"\r\nX-Added: 1\r\n")


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_with_the_right_status(name: str) -> None:
    data, status = REFUSED[name]
    with pytest.raises(MessageError) as refused:
        parse_message(data)
    assert refused.value.status_code == status
    answer = refused.value.refusal("tag1")
    if data.startswith(b"SIP/"):
        assert answer is None
    else:
        assert answer is not None
        assert answer.status_code == status
        assert answer.headers.get("CSeq")


@pytest.mark.skipif(not FILES, reason="the folder of RFC 4475's messages is not there")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_files(path: Path) -> None:
    data = path.read_bytes()
    if path.stem in STATUS:
        with pytest.raises(MessageError) as refused:
            parse_message(data)
        assert refused.value.status_code == STATUS[path.stem]
    else:
        assert data.startswith(bytes(parse_message(data)))


@pytest.mark.skipif(not FILES, reason="the folder of RFC 4475's messages is not there")
def test_the_files_are_all_there() -> None:
    assert len(FILES) == 49
    assert {path.stem for path in FILES} >= set(STATUS)


def _request(name: str) -> Request:
    parsed = parse_message(VALID[name])
    assert isinstance(parsed, Request)
    return parsed


def test_wsinv_in_detail() -> None:
    invite = _request("wsinv")
    assert invite.to.tag == "1918181833n"
    assert invite.from_.display_name == 'J Rosenberg \\"'
    assert invite.from_.tag == "98asjd8"
    assert invite.max_forwards == 68
    assert (invite.cseq.number, invite.cseq.method) == (9, "INVITE")
    assert [(via.transport, via.host, via.branch) for via in invite.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert invite.headers.get("Subject") == ""
    assert invite.headers.get("newfangledheader") == "newfangled value continued newfangled value"
    assert invite.contacts[0].display_name == 'Quoted string ""'
    assert invite.contacts[0].params.get("q") == "0.33"
    assert "unknown-no-value" in invite.routes[0].uri.params
    assert invite.uri.params.pairs == (("unknownparam", None),)


def test_intmeth_in_detail() -> None:
    request = _request("intmeth")
    assert request.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert request.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert request.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert request.to.display_name == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert request.from_.display_name == "token1~` token2'+_ token3*%!.-"
    assert (
        request.from_.params.get("fromparam''~+*_!.-%")
        == "\u0440\u0430\u0431\u043e\u0442\u0430\u044e\u0449\u0438\u0439"
    )
    # The copied To holds a NUL behind a backslash: it must not stop us from answering.
    assert bytes(request.response(200, to_tag="t")).count(b"NUL:\\\x00") == 1


def test_escapes_are_decoded_in_users_only() -> None:
    assert _request("esc01").uri.user == "sips:user@example.com"
    assert _request("esc01").from_.uri.user == "I have spaces"
    assert _request("esc02").method == "RE%47IST%45R"
    assert _request("esc02").to.display_name == "%Z%45"
    assert _request("esc02").via.branch == "z9hG4bK209%fzsnel234"
    assert len(_request("esc02").contacts) == 2
    assert [contact.uri.user for contact in _request("escnull").contacts] == ["\x00", "\x00\x00"]
    assert _request("semiuri").uri.user == "user;par=u@example.net"


def test_other_schemes_are_opaque() -> None:
    assert (_request("unkscm").uri.scheme, _request("unkscm").uri.opaque) == (
        "nobodyknowsthisscheme",
        "totallyopaquecontent",
    )
    assert _request("unksm2").to.uri.opaque == "2983792873"
    assert str(_request("unksm2").from_.uri) == "http://www.example.com"


def test_uri_headers_in_a_contact() -> None:
    assert _request("regescrt").contacts[0].uri.headers == (("Route", "<sip:sip.example.com>"),)


def test_parameters_behind_a_bare_uri_belong_to_the_header() -> None:
    to = _request("inv2543").to
    assert "user" in to.params
    assert "user" not in to.uri.params
    assert "user" in _request("inv2543").from_.uri.params


def test_responses() -> None:
    no_reason, reason = parse_message(VALID["noreason"]), parse_message(VALID["unreason"])
    assert isinstance(no_reason, Response)
    assert isinstance(reason, Response)
    assert (no_reason.status_code, no_reason.reason) == (100, "")
    assert reason.reason.startswith("= 2**3 * 5**2 \u043d\u043e")


def test_octets_behind_the_body_are_dropped() -> None:
    parsed = parse_message(DBLREQ)
    assert parsed.body == b""
    assert DBLREQ.startswith(bytes(parsed))
    assert b"INVITE" not in bytes(parsed)


@pytest.mark.skipif(not FILES, reason="the folder of RFC 4475's messages is not there")
def test_binary_multipart() -> None:
    parsed = parse_message((FOLDER / "mpart01.dat").read_bytes())
    parts = split_multipart(parsed.body, parsed.headers.get("Content-Type") or "")
    assert [part.content_type for part in parts] == ["text/plain", "application/octet-stream"]
    assert parts[0].body == b"Hello"
    assert len(parts[1].body) == 342
