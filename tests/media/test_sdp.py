"""Session descriptions: what real peers write is understood, only MediaError comes out, and text round-trips."""

from contextlib import suppress

import pytest
from aiortc.sdp import candidate_from_sdp
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from jzrx.media.sdp import (
    AudioDescription,
    Codec,
    Direction,
    Fingerprint,
    OtherMedia,
    SessionDescription,
    build,
    parse,
)
from jzrx.ports import MediaError
from tests.media.descriptions import (
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


def audio_of(text: str) -> AudioDescription:
    audio = parse(text).audio
    assert audio is not None
    return audio


def test_a_browsers_offer_is_read_to_the_last_part():
    description = parse(CHROMIUM_OFFER)
    assert (description.session_id, description.version) == (4962303333179871722, 2)
    assert description.bundle == ("0",)
    audio = audio_of(CHROMIUM_OFFER)
    assert (audio.address, audio.port, audio.proto, audio.mid) == ("192.0.2.4", 54609, "UDP/TLS/RTP/SAVPF", "0")
    assert [(codec.name, codec.payload_type) for codec in audio.codecs][:4] == [
        ("opus", 111),
        ("red", 63),
        ("G722", 9),
        ("PCMU", 0),
    ]
    assert audio.codecs[0] == Codec("opus", 48000, 2, 111, "minptime=10;useinbandfec=1")
    assert audio.codecs[0].parameters == {"minptime": "10", "useinbandfec": "1"}
    assert (audio.ice_ufrag, audio.ice_pwd, audio.ice_lite) == ("yxYb", "05iMxO9GujD2fUWXSoi0ByNd", False)
    assert len(audio.candidates) == 3
    assert not audio.end_of_candidates
    assert audio.fingerprints == (Fingerprint("sha-256", FINGERPRINT),)
    assert (audio.setup, audio.rtcp_mux, audio.direction) == ("actpass", True, Direction.SENDRECV)
    assert (audio.ssrc, audio.cname) == (3570614608, "4TOk42mSjXCkVIa6")


@pytest.mark.parametrize("text", OFFERS.values(), ids=OFFERS)
def test_line_ends_may_be_bare_and_their_last_one_missing(text: str):
    assert parse(text) == parse(text.replace("\n", "\r\n")) == parse(text.rstrip())


@pytest.mark.parametrize(
    "beginnings",
    [
        ("a=ice-ufrag", "a=ice-pwd"),
        ("a=fingerprint",),
        ("a=setup",),
        ("a=sendrecv",),
        ("c=",),
        ("a=end-of-candidates",),
    ],
)
def test_what_stands_at_session_level_holds_for_the_stream(beginnings: tuple[str, ...]):
    assert audio_of(at_session(RTPENGINE_OFFER, *beginnings)) == audio_of(RTPENGINE_OFFER)


@pytest.mark.parametrize("direction", Direction)
def test_the_direction_at_session_level_gives_way_to_the_streams(direction: Direction):
    bare = without(RTPENGINE_OFFER, "a=sendrecv")
    session = bare.replace("t=0 0\n", f"t=0 0\na={direction}\n")
    assert audio_of(session).direction is direction
    assert audio_of(plus(session, "a=recvonly")).direction is Direction.RECVONLY
    assert audio_of(bare).direction is Direction.SENDRECV


TOLERATED = {
    "no mid": without(CHROMIUM_OFFER, "a=mid"),
    "no session name": without(CHROMIUM_OFFER, "s="),
    "no time": without(CHROMIUM_OFFER, "t="),
    "no version line": without(CHROMIUM_OFFER, "v="),
    "no origin": without(CHROMIUM_OFFER, "o="),
    "an origin cut short": CHROMIUM_OFFER.replace("o=- 4962303333179871722 2 IN IP4 127.0.0.1", "o=-"),
    "an origin in words": CHROMIUM_OFFER.replace("4962303333179871722 2", "alice first"),
    "several ports": CHROMIUM_OFFER.replace("m=audio 54609 ", "m=audio 54609/2 "),
    "ssrc alone": plus(without(CHROMIUM_OFFER, "a=ssrc"), "a=ssrc:77"),
    "ssrc of nothing": plus(without(CHROMIUM_OFFER, "a=ssrc"), "a=ssrc:"),
    "extmap with parameters": plus(CHROMIUM_OFFER, "a=extmap:4/sendrecv urn:x long parameters=1"),
    "fmtp without rtpmap": plus(CHROMIUM_OFFER, "a=fmtp:99 x=y"),
    "fmtp without parameters": plus(CHROMIUM_OFFER, "a=fmtp:8"),
    "rtpmap of an unlisted type": plus(CHROMIUM_OFFER, "a=rtpmap:35 L16/44100/2"),
    "rtpmap without a rate": plus(CHROMIUM_OFFER, "a=rtpmap:126 telephone-event"),
    "rtpmap of nothing": plus(CHROMIUM_OFFER, "a=rtpmap:"),
    "formats that are no numbers": CHROMIUM_OFFER.replace(" 13 110", " 13 webrtc 4711 -1 110"),
    "a format twice": CHROMIUM_OFFER.replace(" 13 110", " 13 111 110"),
    "opus without its two channels": CHROMIUM_OFFER.replace("opus/48000/2", "opus/48000"),
    "names in capitals": CHROMIUM_OFFER.replace("opus/48000", "OPUS/48000"),
    "a space after the equals sign": CHROMIUM_OFFER.replace("m=audio", "m= audio"),
    "lines that are none": plus(CHROMIUM_OFFER, "", "hello", "=", "a", "a=", "x=y"),
    "attributes with spaces": CHROMIUM_OFFER.replace("a=ice-ufrag:", "a=ice-ufrag: "),
    "broken candidates": plus(
        CHROMIUM_OFFER, "a=candidate:", "a=candidate:1 1 udp x y z typ host", "a=candidate:1 2 3"
    ),
    "a broken fingerprint": plus(CHROMIUM_OFFER, "a=fingerprint:sha-256"),
    "an unknown setup": plus(CHROMIUM_OFFER, "a=setup:whatever"),
    "a broken bandwidth": CHROMIUM_OFFER.replace("a=rtcp:9", "b=AS:many\nb=\na=rtcp:9"),
    "a broken rtcp": CHROMIUM_OFFER.replace("a=rtcp:9 IN", "a=rtcp:nine IN"),
    "a numbered ptime": plus(CHROMIUM_OFFER, "a=ptime:20.5"),
}


@pytest.mark.parametrize("text", TOLERATED.values(), ids=TOLERATED)
def test_what_is_odd_or_missing_hides_nothing_else(text: str):
    audio, model = audio_of(text), audio_of(CHROMIUM_OFFER)
    assert any(codec.same_format(model.codecs[0]) and codec.payload_type == 111 for codec in audio.codecs)
    assert (audio.port, audio.ice_ufrag, audio.setup) == (model.port, model.ice_ufrag, model.setup)
    assert audio.fingerprints == model.fingerprints
    assert audio.candidates == model.candidates


def test_static_payload_types_need_no_rtpmap():
    audio = audio_of("v=0\nm=audio 4000 RTP/AVP 0 8 9 13 96\n")
    assert [codec.name for codec in audio.codecs] == ["PCMU", "PCMA", "G722", "CN"]


def test_an_rtpmap_goes_before_the_static_meaning():
    audio = audio_of("v=0\nm=audio 4000 RTP/AVP 8\na=rtpmap:8 opus/48000/2\n")
    assert audio.codecs == (Codec("opus", 48000, 2, 8),)


def test_other_streams_keep_their_place():
    description = parse(f"{RTPENGINE_OFFER}m=video 9 UDP/TLS/RTP/SAVPF 96 97\na=mid:v\nm=image 0 udptl t38\n")
    assert [type(media) for media in description.media] == [AudioDescription, OtherMedia, OtherMedia]
    assert description.media[1] == OtherMedia("video", 9, "UDP/TLS/RTP/SAVPF", "96 97", "v")
    assert description.media[2] == OtherMedia("image", 0, "udptl", "t38")


def test_a_refused_audio_stream_is_no_audio():
    assert parse("v=0\nm=audio 0 RTP/AVP 0\n").audio is None


@pytest.mark.parametrize(
    ("text", "zero"),
    [
        (RTPENGINE_OFFER.replace("c=IN IP4 203.0.113.7", "c=IN IP4 0.0.0.0"), True),
        ("v=0\nc=IN IP6 ::\nm=audio 4000 RTP/AVP 0\n", True),
        ("v=0\nc=IN IP4 0.0.0.0\nm=audio 9 RTP/AVP 0\n", True),
        # RFC 8840: a browser that has no candidates yet says 0.0.0.0 port 9, and does not hold.
        (CHROMIUM_OFFER.replace("192.0.2.4\na=rtcp", "0.0.0.0\na=rtcp").replace("m=audio 54609", "m=audio 9"), False),
        ("v=0\nm=audio 4000 RTP/AVP 0\n", False),
        (RTPENGINE_OFFER, False),
    ],
)
def test_the_zero_address_is_hold_unless_trickle_ice_says_it(text: str, zero: bool):
    assert audio_of(text).is_zero_address is zero


def test_bandwidth_is_bits_per_second():
    assert audio_of(BARESIP_OFFER).bandwidth == 128_000
    assert audio_of(BARESIP_OFFER.replace("b=AS:128", "b=TIAS:20000")).bandwidth == 20_000


def test_parameters_are_read_whatever_their_spaces_and_case():
    codec = audio_of(FREESWITCH_OFFER).codecs[0]
    assert codec.parameters["maxaveragebitrate"] == "30000"
    assert Codec("opus", 48000, 2, 111, " UseInbandFec = 1 ;;stereo").parameters == {"useinbandfec": "1", "stereo": ""}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=0\r\n",
        "hello",
        "m=audio",
        "v=0\nm=\n",
        "m=audio x RTP/AVP 0",
        "m=audio 70000 RTP/AVP 0",
        "m=audio -1 R 0",
    ],
)
def test_what_is_no_description_is_refused_with_488(text: str):
    with pytest.raises(MediaError) as caught:
        parse(text)
    assert caught.value.code == 488
    assert caught.value.warning is not None


