"""Messages of RFC 4475, written from the RFC's text: VALID and REFUSED (with the status that refuses them).

`\\xNN` stands for the octets that the RFC writes in hexadecimal. Names are the RFC's; sections in comments.
"""

SDP = (
    b"v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 49217 RTP/AVP 0 12\r\nm=video 3227 RTP/AVP 31\r\na=rtpmap:31 LPC\r\n"
)


def message(head: str, body: bytes = b"") -> bytes:
    """The octets of a message: CRLF for the line ends of `head`, then the empty line and the body."""
    return head.strip("\n").replace("\n", "\r\n").encode() + b"\r\n\r\n" + body


VALID = {
    # 3.1.1.1
    "wsinv": message(
        r"""
INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
TO :
 sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
from   : "J Rosenberg \\\""       <sip:jdrosen@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.ndaksdj@192.0.2.1
Content-Length   : 150
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"Quoted string \"\"" <sip:jdrosen@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33
""",
        SDP,
    ),
    # 3.1.1.2
    "intmeth": message(
        "!interesting-Method0123456789_*+`.%indeed'~"
        " sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com"
        " SIP/2.0\n"
        "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\n"
        'To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn\'t+it$/crazy?,/;;*@example.com>\n'
        "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>"
        ";fromParam''~+*_!.-%=\"\u0440\u0430\u0431\u043e\u0442\u0430\u044e\u0449\u0438\u0439\";tag=_token~1'+`*%!-.\n"
        "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\n"
        "CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~\n"
        "Max-Forwards: 255\n"
        "extensionHeader-!.%*+_`'~:\ufeff\u5927\u505c\u96fb\n"
        "Content-Length: 0\n"
    ),
    # 3.1.1.3
    "esc01": message(
        """
INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0
To: sip:%75se%72@example.com
From: <sip:I%20have%20spaces@example.net>;tag=938
Max-Forwards: 87
i: esc01.239409asdfakjkn23onasd0-3234
CSeq: 234234 INVITE
Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bKkdjuw
C: application/sdp
Contact:
  <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>
Content-Length: 150
""",
        SDP,
    ),
    # 3.1.1.4
    "escnull": message(
        """
REGISTER sip:example.com SIP/2.0
To: sip:null-%00-null@example.com
From: sip:null-%00-null@example.com;tag=839923423
Max-Forwards: 70
Call-ID: escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd
CSeq: 14398234 REGISTER
Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw
Contact: <sip:%00@host5.example.com>
Contact: <sip:%00%00@host5.example.com>
L:0
"""
    ),
    # 3.1.1.5
    "esc02": message(
        """
RE%47IST%45R sip:registrar.example.com SIP/2.0
To: "%Z%45" <sip:resource@example.com>
From: "%Z%45" <sip:resource@example.com>;tag=f232jadfj23
Call-ID: esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf
Via: SIP/2.0/TCP host.example.com;branch=z9hG4bK209%fzsnel234
CSeq: 29344 RE%47IST%45R
Max-Forwards: 70
Contact: <sip:alias1@host1.example.com>
C%6Fntact: <sip:alias2@host2.example.com>
Contact: <sip:alias3@host3.example.com>
l: 0
"""
    ),
    # 3.1.1.6
    "lwsdisp": message(
        """
OPTIONS sip:user@example.com SIP/2.0
To: sip:user@example.com
From: caller<sip:caller@example.com>;tag=323
Max-Forwards: 70
Call-ID: lwsdisp.1234abcd@funky.example.com
CSeq: 60 OPTIONS
Via: SIP/2.0/UDP funky.example.com;branch=z9hG4bKkdjuw
l: 0
"""
    ),
    # 3.1.1.9
    "semiuri": message(
        """
OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0
To: sip:j_user@example.com
From: sip:caller@example.org;tag=33242
Max-Forwards: 3
Call-ID: semiuri.0ha0isndaksdj
CSeq: 8 OPTIONS
Accept: application/sdp, application/pkcs7-mime,
        multipart/mixed, multipart/signed,
        message/sip, message/sipfrag
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKkdjuw
l: 0
"""
    ),
    # 3.1.1.10
    "transports": message(
        """
OPTIONS sip:user@example.com SIP/2.0
To: sip:user@example.com
From: <sip:caller@example.com>;tag=323
Max-Forwards: 70
Call-ID:  transports.kijh4akdnaqjkwendsasfdj
Accept: application/sdp
CSeq: 60 OPTIONS
Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw
Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf
Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj
Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en
Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee
l: 0
"""
    ),
    # 3.1.1.13
    "noreason": message(
        """
SIP/2.0 100\x20
Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe
Call-ID: noreason.asndj203insdf99223ndf
CSeq: 35 INVITE
From: <sip:user@example.com>;tag=39ansfi3
To: <sip:user@example.edu>;tag=902jndnke3
Content-Length: 0
Contact: <sip:user@host105.example.com>
"""
    ),
    # 3.1.1.12
    "unreason": message(
        """
SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e \u0434\u0435\u0432\u044f\u043d\u043e\u0441\u0442\u043e
Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923
Call-ID: unreason.1234ksdfak3j2erwedfsASdf
CSeq: 35 INVITE
From: sip:user@example.com;tag=11141343
To: sip:user@example.edu;tag=2229
Content-Length: 150
Content-Type: application/sdp
Contact: <sip:user@host198.example.com>
""",
        SDP,
    ),
    # 3.3.2
    "unkscm": message(
        """
OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0
To: sip:user@example.com
From: sip:caller@example.net;tag=384
Max-Forwards: 3
Call-ID: unkscm.nasdfasser0q239nwsdfasdkl34
CSeq: 3923423 OPTIONS
Via: SIP/2.0/TCP host9.example.com;branch=z9hG4bKkdjuw39234
Content-Length: 0
"""
    ),
    # 3.3.4
    "unksm2": message(
        """
REGISTER sip:example.com SIP/2.0
To: isbn:2983792873
From: <http://www.example.com>;tag=3234233
Call-ID: unksm2.daksdj@hyphenated-host.example.com
CSeq: 234902 REGISTER
Max-Forwards: 70
Via: SIP/2.0/UDP 192.0.2.21:5060;branch=z9hG4bKkdjuw
Contact: <name:John_Smith>
l: 0
"""
    ),
    # 3.3.14
    "regescrt": message(
        """
REGISTER sip:example.com SIP/2.0
To: sip:user@example.com
From: sip:user@example.com;tag=8
Max-Forwards: 70
Call-ID: regescrt.k345asrl3fdbv@192.0.2.1
CSeq: 14398234 REGISTER
Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw
M: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>
L:0
"""
    ),
    # 3.4.1
    "inv2543": message(
        """
INVITE sip:UserB@example.com SIP/2.0
Via: SIP/2.0/UDP iftgw.example.com
From: <sip:+13035551111@ift.client.example.net;user=phone>
Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>
To: sip:+16505552222@ss1.example.net;user=phone
Call-ID: inv2543.1717@ift.client.example.com
CSeq: 56 INVITE
Content-Type: application/sdp
""",
        SDP,
    ),
}

