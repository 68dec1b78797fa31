"""ICE, DTLS and SRTP of one audio stream, on the sockets of aioice and the DTLS of aiortc.

The only file that touches private parts of the two; `tests/media/test_transport.py` holds them to what is used here.
Why not their public surface: aioice waits 5 s for a dead STUN server and sleeps 20 ms after a check that succeeded, and
never offers loopback; aiortc takes only ECDSA peers, and puts a queue and a task between the socket and SRTP.
"""
# pyright: reportPrivateUsage=false

import asyncio
import datetime
import logging
from collections.abc import Callable
from typing import Any, Literal, cast

from aioice import Candidate, Connection, mdns
from aioice.ice import CandidatePair, StunProtocol, relayed_candidate
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from jzrx.media.candidates import in_time, most_reachable, prioritize, reflexive, usable
from jzrx.media.demux import demultiplex
from jzrx.media.ice_servers import Server
from jzrx.media.sdp import AudioDescription, Fingerprint
from jzrx.media.srtp import Error, Srtp
from jzrx.ports import MediaError

__all__ = ["Certificate", "IceDtls"]

GATHER_TIMEOUT = 0.45  # s, for all STUN and TURN servers together, lookups included; with all the rest under 0.55
SETUP_TIMEOUT = 10.0  # s, from the other side's parameters to keys
CLOSE_TIMEOUT = 0.5  # s, for a TURN server to free the allocation
CHECK_INTERVAL = 0.02  # s, between two connectivity checks (Ta, RFC 8445 section 14.2)
MAX_QUEUED = 64  # DTLS datagrams that wait for the handshake
LOOPBACK = ["127.0.0.1", "::1"]

logger = logging.getLogger("jzrx.media")


class Certificate(RTCCertificate):
    """Our self-signed certificate (P-256). It accepts peers whose own is RSA, as FreeSWITCH's and baresip's is."""

    @property
    def is_stale(self) -> bool:
        """It expires within a day."""
        return self.expires - datetime.datetime.now(datetime.UTC) < datetime.timedelta(days=1)

    def _create_ssl_context(self, srtp_profiles: Any) -> Any:
        context = super()._create_ssl_context(srtp_profiles)
        # aiortc's list, and the same with RSA. RFC 8827 section 6.5 demands the first.
        context.set_cipher_list(
            b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
            b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
            b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
            b"ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA"
        )
        return context


