"""recording.spec: the option `record`."""

import pytest

from tests.bench import Bench


async def test_64_record_asks_for_it_on_the_invite(bench: Bench) -> None:
    bench.client.call("bob", record=True)
    await bench.pass_time(0.1)
    assert bench.sent("INVITE")[0].headers.get("X-Record-Call") == "true"


@pytest.mark.parametrize("options", [{"record": False}, {}])
async def test_65_without_record_nothing_is_said(bench: Bench, options: dict[str, bool]) -> None:
    bench.client.call("bob", **options)
    await bench.pass_time(0.1)
    assert "X-Record-Call" not in bench.sent("INVITE")[0].headers


async def test_65_record_is_true_or_false_and_nothing_that_merely_counts_as_such(bench: Bench) -> None:
    with pytest.raises(ValueError, match="record must be True or False, not 'yes'"):
        bench.client.call("bob", record="yes")
