"""Session descriptions (RFC 8866) of one audio stream: values, a tolerant parser and a builder.

The parser takes what servers and browsers really send (missing `a=mid`, static payload types without `a=rtpmap`,
attributes at session level, bare line feeds, ...); what it does not know it drops. What is done with two descriptions
is `jzrx.media.negotiation`'s matter.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Literal

from attrs import evolve, field, frozen

from jzrx.ports import MediaError

__all__ = [
    "AudioDescription",
    "Codec",
    "Direction",
    "Fingerprint",
    "OtherMedia",
    "SessionDescription",
    "build",
    "parse",
]

MAX_SIZE = 65536
"""Descriptions longer than this many characters are refused."""

_MAX_MEDIA = 32
_LISTED = 64


class Direction(StrEnum):
    """Who sends on a stream, seen from the side that wrote the description (RFC 8866 section 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @staticmethod
    def of(*, sends: bool, receives: bool) -> "Direction":
        """The direction of a side that sends, receives, both or neither."""
        if sends:
            return Direction.SENDRECV if receives else Direction.SENDONLY
        return Direction.RECVONLY if receives else Direction.INACTIVE

    @property
    def sends(self) -> bool:
        """The side that wrote this sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """The side that wrote this receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)


@frozen
class Codec:
    """A payload format: `name` as in SDP, `clock_rate` of its RTP timestamps (Hz), `fmtp` its parameters as written."""

    name: str
    clock_rate: int
    channels: int = 1
    payload_type: int = 0
    fmtp: str = ""

    @property
    def parameters(self) -> Mapping[str, str]:
        """The fmtp parameters, names in lower case."""
        pairs = (part.strip().partition("=") for part in self.fmtp.split(";"))
        return {name.strip().lower(): value.strip() for name, _, value in pairs if name}

    @property
    def is_event(self) -> bool:
        """Whether it carries tones (RFC 4733) instead of sound."""
        return self.name.lower() == "telephone-event"

    @property
    def sampling_rate(self) -> int:
        """Of its sound (Hz). G722 samples at 16000, though its clock rate is 8000 (RFC 3551 section 4.5.2)."""
        return 16000 if self.name.upper() == "G722" else self.clock_rate

    def same_format(self, other: "Codec") -> bool:
        """Whether both are the same format, whatever their payload types and parameters."""
        if self.clock_rate != other.clock_rate or self.name.lower() != other.name.lower():
            return False
        # RFC 7587 section 7: "The number of channels in 'a=rtpmap' MUST be 2", which some leave out.
        return self.channels == other.channels or self.name.lower() == "opus"


STATIC_CODECS: Mapping[int, Codec] = {
    codec.payload_type: codec
    for codec in (
        Codec("PCMU", 8000, 1, 0),
        Codec("GSM", 8000, 1, 3),
        Codec("G723", 8000, 1, 4),
        Codec("PCMA", 8000, 1, 8),
        Codec("G722", 8000, 1, 9),
        Codec("CN", 8000, 1, 13),
        Codec("G728", 8000, 1, 15),
        Codec("G729", 8000, 1, 18),
    )
}
"""The payload types that need no `a=rtpmap` (RFC 3551 section 6)."""


@frozen
class Fingerprint:
    """The hash of a certificate (RFC 8122): `algorithm` in lower case, `value` as `AB:CD:...` in upper case."""

    algorithm: str
    value: str


Setup = Literal["actpass", "active", "passive", "holdconn"]
"""Who begins the DTLS handshake (RFC 4145): active does, passive waits, actpass leaves it to the answerer."""


