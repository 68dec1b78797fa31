"""ICE, DTLS and SRTP on real sockets; and the private parts of aioice and aiortc that they rest on."""

import asyncio
import contextlib
import inspect
import random
import socket
import struct
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aioice.ice
import aiortc
import pytest
from aioice import stun
from aioice.turn import TurnTransport
from attrs import evolve
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from jzrx.media import transport
from jzrx.media.ice_servers import servers
from jzrx.media.loop import MediaLoop
from jzrx.media.sdp import AudioDescription
from jzrx.media.transport import Certificate, IceDtls
from jzrx.ports import IceServer, MediaError

CERTIFICATE = Certificate.generateCertificate()
RTP = struct.pack("!BBHII", 0x80, 0, 1, 160, 0x1234) + b"\xff" * 160
HANDSHAKE = b"\x16\xfe\xfd" + bytes(10)  # the header of a DTLS record
RTCP = struct.pack("!BBHII", 0x80, 201, 1, 0x1234, 0)[:8]


class End:
    """A transport and what it heard."""

    def __init__(self, certificate: Certificate = CERTIFICATE, stun_uri: str | None = None, **options: object) -> None:
        self.rtp: asyncio.Queue[bytes] = asyncio.Queue()
        self.rtcp: asyncio.Queue[bytes] = asyncio.Queue()
        self.lost = asyncio.Event()
        asked = servers([IceServer((stun_uri,), username="u", credential="c")]) if stun_uri else ()
        self.way = IceDtls(
            certificate,
            servers=asked,
            loopback=True,
            on_rtp=self.rtp.put_nowait,
            on_rtcp=self.rtcp.put_nowait,
            on_lost=self.lost.set,
        )

    def describe(self) -> AudioDescription:
        return AudioDescription(
            port=9,
            proto="UDP/TLS/RTP/SAVPF",
            codecs=(),
            ice_ufrag=self.way.ufrag,
            ice_pwd=self.way.pwd,
            candidates=self.way.candidates,
            fingerprints=self.way.fingerprints,
        )


@pytest.fixture(autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    """Every socket is closed again, and nothing raised into the loop."""
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context))
    before = open_files()
    yield
    assert open_files() == before
    assert not errors


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextlib.asynccontextmanager
async def gathered(*ends: End) -> AsyncIterator[None]:
    try:
        for number, end in enumerate(ends):
            await end.way.gather(controlling=number == 0)
        yield
    finally:
        for end in ends:
            await end.way.close()


async def connect(offerer: End, answerer: End, *, offerer_active: bool = False) -> None:
    offer, answer = offerer.describe(), answerer.describe()
    await asyncio.gather(
        offerer.way.connect(answer, active=offerer_active), answerer.way.connect(offer, active=not offerer_active)
    )


async def assert_heard(sender: End, receiver: End) -> None:
    sender.way.send_rtp(RTP)
    sender.way.send_rtcp(RTCP)
    async with asyncio.timeout(2):
        assert await receiver.rtp.get() == RTP
        assert await receiver.rtcp.get() == RTCP


# --- the contract with aioice and aiortc ---

USED = {
    aioice.ice.Connection(ice_controlling=True): {
        "_protocols",
        "_local_candidates",
        "_local_candidates_start",
        "_local_candidates_end",
        "_check_list",
        "_nominated",
        "_queue",
        "_check_periodic",
        "check_complete",
        "check_start_task",
        "data_received",
        "get_component_candidates",
    },
    aioice.ice: {"CandidatePair", "StunProtocol", "relayed_candidate"},
    aioice.mdns: {"is_mdns_hostname"},
    aioice.ice.StunProtocol: {"datagram_received", "request"},
    TurnTransport: {"_close"},
    aiortc.RTCCertificate: {"_create_ssl_context"},
    aiortc.RTCDtlsTransport: {"_set_role", "_setup_srtp"},
    stun: {"RETRY_RTO"},
}


