"""Digest authentication, both sides. RFC 2617 and 7616, with the algorithms and the order of RFC 8760.

Pure: the caller hands in nonce, client nonce and nonce count.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final, Self

from attrs import field, frozen

from jzrx.sip.message import Response
from jzrx.sip.params import QUOTED, TOKEN_CHARS, quote, unquote

__all__ = [
    "DEFAULT_ALGORITHMS",
    "Challenge",
    "Credentials",
    "authorization",
    "challenge_header",
    "challenges",
    "choose",
    "verify",
]

DEFAULT_ALGORITHMS: Final = ("SHA-512-256", "SHA-256", "MD5")
"""What is accepted, each also as `-sess`. Leave MD5 out to refuse it; the order of preference is the server's."""

_SCHEME: Final = re.compile(r"[ \t]*+Digest[ \t]++", re.IGNORECASE)
_AUTH_PARAM: Final = re.compile(
    rf"[ \t,]*+([{TOKEN_CHARS}]++)[ \t]*+=[ \t]*+({QUOTED}|[^\x00-\x20\x7f\",]*+)[ \t]*+(?=,|\Z)", re.DOTALL
)


@frozen
class Challenge:
    """What a server asks for in WWW-Authenticate or Proxy-Authenticate. RFC 7616 3.3."""

    realm: str
    nonce: str
    algorithm: str | None = None
    """As received; None, which means MD5, if the server named none."""
    qop: tuple[str, ...] = ()
    """Empty if the server offered none: then the digest of RFC 2069 is computed."""
    opaque: str | None = None
    stale: bool = False
    """Whether only the nonce was too old: the same password may be tried again with this one."""
    proxy: bool = False
    domain: str | None = None

    @classmethod
    def parse(cls, value: str, proxy: bool = False) -> Self:
        """From a header value. Raises ValueError if it is malformed, of another scheme, or lacks realm or nonce."""
        params = _auth_params(value)
        if "realm" not in params or "nonce" not in params:
            raise ValueError("a Digest challenge without realm or nonce")
        return cls(
            realm=params["realm"],
            nonce=params["nonce"],
            algorithm=params.get("algorithm"),
            qop=tuple(option.strip().lower() for option in params.get("qop", "").split(",") if option.strip()),
            opaque=params.get("opaque"),
            stale=params.get("stale", "").lower() == "true",
            proxy=proxy,
            domain=params.get("domain"),
        )


