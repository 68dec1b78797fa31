"""The phone in a notebook, in a real JupyterLab: clicks and keys in Chromium, calls over the embedded SBC."""

import asyncio
import math
import wave
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from reactivex import operators

from jzrx import JambonzCall, JambonzClient, create_jambonz_client
from jzrx.media import tone
from jzrx.testing import EmbeddedSbc, hears
from tests.interop.program import executable
from tests.notebook.lab import SOUND, Lab, Reader, reader

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(executable("chromium") is None, reason="chromium: run tests/interop/install.sh as root"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of Playwright's pipes
]

USERS = {"alice": "wonderland", "bob": "builder", "carol": "singer"}


@pytest.fixture
async def sbc() -> AsyncIterator[EmbeddedSbc]:
    async with EmbeddedSbc(USERS) as server:
        yield server


@pytest.fixture
async def bob(sbc: EmbeddedSbc) -> AsyncIterator[JambonzClient]:
    async with create_jambonz_client(server=sbc.url, username="bob", password="builder", audio=tone) as client:
        yield client


def cell_of(sbc: EmbeddedSbc) -> str:
    return (
        "from jzrx.media import silence\nfrom jzrx.notebook import Softphone\n"
        f"account = dict(server={sbc.url!r}, username='alice', password='wonderland')\n"
        "phone = Softphone(account, audio=silence, speaker=False)\nphone"
    )


@asynccontextmanager
async def phone_in(lab: Lab, sbc: EmbeddedSbc, *cells: str, switches: tuple[str, ...] = ()) -> AsyncIterator[Reader]:
    """A notebook whose first cell shows a phone that is registered."""
    name = f"{sbc.url.rpartition(':')[2]}.ipynb"
    lab.write(name, cell_of(sbc), *cells)
    async with reader(lab, name, *switches) as notebook:
        await notebook.run(0)
        await notebook.shows("alice: registered")
        yield notebook


def answering(client: JambonzClient) -> list[JambonzCall]:
    """Let the client answer every call; what it answered."""
    calls: list[JambonzCall] = []

    def answer(call: JambonzCall) -> None:
        calls.append(call)
        call.answer()

    client.on("incoming", answer)
    return calls


def leaving(sbc: EmbeddedSbc) -> "asyncio.Future[str | None]":
    """Who unregisters next."""
    left: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    sbc.events.pipe(operators.filter(lambda event: event.what == "unregistered"), operators.first()).subscribe(
        lambda event: left.set_result(event.user)
    )
    return left


async def test_a_call_is_made_and_led_by_keys_and_clicks(lab: Lab, sbc: EmbeddedSbc, bob: JambonzClient) -> None:
    calls = answering(bob)
    async with phone_in(lab, sbc) as notebook:
        target = notebook.phone.get_by_label("Whom to call")
        await target.fill("bob")
        await target.press("Enter")
        await notebook.shows("opus, MOS")
        tones: list[str] = []
        calls[0].on("dtmf", tones.append)
        await notebook.button("5").click()
        await notebook.button("pound").click()
        await notebook.button("Mute").click()
        await notebook.shows("connected, muted")
        assert await notebook.button("Mute").get_attribute("aria-pressed") == "true"
        await notebook.button("Hold").click()
        await notebook.shows("on hold, muted")
        await calls[0].snapshot.wait(lambda call: call.is_remotely_held, timeout=10)
        await notebook.picture("call")
        await notebook.page.emulate_media(color_scheme="dark")
        await notebook.button("Hang up").click()
        await calls[0].finished()
        assert tones == ["5", "#"]
        await notebook.phone.locator(".jzrx-call").wait_for(state="detached")