@pytest.mark.parametrize(("owner", "names"), USED.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_the_private_names_are_there(owner: object, names: set[str]) -> None:
    assert not {name for name in names if not hasattr(owner, name)}


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (aioice.ice.Connection.get_component_candidates, ["self", "component", "addresses", "timeout"]),
        (aioice.ice.Connection.data_received, ["self", "data", "component"]),
        (aioice.ice.StunProtocol.datagram_received, ["self", "data", "addr"]),
        (aiortc.RTCCertificate._create_ssl_context, ["self", "srtp_profiles"]),
        (
            aioice.ice.relayed_candidate,
            [
                "component",
                "hide_related_address",
                "protocol_factory",
                "turn_server",
                "turn_username",
                "turn_password",
                "turn_ssl",
                "turn_transport",
            ],
        ),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_the_private_functions_take_what_we_give(function: object, parameters: list[str]) -> None:
    assert list(inspect.signature(function).parameters) == parameters  # type: ignore[arg-type]


def test_aioice_paces_its_checks_where_we_replace_it() -> None:
    """connect() asks _check_periodic in a loop with a sleep, and then awaits the outcome."""
    source = inspect.getsource(aioice.ice.Connection.connect)
    assert source.index("self._check_periodic()") < source.index("asyncio.sleep(0.02)") < source.index("_state.get()")


def test_aiortc_has_the_keys_after_the_handshake() -> None:
    assert {"_tx_srtp", "_rx_srtp", "_ssl", "_task"} <= vars(
        aiortc.RTCDtlsTransport(
            aiortc.RTCIceTransport(aiortc.RTCIceGatherer(iceServers=[])), [aiortc.RTCCertificate.generateCertificate()]
        )
    ).keys()


# --- gathering ---


def own_address() -> str | None:
    return next(iter(aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=False)), None)


async def test_offers_loopback_only_if_asked() -> None:
    local = End()
    public = IceDtls(CERTIFICATE, on_rtp=print, on_rtcp=print, on_lost=print)
    async with gathered(local):
        assert any(" 127.0.0.1 " in candidate for candidate in local.way.candidates)
        await public.gather(controlling=True)
        assert not any(" 127.0.0.1 " in candidate for candidate in public.candidates)
        await public.close()


async def test_each_candidate_has_a_priority_of_its_own() -> None:
    """rtpengine warns of pairs of the same priority that "ICE will likely fail", and it does now and then."""
    end = End()
    async with gathered(end):
        priorities = [candidate.split()[3] for candidate in end.way.candidates]
        assert len(priorities) > 1
        assert len(set(priorities)) == len(priorities)
        assert end.way.default_address is not None
        host, port = end.way.default_address
        assert host == "127.0.0.1"
        assert any(f" {host} {port} typ host" in candidate for candidate in end.way.candidates)


@pytest.mark.parametrize("uri", ["stun:HOST:9", "turn:HOST:9?transport=udp", "turn:HOST:9?transport=tcp"])
async def test_a_dead_server_costs_half_a_second(uri: str) -> None:
    end = End(stun_uri=uri.replace("HOST", own_address() or "127.0.0.1"))
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with gathered(end):
        assert loop.time() - started <= 0.55
        assert end.way.candidates
    assert loop.time() - started <= 0.7


async def test_a_silent_server_costs_half_a_second_and_a_cancelled_gathering_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
        host = own_address() or "127.0.0.1"
        hole.bind((host, 0))
        for uri in ("turn", "stun"):
            end = End(stun_uri=f"{uri}:{host}:{hole.getsockname()[1]}")
            loop = asyncio.get_running_loop()
            started = loop.time()
            async with gathered(end):
                assert loop.time() - started <= 0.55

            end = End(stun_uri=f"{uri}:{host}:{hole.getsockname()[1]}")
            gathering = asyncio.ensure_future(end.way.gather(controlling=True))
            await asyncio.sleep(0)
            gathering.cancel()
            await asyncio.wait([gathering])
            await end.way.close()


