"""What a field of the options may be: validators and converters for attrs.

Each raises ValueError that names the field and says what it may be.
"""

import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias, cast

import attrs

from jzrx.headers import checked_headers
from jzrx.ports import IceServer

__all__ = [
    "CODECS",
    "DIGEST_ALGORITHMS",
    "algorithms",
    "codecs",
    "constraints",
    "converted",
    "flag",
    "header_fields",
    "ice_servers",
    "is_ipv6",
    "is_media_type",
    "number",
    "peer_config",
    "refusal",
    "source",
    "text",
]

CODECS = ("opus", "PCMU")
"""The codecs that calls negotiate, by their names in SDP, in the order of preference."""

DIGEST_ALGORITHMS = ("SHA-512-256", "SHA-256", "MD5")
"""The digest algorithms of RFC 8760, the strongest first."""

Attribute: TypeAlias = "attrs.Attribute[Any]"  # attrs subscripts it for type checkers only
Validator = Callable[[Any, Attribute, Any], None]


def refusal(name: str, value: object, wanted: str) -> ValueError:
    return ValueError(f"{name} must be {wanted}, not {value!r}")


# --- validators -------------------------------------------------------------------------------------------------------


def text(wanted: str, *, secret: bool = False, optional: bool = False) -> Validator:
    """A string, not empty and without control characters; of a secret, the message does not show the value."""

    def check(_: Any, attribute: Attribute, value: Any) -> None:
        if value is None and optional:
            return
        if value is None or value == "":
            raise ValueError(f"{attribute.name} is missing: give {wanted}")
        if not isinstance(value, str):
            raise ValueError(f"{attribute.name} must be {wanted}, not of type {type(value).__name__}")
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            shown = "" if secret else f": {value!r}"
            raise ValueError(f"{attribute.name} must be {wanted}, without control characters{shown}")

    return check


def flag(_: Any, attribute: Attribute, value: Any) -> None:
    """True or False, not what merely counts as such."""
    if not isinstance(value, bool):
        raise refusal(attribute.name, value, "True or False")


def number(low: float, high: float, unit: str, *, whole: bool = False, optional: bool = False) -> Validator:
    """A number of `unit` from `low` to `high`."""

    def check(_: Any, attribute: Attribute, value: Any) -> None:
        if value is None and optional:
            return
        kind = int if whole else int | float
        if isinstance(value, bool) or not isinstance(value, kind) or math.isnan(value) or not low <= value <= high:
            wanted = "a whole number" if whole else "a number"
            raise refusal(attribute.name, value, f"{wanted} of {unit} from {low:g} to {high:g}")

    return check


def source(_: Any, attribute: Attribute, value: Any) -> None:
    """An audio source, or something that makes one when called."""
    if value is not None and not (hasattr(value, "open") or callable(value)):
        raise refusal(attribute.name, value, "an audio source (jzrx.media.tone(), ...) or a function that makes one")


# --- converters -------------------------------------------------------------------------------------------------------


def converted(convert: Callable[[Any, Attribute], Any]) -> Any:
    """`convert` as an attrs converter that is told which field it converts."""
    return attrs.Converter(convert, takes_field=True)


def header_fields(value: Any, attribute: Attribute) -> Mapping[str, str] | None:
    """Custom SIP headers, checked."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise refusal(attribute.name, value, "a mapping of header names to values")
    return MappingProxyType(dict(checked_headers(cast(Mapping[str, str], value), attribute.name)))


def codecs(value: Any, attribute: Attribute) -> tuple[str, ...]:
    """Codec names in any case, as SDP spells them."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"{attribute.name} must be a list of codec names from {', '.join(CODECS)}")
    spelled = {codec.lower(): codec for codec in CODECS}
    names = [str(name) for name in cast(Sequence[object], value)]
    for name in names:
        if name.lower() not in spelled:
            raise ValueError(f"{attribute.name}: unknown codec {name!r}; there are {', '.join(CODECS)}")
    return tuple(dict.fromkeys(spelled[name.lower()] for name in names))