async def test_calls_ring_in_a_banner_wait_and_are_connected_with_each_other(
    lab: Lab, sbc: EmbeddedSbc, bob: JambonzClient
) -> None:
    async with (
        create_jambonz_client(server=sbc.url, username="carol", password="singer", audio=tone) as carol,
        phone_in(lab, sbc) as notebook,
    ):
        first = bob.call("alice")
        await notebook.shows("sip:bob@localhost calls")
        await notebook.picture("incoming")
        await notebook.button("Answer").press("Enter")
        await first.answered()
        await notebook.phone.locator(".jzrx-call:focus").wait_for()  # the keyboard goes on where the call is
        second = carol.call("alice")
        await notebook.shows("sip:carol@localhost calls")
        await notebook.button("Answer").click()
        await second.answered()
        await notebook.shows("on hold")
        await notebook.button("Switch to").click()
        # By who it is with: the other call names carol, too, as somebody to be connected with.
        carols = notebook.phone.locator(".jzrx-call").filter(has=notebook.page.locator(".jzrx-who", has_text="carol"))
        await carols.get_by_text("on hold").wait_for()
        await notebook.picture("two-calls")
        third = bob.call("alice")
        await notebook.shows("sip:bob@localhost calls")
        await notebook.button("Decline").click()
        assert (await third.finished()).code == 486
        await notebook.phone.locator(".jzrx-current").get_by_role("button", name="Transfer").first.click()
        await notebook.picture("transfer")
        await notebook.button("Connect with sip:carol@localhost").click()
        await notebook.phone.locator(".jzrx-call").first.wait_for(state="detached")
        assert second.state == "connected", "the parties talk without us"
        await first.hangup()
        await second.finished()


async def test_messages_and_what_went_wrong(lab: Lab, sbc: EmbeddedSbc, bob: JambonzClient) -> None:
    bob.on("message", lambda message: bob.send_message("alice", f"<b>{message.body}</b>"))
    async with phone_in(lab, sbc) as notebook:
        target = notebook.phone.get_by_label("Whom to call")
        await target.fill("busy")
        await notebook.button("Call").click()
        await notebook.phone.get_by_role("alert").get_by_text("busy: 486 Busy Here").wait_for()
        await notebook.phone.get_by_text("Messages").click()
        await target.fill("bob")
        await notebook.phone.get_by_label("Message", exact=True).fill("hello")
        await notebook.phone.get_by_label("Message", exact=True).press("Enter")
        await notebook.shows("sip:bob@localhost: <b>hello</b>")  # as text, whatever it says
        await notebook.phone.get_by_text("Messages").click()
        for number in range(2):
            await bob.send_message("alice", f"unread {number}")
        await notebook.phone.get_by_text("Messages (2)", exact=True).click()
        await notebook.shows("unread 1")
        await notebook.phone.get_by_text("Messages", exact=True).wait_for()
        wrong = "[role=log] li, [role=status] li, ul[role=log], ul[role=status]"
        assert await notebook.phone.locator(wrong).count() == 0, "a list with another role is none to a screen reader"


async def test_do_not_disturb_and_names_that_are_text_whatever_they_say(
    lab: Lab, sbc: EmbeddedSbc, bob: JambonzClient
) -> None:
    name = "<img src=x onerror=document.title='hurt'>"
    account = {"server": sbc.url, "username": "carol", "password": "singer", "display_name": name}
    async with phone_in(lab, sbc) as notebook, create_jambonz_client(account, audio=tone) as carol:
        await notebook.button("Do not disturb").click()
        await notebook.shows("alice: registered, do not disturb")
        assert await notebook.button("Do not disturb").get_attribute("aria-pressed") == "true"
        assert (await carol.call("alice").finished()).code >= 400
        await notebook.button("Do not disturb").click()
        await notebook.phone.get_by_text("alice: registered", exact=True).wait_for()
        for caller in (carol, bob):
            caller.call("alice")
            await notebook.phone.get_by_text("calls", exact=False).first.wait_for()
            await notebook.button("Answer").click()
            await notebook.phone.locator(".jzrx-banner").wait_for(state="hidden")
        await notebook.phone.locator(".jzrx-who").get_by_text(name, exact=True).wait_for()
        await notebook.phone.locator(".jzrx-current").get_by_role("button", name="Transfer", exact=True).click()
        await notebook.button(f"Connect with {name}").wait_for()
        assert await notebook.page.evaluate("document.title") != "hurt"
        assert await notebook.phone.locator("img").count() == 0


