"""What makes the site installable: its manifest, its worker, its offline page."""

import json
import re

import pytest

from teahouse import settings
from teahouse.site import install, render
from teahouse.testing import whole_house

HTML = {"Accept": "text/html"}


def shell_of(site) -> dict:
    text = site.client.get("/sw.js").text
    return json.loads(re.match(r"const SHELL = (\{.*\});\n", text)[1])


def test_the_manifest_names_the_site_its_icons_and_its_first_page(site):
    response = site.client.get("/manifest.webmanifest")
    assert response.headers["content-type"] == "application/manifest+json"
    told = response.json()
    assert (told["name"], told["start_url"], told["scope"], told["display"]) == (
        "Warm or cold?",
        "/",
        "/",
        "standalone",
    )
    for icon in told["icons"]:
        file = site.client.get(icon["src"])
        assert file.status_code == 200 and file.headers["content-type"] == "image/png" and len(file.content) < 10_000
        size = tuple(int.from_bytes(file.content[at : at + 4], "big") for at in (16, 20))
        assert "{}x{}".format(*size) == icon["sizes"]


@pytest.mark.parametrize(
    ("name", "short"),
    [("Tea", "Tea"), ("Green tea or oolong?", "Green tea or"), ("Kin's corner", "Kin's corner"), ("", ""),
     ("Donaudampfschifffahrt today", "Donaudampfschifffahrt")],
)  # fmt: skip
def test_a_short_name_is_whole_words(name, short):
    assert install.short(name) == short


def test_every_page_but_the_owners_names_manifest_and_icon(site):
    page = site.client.get("/", headers=HTML).text
    assert '<link rel="manifest" href="/manifest.webmanifest">' in page
    assert 'rel="apple-touch-icon"' in page and "/js/shell.js" in page


def test_the_worker_keeps_the_offline_page_and_what_it_is_dressed_in(site):
    shell, page = shell_of(site), site.client.get("/offline", headers=HTML).text
    assert shell["page"] == "/offline" and shell["at"] == f"/static/{render.stand().hash}/"
    assert shell["first"] == re.findall(r'rel="stylesheet" href="([^"]+)"', page)
    assert len(shell["first"]) == 1 and site.client.get(shell["first"][0]).status_code == 200
    assert "<script" not in page, "what is kept runs nothing: its nonce is an old one"


def test_the_worker_is_looked_at_anew_each_time_and_another_shell_is_another_worker(tmp_path):
    names = []
    for title in ("One", "One", "Two"):
        found = settings.Settings(project=tmp_path, site={"title": title})
        with whole_house(tmp_path / f"{len(names)}", found) as site:
            response = site.client.get("/sw.js")
            assert response.headers["cache-control"] == "no-cache"
            assert response.headers["content-type"].startswith("text/javascript")
            names.append(shell_of(site)["name"])
    assert names[0] == names[1] != names[2]
