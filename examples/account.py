"""Whose phone the examples are: yours, or alice's on an SBC that is started for her.

Yours is what JZRX_SERVER, JZRX_USERNAME, JZRX_PASSWORD and, where it is not the host of the server, JZRX_REALM say.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jzrx.testing import EmbeddedSbc


@asynccontextmanager
async def account() -> AsyncIterator[dict[str, str]]:
    """What `use_jambonz_client` takes. The SBC, where one was started, runs until the end of the block."""
    if "JZRX_SERVER" in os.environ:
        names = ("server", "username", "password", "realm")
        yield {name: value for name in names if (value := os.environ.get(f"JZRX_{name.upper()}"))}
    else:
        async with EmbeddedSbc({"alice": "secret", "bob": "secret"}) as sbc:
            print("JZRX_SERVER is not set, so this is alice, on an SBC of her own: call echo. This command calls her:")
            print(f"JZRX_SERVER={sbc.url} JZRX_USERNAME=bob JZRX_PASSWORD=secret jzrx call alice --wait 60", flush=True)
            yield {"server": sbc.url, "username": "alice", "password": "secret"}
