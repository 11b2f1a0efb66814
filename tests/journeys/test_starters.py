"""The starters that make pictures, as `teahouse new` puts them on a site: a visitor's first minute with each."""

from __future__ import annotations

import io
import os

import pytest
from PIL import Image as Pillow
from playwright.sync_api import expect

from teahouse.cli import scaffold
from tests.journeys.people import DESK, PATIENCE_MS, PHONE, guest, look
from tests.standard.houses import RealHouse

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]
SIZE = "() => { const made = document.querySelector('[data-made]'); return [made.naturalWidth, made.naturalHeight]; }"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A site with toon, style and teapot, each with the release that ships."""
    with RealHouse(tmp_path_factory.mktemp("starters")) as real:
        before = os.getcwd()
        os.chdir(real.root)
        try:
            for starter in ("toon", "style", "teapot"):
                scaffold.begin(scaffold.Wish(name=starter, starter=starter))
        finally:
            os.chdir(before)
        real.start()
        yield real
        real.stop()


def photo(width: int, height: int, form: str = "JPEG", turn: int = 1) -> dict:
    """A photo as a phone's gallery hands it over."""
    across, down = Pillow.linear_gradient("L").rotate(90).resize((width, height)), Pillow.linear_gradient("L")
    made, exif, out = Pillow.merge("RGB", (across, down.resize((width, height)), across)), Pillow.Exif(), io.BytesIO()
    exif[0x0112] = turn
    made.save(out, form, exif=exif)
    return {"name": f"photo.{form.lower()}", "mimeType": f"image/{form.lower()}", "buffer": out.getvalue()}


@pytest.mark.parametrize("name", ["toon", "style"])
def test_a_page_opens_with_a_picture_and_answers_photos_of_any_shape(chromium, house, name):
    with guest(chromium, house.url, PHONE) as visitor:
        page = visitor.page
        page.goto(f"/{name}")
        expect(page.locator("[data-stage].both")).to_be_visible(timeout=PATIENCE_MS)
        assert visitor.taps == 0, "the page opens with an answer"
        page.wait_for_function(f"() => Math.min(...({SIZE})()) >= 300", timeout=PATIENCE_MS)
        shapes = [
            ((300, 900, "PNG", 1), (171, 512)),
            ((800, 500, "JPEG", 6), (320, 512)),
            ((64, 40, "WEBP", 1), (64, 40)),
        ]
        for given, wanted in shapes:
            before = page.locator("[data-made]").get_attribute("src")
            visitor.choose(photo(*given))
            expect(page.locator("[data-made]")).not_to_have_attribute("src", before, timeout=PATIENCE_MS)
            visitor.gets()
            assert all(abs(side - want) <= 4 for side, want in zip(page.evaluate(SIZE), wanted, strict=True))
        look(page, PHONE)


def test_another_palette_and_less_strength_paint_the_same_photo_anew(chromium, house):
    with guest(chromium, house.url, DESK) as visitor:
        page = visitor.page
        for name, word in (("toon", "night"), ("style", "woodblock")):
            page.goto(f"/{name}")
            visitor.choose(photo(480, 320))
            first = visitor.gets()
            page.get_by_role("radio", name=word.capitalize()).check(force=True)
            expect(page.locator("[data-made]")).not_to_have_attribute("src", first, timeout=PATIENCE_MS)
            second = visitor.gets()
        page.get_by_role("slider", name="Strength").focus()
        page.keyboard.press("ArrowLeft")
        expect(page.locator("[data-made]")).not_to_have_attribute("src", second, timeout=PATIENCE_MS)
        visitor.gets()


def test_a_teapot_page_shows_another_pot_at_each_refresh(chromium, house):
    with guest(chromium, house.url, PHONE) as visitor:
        page, seen = visitor.page, []
        page.goto("/teapot")
        for _ in range(4):
            visitor.gets()
            seen.append(page.locator("[data-number]").inner_text())
            page.wait_for_function(f"() => String(({SIZE})()) === '128,128'", timeout=PATIENCE_MS)
            page.reload()
        assert len(set(seen)) >= 3
        look(page, PHONE)


def test_the_shelf_shows_all_three(chromium, house):
    with guest(chromium, house.url, DESK) as visitor:
        page = visitor.page
        page.goto("/", wait_until="networkidle")
        for title in ("Toon it", "In another hand", "This teapot does not exist"):
            expect(page.get_by_role("link", name=title)).to_be_visible(timeout=PATIENCE_MS)
        look(page)
