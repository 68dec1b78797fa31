"""Offer and answer: codecs and their order, payload types for life, hold, refused streams, DTLS roles, versions."""

import re

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from jzrx.media.negotiation import (
    Agreement,
    LocalMedia,
    apply_answer,
    choose_codecs,
    make_answer,
    make_offer,
    same_transport,
)
from jzrx.media.sdp import AudioDescription, Direction, Fingerprint, OtherMedia, SessionDescription, build, parse
from jzrx.ports import MediaError
from tests.media.descriptions import (
    AIORTC_OFFER,
    BARESIP_OFFER,
    CHROMIUM_OFFER,
    FINGERPRINT,
    FREESWITCH_OFFER,
    OFFERS,
    RTPENGINE_OFFER,
    at_session,
    plus,
    without,
)

LOCAL = LocalMedia(
    session_id=4711,
    ssrc=0x5EED,
    cname="jzrx",
    address="192.0.2.1",
    port=5000,
    ice_ufrag="ours",
    ice_pwd="p" * 22,
    candidates=("1 1 udp 2130706431 192.0.2.1 5000 typ host",),
    fingerprints=(Fingerprint("sha-256", "AA:BB"),),
)
PLAIN = LocalMedia(session_id=4711, ssrc=0x5EED, cname="jzrx", address="192.0.2.1", port=5000)

PLAIN_OFFER = "v=0\no=- 1 1 IN IP4 192.0.2.8\ns=-\nc=IN IP4 192.0.2.8\nt=0 0\nm=audio 4000 RTP/AVP 0 8\n"


def answer_to(
    offer: str, local: LocalMedia = LOCAL, agreed: Agreement | None = None, *, held: bool = False
) -> Agreement:
    agreement = make_answer(parse(offer), local, agreed, held=held)
    # What goes over the wire is what we believe to have said.
    text = parse(build(agreement.local))
    assert text.audio == agreement.local_audio
    assert len(text.media) == len(agreement.remote.media)
    return agreement


def outcome_of(answer: str, *, held: bool = False, agreed: Agreement | None = None) -> Agreement:
    return apply_answer(make_offer(LOCAL, agreed, held=held), parse(answer), agreed)


def numbers(description: SessionDescription) -> dict[str, int]:
    assert description.audio
    return {codec.name: codec.payload_type for codec in description.audio.codecs}


def sounds(description: SessionDescription) -> list[str]:
    assert description.audio
    return [codec.name for codec in description.audio.codecs if not codec.is_event]


# --- what we offer -------------------------------------------------------------------------------------------------


def test_the_first_offer():
    offer = make_offer(LOCAL)
    audio = offer.audio
    assert audio
    assert (offer.session_id, offer.version, offer.bundle) == (4711, 1, ("0",))
    assert sounds(offer) == ["opus", "G722", "PCMU", "PCMA"]
    assert (audio.proto, audio.mid, audio.direction) == ("UDP/TLS/RTP/SAVPF", "0", Direction.SENDRECV)
    assert (audio.setup, audio.rtcp_mux, audio.end_of_candidates) == ("actpass", True, True)
    assert (audio.ssrc, audio.cname, audio.ice_ufrag) == (0x5EED, "jzrx", "ours")
    assert parse(build(offer)) == offer


def test_preferred_codecs_go_first_and_the_rest_stay():
    offer = make_offer(evolve(LOCAL, preferred=("pcma", "PCMU")))
    assert offer.audio
    assert sounds(offer) == ["PCMA", "PCMU", "opus", "G722"]
    assert [codec.name for codec in choose_codecs(("pcmu",))] == ["PCMU", "opus", "G722", "PCMA"]
    with pytest.raises(ValueError, match="'G729'.*opus, G722, PCMU, PCMA"):
        choose_codecs(("opus", "G729"))


def test_a_plain_offer_has_neither_ice_nor_dtls():
    text = build(make_offer(PLAIN))
    assert "m=audio 5000 RTP/AVP 111 9 0 8 110 101\r\nc=IN IP4 192.0.2.1\r\n" in text
    for word in ("ice-", "fingerprint", "setup", "candidate", "BUNDLE", "msid"):
        assert word not in text


