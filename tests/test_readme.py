"""The example of the README is short and runs as pasted."""

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text()
EXAMPLE = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]


def test_example_has_at_most_15_lines() -> None:
    assert len(EXAMPLE.splitlines()) <= 15


def test_example_runs_as_pasted(tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(EXAMPLE)
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    states = [line.removeprefix("alice: ") for line in done.stdout.splitlines()]
    assert [state for state in states if state != "None"] == ["idle", "connecting", "ringing", "connected", "ended"]
