"""What all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def photographs() -> Path:
    """A folder of real photographs, ants/ and bees/, where TEAHOUSE_PHOTOS names one."""
    folder = os.environ.get("TEAHOUSE_PHOTOS", "")
    if not Path(folder or "nowhere").is_dir():
        pytest.skip("TEAHOUSE_PHOTOS names no folder of photographs")
    return Path(folder)