# --- what we answer ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "codec", "payload_type"),
    [
        ("Chromium", "opus", 111),
        ("rtpengine", "PCMU", 0),
        ("FreeSWITCH", "opus", 102),
        ("aiortc through Kamailio", "opus", 96),
        ("baresip", "opus", 96),
    ],
)
def test_each_peers_offer_is_answered_in_its_own_numbers(peer: str, codec: str, payload_type: int):
    agreed = answer_to(OFFERS[peer])
    assert (agreed.codec.name, agreed.codec.payload_type) == (codec, payload_type)
    assert agreed.local_audio.codecs[0].payload_type == payload_type
    assert agreed.local_audio.mid == agreed.remote_audio.mid
    assert agreed.local_audio.setup == agreed.setup == "active"
    assert agreed.direction is Direction.SENDRECV
    assert not agreed.remotely_held
    assert agreed.rtcp_mux
    assert agreed.local.bundle == agreed.remote.bundle


def test_we_send_by_the_other_sides_parameters_and_state_our_own():
    agreed = answer_to(FREESWITCH_OFFER)
    assert agreed.codec.parameters["maxaveragebitrate"] == "30000"
    assert agreed.local_audio.codecs[0].fmtp == "minptime=10;useinbandfec=1"
    assert answer_to(BARESIP_OFFER).max_bitrate == 128_000


def test_the_answer_keeps_the_offerers_order_but_for_what_we_prefer():
    assert sounds(answer_to(CHROMIUM_OFFER).local) == ["opus", "G722", "PCMU", "PCMA"]
    swapped = CHROMIUM_OFFER.replace("111 63 9 0 8", "8 0 63 9 111")
    assert sounds(answer_to(swapped).local) == ["PCMA", "PCMU", "G722", "opus"]
    preferring = answer_to(swapped, evolve(LOCAL, preferred=("PCMU",)))
    assert sounds(preferring.local) == ["PCMU", "PCMA", "G722", "opus"]
    assert preferring.codec.name == "PCMU"


