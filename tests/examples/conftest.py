"""Bob, for the tests whose loop is asyncio's own; and no example may raise where nobody would see it."""

from collections.abc import AsyncIterator, Iterator
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


@pytest.fixture(autouse=True)
def _no_subscriber_raises(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What a subscriber raises is logged: a user interface would only look as if it stood still."""
    yield
    assert [record for record in caplog.get_records("call") if record.name == "jzrx.store"] == []