@frozen(kw_only=True)
class AudioDescription:
    """One `m=audio` with what applies to it from the session level.

    `address` and `port` are the default destination; `candidates` are the values of `a=candidate` without the prefix
    `candidate:`, in order; `bandwidth` is bits per second. Without ICE `ice_ufrag` and `ice_pwd` are empty.
    """

    port: int
    proto: str
    codecs: tuple[Codec, ...]
    address: str = "0.0.0.0"
    direction: Direction = Direction.SENDRECV
    mid: str | None = None
    ice_ufrag: str = ""
    ice_pwd: str = field(default="", repr=False)
    ice_lite: bool = False
    candidates: tuple[str, ...] = ()
    end_of_candidates: bool = False
    fingerprints: tuple[Fingerprint, ...] = ()
    setup: Setup | None = None
    rtcp_mux: bool = False
    rtcp_port: int | None = None
    ptime: int | None = None
    maxptime: int | None = None
    bandwidth: int | None = None
    ssrc: int | None = None
    cname: str = ""

    @property
    def is_zero_address(self) -> bool:
        """The connection address is `0.0.0.0` or `::` and means it: hold as in RFC 2543 (RFC 3264 section 8.4)."""
        # With ICE, 0.0.0.0 and port 9 only say that there is no default candidate yet (RFC 8840).
        return self.address in ("0.0.0.0", "::") and not (self.ice_ufrag and self.port == 9)


@frozen
class OtherMedia:
    """A stream that is not for us (video, image, a second audio): only what a refusal of it needs."""

    kind: str
    port: int
    proto: str
    formats: str
    mid: str | None = None


@frozen(kw_only=True)
class SessionDescription:
    """A whole description; `media` keeps the order of the m-lines, `bundle` is the BUNDLE group's mids."""

    media: tuple[AudioDescription | OtherMedia, ...]
    session_id: int = 0
    version: int = 0
    address: str = "127.0.0.1"
    bundle: tuple[str, ...] = ()

    @property
    def audio(self) -> AudioDescription | None:
        """The first audio stream that is not refused (port 0)."""
        return next((m for m in self.media if isinstance(m, AudioDescription) and m.port), None)


def build(description: SessionDescription) -> str:
    """The text of a description, as RFC 8866 orders it, with CRLF line ends."""
    origin = f"{_family(description.address)} {description.address}"
    lines = ["v=0", f"o=- {description.session_id} {description.version} IN {origin}", "s=-", "t=0 0"]
    if description.bundle:
        lines.append(f"a=group:BUNDLE {' '.join(description.bundle)}")
    if any(isinstance(media, AudioDescription) and media.ice_lite for media in description.media):
        lines.append("a=ice-lite")
    for media in description.media:
        lines += _build_audio(media) if isinstance(media, AudioDescription) else _build_other(media)
    return "\r\n".join(lines) + "\r\n"


def _build_other(media: OtherMedia) -> list[str]:
    lines = [f"m={media.kind} {media.port} {media.proto} {media.formats}", "c=IN IP4 0.0.0.0", "a=inactive"]
    return lines if media.mid is None else [*lines, f"a=mid:{media.mid}"]


def _build_audio(audio: AudioDescription) -> list[str]:
    formats = " ".join(str(codec.payload_type) for codec in audio.codecs)
    lines = [f"m=audio {audio.port} {audio.proto} {formats}", f"c=IN {_family(audio.address)} {audio.address}"]
    if audio.bandwidth is not None:
        lines.append(f"b=TIAS:{audio.bandwidth}")
    if audio.mid is not None:
        lines.append(f"a=mid:{audio.mid}")
    lines.append(f"a={audio.direction}")
    if audio.rtcp_port is not None:
        lines.append(f"a=rtcp:{audio.rtcp_port}")
    if audio.rtcp_mux:
        lines.append("a=rtcp-mux")
    for codec in audio.codecs:
        channels = f"/{codec.channels}" if codec.channels != 1 else ""
        lines.append(f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock_rate}{channels}")
        if codec.fmtp:
            lines.append(f"a=fmtp:{codec.payload_type} {codec.fmtp}")
    if audio.ptime is not None:
        lines.append(f"a=ptime:{audio.ptime}")
    if audio.maxptime is not None:
        lines.append(f"a=maxptime:{audio.maxptime}")
    if audio.ice_ufrag:
        lines += [f"a=ice-ufrag:{audio.ice_ufrag}", f"a=ice-pwd:{audio.ice_pwd}"]
    lines += [f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}" for fingerprint in audio.fingerprints]
    if audio.setup:
        lines.append(f"a=setup:{audio.setup}")
    lines += [f"a=candidate:{candidate}" for candidate in audio.candidates]
    if audio.end_of_candidates:
        lines.append("a=end-of-candidates")
    if audio.ssrc is not None:
        if audio.cname and audio.fingerprints:
            # Without a=msid a browser puts the track in no stream, and pages that attach the stream hear nothing.
            lines.append(f"a=msid:{audio.cname} audio")
        lines.append(f"a=ssrc:{audio.ssrc}" + (f" cname:{audio.cname}" if audio.cname else ""))
    return lines


