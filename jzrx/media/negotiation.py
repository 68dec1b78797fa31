"""Offer and answer (RFC 3264) for one audio stream, as pure functions on session descriptions.

    make_offer     what we propose, the first time or again
    make_answer    what we say to the other side's proposal
    apply_answer   what the other side said to ours

Rules: our order of codecs in offers, the offerer's in answers; payload types, the place and the mid of the stream stay
for the life of the call; our own hold is kept in answers; every stream that is not ours is answered with port 0.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import evolve, field, frozen

from jzrx.media.sdp import AudioDescription, Codec, Direction, Fingerprint, OtherMedia, SessionDescription, Setup
from jzrx.ports import MediaError

__all__ = [
    "CODECS",
    "EVENTS",
    "Agreement",
    "LocalMedia",
    "apply_answer",
    "choose_codecs",
    "make_answer",
    "make_offer",
    "same_association",
    "same_transport",
]

CODECS: tuple[Codec, ...] = (
    Codec("opus", 48000, 2, 111, "minptime=10;useinbandfec=1"),
    Codec("G722", 8000, 1, 9),
    Codec("PCMU", 8000, 1, 0),
    Codec("PCMA", 8000, 1, 8),
)
"""What we speak, best first."""

EVENTS: tuple[Codec, ...] = (
    Codec("telephone-event", 48000, 1, 110, "0-15"),
    Codec("telephone-event", 8000, 1, 101, "0-15"),
)
"""DTMF (RFC 4733), for each clock rate of our codecs."""


def choose_codecs(preferred: Sequence[str] = ()) -> tuple[Codec, ...]:
    """Our codecs with the `preferred` ones (SDP names, any case) moved to the front; ValueError for an unknown one."""
    known = {codec.name.lower(): codec for codec in CODECS}
    for name in preferred:
        if name.lower() not in known:
            names = ", ".join(codec.name for codec in CODECS)
            raise ValueError(f"preferred_codecs: no codec is called {name!r}; jzrx speaks {names}.")
    return tuple(_preferred_first(CODECS, preferred))


@frozen(kw_only=True)
class LocalMedia:
    """Our side of the stream, as the transport made it; only an ICE restart changes it.

    `codecs` in our order; `preferred` names (SDP, any case) go first in offers and answers. No `fingerprints` means
    plain RTP (`RTP/AVP`, no ICE); then `address` and `port` must be real.
    """

    session_id: int
    ssrc: int
    cname: str
    codecs: tuple[Codec, ...] = CODECS
    preferred: tuple[str, ...] = ()
    address: str = "0.0.0.0"
    port: int = 9
    ice_ufrag: str = ""
    ice_pwd: str = field(default="", repr=False)
    candidates: tuple[str, ...] = ()
    fingerprints: tuple[Fingerprint, ...] = ()


@frozen(kw_only=True)
class Agreement:
    """The outcome of one offer and answer; hand the last one to the next.

    `codec` is what we send, with the other side's payload type and parameters, `telephone_event` what carries tones
    beside it, None if nothing does. `receivable` is every format that was ever agreed, each with the payload type that
    it arrives with. `direction` is what may flow, seen from us.
    `remotely_held`: the other side asked us not to send. `setup` is our part in DTLS: `active` is the client.
    `rtcp_mux` False: send no RTCP. `max_bitrate` is the other side's limit (bit/s).
    """

    local: SessionDescription
    remote: SessionDescription
    local_audio: AudioDescription
    remote_audio: AudioDescription
    codec: Codec
    telephone_event: Codec | None
    receivable: tuple[Codec, ...]
    direction: Direction
    remotely_held: bool
    setup: Setup
    rtcp_mux: bool
    max_bitrate: int | None = None

    @property
    def can_send_tones(self) -> bool:
        """Tones may go out by RTP: telephone-event was agreed, and the other side does not hold us."""
        return self.telephone_event is not None and self.direction.sends


def make_offer(local: LocalMedia, agreed: Agreement | None = None, *, held: bool = False) -> SessionDescription:
    """What we propose; with `agreed`, within a call. `held`: we put the other side on hold."""
    codecs = _preferred_first(local.codecs, local.preferred)
    codecs += _events_beside(codecs, EVENTS)
    if agreed:
        codecs = _keep_payload_types(codecs, agreed)
        # A re-offer that put another codec first would change the sound of the call for no reason.
        codecs.sort(key=lambda codec: not codec.same_format(agreed.codec))
    audio = AudioDescription(
        port=local.port,
        proto=_own_proto(local, agreed),
        codecs=tuple(codecs),
        address=local.address,
        direction=_offer_direction(held, agreed is not None and agreed.remotely_held),
        mid=agreed.local_audio.mid if agreed else "0",
        setup="actpass" if local.fingerprints else None,
        **_transport(local),
    )
    if agreed is None:
        return SessionDescription(
            media=(audio,),
            session_id=local.session_id,
            version=1,
            address=_origin(local),
            bundle=("0",) if local.fingerprints else (),
        )
    # "the new SDP MUST have a matching media stream for each media stream in the previous SDP." (RFC 3264 section 8)
    media = tuple(audio if stream is agreed.local_audio else stream for stream in agreed.local.media)
    return _versioned(evolve(agreed.local, media=media, address=_origin(local)), agreed)


def make_answer(
    offer: SessionDescription, local: LocalMedia, agreed: Agreement | None = None, *, held: bool = False
) -> Agreement:
    """Our answer (`.local`) to an offer; `held` keeps our own hold. Raises `MediaError` with what refuses the offer."""
    offered = _choose_stream(offer, local)
    common = [
        (theirs, ours)
        for theirs in offered.codecs
        if (ours := next((codec for codec in local.codecs if codec.same_format(theirs)), None))
    ]
    common.sort(key=lambda pair: _preference(pair[1], local.preferred))
    # "if a particular codec was referenced with a specific payload type number in the offer, that same payload type
    # number SHOULD be used for that codec in the answer." (RFC 3264 section 6.1)
    codecs = tuple(evolve(theirs, fmtp=ours.fmtp) for theirs, ours in common)
    events = _events_beside(codecs, offered.codecs)
    codecs += tuple(evolve(event, fmtp=EVENTS[0].fmtp) for event in events)
    remotely_held = not offered.direction.receives or offered.is_zero_address
    setup = _answer_setup(offer, offered, agreed)
    audio = AudioDescription(
        port=local.port,
        proto=offered.proto,
        codecs=codecs,
        address=local.address,
        direction=Direction.of(sends=not remotely_held, receives=offered.direction.sends and not held),
        mid=offered.mid,
        setup=setup if local.fingerprints else None,
        **_transport(local, mux=offered.rtcp_mux),
    )
    answer = SessionDescription(
        # "For each "m=" line in the offer, there MUST be a corresponding "m=" line in the answer." (section 6)
        media=tuple(audio if stream is offered else _refuse(stream) for stream in offer.media),
        session_id=local.session_id,
        version=1,
        address=_origin(local),
        bundle=(offered.mid,) if offered.mid is not None and offered.mid in offer.bundle else (),
    )
    answer = _versioned(answer, agreed) if agreed else answer
    return Agreement(
        local=answer,
        remote=offer,
        local_audio=audio,
        remote_audio=offered,
        codec=common[0][0],
        telephone_event=_event_of(common[0][0], events),
        receivable=_merge(codecs, agreed.receivable if agreed else ()),
        direction=_flow(audio, offered),
        remotely_held=remotely_held,
        setup=setup,
        rtcp_mux=offered.rtcp_mux,
        max_bitrate=offered.bandwidth,
    )


def apply_answer(offer: SessionDescription, answer: SessionDescription, agreed: Agreement | None = None) -> Agreement:
    """The outcome of an answer to our `offer`. May be called again for a second answer to it (a 200 after a 183).

    Raises `MediaError` when the other side refused the stream or answered what we cannot use.
    """
    place, offered = next((i, m) for i, m in enumerate(offer.media) if isinstance(m, AudioDescription) and m.port)
    answered = answer.media[place] if place < len(answer.media) else None
    if not isinstance(answered, AudioDescription):
        answered = answer.audio
    if answered is None or not answered.port:
        raise _refusal("The other side refused the audio stream.", '304 jzrx "Media type not available: audio"')
    _check_transport(answered, plain=not offered.fingerprints)
    known = [codec for codec in answered.codecs if any(codec.same_format(ours) for ours in offered.codecs)]
    codec = next((codec for codec in known if not codec.is_event), None)
    if codec is None:
        raise _no_codec(answered)
    if offered.direction is Direction.SENDRECV:
        remotely_held = not answered.direction.receives or answered.is_zero_address
    else:
        # An answer to our own hold cannot tell the other side's: it has no choice but not to send, or neither.
        remotely_held = agreed is not None and agreed.remotely_held
    return Agreement(
        local=offer,
        remote=answer,
        local_audio=offered,
        remote_audio=answered,
        codec=codec,
        telephone_event=_event_of(codec, known),
        receivable=_merge((*offered.codecs, *known), agreed.receivable if agreed else ()),
        direction=_flow(offered, answered),
        remotely_held=remotely_held,
        setup=_offerer_setup(answer, answered, agreed),
        rtcp_mux=answered.rtcp_mux,
        max_bitrate=answered.bandwidth,
    )


def same_transport(one: AudioDescription, other: AudioDescription) -> bool:
    """Whether media may flow on as it does: the same ICE and DTLS (or, without ICE, the same address)."""
    # An ICE restart changes the ice-ufrag and the ice-pwd (RFC 8839), another certificate the fingerprint (RFC 8842).
    if one.ice_ufrag or other.ice_ufrag:
        ice = (one.ice_ufrag, one.ice_pwd) == (other.ice_ufrag, other.ice_pwd)
        return ice and set(one.fingerprints) == set(other.fingerprints)
    return (one.address, one.port) == (other.address, other.port)


def same_association(agreed: Agreement, remote: SessionDescription, audio: AudioDescription) -> bool:
    """Whether the DTLS association goes on, be it after an ICE restart, with what the other side says now.

    RFC 8842 section 5.1 wants a new one when the fingerprint changes; media servers keep one certificate for all
    calls, so the origin (RFC 8866 section 5.2: globally unique for the session) has to be the same, too.
    """
    return set(agreed.remote_audio.fingerprints) == set(audio.fingerprints) and (
        agreed.remote.session_id,
        agreed.remote.address,
    ) == (remote.session_id, remote.address)


def _offer_direction(held: bool, remotely_held: bool) -> Direction:
    if not held:
        # Also when the other side holds us: it says so again in its answer, and could never take it back otherwise.
        return Direction.SENDRECV
    # "If the stream to be placed on hold was previously a sendrecv media stream, it is placed on hold by marking it
    # as sendonly. If the stream to be placed on hold was previously a recvonly media stream, it is placed on hold by
    # marking it inactive." (RFC 3264 section 8.4)
    return Direction.INACTIVE if remotely_held else Direction.SENDONLY


def _flow(ours: AudioDescription, theirs: AudioDescription) -> Direction:
    """What may really flow between two descriptions, seen from us."""
    return Direction.of(
        sends=ours.direction.sends and theirs.direction.receives and not theirs.is_zero_address,
        receives=ours.direction.receives and theirs.direction.sends,
    )


def _transport(local: LocalMedia, mux: bool = True) -> dict[str, Any]:
    """The attributes of our side that do not depend on the other's."""
    plain = not local.fingerprints
    return {
        "ice_ufrag": local.ice_ufrag,
        "ice_pwd": local.ice_pwd,
        "candidates": local.candidates,
        "end_of_candidates": not plain,
        "fingerprints": local.fingerprints,
        "rtcp_mux": mux,
        "ptime": 20,
        "ssrc": local.ssrc,
        "cname": local.cname,
    }


