"""I10: nothing that a visitor writes becomes a path: a file beside the data is never read, and none appears."""

import itertools

import pytest

from teahouse.settings import Limits, Settings
from teahouse.testing import whole_house

SENTINEL = "the-sentinel-9d3f"
DOTS = ["..", "%2e%2e", "%252e%252e", "..%00", "%c0%ae%c0%ae", "....", "..;", "%uff0e%uff0e", ".%2e", "..\\"]
SLASHES = ["/", "%2f", "%252f", "\\", "%5c", "//", "/./", "%c0%af"]
ENDS = ["sentinel.txt", "sentinel.txt%00.jpg", "etc/passwd", "house.db", "secrets/house.key"]
STARTS = ["", "/", "file:///", "C:\\", "\\\\host\\share\\"]
PLACES = [
    "/media/{}",
    "/static/x/{}",
    "/static/{}",
    "/{}",
    "/mine/{}",
    "/claim/{}",
    "/owner/open/{}",
    "/owner/media/{}",
    "/api/apps/{}",
    "/api/predictions/{}",
    "/api/owner/runs/{}",
]


def payloads(most: int):
    made = (
        start + (dot + slash) * depth + end
        for depth in (1, 3, 7)
        for dot, slash, end, start in itertools.product(DOTS, SLASHES, ENDS, STARTS)
    )
    return list(itertools.islice(made, 0, None, max(1, 3 * len(DOTS) * len(SLASHES) * len(ENDS) * len(STARTS) // most)))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    top = tmp_path_factory.mktemp("paths")
    (top / "sentinel.txt").write_text(SENTINEL)
    settings = Settings(project=top / "project", limits=Limits(requests_per_minute=1_000_000))
    with whole_house(top / "project", settings) as site:
        (site.house.data / "sentinel.txt").write_text(SENTINEL)
        yield site


@pytest.mark.parametrize("place", PLACES)
def test_i10_no_path_leads_out_of_the_house(site, place):
    before = {file for file in site.house.data.parent.parent.rglob("*")}
    key = (site.house.data / "secrets" / "house.key").read_bytes()
    for payload in payloads(460):
        response = site.client.request("GET", "http://127.0.0.1:8360" + place.format(payload).replace("#", "%23"))
        assert response.status_code < 500 and response.status_code != 429, (payload, response.text)
        assert SENTINEL not in response.text, payload
        assert (
            key not in response.content
            and b"SQLite format 3" not in response.content
            and b"root:" not in response.content
        )
    made = {file for file in site.house.data.parent.parent.rglob("*")} - before
    assert not {file for file in made if not file.is_relative_to(site.house.data)}


def test_i10_an_honest_static_file_is_served(site):
    import re

    page = site.client.get("/").text
    link = re.search(r'"(/static/[^"]+\.css)"', page).group(1)
    assert site.client.get(link).status_code == 200
