"""Each of the reference SDK's 82 tests has a stronger one here, and each of its 29 known defects one that shows ours
does better. A number may have several.

The modules are named after the reference's spec files; the numbers are those of its tests in that order.
"""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NAMES = [
    name
    for module in HERE.glob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", module.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("number", range(1, 83))
def test_every_test_of_the_reference_is_held(number: int) -> None:
    assert any(name.startswith(f"test_{number:02}_") for name in NAMES)


@pytest.mark.parametrize("number", range(1, 30))
def test_every_defect_of_the_reference_is_beaten(number: int) -> None:
    assert any(name.startswith(f"test_d{number:02}_") for name in NAMES)