def _own_proto(local: LocalMedia, agreed: Agreement | None) -> str:
    if agreed:
        return agreed.local_audio.proto
    return "UDP/TLS/RTP/SAVPF" if local.fingerprints else "RTP/AVP"


def _origin(local: LocalMedia) -> str:
    return local.address if local.address not in ("0.0.0.0", "::") else "127.0.0.1"


def _versioned(description: SessionDescription, agreed: Agreement) -> SessionDescription:
    """`description` with the version that its place in the call asks for."""
    # "the version in the origin field MUST increment by one from the previous SDP." (RFC 3264 section 8)
    same = evolve(description, version=agreed.local.version)
    return same if same == agreed.local else evolve(description, version=agreed.local.version + 1)


def _events_beside(codecs: Iterable[Codec], events: Iterable[Codec]) -> list[Codec]:
    """Those of `events` that can go beside one of `codecs`."""
    # They share the timestamps, so they have to share their clock (RFC 7160).
    rates = {codec.clock_rate for codec in codecs}
    known = (event for event in events if any(event.same_format(ours) for ours in EVENTS))
    return [event for event in known if event.clock_rate in rates]


def _event_of(codec: Codec, formats: Iterable[Codec]) -> Codec | None:
    return next((event for event in _events_beside((codec,), formats)), None)


