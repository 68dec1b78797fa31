"""From the name of a server to an encrypted connection with it."""

import asyncio
import contextlib
import socket
import ssl
import time
from typing import Any

from jzrx.doctor.steps import Finding, StepError
from jzrx.lookup import look_up
from jzrx.options import JambonzClientOptions
from jzrx.sip.transport import explain, port_of

__all__ = ["Path"]

SOON = 14 * 86400
"""Seconds before the end of a certificate at which to warn."""


class Path:
    """The way to the server of a client, as far as it has been gone."""

    def __init__(self, options: JambonzClientOptions) -> None:
        self._options = options
        self._addresses: list[str] = []

    async def find_host(self) -> Finding:
        """The addresses of the server's host."""
        try:
            found = await look_up(self._options.host, port_of(self._options.server), kind=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise self._failed(error) from error
        self._addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        return Finding(f"{self._options.host} is {', '.join(self._addresses)}")

    async def open_tcp(self) -> Finding:
        """A TCP connection to the first address that takes one."""
        port = port_of(self._options.server)
        refusal: OSError = ConnectionRefusedError()
        for address in self._addresses:
            try:
                _, writer = await asyncio.open_connection(address, port)
            except OSError as error:
                refusal = error
                continue
            await _close(writer)
            return Finding(f"{address} port {port} takes connections")
        raise self._failed(refusal)

    async def open_tls(self) -> Finding:
        """A TLS connection, its certificate verified as the client verifies it."""
        host, context = self._options.host, self._options.ssl or ssl.create_default_context()
        try:
            _, writer = await asyncio.open_connection(
                host, port_of(self._options.server), ssl=context, server_hostname=host
            )
        except (OSError, EOFError) as error:
            raise self._failed(error) from error
        try:
            connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
            certificate: dict[str, Any] = connection.getpeercert() or {}
            version = connection.version()
        finally:
            await _close(writer)
        if "notAfter" not in certificate:  # a context that verifies nothing is told nothing
            return Finding(f"{version}; the certificate was not verified", "give an ssl= that verifies", "warning")
        left = ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()
        detail = f"{version}, a certificate by {_issuer(certificate)} for {left // 86400:.0f} more days"
        return Finding(detail, "renew the certificate", "warning") if left < SOON else Finding(detail)

    def _failed(self, error: Exception) -> StepError:
        return StepError.explained(explain(self._options.server, error))


def _issuer(certificate: dict[str, Any]) -> str:
    names = {name: value for part in certificate.get("issuer", ()) for name, value in part}
    return names.get("organizationName") or names.get("commonName") or "an authority without a name"


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
