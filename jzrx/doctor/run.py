"""`preflight`: the steps in their order, each as soon as it is done."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import attrs

from jzrx.client import JambonzClient
from jzrx.doctor import ice, network, signalling
from jzrx.doctor.steps import Finding, PreflightStep, take
from jzrx.doctor.talk import HZ, talk
from jzrx.options import JambonzClientOptions, Reconnect, resolve_options
from jzrx.sip.transport import uses_proxy

__all__ = ["preflight"]

PATIENCE = 10.0
"""Seconds for a step."""
CALL_PATIENCE = 60.0
"""Seconds for the call: it may ring."""
UNREACHED = "an earlier step failed"
"""Why a step was skipped."""


async def preflight(
    options: JambonzClientOptions | Mapping[str, Any] | None = None,
    /,
    *,
    call: str | None = None,
    **fields: Any,
) -> AsyncIterator[PreflightStep]:
    """Try everything that a call needs, from the name lookup to the audio, and yield each step as it is done.

    The options are those of `create_jambonz_client`; with the URL of `server`, the account and the ICE servers of
    `pc_config` (or the default one) the steps are `dns`, `tcp`, `tls` (for wss), `websocket`, `sip` (an OPTIONS),
    `registration`, a `stun` or `turn` for each ICE server, and with `call=TARGET` a `call` to something that echoes.
    What cannot be tried, as an earlier step failed, is `skipped`. It raises only for wrong options (ValueError,
    TypeError). A registration replaces one of the same account elsewhere on jambonz, which keeps one for each.
    """
    given = resolve_options(JambonzClientOptions, options, fields)
    if call is not None:
        JambonzClient(given).uri_of(call)  # what cannot be called is said before anything is tried
    asking = [asyncio.ensure_future(take(name, ice.ask(server), PATIENCE)) for name, server in ice.servers_of(given)]
    try:
        async for step in _signalling(given, call):
            yield step
        for asked in asking:
            yield await asked
    finally:
        for asked in asking:
            asked.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def _signalling(options: JambonzClientOptions, target: str | None) -> AsyncIterator[PreflightStep]:
    """What stands on each other: after the first failure everything is skipped."""
    path, flow = network.Path(options), signalling.Flow(options)
    client = JambonzClient(_for_trial(options))
    steps: list[tuple[str, Callable[[], Awaitable[Finding]]]] = []
    if not uses_proxy(options.server):  # which looks the name up, and connects
        steps += [("dns", path.find_host), ("tcp", path.open_tcp)]
        steps += [("tls", path.open_tls)] if options.is_secure else []
    steps += [("websocket", flow.open), ("sip", flow.ask), ("registration", lambda: signalling.register(client))]
    if target is not None:
        steps.append(("call", lambda: talk(client, target)))
    failed = False
    try:
        for name, step in steps:
            if failed:
                yield PreflightStep(name, "skipped", UNREACHED)
                continue
            done = await take(name, step(), CALL_PATIENCE if name == "call" else PATIENCE)
            failed = not done.ok
            yield done
    finally:
        await flow.close()
        await client.disconnect()


def _for_trial(options: JambonzClientOptions) -> JambonzClientOptions:
    """The user's account, for one attempt, with a tone and no devices."""
    from jzrx.media import tone  # late, as in ice.py

    once = Reconnect(attempts=0)
    return attrs.evolve(
        options, auto_register=True, reconnect=once, connect_timeout=PATIENCE, audio=tone(HZ), speaker=False
    )