def _preferred_first(codecs: Iterable[Codec], preferred: Sequence[str]) -> list[Codec]:
    return sorted(codecs, key=lambda codec: _preference(codec, preferred))


def _preference(codec: Codec, preferred: Sequence[str]) -> int:
    """The place among the preferred names; all others share the one after them."""
    return next((i for i, name in enumerate(preferred) if name.lower() == codec.name.lower()), len(preferred))


def _keep_payload_types(codecs: Iterable[Codec], agreed: Agreement) -> list[Codec]:
    """Our codecs under the numbers they have in this call; a new one gets a number that is free."""
    # "the mapping from a particular dynamic payload type number to a particular codec within that media stream MUST NOT
    # change for the duration of a session." (RFC 3264 section 8.3.2)
    kept: list[Codec] = []
    taken = {codec.payload_type for codec in (*agreed.receivable, *agreed.remote_audio.codecs)}
    for codec in codecs:
        known = next((old for old in agreed.receivable if old.same_format(codec)), None)
        number = known.payload_type if known else codec.payload_type
        if not known and number in taken:
            number = next(free for free in (*range(96, 128), *range(35, 64)) if free not in taken)
        taken.add(number)
        kept.append(evolve(codec, payload_type=number))
    return kept


def _merge(codecs: Iterable[Codec], before: Iterable[Codec]) -> tuple[Codec, ...]:
    """What arrives under which number: `codecs`, and what was agreed `before` under numbers that they leave."""
    table: dict[int, Codec] = {}
    for codec in (*codecs, *before):
        table.setdefault(codec.payload_type, codec)
    return tuple(table.values())


