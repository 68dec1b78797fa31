"""CI takes a skipped test of a real server for a failure; elsewhere it is a skip."""

from pathlib import Path

import pytest

CONFTEST = (Path(__file__).parent / "conftest.py").read_text().replace(', "tests.leaks", "tests.pulseaudio"', "")

SKIPPED_TEST = "import pytest\n\ndef test_it():\n    pytest.skip('no server')\n"
SKIPPED_FILE = "import pytest\n\npytest.skip('no server', allow_module_level=True)\n"


@pytest.mark.parametrize("content", [SKIPPED_TEST, SKIPPED_FILE], ids=["test", "file"])
@pytest.mark.parametrize(("ci", "processes", "fails"), [("", 0, False), ("true", 0, True), ("true", 1, True)])
def test_skip(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, processes: int, fails: bool, content: str
) -> None:
    monkeypatch.setenv("CI", ci)
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\nmarkers = interop\n")
    pytester.makepyfile(**{"interop/test_server": content, "test_other": SKIPPED_TEST})
    result = pytester.runpytest_subprocess("--continue-on-collection-errors", f"--numprocesses={processes}")
    assert result.parseoutcomes()["skipped"] == (1 if fails else 2)
    assert result.ret == (pytest.ExitCode.TESTS_FAILED if fails else pytest.ExitCode.OK)