# 3.1.1.8: what follows the REGISTER in its datagram is no part of it.
DBLREQ = message(
    """
REGISTER sip:example.com SIP/2.0
To: sip:j.user@example.com
From: sip:j.user@example.com;tag=43251j3j324
Max-Forwards: 8
I: dblreq.0ha0isndaksdj99sdfafnl3lk233412
Contact: sip:j.user@host.example.com
CSeq: 8 REGISTER
Via: SIP/2.0/UDP 192.0.2.125;branch=z9hG4bKkdjuw23492
Content-Length: 0
""",
    b"\r\nINVITE sip:joe@example.com SIP/2.0\r\nt: sip:joe@example.com\r\n\r\n",
)

_INVITE = """
INVITE sip:user@example.com SIP/2.0
To: sip:j.user@example.com
From: sip:caller@example.net;tag=134161461246
Max-Forwards: 7
Call-ID: test.0ha0isndaksdjasdf3234nas
CSeq: 8 INVITE
Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw
Contact: <sip:caller@host5.example.net>
Content-Type: application/sdp
Content-Length: 150
"""
_RESPONSE = """
SIP/2.0 503 Service Unavailable
Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bKzzxdiwo34sw;received=192.0.2.129
To: <sip:user@example.com>
From: <sip:other@example.net>;tag=2easdjfejw
CSeq: 9292394 OPTIONS
Call-ID: test.noase0of0234hn2qofoaf0232aewf2394r
Content-Length: 0
"""


