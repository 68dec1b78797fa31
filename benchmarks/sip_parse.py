"""How fast SIP messages are parsed, beside JsSIP's parser in Node: medians of interleaved rounds, in one run.

    cd benchmarks && npm install && cd .. && python benchmarks/sip_parse.py

What is compared is what a user agent needs of a message, from the text of a WebSocket frame: all header fields, start
line, Via with its branch, From and To with their tags, Call-ID, CSeq, Contact, Record-Route and the media type taken
apart and checked; the body as it is. JsSIP's parseMessage does that, but for Contact's first value, which is asked for.

`new`: every message has tags, branches, a Call-ID and a CSeq of its own, as those of different calls have. `again`: the
same message each time, as in a retransmission: jzrx then finds its addresses in its cache. Times are CPU time, so that
other programs count less; the sides take turns in short rounds, and the ratio is the median of the rounds' ratios. How
Python was built matters (one compiled here without optimization flags was a fifth slower than Debian's 3.11), so the
first line says which one ran. The aim is 4 times JsSIP's rate on new INVITEs. Exit status 1 if it was missed, 2 if Node
or JsSIP is not there.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from jzrx.sip import Request, Response, parse_message

AIM = 4.0
ROUNDS = 31
COUNT = 400

SDP = """v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS 5a0a1a0e-6f43-4d2b-a3a4-4ad1b8a1dd3c
m=audio 54400 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 203.0.113.77
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1467250027 1 udp 2122260223 192.168.1.17 54400 typ host generation 0 network-id 1 network-cost 10
a=candidate:435653019 1 tcp 1518280447 192.168.1.17 9 typ host tcptype active generation 0 network-id 1 network-cost 10
a=candidate:1853887674 1 udp 1686052607 203.0.113.77 54400 typ srflx raddr 192.168.1.17 rport 54400 generation 0
a=ice-ufrag:Zw3T
a=ice-pwd:mzQ4iA1zVb8qUwYv5hD2ePbH
a=ice-options:trickle
a=fingerprint:sha-256 5B:0C:7E:8A:42:19:DD:33:F2:4A:01:9C:B7:6D:EE:58:10:77:AB:C4:2F:90:31:65:8E:D3:0A:4B:96:F1:22:7C
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:5a0a1a0e-6f43-4d2b-a3a4-4ad1b8a1dd3c 9b0e7d6a-52b1-4f5f-8d3e-1c2b3a4d5e6f
a=rtcp-mux
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
a=ssrc:1399694169 cname:Xq7mB0uV2cLkN5sT
""".replace("\n", "\r\n")


def _message(head: str, body: str = "") -> str:
    return head.replace("\n", "\r\n") + f"Content-Length: {len(body)}\r\n\r\n{body}"


MESSAGES = {
    "INVITE with SDP": _message(
        """INVITE sip:7f3kq0b2@192.0.2.146.invalid;transport=ws SIP/2.0
Via: SIP/2.0/WSS sbc.example.com:8443;branch=z9hG4bK5b9e.4f1c7a2d8NNNNNN
Via: SIP/2.0/UDP 10.0.3.21:5060;rport=5060;branch=z9hG4bKKmS3eXtNNNNNN
Record-Route: <sip:sbc.example.com:8443;transport=wss;lr;ftag=8Hr2KmtNNNNNN>
Max-Forwards: 69
From: "Alice Example" <sip:alice@acme.sip.example.com>;tag=8Hr2KmtNNNNNN
To: <sip:7f3kq0b2@192.0.2.146.invalid;transport=ws>
Call-ID: 2f4a0f3c-7c55-123c-9a8e-0242acNNNNNN
CSeq: 82NNNNNN INVITE
Contact: <sip:alice@10.0.3.21:5060;transport=udp>
User-Agent: jambonz-webrtc-0.9.8
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY, MESSAGE
Supported: timer, replaces, outbound
X-Account-Sid: 9351f46a-678c-43f5-b8a6-d4eb58d131af
X-Call-Sid: f01f2a0e-3a4f-4f6e-9f6a-6a1a3fNNNNNN
X-CID: 2f4a0f3c-7c55-123c-9a8e-0242acNNNNNN
Content-Type: application/sdp
""",
        SDP,
    ),
    "200 OK with SDP": _message(
        """SIP/2.0 200 OK
