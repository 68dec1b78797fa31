"""Who is called: from what a user writes to a SIP URI, one function for each of the five verbs. Pure.

All raise ValueError for a target that is empty or too long, has control characters, or cannot be called.
"""

import re
from collections.abc import Callable

from jzrx.headers import is_encodable
from jzrx.sip.params import Params
from jzrx.sip.uri import Uri

__all__ = ["Verb", "application", "call", "conference", "queue", "sid", "user"]

MAX_TARGET = 2048
"""Octets. Escaped it is up to three times as long, and must still fit into a line of a message, as its answer does."""

Verb = Callable[[str, str], str]
"""A target and the realm, to the SIP URI."""

# Visual separators (RFC 3966 section 3), and spaces: people write them, a SIP user part does not have them.
_SEPARATORS = str.maketrans("", "", " ()-.")
_NUMBER = re.compile(r"\+?[0-9*#]+")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]@;?]+)(?::([0-9]{1,5}))?")


def call(target: str, realm: str) -> str:
    """A number, a user name, `user@host`, a `tel:`, `sip:` or `sips:` URI."""
    target = _checked(target)
    scheme = _SCHEME.match(target)
    match scheme and scheme[1].lower():
        case None:
            if "@" in target:
                name, _, host = target.rpartition("@")
                return _at_host(name, host, target)
            return _at_realm(_without_separators(target), realm)
        case "sip" | "sips":
            return str(_parsed(target))
        case "tel":
            return _telephone(target[4:], realm)
        case other:
            raise ValueError(
                f"cannot call {target!r}: no phone knows {other}:; use a number, a user name or a sip: URI"
            )


def user(name: str, realm: str) -> str:
    """A registered user of the realm."""
    return _at_realm(_local(name, realm), realm)


def queue(name: str, realm: str) -> str:
    """The queue: `queue-NAME`, which jambonz routes to it."""
    return _at_realm(f"queue-{_local(name, realm)}", realm)


def conference(name: str, realm: str) -> str:
    """The conference: `conference-NAME`, which jambonz routes to it."""
    return _at_realm(f"conference-{_local(name, realm)}", realm)


def application(sid: str, realm: str) -> str:
    """The application: `app-SID`, which jambonz routes to it."""
    return _at_realm(f"app-{_local(sid, realm)}", realm)


def sid(target: str, realm: str) -> str:
    """The SID alone of what `application` calls."""
    return _local(target, realm)


def _checked(target: str) -> str:
    if not isinstance(target, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"a target must be a str, such as '+15551230123' or 'bob', not {target!r}")
    if any(ord(character) < 32 or ord(character) == 127 for character in target):
        raise ValueError(f"a target must not contain control characters: {target!r}")
    if not is_encodable(target):
        raise ValueError(f"a target must not contain lone surrogates: {target!r}")
    if (size := len(target.encode())) > MAX_TARGET:
        raise ValueError(f"a target must not be longer than {MAX_TARGET} octets; this one has {size}")
    if not target.strip():
        raise ValueError("the target is empty; give a number, a user name or a SIP URI")
    return target.strip()


def _without_separators(text: str) -> str:
    """The number that `text` is when its separators are left out; else `text`."""
    bare = text.translate(_SEPARATORS)
    return bare if _NUMBER.fullmatch(bare) else text


def _at_realm(name: str, realm: str) -> str:
    return str(Uri("sip", name, realm))


def _at_host(name: str, host: str, target: str) -> str:
    parts = _HOST_PORT.fullmatch(host)
    if not name or parts is None:
        raise ValueError(f"cannot call {target!r}: write user@host, or a whole sip: URI")
    return str(Uri("sip", _without_separators(name), parts[1], int(parts[2]) if parts[2] else None))


def _parsed(target: str) -> Uri:
    try:
        uri = Uri.parse(target)
    except ValueError as error:
        raise ValueError(f"cannot call {target!r}: {error}; write sip:user@host") from None
    if uri.headers:
        # RFC 3261 19.1.5: "the implementation SHOULD NOT honor ... header fields" of a URI that it has not made itself.
        raise ValueError(f"cannot call {target!r}: put what follows ? into headers=")
    return uri


def _telephone(number: str, realm: str) -> str:
    # RFC 3261 19.1.6: "the entire telephone-subscriber portion of the tel URL, including any parameters, is placed into
    # the userinfo part of the SIP or SIPS URI."
    digits, semicolon, params = number.partition(";")
    digits = digits.translate(_SEPARATORS)
    if not _NUMBER.fullmatch(digits):
        raise ValueError(f"tel:{number} has no telephone number; write tel:+15551230123")
    return str(Uri("sip", digits + semicolon + params, realm, params=Params.parse(";user=phone")))


def _local(name: str, realm: str) -> str:
    """The name without the realm, which these verbs add: nobody else's users can be called by name."""
    name = _checked(name)
    if name.lower().startswith(("sip:", "sips:")):
        uri = _parsed(name)
        name = f"{uri.user or ''}@{uri.host}"
    if "@" in name:
        name, _, host = name.rpartition("@")
        if host.lower() != realm.lower() or not name:
            raise ValueError(f"{name}@{host} is not in the realm {realm}; use call() for other hosts")
    return name
