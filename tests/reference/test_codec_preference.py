"""codec-preference.spec: the order of the codecs in the offer that really goes out."""

import logging
import re

import pytest

from tests.reference.conftest import Phone

USUAL = ["opus", "G722", "PCMU", "PCMA"]


async def offered(phone: Phone, caplog: pytest.LogCaptureFixture, **options: object) -> list[str]:
    """The names of the codecs in the order of the m=audio line of the INVITE, telephone-event left out."""
    caplog.set_level(logging.DEBUG, "jzrx.sip.trace")
    alice = await phone("alice")
    call = alice.call("echo", **options)
    await call.answered()
    sdp = next(record.message for record in caplog.records if record.message.startswith("> INVITE"))
    names = {**dict(re.findall(r"a=rtpmap:(\d+) ([\w-]+)/", sdp)), "0": "PCMU", "8": "PCMA", "9": "G722"}
    order = re.findall(r"^m=audio \d+ \S+ ([\d ]+)", sdp, re.MULTILINE)[0].split()
    return [names[number] for number in order if names[number] not in ("telephone-event", "CN")]


async def test_24_preferred_codecs_come_first_in_their_order(phone: Phone, caplog: pytest.LogCaptureFixture) -> None:
    assert await offered(phone, caplog, preferred_codecs=["pcma", "PCMU"]) == ["PCMA", "PCMU", "opus", "G722"]


async def test_24_the_preferred_codec_is_the_one_that_is_used(phone: Phone) -> None:
    alice = await phone("alice")
    call = alice.call("echo", preferred_codecs=["PCMU", "opus"])
    await call.media_ready()
    stats = await call.get_stats()
    assert stats is not None
    assert stats.codec == "PCMU"


async def test_25_an_empty_list_leaves_the_order(phone: Phone, caplog: pytest.LogCaptureFixture) -> None:
    assert await offered(phone, caplog, preferred_codecs=[]) == USUAL


async def test_26_without_a_preference_the_order_is_the_usual_one(
    phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    assert await offered(phone, caplog) == USUAL


async def test_24_a_codec_that_nobody_speaks_is_refused(phone: Phone) -> None:
    alice = await phone("alice")
    with pytest.raises(ValueError, match="unknown codec 'speex'"):
        alice.call("echo", preferred_codecs=["speex"])
