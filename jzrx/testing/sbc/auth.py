"""Digest authentication as jambonz does it: a challenge by 401, no nonce remembered, a wrong password is 403."""

import re
from collections.abc import Callable, Mapping

from attrs import frozen

from jzrx.sip.digest import Credentials, challenge_header, verify
from jzrx.sip.message import Request
from jzrx.types import Headers

__all__ = ["Refusal", "authenticate"]

_MANDATORY = ("username", "realm", "nonce", "uri", "response")


@frozen
class Refusal:
    """A final response that is no 2xx."""

    status: int
    reason: str | None = None
    headers: Headers = ()

    @staticmethod
    def because(status: int, x_reason: str) -> "Refusal":
        """With the header in which jambonz says why."""
        return Refusal(status, None, (("X-Reason", x_reason),))


def authenticate(request: Request, realm: str, users: Mapping[str, str], nonce: Callable[[], str]) -> str | Refusal:
    """The user whose password the request proves, or what to answer instead: the challenge, or a refusal.

    The nonce is not validated, and the user need not be the one in From or To: jambonz looks at neither.
    """
    value = request.headers.get("Authorization")
    if value is None:
        return Refusal(401, None, (("WWW-Authenticate", challenge_header(realm, nonce())),))
    found = {name: _read(value, name) for name in (*_MANDATORY, "qop", "nc", "cnonce", "opaque")}
    if any(found[name] is None for name in _MANDATORY):
        return Refusal(500)  # jambonz throws at what it cannot read
    credentials = Credentials(
        username=found["username"] or "",
        realm=found["realm"] or "",
        nonce=found["nonce"] or "",
        uri=found["uri"] or "",
        response=found["response"] or "",
        algorithm="MD5",
        cnonce=found["cnonce"],
        opaque=found["opaque"],
        qop=found["qop"],
        nc=found["nc"],
    )
    password = users.get(credentials.username)
    if password is None or not verify(credentials, password, request.method, request.body):
        return Refusal.because(403, "Invalid credentials")
    return credentials.username


def _read(value: str, name: str) -> str | None:
    """A parameter as jambonz finds it: after a comma or space, up to a quote or comma; `nc` and `qop` also at the end.

    What this does not find, jambonz does not find either, whatever RFC 7616 says.
    """
    found = re.search(rf'[,\s]{name}="?([^",]+)[",]', value)
    if found is None and name in ("nc", "qop"):
        found = re.search(rf"[,\s]{name}=([^,]+)$", value)
    return None if found is None else found[1]
