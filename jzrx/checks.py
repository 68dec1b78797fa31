"""What a field of the options may be: validators and converters for attrs.

Each raises ValueError that names the field and says what it may be.
"""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias, TypeGuard

import attrs

from jzrx.headers import checked_headers, is_encodable
from jzrx.ports import IceServer

__all__ = [
    "Attribute",
    "CODECS",
    "DIGEST_ALGORITHMS",
    "digest_algorithms",
    "flag",
    "headers",
    "ice_servers",
    "instance_id",
    "is_ipv6",
    "is_loopback",
    "is_media_type",
    "is_source",
    "media_constraints",
    "number",
    "pc_config",
    "preferred_codecs",
    "refusal",
    "register_headers",
    "source",
    "text",
]

CODECS = ("opus", "G722", "PCMU", "PCMA")
"""The codecs that calls negotiate, by their names in SDP, in the order of preference."""

DIGEST_ALGORITHMS = ("SHA-512-256", "SHA-256", "MD5")
"""The digest algorithms of RFC 8760, the strongest first."""

# RFC 7064 and RFC 7065, section 3.1 of each.
_ICE_URL = re.compile(
    r"(?:stuns?|turns?):(?:\[[0-9a-f:.]+\]|[^\[\]:?/@\s]+)(?::([0-9]{1,5}))?(?:\?transport=(?:udp|tcp))?", re.IGNORECASE
)

_UUID = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)

_MEDIA_TYPE = re.compile(r"[\w!#$&^.+\-]+/[\w!#$&^.+\-]+(?:[ \t]*;[\x20-\x7e]*)?", re.ASCII)

MAX_TEXT = 1024
"""Octets of a text in the options: escaped and with what stands around it, it is to fit into a line of a message."""

Attribute: TypeAlias = "attrs.Attribute[Any]"  # attrs subscripts it for type checkers only
Validator = Callable[[Any, Attribute, Any], None]


def refusal(name: str, value: object, wanted: str) -> ValueError:
    return ValueError(f"{name} must be {wanted}, not {value!r}")


# --- validators -------------------------------------------------------------------------------------------------------


def text(wanted: str, *, secret: bool = False, optional: bool = False) -> Validator:
    """A string, neither empty nor too long, without control characters; a secret is not shown in the message."""

    def check(_: Any, attribute: Attribute, value: Any) -> None:
        if value is None and optional:
            return
        if value is None or value == "":
            raise ValueError(f"{attribute.name} is missing: give {wanted}")
        if not isinstance(value, str):
            raise ValueError(f"{attribute.name} must be {wanted}, not of type {type(value).__name__}")
        shown = "" if secret else f": {value!r}"
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            raise ValueError(f"{attribute.name} must be {wanted}, without control characters{shown}")
        if not is_encodable(value):
            raise ValueError(f"{attribute.name} must be {wanted}, without lone surrogates{shown}")
        if (size := len(value.encode())) > MAX_TEXT:
            raise ValueError(f"{attribute.name} must be {wanted}, of {MAX_TEXT} octets at most, not {size}")

    return check


def flag(_: Any, attribute: Attribute, value: Any) -> None:
    """True or False, not what merely counts as such."""
    if not isinstance(value, bool):
        raise refusal(attribute.name, value, "True or False")


def policy(_: Any, attribute: Attribute, value: Any) -> None:
    """Yes, no, or a function that decides."""
    if not isinstance(value, bool) and not callable(value):
        raise refusal(attribute.name, value, "True, False, or a function that decides")


def number(low: float, high: float, unit: str, *, whole: bool = False, optional: bool = False) -> Validator:
    """A number of `unit` from `low` to `high`."""

    def check(_: Any, attribute: Attribute, value: Any) -> None:
        if value is None and optional:
            return
        kind = int if whole else int | float
        # (a NaN is in no range)
        if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
            wanted = "a whole number" if whole else "a number"
            raise refusal(attribute.name, value, f"{wanted} of {unit} from {low:.10g} to {high:.10g}")

    return check


def source(_: Any, attribute: Attribute, value: Any) -> None:
    """An audio source, or something that makes one when called."""
    if value is not None and not (is_source(value) or callable(value)):
        raise refusal(
            attribute.name, value, "an audio source (jzrx.media.tone(), wav(path), ...) or a function that makes one"
        )


def is_source(value: object) -> bool:
    """Whether `value` is an audio source; a `pathlib.Path` is none, though it has an `open` too."""
    return callable(getattr(value, "open", None)) and not isinstance(value, os.PathLike)


# --- converters -------------------------------------------------------------------------------------------------------


def headers(value: Any) -> Mapping[str, str] | None:
    """Custom headers of a call."""
    return _header_fields(value, "headers")


def register_headers(value: Any) -> Mapping[str, str] | None:
    """Custom headers of REGISTER."""
    return _header_fields(value, "register_headers")


def _header_fields(value: Any, name: str) -> Mapping[str, str] | None:
    if value is None:
        return None
    if not _is_mapping(value):
        raise refusal(name, value, "a mapping of header names to values")
    return MappingProxyType(dict(checked_headers(value, name)))