async def test_it_works_while_a_cell_runs(lab: Lab, sbc: EmbeddedSbc, bob: JambonzClient) -> None:
    async with phone_in(lab, sbc, "import time; time.sleep(600)") as notebook:
        await notebook.begin(1)
        await notebook.page.get_by_text("| Busy").wait_for()
        call = bob.call("alice")
        await notebook.shows("sip:bob@localhost calls")
        await notebook.button("Answer").click()
        await call.answered()
        await notebook.shows("opus, MOS")
        await notebook.button("Hang up").click()
        await call.finished()


async def test_a_cell_that_is_run_again_leaves_no_ghost(lab: Lab, sbc: EmbeddedSbc, bob: JambonzClient) -> None:
    async with phone_in(lab, sbc, "phone.close()") as notebook:
        await notebook.run(0)
        await notebook.shows("alice: registered")
        call = bob.call("alice")
        await notebook.shows("sip:bob@localhost calls")
        assert await notebook.page.locator(".jzrx").count() == 1
        await notebook.button("Answer").click()
        await call.answered()
        left = leaving(sbc)
        await notebook.run(1)
        await call.finished()
        assert await asyncio.wait_for(left, 20) == "alice"


async def test_a_cell_that_is_run_again_in_a_call_ends_it_and_the_phone_works(
    lab: Lab, sbc: EmbeddedSbc, bob: JambonzClient
) -> None:
    calls = answering(bob)
    async with phone_in(lab, sbc) as notebook:
        for number in range(2):
            await notebook.phone.get_by_label("Whom to call").fill("bob")
            await notebook.button("Call").click()
            await notebook.shows("opus, MOS")
            assert len(calls) == number + 1
            left = leaving(sbc)
            await notebook.run(0)
            assert (await calls[number].finished()).code == 200
            await asyncio.wait_for(left, 20)
            await notebook.shows("alice: registered")
            assert await notebook.page.locator(".jzrx").count() == 1


async def test_two_views_are_one_phone(lab: Lab, sbc: EmbeddedSbc, bob: JambonzClient) -> None:
    calls = answering(bob)
    async with phone_in(lab, sbc, "phone", "phone.close()") as notebook:
        await notebook.run(1)
        other = notebook.page.locator(".jzrx").nth(1)
        await other.get_by_text("alice: registered").wait_for()
        await other.get_by_label("Whom to call").fill("bob")
        await other.get_by_role("button", name="Call", exact=True).click()
        await notebook.shows("connected")
        await notebook.button("Mute").click()
        await other.get_by_text("connected, muted").wait_for()
        await notebook.run(2)
        assert (await calls[0].finished()).code == 200
        await notebook.page.locator(".jzrx").first.wait_for(state="detached")
        assert await notebook.page.locator(".jzrx").count() == 0


async def test_it_outlives_a_reload_of_the_page_and_tells_the_end_of_the_kernel(
    lab: Lab, sbc: EmbeddedSbc, bob: JambonzClient
) -> None:
    async with phone_in(lab, sbc) as notebook:
        call = bob.call("alice")
        await notebook.shows("sip:bob@localhost calls")
        await notebook.page.keyboard.press("Control+s")
        await notebook.page.reload()
        await notebook.shows("sip:bob@localhost calls")
        await notebook.button("Answer").click()
        await call.answered()
        left = leaving(sbc)
        await notebook.command("kernelmenu:restart")
        await notebook.page.locator(".jp-Dialog button.jp-mod-accept").click()
        await call.finished()
        assert await asyncio.wait_for(left, 20) == "alice"
        await notebook.shows("run its cell again")


