"""What leaves: RTP numbers that go on whatever is sent, late or passed on from another call."""

import itertools

import pytest

from jzrx.media.rtp import RtpPacket, parse_rtp
from jzrx.media.sdp import Codec
from jzrx.media.sender import MAX_BURST, Sender
from jzrx.media.sources import tone

PCMU, PCMA, G722 = Codec("PCMU", 8000, 1, 0), Codec("PCMA", 8000, 1, 8), Codec("G722", 8000, 1, 9)
OPUS = Codec("opus", 48000, 2, 111)


def sending(codec: Codec = PCMU) -> tuple[Sender, list[RtpPacket]]:
    sent: list[RtpPacket] = []
    sender = Sender(7, codec, None, lambda packet: sent.append(parse_rtp(packet)))
    sender.sends = True
    return sender, sent


def assert_continuous(sent: list[RtpPacket], step: int) -> None:
    for before, after in itertools.pairwise(sent):
        assert (after.sequence - before.sequence) & 0xFFFF == 1
        assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == step
    assert {packet.ssrc for packet in sent} == {7}


@pytest.mark.parametrize(("codec", "step"), [(PCMU, 160), (PCMA, 160), (G722, 160), (OPUS, 960)])
def test_a_packet_each_tick_with_the_marker_on_the_first(codec: Codec, step: int) -> None:
    sender, sent = sending(codec)
    for _ in range(5):
        sender.tick(1)
    assert_continuous(sent, step)
    assert [packet.marker for packet in sent] == [True, False, False, False, False]
    assert {packet.payload_type for packet in sent} == {codec.payload_type}
    assert sender.packets == 5


def test_late_ticks_are_made_up_for_but_never_in_a_burst() -> None:
    sender, sent = sending()
    sender.tick(2)
    assert len(sent) == 2
    sender.tick(50)
    assert len(sent) == 2 + MAX_BURST
    sender.tick(1)
    assert_continuous(sent[:-1], 160)
    assert (sent[-1].sequence - sent[-2].sequence) & 0xFFFF == 1
    assert (sent[-1].timestamp - sent[0].timestamp) & 0xFFFFFFFF == 52 * 160


def test_a_pause_advances_the_time_and_ends_with_a_marker() -> None:
    sender, sent = sending()
    sender.tick(1)
    sender.sends = False
    for _ in range(10):
        sender.tick(1)
    assert len(sent) == 1
    sender.sends = True
    sender.tick(1)
    assert sent[1].marker
    assert (sent[1].sequence - sent[0].sequence) & 0xFFFF == 1
    assert (sent[1].timestamp - sent[0].timestamp) & 0xFFFFFFFF == 11 * 160


def test_silence_is_sent_in_place_of_the_sound() -> None:
    sender, sent = sending()
    sender.mixer.set_source(tone(400).open(8000))
    sender.tick(1)
    sender.silent = True
    sender.tick(1)  # fades
    sender.tick(1)
    assert set(sent[0].payload) != {0xFF}
    assert set(sent[2].payload) == {0xFF}


def test_packets_of_another_call_are_passed_on_under_our_numbers() -> None:
    sender, sent = sending()
    sender.tick(1)
    for number in (0, 1, 3, 2):  # one overtakes another: their order stays theirs
        assert sender.relay_packet(
            RtpPacket(0, 65534 + number & 0xFFFF, 5000 + 160 * number, 99, bytes([number])), PCMU
        )
        sender.tick(1)
    assert [packet.payload for packet in sent[1:]] == [b"\0", b"\1", b"\3", b"\2"]
    assert_continuous(sorted(sent, key=lambda packet: packet.timestamp), 160)
    assert [packet.marker for packet in sent] == [True, True, False, False, False]
    sender.stop_relaying()
    sender.tick(1)
    assert_continuous(sorted(sent, key=lambda packet: packet.timestamp), 160)


def test_a_faster_clock_of_the_other_call_never_turns_our_time_back() -> None:
    sender, sent = sending()
    for number in range(10):
        sender.relay_packet(RtpPacket(0, number, 160 * number, 99, b"x"), PCMU)
        if number % 2:
            sender.tick(1)
    sender.stop_relaying()
    sender.tick(1)
    assert_continuous(sent, 160)


@pytest.mark.parametrize("then", ["another format", "another source", "muted"])
def test_whatever_follows_what_was_passed_on_is_later(then: str) -> None:
    sender, sent = sending()
    for number in range(5):  # they came in a burst
        sender.relay_packet(RtpPacket(0, number, 160 * number, 99, b"x"), PCMU)
    sender.tick(1)
    if then == "another format":
        sender.relay_sound(bytes(640), 16000)
    elif then == "another source":
        sender.relay_packet(RtpPacket(0, 7, 160, 98, b"x"), PCMU)
    else:
        sender.silent = True
    sender.tick(1)
    assert len(sent) == 6
    assert_continuous(sent, 160)