async def test_a_busy_machine_closes_all_sockets_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a TURN server is not waited for."""
    monkeypatch.setattr(transport, "CLOSE_TIMEOUT", 0.0)
    async with gathered(End()):
        pass


class StunServer(asyncio.DatagramProtocol):
    """Says that everybody's address is 198.51.100.7:7777."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request = stun.parse_message(data)
        answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=request.transaction_id)
        answer.attributes["XOR-MAPPED-ADDRESS"] = ("198.51.100.7", 7777)
        self.transport.sendto(bytes(answer), addr)  # type: ignore[attr-defined]


async def test_learns_its_address_from_a_stun_server() -> None:
    if (host := own_address()) is None:
        pytest.skip("loopback is the only interface")
    loop = asyncio.get_running_loop()
    server, _ = await loop.create_datagram_endpoint(StunServer, local_addr=(host, 0))
    end = End(stun_uri=f"stun:{host}:{server.get_extra_info('sockname')[1]}")
    started = loop.time()
    async with gathered(end):
        assert loop.time() - started < 0.3
        assert any(" 198.51.100.7 7777 typ srflx raddr " in candidate for candidate in end.way.candidates)
    server.close()
    await asyncio.sleep(0)


def test_a_lookup_that_hangs_holds_up_neither_gathering_nor_the_end_of_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments: release.wait(20) and [])

    async def gather() -> float:
        end = End(stun_uri="stun:stun.example.org:3478")
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with gathered(end):
            return loop.time() - started

    with asyncio.Runner(loop_factory=MediaLoop) as runner:
        assert runner.run(gather()) <= 0.55
    release.set()
    for thread in threading.enumerate():
        if thread.name == "jzrx-lookup":
            thread.join(2)


# --- connecting ---


@pytest.mark.parametrize("offerer_active", [False, True])
async def test_connects_and_carries_rtp_and_rtcp_both_ways(offerer_active: bool) -> None:
    alice, bob = End(), End()
    async with gathered(alice, bob):
        assert not alice.way.is_up
        await connect(alice, bob, offerer_active=offerer_active)
        assert alice.way.is_up
        await assert_heard(alice, bob)
        await assert_heard(bob, alice)
        assert alice.way.round_trip_time is not None
        assert 0 < alice.way.round_trip_time < 0.5


async def test_does_not_sleep_after_a_check_that_succeeded() -> None:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    for _ in range(5):
        alice, bob = End(), End()
        async with gathered(alice, bob):
            started = loop.time()
            await alice_and_bob_check(alice, bob)
            times.append(loop.time() - started)
    assert min(times) < 0.018, "aioice's own pacing takes 20 ms at least"


async def alice_and_bob_check(alice: End, bob: End) -> None:
    await asyncio.gather(alice.way._check(bob.describe()), bob.way._check(alice.describe()))


async def test_peers_with_an_rsa_certificate_are_welcome() -> None:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rsa")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=2))
    certificate = Certificate(key, builder.sign(key, hashes.SHA256()))  # type: ignore[arg-type]
    for offerer_active in (False, True):
        alice, bob = End(), End(certificate)
        async with gathered(alice, bob):
            await connect(alice, bob, offerer_active=offerer_active)
            await assert_heard(alice, bob)


async def test_a_wrong_fingerprint_is_refused() -> None:
    alice, bob = End(), End(Certificate.generateCertificate())
    async with gathered(alice, bob):
        forged = evolve(bob.describe(), fingerprints=alice.way.fingerprints)
        outcomes = await asyncio.gather(
            alice.way.connect(forged, active=False),
            bob.way.connect(alice.describe(), active=True),
            return_exceptions=True,
        )
        assert isinstance(outcomes[0], MediaError)
        assert "certificate" in outcomes[0].message
        assert not alice.way.is_up


@pytest.mark.parametrize("candidate", ["1 1 udp 1 127.0.0.1 9 typ host", "nonsense", "1 1 tcp 1 127.0.0.1 9 typ host"])
async def test_nobody_answers(candidate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "SETUP_TIMEOUT", 0.2)
    alice, bob = End(), End()
    async with gathered(alice, bob):
        with pytest.raises(MediaError, match=r"No media path\. ICE"):
            await alice.way.connect(evolve(bob.describe(), candidates=(candidate,)), active=False)