def test_a_description_of_a_megabyte_is_refused():
    with pytest.raises(MediaError):
        parse(CHROMIUM_OFFER + "a=x\n" * 300_000)
    with pytest.raises(MediaError):
        parse("v=0\n" + "m=audio 9 RTP/AVP 0\n" * 100)


def test_the_password_of_ice_is_in_no_repr():
    assert "05iMxO9GujD2fUWXSoi0ByNd" not in repr(parse(CHROMIUM_OFFER))


@pytest.mark.parametrize("text", OFFERS.values(), ids=OFFERS)
def test_what_was_parsed_survives_building(text: str):
    description = parse(text)
    assert parse(build(description)) == description


lines = st.one_of(
    st.sampled_from([line for text in OFFERS.values() for line in text.splitlines()]),
    st.builds("{}={}".format, st.sampled_from("vostcbam"), st.text()),
    st.builds(
        "a={}:{}".format,
        st.sampled_from(["rtpmap", "fmtp", "candidate", "ssrc", "setup", "rtcp", "group", "mid", "fingerprint"]),
        st.text(st.characters(codec="utf-8")),
    ),
    st.text(),
)


@given(st.lists(lines, max_size=30).map("\n".join))
def test_whatever_comes_is_a_description_or_a_media_error(text: str):
    try:
        description = parse(text)
    except MediaError:
        return
    parse(build(description))