# Each row: an offer as some peer writes it, and what must be agreed for it.
ACCEPTED = {
    "no mid": (without(CHROMIUM_OFFER, "a=mid", "a=group"), {}),
    "no direction": (without(CHROMIUM_OFFER, "a=sendrecv"), {}),
    "static types without rtpmap": (without(RTPENGINE_OFFER, "a=rtpmap:0", "a=rtpmap:8"), {}),
    "fmtp without rtpmap": (without(RTPENGINE_OFFER, "a=rtpmap:101"), {}),
    "several ports": (CHROMIUM_OFFER.replace("audio 54609", "audio 54609/2"), {}),
    "a video refused already": (f"{CHROMIUM_OFFER}m=video 0 UDP/TLS/RTP/SAVPF 96\n", {}),
    "a video wanted": (f"{CHROMIUM_OFFER}m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:1\n", {}),
    "an image wanted": (f"{CHROMIUM_OFFER}m=image 9 udptl t38\n", {}),
    "a video first": (
        CHROMIUM_OFFER.replace("m=audio", "m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:1\nm=audio"),
        {},
    ),
    "data channels": (f"{CHROMIUM_OFFER}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n", {}),
    "a second audio": (CHROMIUM_OFFER + CHROMIUM_OFFER[CHROMIUM_OFFER.index("m=audio") :], {}),
    "plain RTP beside it": (f"{PLAIN_OFFER}{RTPENGINE_OFFER[RTPENGINE_OFFER.index('m=audio') :]}", {}),
    "no setup": (without(CHROMIUM_OFFER, "a=setup"), {"setup": "passive"}),
    "setup active": (CHROMIUM_OFFER.replace("actpass", "active"), {"setup": "passive"}),
    "setup passive": (CHROMIUM_OFFER.replace("actpass", "passive"), {"setup": "active"}),
    "setup holdconn": (CHROMIUM_OFFER.replace("actpass", "holdconn"), {"setup": "active"}),
    "all at session level": (
        at_session(CHROMIUM_OFFER, "a=ice-", "a=fingerprint", "a=setup", "a=sendrecv", "c="),
        {},
    ),
    "no rtcp-mux, one component": (
        without(CHROMIUM_OFFER, "a=rtcp-mux"),
        {"rtcp_mux": False},
    ),
    "SAVP without feedback": (CHROMIUM_OFFER.replace("SAVPF", "SAVP"), {}),
    "the old name RTP/SAVPF": (CHROMIUM_OFFER.replace("UDP/TLS/RTP", "RTP"), {}),
    "RTP/AVP with a fingerprint": (CHROMIUM_OFFER.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), {}),
    "ICE lite": (at_session(plus(RTPENGINE_OFFER, "a=ice-lite"), "a=ice-lite"), {}),
    "opus alone": (CHROMIUM_OFFER.replace(" 63 9 0 8 13 110 126", ""), {}),
    "opus without channels": (CHROMIUM_OFFER.replace("opus/48000/2", "opus/48000"), {}),
    "codecs in capitals": (CHROMIUM_OFFER.replace("opus", "OPUS"), {}),
    "recvonly": (CHROMIUM_OFFER.replace("sendrecv", "recvonly"), {"direction": Direction.SENDONLY}),
    "sendonly": (
        CHROMIUM_OFFER.replace("sendrecv", "sendonly"),
        {"direction": Direction.RECVONLY, "remotely_held": True},
    ),
    "inactive": (
        CHROMIUM_OFFER.replace("sendrecv", "inactive"),
        {"direction": Direction.INACTIVE, "remotely_held": True},
    ),
    "the zero address": (
        RTPENGINE_OFFER.replace("IP4 203.0.113.7\nt=0", "IP4 0.0.0.0\nt=0"),
        {"direction": Direction.RECVONLY, "remotely_held": True},
    ),
    "no candidates yet": (
        without(CHROMIUM_OFFER.replace("192.0.2.4\na=rtcp", "0.0.0.0\na=rtcp").replace("54609 UDP", "9 UDP"), "a=cand"),
        {},
    ),
    "IPv6": (CHROMIUM_OFFER.replace("IP4 192.0.2.4", "IP6 2001:db8::4"), {}),
    "extmap and feedback": (plus(CHROMIUM_OFFER, "a=extmap:3/recvonly uri p=1", "a=rtcp-fb:* nack"), {}),
    "SDES beside DTLS": (plus(CHROMIUM_OFFER, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc"), {}),
    "sha-1 and sha-256": (plus(CHROMIUM_OFFER, "a=fingerprint:sha-1 AA:BB"), {}),
    "ssrc alone": (plus(without(CHROMIUM_OFFER, "a=ssrc"), "a=ssrc:5"), {}),
    "a bundle of others": (CHROMIUM_OFFER.replace("BUNDLE 0", "BUNDLE 7 8"), {}),
}


@pytest.mark.parametrize(("offer", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_offers_that_must_be_answered(offer: str, expected: dict[str, object]):
    agreed = answer_to(offer)
    assert {name: getattr(agreed, name) for name in expected} == expected
    assert agreed.local_audio.port == 5000
    assert agreed.local_audio.fingerprints
    assert agreed.local_audio.direction is agreed.direction
    assert agreed.local_audio.proto == agreed.remote_audio.proto
    # RFC 3264 section 6: as many streams, in the same order, and all that are not ours with port 0.
    for ours, theirs in zip(agreed.local.media, agreed.remote.media, strict=True):
        assert ours.mid == theirs.mid
        assert ours is agreed.local_audio or (isinstance(ours, OtherMedia) and ours.port == 0)
    assert set(agreed.local.bundle) <= {agreed.local_audio.mid}


REFUSED = {
    "plain RTP": (PLAIN_OFFER, "304", "wss"),
    "SDES": (
        RTPENGINE_OFFER.replace("UDP/TLS/RTP/SAVPF", "RTP/SAVP").replace("a=fingerprint:", "a=crypto:1 "),
        "304",
        "DTLS",
    ),
    "DTLS without a fingerprint": (without(RTPENGINE_OFFER, "a=fingerprint"), "304", "DTLS"),
    "no ICE": (without(RTPENGINE_OFFER, "a=ice", "a=candidate"), "399", "ICE"),
    "RTCP on another port": (
        without(plus(BARESIP_OFFER, "a=candidate:1 2 UDP 2113932030 192.0.2.20 14523 typ host"), "a=rtcp-mux"),
        "399",
        "RTCP",
    ),
    "only G729": (BARESIP_OFFER.replace("96 0 8 101", "18"), "305", "G729"),
    "no codec at all": (BARESIP_OFFER.replace("96 0 8 101", "99"), "305", "no codec"),
    "audio refused": (RTPENGINE_OFFER.replace("audio 30012", "audio 0"), "304", "no audio"),
    "only video": (RTPENGINE_OFFER.replace("audio 30012", "video 30012"), "304", "no audio"),
    "over TCP": (CHROMIUM_OFFER.replace("UDP/TLS", "TCP/TLS"), "302", "TCP/TLS"),
}


@pytest.mark.parametrize(("offer", "warning", "says"), REFUSED.values(), ids=REFUSED)
def test_offers_that_must_be_refused(offer: str, warning: str, says: str):
    with pytest.raises(MediaError, match=says) as caught:
        answer_to(offer)
    assert caught.value.code == 488
    assert caught.value.warning
    # RFC 3261 section 20.43: three digits, an agent, a quoted text.
    assert caught.value.warning.startswith(f'{warning} jzrx "')
    assert caught.value.warning.count('"') == 2


def test_a_name_in_a_warning_cannot_break_out_of_it():
    with pytest.raises(MediaError) as caught:
        answer_to(PLAIN_OFFER.replace("RTP/AVP", 'X"\\<>'))
    assert caught.value.warning
    assert caught.value.warning.count('"') == 2
    assert "\\" not in caught.value.warning


def test_plain_rtp_where_it_is_allowed():
    agreed = answer_to(PLAIN_OFFER, PLAIN)
    assert (agreed.local_audio.proto, agreed.local_audio.address, agreed.local_audio.port) == (
        "RTP/AVP",
        "192.0.2.1",
        5000,
    )
    assert agreed.local_audio.setup is None
    assert not agreed.rtcp_mux
    with pytest.raises(MediaError, match="SRTP"):
        answer_to(RTPENGINE_OFFER, PLAIN)
    offer = make_offer(PLAIN)
    assert apply_answer(offer, agreed.local).codec.name == "PCMU"


# --- what is answered to us ----------------------------------------------------------------------------------------

ANSWER = build(make_answer(make_offer(LOCAL), evolve(LOCAL, session_id=9, ice_ufrag="them")).local).replace(
    "\r\n", "\n"
)

ANSWERED = {
    "ours mirrored": (ANSWER, {"setup": "passive"}),
    "no mid": (without(ANSWER, "a=mid", "a=group"), {}),
    "another mid": (ANSWER.replace("a=mid:0", "a=mid:audio"), {}),
    "no direction": (without(ANSWER, "a=sendrecv"), {}),
    "static types without rtpmap": (
        without(ANSWER.replace(" 111 9 0 8 110 101", " 0 8"), "a=rtpmap", "a=fmtp"),
        {"name": "PCMU"},
    ),
    "fmtp without rtpmap": (plus(ANSWER, "a=fmtp:99 0-15"), {}),
    "another number for opus": (
        ANSWER.replace(" 111", " 96").replace(":111", ":96"),
        {"name": "opus", "payload_type": 96},
    ),
    "in another order": (ANSWER.replace(" 111 9 0 8", " 8 0 111"), {"name": "PCMA", "payload_type": 8}),
    "one codec": (ANSWER.replace(" 111 9 0 8", " 0"), {"name": "PCMU"}),
    "a codec we did not offer beside": (
        ANSWER.replace(" 111 9 0 8", " 18 0").replace("a=ptime", "a=x\na=ptime"),
        {"name": "PCMU"},
    ),
    "telephone-event that we did not offer": (
        plus(ANSWER.replace(" 111 9 0 8 110 101", " 99 111"), "a=rtpmap:99 telephone-event/16000"),
        {"name": "opus", "telephone_event": None},
    ),
    "telephone-event at another clock rate than the codec's": (
        ANSWER.replace(" 111 9 0 8 110 101", " 111 101"),
        {"name": "opus", "telephone_event": None},
    ),
    "no telephone-event": (ANSWER.replace(" 110 101", ""), {"telephone_event": None}),
    "telephone-event first": (ANSWER.replace(" 111 9 0 8 110", " 110 111 9 0 8"), {"name": "opus"}),
    "setup passive": (ANSWER.replace("setup:active", "setup:passive"), {"setup": "active"}),
    "setup missing": (without(ANSWER, "a=setup"), {"setup": "active"}),
    "setup actpass": (ANSWER.replace("setup:active", "setup:actpass"), {"setup": "active"}),
    "setup holdconn": (ANSWER.replace("setup:active", "setup:holdconn"), {"setup": "active"}),
    "all at session level": (at_session(ANSWER, "a=ice-", "a=fingerprint", "a=setup", "a=sendrecv", "c="), {}),
    "no end of candidates": (without(ANSWER, "a=end-of"), {}),
    "no candidates": (without(ANSWER, "a=candidate"), {}),
    "ICE lite": (at_session(plus(ANSWER, "a=ice-lite"), "a=ice-lite"), {}),
    "no rtcp-mux, one component": (without(ANSWER, "a=rtcp-mux"), {"rtcp_mux": False}),
    "a video refused that we never offered": (f"{ANSWER}m=video 0 RTP/AVP 96\n", {}),
    "a video refused before it": (ANSWER.replace("m=audio", "m=video 0 RTP/AVP 96\nm=audio"), {}),
    "RTP/SAVPF": (ANSWER.replace("UDP/TLS/RTP", "RTP"), {}),
    "RTP/AVP with a fingerprint": (ANSWER.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), {}),
    "sendonly": (ANSWER.replace("sendrecv", "sendonly"), {"direction": Direction.RECVONLY, "remotely_held": True}),
    "recvonly": (ANSWER.replace("sendrecv", "recvonly"), {"direction": Direction.SENDONLY, "remotely_held": False}),
    "inactive": (ANSWER.replace("sendrecv", "inactive"), {"direction": Direction.INACTIVE, "remotely_held": True}),
    "the zero address": (
        ANSWER.replace("IP4 192.0.2.1\na=mid", "IP4 0.0.0.0\na=mid"),
        {"direction": Direction.RECVONLY, "remotely_held": True},
    ),
    "opus without channels": (ANSWER.replace("48000/2", "48000"), {"name": "opus"}),
    "codecs in capitals": (ANSWER.replace("opus", "OPUS"), {"payload_type": 111}),
    "a limit": (ANSWER.replace("a=mid", "b=AS:20\na=mid"), {"max_bitrate": 20_000}),
    "several ports": (ANSWER.replace("audio 5000", "audio 5000/2"), {}),
    "ssrc alone": (plus(without(ANSWER, "a=ssrc"), "a=ssrc:5"), {}),
    "extmap": (plus(ANSWER, "a=extmap:1 urn:x y=1"), {}),
    "bare line feeds and no end": (ANSWER.rstrip(), {}),
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERED.values(), ids=ANSWERED)
def test_answers_that_must_do(answer: str, expected: dict[str, object]):
    agreed = outcome_of(answer)
    found = {name: getattr(agreed, name) if hasattr(agreed, name) else getattr(agreed.codec, name) for name in expected}
    assert found == expected
    assert agreed.local == make_offer(LOCAL)
    assert agreed.remote_audio.ice_ufrag == "them"
    assert agreed.codec.payload_type in {codec.payload_type for codec in agreed.receivable}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (ANSWER.replace("audio 5000", "audio 0"), "refused"),
        (ANSWER.replace(" 111 9 0 8", " 18"), "G729"),
        (PLAIN_OFFER, "DTLS"),
        (without(ANSWER, "a=fingerprint"), "DTLS"),
        (without(ANSWER, "a=ice"), "ICE"),
        ("v=0\nm=video 9 UDP/TLS/RTP/SAVPF 96\n", "refused"),
    ],
)
def test_answers_that_cannot_do(answer: str, says: str):
    with pytest.raises(MediaError, match=says):
        outcome_of(answer)


