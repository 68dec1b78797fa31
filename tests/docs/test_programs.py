"""The programs in the docs run as pasted, but for the address of the server and the number that is called.

A block of ```python is a whole program, or, with tests in it, a suite of a user's own. What is only a part of one is a
block of ```py, and must at least compile.
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


def has_tests(code: str) -> bool:
    return re.search(r"^(?:async )?def test_", code, re.MULTILINE) is not None


PROGRAMS = {where: code for where, code in blocks("python").items() if not has_tests(code)}
SUITES = {where: code for where, code in blocks("python").items() if has_tests(code) and "marbles.md" not in where}
INI = "[pytest]\nfilterwarnings = error\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"


@pytest.mark.parametrize("where", PROGRAMS)
async def test_a_program_runs(where: str, tmp_path: Path) -> None:
    await run_towards_the_sbc(PROGRAMS[where], tmp_path)


def test_the_suites_pass(pytester: pytest.Pytester) -> None:
    """All in one run; the suites of docs/marbles.md are in test_marbles_page.py."""
    pytester.makeini(INI)
    pytester.makepyfile(**{f"test_{number}": code for number, code in enumerate(SUITES.values())})
    count = sum(len(re.findall(r"^(?:async )?def test_", code, re.MULTILINE)) for code in SUITES.values())
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=count)


def test_the_parts_of_programs_compile() -> None:
    for where, code in blocks("py").items():
        compile(code, where, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