def algorithms(value: Any, attribute: Attribute) -> tuple[str, ...]:
    """Digest algorithms, one at least."""
    known = ", ".join(DIGEST_ALGORITHMS)
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise ValueError(f"{attribute.name} must be a list of one or more of {known}")
    names = tuple(dict.fromkeys(str(name).upper() for name in cast(Sequence[object], value)))
    for name in names:
        if name not in DIGEST_ALGORITHMS:
            raise ValueError(f"{attribute.name}: unknown algorithm {name!r}; there are {known}")
    return names


def constraints(value: Any, attribute: Attribute) -> Mapping[str, Any]:
    """`media_constraints` (W3C MediaStreamConstraints), as far as a phone has them."""
    name = attribute.name
    if not isinstance(value, Mapping):
        raise refusal(name, value, "a mapping such as {'audio': True}")
    given: Mapping[str, Any] = MappingProxyType({"audio": True, **cast(Mapping[str, Any], value)})
    if given.get("video"):
        raise ValueError(f"{name}: video is not supported; leave it out")
    if unknown := given.keys() - {"audio", "video"}:
        raise ValueError(f"{name}: unknown constraint {', '.join(sorted(map(str, unknown)))}; there is audio")
    audio = given["audio"]
    if not isinstance(audio, bool) and not (isinstance(audio, Mapping) and [*cast(Any, audio)] == ["deviceId"]):
        raise ValueError(f"{name}: audio must be True, False or {{'deviceId': ...}}, not {audio!r}")
    return given


def peer_config(value: Any, attribute: Attribute) -> Mapping[str, Any] | None:
    """`pc_config` (W3C RTCConfiguration), as far as it names ICE servers."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ValueError(f"{attribute.name} must be a mapping such as {{'iceServers': []}}")
    config: Mapping[str, Any] = MappingProxyType(dict(cast(Mapping[str, Any], value)))
    if unknown := config.keys() - {"iceServers"}:
        raise ValueError(f"{attribute.name}: only iceServers is supported, not {', '.join(sorted(map(str, unknown)))}")
    ice_servers(config, attribute.name)
    return config


def ice_servers(config: Mapping[str, Any] | None, name: str = "pc_config") -> tuple[IceServer, ...] | None:
    """The ICE servers of a `pc_config`; None if it says nothing about them."""
    if config is None or "iceServers" not in config:
        return None
    servers = config["iceServers"]
    if isinstance(servers, str) or not isinstance(servers, Sequence):
        raise ValueError(f"{name}: iceServers must be a list such as [{{'urls': 'stun:stun.example.com'}}]")
    return tuple(_ice_server(server, name) for server in cast(Sequence[Any], servers))


def _ice_server(server: Any, name: str) -> IceServer:
    if not isinstance(server, Mapping) or "urls" not in server:
        raise ValueError(f"{name}: each of iceServers must be a mapping with 'urls'")
    given = cast(Mapping[str, Any], server)
    if unknown := given.keys() - {"urls", "username", "credential"}:
        raise ValueError(f"{name}: an ICE server has urls, username and credential, not {', '.join(sorted(unknown))}")
    urls: Any = given["urls"]
    urls = (urls,) if isinstance(urls, str) else urls
    if not isinstance(urls, Sequence) or not urls:
        raise ValueError(f"{name}: urls must be a URL or a list of them")
    for url in cast(Sequence[Any], urls):
        if not isinstance(url, str) or not re.fullmatch(r"(?:stuns?|turns?):[^\s/?]+(?:\?transport=(?:udp|tcp))?", url):
            raise ValueError(f"{name}: {url!r} is no STUN or TURN URL (stun:HOST:PORT, turn:HOST:PORT?transport=udp)")
        if url.startswith("turn") and not (given.get("username") and given.get("credential")):
            raise ValueError(f"{name}: {url} needs 'username' and 'credential'")
    return IceServer(tuple(cast(Sequence[str], urls)), given.get("username"), given.get("credential"))


def is_media_type(value: str) -> bool:
    """Whether `value` is a type and subtype, with or without parameters (RFC 3261 section 20.15)."""
    return re.fullmatch(r"[\w!#$&^.+\-]+/[\w!#$&^.+\-]+(?:[ \t]*;[\x20-\x7e]*)?", value, re.ASCII) is not None


def is_ipv6(host: str) -> bool:
    """Whether `host` is an IPv6 address, with or without its brackets."""
    try:
        ipaddress.IPv6Address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
