"""Digest, both sides: the RFCs' vectors, the order of RFC 8760, and the form that jambonz can read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jzrx.sip import Headers, Response
from jzrx.sip.digest import Challenge, Credentials, authorization, challenge_header, challenges, choose, verify

RFC7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


def answered(challenge: Challenge, method: str = "REGISTER", body: bytes = b"", password: str = "secret") -> str:
    return authorization(
        challenge, username="alice", password=password, method=method, uri="sip:h", nc=1, cnonce="c0ffee", body=body
    )[1]


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc_7616_section_3_9_1(algorithm: str, response: str) -> None:
    name, value = authorization(
        Challenge.parse(RFC7616.format(algorithm)),
        username="Mufasa",
        password="Circle of Life",
        method="GET",
        uri="/dir/index.html",
        nc=1,
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert name == "Authorization"
    assert Credentials.parse(value).response == response
    assert verify(Credentials.parse(value), "Circle of Life", "GET")


def test_rfc_2617_section_3_5() -> None:
    value = (
        'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", '
        'response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    assert verify(Credentials.parse(value), "Circle Of Life", "GET")
    assert not verify(Credentials.parse(value), "Circle Of Life", "POST")


def test_rfc_2069_without_qop() -> None:
    challenge = Challenge.parse('Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"')
    value = authorization(
        challenge, username="Mufasa", password="CircleOfLife", method="GET", uri="/dir/index.html", nc=1, cnonce="x"
    )[1]
    # RFC 2069 2.4, with the corrected response of its erratum 749.
    assert Credentials.parse(value).response == "1949323746fe6a43ef61f9606e7febea"
    assert "qop" not in value
    assert "algorithm" not in value


@pytest.mark.parametrize(
    "algorithm", ["MD5", "SHA-256", "SHA-512-256", "MD5-sess", "SHA-256-sess", "SHA-512-256-sess", "md5"]
)
@pytest.mark.parametrize("qop", [(), ("auth",), ("auth-int",), ("auth", "auth-int")])
def test_both_sides_agree(algorithm: str, qop: tuple[str, ...]) -> None:
    challenge = Challenge.parse(challenge_header("r", "n", algorithm, qop, stale=True, opaque="o"))
    assert (challenge.realm, challenge.nonce, challenge.qop, challenge.opaque) == ("r", "n", qop, "o")
    assert challenge.stale
    assert choose([challenge]) is challenge
    credentials = Credentials.parse(answered(challenge, body=b"body"))
    assert credentials.qop == ("auth" if "auth" in qop else "auth-int" if qop else None)
    assert verify(credentials, "secret", "REGISTER", b"body")
    assert not verify(credentials, "wrong", "REGISTER", b"body")
    assert not verify(credentials, "secret", "INVITE", b"body")
    assert verify(credentials, "secret", "REGISTER", b"other") is (qop != ("auth-int",))


def test_sha_512_256_is_not_a_truncated_sha_512() -> None:
    """FIPS 180-4's own initial value: the digest of "abc"."""
    from jzrx.sip.digest import _digest  # pyright: ignore[reportPrivateUsage]

    assert _digest("SHA-512-256", b"abc") == "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"


@pytest.mark.parametrize(
    "header", [challenge_header("r", "n"), 'Digest realm="r", nonce="n"', challenge_header("r", "n", opaque="o")]
)
def test_jambonz_can_read_it(header: str) -> None:
    """Its parser takes each parameter with this expression, and `nc` or `qop` from the end of the line."""
    value = answered(Challenge.parse(header))

    def read(name: str) -> str | None:
        found = re.search(rf'[,\s]{name}="?(.+?)[",]', value)
        return found[1] if found else None

    credentials = Credentials.parse(value)
    for name in ("username", "realm", "nonce", "uri", "response"):
        assert read(name) == getattr(credentials, name)
        assert f'{name}="' in value
    if credentials.qop:
        assert read("algorithm") == "MD5"
        assert read("qop") == "auth"
        assert value.endswith(", nc=00000001")
        assert "algorithm=MD5," in value
        assert "qop=auth," in value
    else:
        assert value.endswith('"')