def test_two_numbers_for_one_codec_are_both_heard():
    agreed = outcome_of(ANSWER.replace(" 111", " 96").replace(":111", ":96"))
    assert {(c.name, c.payload_type) for c in agreed.receivable} >= {("opus", 111), ("opus", 96)}


def test_a_second_answer_replaces_the_first():
    offer = make_offer(LOCAL)
    early = apply_answer(offer, parse(ANSWER.replace(" 111 9 0 8", " 0")))
    final = apply_answer(offer, parse(ANSWER), early)
    assert (early.codec.name, final.codec.name) == ("PCMU", "opus")
    assert same_transport(early.remote_audio, final.remote_audio)
    forked = apply_answer(offer, parse(ANSWER.replace("ufrag:them", "ufrag:else")), early)
    assert not same_transport(early.remote_audio, forked.remote_audio)


# --- in a call -----------------------------------------------------------------------------------------------------


def test_nothing_changed_keeps_the_version_and_a_change_counts_one_up():
    first = outcome_of(ANSWER)
    again = make_offer(LOCAL, first)
    assert again == first.local
    hold = make_offer(LOCAL, first, held=True)
    assert hold.version == first.local.version + 1
    assert hold.session_id == first.local.session_id
    held = apply_answer(hold, parse(ANSWER.replace("sendrecv", "recvonly")), first)
    assert make_offer(LOCAL, held, held=True) == hold
    assert make_offer(LOCAL, held).version == hold.version + 1
    # Refused with 488 or 491, the offer never was.
    assert make_offer(LOCAL, first, held=True) == hold


