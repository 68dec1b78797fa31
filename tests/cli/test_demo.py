"""The demo claims nothing that it did not measure: what does not hold ends it with one line and its status."""

import math
from typing import Any

import pytest

from jzrx.cli import demo
from jzrx.cli.demo import Heard
from jzrx.cli.main import main
from jzrx.media import silence, tone
from jzrx.testing import EmbeddedSbc


def test_a_tone_counts_by_its_frequency_its_level_and_nothing_of_ones_own() -> None:
    assert Heard(440.5, 0.25, 0.0).is_tone(440)
    assert not Heard(450.0, 0.25, 0.0).is_tone(440)
    assert not Heard(440.0, 0.25 * math.sqrt(0.1), 0.0).is_tone(440), "10 dB too quiet"
    assert not Heard(440.0, 0.25, 0.1).is_tone(440), "an echo"
    assert not Heard(0.0, 0.0, 0.0).is_tone(440)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (lambda hz, peak: silence(), "silence"),
        (lambda hz, peak: tone(hz + 100, peak), "Hz at"),
        (lambda hz, peak: tone(hz, peak / 4), "dBFS"),
    ],
)
def test_a_tone_that_is_not_heard_is_7(
    source: Any, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "tone", source)
    monkeypatch.setattr(demo, "PATIENCE", 1.5)
    assert main(["demo"]) == 7
    shown = capsys.readouterr()
    assert shown.err.startswith("jzrx demo: ")
    assert shown.err.count("\n") == 1
    assert "did not hear" in shown.err
    assert said in shown.err
    assert "All of it held" not in shown.out


@pytest.mark.parametrize(("method", "status", "exits"), [("REGISTER", 503, 4), ("INVITE", 480, 5)])
def test_a_server_that_refuses_gives_the_status_of_what_it_refused(
    method: str, status: int, exits: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Unwilling(EmbeddedSbc):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.script.reply(method, status)

    monkeypatch.setattr(demo, "EmbeddedSbc", Unwilling)
    assert main(["demo"]) == exits
    assert str(status) in capsys.readouterr().err


def test_a_demo_that_takes_too_long_ends(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Mute(EmbeddedSbc):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.script.ignore("*", times=100)

    monkeypatch.setattr(demo, "EmbeddedSbc", Mute)
    monkeypatch.setattr(demo, "TIME_LIMIT", 0.5)
    assert main(["demo"]) == 6
    assert "0.5 s" in capsys.readouterr().err


def test_an_internal_error_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("what\nnobody expected")

    monkeypatch.setattr(demo, "EmbeddedSbc", broken)
    monkeypatch.delenv("JZRX_DEBUG", raising=False)
    assert main(["demo"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "KeyError" in error
