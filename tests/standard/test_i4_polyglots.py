"""I4: files that are a picture and a page at once: what the house serves of them is a picture alone, and runs nothing.

W6 too: each carries the headers that a place of its own would give it."""

import base64

import httpx
import pytest

from teahouse import testing
from teahouse.testing import whole_house
from tests.journeys.conftest import chromium  # noqa: F401  (a fixture)
from tests.standard import hostile, shown
from tests.standard.houses import RealHouse

BOXED = "sandbox; default-src 'none'"
POLYGLOTS = dict(hostile.polyglots())
SEED_PAGES = ("/colour", "/colour/seeds/7")


def refuse_unsafe(name: str, response) -> None:
    """Fails unless these bytes are a picture to every browser, and nothing else."""
    assert response.status_code in (200, 201), (name, response.text)
    kind, data = response.headers["content-type"], response.content
    assert kind in ("image/jpeg", "image/png"), (name, kind)
    assert data.startswith(b"\xff\xd8\xff" if kind == "image/jpeg" else b"\x89PNG"), name
    assert hostile.SENTINEL.encode() not in data, name
    assert hostile.bare(data) == [], name
    assert response.headers["x-content-type-options"] == "nosniff", name
    assert response.headers["content-security-policy"] == BOXED, name
    card = name.endswith("card.png")  # it is made to be shown elsewhere
    assert response.headers["cross-origin-resource-policy"] == ("cross-origin" if card else "same-origin"), name
    assert "access-control-allow-origin" not in response.headers or response.request.method == "POST", name


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """A mirror for the pictures of visitors, and its owner."""
    with whole_house(tmp_path_factory.mktemp("gallery"), kind="picture") as site:
        yield site, shown.owner_of(site)


@pytest.mark.parametrize("name", POLYGLOTS)
def test_i4_what_is_kept_and_shown_of_it_is_a_picture_alone(gallery, name):
    site, owner = gallery
    seen = shown.give(site, site.visitor(), owner, POLYGLOTS[name])
    if seen is None:
        return
    assert len(seen.served) >= 5 and len(seen.inside) >= 4
    for address, response in seen.served.items():
        refuse_unsafe(address, response)
    for where, data in seen.inside.items():
        assert hostile.SENTINEL.encode() not in data and hostile.bare(data) == [], where


def test_i4_most_of_them_are_answered(gallery):
    site, _ = gallery
    given = {"Content-Type": "image/png"}
    address = f"/api/apps/{site.name}/predictions"
    told = [site.client.post(address, content=data, headers=given).status_code for data in POLYGLOTS.values()]
    assert told.count(201) >= 12, "the rows above looked at nothing"


def test_i4_what_seeds_make_is_served_as_carefully(tmp_path):
    with whole_house(tmp_path, kind="seed") as site:
        links = {link for page in SEED_PAGES for link in shown.MEDIA.findall(site.client.get(page).text)}
        links |= {f"{page}/card.png" for page in SEED_PAGES}
        for link in links:
            refuse_unsafe(link, site.client.get(link))
        told = site.client.post("/api/apps/colour/predictions", json={"input": 7}, headers={"Accept": "image/png"})
        refuse_unsafe("the answer itself", told)


def test_i4_an_examples_picture_is_served_as_carefully(gallery):
    site, _ = gallery
    links = shown.MEDIA.findall(site.client.get(f"/{site.name}").text)
    assert links
    for link in links:
        response = site.client.get(link)
        assert response.headers["content-security-policy"] == BOXED
        assert response.headers["x-content-type-options"] == "nosniff"


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    """A house whose visitor keeps and shows three polyglots; the addresses at which a browser finds them."""
    with RealHouse(tmp_path_factory.mktemp("house")) as real:
        real.prepare("picture")
        real.start()
        with httpx.Client(base_url=real.url, timeout=20, headers={"Origin": real.url}) as client:
            links = [link for form in hostile.FORMS for link in put(client, POLYGLOTS[f"{form} and a page behind it"])]
        yield real, links
        real.stop()


def put(client: httpx.Client, given: bytes) -> list[str]:
    """Plays, keeps and shows a picture; the addresses of what is served of it."""
    app, sent = testing.NAMES["picture"], {"Content-Type": "image/jpeg"}
    told = client.post(f"/api/apps/{app}/predictions", content=given, headers=sent).json()
    path, receipt = f"/api/predictions/{told['id']}", {"X-Receipt": told["receipt"]}
    yes = {**receipt, **sent, "X-Consent": "keep, train"}
    assert client.put(f"{path}/input", content=given, headers=yes).status_code == 201
    made = base64.b64decode(told["output"]["picture"].partition(",")[2])
    files = {"picture": made, "photo": given}
    page = client.post(f"{path}/share", files=files, headers={**receipt, "X-Consent": "show"}).json()
    links = {*shown.MEDIA.findall(client.get("/mine").text), *shown.MEDIA.findall(client.get(page["url"]).text)}
    return [*sorted(links), page["card"].removeprefix(str(client.base_url).rstrip("/"))]


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_i4_in_a_browser_nothing_of_it_runs_however_it_is_opened(chromium, standing):  # noqa: F811
    house, links = standing
    asked, ran = [], []
    with chromium.new_context() as context:
        page = context.new_page()
        context.on("request", lambda request: asked.append(request.url))
        for link in links:
            page.goto(house.url + link)
            ran.append(page.title())
            assert page.evaluate("document.contentType").startswith("image/")
            assert page.evaluate("document.scripts.length") == 0
        page.goto("about:blank")  # another site's page, which forbids nothing
        for tag, name in (("script", "src"), ("iframe", "src"), ("object", "data"), ("embed", "src"), ("link", "href")):
            page.set_content("".join(f'<{tag} {name}="{house.url}{link}" rel="stylesheet"></{tag}>' for link in links))
            page.wait_for_load_state("networkidle")
            ran.append(page.title())
    assert len(links) >= 9
    assert not [url for url in asked if url.endswith(hostile.SENTINEL)]
    assert hostile.SENTINEL not in ran
