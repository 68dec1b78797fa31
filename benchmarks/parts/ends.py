"""The ends of measured calls, each in a process of its own (`endpoint.py`)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

__all__ = ["End", "measured"]


class End:
    """One end, in its process."""

    def __init__(self, kind: str, codec: str, calls: int, part: str, *options: str) -> None:
        endpoint = str(Path(__file__).parent / "endpoint.py")
        self._process = subprocess.Popen(
            [sys.executable, endpoint, kind, codec, str(calls), part, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._process.stdin
        assert self._process.stdout
        return self._process.stdin, self._process.stdout

    def say(self, what: object) -> None:
        pipe, _ = self._pipes()
        pipe.write(json.dumps(what) + "\n")
        pipe.flush()

    def hear(self) -> Any:
        _, pipe = self._pipes()
        return json.loads(pipe.readline())

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def measured(kind: str, codec: str, calls: int, *options: str) -> list[dict[str, float]]:
    """What the two ends of so many calls found; `options` are those of the end that answers."""
    offerer, answerer = End(kind, codec, calls, "offer"), End(kind, codec, calls, "answer", *options)
    both = offerer, answerer
    try:
        answerer.say(offerer.hear())
        offerer.say(answerer.hear())
        for each in both:
            assert each.hear() == "up"
        for each in both:
            each.say("measure")
        results = [each.hear() for each in both]
        for each in both:
            each.say("close")
        return results
    finally:
        for each in both:
            each.end()
