"""The API reference has every public name."""

import re

import pytest

import jzrx
import jzrx.errors
import jzrx.media
import jzrx.sip
import jzrx.testing
from tests.docs.failures import ROOT

PAGES = "\n".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs" / "reference").glob("*.md")))
SHOWN = {name.rpartition(".")[2] for name in re.findall(r"\.\. auto\w+:: (\S+)", PAGES)}
PUBLIC = {name for module in (jzrx, jzrx.errors, jzrx.media, jzrx.sip, jzrx.testing) for name in module.__all__}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_the_reference_shows_every_public_name(name: str) -> None:
    assert name in SHOWN, f"add it to a page of docs/reference/, as in `.. autoclass:: {name}`"