async def test_it_is_right_on_a_narrow_page_and_in_the_dark(lab: Lab, sbc: EmbeddedSbc, bob: JambonzClient) -> None:
    answering(bob)
    async with phone_in(lab, sbc) as notebook:
        await notebook.phone.get_by_label("Whom to call").fill("bob")
        await notebook.button("Call").click()
        await notebook.shows("opus, MOS")
        await notebook.command("apputils:change-theme", theme="JupyterLab Dark")
        await notebook.page.locator('body[data-jp-theme-light="false"]').wait_for(state="attached")
        await notebook.picture("dark")
        back = await notebook.phone.evaluate("(e) => getComputedStyle(e).backgroundColor")
        assert max(int(part) for part in back[4:-1].split(",")[:3]) < 60, back
        await notebook.page.set_viewport_size({"width": 760, "height": 1000})
        columns = "(e) => getComputedStyle(e.querySelector('.jzrx-body')).gridTemplateColumns.split(' ').length"
        async with asyncio.timeout(10):
            while await notebook.phone.evaluate(columns) != 1:  # noqa: ASYNC110 - a layout has no event
                await asyncio.sleep(0.05)
        assert await notebook.phone.evaluate("(e) => e.scrollWidth <= e.clientWidth"), "nothing is cut off"
        await notebook.picture("narrow")
        await notebook.button("Hang up").click()
        await notebook.phone.locator(".jzrx-call").wait_for(state="detached")


LISTEN = """
(() => {
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode) {
      window.heard = this.context.createAnalyser();
      window.heard.fftSize = 8192;
      connect.call(this, window.heard);
    }
    return connect.call(this, target, ...rest);
  };
  window.loudest = () => {
    if (!window.heard) return [0, -200];
    const bins = new Float32Array(window.heard.frequencyBinCount);
    window.heard.getFloatFrequencyData(bins);
    const best = bins.indexOf(Math.max(...bins));
    return [best * window.heard.context.sampleRate / window.heard.fftSize, bins[best]];
  };
})()
"""


def microphone(path: Path, hz: float) -> str:
    """What Chromium's microphone is to hear, over and over."""
    samples = array("h", [round(8000 * math.sin(2 * math.pi * hz * i / 48000)) for i in range(48000)])
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return SOUND.format(path)


async def test_the_browsers_microphone_and_speaker_are_in_the_call(
    lab: Lab, sbc: EmbeddedSbc, bob: JambonzClient, tmp_path: Path
) -> None:
    calls = answering(bob)
    async with phone_in(lab, sbc, switches=(microphone(tmp_path / "voice.wav", 700),)) as notebook:
        await notebook.page.evaluate(LISTEN)
        await notebook.button("Browser audio").click()
        await notebook.phone.get_by_label("Whom to call").fill("bob")
        await notebook.button("Call").click()
        await notebook.shows("opus, MOS")
        await hears(calls[0], 700, within=20)
        async with asyncio.timeout(20):
            while True:
                hz, db = await notebook.page.evaluate("window.loudest()")
                if abs(hz - 440) < 8 and db > -60:
                    break
                await asyncio.sleep(0.1)  # an analyser has no event
        assert await notebook.button("Browser audio").get_attribute("aria-pressed") == "true"
        await notebook.picture("sound")
        await notebook.button("Browser audio").click()
        await notebook.phone.locator('[aria-pressed="false"]', has_text="Browser audio").wait_for()
        await notebook.button("Hang up").click()
        await calls[0].finished()


KEEP = """
(() => {
  const devices = navigator.mediaDevices, get = devices.getUserMedia.bind(devices);
  window.taken = [];
  devices.getUserMedia = async (...given) => {
    const stream = await get(...given);
    taken.push(...stream.getTracks());
    return stream;
  };
})()
"""


async def test_the_microphone_is_let_go_with_the_phone(lab: Lab, sbc: EmbeddedSbc, tmp_path: Path) -> None:
    async with phone_in(lab, sbc, "phone.close()", switches=(microphone(tmp_path / "voice.wav", 700),)) as notebook:
        await notebook.page.evaluate(KEEP)
        for number, cell in enumerate((0, 1), 1):  # run again, and closed
            await notebook.button("Browser audio").click()
            await notebook.phone.locator('[aria-pressed="true"]', has_text="Browser audio").wait_for()
            await notebook.run(cell)
            await notebook.page.wait_for_function(
                f"taken.length === {number} && taken.every((track) => track.readyState === 'ended')"
            )