class _Ice(Connection):
    """aioice's connection with our gathering, our pacing, and media that bypasses its queue."""

    def __init__(self, *, servers: tuple[Server, ...] = (), loopback: bool = False, **credentials: Any) -> None:
        super().__init__(ice_controlling=False, **credentials)
        self.on_media: Callable[[bytes, Literal["rtp", "rtcp"]], None] = lambda data, kind: None
        self.on_closed: Callable[[], None] = lambda: None
        self.round_trip_time: float | None = None
        self.answers = 0
        self._servers = servers
        self._loopback = loopback
        self._hosts: asyncio.Future[list[Candidate]] | None = None
        self._pacer: asyncio.TimerHandle | None = None
        self._lookups: list[asyncio.Task[None]] = []
        self._pair: CandidatePair | None = None  # that the last media went by
        self._remote: tuple[str, int] | None = None
        self._handshake: tuple[StunProtocol, tuple[str, int]] | None = None  # where its last datagram came in, and from

    # --- gathering ---

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:
        if self._loopback:
            addresses = LOOPBACK + addresses
        # Shielded: cancelled within, aioice would forget the sockets that it has opened by then. It takes no time, as
        # aioice itself is told of no servers.
        self._hosts = asyncio.ensure_future(super().get_component_candidates(component, addresses))
        candidates = await asyncio.shield(self._hosts)
        await in_time(self._servers, lambda server: self._ask(server, candidates), GATHER_TIMEOUT)
        for protocol in self._protocols:
            demultiplex(protocol)
        prioritize(candidates)
        return candidates

    async def _ask(self, server: Server, found: list[Candidate]) -> None:
        if server.relay:
            found.append(await self._allocate(server))
        else:
            await reflexive(self._protocols, server.host, server.port, found)

    async def _allocate(self, server: Server) -> Candidate:
        candidate, protocol = await relayed_candidate(
            component=1,
            hide_related_address=False,
            protocol_factory=lambda: StunProtocol(self),
            turn_server=(server.host, server.port),
            turn_username=server.username,
            turn_password=server.credential,
            turn_ssl=server.tls,
            turn_transport=server.transport,
        )
        self._protocols.append(protocol)
        return candidate

    def take_sockets(self, other: "_Ice") -> None:
        """Go on with the sockets and candidates of `other`, which keeps nothing to close."""
        self._protocols, other._protocols = other._protocols, []
        self._local_candidates, other._local_candidates = other._local_candidates, []
        self._local_candidates_start = self._local_candidates_end = True
        for protocol in self._protocols:
            protocol.receiver = self

    # --- connecting ---

    async def learn(self, candidates: list[Candidate]) -> None:
        """Check these of the other side. A name (`xyz.local`, as browsers send) joins in once it was looked up."""
        for candidate in candidates:
            if mdns.is_mdns_hostname(candidate.host):
                self._lookups.append(asyncio.ensure_future(self._look_up(candidate)))
            else:
                await self.add_remote_candidate(candidate)
        # aioice is never told that these were all: it would give up when none of them answers. But the other side's own
        # checks may yet show us where it is, so RFC 8863 has us wait for them. SETUP_TIMEOUT ends that.

    async def _look_up(self, candidate: Candidate) -> None:
        try:
            await self.add_remote_candidate(candidate)
        except OSError as error:
            logger.info("cannot look up %s: %r", candidate.host, error)

    def _check_periodic(self) -> bool:
        # connect() sleeps 20 ms after each call that returns True, whether or not that check has succeeded meanwhile.
        # So it is told that there is nothing more to check, and awaits the outcome, and a timer paces the checks. With
        # nothing to check at all it would not wait.
        goes_on = super()._check_periodic()
        if not goes_on or not self._check_list:
            return goes_on
        self._pacer = asyncio.get_running_loop().call_later(CHECK_INTERVAL, self._check_periodic)
        return False

    async def connect(self) -> None:
        try:
            await super().connect()
        finally:
            if self._pacer is not None:
                self._pacer.cancel()
        self._follow()

    def handshake_received(self, protocol: StunProtocol, address: tuple[str, int]) -> bool:
        """A datagram of DTLS came. False: not from a candidate of the other side's, nor from where a check of its own
        did; what a stranger sends could only spoil the handshake."""
        known = [(pair.protocol, pair.remote_addr) for pair in self._check_list]
        known += [(early, sender[:2]) for _, sender, early in self._early_checks]
        if (protocol, address) in known:
            self._handshake = protocol, address
            self._follow()
        return self._handshake == (protocol, address)

    def check_complete(self, pair: CandidatePair) -> None:
        super().check_complete(pair)
        self._follow()

    def _follow(self) -> None:
        """Send on the pair on which the other side does, if that is another one that was checked.

        It has to be the one that was nominated (RFC 8445 section 8.1.1). But baresip takes the one of the highest
        priority, whatever we nominate, and ignores what it gets of its handshake on another one.
        """
        if self._handshake is None or 1 not in self._nominated:
            return
        for pair in self._check_list:
            if (pair.protocol, pair.remote_addr) == self._handshake:
                if pair.state is CandidatePair.State.SUCCEEDED:
                    self._nominated[1] = pair
                elif pair.task is not None and pair.task.done():  # connect() cut its check short
                    pair.task = None
                    self.check_start_task(pair)

    async def close(self) -> None:
        for lookup in self._lookups:
            lookup.cancel()
        await asyncio.gather(*self._lookups, return_exceptions=True)
        if self._hosts is not None:
            await asyncio.wait([self._hosts])
        for protocol in self._protocols:
            if protocol.local_candidate.type == "relay":
                # A TURN server that died is asked for a minute to free the allocation; it expires by itself.
                relay: Any = protocol.transport
                relay.close()
                asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, relay._TurnTransport__close_task.cancel)
        await super().close()
        self.on_closed()

    # --- datagrams ---

    def data_received(self, data: bytes, component: int) -> None:
        if self._queue.qsize() < MAX_QUEUED:
            super().data_received(data, component)

    def send_media(self, data: bytes) -> None:
        pair = self._nominated.get(1)
        if pair is not self._pair:
            self._pair, self._remote = pair, pair.remote_addr if pair else None  # which is made anew each time
        if pair is not None:
            pair.protocol.transport.sendto(data, self._remote)

    # What RTCDtlsTransport asks of its transport.

    async def _recv(self) -> bytes:
        return await self.recv()

    async def _send(self, data: bytes) -> None:
        await self.send(data)


