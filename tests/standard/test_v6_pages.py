"""V6: a visitor's browser asks nobody but this house, and the house keeps no address of theirs."""

import hashlib
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from teahouse import ids, testing
from teahouse.site import visitors
from teahouse.store.house import House
from teahouse.testing import APP, NAMES, photo, whole_house
from tests.journeys.conftest import chromium  # noqa: F401  (a fixture)
from tests.journeys.test_elsewhere import elsewhere
from tests.standard.conftest import OWN
from tests.standard.houses import RealHouse
from tests.standard.search import forms, hits

ADDRESSES = {"203.0.113.77": "203.0.113.0/24", "2001:db8:77:1::5": "2001:db8:77:1::/64"}
DAY_MS = int(timedelta(days=1).total_seconds() * 1000)
PATIENCE_MS = 30_000
MIRROR, COLOUR = f"/{NAMES['picture']}", f"/{NAMES['seed']}"
FRAME = "<!doctype html><title>There</title><script src='{0}/embed.js'></script><iframe src='{0}/{1}/embed'></iframe>"


def written(address: str) -> list[bytes]:
    """An address and its network as they might stand in a file: in words, or digested without a key."""
    found = [address.encode(), ADDRESSES[address].encode(), ADDRESSES[address].partition("/")[0].encode()]
    for text in (address, ADDRESSES[address], ADDRESSES[address].partition("/")[0]):
        for way in (hashlib.sha256, hashlib.sha1, hashlib.md5):
            found += forms(way(text.encode()).digest())
    return found


@pytest.mark.parametrize("address", ADDRESSES)
def test_v6_the_network_is_a_keyed_digest_whose_key_goes_within_thirty_days(tmp_path, address):
    with whole_house(tmp_path) as site:
        began = site.deps.clock()
        site.deps.clock = lambda: began
        visitor = site.visitor(address)
        given = {**OWN, "Content-Type": "image/jpeg"}
        assert visitor.post(f"/api/apps/{APP}/predictions", content=testing.photo(), headers=given).status_code == 201
        first = visitors.network_digest(site.deps, address)
        assert hits(site.house.data, *forms(first)), "it is what the row holds"
        assert hits(site.house.data, *written(address)) == []
        key = site.house.keys.passing("network", began)
        assert hits(site.house.data, *forms(key)), "the search itself finds nothing"
        site.deps.clock = lambda: began + 31 * DAY_MS
        site.house.keys.passing("network", began + 31 * DAY_MS)
        assert hits(site.house.data, *forms(key)) == [], "the key is still there"
        assert visitors.network_digest(site.deps, address) != first


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with RealHouse(tmp_path_factory.mktemp("house")) as real:
        for kind in ("labels", "picture", "seed"):
            real.prepare(kind)
        real.start()
        yield real
        assert real.stop() == 0


def told(page) -> None:
    page.wait_for_selector("[data-answer][data-state=told]", state="attached", timeout=PATIENCE_MS)


def choose(page, seed: int) -> None:
    """A photo of the visitor's own, and the answer to it."""
    given = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo("cold", seed, side=320)}
    with page.expect_response(re.compile("/predictions$")):
        page.locator("input[type=file][data-give]").last.set_input_files(given)
    told(page)


def show(page) -> str:
    """Shows what is on the page to others; the address of its page."""
    page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Make the page").click()
    link = dialog.get_by_label("Link")
    link.wait_for(timeout=PATIENCE_MS)
    return link.input_value()


def play(page, url: str) -> list[str]:
    """Everything that a visitor can do and see; the paths that were looked at."""
    seen = []

    def look(path: str) -> None:
        page.goto(url + path)
        page.wait_for_load_state("networkidle")
        seen.append(path)

    look("/")
    look(f"/{APP}")
    told(page)
    choose(page, 1)
    page.get_by_role("button", name="It was warm").click()
    page.get_by_role("button", name="Yes, keep it").click(delay=800)
    page.get_by_role("heading", name="Thank you. It is kept.").wait_for(timeout=PATIENCE_MS)
    look(MIRROR)
    choose(page, 2)
    page.get_by_role("button", name="Love it").click()
    shared = show(page)
    look(COLOUR)
    page.get_by_role("button", name="Another one").click()
    told(page)
    look(f"{COLOUR}/seeds/7")
    for path in (urlsplit(shared).path, "/mine", "/log", "/docs", "/offline", "/nothing-here"):
        look(path)
    return seen


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_v6_no_page_asks_anybody_else_and_no_address_is_kept(chromium, house):  # noqa: F811
    address, asked, trace = next(iter(ADDRESSES)), [], []
    with chromium.new_context(extra_http_headers={"X-Forwarded-For": address}, reduced_motion="reduce") as context:
        context.on("request", lambda request: asked.append(request.url))
        context.add_init_script("sessionStorage.setItem('pairs', '[9,3,9]')")  # two to choose from came often enough
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: trace.append(message.text) if message.type == "error" else None)
        assert len(play(page, house.url)) == 11
        with elsewhere(FRAME.format(house.url, APP)) as other:
            page.goto(other)
            page.frame_locator("iframe").locator("[data-answer][data-state=told]").wait_for(timeout=PATIENCE_MS)
            page.wait_for_load_state("networkidle")
        jar = {cookie["name"] for cookie in context.cookies()}
    strayed = [url for url in asked if not url.startswith((f"{house.url}/", other, "data:", "blob:"))]
    assert strayed == [] and len(asked) > 40
    assert not [text for text in trace if "status of 404" not in text], trace
    assert jar == {"visitor"}
    assert hits(house.root, *written(address)) == [], "an address, or a digest of one that anybody could try out"
    with House.open(house.data) as own:
        network = ids.keyed(own.keys.passing("network", ids.now_ms()), ADDRESSES[address].encode())
    assert hits(house.data, *forms(network)), "the search itself finds nothing"
