"""A stream under anything in any order: what goes out follows a simple model, and what comes in is 20 ms a tick."""

from itertools import count

import pytest
from attrs import define, evolve, field
from hypothesis import given, settings
from hypothesis import strategies as st

from jzrx.media.codecs import make_encoder
from jzrx.media.measure import tone_level
from jzrx.media.negotiation import Agreement, make_answer, make_offer
from jzrx.media.rtp import RtpPacket, pack_header, parse_rtp
from jzrx.media.sdp import Direction
from jzrx.media.sources import pcm, tone
from jzrx.media.stream import Stream
from tests.media.descriptions import local

SILENT = b"\xff" * 160  # 20 ms of PCMU
MAX_BURST = 3  # ticks that are made up for


@define
class Outcome:
    """How a sequence of tones, or a sound that plays over the source, ended: how often, and why."""

    ends: list[str | None] = field(factory=list[str | None])
    tones: str = ""

    def sent(self, tone: str) -> None:
        self.tones += tone

    def ended(self, error: str | None = None) -> None:
        self.ends.append(error)


class Line:
    """A stream that was agreed, and what it sends and tells."""

    def __init__(self, codec: str = "PCMU") -> None:
        self.now = 0.0
        self.packets: list[RtpPacket] = []
        self.tones: list[str] = []
        self.heard: list[bytes] = []
        self.agreement: Agreement = make_answer(make_offer(local(1, codec)), local(2, codec))
        self.stream = Stream(
            self.agreement,
            ssrc=2,
            cname="x",
            send_rtp=lambda data: self.packets.append(parse_rtp(data)),
            send_rtcp=lambda data: None,
            on_tone=self.tones.append,
            now=lambda: self.now,
        )
        self.agree("sendrecv", silent=False)
        self.stream.audience.add(lambda sound, concealed: self.heard.append(sound), 48000)

    def agree(self, direction: str, *, silent: bool) -> None:
        self.stream.agree(evolve(self.agreement, direction=Direction(direction)), silent=silent)

    def tick(self, due: int) -> list[RtpPacket]:
        self.packets.clear()
        self.now += due * 0.02
        self.stream.tick(due)
        return list(self.packets)


directions = st.sampled_from(["sendrecv", "sendonly", "recvonly", "inactive"])
doings = st.one_of(
    st.tuples(st.just("agree"), directions, st.booleans()),
    st.tuples(st.just("play"), st.integers(1, 9)),
    st.tuples(st.just("stop"), st.integers(0, 3)),
    st.tuples(st.just("source"), st.booleans()),
    st.tuples(st.just("tones"), st.text("15*D,", min_size=1, max_size=3), st.integers(40, 200), st.integers(40, 90)),
    st.tuples(st.just("ticks"), st.lists(st.sampled_from([1, 1, 1, 2, 3, 4, 60]), max_size=8)),
)


@settings(max_examples=60)
@given(st.lists(doings, max_size=25))
def test_whatever_is_done_what_is_sent_follows_the_agreement(steps: list[tuple[object, ...]]) -> None:
    line = Line()
    sends, silent, quiet = True, False, 0  # `quiet`: ticks since silence was asked for
    outcomes, stops = list[Outcome](), list[object]()
    clock, expected, begun = 0, None, None
    for step in [*steps, ("ticks", [1] * 4)]:
        match step:
            case ("agree", str(direction), bool(silent)):
                line.agree(direction, silent=silent)
                sends, quiet = Direction(direction).sends, 0
            case ("play", int(tenths)):
                outcome = Outcome()
                outcomes.append(outcome)
                stops.append(line.stream.play(pcm(b"\0\x10" * 800 * tenths, rate=8000), outcome.ended))
            case ("stop", int(number)) if number < len(stops) and callable(stop := stops[number]):
                stop()
            case ("source", bool(on)):
                line.stream.set_source(tone(1000) if on else None)
            case ("tones", str(tones), int(duration), int(gap)):
                outcomes.append(outcome := Outcome())
                line.stream.send_tones(tones, duration, gap, outcome)
            case ("ticks", list(dues)):
                for due in dues:
                    packets = line.tick(due)
                    assert len(packets) <= min(due, MAX_BURST)
                    assert sends or not packets
                    for offset, packet in enumerate(packets):
                        if expected is not None:
                            assert packet.sequence == expected
                        expected = packet.sequence + 1 & 0xFFFF
                        if packet.payload_type != 0:
                            continue
                        quiet += silent
                        if quiet > 1:
                            assert packet.payload == SILENT
                        if len(packets) == min(due, MAX_BURST):  # the clock of the timestamps is that of the ticks
                            start = packet.timestamp - (clock + offset) * 160 & 0xFFFFFFFF
                            begun = start if begun is None else begun
                            assert start == begun
                    clock += due
            case _:
                pass
    line.stream.close()
    assert [len(outcome.ends) for outcome in outcomes] == [1] * len(outcomes)
    assert not line.tick(1)


