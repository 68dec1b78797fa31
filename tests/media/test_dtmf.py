"""Tones as RTP events: packets as RFC 4733 wants them, and each tone heard once, in order, whatever is lost or late."""

import itertools
from struct import unpack

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from jzrx.media.dtmf import TONES, Event, Heard, ToneReceiver, ToneSender
from jzrx.media.rtp import RtpPacket

TICK = 20  # ms


@define
class Listener:
    said: list[str] = field(factory=list[str])

    def sent(self, tone: str) -> None:
        self.said.append(tone)

    def ended(self, error: str | None) -> None:
        self.said.append(error or "end")


def ticks(sender: ToneSender, count: int, clock_rate: int = 8000, start: int = 0) -> list[Event | None]:
    """What the next ticks send."""
    step = clock_rate // 50
    return [sender.tick(start + number * step & 0xFFFFFFFF, clock_rate) for number in range(count)]


def sent(tones: str, duration: int = 100, gap: int = 70, clock_rate: int = 8000, start: int = 0) -> list[Event | None]:
    """Everything that is sent of a sequence, None where there may be sound."""
    sender = ToneSender()
    sender.queue(tones, duration, gap)
    events: list[Event | None] = []
    while not sender.is_idle:
        events += ticks(sender, 1, clock_rate, start + len(events) * clock_rate // 50)
    return events


def read(event: Event) -> tuple[int, bool, int, int]:
    """(event code, E bit, volume, duration)"""
    code, flags, duration = unpack("!BBH", event.payload)
    return code, flags >= 0x80, flags & 0x3F, duration


def packets(events: list[Event | None], ssrc: int = 7) -> list[RtpPacket]:
    return [
        RtpPacket(101, number, event.timestamp, ssrc, event.payload, event.marker)
        for number, event in enumerate(events)
        if event
    ]


def hear(received: list[RtpPacket], clock_rate: int = 8000) -> list[Heard]:
    receiver = ToneReceiver()
    heard = [heard for packet in received for heard in receiver.push(packet, clock_rate)]
    return heard + receiver.tick(100)


def begun(heard: list[Heard]) -> str:
    return "".join(tone for tone, duration in heard if duration is None)


# --- sending ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clock_rate", [8000, 48000])
def test_a_tone_grows_and_its_last_packet_leaves_three_times(clock_rate: int) -> None:
    events = [event for event in sent("5", 100, 70, clock_rate, start=1234) if event]
    unit = clock_rate // 1000
    assert [read(event) for event in events] == [
        (5, False, 10, 20 * unit),
        (5, False, 10, 40 * unit),
        (5, False, 10, 60 * unit),
        (5, False, 10, 80 * unit),
        *[(5, True, 10, 100 * unit)] * 3,
    ]
    assert {event.timestamp for event in events} == {1234}
    assert [event.marker for event in events] == [True, *[False] * 6]


@pytest.mark.parametrize("duration", [40, 41, 59, 60, 100, 250, 1299, 1300])
@pytest.mark.parametrize("gap", [40, 45, 70, 500])
@pytest.mark.parametrize("clock_rate", [8000, 48000])
def test_tones_and_gaps_are_as_long_as_was_asked(duration: int, gap: int, clock_rate: int) -> None:
    events = sent("1#", duration, gap, clock_rate)
    second = next(number for number, event in enumerate(events) if event and event.timestamp)
    assert 0 <= second * TICK - (duration + gap) < TICK
    ends = [read(event) for event in events if event and read(event)[1]]
    assert ends == [(1, True, 10, duration * clock_rate // 1000)] * 3 + [(11, True, 10, ends[0][3])] * 3
    assert ends[0][3] <= 0xFFFF
    pauses = events[-(-duration // TICK) + 2 : second]
    assert pauses == [None] * len(pauses)


def test_every_tone_has_its_code() -> None:
    starts = [event for event in sent("0123456789*#abcd", 40, 40) if event and event.marker]
    assert [read(event)[0] for event in starts] == list(range(16))


def test_a_comma_is_two_seconds() -> None:
    starts = [number for number, event in enumerate(sent("1,2,,3")) if event and event.marker]
    assert starts == [0, 9 + 100, 18 + 300]


def test_the_timestamps_of_a_tone_may_wrap() -> None:
    events = [event for event in sent("12", start=0xFFFFFFFF) if event]
    assert [key for key, _ in itertools.groupby(event.timestamp for event in events)] == [0xFFFFFFFF, 9 * 160 - 1]
    assert begun(hear(packets(list(events)))) == "12"


def test_listeners_hear_when_the_last_packets_have_left() -> None:
    sender, first, second = ToneSender(), Listener(), Listener()
    sender.queue("12", 100, 70, first)
    sender.queue("3,", 40, 40, second)
    ticks(sender, 6)
    assert first.said == []
    ticks(sender, 1)
    assert first.said == ["1"]
    assert not sender.is_sounding
    assert not sender.is_due
    ticks(sender, 9)
    assert first.said == ["1", "2", "end"]
    ticks(sender, 2)
    assert sender.is_due
    ticks(sender, 4)
    assert second.said == ["3"]
    ticks(sender, 101)
    assert second.said == ["3", "end"]
    assert sender.is_idle


def test_the_gap_is_kept_before_a_later_sequence() -> None:
    sender = ToneSender()
    sender.queue("1", 100, 200)
    assert sum(event is not None for event in ticks(sender, 7)) == 7
    sender.queue("2", 100, 200)
    assert ticks(sender, 8) == [None] * 8
    assert ticks(sender, 1) != [None]


def test_what_is_cleared_is_told_and_never_sent() -> None:
    sender, first, second = ToneSender(), Listener(), Listener()
    sender.queue("12", 100, 70, first)
    sender.queue("3", 100, 70, second)
    ticks(sender, 3)
    sender.clear("held")
    assert (first.said, second.said) == (["held"], ["held"])
    assert sender.is_idle
    assert ticks(sender, 5) == [None] * 5
    sender.queue("4", 100, 70)
    (event,) = ticks(sender, 1)
    assert event
    assert event.marker


# --- receiving -------------------------------------------------------------------------------------------------------


def test_a_tone_begins_with_its_first_packet_and_ends_with_its_first_end() -> None:
    receiver = ToneReceiver()
    heard = [receiver.push(packet, 8000) for packet in packets(sent("7"))]
    assert heard == [[Heard("7")], [], [], [], [Heard("7", 100)], [], []]


@pytest.mark.parametrize(
    "lost",
    [(0,), (0, 1, 2), (4,), (4, 5), (6,), (4, 5, 6), (0, 4, 5, 6), (0, 1, 2, 3, 4, 5), (1, 2, 3, 4, 5, 6)],
    ids=str,
)
def test_whatever_is_lost_the_tone_is_heard_once(lost: tuple[int, ...]) -> None:
    arrived = [packet for number, packet in enumerate(packets(sent("9"))) if number not in lost]
    heard = hear(arrived)
    assert [tone for tone, _ in heard] == ["9", "9"]
    assert heard[0].duration is None
    assert (heard[1].duration or 0) in {20, 80, 100}


def test_the_same_tone_twice_is_two_though_the_ends_of_the_first_are_lost() -> None:
    events = packets(sent("11"))
    assert hear(events[:4] + events[7:]) == [Heard("1"), Heard("1", 80), Heard("1"), Heard("1", 100)]
    assert hear(events[:4] + events[8:]) == [Heard("1"), Heard("1", 80), Heard("1"), Heard("1", 100)]


def test_packets_of_a_tone_that_come_after_the_next_one_change_nothing() -> None:
    first, second = packets(sent("12"))[:7], packets(sent("12"))[7:]
    assert begun(hear([*first[:6], second[0], first[6], *second[1:]])) == "12"
    assert begun(hear(first[::-1])) == "1"


def test_a_repetition_long_after_is_still_one() -> None:
    receiver = ToneReceiver()
    *most, last = packets(sent("1"))
    for packet in most:
        receiver.push(packet, 8000)
    assert receiver.tick(500) == []
    assert receiver.push(last, 8000) == []


def test_a_tone_whose_ends_are_lost_ends_when_nothing_more_comes() -> None:
    receiver = ToneReceiver()
    for packet in packets(sent("1"))[:3]:
        receiver.push(packet, 8000)
        assert receiver.tick() == []
    assert [heard for _ in range(50) for heard in receiver.tick()] == [Heard("1", 60)]
    assert receiver.push(packets(sent("1"))[4], 8000) == []


def segmented(seconds: float, clock_rate: int) -> list[RtpPacket]:
    """A long tone as RFC 4733 section 2.5.1.3 wants it: a new segment each 65535 units, without marker or E bit."""
    found, segment, end = list[RtpPacket](), 5000, 5000 + round(seconds * clock_rate)
    for now in range(5000, end, clock_rate // 50):
        after = min(end, now + clock_rate // 50)
        if after - segment > 0xFFFF:
            found.append(RtpPacket(101, len(found), segment, 7, bytes([3, 10, 255, 255])))
            segment += 0xFFFF
        duration = (after - segment).to_bytes(2, "big")
        flags = 10 | (0x80 if after == end else 0)
        found.append(RtpPacket(101, len(found), segment, 7, bytes([3, flags]) + duration, now == 5000))
    return found


@pytest.mark.parametrize("clock_rate", [8000, 48000])
@pytest.mark.parametrize("seconds", [1.0, 10.0, 30.0])
def test_a_long_tone_in_segments_is_one(seconds: float, clock_rate: int) -> None:
    whole = segmented(seconds, clock_rate)
    assert hear(whole, clock_rate) == [Heard("3"), Heard("3", round(1000 * seconds))]
    for lost in range(2, 12):
        assert begun(hear(whole[::lost], clock_rate)) == "3"


def test_a_timestamp_that_runs_on_within_the_tone_is_no_new_tone() -> None:
    """Some gateways never freeze it."""
    running = [packet._replace(timestamp=160 * number) for number, packet in enumerate(packets(sent("4"))[:5])]
    assert begun(hear(running)) == "4"


def test_a_new_source_or_a_clock_set_back_begins_anew() -> None:
    first = packets(sent("5", start=1_000_000))
    assert begun(hear([*first, *packets(sent("5", start=1_000_000), ssrc=8)])) == "55"
    assert begun(hear([*first, *packets(sent("5", start=500_000))])) == "55"


@pytest.mark.parametrize(
    "payload", [b"", b"\5\12\0", bytes([16, 10, 1, 0]), bytes([255, 10, 1, 0]), bytes([5, 10, 0, 0])], ids=bytes.hex
)
def test_what_is_no_tone_is_not_heard(payload: bytes) -> None:
    assert hear([RtpPacket(101, 1, 160, 7, payload, True)]) == []


# --- at random -------------------------------------------------------------------------------------------------------

sequences = st.text(alphabet=TONES + ",", min_size=1, max_size=12)


@given(
    sequences,
    st.integers(40, 1300),
    st.integers(40, 500),
    st.sampled_from([8000, 48000]),
    st.integers(0, 0xFFFFFFFF),
    st.data(),
)
def test_through_loss_duplicates_and_disorder_every_tone_is_heard_once_in_order(
    tones: str, duration: int, gap: int, clock_rate: int, start: int, data: st.DataObject
) -> None:
    """Of each tone one packet at least arrives; none comes later than 40 ms late, as the gap is no shorter."""
    all_packets = packets(sent(tones, duration, gap, clock_rate, start))
    arrived: list[tuple[int, RtpPacket]] = []
    for _, group in itertools.groupby(all_packets, key=lambda packet: packet.timestamp):
        whole = list(group)
        kept = data.draw(st.lists(st.sampled_from(whole), min_size=1, max_size=2 * len(whole)))
        arrived += [(2 * packet.sequence + data.draw(st.integers(0, 3)), packet) for packet in kept]
    arrived.sort(key=lambda pair: pair[0])
    heard = hear([packet for _, packet in arrived], clock_rate)
    assert begun(heard) == tones.replace(",", "")
    for begin, end in zip(heard[::2], heard[1::2], strict=True):
        assert (begin.tone, begin.duration) == (end.tone, None)
        assert 0 < (end.duration or 0) <= duration


@given(st.lists(st.tuples(st.binary(max_size=6), st.integers(0, 0xFFFFFFFF), st.integers(0, 2), st.booleans())))
def test_whatever_comes_begins_and_ends_in_turn(received: list[tuple[bytes, int, int, bool]]) -> None:
    heard = hear([RtpPacket(101, 0, time, ssrc, payload, marker) for payload, time, ssrc, marker in received])
    assert [duration is None for _, duration in heard] == [True, False] * (len(heard) // 2)
    assert [heard[i].tone for i in range(0, len(heard), 2)] == [heard[i].tone for i in range(1, len(heard), 2)]


@given(sequences, st.integers(40, 1300), st.integers(40, 5000), st.sampled_from([8000, 48000]))
def test_what_is_sent_never_overlaps_and_always_ends(tones: str, duration: int, gap: int, clock_rate: int) -> None:
    events = sent(tones, duration, gap, clock_rate)
    runs = [list(run) for key, run in itertools.groupby(events, key=lambda e: e and e.timestamp) if key is not None]
    assert len(runs) == len(tones.replace(",", ""))
    for run in runs:
        flags = [read(event)[1] for event in run if event]
        assert flags == [False] * (len(flags) - 3) + [True] * 3
        durations = [read(event)[3] for event in run if event]
        assert durations == sorted(durations)