class Names:
    """In place of multicast DNS: knows `address` once `found` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, address: str = "127.0.0.1") -> None:
        self.found = asyncio.Event()
        self.asked = asyncio.Event()
        self.address = address

        async def get(subscriber: object) -> "Names":
            return self

        monkeypatch.setattr(aioice.ice, "get_or_create_mdns_protocol", get)

    async def resolve(self, hostname: str) -> str:
        self.asked.set()
        await self.found.wait()
        return self.address


def named(description: AudioDescription) -> AudioDescription:
    """As browsers have it: a name in place of the address."""
    candidates = [line for line in description.candidates if " 127.0.0.1 " in line]
    return evolve(description, candidates=tuple(line.replace("127.0.0.1", "0-1a-2b.local") for line in candidates))


async def test_a_name_that_nobody_knows_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch)
    alice, bob = End(), End()
    loop = asyncio.get_running_loop()
    async with gathered(alice, bob):
        started = loop.time()
        answer = bob.describe()
        both = evolve(answer, candidates=(*named(answer).candidates, *answer.candidates))
        await asyncio.gather(
            alice.way.connect(both, active=False), bob.way.connect(named(alice.describe()), active=True)
        )
        assert loop.time() - started < 0.5
        await assert_heard(alice, bob)


async def test_a_port_that_is_none_breaks_no_socket() -> None:
    alice, bob = End(), End()
    async with gathered(alice, bob):
        answer = bob.describe()
        wrong = "9 1 udp 2130706431 127.0.0.1 70000 typ host"  # the first to be checked
        await asyncio.gather(
            alice.way.connect(evolve(answer, candidates=(wrong, *answer.candidates)), active=False),
            bob.way.connect(evolve(alice.describe(), candidates=()), active=True),
        )
        await assert_heard(alice, bob)


async def test_a_name_that_is_found_late_joins_in(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch)
    alice, bob = End(), End()
    async with gathered(alice, bob):
        # Bob knows of no address of Alice's and cannot check first.
        hidden = evolve(alice.describe(), candidates=())
        connecting = asyncio.gather(
            alice.way.connect(named(bob.describe()), active=False), bob.way.connect(hidden, active=True)
        )
        await names.asked.wait()
        await asyncio.wait([connecting], timeout=0.05)  # several turns of the pacer
        assert not alice.way.is_up
        names.found.set()
        await connecting
        await assert_heard(alice, bob)


async def test_who_names_no_address_is_found_by_its_own_checks() -> None:
    """RFC 8863: no candidates, or none that answers, is no failure yet."""
    alice, bob = End(), End()
    async with gathered(alice, bob):
        nowhere = evolve(bob.describe(), candidates=("1 1 udp 1 host.example.org 9 typ host", "nonsense"))
        connecting = asyncio.ensure_future(alice.way.connect(nowhere, active=False))
        await asyncio.wait([connecting], timeout=0.05)
        assert not connecting.done()
        await bob.way.connect(alice.describe(), active=True)
        await connecting
        await assert_heard(alice, bob)


async def test_closing_ends_a_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch)
    alice, bob = End(), End()
    async with gathered(alice, bob):
        connecting = asyncio.ensure_future(alice.way.connect(named(bob.describe()), active=False))
        await names.asked.wait()
        await alice.way.close()
        with pytest.raises(MediaError):
            await connecting
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_lite_agent_is_checked_by_us_whoever_offered() -> None:
    alice, bob = End(), End()
    async with gathered(alice, bob):
        alice.way._ice.ice_controlling, bob.way._ice.ice_controlling = False, False
        bob.way._ice._tie_breaker = 2**64 - 1  # if it came to a conflict of the roles, he would have his way
        lite = evolve(bob.describe(), ice_lite=True)
        await asyncio.gather(alice.way.connect(lite, active=True), bob.way.connect(alice.describe(), active=False))
        assert (alice.way._ice.ice_controlling, bob.way._ice.ice_controlling) == (True, False)
        await assert_heard(alice, bob)


async def test_a_lite_agent_with_a_dead_candidate_first() -> None:
    """It checks nothing before it was checked, and the best of its two addresses does not answer."""
    alice, bob = End(), End()
    async with gathered(alice, bob):
        alive = next(line for line in bob.way.candidates if " 127.0.0.1 " in line)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
            dead.bind(("127.0.0.1", 0))
            best = f"1 1 udp 2130706431 127.0.0.1 {dead.getsockname()[1]} typ host"
            worst = f"2 1 udp 1000 127.0.0.1 {alive.split()[5]} typ host"
            bob.way._ice.ice_controlling = False
            lite = evolve(bob.describe(), candidates=(best, worst), ice_lite=True)
            nothing = evolve(alice.describe(), candidates=())
            async with asyncio.timeout(2):
                await asyncio.gather(alice.way.connect(lite, active=True), bob.way.connect(nothing, active=False))
        await assert_heard(alice, bob)
        await assert_heard(bob, alice)


async def test_one_pair_is_nominated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where several are, the two sides may choose different ones; baresip then refuses our DTLS."""
    nominated: set[object] = set()
    build = aioice.Connection.build_request

    def build_request(self: aioice.Connection, pair: Any, nominate: bool) -> object:
        if nominate and self.ice_controlling:
            nominated.add(pair)
        return build(self, pair, nominate)

    monkeypatch.setattr(aioice.Connection, "build_request", build_request)
    monkeypatch.setattr(transport, "CHECK_INTERVAL", 0.0)  # many are under way before the first is answered
    alice, bob = End(), End()
    async with gathered(alice, bob):
        await connect(alice, bob)
        await assert_heard(alice, bob)
        (ours,), (theirs,) = (each.way._ice._nominated.values() for each in (alice, bob))
        assert nominated == {ours}
        assert (ours.local_candidate.port, ours.remote_candidate.port) == (
            theirs.remote_candidate.port,
            theirs.local_candidate.port,
        )