def test_an_answer_counts_up_from_our_last_description_too():
    first = outcome_of(ANSWER)
    theirs = ANSWER.replace("setup:active", "setup:actpass")
    same = answer_to(theirs, LOCAL, first)
    assert same.local.version == first.local.version + 1  # the codecs' order or setup differ from our offer
    assert answer_to(theirs, LOCAL, same).local == same.local
    assert answer_to(theirs.replace("sendrecv", "sendonly"), LOCAL, same).local.version == same.local.version + 1


@pytest.mark.parametrize("number", [96, 109, 111, 127])
def test_payload_types_stay_for_the_life_of_the_call(number: int):
    incoming = answer_to(CHROMIUM_OFFER.replace("111", str(number)).replace("126", "125"))
    offer = make_offer(LOCAL, incoming, held=True)
    assert numbers(offer)["opus"] == number
    assert numbers(offer)["PCMU"] == 0


def test_a_new_codec_gets_a_number_that_is_free():
    # The other side uses 111 for something else, and did not offer opus.
    incoming = answer_to(plus(CHROMIUM_OFFER.replace(" 111 63 9", " 111"), "a=rtpmap:111 L16/16000"))
    assert incoming.codec.name == "PCMU"
    offer = numbers(make_offer(LOCAL, incoming))
    assert offer["opus"] not in {0, 8, 9, 13, 110, 111, 126}


