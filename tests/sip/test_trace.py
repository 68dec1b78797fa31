"""What the log of messages shows, and what it does not."""

import pytest

from jzrx.sip import parse_message
from jzrx.sip.trace import masked
from jzrx.testing.peer import request


@pytest.mark.parametrize(
    "name", ["Authorization", "proxy-authorization", "Authentication-Info", "AUTHORIZATION ", "Cookie"]
)
@pytest.mark.parametrize("value", ['Digest response="hunter2"', 'Digest a="b",\r\n response="hunter2"', "hunter2"])
def test_credentials_are_masked(name: str, value: str) -> None:
    made = bytes(request("OPTIONS", headers=(("X-Secret", "?"), ("X-After", "seen")))).decode()
    text = masked(parse_message(made.replace("X-Secret: ?", f"{name}: {value}")))
    assert "hunter2" not in text
    assert "***\r\nX-After: seen\r\n" in text


@pytest.mark.parametrize("line", ["a=ice-pwd:hunter2", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:hunter2|2^20|1:4"])
def test_keys_in_a_description_are_masked(line: str) -> None:
    text = masked(request("INVITE", sdp=f"v=0\r\na=ice-ufrag:seen\r\n{line}\r\na=mid:0\r\n"))
    assert "hunter2" not in text
    assert "a=ice-ufrag:seen\r\n" in text
    assert text.endswith("***\r\na=mid:0\r\n")


def test_everything_else_is_as_it_was_sent() -> None:
    message = request("INVITE", sdp="v=0\r\nc=IN IP4 192.0.2.1\r\n", headers=(("X-Authorization", "seen"),))
    assert masked(message) == bytes(message).decode()
