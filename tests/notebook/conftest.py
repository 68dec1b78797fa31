"""A real JupyterLab for these tests; tests/interop/conftest.py has what starts programs."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.notebook.lab import Lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running JupyterLab, shared by the session."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    asyncio.run(lab.start())
    yield lab
    asyncio.run(lab.program.stop())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):  # type: ignore[no-untyped-def]
    """A failed test shows what the lab and its kernels logged."""
    report = yield
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.failed and isinstance(lab, Lab):
        report.sections.append(("JupyterLab", lab.program.log()[-5000:]))
    return report
