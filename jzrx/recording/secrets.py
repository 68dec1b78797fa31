"""What is never written down: a password, a credential, or what lets one be guessed."""

import re

from jzrx.types import Headers

__all__ = ["HIDDEN", "headers_without_secrets", "without_secrets"]

HIDDEN = "***"

_CREDENTIALS = frozenset(("authorization", "proxy-authorization", "cookie", "set-cookie"))
_TOKEN = re.compile(r"(\bwss?://[^\s?#'\"]*)\?[^\s'\"]*", re.IGNORECASE)  # the query of a server's URL
# "a password [...] NOT RECOMMENDED" (RFC 3261 section 19.1.1), and yet there are such URIs.
_USER_INFO = re.compile(r"(\b(?:sips?|wss?)(?::|://)[^\s:@<>\"]+:)[^\s@<>\"]+(?=@)", re.IGNORECASE)
_DIGEST = re.compile(r"(\bresponse=[\"']?)[0-9a-f]{32,}", re.IGNORECASE)
_BEARER = re.compile(r"(\b(?:Bearer|Basic) )[\w.+/=~-]{12,}", re.IGNORECASE)

_SECRETS = (
    (_TOKEN, rf"\1?{HIDDEN}"),
    (_USER_INFO, rf"\1{HIDDEN}"),
    (_DIGEST, rf"\1{HIDDEN}"),
    (_BEARER, rf"\1{HIDDEN}"),
)


def without_secrets(text: str) -> str:
    """The text with passwords of URIs, queries of WebSocket URLs, digest responses and bearer tokens replaced."""
    for secret, instead in _SECRETS:
        text = secret.sub(instead, text)
    return text


def headers_without_secrets(headers: Headers) -> Headers:
    """The headers with credentials replaced: a digest response lets a password be guessed offline."""
    return tuple((name, HIDDEN if name.lower() in _CREDENTIALS else without_secrets(value)) for name, value in headers)
