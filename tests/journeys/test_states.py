"""Seldom seen states of a play page, in a real browser: no photo, upright photos, a slow line or none."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image as Pillow
from playwright.sync_api import expect

from teahouse import testing
from teahouse.testing import photo
from tests.journeys import styled
from tests.journeys.people import DESK, PATIENCE_MS, PHONE, guest, look
from tests.standard.houses import RealHouse

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

COLOUR, TINTED = f"/{testing.NAMES['seed']}", f"/{styled.NAME}"
TEXT = {"name": "list.jpg", "mimeType": "image/jpeg", "buffer": b"milk, bread, tea\n" * 40}
MOVING = {**PHONE, "reduced_motion": "no-preference"}
ON_THE_SCREEN = """(each) => {
    const { top, bottom } = each.getBoundingClientRect(), bar = document.querySelector(".give").getBoundingClientRect();
    return top >= 0 && bottom <= (bar.width ? bar.top : innerHeight) + 0.5;
}"""
SHIFTS = """
globalThis.shifted = [];
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shifted.push(entry.value);
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A standing site with an app that draws, and one that tints a photo of any shape."""
    pytest.importorskip("onnx", reason="there is no onnx here: pip install -e .[train]")
    with RealHouse(tmp_path_factory.mktemp("states")) as real:
        real.prepare("seed")
        with testing.open_house(real.data) as opened:
            styled.install(opened)
        real.start()
        yield real
        real.stop()


def own(width: int = 320, height: int = 320, seed: int = 1) -> dict:
    """A photo of this shape, as a phone's gallery hands it over."""
    made = io.BytesIO()
    Pillow.open(io.BytesIO(photo("cold", seed, side=320))).resize((width, height)).save(made, "JPEG")
    return {"name": "holiday.jpg", "mimeType": "image/jpeg", "buffer": made.getvalue()}


def answered(visitor, given: dict) -> str:
    """Gives a photo and waits for the picture made of it; its address."""
    before = visitor.page.locator("[data-made]").get_attribute("src")
    visitor.choose(given)
    expect(visitor.page.locator("[data-made]")).not_to_have_attribute("src", before, timeout=PATIENCE_MS)
    return visitor.gets()


def offline(visitor) -> None:
    """Takes the browser's own notes of a lost connection out; with a service worker they read otherwise."""
    visitor.watch.lost()
    visitor.watch.said = [text for text in visitor.watch.said if "ERR_INTERNET_DISCONNECTED" not in text]


def refused(visitor) -> None:
    """Gives a text that calls itself a photo; only words say that it failed."""
    page = visitor.page
    visitor.choose(TEXT)
    visitor.sees(page.get_by_role("alert"))
    expect(page.get_by_role("alert")).to_contain_text("I can't open this file as a photo.")
    expect(page.get_by_role("alert")).to_contain_text("up to 10 MB")
    expect(page.locator("[data-bare]")).to_be_hidden()
    expect(page.locator("[data-stage].both")).to_be_visible()
    expect(page.locator("[data-photo]")).to_be_visible()
    assert page.locator("[data-photo]").evaluate("(photo) => photo.decode().then(() => photo.naturalWidth)") > 0
    page.wait_for_function(f"[...document.querySelectorAll('[data-another]')].every({ON_THE_SCREEN})")
    visitor.watch.refusals(422)


@pytest.mark.parametrize("device", [PHONE, DESK], ids=["phone", "desk"])
def test_what_is_no_photo_leaves_the_last_one_and_its_picture_where_they_were(chromium, house, device):
    with guest(chromium, house.url, device) as visitor:
        page = visitor.page
        page.goto(TINTED, wait_until="networkidle")
        opened = page.locator("[data-made]").get_attribute("src")
        refused(visitor)
        assert page.locator("[data-made]").get_attribute("src") == opened
        expect(page.locator("[data-sample]").first).to_have_attribute("aria-pressed", "true")
        look(page, device)

        made = answered(visitor, own())
        expect(page.get_by_role("alert")).to_be_hidden()
        refused(visitor)
        assert page.locator("[data-made]").get_attribute("src") == made
        visitor.sees(page.get_by_alt_text("Your photo"))
        visitor.tap(visitor.button("Share"))
        visitor.sees(page.get_by_role("dialog").get_by_label("Show my photo beside it too"))
        page.keyboard.press("Escape")
        page.get_by_role("radio", name="Sea").check()
        expect(page.locator("[data-made]")).not_to_have_attribute("src", made, timeout=PATIENCE_MS)
        visitor.gets()
        expect(page.get_by_role("alert")).to_be_hidden()
        visitor.sees(page.get_by_alt_text("Your photo"))