async def test_sends_where_the_other_side_makes_its_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    """baresip does not take the pair that was nominated, but the one of the highest priority."""
    monkeypatch.setattr(transport, "CHECK_INTERVAL", 0.0)
    alice, bob = End(), End()
    async with gathered(alice, bob):
        await connect(alice, bob)
        ours, theirs = alice.way._ice, bob.way._ice
        failed = aioice.ice.CandidatePair.State.FAILED
        checked = {
            (pair.local_candidate.port, pair.remote_candidate.port): pair
            for pair in ours._check_list
            if pair.state is not failed
        }
        other = next(
            pair
            for pair in theirs._check_list
            if pair is not theirs._nominated[1]
            and pair.state is not failed
            and (pair.remote_candidate.port, pair.local_candidate.port) in checked
        )
        wanted = checked[other.remote_candidate.port, other.local_candidate.port]
        theirs._nominated[1] = other
        # As if ours had been under way when the first one succeeded.
        wanted.state = aioice.ice.CandidatePair.State.IN_PROGRESS
        wanted.task = asyncio.ensure_future(asyncio.sleep(9))
        wanted.task.cancel()
        await asyncio.wait([wanted.task])
        await theirs.send(HANDSHAKE)
        async with asyncio.timeout(2):
            while ours._nominated[1] is not wanted:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
        # From elsewhere it is not followed.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for pair in ours._check_list:
                if pair.local_candidate.host == "127.0.0.1":
                    stranger.sendto(HANDSHAKE, (pair.local_candidate.host, pair.local_candidate.port))
        await assert_heard(alice, bob)
        await assert_heard(bob, alice)
        assert ours._nominated[1] is wanted


async def test_who_repeats_a_check_of_the_other_side_gets_no_media() -> None:
    """A check that was overheard is genuine, wherever it comes from; the answer to ours is not to be had so."""
    alice, bob = End(), End()
    async with gathered(alice, bob):
        await connect(alice, bob)
        ours, theirs = alice.way._ice, bob.way._ice
        pair = theirs._nominated[1]
        check = theirs.build_request(pair, nominate=True)
        assert theirs.remote_password
        check.add_message_integrity(theirs.remote_password.encode())
        before = ours._nominated[1]
        with socket.socket(
            socket.AF_INET6 if ":" in pair.remote_addr[0] else socket.AF_INET, socket.SOCK_DGRAM
        ) as thief:
            thief.bind((pair.remote_addr[0], 0))
            for datagram in (bytes(check), HANDSHAKE):
                thief.sendto(datagram, pair.remote_addr)
            async with asyncio.timeout(2):
                while ours._handshake is None or ours._handshake[1] != thief.getsockname()[:2]:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            assert any(each.remote_addr == thief.getsockname()[:2] for each in ours._check_list)
            assert ours._nominated[1] is before
            await assert_heard(alice, bob)