# --- tones ---------------------------------------------------------------------------------------------------------


def test_tones_are_offered_for_each_clock_of_our_codecs():
    text = build(make_offer(LOCAL))
    for line in ("110 telephone-event/48000", "101 telephone-event/8000"):
        assert f"a=rtpmap:{line}\r\n" in text
    assert "a=fmtp:110 0-15\r\n" in text
    g711 = build(make_offer(evolve(LOCAL, codecs=choose_codecs(("PCMU",))[:1])))
    assert "m=audio 5000 UDP/TLS/RTP/SAVPF 0 101\r\n" in g711


@pytest.mark.parametrize(
    ("peer", "preferred", "sent", "answered"),
    [
        ("Chromium", (), (110, 48000), {110: 48000, 126: 8000}),
        ("Chromium", ("PCMU",), (126, 8000), {110: 48000, 126: 8000}),
        ("Chromium", ("G722",), (126, 8000), {110: 48000, 126: 8000}),
        ("rtpengine", (), (101, 8000), {101: 8000}),
        ("FreeSWITCH", (), (103, 48000), {103: 48000}),
        ("FreeSWITCH", ("PCMA",), None, {103: 48000}),
        ("baresip", (), None, {101: 8000}),  # Opus, and tones at the clock of G.711
        ("baresip", ("PCMU",), (101, 8000), {101: 8000}),
        ("aiortc through Kamailio", (), None, {}),
    ],
)
def test_tones_go_at_the_clock_of_the_codec_under_the_offerers_number(
    peer: str, preferred: tuple[str, ...], sent: tuple[int, int] | None, answered: dict[int, int]
):
    agreed = answer_to(OFFERS[peer], evolve(LOCAL, preferred=preferred))
    event = agreed.telephone_event
    assert (event and (event.payload_type, event.clock_rate)) == sent
    assert {codec.payload_type: codec.clock_rate for codec in agreed.local_audio.codecs if codec.is_event} == answered
    assert agreed.can_send_tones == (sent is not None)
    assert not agreed.codec.is_event


def test_tones_alone_are_no_sound():
    with pytest.raises(MediaError, match="No codec in common"):
        answer_to(RTPENGINE_OFFER.replace("SAVPF 0 8 101", "SAVPF 101"))
    with pytest.raises(MediaError, match="No codec in common"):
        outcome_of(ANSWER.replace(" 111 9 0 8", ""))


