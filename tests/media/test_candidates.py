"""Candidates: ours ranked, the other side's sifted."""

import pytest
from aioice import Candidate

from jzrx.media.candidates import MAX_CANDIDATES, most_reachable, prioritize, usable


def candidate(kind: str, host: str) -> Candidate:
    return Candidate("1", 1, "udp", 100, host, 4000, kind)


def test_each_gets_a_priority_of_its_own_and_earlier_ones_of_a_kind_are_preferred() -> None:
    kinds = ("host", "host", "srflx", "relay", "srflx")
    candidates = [candidate(kind, f"192.0.2.{index}") for index, kind in enumerate(kinds)]
    prioritize(candidates)
    assert [each.host[-1] for each in sorted(candidates, key=lambda each: -each.priority)] == list("01243")
    # The value that RFC 8445 section 5.1.2.1 gives a host candidate with the local preference 65535.
    assert candidates[0].priority == 126 * 2**24 + 65535 * 2**8 + 255


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ([], None),
        ([("host", "2001:db8::1"), ("host", "192.0.2.1"), ("host", "192.0.2.2")], "192.0.2.1"),
        ([("host", "192.0.2.1"), ("srflx", "198.51.100.1")], "198.51.100.1"),
        ([("srflx", "198.51.100.1"), ("relay", "2001:db8::1")], "2001:db8::1"),
    ],
)
def test_the_default_is_the_most_reachable(offered: list[tuple[str, str]], chosen: str | None) -> None:
    candidates = [candidate(*each) for each in offered]
    prioritize(candidates)
    best = most_reachable(candidates)
    assert (best.host if best else None) == chosen


def test_only_what_can_be_paired_is_used() -> None:
    lines = (
        "1 1 udp 100 192.0.2.1 4000 typ host",
        "1 1 UDP 100 192.0.2.2 4000 typ host",
        "1 2 udp 100 192.0.2.3 4000 typ host",
        "1 1 tcp 100 192.0.2.4 9 typ host tcptype active",
        "1 1 udp 100 192.0.2.6 70000 typ host",
        "1 1 udp 100 192.0.2.7 0 typ host",
        "nonsense",
        *("1 1 udp 100 192.0.2.5 4000 typ host" for _ in range(MAX_CANDIDATES)),
    )
    used = usable(lines)
    assert [each.host for each in used[:3]] == ["192.0.2.1", "192.0.2.2", "192.0.2.5"]
    assert len(used) == MAX_CANDIDATES
