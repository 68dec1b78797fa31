"""The pytest plugin in a user's own suite: every way to run asynchronous tests, and no way at all."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from jzrx.testing.pytest_plugin import pytest_configure

ASYNC = """
    async def test_a_call(phone, sbc):
        assert phone.state.value == "registered"
        assert list(sbc.registered) == ["alice"]
        await phone.calls.make_call("echo")
        assert phone.calls.state.value == "connected"
        await phone.calls.hangup()

    async def test_two_phones(two_phones):
        alice, bob = two_phones
        incoming = asyncio.Event()
        bob.client.on("incoming", lambda call: incoming.set())
        made = alice.calls.make_call("bob")
        await asyncio.wait_for(incoming.wait(), 10)
        assert bob.calls.incoming_caller.value == "sip:alice@localhost"
        await bob.calls.answer_incoming()
        await made
        assert alice.calls.state.value == bob.calls.state.value == "connected"

    def test_marbles(marbles):
        marbles("-R--I-A-|").calls.state.expect("_-----(cC)-(e_|)")
"""

SYNC = """
    def test_a_call(phone, sbc):
        assert phone.state.value == "registered"
        assert list(sbc.registered) == ["alice"]
        phone.calls.make_call("echo").result(timeout=10)
        assert phone.calls.state.value == "connected"
        sbc.drop("alice")
        phone.client.disconnect().result(timeout=10)
        phone.client.connect().result(timeout=10)

    def test_two_phones(two_phones):
        alice, bob = two_phones
        assert (alice.name, bob.name) == ("alice", "bob")
        assert alice.is_registered.value and bob.is_registered.value

    def test_marbles(marbles):
        marbles("-R--I-A-|").state.expect("(dcC)R------(d|)")
"""


def run(pytester: pytest.Pytester, text: str, *options: str, **ini: str) -> pytest.RunResult:
    """A suite of its own, in a process of its own, in which a warning is an error."""
    if "no:asyncio" not in options:  # or pytest-asyncio warns by itself
        ini["asyncio_default_fixture_loop_scope"] = "function"
    lines = "".join(f"{name} = {value}\n" for name, value in {"filterwarnings": "error", **ini}.items())
    pytester.makeini(f"[pytest]\n{lines}")
    pytester.makepyfile(f"import asyncio\nimport pytest\n{_dedent(text)}")
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)


def _dedent(text: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in text.splitlines())


def test_asyncio_auto(pytester: pytest.Pytester) -> None:
    run(pytester, ASYNC, asyncio_mode="auto").assert_outcomes(passed=3)


def test_asyncio_strict(pytester: pytest.Pytester) -> None:
    text = ASYNC.replace("    async def", "    @pytest.mark.asyncio\n    async def")
    run(pytester, text, asyncio_mode="strict").assert_outcomes(passed=3)


@pytest.mark.parametrize("scope", ["module", "session"])
def test_a_loop_of_another_scope(pytester: pytest.Pytester, scope: str) -> None:
    text = ASYNC.replace("    async def", f"    @pytest.mark.asyncio(loop_scope='{scope}')\n    async def")
    run(pytester, text, asyncio_mode="strict").assert_outcomes(passed=3)
    run(pytester, ASYNC, asyncio_mode="auto", asyncio_default_test_loop_scope=scope).assert_outcomes(passed=3)


def test_without_a_loop(pytester: pytest.Pytester) -> None:
    run(pytester, SYNC, asyncio_mode="auto").assert_outcomes(passed=3)


def test_without_pytest_asyncio(pytester: pytest.Pytester) -> None:
    run(pytester, SYNC, "-p", "no:asyncio").assert_outcomes(passed=3)


def test_a_mark_on_the_module_does_not_put_a_synchronous_test_into_a_loop(pytester: pytest.Pytester) -> None:
    mark = """
    pytestmark = pytest.mark.asyncio

    async def test_one_in_a_loop(phone):
        await phone.calls.make_call("echo")
    """
    # pytest-asyncio warns of such a mark.
    run(pytester, mark + SYNC, asyncio_mode="strict", filterwarnings="default").assert_outcomes(passed=4, warnings=3)


def test_the_users_options(pytester: pytest.Pytester) -> None:
    text = """
        @pytest.fixture
        def sbc_options():
            return {"users": {"carol": "x", "dave": "y"}, "apps": {"menu": "tone"}}

        @pytest.fixture
        def phone_options():
            return {"display_name": "Carol Jones"}

        def test_it(phone):
            assert phone.name == "carol"
            assert phone.client.options.display_name == "Carol Jones"
            phone.calls.make_call("app-menu").result(timeout=10)
    """
    run(pytester, text.replace("\n    ", "\n")).assert_outcomes(passed=1)


def test_a_phone_that_is_not_there_is_explained(pytester: pytest.Pytester) -> None:
    text = """
        def test_it(sbc, request):
            request.getfixturevalue("phone")
    """
    result = run(pytester, text.replace("\n    ", "\n"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*name the fixtures phone or two_phones in the test's arguments*"])


def test_a_failure_shows_the_line_of_the_test_and_both_diagrams(pytester: pytest.Pytester) -> None:
    text = """
    def test_it(marbles):
        run = marbles("-I--A---H|")
        run.calls.is_held.expect("F--T")
    """
    result = run(pytester, text)
    result.stdout.fnmatch_lines(
        [
            '>*run.calls.is_held.expect("F--T")',
            "E*AssertionError: calls.is_held is not as expected (a frame is 1s)",
            "E*expected  F--T------",
            "E*actual    F-------T(F|)",
            "E*             ^ at 3s: expected T, and there was nothing",
            "E*T = True",
        ]
    )
    result.stdout.no_fnmatch_line("*recording.py*difference(*")


def test_it_does_not_disturb_other_suites(pytester: pytest.Pytester) -> None:
    text = """
    @pytest.fixture
    def phone():
        return "mine"

    def test_it(phone):
        assert phone == "mine"
    """
    run(pytester, text).assert_outcomes(passed=1)


@pytest.mark.parametrize("options", [(), ("-p", "no:asyncio")])
def test_it_costs_an_unrelated_suite_nothing(pytester: pytest.Pytester, options: tuple[str, ...]) -> None:
    """It is loaded wherever jzrx is installed; what it is made of only where a fixture is used."""
    pytester.makepyfile("def test_it(phone): pass")
    code = (
        f"import sys, pytest; pytest.main(['--co', '-q', '-p', 'no:cacheprovider', *{options!r}]);"
        "loaded = {name for name in sys.modules if name.startswith('jzrx') and '.pytest_' not in name};"
        "print('loaded', *sorted(loaded | {'reactivex', 'websockets', 'attrs', 'aiortc'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "loaded jzrx jzrx.testing", done.stdout
    assert "test_it" in done.stdout


@pytest.mark.parametrize("knows_scopes", [True, False])
def test_an_old_pytest_asyncio_leaves_the_thread(knows_scopes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One before 0.24 knows no scopes of loops; jzrx must not break the suite of whoever has it."""
    registered: list[str] = []
    if not knows_scopes:
        old = SimpleNamespace(fixture=lambda function=None, **options: function)
        monkeypatch.setitem(sys.modules, "pytest_asyncio", old)
    plugins = SimpleNamespace(hasplugin=lambda name: True, register=lambda module, name: registered.append(name))
    config: Any = SimpleNamespace(pluginmanager=plugins)
    pytest_configure(config)
    assert registered == (["jzrx-loops"] if knows_scopes else [])
