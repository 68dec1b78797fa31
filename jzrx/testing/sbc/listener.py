"""The sockets to listen on: one port on 127.0.0.1 and, where this machine has it, on ::1."""

import contextlib
import errno
import socket

__all__ = ["listen"]

_TRIES = 20


def listen(port: int | None) -> list[socket.socket]:
    """Listening sockets on one port, a free one if none is given. Raises OSError that says what to do."""
    for _ in range(_TRIES):
        first = _bind(socket.AF_INET, "127.0.0.1", port or 0)
        try:
            return [first, _bind(socket.AF_INET6, "::1", first.getsockname()[1])]
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return [first]  # no IPv6 here
            first.close()
            if port:
                raise
    raise OSError(errno.EADDRINUSE, "no port is free on both 127.0.0.1 and ::1")


def _bind(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
        bound.listen()
        bound.setblocking(False)
    except OSError as error:
        with contextlib.suppress(OSError):
            bound.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise OSError(
                error.errno, f"cannot listen on {host} port {port} ({error.strerror}): give another port, or none"
            ) from error
        raise
    return bound
