"""INFO in a call, out and in, and the noise isolation that is built on it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jzrx import CallError, SipInfo
from jzrx.testing.peer import in_dialog
from tests.bench import Bench, inbound, outbound, told


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.connected()
    yield bench
    await bench.close()


async def test_info_goes_out(bench: Bench) -> None:
    call = await outbound(bench)
    bench.peer.answers["INFO"] = 200
    await bench.finish(call.send_info('{"a": "ü"}', headers={"X-A": "b"}))
    (info,) = bench.sent("INFO")
    assert (info.content_type, info.headers.get("X-A")) == ("application/json", "b")
    assert json.loads(info.body) == {"a": "ü"}


@pytest.mark.parametrize(("answer", "code"), [(415, 415), ((), 408)])
async def test_a_refused_or_unanswered_info_fails_and_the_call_lives(
    bench: Bench, answer: int | tuple[int, ...], code: int
) -> None:
    call = await outbound(bench)
    bench.peer.answers["INFO"] = answer
    with pytest.raises(CallError) as failure:
        await bench.finish(call.send_info(b"x", "text/plain"))
    assert failure.value.code == code
    assert call.state == "connected"


async def test_info_comes_in(bench: Bench) -> None:
    call = await outbound(bench)
    heard = told(call)
    invite = bench.sent("INVITE")[0]
    bench.peer.say(in_dialog("INFO", invite, body=b"\xc3\xbc", content_type="text/plain"))
    await bench.pass_time(0.1)
    assert heard == [("info", SipInfo("text/plain", b"\xc3\xbc"))]
    assert heard[0][1].text == "ü"


@pytest.mark.parametrize(
    ("options", "data"),
    [
        ({}, b'"noise_isolation_status":"enable"'),
        ({"vendor": "krisp"}, b'"noise_isolation_status":"enable","vendor":"krisp"'),
        ({"level": 0}, b'"noise_isolation_status":"enable","level":0'),
        (
            {"vendor": "krisp", "level": 80, "model": "größe"},
            b'"noise_isolation_status":"enable","vendor":"krisp","level":80,"model":"gr\xc3\xb6\xc3\x9fe"',
        ),
    ],
)
async def test_noise_isolation(bench: Bench, options: dict[str, Any], data: bytes) -> None:
    """To the byte what the JavaScript SDK sends."""
    call = await outbound(bench)
    await bench.finish(call.enable_noise_isolation(**options))
    await bench.finish(call.disable_noise_isolation())
    enable, disable = bench.sent("INFO")
    assert enable.body == b'{"command":"noiseIsolation:status","data":{%s}}' % data
    assert disable.body == b'{"command":"noiseIsolation:status","data":{"noise_isolation_status":"disable"}}'
    assert [info.headers.get_all("Content-Type") for info in (enable, disable)] == [("application/x-jambonz+json",)] * 2


@pytest.mark.parametrize("status", [415, 501])
async def test_refused_noise_isolation_leaves_the_call(bench: Bench, status: int) -> None:
    call = await outbound(bench)
    bench.peer.answers["INFO"] = status
    with pytest.raises(CallError) as failure:
        await bench.finish(call.enable_noise_isolation())
    assert (failure.value.code, call.state) == (status, "connected")


async def test_misuse(bench: Bench) -> None:
    ringing = await inbound(bench)
    with pytest.raises(CallError, match="not answered yet"):
        ringing.send_info("x")
    call = await outbound(bench)
    with pytest.raises(ValueError, match="media type"):
        call.send_info("x", "json")
    with pytest.raises(ValueError, match="media type"):
        call.send_info("x", 5)  # type: ignore[arg-type]
    for body, why in (
        (5, "body must be a str or bytes, not int"),
        ("\ud800", "body has characters that utf-8 cannot write"),
    ):
        with pytest.raises(ValueError, match=why):
            call.send_info(body)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="X-A"):
        call.send_info("x", headers={"X-A": "a\r\nb"})
    for level in (-1, 101, True, "high"):
        with pytest.raises(ValueError, match="level"):
            call.enable_noise_isolation(level=level)  # type: ignore[arg-type]
    for name in ("vendor", "model"):
        with pytest.raises(ValueError, match=f"{name} must be a str"):
            call.enable_noise_isolation(**{name: 5})  # type: ignore[arg-type]
    assert not bench.sent("INFO")