@pytest.mark.parametrize(("width", "height"), [(300, 400), (320, 320), (400, 300)], ids=["upright", "square", "across"])
def test_on_a_phone_a_photo_fills_its_frame_and_the_buttons_stay_above_the_bar(chromium, house, width, height):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.add_init_script(SHIFTS)
        page.goto(TINTED, wait_until="networkidle")
        answered(visitor, own(width, height))
        expect(visitor.button("Love it")).to_be_visible()
        frame, stage = page.locator("[data-frame]").bounding_box(), page.locator("[data-stage]").bounding_box()
        assert stage["width"] * stage["height"] >= 0.75 * frame["width"] * frame["height"], (stage, frame)
        assert stage["height"] <= 0.55 * 740 + 1
        for name in ("Love it", "Meh", "Share"):
            assert visitor.button(name).evaluate(ON_THE_SCREEN), name
        assert page.evaluate("globalThis.shifted") == []


def test_nothing_jumps_where_a_photo_tells_its_shape_late(chromium, house):
    late = """async () => {
        await new Promise((go) => setTimeout(go, 800));  // no hand has just been there
        const photo = document.querySelector("[data-photo]"), canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [400, 200];
        document.querySelector("[data-stage]").classList.replace("both", "coming");
        photo.src = URL.createObjectURL(await new Promise((done) => canvas.toBlob(done)));
        await photo.decode();
        await new Promise((go) => setTimeout(go, 500));
    }"""
    with guest(chromium, house.url, MOVING) as visitor:
        page = visitor.page
        page.add_init_script(SHIFTS)
        page.goto(TINTED, wait_until="networkidle")
        before = page.locator("[data-frame]").bounding_box()["height"]
        page.evaluate(late)
        assert page.locator("[data-frame]").bounding_box()["height"] < before - 50
        assert page.evaluate("globalThis.shifted") == []


def test_the_names_of_the_two_sides_never_lie_on_each_other(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.goto(TINTED, wait_until="networkidle")
        answered(visitor, own(300, 400))
        before, after = (page.locator(".tag").nth(side).bounding_box() for side in (0, 1))
        assert before["x"] + before["width"] < after["x"]
        answered(visitor, own(120, 400, 2))
        expect(page.locator(".tag").first).to_be_hidden()


def test_a_tap_for_another_one_is_seen_at_once_and_waits_for_no_slow_pool(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page, held, asked = visitor.page, [], []
        page.route("**/pool", lambda route: held.append(route))
        page.route("**/predictions", lambda route: asked.append(route))
        page.goto(COLOUR)
        page.wait_for_function("document.querySelector('[data-made]').complete", timeout=PATIENCE_MS)
        number = page.locator("[data-number]")
        visitor.gets()
        before = number.inner_text()
        with page.expect_request("**/predictions", timeout=PATIENCE_MS):
            visitor.tap(visitor.button("Another one"))
            visitor.sees(page.locator("[data-waiting]"), "Drawing …")
        page.evaluate("fetch('/healthz').then((told) => told.text())")  # or the route would not have come to us yet
        assert held, "the pool was asked"
        asked[-1].continue_()
        expect(number).not_to_have_text(before, timeout=PATIENCE_MS)
        page.unroute_all(behavior="ignoreErrors")


@pytest.mark.parametrize("name", ["Share", "Put it on your page"])
def test_what_can_not_come_without_a_connection_says_so_and_comes_once_it_is_back(chromium, house, name):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.goto(TINTED, wait_until="networkidle")
        page.context.set_offline(True)
        visitor.tap(visitor.button(name))
        visitor.sees(page.get_by_text("You are offline. Check your connection, then try again."))
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.context.set_offline(False)
        visitor.tap(visitor.button(name))
        visitor.sees(page.get_by_role("dialog"))
        offline(visitor)


def test_a_word_without_a_connection_is_told_in_the_pages_own_words(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.goto(TINTED, wait_until="networkidle")
        answered(visitor, own(seed=3))
        page.context.set_offline(True)
        visitor.tap(visitor.button("Love it"))
        visitor.sees(page.get_by_role("heading", name="You are offline."))
        page.context.set_offline(False)
        visitor.tap(visitor.button("Try again"))
        visitor.sees(visitor.button("Yes, keep it"))
        expect(page.locator("[data-consent]")).to_contain_text("A yes stands for your next photos too")
        offline(visitor)


@pytest.mark.parametrize("status", [503, 429])
def test_who_has_to_wait_sees_the_seconds_go_by_and_presses_nothing(chromium, house, status):
    full, many = ("queue-full", "The site is full just now."), ("too-many", "That was a lot at once.")
    code, what = full if status == 503 else many
    told = {"error": {"code": code, "what": what, "do_next": "", "retry_after": 3}}
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.goto(TINTED, wait_until="networkidle")
        page.route("**/predictions", lambda route: route.fulfill(status=status, json=told), times=1)
        visitor.choose(own(seed=4))
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text(what, timeout=PATIENCE_MS)
        for seconds in (3, 2):
            expect(alert).to_contain_text(re.compile(rf"Trying again in {seconds} s"), timeout=PATIENCE_MS)
        assert visitor.gets().startswith("blob:")
        visitor.watch.refusals(status)
