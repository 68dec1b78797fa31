"""The code of docs/marbles.md and of examples/ runs, as a suite of a user's own."""

import re

import pytest

from tests.docs.failures import ROOT

PAGE = (ROOT / "docs" / "marbles.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
INI = "[pytest]\nfilterwarnings = error\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"


def test_the_tests_of_the_page_pass(pytester: pytest.Pytester) -> None:
    pytester.makeini(INI)
    pytester.makepyfile("\n".join(BLOCKS))
    count = len(re.findall(r"^(?:async )?def test_", "\n".join(BLOCKS), re.MULTILINE))
    assert count >= 9
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=count)


def test_the_failure_that_the_page_shows_is_the_real_one(pytester: pytest.Pytester) -> None:
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    (waits,) = [block for block in BLOCKS if "test_the_second_call_waits" in block]
    pytester.makeini(INI)
    pytester.makepyfile(waits.replace("(hcC)", "C    "))
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    lines = [re.sub(r"^E +(AssertionError: )?", "", line) for line in result.outlines if line.startswith("E ")]
    assert [line.strip() for line in lines] == [line.strip() for line in shown.splitlines()]


def test_every_letter_has_its_row() -> None:
    from jzrx.testing import LETTERS

    table = PAGE.partition("## What happens")[2].partition("\n\nLetters")[0]
    missing = [letter for letter in LETTERS if f"`{letter}`" not in table and not letter.isdigit()]
    assert not missing, "say in docs/marbles.md what these do"


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("test_*.py")), ids=lambda path: path.name)
def test_the_examples_pass(pytester: pytest.Pytester, example: object) -> None:
    pytester.makeini(INI)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", str(example))
    assert result.ret == 0
