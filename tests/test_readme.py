"""The examples of the README run as pasted, but for the address of the server and the number that is called."""

import pkgutil
import re
import wave
from pathlib import Path
from typing import Any

import pytest

import jzrx
from tests.programs import run, run_towards_the_sbc

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
FIRST, NOTEBOOK, REAL_SERVER, NO_LOOP, TEST = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_example_has_at_most_15_lines() -> None:
    assert len(FIRST.splitlines()) <= 15


def test_example_runs_as_pasted(tmp_path: Path) -> None:
    states = [line.removeprefix("alice: ") for line in run(FIRST, tmp_path)]
    assert [state for state in states if state != "None"] == ["idle", "connecting", "ringing", "connected", "ended"]


async def test_the_phone_of_a_notebook_connects(tmp_path: Path) -> None:
    connected = f"{NOTEBOOK}\nphone.phone.state.subscribe(lambda state: state == 'registered' and print(state))\n"
    waits = "import time\nwhile not phone.phone.is_registered.value: time.sleep(0.05)\nphone.close()\n"
    assert await run_towards_the_sbc(connected + waits, tmp_path) == ["registered"]


async def test_the_call_of_a_real_server(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "hello.wav"), "wb") as hello:
        hello.setparams((1, 2, 16000, 0, "NONE", ""))
        hello.writeframes(bytes(16000))
    (ended,) = await run_towards_the_sbc(REAL_SERVER, tmp_path)
    assert "Normal call clearing" in ended
    assert float(ended.split()[-2]) >= 0.4


async def test_a_call_without_an_event_loop(tmp_path: Path) -> None:
    assert await run_towards_the_sbc(NO_LOOP, tmp_path) == ["connected"]


async def test_the_test_of_the_readme_passes() -> None:
    names: dict[str, Any] = {}
    exec(TEST, names)
    await names["test_a_full_server_says_so"]()


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)", README))))
def test_the_links_lead_somewhere(link: str) -> None:
    assert (Path(__file__).parent.parent / link).exists()


@pytest.mark.parametrize(
    "room", sorted(module.name for module in pkgutil.iter_modules(jzrx.__path__) if module.name != "__main__")
)
def test_the_map_of_the_house_shows_every_room(room: str) -> None:
    house = README.partition("## The house")[2]
    assert re.search(rf"`{room}/?`", house), f"say in README.md what jzrx/{room} is"
