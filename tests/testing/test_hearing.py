"""What `hears`, `hears_silence` and `heard` find in real calls, and what they say when they do not."""

import asyncio

import pytest

from jzrx import JambonzCall
from jzrx.media import pcm, tone
from jzrx.media.measure import tone_level
from jzrx.testing import EmbeddedSbc, Handset, Leg, heard, hears, hears_silence

LONG, SHORT = 5.0, 0.6  # seconds to wait for what comes, and for what does not


@pytest.fixture
def sbc_options() -> dict[str, object]:
    async def early(leg: Leg) -> None:
        leg.session.set_source(tone(880))
        leg.progress()
        await leg.over()

    return {"apps": {"early": early, "short": short}}


async def short(leg: Leg) -> None:
    leg.session.set_source(tone(500))
    leg.answer()
    await leg.up()
    await asyncio.sleep(0.3)


@pytest.fixture
async def call(phone: Handset) -> JambonzCall:
    """One that hears the tone of 440 Hz."""
    return await _answered(phone, "tone")


async def _answered(phone: Handset, target: str) -> JambonzCall:
    call = phone.client.call(target)
    await call.answered()
    return call


async def test_the_tone_that_is_heard_is_given_back(call: JambonzCall) -> None:
    sound = await hears(call, 440, peak=0.25, within=LONG)
    assert len(sound) == 9600 * 2
    assert 0.2 < tone_level(sound, 48000, 440) < 0.3


async def test_what_is_heard_instead_is_told(call: JambonzCall) -> None:
    await hears(call, 440, within=LONG)
    with pytest.raises(AssertionError, match=r"^660 Hz was not heard within 0.6 s, but 440 Hz at -12 dBFS, in"):
        await hears(call, 660, within=SHORT)
    with pytest.raises(AssertionError, match=r"^440 Hz at -26 dBFS was not heard within 0.6 s, but 440 Hz at -12"):
        await hears(call, 440, peak=0.05, within=SHORT)
    with pytest.raises(AssertionError, match=r"^silence was not heard within 0.6 s, but 440 Hz"):
        await hears_silence(call, within=SHORT)


async def test_all_the_tones_must_be_there_and_nothing_louder(phone: Handset) -> None:
    call = await _answered(phone, "echo")
    call.audio.play(tone(440, 0.1))
    call.audio.play(tone(660, 0.1))
    await hears(call, 440, 660, within=LONG)
    with pytest.raises(AssertionError, match="^440 Hz and 770 Hz was not heard"):
        await hears(call, 440, 770, within=SHORT)
    call.audio.play(tone(1000, 0.5))
    await hears(call, 1000, within=LONG)
    with pytest.raises(AssertionError, match="but 1000 Hz"):
        await hears(call, 440, 660, within=SHORT)


async def test_a_beep_of_300_ms_is_never_missed(phone: Handset) -> None:
    call = await _answered(phone, "echo")
    await hears_silence(call, within=LONG)
    reader = tone(700).open(48000)
    beep = b"".join(reader.read() or b"" for _ in range(15))
    for _ in range(3):
        listening = asyncio.create_task(hears(call, 700, within=LONG))
        await call.audio.play(pcm(beep, 48000)).wait()
        await listening
        await hears_silence(call, within=LONG)


async def test_early_media_is_heard(phone: Handset) -> None:
    call = phone.client.call_application("early")
    await hears(call, 880, within=LONG)
    assert call.state == "ringing"


async def test_a_call_that_ends_ends_the_wait(phone: Handset) -> None:
    call = await _answered(phone, "app-short")
    with pytest.raises(AssertionError, match=r"^440 Hz was not heard before the call ended, but "):
        await hears(call, 440, within=60)
    with pytest.raises(AssertionError, match=r"^440 Hz was not heard before the call ended, but nothing at all"):
        await hears(call, 440)
    with pytest.raises(AssertionError, match="^heard 0 s of 2 s: the call has ended"):
        await heard(call, 2.0)


async def test_no_tone_is_a_mistake(call: JambonzCall) -> None:
    with pytest.raises(ValueError, match="hears_silence"):
        await hears(call)


async def test_so_many_seconds_are_heard(call: JambonzCall) -> None:
    assert len(await heard(call, 0.4)) == 0.4 * 48000 * 2


def test_it_may_be_awaited_on_another_loop(sbc: EmbeddedSbc, phone: Handset) -> None:
    """Here the phone lives in a thread."""
    call = phone.calls.make_call("tone").result(timeout=10)
    asyncio.run(hears(call, 440, within=LONG))
    with pytest.raises(AssertionError, match="but 440 Hz"):
        asyncio.run(hears(call, 660, within=SHORT))