def instance_id(value: Any) -> str | None:
    """A UUID, as a URN."""
    found = _UUID.fullmatch(value) if isinstance(value, str) else None
    if value is not None and found is None:
        raise refusal("instance_id", value, "a UUID, such as str(uuid.uuid4()) made once and kept")
    return None if found is None else f"urn:uuid:{found[1].lower()}"


def preferred_codecs(value: Any) -> tuple[str, ...]:
    """Codec names in any case, as SDP spells them."""
    known = ", ".join(CODECS)
    if not _is_list(value):
        raise ValueError(f"preferred_codecs must be a list of codec names from {known}")
    spelled = {codec.lower(): codec for codec in CODECS}
    names = [str(name) for name in value]
    for name in names:
        if name.lower() not in spelled:
            raise ValueError(f"preferred_codecs: unknown codec {name!r}; there are {known}")
    return tuple(dict.fromkeys(spelled[name.lower()] for name in names))


def digest_algorithms(value: Any) -> tuple[str, ...]:
    """Digest algorithms, one at least."""
    known = ", ".join(DIGEST_ALGORITHMS)
    if not _is_list(value) or not value:
        raise ValueError(f"digest_algorithms must be a list of one or more of {known}")
    names = tuple(dict.fromkeys(str(name).upper() for name in value))
    for name in names:
        if name not in DIGEST_ALGORITHMS:
            raise ValueError(f"digest_algorithms: unknown algorithm {name!r}; there are {known}")
    return names


def media_constraints(value: Any) -> Mapping[str, Any]:
    """W3C MediaStreamConstraints, as far as a phone has them."""
    if not _is_mapping(value):
        raise refusal("media_constraints", value, "a mapping such as {'audio': True}")
    given = MappingProxyType({"audio": True, **value})
    if given.get("video"):
        raise ValueError("media_constraints: video is not supported; leave it out")
    if unknown := given.keys() - {"audio", "video"}:
        raise ValueError(f"media_constraints: unknown {', '.join(sorted(map(str, unknown)))}; there is audio")
    audio = given["audio"]
    if not isinstance(audio, bool) and not (_is_mapping(audio) and [*audio] == ["deviceId"]):
        raise ValueError(f"media_constraints: audio must be True, False or {{'deviceId': ...}}, not {audio!r}")
    return given


def pc_config(value: Any) -> Mapping[str, Any] | None:
    """W3C RTCConfiguration, as far as it names ICE servers."""
    if value is None:
        return None
    if not _is_mapping(value):
        raise ValueError("pc_config must be a mapping such as {'iceServers': []}")
    config = MappingProxyType(dict(value))
    if unknown := config.keys() - {"iceServers"}:
        raise ValueError(f"pc_config: only iceServers is supported, not {', '.join(sorted(map(str, unknown)))}")
    ice_servers(config)
    return config


def ice_servers(config: Mapping[str, Any] | None) -> tuple[IceServer, ...] | None:
    """The ICE servers of a `pc_config`; None if it says nothing about them."""
    if config is None or "iceServers" not in config:
        return None
    servers = config["iceServers"]
    if not _is_list(servers):
        raise ValueError("pc_config: iceServers must be a list such as [{'urls': 'stun:stun.example.com'}]")
    return tuple(_ice_server(server) for server in servers)


def _ice_server(server: Any) -> IceServer:
    if not _is_mapping(server) or "urls" not in server:
        raise ValueError("pc_config: each of iceServers must be a mapping with 'urls'")
    if unknown := server.keys() - {"urls", "username", "credential"}:
        raise ValueError(
            f"pc_config: an ICE server has urls, username and credential, not {', '.join(sorted(map(str, unknown)))}"
        )
    urls = [server["urls"]] if isinstance(server["urls"], str) else server["urls"]
    if not _is_list(urls) or not urls:
        raise ValueError("pc_config: urls must be a URL or a list of them")
    for url in urls:
        found = _ICE_URL.fullmatch(url) if isinstance(url, str) else None
        if found is None or int(found[1] or 1) > 65535:
            raise ValueError(
                f"pc_config: {url!r} is no STUN or TURN URL (stun:HOST:PORT, turn:HOST:PORT?transport=udp)"
            )
        if url.lower().startswith("turn") and not (server.get("username") and server.get("credential")):
            raise ValueError(f"pc_config: {url} needs 'username' and 'credential'")
    for name in ("username", "credential"):
        if not isinstance(server.get(name), str | None):
            raise ValueError(f"pc_config: the {name} of an ICE server must be a str")
    return IceServer(tuple(urls), server.get("username"), server.get("credential"))


# --- what values are --------------------------------------------------------------------------------------------------


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def is_media_type(value: object) -> bool:
    """Whether `value` is a type and subtype, with or without parameters (RFC 3261 section 20.15)."""
    return isinstance(value, str) and _MEDIA_TYPE.fullmatch(value) is not None


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine (RFC 6761 section 6.3 for `localhost`)."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_ipv6(host: str) -> bool:
    """Whether `host` is an IPv6 address, with or without its brackets."""
    try:
        ipaddress.IPv6Address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
