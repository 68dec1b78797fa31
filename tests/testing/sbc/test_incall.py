"""What comes at one moment in a call on the embedded SBC: frames of both sides that arrive in one turn of the loop."""

from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

from jzrx.sip.machine import AnswerWanted
from jzrx.testing.sbc.incall import InCall

HELD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=sendonly\r\n"


def leg(name: str, refused: list[tuple[str, int]]) -> Any:
    """One side of a call, which writes down what it is refused."""

    def failed(call_id: str, _ref: int, code: int, _why: str) -> None:
        refused.append((call_id, code))

    return SimpleNamespace(id=name, user=name, other=None, holds=False, flow=SimpleNamespace(description_failed=failed))


async def test_of_two_holds_at_one_moment_the_second_is_refused() -> None:
    """Each would wait for the other for ever."""
    refused: list[tuple[str, int]] = []
    answered: list[str] = []
    begun: list[Coroutine[Any, Any, None]] = []
    one, other = leg("one", refused), leg("other", refused)
    one.other, other.other = other, one
    in_call = InCall(begun.append, lambda _: None, lambda *_: None, None)  # type: ignore[arg-type,return-value]
    for each in (one, other):
        in_call.offer(each, AnswerWanted(each.id, 1, HELD, held=False), lambda name=each.id: answered.append(name))
    assert refused == [("other", 491)]
    assert (len(begun), answered) == (1, [])
    begun[0].close()
