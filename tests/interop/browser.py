"""A real browser: Chromium with JsSIP, each phone a page of its own. What a page does is in browserphone.js."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import define
from playwright.async_api import Browser as PlaywrightBrowser
from playwright.async_api import Page, Route, async_playwright

from .kamailio import Kamailio
from .program import PATIENCE, executable

T = TypeVar("T")

# http://127.0.0.1 is a secure context, which the microphone needs. Nothing listens there: Playwright gives the page.
_ADDRESS: Final = "http://127.0.0.1/phone"
SWITCHES: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
)
_SCRIPTS: Final = tuple(Path(__file__).parent / name for name in ("node_modules/jssip.js", "browserphone.js"))


class Browser:
    """One Chromium for the whole test session. It lives on a thread and event loop of its own, as tests each have
    another loop; every method is called from a test's."""

    def __init__(self) -> None:
        self._started: Future[tuple[asyncio.AbstractEventLoop, PlaywrightBrowser]] = Future()
        self._end: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="browser")

    @staticmethod
    def missing() -> list[str]:
        """What has to be installed first."""
        return [
            *(["chromium"] if executable("chromium") is None else []),
            *(path.name for path in _SCRIPTS if not path.exists()),
        ]

    def start(self) -> None:
        """Start it and return when it runs."""
        self._thread.start()
        self._started.result()

    async def _live(self) -> None:
        self._end = asyncio.Event()
        try:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(
                    executable_path=executable("chromium"), args=list(SWITCHES), timeout=60_000
                )
                self._started.set_result((asyncio.get_running_loop(), browser))
                await self._end.wait()
                await browser.close()
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    def close(self) -> None:
        """End it, and wait for that."""
        loop, _ = self._started.result()
        assert self._end is not None
        loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Await what uses Playwright, where Playwright lives."""
        loop, _ = self._started.result()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))

    @asynccontextmanager
    async def phone(
        self, kamailio: Kamailio, user: str, hz: float, logs: list[str], *, timers: bool = False
    ) -> AsyncIterator["BrowserPhone"]:
        """A page with a registered phone that sends a tone of `hz`; what the page prints goes to `logs`. With `timers`
        it wants session timers of 90 s, and its clock can be put forward."""
        _, browser = self._started.result()
        page = await self.run(_open(browser, logs, clock=timers))
        phone = BrowserPhone(self, page)
        try:
            options = {
                "url": kamailio.ws_url,
                "uri": kamailio.uri(user),
                "password": kamailio.users[user],
                "hz": hz,
                "timers": timers,
            }
            await phone.evaluate("async (options) => { window.phone = await Phone.start(options); }", options)
            yield phone
        finally:
            await self.run(page.context.close())


async def _open(browser: PlaywrightBrowser, logs: list[str], *, clock: bool) -> Page:
    context = await browser.new_context(permissions=["microphone", "local-network-access"])
    page = await context.new_page()
    if clock:
        await page.clock.install()
    page.on("console", lambda message: logs.append(message.text))
    page.on("pageerror", lambda error: logs.append(f"error: {error}"))

    async def serve(route: Route) -> None:
        await route.fulfill(body="<!doctype html><title>phone</title>", content_type="text/html")

    await page.route(_ADDRESS, serve)
    await page.goto(_ADDRESS)
    for script in _SCRIPTS:
        await page.add_script_tag(content=script.read_text())
    return page


@define(eq=False)
class BrowserPhone:
    """The `Phone` of a page; in JavaScript it is `phone`."""

    _browser: Browser
    _page: Page

    async def evaluate(self, script: str, argument: object = None) -> Any:
        """The value of a JavaScript function or expression; TimeoutError if it takes too long."""
        async with asyncio.timeout(PATIENCE):
            return await self._browser.run(self._page.evaluate(script, argument))

    async def until(self, name: str, **fields: object) -> dict[str, Any]:
        """Wait for an event of JsSIP's, such as `until("hold", originator="remote")`; the ones before it are gone."""
        script = """(wanted) => phone.until((event) =>
            Object.entries(wanted).every(([field, value]) => event[field] === value))"""
        return await self.evaluate(script, {"name": name, **fields})

    async def put_clock_forward(self, seconds: float) -> None:
        """What is due by then is due now. Audio has a clock of its own."""
        await self._browser.run(self._page.clock.fast_forward(round(seconds * 1000)))

    async def call(self, target: str) -> None:
        """Call a SIP URI."""
        await self.evaluate("(target) => phone.call(target)", target)

    async def answer(self) -> None:
        """Answer the call that comes in."""
        await self.evaluate("() => phone.answer()")

    async def hangup(self) -> None:
        """End the call: 486, CANCEL or BYE."""
        await self.evaluate("() => phone.hangup()")

    async def message(self, target: str, body: str, content_type: str) -> int:
        """Send a message; the status that it is answered with."""
        script = "([target, body, contentType]) => phone.message(target, body, contentType)"
        return await self.evaluate(script, [target, body, content_type])

    async def states(self) -> list[bool]:
        """Of each call so far, in order, whether it is over."""
        return await self.evaluate("() => phone.sessions.map((session) => session.isEnded())")

    async def hold(self) -> None:
        """Put the other side on hold; returns at the answer."""
        await self.evaluate("() => phone.hold()")

    async def unhold(self) -> None:
        """Take that back, likewise."""
        await self.evaluate("() => phone.unhold()")

    async def restart_ice(self) -> None:
        """A re-INVITE with new ICE; returns at the answer."""
        await self.evaluate("() => phone.restartIce()")

    async def refer(self, which: int, target: str, consultation: int | None = None) -> None:
        """Transfer the call `which` (0 the first) to `target`; attended with the number of the consultation call."""
        script = "([which, target, consultation]) => phone.refer(which, target, consultation)"
        await self.evaluate(script, [which, target, consultation])

    async def send_dtmf(self, tones: str, transport: str) -> None:
        """Send tones by "INFO" or "RFC2833"."""
        script = "([tones, transportType]) => phone.session.sendDTMF(tones, { transportType })"
        await self.evaluate(script, [tones, transport])

    async def counters(self) -> dict[str, Any]:
        """Audio RTP packets `sent`, `received` and `lost`, and the `codec` received ("audio/opus")."""
        return await self.evaluate("() => phone.counters()")

    async def until_counted(self, **least: int) -> dict[str, Any]:
        """Wait until the counters of these names are no smaller, and return them all: they have no event."""
        async with asyncio.timeout(PATIENCE):
            while True:
                counters = await self.counters()
                if all(counters[name] >= count for name, count in least.items()):
                    return counters
                await asyncio.sleep(0.05)

    async def hears(self, *hz: float, within: float = 5.0) -> None:
        """Wait until the page hears just these tones, the first at the level of `jzrx.media.tone`; none: silence."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while True:
            heard: dict[str, Any] = await self.evaluate("(count) => phone.heard(count)", max(1, len(hz)))
            if not hz and heard["level"] < 0.002:
                return
            found = heard["peaks"]
            near = len(found) == len(hz) and all(abs(one - other) < 8 for one, other in zip(found, hz, strict=True))
            if hz and near and (len(hz) > 1 or 0.14 < heard["level"] < 0.22):
                return
            assert loop.time() < end, f"the browser hears {heard}, not {hz or 'silence'}"
            await asyncio.sleep(0.05)