def test_the_numbers_of_tones_stay_for_the_life_of_the_call():
    incoming = answer_to(CHROMIUM_OFFER)
    offer = make_offer(LOCAL, incoming)
    assert offer.audio
    assert {c.payload_type: c.clock_rate for c in offer.audio.codecs if c.is_event} == {110: 48000, 126: 8000}
    theirs = answer_to(build(offer), evolve(LOCAL, ice_ufrag="them")).local
    outcome = apply_answer(offer, theirs, incoming)
    assert outcome.telephone_event
    assert outcome.telephone_event.payload_type == 110


@pytest.mark.parametrize(("direction", "can"), [("sendonly", False), ("inactive", False), ("recvonly", True)])
def test_who_is_held_sends_no_tones(direction: str, can: bool):
    assert answer_to(CHROMIUM_OFFER.replace("sendrecv", direction)).can_send_tones == can
    assert answer_to(CHROMIUM_OFFER, held=True).can_send_tones


def test_a_reoffer_does_not_change_the_codec():
    agreed = answer_to(RTPENGINE_OFFER)
    offer = make_offer(LOCAL, agreed)
    assert offer.audio
    assert sounds(offer) == ["PCMU", "opus", "G722", "PCMA"]


def test_no_stream_vanishes_from_a_reoffer():
    agreed = answer_to(CHROMIUM_OFFER.replace("m=audio", "m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:1\nm=audio"))
    offer = make_offer(LOCAL, agreed, held=True)
    video, audio = offer.media
    assert isinstance(video, OtherMedia)
    assert (video.kind, video.port, video.mid) == ("video", 0, "1")
    assert isinstance(audio, AudioDescription)
    assert (audio.mid, audio.direction) == ("0", Direction.SENDONLY)
    answer = build(offer).replace("sendonly", "recvonly").replace("actpass", "active")
    assert apply_answer(offer, parse(answer), agreed).direction is Direction.SENDONLY


@pytest.mark.parametrize(
    ("theirs", "held", "ours", "flow", "remotely_held"),
    [
        # RFC 3264 section 6.1 and 8.4: what they offer, our own hold, what we answer, what flows, whether they hold.
        ("sendrecv", False, "sendrecv", "sendrecv", False),
        ("sendrecv", True, "sendonly", "sendonly", False),
        ("sendonly", False, "recvonly", "recvonly", True),
        ("sendonly", True, "inactive", "inactive", True),
        ("recvonly", False, "sendonly", "sendonly", False),
        ("recvonly", True, "sendonly", "sendonly", False),
        ("inactive", False, "inactive", "inactive", True),
        ("inactive", True, "inactive", "inactive", True),
    ],
)
def test_hold_in_answers(theirs: str, held: bool, ours: str, flow: str, remotely_held: bool):
    agreed = answer_to(CHROMIUM_OFFER.replace("sendrecv", theirs), held=held)
    assert agreed.local_audio.direction == ours
    assert agreed.direction == flow
    assert agreed.remotely_held is remotely_held


@pytest.mark.parametrize(
    ("was_held_by_them", "hold", "offered"),
    [
        (False, False, "sendrecv"),
        (False, True, "sendonly"),
        (True, False, "sendrecv"),
        (True, True, "inactive"),
    ],
)
def test_hold_in_offers(was_held_by_them: bool, hold: bool, offered: str):
    agreed = answer_to(CHROMIUM_OFFER.replace("sendrecv", "sendonly" if was_held_by_them else "sendrecv"))
    offer = make_offer(LOCAL, agreed, held=hold)
    assert offer.audio
    assert offer.audio.direction == offered


@pytest.mark.parametrize("answered", ["recvonly", "inactive"])
@pytest.mark.parametrize("before", [False, True])
def test_the_answer_to_our_hold_does_not_tell_theirs(answered: str, before: bool):
    agreed = answer_to(CHROMIUM_OFFER.replace("sendrecv", "sendonly" if before else "sendrecv"))
    held = apply_answer(make_offer(LOCAL, agreed, held=True), parse(ANSWER.replace("sendrecv", answered)), agreed)
    assert held.remotely_held is before
    assert not held.direction.receives


