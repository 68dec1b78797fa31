"""What the pages of the docs say of commands, loggers and warnings is all that there is."""

import re
from typing import get_args

import pytest

from jzrx.cli.exits import Exit
from jzrx.cli.parser import make_parser
from jzrx.types import WarningName
from tests.docs.failures import ROOT


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def test_the_page_of_the_commands_has_each_of_them() -> None:
    told = re.findall(r"^## jzrx (\w+)$", page("commands.md"), re.MULTILINE)
    commands = re.findall(r"^    (\w+) ", make_parser().format_help(), re.MULTILINE)
    assert sorted(told) == sorted(commands)


def test_it_has_each_exit_status() -> None:
    assert [int(status) for status in re.findall(r"^\| (\d+) \|", page("commands.md"), re.MULTILINE)] == list(Exit)


def test_the_page_of_the_loggers_has_each_of_them() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "jzrx").rglob("*.py"))
    used = set(re.findall(r'getLogger\("(jzrx[.\w]*)"\)', sources))
    assert used <= set(re.findall(r"`(jzrx[.\w]*)`", page("logging.md")))


@pytest.mark.parametrize("name", get_args(WarningName))
def test_the_page_of_the_quality_has_each_warning(name: str) -> None:
    assert f"| `{name}` |" in page("quality.md")


def test_only_what_is_there_is_imported() -> None:
    """Also in the parts of programs, which only compile."""
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
    for line in sorted(set(re.findall(r"^ *(from jzrx[.\w]* import .+)$", pages, re.MULTILINE))):
        exec(line.strip(" "), {})