class IceDtls:
    """The way to one remote: gathered, connected once, closed. The way to another remote is its `successor`.

    `on_rtp` and `on_rtcp` get each datagram after SRTP, synchronously; `on_lost` is called once when the other side's
    consent to receive ran out (RFC 7675). Everything happens on the running loop.
    """

    def __init__(
        self,
        certificate: Certificate,
        *,
        servers: tuple[Server, ...] = (),
        loopback: bool = False,
        on_rtp: Callable[[bytes], None],
        on_rtcp: Callable[[bytes], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._certificate = certificate
        self._on_rtp = on_rtp
        self._on_rtcp = on_rtcp
        self._on_lost = on_lost
        self._use(_Ice(servers=servers, loopback=loopback))
        self._dtls: RTCDtlsTransport | None = None
        self._tx: Srtp | None = None
        self._rx: Srtp | None = None
        self._media = 0  # datagrams of it that came
        self._keeps_quiet = False  # the DTLS association goes on without this way
        self._closing = False

    def _use(self, ice: _Ice) -> None:
        self._ice = ice
        ice.on_media = self._media_received
        ice.on_closed = self._ice_closed

    # --- what we tell the other side ---

    @property
    def ufrag(self) -> str:
        """Our ICE user name fragment."""
        return self._ice.local_username

    @property
    def pwd(self) -> str:
        """Our ICE password."""
        return self._ice.local_password

    @property
    def candidates(self) -> tuple[str, ...]:
        """The values of `a=candidate`, without the prefix."""
        return tuple(candidate.to_sdp() for candidate in self._ice.local_candidates)

    @property
    def default_address(self) -> tuple[str, int] | None:
        """For `c=` and `m=`: the candidate most likely to be reached without ICE (RFC 8839 section 4.2.1.2)."""
        candidate = most_reachable(self._ice.local_candidates)
        return (candidate.host, candidate.port) if candidate is not None else None

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """Of our certificate: one, since old peers read only the first."""
        return tuple(
            Fingerprint(fingerprint.algorithm, fingerprint.value)
            for fingerprint in self._certificate.getFingerprints()
            if fingerprint.algorithm == "sha-256"
        )

    @property
    def round_trip_time(self) -> float | None:
        """Of the last connectivity or consent check, in seconds."""
        return self._ice.round_trip_time

    @property
    def signs_of_life(self) -> int:
        """Grows with each datagram of media, and each answer to a check."""
        return self._media + self._ice.answers

    @property
    def is_up(self) -> bool:
        """There are keys, and a pair of addresses to use them on."""
        return self._tx is not None and 1 in self._ice._nominated

    # --- its life ---

    async def gather(self, *, controlling: bool) -> None:
        """Open the sockets and ask the servers, for at most half a second; those that do not answer are left out.

        `controlling`: we make the offer (RFC 8445 section 6.1.1). Known before the offer leaves, since checks may
        come before the answer does, and a role conflict then costs the call. Once connected the role stays.
        """
        if self._ice.remote_username is None:
            self._ice.ice_controlling = controlling
        await self._ice.gather_candidates()

    async def connect(self, remote: AudioDescription, *, active: bool) -> None:
        """Agree on addresses and keys with `remote`, for at most 10 s; `active`: we begin the DTLS handshake.

        Raises MediaError that says what did not work.
        """
        step = "ICE: no address of the other side answered"
        try:
            async with asyncio.timeout(SETUP_TIMEOUT):
                await self._check(remote)
                if self._tx is None:
                    step = "DTLS: the handshake was not finished"
                    await self._shake_hands(remote, active=active)
        except TimeoutError:
            raise MediaError(f"No media path. {step} in {SETUP_TIMEOUT:g} s") from None
        except OSError as error:
            raise MediaError(f"No media path. {step} ({error})") from error

    async def _check(self, remote: AudioDescription) -> None:
        ice = self._ice
        if remote.ice_lite:
            # RFC 8445 section 6.1.1: of a full and a lite agent, the full one takes the controlling role.
            ice.ice_controlling = True
        # aioice nominates what it has selected only towards a lite agent, and else each pair that it checks: the other
        # side then may send on another one than we. RFC 8445 removed that (section 21).
        ice.remote_is_lite = True
        ice.remote_username, ice.remote_password = remote.ice_ufrag, remote.ice_pwd
        await ice.learn(usable(remote.candidates))
        await ice.connect()

    async def _shake_hands(self, remote: AudioDescription, *, active: bool) -> None:
        self._dtls = dtls = RTCDtlsTransport(cast("Any", self._ice), [self._certificate])
        dtls._set_role("client" if active else "server")
        fingerprints = [RTCDtlsFingerprint(each.algorithm, each.value) for each in remote.fingerprints]
        await dtls.start(RTCDtlsParameters(fingerprints))
        if dtls.state != "connected":
            raise ConnectionError(
                "the certificate is not the one that the SDP names, or no SRTP profile in common"
                if dtls.encrypted
                else "the handshake failed"
            )
        self._tx, self._rx = Srtp(dtls._tx_srtp), Srtp(dtls._rx_srtp)

    def take_keys(self, other: "IceDtls") -> None:
        """Go on with the DTLS association of `other`, which can carry media meanwhile; it will not say goodbye."""
        self._tx, self._rx = other._tx, other._rx
        other._keeps_quiet = True

    def successor(self, *, restart: bool, same_peer: bool, on_lost: Callable[[], None]) -> "IceDtls":
        """The way to another remote from the same sockets; this one can then only be closed.

        `restart`: with new ICE credentials, as the answer to an ICE restart must have (RFC 8839 section 4.4.1.1.1);
        without, the remote answers the offer that this one was made for (a fork). `same_peer`: the keys go on.
        """
        other = IceDtls(self._certificate, on_rtp=self._on_rtp, on_rtcp=self._on_rtcp, on_lost=on_lost)
        if not restart:
            other._use(_Ice(local_username=self.ufrag, local_password=self.pwd))
        other._ice.take_sockets(self._ice)
        other._ice.ice_controlling = not restart
        if same_peer:
            other.take_keys(self)
        return other

    async def close(self) -> None:
        """Close the sockets and end the tasks; a second call does nothing."""
        if self._closing:
            return
        self._closing = True
        self._tx = self._rx = None
        if self._keeps_quiet:
            self._ice._nominated.clear()  # so that no close_notify of DTLS goes out
        if self._dtls is not None:
            task = self._dtls._task
            await self._dtls.stop()
            if task is not None:
                await asyncio.wait([task])
        await self._ice.close()

    def _ice_closed(self) -> None:
        if not self._closing:
            self._on_lost()

    # --- datagrams ---

    def send_rtp(self, packet: bytes) -> None:
        """Encrypt and send; without a way to the other side, nothing happens."""
        if self._tx is not None:
            self._ice.send_media(self._tx.protect(packet))

    def send_rtcp(self, packet: bytes) -> None:
        """Encrypt and send an RTCP compound packet, likewise."""
        if self._tx is not None:
            self._ice.send_media(self._tx.protect_rtcp(packet))

    def _media_received(self, data: bytes, kind: Literal["rtp", "rtcp"]) -> None:
        if self._rx is None:
            return
        try:
            packet = self._rx.unprotect_rtcp(data) if kind == "rtcp" else self._rx.unprotect(data)
        except Error as error:
            logger.debug("dropped a datagram: %r", error)
            return
        self._media += 1
        (self._on_rtcp if kind == "rtcp" else self._on_rtp)(packet)
