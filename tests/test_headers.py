"""Headers that a user gives cannot smuggle anything in; those that came are read in any case."""

import pytest

from jzrx.headers import RemoteHeaders, checked_headers


def test_custom_headers_keep_their_order_and_spelling() -> None:
    assert checked_headers({"X-B": "1", "x-a": "zwölf"}) == (("X-B", "1"), ("x-a", "zwölf"))


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "\ud800", 7, None])
def test_a_value_that_would_break_out_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="X-Custom"):
        checked_headers({"X-Custom": value})


def test_a_value_that_fits_into_no_line_is_refused() -> None:
    checked_headers({"X-Custom": "x" * 8182})
    with pytest.raises(ValueError, match="the value of X-Custom is too long"):
        checked_headers({"X-Custom": "x" * 8183})


@pytest.mark.parametrize("headers", ["X-A: 1", [("X-A", "1")], 7])
def test_what_is_no_mapping_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="headers must be a mapping"):
        checked_headers(headers)


@pytest.mark.parametrize("name", ["", "X A", "X:", "X-A\r\nX-B", "X-Ä"])
def test_what_is_no_header_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no header name"):
        checked_headers({name: "1"})


@pytest.mark.parametrize(
    "name",
    [
        *("Via", "From", "To", "Call-ID", "CSeq", "Contact", "Route", "Record-Route", "Content-Type", "Content-Length"),
        *("Content-Foo", "Max-Forwards", "Authorization", "Proxy-Authorization", "v", "L", "call-id", "Replaces"),
    ],
)
def test_what_the_user_agent_owns_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="user agent"):
        checked_headers({name: "1"})


def test_remote_headers_are_found_in_any_case() -> None:
    headers = RemoteHeaders((("X-Call-Sid", "1"), ("Via", "a"), ("via", "b")))
    assert headers["x-call-sid"] == headers["X-CALL-SID"] == "1"
    assert headers["VIA"] == "a, b"
    assert headers.get_all("Via") == ("a", "b")
    assert list(headers) == ["x-call-sid", "via"]
    assert len(headers) == 2
    assert "X-Other" not in headers
    assert headers.get("X-Other") is None
    with pytest.raises(TypeError):
        headers["X-New"] = "1"  # type: ignore[index]


def test_a_later_message_replaces_headers_of_the_same_name() -> None:
    headers = RemoteHeaders((("X-A", "1"), ("X-B", "2")))
    headers.receive((("x-a", "3"),))
    assert dict(headers) == {"x-b": "2", "x-a": "3"}