def _family(address: str) -> str:
    return "IP6" if ":" in address else "IP4"


@frozen
class _Section:
    """The session's or one stream's lines, sorted by what they are."""

    media: str = ""
    connections: list[str] = field(factory=list[str])
    bandwidths: list[str] = field(factory=list[str])
    attributes: dict[str, list[str]] = field(factory=dict[str, list[str]])

    def first(self, name: str) -> str | None:
        """The first value of an attribute; a flag's is empty."""
        return next(iter(self.attributes.get(name, ())), None)


def parse(text: str) -> SessionDescription:
    """Parse a description, tolerantly. Raises `MediaError` (488) for what is none at all."""
    if len(text) > MAX_SIZE:
        raise _unusable(f"a description of {len(text)} characters, more than {MAX_SIZE}")
    session = _Section()
    sections: list[_Section] = []
    origin: list[str] = []
    for line in text.splitlines():
        kind, equals, value = line.strip().partition("=")
        if not equals:
            continue
        current = sections[-1] if sections else session
        match kind.strip():
            case "o":
                origin = value.split()
            case "m":
                sections.append(_Section(value.strip()))
            case "c":
                current.connections.append(value)
            case "b":
                current.bandwidths.append(value)
            case "a":
                name, _, content = value.partition(":")
                current.attributes.setdefault(name.strip().lower(), []).append(content.strip())
            case _:
                pass
    if not sections:
        raise _unusable("a description without any m= line")
    if len(sections) > _MAX_MEDIA:
        raise _unusable(f"a description of {len(sections)} streams")
    groups = (group.split() for group in session.attributes.get("group", ()))
    return SessionDescription(
        media=tuple(_parse_media(section, session, origin) for section in sections),
        session_id=_number(origin[1]) or 0 if len(origin) > 1 else 0,
        version=_number(origin[2]) or 0 if len(origin) > 2 else 0,
        address=_origin_address(origin) or "127.0.0.1",
        bundle=next((tuple(group[1:]) for group in groups if group and group[0].upper() == "BUNDLE"), ()),
    )


def _parse_media(section: _Section, session: _Section, origin: list[str]) -> AudioDescription | OtherMedia:
    fields = section.media.split()
    # "m=<media> <port>/<number of ports> <proto> <fmt> ..." (RFC 8866 section 5.14)
    port = _number(fields[1].partition("/")[0], 65535) if len(fields) > 1 else None
    if len(fields) < 3 or port is None:
        raise _unusable(f"the line m={section.media[:80]}")
    kind, proto, formats = fields[0].lower(), fields[2], fields[3:]
    mid = section.first("mid") or None
    if kind != "audio":
        return OtherMedia(kind, port, proto, " ".join(formats), mid)

    def either(name: str) -> str | None:
        value = section.first(name)
        return session.first(name) if value is None else value

    attributes = section.attributes
    ssrc = (section.first("ssrc") or "").partition(" ")[0]
    cnames = (value.partition("cname:")[2] for value in attributes.get("ssrc", ()) if "cname:" in value)
    rtcp = (section.first("rtcp") or "").split()
    fingerprints = attributes.get("fingerprint") or session.attributes.get("fingerprint", [])
    return AudioDescription(
        port=port,
        proto=proto.upper(),
        codecs=_parse_codecs(formats, attributes),
        address=_connection_address(section.connections)
        or _connection_address(session.connections)
        or _origin_address(origin)
        or "127.0.0.1",
        direction=_parse_direction(attributes) or _parse_direction(session.attributes) or Direction.SENDRECV,
        mid=mid,
        ice_ufrag=either("ice-ufrag") or "",
        ice_pwd=either("ice-pwd") or "",
        ice_lite=either("ice-lite") is not None,
        candidates=tuple(filter(_is_candidate, attributes.get("candidate", ())))[:_LISTED],
        end_of_candidates=either("end-of-candidates") is not None,
        fingerprints=tuple(f for f in map(_parse_fingerprint, fingerprints[:_LISTED]) if f),
        setup=_parse_setup(either("setup")),
        rtcp_mux=either("rtcp-mux") is not None,
        rtcp_port=_number(rtcp[0], 65535) if rtcp else None,
        ptime=_number(section.first("ptime")),
        maxptime=_number(section.first("maxptime")),
        bandwidth=_parse_bandwidth(section.bandwidths) or _parse_bandwidth(session.bandwidths),
        ssrc=_number(ssrc, 0xFFFFFFFF),
        cname=next((cname.strip() for cname in cnames), ""),
    )