async def test_a_stranger_cannot_begin_the_handshake() -> None:
    """Whoever finds the port could spoil the call with one datagram: a ClientHello, before the other side's."""
    hello: list[bytes] = []
    carol, dave = End(), End()
    async with gathered(carol, dave):
        receive = carol.way._ice.data_received
        carol.way._ice.data_received = lambda data, component: (hello.append(data), receive(data, component))[1]  # type: ignore[method-assign]
        await connect(carol, dave)
    alice, bob = End(), End()
    async with gathered(alice, bob):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for line in alice.way.candidates:
                if " 127.0.0.1 " in line:
                    stranger.sendto(hello[0], ("127.0.0.1", int(line.split()[5])))
            async with asyncio.timeout(5):
                await connect(alice, bob)
        await assert_heard(alice, bob)


# --- another remote ---


async def test_a_second_answer_to_one_offer_is_reached_from_the_same_sockets() -> None:
    alice, bob, carol = End(), End(), End(Certificate.generateCertificate())
    async with gathered(alice, bob, carol):
        offer = alice.describe()
        await connect(alice, bob)
        before = alice.way
        alice.way = before.successor(restart=False, same_peer=False, on_lost=alice.lost.set)
        closing = asyncio.ensure_future(before.close())
        assert alice.describe() == offer
        await asyncio.gather(alice.way.connect(carol.describe(), active=False), carol.way.connect(offer, active=True))
        await assert_heard(alice, carol)
        await assert_heard(carol, alice)
        await closing


async def test_an_ice_restart_keeps_the_keys_and_changes_the_credentials() -> None:
    alice, bob = End(), End()
    async with gathered(alice, bob):
        await connect(alice, bob)
        before = alice.way, bob.way
        alice.way, bob.way = (way.successor(restart=True, same_peer=True, on_lost=alice.lost.set) for way in before)
        assert alice.way.ufrag != before[0].ufrag
        assert alice.way.candidates
        await asyncio.gather(*(way.close() for way in before))
        await connect(alice, bob)
        await assert_heard(alice, bob)
        await assert_heard(bob, alice)
        assert not alice.lost.is_set()


# --- whatever the network sends ---


async def test_garbage_changes_nothing() -> None:
    alice, bob = End(), End()
    async with gathered(alice, bob):
        ports = [int(line.split()[5]) for line in alice.way.candidates if " 127.0.0.1 " in line]
        random.seed(1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            shower(stranger, ports[0])
            await connect(alice, bob)
            shower(stranger, ports[0])
            await assert_heard(bob, alice)


def shower(stranger: socket.socket, port: int) -> None:
    genuine = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    genuine.attributes["USERNAME"] = "a:b"
    genuine.add_message_integrity(b"x" * 22)
    for first in (*range(256), None):
        body = random.randbytes(random.choice((0, 1, 11, 12, 40, 200, 1600)))
        stranger.sendto(bytes([first]) + body if first is not None else b"", ("127.0.0.1", port))
    for _ in range(100):
        message = bytearray(bytes(genuine))
        message[random.randrange(len(message))] = random.randrange(256)
        stranger.sendto(message[: random.randrange(len(message) + 1)], ("127.0.0.1", port))


async def test_lost_consent_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.01)
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 1)
    alice, bob = End(), End()
    async with gathered(alice, bob):
        await connect(alice, bob)
        await bob.way.close()
        async with asyncio.timeout(3):
            await alice.lost.wait()
        alice.way.send_rtp(RTP)  # goes nowhere, and says nothing
        assert not bob.lost.is_set()
