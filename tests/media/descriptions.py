"""Session descriptions as real peers write them, and what they must mean to us.

Written for these tests after what each kind of peer sends; ICE names, hashes and addresses are made up.
"""

from jzrx.media.negotiation import LocalMedia
from jzrx.media.sdp import Fingerprint

FINGERPRINT = "7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08"


def local(ssrc: int, codec: str) -> LocalMedia:
    """One of us, who would rather speak `codec`."""
    return LocalMedia(
        session_id=ssrc,
        ssrc=ssrc,
        cname=f"party-{ssrc}",
        preferred=(codec,),
        ice_ufrag="abcd",
        ice_pwd="0123456789012345678901",
        fingerprints=(Fingerprint("sha-256", FINGERPRINT),),
    )


CHROMIUM_OFFER = f"""v=0
o=- 4962303333179871722 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS 7d6c
m=audio 54609 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 192.0.2.4
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1467250027 1 udp 2122260223 192.0.2.4 54609 typ host generation 0 network-id 1 network-cost 50
a=candidate:1853887674 1 udp 2122194687 8ec1b0a6-0a5b-4b7e-9a4f-000000000000.local 46154 typ host generation 0
a=candidate:435653019 1 tcp 1518280447 192.0.2.4 9 typ host tcptype active generation 0 network-id 1
a=ice-ufrag:yxYb
a=ice-pwd:05iMxO9GujD2fUWXSoi0ByNd
a=ice-options:trickle
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=sendrecv
a=msid:7d6c 2f1e
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6
a=ssrc:3570614608 msid:7d6c 2f1e
"""

RTPENGINE_OFFER = f"""v=0
o=root 1710000000 1710000001 IN IP4 203.0.113.7
s=Session
c=IN IP4 203.0.113.7
t=0 0
m=audio 30012 UDP/TLS/RTP/SAVPF 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=sendrecv
a=rtcp:30012
a=rtcp-mux
a=setup:actpass
a=fingerprint:sha-256 {FINGERPRINT}
a=tls-id:2b5e0a
a=ptime:20
a=ice-ufrag:8hhY
a=ice-pwd:asd88fgpdd777uzjYhagZg
a=candidate:H7Gvq1nXqcnlqCOn 1 UDP 2130706431 203.0.113.7 30012 typ host
a=end-of-candidates
"""

FREESWITCH_OFFER = f"""v=0
o=FreeSWITCH 1700000000 1700000001 IN IP4 198.51.100.2
s=FreeSWITCH
c=IN IP4 198.51.100.2
t=0 0
a=msid-semantic: WMS xyz
m=audio 20044 UDP/TLS/RTP/SAVPF 102 9 0 8 103
a=rtpmap:102 opus/48000/2
a=fmtp:102 useinbandfec=1; maxaveragebitrate=30000; maxplaybackrate=48000; ptime=20; minptime=10; maxptime=40
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:103 telephone-event/48000
a=fmtp:103 0-16
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
a=rtcp-mux
a=rtcp:20044 IN IP4 198.51.100.2
a=ssrc:1234567 cname:abc
a=ssrc:1234567 msid:xyz a0
a=ssrc:1234567 mslabel:xyz
a=ice-ufrag:Kqg1mk2o
a=ice-pwd:Rjn2nNMbdPFsqFJjsKLqTC0v
a=candidate:4170466352 1 udp 659136 198.51.100.2 20044 typ host generation 0
a=end-of-candidates
a=ptime:20
"""

AIORTC_OFFER = f"""v=0
o=- 3909292811 3909292811 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0
a=msid-semantic:WMS *
m=audio 51212 UDP/TLS/RTP/SAVPF 96 9 0 8
c=IN IP4 192.0.2.9
a=sendrecv
a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=mid:0
a=msid:d1d4 22f4
a=rtcp:9 IN IP4 0.0.0.0
a=rtcp-mux
a=ssrc:1357 cname:77ce
a=rtpmap:96 opus/48000/2
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=candidate:10dff1 1 udp 2130706431 192.0.2.9 51212 typ host
a=end-of-candidates
a=ice-ufrag:Vk1Z
a=ice-pwd:hXU5dBLdPyvgtGq9zQSs3z
a=fingerprint:sha-256 {FINGERPRINT}
a=fingerprint:sha-384 {FINGERPRINT}
a=fingerprint:sha-512 {FINGERPRINT}
a=setup:actpass
"""

BARESIP_OFFER = f"""v=0
o=- 2876543210 1234 IN IP4 192.0.2.20
s=-
c=IN IP4 192.0.2.20
t=0 0
a=tool:baresip 1.0.0
a=ice-ufrag:3IkB
a=ice-pwd:u2DlbbAVqHnJAmjBPAjWxL
a=ice-options:trickle
m=audio 14522 UDP/TLS/RTP/SAVPF 96 0 8 101
b=AS:128
a=rtpmap:96 opus/48000/2
a=fmtp:96 stereo=1;sprop-stereo=1
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=rtcp:14522
a=rtcp-mux
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
a=ssrc:2406135917 cname:sip:baresip@192.0.2.20
a=sendrecv
a=label:1
a=candidate:1 1 UDP 2113932031 192.0.2.20 14522 typ host
a=ptime:20
"""

OFFERS = {
    "Chromium": CHROMIUM_OFFER,
    "rtpengine": RTPENGINE_OFFER,
    "FreeSWITCH": FREESWITCH_OFFER,
    "aiortc through Kamailio": AIORTC_OFFER,
    "baresip": BARESIP_OFFER,
}


def without(text: str, *beginnings: str) -> str:
    """`text` without the lines that begin so."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(beginnings))


def plus(text: str, *lines: str) -> str:
    """`text` with lines at its end: of its last stream."""
    return text + "".join(f"{line}\n" for line in lines)


def at_session(text: str, *beginnings: str) -> str:
    """`text` with the lines that begin so moved above the first m-line."""
    lines = text.splitlines(keepends=True)
    moved = [line for line in lines if line.startswith(beginnings)]
    kept = [line for line in lines if line not in moved]
    first = next(i for i, line in enumerate(kept) if line.startswith("m="))
    return "".join(kept[:first] + moved + kept[first:])