def _parse_codecs(formats: list[str], attributes: dict[str, list[str]]) -> tuple[Codec, ...]:
    parameters = dict(_numbered(attributes.get("fmtp", ())))
    mapped: dict[int, Codec] = {}
    for payload_type, encoding in _numbered(attributes.get("rtpmap", ())):
        name, _, rest = encoding.partition("/")
        rate, _, channels = rest.partition("/")
        clock_rate = _number(rate, 1_000_000)
        if name and clock_rate:
            mapped[payload_type] = Codec(name.strip(), clock_rate, _number(channels, 255) or 1, payload_type)
    codecs: dict[int, Codec] = {}
    for text in formats:
        number = _number(text, 127)
        codec = None if number is None else mapped.get(number) or STATIC_CODECS.get(number)
        if codec:
            codecs.setdefault(codec.payload_type, evolve(codec, fmtp=parameters.get(codec.payload_type, "")))
    return tuple(codecs.values())


def _numbered(values: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The values of a=rtpmap or a=fmtp as (payload type, rest)."""
    for value in values:
        number, _, rest = value.partition(" ")
        payload_type = _number(number, 127)
        if payload_type is not None:
            yield payload_type, rest.strip()


def _parse_direction(attributes: Mapping[str, list[str]]) -> Direction | None:
    return next((direction for direction in Direction if direction in attributes), None)


def _parse_setup(value: str | None) -> Setup | None:
    match (value or "").lower():
        case "actpass" | "active" | "passive" | "holdconn" as setup:
            return setup
        case _:
            return None


def _parse_fingerprint(value: str) -> Fingerprint | None:
    match value.split():
        case [algorithm, digest]:
            return Fingerprint(algorithm.lower(), digest.upper())
        case _:
            return None


def _parse_bandwidth(values: list[str]) -> int | None:
    """The limit in bits per second: `AS` counts kilobits (RFC 8866 section 5.8), `TIAS` bits (RFC 3890)."""
    for value in values:
        kind, _, amount = value.strip().partition(":")
        number = _number(amount)
        if number and kind in ("AS", "TIAS"):
            return number * 1000 if kind == "AS" else number
    return None


def _is_candidate(value: str) -> bool:
    """Whether the value has the parts of RFC 8839 section 5.1, so that no reader of it stumbles."""
    parts = value.split()
    related = [value for name, value in zip(parts[8::2], parts[9::2], strict=False) if name == "rport"]
    return (
        len(parts) >= 8
        and len(parts) % 2 == 0
        and _number(parts[1], 256) is not None
        and _number(parts[3], 0xFFFFFFFF) is not None
        and _number(parts[5], 65535) is not None
        and parts[6] == "typ"
        and all(_number(port, 65535) is not None for port in related)
    )


def _connection_address(connections: list[str]) -> str | None:
    """The address of `c=IN IP4 224.2.1.1/127/3`, without what only multicast has."""
    fields = connections[0].split() if connections else []
    return fields[2].partition("/")[0] or None if len(fields) > 2 else None


def _origin_address(origin: list[str]) -> str | None:
    return origin[5] if len(origin) > 5 else None


def _number(text: str | None, limit: int = 0xFFFFFFFFFFFFFFFF) -> int | None:
    if text is None or not text.strip().isdecimal() or len(text) > 40:
        return None
    number = int(text)
    return number if number <= limit else None


def _unusable(what: str) -> MediaError:
    return MediaError(
        f"Not a usable session description: {what}.", 488, '399 jzrx "Session description not understood"'
    )