@given(st.text())
def test_any_text_is_a_description_or_a_media_error(text: str):
    with suppress(MediaError):
        parse(text)


candidate_parts = st.sampled_from(
    [
        "1",
        "2",
        "udp",
        "tcp",
        "192.0.2.1",
        "typ",
        "host",
        "raddr",
        "rport",
        "9",
        "x",
        "tcptype",
        "active",
        "-1",
        "²",
        "generation",
    ]
)


@given(st.lists(candidate_parts, max_size=6))
def test_a_candidate_that_is_kept_can_be_read(rest: list[str]):
    line = " ".join(["a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host", *rest])
    for candidate in audio_of(plus(RTPENGINE_OFFER, line)).candidates:
        assert candidate_from_sdp(candidate).port in (5000, 30012)


words = st.text("abcXYZ0189+/-", min_size=1, max_size=12)
codecs = st.builds(
    Codec,
    name=words.map(lambda word: word.replace("/", "-")),
    clock_rate=st.sampled_from([8000, 16000, 48000]),
    channels=st.sampled_from([1, 2]),
    payload_type=st.integers(0, 127),
    fmtp=st.sampled_from(["", "a=1", "0-16", "minptime=10;useinbandfec=1"]),
)
audios = st.builds(
    AudioDescription,
    port=st.integers(1, 65535),
    proto=st.sampled_from(["UDP/TLS/RTP/SAVPF", "RTP/AVP"]),
    codecs=st.lists(codecs, max_size=6, unique_by=lambda codec: codec.payload_type).map(tuple),
    address=st.sampled_from(["0.0.0.0", "192.0.2.1", "2001:db8::1", "::"]),
    direction=st.sampled_from(Direction),
    mid=st.none() | words,
    ice_ufrag=words,
    ice_pwd=words,
    candidates=st.lists(st.sampled_from(["1 1 udp 5 192.0.2.1 9 typ host", "f 2 tcp 7 ::1 80 typ srflx a b"])).map(
        tuple
    ),
    end_of_candidates=st.booleans(),
    fingerprints=st.lists(st.builds(Fingerprint, st.sampled_from(["sha-256", "sha-1"]), st.just("AB:CD"))).map(tuple),
    setup=st.sampled_from([None, "actpass", "active", "passive", "holdconn"]),
    rtcp_mux=st.booleans(),
    rtcp_port=st.none() | st.integers(0, 65535),
    ptime=st.none() | st.integers(1, 200),
    maxptime=st.none() | st.integers(1, 200),
    bandwidth=st.none() | st.integers(1, 10**7),
    ssrc=st.integers(0, 2**32 - 1),
    cname=words,
)
others = st.builds(
    OtherMedia,
    st.sampled_from(["video", "image", "application"]),
    st.integers(0, 65535),
    words,
    words,
    st.none() | words,
)


@given(
    st.builds(
        SessionDescription,
        media=st.lists(audios | others, min_size=1, max_size=5).map(tuple),
        session_id=st.integers(0, 2**63),
        version=st.integers(0, 2**63),
        address=st.sampled_from(["127.0.0.1", "2001:db8::1"]),
        bundle=st.lists(words, max_size=3).map(tuple),
    )
)
def test_every_description_round_trips(description: SessionDescription):
    again = parse(build(description))
    assert again == description
    assert build(evolve(again)) == build(description)
