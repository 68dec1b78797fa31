"""The notebooks: committed without outputs, run from top to bottom in a kernel, and what they show then."""

import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

FOLDER = Path(__file__).parents[2] / "notebooks"
FILES = sorted(path.name for path in FOLDER.glob("*.ipynb"))

# What each must say, in this order, when it has run; and how many pictures it must show.
SAYS = {
    "1_quick_start.ipynb": (
        r"Alice hears (659|66[01]) Hz at -1\d dBFS",
        "Bob got the keys 4 2 #",
        "200 Normal call clearing by",
    ),
    "2_softphone.ipynb": ("Alice has 0 calls, and Carol hears Bob",),
    "3_quality.ipynb": (r"high-packet-loss: from \d+ s to \d+ s", r"\d+ of \d+ packets were lost"),
    "4_testing_an_ivr.ipynb": (
        r"support is heard \d\.\d s after the key",
        r"600 Hz was not heard within 0.5 s, but 800 Hz at -1[2-5] dBFS",
        r"200 Normal call clearing, after 2 s",
        r"test_a_key_leads_on\[9-300\] PASSED",
        r"= 4 passed in",
    ),
    "5_marble_tests.ipynb": (
        r"calls\.state is not as expected",
        r"\^ at 16s: expected C, and there was nothing",
        r"9\d\d tries, after 1, 2, 4, 8, 16, 30, 30, 30, \.\.\. seconds\nin the end: registered",
    ),
    "6_voice_bot.ipynb": (
        r"caller: 44\d hertz\nbot: You played",
        r"caller: 55\d hertz\nbot: You played .*\n\(interrupted\)",
        r"caller: 66\d hertz\nbot: You played",
    ),
}
PICTURES = {
    "1_quick_start.ipynb": 1,
    "2_softphone.ipynb": 0,
    "3_quality.ipynb": 1,
    "4_testing_an_ivr.ipynb": 1,
    "5_marble_tests.ipynb": 3,
    "6_voice_bot.ipynb": 1,
}

# Cells of the test's own, before and after those of the notebook: what it leaves behind.
BEFORE = "import asyncio as _a, threading as _t\n_before = {*_t.enumerate(), *_a.all_tasks()}"
AFTER = """
_left = [_each for _each in {*_t.enumerate(), *_a.all_tasks()} - _before - {_a.current_task()}]
print([_name for _each in _left if not (_name := _each.get_name() if hasattr(_each, "get_name") else _each.name)
       .startswith(("jzrx-media", "asyncio_", "Task-"))], [repr(_each) for _each in _left if "jzrx/" in repr(_each)])
"""


def read(name: str) -> NotebookNode:
    return nbformat.read(FOLDER / name, as_version=4)  # type: ignore[no-untyped-call]


def outputs(notebook: NotebookNode) -> list[dict[str, Any]]:
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def said(notebook: NotebookNode) -> str:
    return "".join(output["text"] for output in outputs(notebook) if output["output_type"] == "stream")


def pictures(notebook: NotebookNode) -> list[str]:
    """The SVG pictures, and the pixel pictures that are not next to empty."""
    shown = [output["data"] for output in outputs(notebook) if "data" in output]
    drawn = [data["text/html"] for data in shown if "<svg" in data.get("text/html", "")]
    pixels = [data["image/png"] for data in shown if "image/png" in data]
    return drawn + [png for png in pixels if len(base64.b64decode(png)) > 10_000]


def test_each_is_tested() -> None:
    assert list(SAYS) == list(PICTURES) == FILES


@pytest.mark.parametrize("name", FILES)
def test_it_is_committed_as_it_is_written(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)  # type: ignore[no-untyped-call]
    assert notebook.metadata.kernelspec.name == "python3"
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert not outputs(notebook), "clear the outputs before you commit"
    assert not [cell.id for cell in notebook.cells if cell.get("execution_count") is not None]
    assert not [cell.id for cell in notebook.cells if cell.metadata], "no trace of the program that wrote it"
    assert notebook.cells[0].cell_type == "markdown"
    as_jupyter_does = nbformat.writes(notebook) + "\n"  # type: ignore[no-untyped-call]
    assert (FOLDER / name).read_text(encoding="utf-8") == as_jupyter_does


@pytest.mark.parametrize("name", FILES)
def test_it_stands_on_the_public_api(name: str) -> None:
    public = {"jzrx", *(f"jzrx.{module}" for module in ("events", "media", "media.measure", "notebook"))}
    public |= {"jzrx.recording", "jzrx.testing"}
    code = "\n".join(cell.source for cell in read(name).cells if cell.cell_type == "code")
    imported = set(re.findall(r"^\s*from (jzrx\S*) import|^\s*import (jzrx\S*)", code, re.MULTILINE))
    assert {first or second for first, second in imported} <= public
    assert not re.search(r"\w\._[a-z]", code), "no private names"


@pytest.fixture
async def executed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[NotebookNode]:
    """The notebook of that name, run in an empty folder."""
    notebook = read(request.param)
    notebook.cells = [new_code_cell(BEFORE), *notebook.cells, new_code_cell(AFTER)]  # type: ignore[no-untyped-call]
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": tmp_path}})
    await client.async_execute()
    yield notebook
    assert not list(tmp_path.iterdir()), "it leaves files behind"


@pytest.mark.slow
@pytest.mark.parametrize("executed", FILES, indirect=True)
async def test_it_runs_from_top_to_bottom(executed: NotebookNode, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["executed"]
    text = said(executed)
    assert not [output for output in outputs(executed) if output.get("name") == "stderr"]
    place = 0
    for wanted in SAYS[name]:
        found = re.compile(wanted).search(text, place)
        assert found, f"{wanted!r} is not in what it says from here on:\n{text[place:]}"
        place = found.end()
    assert len(pictures(executed)) == PICTURES[name]
    assert text.endswith("[] []\n"), f"it leaves behind: {text.splitlines()[-1]}"
