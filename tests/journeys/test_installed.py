"""The site as an app on a phone: what a browser asks for before it offers to install one, and what is there offline."""

from __future__ import annotations

import json
import shutil

import pytest
from playwright.sync_api import Page, expect

from teahouse import ids
from teahouse.site import owner_door
from teahouse.store import owners
from teahouse.store.house import House
from teahouse.testing import APP
from tests.journeys.conftest import ARGUMENTS
from tests.journeys.people import DESK, PATIENCE_MS, PHONE, guest, look
from tests.standard.houses import RealHouse, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WIDTH = "(src) => { const i = new Image(); i.src = src; return i.decode().then(() => i.naturalWidth) }"
READY = "navigator.serviceWorker.ready.then((found) => found.active.scriptURL)"
KEPT = """async () => {
    const found = {};
    for (const name of await caches.keys()) {
        found[name] = (await (await caches.open(name)).keys()).map((request) => new URL(request.url).pathname);
    }
    return found;
}"""
REPLACED = """async () => {
    const cache = await caches.open("shell-of-yesterday");
    await cache.put("/static/yesterday/js/play.js", new Response("old"));
    const found = await navigator.serviceWorker.getRegistration();
    await found.unregister();
}"""


def kept_in(page: Page) -> dict[str, list[str]]:
    """What the browser keeps of this site, by name."""
    return page.evaluate(KEPT)


def test_a_browser_finds_nothing_that_keeps_it_from_installing_the_site(chromium, house, tmp_path):
    program = shutil.which("chromium")
    open_ = chromium.browser_type.launch_persistent_context
    with open_(tmp_path, executable_path=program, args=list(ARGUMENTS), base_url=house.url) as context:
        page = context.new_page()
        page.goto("/")
        assert page.evaluate(READY) == f"{house.url}/sw.js"
        devtools = context.new_cdp_session(page)
        told = devtools.send("Page.getAppManifest")
        assert told["errors"] == [] and told["url"] == f"{house.url}/manifest.webmanifest"
        manifest = json.loads(told["data"])
        assert manifest["name"] == manifest["short_name"] == "Warm or cold?" and manifest["display"] == "standalone"
        sizes = {(icon["sizes"], icon["purpose"]) for icon in manifest["icons"]}
        assert sizes == {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")}
        for icon in manifest["icons"]:
            width = page.evaluate(WIDTH, icon["src"])
            assert icon["sizes"] == f"{width}x{width}"
        assert devtools.send("Page.getInstallabilityErrors")["installabilityErrors"] == []


def test_without_a_connection_every_page_is_the_offline_page_until_it_is_back(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.goto("/")
        page.evaluate(READY)
        page.context.set_offline(True)
        for path in (f"/{APP}", "/mine", "/log", "/nothing-that-there-is"):
            page.goto(path)
            visitor.sees(page.get_by_role("heading", name="You are offline."))
            look(page)
        page.context.set_offline(False)
        page.goto(f"/{APP}")
        visitor.hears("Warm")
        page.context.set_offline(True)
        page.reload()
        visitor.sees(page.get_by_role("heading", name="You are offline."))
        page.context.set_offline(False)
        visitor.tap(page.get_by_role("link", name="Look again"))
        visitor.hears("Warm")
        visitor.watch.said = [text for text in visitor.watch.said if "ERR_INTERNET_DISCONNECTED" not in text]


def test_only_the_shell_is_kept(chromium, house):
    with guest(chromium, house.url, DESK) as visitor:
        page = visitor.page
        page.goto("/")
        page.evaluate(READY)
        wait_until(lambda: page.evaluate("Boolean(navigator.serviceWorker.controller)"), "no worker took the page")
        for path in ("/", f"/{APP}", "/mine", "/log", "/docs", "/owner/login"):
            page.goto(path)
        assert visitor.watch.refusals(403) == 1, "this house has no owner yet"
        page.goto("/")
        visitor.hears("Warm")
        visitor.tap(page.get_by_role("button", name="Sample photo 2"))
        visitor.hears("Cold")
        ((name, paths),) = kept_in(page).items()
        assert name.startswith("shell-")
        assert "/offline" in paths and any(path.endswith("/js/play.js") for path in paths)
        assert all(path == "/offline" or path.startswith("/static/") for path in paths), paths


def test_a_link_that_opens_once_opens_also_where_the_worker_is(chromium, tmp_path):
    with RealHouse(tmp_path / "house") as house:
        house.prepare()
        house.start()
        with guest(chromium, house.url, DESK) as visitor, House.open(house.data) as own:
            page = visitor.page
            page.goto("/")
            page.evaluate(READY)
            wait_until(lambda: page.evaluate("Boolean(navigator.serviceWorker.controller)"), "no worker took the page")
            page.goto("/log")  # by now the worker asks ahead for each page, and no link may be used up by that
            own.db.write(lambda c: owners.claim(c, "hash", ids.now_ms()))
            page.goto(owner_door.open_link(own, house.url))
            assert page.url == f"{house.url}/owner/"


def test_what_was_kept_of_another_day_goes_when_a_new_worker_comes(chromium, house):
    with guest(chromium, house.url, DESK) as visitor:
        page = visitor.page
        page.goto("/")
        page.evaluate(READY)
        page.evaluate(REPLACED)
        page.reload()
        page.evaluate(READY)
        wait_until(lambda: list(kept_in(page)) and all(n != "shell-of-yesterday" for n in kept_in(page)), "it stayed")


def test_over_plain_http_elsewhere_nothing_is_asked_for_that_needs_https(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
        page.goto("/")
        visitor.hears("Warm")
        expect(page.locator("[data-camera]")).to_be_hidden(timeout=PATIENCE_MS)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0
