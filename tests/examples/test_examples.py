"""What holds for every example: short, explained, shown in the docs, and on nothing but the public API."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PHONES = sorted((ROOT / "examples").glob("*_phone.py"))


@pytest.mark.parametrize("example", PHONES, ids=lambda path: path.stem)
class TestEvery:
    def test_is_shorter_than_100_lines(self, example: Path) -> None:
        assert len(example.read_text(encoding="utf-8").splitlines()) < 100

    def test_says_how_to_run_it(self, example: Path) -> None:
        says = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8"))) or ""
        assert "    pip install " in says
        assert f" examples/{example.name}\n" in says

    def test_needs_only_public_names(self, example: Path) -> None:
        for statement in ast.walk(ast.parse(example.read_text(encoding="utf-8"))):
            if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("jzrx"):
                assert statement.module in ("jzrx", "jzrx.media", "jzrx.testing")
                public = import_module(statement.module).__all__
                assert {name.name for name in statement.names} <= set(public)

    def test_is_shown_in_the_docs(self, example: Path) -> None:
        page = (ROOT / "docs" / "guis.md").read_text(encoding="utf-8")
        assert f"```{{literalinclude}} ../examples/{example.name}\n" in page