Via: SIP/2.0/WSS 7f3kq0b2.invalid;branch=z9hG4bK9NNNNNN;rport=51662;received=203.0.113.77
Record-Route: <sip:sbc.example.com:8443;transport=wss;lr;ftag=NNNNNN>
From: "Alice Example" <sip:alice@acme.sip.example.com>;tag=NNNNNN
To: <sip:bob@acme.sip.example.com>;tag=ZB0vye0NNNNNN
Call-ID: 5k0l3vNNNNNN
CSeq: 77NNNNNN INVITE
Contact: <sip:bob@10.0.3.21:5060;transport=udp>
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY, MESSAGE
X-Call-Sid: f01f2a0e-3a4f-4f6e-9f6a-6a1a3fNNNNNN
Content-Type: application/sdp
""",
        SDP,
    ),
    "200 to REGISTER": _message(
        """SIP/2.0 200 OK
Via: SIP/2.0/WSS 7f3kq0b2.invalid;branch=z9hG4bK5NNNNNN;rport=51662;received=203.0.113.77
From: <sip:alice@acme.sip.example.com>;tag=NNNNNN
To: <sip:alice@acme.sip.example.com>;tag=1eKmQp3NNNNNN
Call-ID: 9c1pNNNNNN
CSeq: 3NNNNNN REGISTER
Contact: <sip:7f3kq0b2@192.0.2.146.invalid;transport=ws>;expires=300
"""
    ),
}


def needed(message: Request | Response) -> tuple[object, ...]:
    """What a user agent reads of every message."""
    return (
        message.via.branch,
        message.from_.tag,
        message.to.tag,
        message.call_id,
        message.cseq,
        message.contacts,
        message.record_routes,
        message.content_type,
    )


def ours(messages: list[str]) -> float:
    """CPU seconds for these parses."""
    start = time.process_time()
    for text in messages:
        needed(parse_message(text))
    return time.process_time() - start


def numbered(text: str, first: int) -> list[str]:
    """COUNT messages with identifiers of their own."""
    return [text.replace("NNNNNN", f"{number:06}") for number in range(first, first + COUNT)]


def theirs(node: "subprocess.Popen[str]", text: str, first: int) -> float:
    """CPU seconds for COUNT parses in Node."""
    assert node.stdin is not None
    assert node.stdout is not None
    node.stdin.write(json.dumps({"message": text, "first": first, "count": COUNT}) + "\n")
    node.stdin.flush()
    answer = node.stdout.readline()
    if not answer:
        print("JsSIP is not there: run `npm install` in benchmarks/", file=sys.stderr)
        raise SystemExit(2)
    return float(json.loads(answer)["seconds"])


def main() -> int:
    """Print a line for each message: both rates (messages/s) and the median ratio."""
    try:
        node = subprocess.Popen(
            ["node", "jssip_parse.mjs"],
            cwd=Path(__file__).parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    except FileNotFoundError:
        print("node is not there: install Node.js 20 or later", file=sys.stderr)
        return 2
    reached = True
    with node:
        print("Python", sys.version.replace("\n", ""))
        print(f"{'messages/s':18}{'octets':>8}{'new':>10}{'again':>10}{'JsSIP':>10}{'new x':>8}{'again x':>8}")
        for name, text in MESSAGES.items():
            rounds = [
                (
                    ours(numbered(text, index * COUNT)),
                    ours(numbered(text, 0)[:1] * COUNT),
                    theirs(node, text, index * COUNT),
                )
                for index in range(ROUNDS + 2)
            ][2:]
            new, again, js = (COUNT / statistics.median(column) for column in zip(*rounds, strict=True))
            new_ratio = statistics.median(js / new for new, _, js in rounds)
            again_ratio = statistics.median(js / again for _, again, js in rounds)
            print(f"{name:18}{len(text):8}{new:10.0f}{again:10.0f}{js:10.0f}{new_ratio:8.2f}{again_ratio:8.2f}")
            reached = reached and (not name.startswith("INVITE") or new_ratio >= AIM)
        assert node.stdin is not None
        node.stdin.close()
    print(f"aim: {AIM:.0f} on the INVITE: {'reached' if reached else 'missed'}")
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
