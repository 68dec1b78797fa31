"""SRTP and SRTCP (RFC 3711) of one direction, by libsrtp.

The only file that touches private parts of pylibsrtp. Why not `Session.protect` and its like: they make an object of C
for each packet and ask three times what they were given, which costs as much as the encryption.
"""

import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

import pylibsrtp
from pylibsrtp import SRTP_MAX_SRTCP_TRAILER_LEN, Error, Session

__all__ = ["Error", "Srtp"]

_ROOM = 2048  # bytes of a packet, with what encryption adds
_LONGEST = _ROOM - SRTP_MAX_SRTCP_TRAILER_LEN

_binding: Any = import_module("pylibsrtp._binding")  # which has no types
_ffi, _lib = _binding.ffi, _binding.lib
_errors = cast("list[str]", cast("Any", pylibsrtp).ERRORS)


class _Room(threading.local):
    """Where packets are encrypted and decrypted in place: one for a thread, which stays in the processor's cache."""

    def __init__(self) -> None:
        self.data = _ffi.new("char[]", _ROOM)
        self.view = _ffi.buffer(self.data)
        self.length = _ffi.new("int *")


_room = _Room()


class Srtp:
    """The keys and the state of `session`, as a DTLS handshake has made it, for the thread that makes this.

    What raises is `Error`.
    """

    protect: Callable[[bytes], bytes]
    """Encrypt an RTP packet."""
    protect_rtcp: Callable[[bytes], bytes]
    """Encrypt an RTCP compound packet."""
    unprotect: Callable[[bytes], bytes]
    """Verify and decrypt an RTP packet."""
    unprotect_rtcp: Callable[[bytes], bytes]
    """Verify and decrypt an RTCP packet."""

    def __init__(self, session: Session) -> None:
        self._session = session  # which frees the state
        state = cast("Any", session)._srtp[0]
        self.protect = _processing(_lib.srtp_protect, state)
        self.protect_rtcp = _processing(_lib.srtp_protect_rtcp, state)
        self.unprotect = _processing(_lib.srtp_unprotect, state)
        self.unprotect_rtcp = _processing(_lib.srtp_unprotect_rtcp, state)


def _processing(function: Any, state: Any) -> Callable[[bytes], bytes]:
    data, view, length = _room.data, _room.view, _room.length

    def process(packet: bytes) -> bytes:
        size = len(packet)
        if size > _LONGEST:
            raise Error(f"a packet of {size} bytes is too long")
        view[:size] = packet
        length[0] = size
        status: int = function(state, data, length)
        if status:
            raise Error(_errors[status])
        result: bytes = view[: length[0]]
        return result

    return process
