"""The stages of the pytest plugin in the event loops of pytest-asyncio: a fixture for each scope of a loop."""

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import pytest
import pytest_asyncio

from jzrx.testing.pytest_plugin import phones_of

if TYPE_CHECKING:
    from jzrx.testing.stage import Stage

__all__: list[str] = []

Scope = Literal["function", "class", "module", "package", "session"]


def _in(scope: Scope) -> Any:
    # A function of its own for each: pytest-asyncio notes the scope on it.
    @pytest_asyncio.fixture(loop_scope=scope)
    async def made(
        request: pytest.FixtureRequest, sbc_options: Mapping[str, Any], phone_options: Mapping[str, Any]
    ) -> "AsyncIterator[Stage]":
        from jzrx.testing.stage import stage  # late: this module is loaded in every suite of who has pytest-asyncio

        async with stage(sbc_options, phone_options, phones_of(request)) as made:
            yield made

    return made


jzrx_stage_in_function_loop = _in("function")
jzrx_stage_in_class_loop = _in("class")
jzrx_stage_in_module_loop = _in("module")
jzrx_stage_in_package_loop = _in("package")
jzrx_stage_in_session_loop = _in("session")
