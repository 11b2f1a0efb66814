"""A whole site for each test, and what a page of it sends."""

import pytest

from teahouse.testing import whole_house

OWN = {"Origin": "http://127.0.0.1:8360", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def site(tmp_path):
    with whole_house(tmp_path) as site:
        yield site


@pytest.fixture
def own():
    """Headers of a request that one of the site's own pages sends."""
    return dict(OWN)


@pytest.fixture
def mirror(tmp_path):
    """A site whose app makes a picture of a photo."""
    with whole_house(tmp_path, kind="picture") as site:
        yield site


@pytest.fixture
def colour(tmp_path):
    """A site whose app makes a picture of a seed."""
    with whole_house(tmp_path, kind="seed") as site:
        yield site