@frozen
class Credentials:
    """What a client answers in Authorization or Proxy-Authorization. RFC 7616 3.4."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str = field(repr=False)
    algorithm: str | None = None
    cnonce: str | None = None
    opaque: str | None = None
    qop: str | None = None
    nc: str | None = None
    """Eight hexadecimal digits, as received."""

    @classmethod
    def parse(cls, value: str) -> Self:
        """From a header value. Raises ValueError if it is malformed, of another scheme, or lacks a mandatory part."""
        params = _auth_params(value)
        missing = [name for name in ("username", "realm", "nonce", "uri", "response") if name not in params]
        if missing:
            raise ValueError(f"Digest credentials without {', '.join(missing)}")
        qop = params.get("qop")
        return cls(
            username=params["username"],
            realm=params["realm"],
            nonce=params["nonce"],
            uri=params["uri"],
            response=params["response"],
            algorithm=params.get("algorithm"),
            cnonce=params.get("cnonce"),
            opaque=params.get("opaque"),
            qop=None if qop is None else qop.lower(),
            nc=params.get("nc"),
        )


def challenges(response: Response) -> tuple[Challenge, ...]:
    """All Digest challenges of a 401 or 407 in their order; other schemes and malformed ones are left out."""
    found: list[Challenge] = []
    for name, proxy in (("WWW-Authenticate", False), ("Proxy-Authenticate", True)):
        for value in response.headers.get_all(name):
            try:
                found.append(Challenge.parse(value, proxy))
            except ValueError:
                continue
    return tuple(found)


def choose(challenges: Sequence[Challenge], algorithms: Sequence[str] = DEFAULT_ALGORITHMS) -> Challenge | None:
    """The challenge to answer, or None if we support none of them."""
    # "it SHOULD use the topmost header field that it supports unless a local policy dictates otherwise" (RFC 8760 2.4).
    accepted = {name.upper() for name in algorithms}
    for challenge in challenges:
        if _hash_name(challenge.algorithm) in accepted and (not challenge.qop or _chosen_qop(challenge)):
            return challenge
    return None


def authorization(
    challenge: Challenge,
    *,
    username: str,
    password: str,
    method: str,
    uri: str,
    nc: int,
    cnonce: str,
    body: bytes = b"",
) -> tuple[str, str]:
    """(header name, value) that answers `challenge` for a request with this method, Request-URI and body.

    `nc` counts the requests sent with this nonce, from 1. Raises ValueError for an algorithm that is not supported.
    """
    qop = _chosen_qop(challenge)
    response = _response(
        password=password,
        credentials=Credentials(
            username=username,
            realm=challenge.realm,
            nonce=challenge.nonce,
            uri=uri,
            response="",
            algorithm=challenge.algorithm,
            cnonce=cnonce,
            qop=qop,
            nc=f"{nc:08x}",
        ),
        method=method,
        body=body,
    )
    # jambonz reads this with regular expressions: strings quoted, algorithm, qop and nc bare (as RFC 7616 3.4 has it),
    # and the last parameter either quoted, `nc` or `qop`.
    parts = [f"username={quote(username)}", f"realm={quote(challenge.realm)}", f"nonce={quote(challenge.nonce)}"]
    parts.append(f"uri={quote(uri)}")
    if challenge.algorithm is not None:
        parts.append(f"algorithm={challenge.algorithm}")
    parts.append(f'response="{response}"')
    if challenge.opaque is not None:
        parts.append(f"opaque={quote(challenge.opaque)}")
    if qop is not None:
        parts += [f"cnonce={quote(cnonce)}", f"qop={qop}", f"nc={nc:08x}"]
    elif _is_session(challenge.algorithm):
        parts.append(f"cnonce={quote(cnonce)}")
    return "Proxy-Authorization" if challenge.proxy else "Authorization", "Digest " + ", ".join(parts)


def verify(credentials: Credentials, password: str, method: str, body: bytes = b"") -> bool:
    """Whether the response was computed with this password.

    The caller checks what it gave out: realm, nonce, its count, and that `uri` is the request's.
    """
    try:
        expected = _response(credentials=credentials, password=password, method=method, body=body)
    except ValueError:
        return False
    return hmac.compare_digest(expected.encode(), credentials.response.lower().encode("utf-8", "replace"))


def challenge_header(
    realm: str,
    nonce: str,
    algorithm: str = "MD5",
    qop: Sequence[str] = ("auth",),
    stale: bool = False,
    opaque: str | None = None,
) -> str:
    """The value of a WWW-Authenticate or Proxy-Authenticate header."""
    parts = [f"realm={quote(realm)}", f"nonce={quote(nonce)}", f"algorithm={algorithm}"]
    if qop:
        # Quoted here, bare in the credentials (RFC 7616 3.3 and 3.4).
        parts.append(f'qop="{",".join(qop)}"')
    if opaque is not None:
        parts.append(f"opaque={quote(opaque)}")
    if stale:
        parts.append("stale=true")
    return "Digest " + ", ".join(parts)


def _auth_params(value: str) -> dict[str, str]:
    """The parameters of a Digest value, unquoted, names in lower case; the first of each name counts."""
    scheme = _SCHEME.match(value)
    if scheme is None:
        raise ValueError(f"not a Digest value: {value[:40]!r}")
    params: dict[str, str] = {}
    position, end = scheme.end(), len(value.rstrip(" \t,"))
    while position < end:
        found = _AUTH_PARAM.match(value, position)
        if found is None:
            raise ValueError("malformed Digest parameters")
        params.setdefault(found[1].lower(), unquote(found[2]))
        position = found.end()
    return params


def _chosen_qop(challenge: Challenge) -> str | None:
    return next((option for option in ("auth", "auth-int") if option in challenge.qop), None)


def _is_session(algorithm: str | None) -> bool:
    return algorithm is not None and algorithm.upper().endswith("-SESS")


def _hash_name(algorithm: str | None) -> str:
    name = "MD5" if algorithm is None else algorithm.upper()
    return name.removesuffix("-SESS")


def _digest(name: str, data: bytes) -> str:
    match name:
        case "MD5":
            return hashlib.md5(data, usedforsecurity=False).hexdigest()
        case "SHA-256":
            return hashlib.sha256(data).hexdigest()
        case "SHA-512-256":
            # hashlib has it only where OpenSSL offers it under that name. Imported here: hardly any server asks for it.
            from cryptography.hazmat.primitives.hashes import SHA512_256, Hash

            context = Hash(SHA512_256())
            context.update(data)
            return context.finalize().hex()
        case _:
            raise ValueError(f"digest algorithm {name!r} is not supported: use MD5, SHA-256 or SHA-512-256")


def _response(*, credentials: Credentials, password: str, method: str, body: bytes) -> str:
    """The `response` of RFC 7616 3.4.1, with A1 of 3.4.2 and A2 of 3.4.3."""
    name = _hash_name(credentials.algorithm)

    def h(text: str) -> str:
        return _digest(name, text.encode("utf-8", "replace"))

    a1 = h(f"{credentials.username}:{credentials.realm}:{password}")
    if _is_session(credentials.algorithm):
        a1 = h(f"{a1}:{credentials.nonce}:{credentials.cnonce or ''}")
    a2 = f"{method}:{credentials.uri}"
    if credentials.qop == "auth-int":
        a2 += ":" + _digest(name, body)
    elif credentials.qop not in (None, "auth"):
        raise ValueError(f"qop {credentials.qop!r} is not supported: use auth or auth-int")
    if credentials.qop is None:
        return h(f"{a1}:{credentials.nonce}:{h(a2)}")
    return h(f"{a1}:{credentials.nonce}:{credentials.nc or ''}:{credentials.cnonce or ''}:{credentials.qop}:{h(a2)}")
