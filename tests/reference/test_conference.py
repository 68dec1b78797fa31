"""conference.spec: `client.conference()` was never implemented there, and is left out here on purpose.

docs/parity.md says so. `call_conference` is the way into a conference.
"""

import pytest

from jzrx import JambonzClient
from tests.docs.failures import ROOT
from tests.interop.phones import hears_tone
from tests.reference.conftest import Phone


def test_27_conference_is_left_out_and_the_docs_say_so() -> None:
    assert not hasattr(JambonzClient, "conference")
    assert "| `conference` | left out |" in (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")


async def test_28_a_conference_is_joined_by_its_name(phone: Phone) -> None:
    alice, bob = await phone("alice"), await phone("bob")
    call, other = alice.call_conference("test-room-123"), bob.call_conference("test-room-123")
    assert (call.direction, isinstance(call.id, str)) == ("outbound", True)
    await hears_tone(call, 660)
    await hears_tone(other, 440)


async def test_29_a_conference_takes_the_options_of_a_call(phone: Phone) -> None:
    alice = await phone("alice")
    call = alice.call_conference("test-room-123", headers={"X-Role": "guest"}, preferred_codecs=["PCMU"])
    await call.media_ready()
    stats = await call.get_stats()
    assert stats is not None
    assert stats.codec == "PCMU"
    with pytest.raises(TypeError, match="no option 'room'"):
        alice.call_conference("test-room-123", room="another")