def _changed(base: str, *changes: tuple[str, str]) -> bytes:
    """`base` with the one fault that the RFC's message of that name is about."""
    for old, new in changes:
        assert old in base, old
        base = base.replace(old, new, 1)
    return message(base, SDP if "application/sdp" in base else b"")


REFUSED = {
    # 3.1.2.1 to 3.1.2.3
    "badinv01": (_changed(_INVITE, ("192.0.2.15;branch=z9hG4bKkdjuw", "192.0.2.15;;,;,,")), 400),
    "badinv01 (Contact)": (
        _changed(_INVITE, ("<sip:caller@host5.example.net>", '"Joe" <sip:joe@example.org>;;;;')),
        400,
    ),
    "clerr": (_changed(_INVITE, ("Length: 150", "Length: 9999")), 400),
    "ncl": (_changed(_INVITE, ("Length: 150", "Length: -999")), 400),
    # 3.1.2.4, 3.1.2.5
    "scalar02": (_changed(_INVITE, ("CSeq: 8", "CSeq: 36893488147419103232")), 400),
    "scalarlg": (_changed(_RESPONSE, ("9292394", "9292394834772304023312")), 400),
    # 3.1.2.6 to 3.1.2.11
    "quotbal": (_changed(_INVITE, ("To: sip:j.user@example.com", 'To: "Mr. J. User <sip:j.user@example.com>')), 400),
    "ltgtruri": (_changed(_INVITE, ("sip:user@example.com", "<sip:user@example.com>")), 400),
    "lwsruri": (_changed(_INVITE, ("sip:user@example.com", "sip:user@example.com; lr")), 400),
    "lwsstart": (_changed(_INVITE, ("INVITE sip:user@example.com", "INVITE  sip:user@example.com ")), 400),
    "trws": (_changed(_INVITE, ("SIP/2.0", "SIP/2.0  ")), 400),
    "escruri": (_changed(_INVITE, ("user@example.com", "user@example.com?Route=%3Csip:example.com%3E")), 400),
    # 3.1.2.13 to 3.1.2.16
    "regbadct": (
        _changed(_INVITE, ("<sip:caller@host5.example.net>", "sip:user@example.com?Route=%3Csip:sip.example.com%3E")),
        400,
    ),
    "badaspec": (_changed(_INVITE, ("To: sip:j.user@example.com", 'To: "Watson" < sip:t.watson@example.org >')), 400),
    "baddn": (_changed(_INVITE, ("From: sip:caller@example.net", "From: Bell, A <sip:a.g.bell@example.com>")), 400),
    "badvers": (_changed(_INVITE, ("SIP/2.0", "SIP/7.0"), ("SIP/2.0", "SIP/7.0")), 505),
    # 3.1.2.17 to 3.1.2.19
    "mismatch01": (_changed(_INVITE, ("INVITE", "OPTIONS")), 400),
    "mismatch02": (_changed(_INVITE, ("INVITE", "NEWMETHOD")), 501),
    "bigcode": (_changed(_RESPONSE, ("503", "4294967301")), 400),
    # 3.2.1
    "badbranch": (_changed(_INVITE, ("z9hG4bKkdjuw", "z9hG4bK")), 400),
    # 3.3.1, 3.3.8, 3.3.9
    "insuf": (_changed(_INVITE, ("From: sip:caller@example.net;tag=134161461246\n", "")), 400),
    "multi01": (_changed(_INVITE, ("To: ", "To: sip:other@example.net\nTo: ")), 400),
    "mcl01": (_changed(_INVITE, ("Content-Length: 150", "Content-Length: 5\nContent-Length: 150")), 400),
}
