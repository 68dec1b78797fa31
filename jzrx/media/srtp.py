"""SRTP and SRTCP (RFC 3711) of one direction, by libsrtp.

The only file that touches private parts of pylibsrtp. Why not `Session.protect` and its like: they make an object of C
for each packet and ask three times what they were given, which costs as much as the encryption.
"""

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


class Srtp:
    """The keys and the state of `session`, as a DTLS handshake has made it. What raises is `Error`."""

    def __init__(self, session: Session) -> None:
        self._session = session  # which frees the state
        self._state = cast("Any", session)._srtp[0]
        self._data = _ffi.new("char[]", _ROOM)
        self._view = _ffi.buffer(self._data)
        self._length = _ffi.new("int *")

    def protect(self, packet: bytes) -> bytes:
        """Encrypt an RTP packet."""
        return self._process(_lib.srtp_protect, packet)

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Encrypt an RTCP compound packet."""
        return self._process(_lib.srtp_protect_rtcp, packet)

    def unprotect(self, packet: bytes) -> bytes:
        """Verify and decrypt an RTP packet."""
        return self._process(_lib.srtp_unprotect, packet)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """Verify and decrypt an RTCP packet."""
        return self._process(_lib.srtp_unprotect_rtcp, packet)

    def _process(self, function: Any, packet: bytes) -> bytes:
        size = len(packet)
        if size > _LONGEST:
            raise Error(f"a packet of {size} bytes is too long")
        view, length = self._view, self._length
        view[:size] = packet
        length[0] = size
        status: int = function(self._state, self._data, length)
        if status:
            raise Error(_errors[status])
        result: bytes = view[: length[0]]
        return result
