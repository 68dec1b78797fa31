"""The pytest plugin of jzrx, there wherever jzrx is installed: fixtures for tests of voice applications.

    async def test_my_bot_answers(phone, my_bot):           def test_my_ringer(marbles):
        call = await phone.calls.make_call("echo")              run = marbles("-R--I--A--E|")

- `sbc`: an `EmbeddedSbc` that runs, with the users alice and bob; the fixture `sbc_options` may say otherwise.
- `phone`: a `Handset` that is registered on it as alice, silent; the fixture `phone_options` has more options.
- `two_phones`: those of alice and bob.
- `marbles`: a `Marbles` bench, without any server.

In a test of pytest-asyncio, strict or auto, they live in the event loop of the test. In any other test, with or without
a loop, they live in a thread: `phone.calls.make_call("echo").result(timeout=10)`.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from jzrx.testing import EmbeddedSbc, Handset, Marbles
    from jzrx.testing.stage import Stage

__all__ = [
    "jzrx_stage",
    "jzrx_stage_in_thread",
    "marbles",
    "phone",
    "phone_options",
    "phones_of",
    "pytest_configure",
    "sbc",
    "sbc_options",
    "two_phones",
]


def pytest_configure(config: pytest.Config) -> None:
    """Where pytest-asyncio is, from 0.24, there are stages in the loops of its tests, too."""
    if not config.pluginmanager.hasplugin("asyncio"):
        return
    import pytest_asyncio

    if "loop_scope" in inspect.signature(pytest_asyncio.fixture).parameters:
        from jzrx.testing import pytest_loops

        config.pluginmanager.register(pytest_loops, "jzrx-loops")


@pytest.fixture
def marbles() -> "Marbles":
    """A bench for marble tests: `marbles("--R--I---A|")` plays a diagram to a phone in virtual time."""
    from jzrx.testing import Marbles

    return Marbles()


@pytest.fixture
def sbc_options() -> Mapping[str, Any]:
    """The options of the SBC (`EmbeddedSbc`); define a fixture of this name to change them."""
    return {}


@pytest.fixture
def phone_options() -> Mapping[str, Any]:
    """The options of the phones (`JambonzClientOptions`) beyond the account; define a fixture of this name."""
    return {}


@pytest.fixture
def sbc(jzrx_stage: "Stage") -> "EmbeddedSbc":
    """An SBC on this machine, which runs as long as the test."""
    return jzrx_stage.sbc


@pytest.fixture
def phone(jzrx_stage: "Stage") -> "Handset":
    """A phone that is registered: `phone.client`, `phone.calls`, and its state as observables."""
    return _of(jzrx_stage, 1)[0]


@pytest.fixture
def two_phones(jzrx_stage: "Stage") -> "tuple[Handset, Handset]":
    """Two phones that are registered, such as alice's and bob's."""
    first, second = _of(jzrx_stage, 2)
    return first, second


@pytest.fixture
def jzrx_stage(request: pytest.FixtureRequest) -> "Stage":
    """The SBC and the phones that the other fixtures take from, where this test can use them."""
    test = request.node.get_closest_marker("asyncio")
    if test is None or not _runs_in_a_loop(request):
        return cast("Stage", request.getfixturevalue("jzrx_stage_in_thread"))
    scope = test.kwargs.get("loop_scope") or test.kwargs.get("scope") or _usual_scope(request.config)
    return cast("Stage", request.getfixturevalue(f"jzrx_stage_in_{scope}_loop"))


@pytest.fixture
def jzrx_stage_in_thread(
    request: pytest.FixtureRequest, sbc_options: Mapping[str, Any], phone_options: Mapping[str, Any]
) -> "Iterator[Stage]":
    """The same in a thread."""
    from jzrx.testing.stage import stage_in_thread

    with stage_in_thread(sbc_options, phone_options, phones_of(request)) as made:
        yield made


def _runs_in_a_loop(request: pytest.FixtureRequest) -> bool:
    """A mark on a whole module is on those of its tests, too, that are not asynchronous."""
    if not request.config.pluginmanager.hasplugin("jzrx-loops"):
        return False
    import pytest_asyncio

    return bool(pytest_asyncio.is_async_test(request.node))


def _usual_scope(config: pytest.Config) -> str:
    """The scope of the loop of a test that does not say it."""
    try:
        return config.getini("asyncio_default_test_loop_scope") or "function"
    except ValueError:  # of a pytest-asyncio before 0.26, which has no such option
        return "function"


def phones_of(request: pytest.FixtureRequest) -> int:
    """How many phones a test wants."""
    return 2 if "two_phones" in request.fixturenames else 1 if "phone" in request.fixturenames else 0


def _of(stage: "Stage", number: int) -> "tuple[Handset, ...]":
    if len(stage.phones) < number:
        raise pytest.UsageError(
            f"there are {len(stage.phones)} phones: name the fixtures phone or two_phones in the test's arguments, and"
            f" give sbc_options at least {number} users"
        )
    return stage.phones[:number]
