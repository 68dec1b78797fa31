"""What holds for every scenario."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _no_fault_of_ours() -> Iterator[None]:
    """The engine catches what a frame makes us raise, so that a fault of ours does not end the flow: here it is one."""
    faults: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info:
                faults.append(f"{record.getMessage()}: {record.exc_info[1]!r}")

    logger, collect = logging.getLogger("jzrx"), Collect()
    logger.addHandler(collect)
    yield
    logger.removeHandler(collect)
    assert faults == []