arrivals = st.one_of(
    st.binary(max_size=64),
    st.builds(
        lambda kind, sequence, timestamp, ssrc, payload, marker: (
            bytes([0x80, kind | marker << 7])
            + sequence.to_bytes(2, "big")
            + timestamp.to_bytes(4, "big")
            + ssrc.to_bytes(4, "big")
            + payload
        ),
        st.sampled_from([0, 8, 9, 13, 77, 101, 110, 111]),
        st.one_of(st.integers(0, 9), st.integers(0xFFF8, 0xFFFF), st.integers(0, 0xFFFF)),
        st.one_of(st.integers(0, 20).map(lambda frame: frame * 160), st.integers(0, 0xFFFFFFFF)),
        st.sampled_from([1, 1, 1, 7]),
        st.one_of(st.just(b""), st.binary(max_size=8), st.just(b"\x55" * 160), st.just(b"\x01" * 1460)),
        st.booleans(),
    ),
)


@settings(max_examples=80)
@given(st.sampled_from(["PCMU", "opus", "G722"]), st.lists(st.lists(arrivals, max_size=6), max_size=25), st.booleans())
def test_whatever_arrives_a_tick_is_20_ms_of_sound(codec: str, ticks: list[list[bytes]], relays: bool) -> None:
    line, other = Line(codec), Line()
    if relays:
        line.stream.relay_to(other.stream)
    for packets in ticks:
        for data in packets:
            line.stream.rtp_received(data)
            line.stream.rtcp_received(data)
        before = len(line.heard)
        line.tick(1)
        other.tick(1)
        assert [len(sound) for sound in line.heard[before:]] in ([], [1920])
        assert line.stream.stats(None).packets_received >= 0
        line.stream.measure(None, line.stream.input_peak())


def test_what_a_server_keeps_back_while_we_hold_is_not_lost() -> None:
    line = Line()
    codec = line.agreement.codec.payload_type
    receive = lambda number: line.stream.rtp_received(pack_header(codec, number, 160 * number, 9) + SILENT)  # noqa: E731
    for number in range(10):
        receive(number)
    line.agree("sendonly", silent=True)
    line.agree("sendrecv", silent=False)
    for number in range(12, 20):  # 10 and 11 were under way when we held the call
        receive(number)
    assert line.stream.stats(None).packets_lost == 0


@pytest.mark.parametrize("ptime", [10, 20, 30, 60])
def test_a_change_of_codec_and_a_hold_leave_everybody_20_ms_a_tick(ptime: int) -> None:
    line, other = Line(), Line()
    heard: dict[int, list[bytes]] = {8000: [], 16000: [], 48000: []}
    for rate, sounds in heard.items():
        line.stream.audience.add(lambda sound, concealed, sounds=sounds: sounds.append(sound), rate)
    times: list[float] = []
    line.stream.audience.add(lambda sound, concealed: times.append(line.stream.time), 8000)
    line.stream.relay_to(other.stream)  # which speaks PCMU all the time
    numbers, size = count(), 8 * ptime
    for codec in ("PCMU", "G722", "PCMU"):
        line.agreement = make_answer(make_offer(local(1, codec)), local(2, codec))
        encoder = make_encoder(line.agreement.codec)
        for direction in ("sendrecv", "inactive", "sendrecv"):
            line.agree(direction, silent=False)
            reader = tone(440).open(encoder.rate)
            said = b"".join(encoder.encode(reader.read() or b"") for _ in range(30))
            for tick in range(30):
                for place in range(20 * tick // ptime, 20 * (tick + 1) // ptime):
                    number = next(numbers)
                    header = pack_header(line.agreement.codec.payload_type, number, number * size, 9)
                    line.stream.rtp_received(header + said[place * size :][:size])
                line.tick(1)
                other.tick(1)
        for rate, sounds in heard.items():
            assert tone_level(b"".join(sounds[-20:]), rate, 440) == pytest.approx(0.25, rel=0.05)
    assert times == pytest.approx([index * 0.02 for index in range(len(times))])
    assert 266 < len(times) <= 270, "each tick from the first packet on"
    for rate, sounds in heard.items():
        assert [len(sound) for sound in sounds] == [rate // 25] * len(times)