def test_several_challenges_keep_their_order() -> None:
    """RFC 8760 2.4: the topmost that is supported; malformed ones and other schemes do not hide the others."""
    response = Response(
        401,
        "Unauthorized",
        Headers(
            [
                ("WWW-Authenticate", 'Digest realm="r", nonce="1", algorithm=SHA-1024'),
                ("WWW-Authenticate", 'Basic realm="r"'),
                ("WWW-Authenticate", 'Digest realm="r'),
                ("Proxy-Authenticate", 'Digest realm="p", nonce="2", algorithm=MD5'),
                (
                    "WWW-Authenticate",
                    'DIGEST Realm = "r" , NONCE="3",algorithm=SHA-256, qop="auth,auth-int", stale=TRUE',
                ),
                ("WWW-Authenticate", 'Digest realm="r", nonce="4", algorithm=MD5, qop="token"'),
                ("WWW-Authenticate", 'Digest realm="r", nonce="5"'),
            ]
        ),
    )
    found = challenges(response)
    assert [challenge.nonce for challenge in found] == ["1", "3", "4", "5", "2"]
    chosen = choose(found)
    assert chosen is not None
    assert (chosen.nonce, chosen.qop, chosen.stale) == ("3", ("auth", "auth-int"), True)
    assert choose(found[2:]) is found[3], "a qop that nobody knows is not answered"
    assert choose(found, ("SHA-512-256",)) is None
    assert choose(found[3:], ("SHA-256",)) is None, "the policy can refuse MD5"
    assert found[-1].proxy
    assert (
        authorization(found[-1], username="a", password="b", method="INVITE", uri="sip:x", nc=1, cnonce="c")[0]
        == "Proxy-Authorization"
    )


def test_commas_and_quotes_inside_quotes() -> None:
    challenge = Challenge.parse('Digest realm="Acme, \\"Inc\\"", nonce="a=b,c", domain="sip:x sip:y"')
    assert (challenge.realm, challenge.nonce, challenge.domain) == ('Acme, "Inc"', "a=b,c", "sip:x sip:y")
    credentials = Credentials.parse(answered(challenge))
    assert credentials.realm == challenge.realm
    assert verify(credentials, "secret", "REGISTER")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Digest",
        "Digest ",
        "Basic x",
        'Digest nonce="n"',
        'Digest realm="r"',
        'Digest realm="r" nonce="n"',
        "Digest =",
    ],
)
def test_malformed(value: str) -> None:
    with pytest.raises(ValueError):
        Challenge.parse(value)
    with pytest.raises(ValueError):
        Credentials.parse(value)


def test_unsupported_is_refused() -> None:
    with pytest.raises(ValueError, match="SHA-1024"):
        answered(Challenge("r", "n", "SHA-1024"))
    header = answered(Challenge("r", "n", "MD5", ("auth",)))
    assert not verify(Credentials.parse(header.replace("MD5", "X")), "secret", "REGISTER")
    assert not verify(Credentials.parse(header.replace("qop=auth", "qop=other")), "secret", "REGISTER")


def test_the_nonce_count_is_part_of_the_response() -> None:
    challenge = Challenge("r", "n", "MD5", ("auth",))
    one, two = (
        authorization(challenge, username="a", password="b", method="X", uri="u", nc=nc, cnonce="c")[1]
        for nc in (1, 26)
    )
    assert two.endswith("nc=0000001a")
    assert Credentials.parse(one).response != Credentials.parse(two).response


def test_no_secret_in_a_repr() -> None:
    credentials = Credentials.parse(answered(Challenge("r", "n")))
    assert credentials.response not in repr(credentials)


text = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20)


@given(realm=text, nonce=text, username=text, password=text)
def test_any_text_survives(realm: str, nonce: str, username: str, password: str) -> None:
    challenge = Challenge.parse(challenge_header(realm, nonce))
    assert (challenge.realm, challenge.nonce) == (realm, nonce)
    name, value = authorization(
        challenge, username=username, password=password, method="INVITE", uri="sip:h", nc=1, cnonce="c"
    )
    credentials = Credentials.parse(Headers([(name, value)]).get(name) or "")
    assert credentials.username == username
    assert verify(credentials, password, "INVITE")
