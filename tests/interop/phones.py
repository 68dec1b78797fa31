"""A phone made with the hooks, as a user makes it, on a server of the tests; and ears."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from attrs import frozen

from jzrx import JambonzCall, UseCall, UseJambonzClient, use_call, use_jambonz_client
from jzrx.testing import hears

from .kamailio import Kamailio

Scheme = Literal["ws", "wss"]

PEAK = 0.25
"""Of a tone of `jzrx.media.tone`."""


@frozen
class Phone:
    """The two hooks."""

    client: UseJambonzClient
    line: UseCall

    @property
    def call(self) -> JambonzCall:
        """The current call."""
        call = self.line.call.value
        assert call is not None, "there is no call"
        return call


@asynccontextmanager
async def phone(kamailio: Kamailio, name: str, scheme: Scheme = "ws", **options: Any) -> AsyncIterator[Phone]:
    """A phone of user `name` on Kamailio, connected and registered."""
    given: dict[str, Any] = {
        "server": kamailio.wss_url if scheme == "wss" else kamailio.ws_url,
        "username": name,
        "password": kamailio.users.get(name, "none"),
        "realm": kamailio.realm,
        "ssl": kamailio.ssl_context if scheme == "wss" else None,
    } | options
    async with use_jambonz_client(**given) as client:
        with use_call(client.client) as line:
            await client.connect()
            yield Phone(client, line)
            await client.disconnect()


async def hears_tone(call: JambonzCall, hz: float, within: float = 5.0) -> None:
    """Return once the call hears a clear tone of `hz`, as loud as it was sent; fail if it does not."""
    await hears(call, hz, peak=PEAK, within=within)