def test_hold_and_its_end_from_both_sides():
    agreed = outcome_of(ANSWER)
    theirs = ANSWER.replace("setup:active", "setup:actpass")
    agreed = answer_to(theirs.replace("sendrecv", "sendonly"), LOCAL, agreed)  # they hold
    assert (agreed.direction, agreed.remotely_held) == (Direction.RECVONLY, True)
    offer = make_offer(LOCAL, agreed, held=True)  # so do we
    agreed = apply_answer(offer, parse(ANSWER.replace("sendrecv", "inactive")), agreed)
    assert (agreed.direction, agreed.remotely_held) == (Direction.INACTIVE, True)
    agreed = answer_to(theirs, LOCAL, agreed, held=True)  # they do not any more
    assert (agreed.direction, agreed.remotely_held) == (Direction.SENDONLY, False)
    agreed = apply_answer(make_offer(LOCAL, agreed), parse(ANSWER), agreed)  # nor do we
    assert (agreed.direction, agreed.remotely_held) == (Direction.SENDRECV, False)


@pytest.mark.parametrize("first", ["active", "passive"])
def test_dtls_roles_stay_while_the_association_does(first: str):
    agreed = outcome_of(ANSWER.replace("setup:active", f"setup:{first}"))
    reoffer = ANSWER.replace("setup:active", "setup:actpass")
    again = answer_to(reoffer, LOCAL, agreed)
    assert again.setup == agreed.setup == again.local_audio.setup
    restarted = answer_to(reoffer.replace("ufrag:them", "ufrag:new"), LOCAL, agreed)
    assert restarted.setup == agreed.setup
    for another in (
        reoffer.replace("o=- 9 ", "o=- 77 "),
        re.sub(r"(a=fingerprint:\S+) \S+", rf"\1 {FINGERPRINT[:-2]}FF", reoffer),
    ):
        assert another != reoffer
        moved = answer_to(another.replace("ufrag:them", "ufrag:new"), LOCAL, agreed)
        assert moved.setup == "active"


def test_what_makes_another_transport():
    ours = outcome_of(ANSWER).remote_audio
    assert same_transport(ours, evolve(ours, direction=Direction.SENDONLY, candidates=(), port=1))
    assert not same_transport(ours, evolve(ours, ice_ufrag="new"))
    assert not same_transport(ours, evolve(ours, ice_pwd="new"))
    assert not same_transport(ours, evolve(ours, fingerprints=(Fingerprint("sha-256", FINGERPRINT),)))
    plain = answer_to(PLAIN_OFFER, PLAIN).remote_audio
    assert same_transport(plain, evolve(plain, direction=Direction.INACTIVE))
    assert not same_transport(plain, evolve(plain, port=4002))


@given(
    st.lists(st.sampled_from([line for text in OFFERS.values() for line in text.splitlines()]), max_size=40),
    st.sampled_from([AIORTC_OFFER, CHROMIUM_OFFER, RTPENGINE_OFFER]),
    st.booleans(),
)
def test_whatever_is_offered_is_answered_or_refused(lines: list[str], offer: str, held: bool):
    try:
        agreed = make_answer(parse(offer + "\n".join(lines)), LOCAL, held=held)
    except MediaError:
        return
    assert parse(build(agreed.local)).audio == agreed.local_audio
    assert len(agreed.local.media) == len(agreed.remote.media)


@given(st.lists(st.sampled_from(["hold", "unhold", "sendrecv", "sendonly", "inactive", "recvonly"]), max_size=12))
def test_two_of_us_always_agree(steps: list[str]):
    """Both sides run this code: what may flow from one is what the other may hear, and versions never go back."""
    other = evolve(LOCAL, session_id=9, ice_ufrag="them")
    theirs = make_answer(make_offer(LOCAL), other)
    ours = apply_answer(make_offer(LOCAL), theirs.local)
    held = False
    for step in steps:
        version = ours.local.version
        if step in ("hold", "unhold"):
            held = step == "hold"
            offer = make_offer(LOCAL, ours, held=held)
            theirs = make_answer(parse(build(offer)), other, theirs)
            ours = apply_answer(offer, parse(build(theirs.local)), ours)
        else:
            offer = make_offer(other, theirs)
            assert offer.audio
            audio = evolve(offer.audio, direction=Direction(step))
            offer = evolve(offer, media=(audio,), version=offer.version + 1)
            ours = make_answer(parse(build(offer)), LOCAL, ours, held=held)
            theirs = apply_answer(offer, parse(build(ours.local)), theirs)
        assert ours.direction.sends == theirs.direction.receives
        assert ours.direction.receives == theirs.direction.sends
        assert not (held and ours.direction.receives)
        assert ours.local.version in (version, version + 1)
        assert ours.codec.payload_type == theirs.codec.payload_type == 111