def _refuse(stream: AudioDescription | OtherMedia) -> OtherMedia:
    # "To reject an offered stream, the port number in the corresponding stream in the answer MUST be set to zero."
    # (RFC 3264 section 6)
    if isinstance(stream, OtherMedia):
        return evolve(stream, port=0)
    formats = " ".join(str(codec.payload_type) for codec in stream.codecs) or "0"
    return OtherMedia("audio", 0, stream.proto, formats, stream.mid)


def _choose_stream(offer: SessionDescription, local: LocalMedia) -> AudioDescription:
    """The first offered audio stream that we can answer; raises what is wrong with the first one that we cannot."""
    error = _refusal("The other side offers no audio.", '304 jzrx "Media type not available: no audio is offered"')
    first = True
    for stream in offer.media:
        if isinstance(stream, AudioDescription) and stream.port:
            try:
                _check_transport(stream, plain=not local.fingerprints)
                if not any(ours.same_format(theirs) for ours in local.codecs for theirs in stream.codecs):
                    raise _no_codec(stream)
            except MediaError as failure:
                error, first = (failure if first else error), False
            else:
                return stream
    raise error


def _check_transport(audio: AudioDescription, *, plain: bool) -> None:
    if plain:
        if audio.fingerprints or "SAVP" in audio.proto:
            raise _refusal(
                f"The other side wants SRTP ({audio.proto}); this session is plain RTP.",
                '304 jzrx "Media type not available: only RTP/AVP"',
            )
        return
    if not audio.fingerprints:
        raise _refusal(
            f"The other side offers {audio.proto} without DTLS; only DTLS-SRTP is spoken. "
            "jambonz offers that to clients that connect with wss:// instead of ws://.",
            f'304 jzrx "Media type not available: {_quotable(audio.proto)} without DTLS"',
        )
    if not audio.proto.startswith(("UDP/TLS/RTP/", "RTP/")):
        raise _refusal(
            f"The other side offers {audio.proto}.",
            f'302 jzrx "Incompatible transport protocol: {_quotable(audio.proto)}"',
        )
    if not audio.ice_ufrag or not audio.ice_pwd:
        raise _refusal("The other side does not speak ICE.", '399 jzrx "ICE is required"')
    if not audio.rtcp_mux and any(candidate.split()[1] == "2" for candidate in audio.candidates):
        raise _refusal("The other side wants RTCP on a port of its own.", '399 jzrx "rtcp-mux is required"')


def _answer_setup(offer: SessionDescription, offered: AudioDescription, agreed: Agreement | None) -> Setup:
    match offered.setup:
        case "passive":
            return "active"
        case "active" | None:  # the default of an offer (RFC 4145 section 4)
            return "passive"
        case "actpass" | "holdconn":
            # An association that goes on keeps its roles (RFC 8842 section 5.3), also where ICE is new: Chromium
            # refuses a description that changes them.
            return agreed.setup if agreed and same_association(agreed, offer, offered) else "active"


def _offerer_setup(answer: SessionDescription, answered: AudioDescription, agreed: Agreement | None) -> Setup:
    if agreed and same_association(agreed, answer, answered):
        return agreed.setup
    # The default of an answer is passive (RFC 4145 section 4); what else is no answer to actpass is read the same way.
    return "passive" if answered.setup == "active" else "active"


def _no_codec(audio: AudioDescription) -> MediaError:
    names = ", ".join(codec.name for codec in audio.codecs) or "no codec"
    return _refusal(f"No codec in common: the other side has {names}.", '305 jzrx "Incompatible media format"')


def _refusal(message: str, warning: str) -> MediaError:
    return MediaError(message, 488, warning)


def _quotable(text: str) -> str:
    return "".join(c for c in text if c.isalnum() or c in "/-._")[:40]
