"""The programs in the docs run as pasted, but for the address of the server and the number that is called.

A block of ```python is a whole program. What is only a part of one is a block of ```py, and must at least compile.
"""

import ast
import re
from pathlib import Path

import pytest

from tests.docs.failures import ROOT
from tests.programs import run_towards_the_sbc


def blocks(kind: str) -> dict[str, str]:
    """The code of that kind, by page and number."""
    found: dict[str, str] = {}
    for page in sorted((ROOT / "docs").rglob("*.md")):
        codes = re.findall(rf"^```{kind}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        found |= {f"{page.relative_to(ROOT)}:{number}": code for number, code in enumerate(codes, 1)}
    return found


PROGRAMS = blocks("python")


@pytest.mark.parametrize("where", PROGRAMS)
async def test_a_program_runs(where: str, tmp_path: Path) -> None:
    await run_towards_the_sbc(PROGRAMS[where], tmp_path)


def test_the_parts_of_programs_compile() -> None:
    for where, code in blocks("py").items():
        compile(code, where, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