def test_another_format_is_not_passed_on_and_its_sound_is() -> None:
    sender, sent = sending()
    assert not sender.relay_packet(RtpPacket(111, 1, 960, 99, b"x"), OPUS)
    reader = tone(400).open(48000)
    for _ in range(5):
        sender.relay_sound(reader.read() or b"", 48000)
        sender.tick(1)
    assert_continuous(sent, 160)
    assert set(sent[-1].payload) != {0xFF}


def test_nothing_is_passed_on_while_we_hold_or_may_not_send() -> None:
    sender, sent = sending()
    sender.sends = False
    assert sender.relay_packet(RtpPacket(0, 1, 160, 99, b"x"), PCMU)
    assert not sent
    sender.sends = sender.silent = True
    assert sender.relay_packet(RtpPacket(0, 2, 320, 99, b"x"), PCMU)
    sender.tick(1)
    assert [set(packet.payload) for packet in sent] == [{0xFF}]


# --- tones -----------------------------------------------------------------------------------------------------------

EVENT8, EVENT48 = Codec("telephone-event", 8000, 1, 101), Codec("telephone-event", 48000, 1, 110)


def with_tones(codec: Codec, event: Codec) -> tuple[Sender, list[RtpPacket]]:
    sender, sent = sending(codec)
    sender.telephone_event = event
    return sender, sent


@pytest.mark.parametrize(("codec", "event", "step"), [(PCMU, EVENT8, 160), (G722, EVENT8, 160), (OPUS, EVENT48, 960)])
@pytest.mark.parametrize("silent", [False, True])
def test_sound_yields_to_a_tone_and_goes_on_in_time(codec: Codec, event: Codec, step: int, silent: bool) -> None:
    sender, sent = with_tones(codec, event)
    sender.silent = silent
    sender.tick(1)
    sender.tones.queue("5", 100, 70)
    for _ in range(10):
        sender.tick(1)
    assert [packet.payload_type for packet in sent] == [codec.payload_type] + 7 * [event.payload_type] + 3 * [
        codec.payload_type
    ]
    start = sent[0].timestamp
    assert [(packet.timestamp - start) & 0xFFFFFFFF for packet in sent] == [
        0,
        *[step] * 7,
        *(step * tick for tick in (8, 9, 10)),
    ]
    assert [packet.marker for packet in sent] == [True, True, *[False] * 9]
    for before, after in itertools.pairwise(sent):
        assert (after.sequence - before.sequence) & 0xFFFF == 1
    assert sender.packets == 11


def test_no_tone_is_sent_to_who_takes_none_or_holds_us() -> None:
    sender, sent = with_tones(PCMU, EVENT8)
    sender.tones.queue("5", 100, 70)
    sender.telephone_event = None
    sender.tick(1)
    sender.sends, sender.telephone_event = False, EVENT8
    sender.tick(1)
    assert [packet.payload_type for packet in sent] == [0]


def test_tones_go_out_between_the_packets_of_another_call() -> None:
    sender, sent = with_tones(PCMU, EVENT8)
    sender.tones.queue(",5", 40, 40)
    for number in range(120):
        assert sender.relay_packet(RtpPacket(0, number, 160 * number, 99, b"x"), PCMU)
        sender.tick(1)
    tone = [packet for packet in sent if packet.payload_type == 101]
    assert len(tone) == 4
    assert len({packet.timestamp for packet in tone}) == 1
    for before, after in itertools.pairwise(sent):
        assert (after.sequence - before.sequence) & 0xFFFF == 1
        step = (after.timestamp - before.timestamp) & 0xFFFFFFFF
        assert step in ((0, 160) if after.payload_type == 101 else (160, 4 * 160))


def test_tones_of_another_call_are_passed_on_where_its_sound_is() -> None:
    sender, sent = with_tones(PCMU, Codec("telephone-event", 8000, 1, 96))
    event = RtpPacket(101, 2, 480, 99, b"\5\12\0\xa0", True)
    assert not sender.relay_event(event, EVENT8)
    assert sender.relay_packet(RtpPacket(0, 1, 320, 99, b"x"), PCMU)
    assert not sender.relay_event(event, EVENT48)
    assert not sender.relay_event(event._replace(ssrc=98), EVENT8)
    assert sender.relay_event(event, EVENT8)
    sound, tone = sent
    assert (tone.payload_type, tone.payload, tone.marker) == (96, event.payload, True)
    assert (tone.sequence - sound.sequence) & 0xFFFF == 1
    assert (tone.timestamp - sound.timestamp) & 0xFFFFFFFF == 160
