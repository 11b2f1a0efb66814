"""A house with the tiny release on it, for each test."""

import pytest

from teahouse.testing import install_tiny, open_house


@pytest.fixture
def house(tmp_path):
    with open_house(tmp_path / "data") as house:
        install_tiny(house)
        yield house
