"""Bob, for the tests whose loop is asyncio's own."""

from collections.abc import AsyncIterator
from importlib import import_module

import pytest

from jzrx import JambonzClient
from tests.conftest import IN_CI
from tests.examples.town import town

try:
    import_module("PySide6.QtWidgets")  # it needs libraries that tests/interop/install.sh installs
except ImportError:
    collect_ignore = [] if IN_CI else ["test_qt_phone.py"]


@pytest.fixture
async def bob(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[JambonzClient]:
    """Bob, who is registered on an SBC that the examples find in their environment."""
    async with town(monkeypatch) as bob:
        yield bob
