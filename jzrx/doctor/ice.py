"""STUN and TURN: what each ICE server would give to a call."""

import asyncio
from collections.abc import Iterator

from jzrx.doctor.steps import Finding, StepError
from jzrx.media.ice_servers import Server, servers
from jzrx.options import JambonzClientOptions

__all__ = ["PATIENCE", "ask", "servers_of"]

PATIENCE = 4.0
"""Seconds for one of them."""


def servers_of(options: JambonzClientOptions) -> Iterator[tuple[str, Server]]:
    """The ICE servers of a client's calls, each with the name of its step."""
    return (("turn" if server.relay else "stun", server) for server in servers(options.ice_servers))


async def ask(server: Server) -> Finding:
    """Ask one of them for an address."""
    from jzrx.media.probe import probe  # late: aioice takes longer to load than all the rest

    where = f"{server.host} port {server.port} ({server.transport.upper()}{' over TLS' if server.tls else ''})"
    try:
        async with asyncio.timeout(PATIENCE):
            host, port = await probe(server)
    except TimeoutError:
        raise StepError(f"{where} does not answer") from None
    except PermissionError as error:
        advice = "check the username and the credential of the server" if server.relay else None
        raise StepError(f"{where} refuses: {error}", advice) from error
    except ConnectionRefusedError:
        raise StepError(f"nothing listens on {where}", "check the address and the port") from None
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise StepError(f"{where} cannot be reached: {why}", "check its name and port") from error
    return Finding(f"{where} {'relays by' if server.relay else 'sees us as'} {host} port {port}")
